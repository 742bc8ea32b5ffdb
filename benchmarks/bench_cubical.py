"""Cubical Betti numbers, curves and diagrams against CubicalRipser and GUDHI, same numbers.

Every peer computes all diagrams, as there is nothing less to ask them for; Betti numbers counted
from them must equal ours before a time is printed. CPU milliseconds per volume, medians of calls
with one thread. CubicalRipser is GPL and stays in an interpreter of its own:

    python -m venv /somewhere && /somewhere/bin/pip install cripser numpy
    python -m benchmarks.bench_cubical --cripser /somewhere/bin/python [--pack PACK]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import gudhi
import numpy as np
from scipy.ndimage import gaussian_filter

from toposcope import homology

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
CURVE = np.linspace(0.005, 0.995, 100)
SEED = 20260101

# Run by the other interpreter: no line of ours is imported there.
PEER = """
import json, sys, time
import cripser, numpy as np
volume, out, runs = np.load(sys.argv[1]).astype(np.float64), sys.argv[2], int(sys.argv[3])
times = {}
for name, call in (("V", cripser.computePH), ("T", cripser.computePH_T)):
    laps = []
    for _ in range(runs):
        began = time.process_time()
        pairs = call(volume, maxdim=volume.ndim - 1)
        laps.append(time.process_time() - began)
    times[name] = float(np.median(laps))
    np.save(f"{out}/{name}.npy", np.asarray(pairs)[:, :3])
print(json.dumps(times))
"""


def volumes(pack: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    """Noise, smooth and real feature volumes, float32."""
    rng = np.random.default_rng(SEED)
    for shape in ((64, 56, 56), (64, 112, 112)):
        noise = rng.normal(size=shape).astype(np.float32)
        size = "x".join(map(str, shape))
        yield f"noise {size}", noise
        yield f"smooth {size}", gaussian_filter(noise, 2)
    yield "noise 224x224", rng.normal(size=(224, 224)).astype(np.float32)
    if pack is not None:
        for layer, volume in feature_volumes(pack):
            size = "x".join(map(str, volume.shape))
            yield f"ResNet-20 {layer} {size}", volume


def feature_volumes(pack: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Outputs (channels, h, w) of two stages for one CIFAR-10 image."""
    from toposcope.activations.capture import capture
    from toposcope.activations.data.load import load_data

    source = load_data(f"npz:{pack}/data/cifar10/train_lossless_4000.npz")
    images = source.batch(np.arange(1))
    shapes = {"layer1.2": (16, 32, 32), "layer3.2": (64, 8, 8)}
    acts = capture(
        "py:examples.cifar_resnet:resnet20",
        images,
        weights=pack / "weights" / "cifar_resnet20" / "model.safetensors",
        layers=list(shapes),
        pool="flatten",
    )
    for layer, shape in shapes.items():
        yield layer, np.asarray(acts[layer])[0].reshape(shape).astype(np.float32)


def cpu(function: Callable[[], object], runs: int) -> float:
    """Median CPU seconds of a call, after one that compiles."""
    function()
    laps = []
    for _ in range(runs):
        began = time.process_time()
        function()
        laps.append(time.process_time() - began)
    return float(np.median(laps))


def cripser(python: Path, volume: np.ndarray, runs: int) -> dict[str, tuple[float, list]]:
    """CPU seconds and diagrams per construction."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/volume.npy", volume)
        words = [str(python), "-c", PEER, f"{folder}/volume.npy", folder, str(runs)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        times = json.loads(done.stdout.splitlines()[-1])
        found = {}
        for name, seconds in times.items():
            table = np.load(f"{folder}/{name}.npy")
            found[name] = seconds, [table[table[:, 0] == k, 1:] for k in range(volume.ndim)]
        return found


def gudhi_once(volume: np.ndarray, construction: str) -> tuple[float, list]:
    """CPU seconds and diagrams of one call (GUDHI takes up to ten seconds)."""
    name = "vertices" if construction == "V" else "top_dimensional_cells"
    began = time.process_time()
    complex_ = gudhi.CubicalComplex(**{name: volume.astype(np.float64)})
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=0)
    pairs = [complex_.persistence_intervals_in_dimension(k) for k in range(volume.ndim)]
    return time.process_time() - began, [np.asarray(p).reshape(-1, 2) for p in pairs]


def betti_of(diagrams: list, thresholds: np.ndarray) -> np.ndarray:
    t = np.asarray(thresholds, np.float64)[:, None]
    return np.stack([((d[:, 0] <= t) & (t < d[:, 1])).sum(axis=1) for d in diagrams], axis=1)


def row(name: str, volume: np.ndarray, construction: str, peer: tuple | None, runs: int) -> str:
    single = np.quantile(volume, QUANTILES)
    curve = np.quantile(volume, CURVE)
    gudhi_time, diagrams = gudhi_once(volume, construction)
    references = [("GUDHI", diagrams)] + ([("CubicalRipser", peer[1])] if peer else [])
    for other, found in references:
        for thresholds in (single, curve):
            ours = homology.betti_numbers(volume, thresholds, construction=construction)
            assert (ours == betti_of(found, thresholds)).all(), (name, construction, other)
    each = [
        cpu(lambda t=t: homology.betti_numbers(volume, [t], construction=construction), runs)
        for t in single
    ]
    slowest, typical = max(each), float(np.median(each))
    whole = cpu(lambda: homology.betti_numbers(volume, curve, construction=construction), runs)
    ends = (0, volume.ndim - 1)
    dual = cpu(
        lambda: homology.cubical(volume, construction=construction, homology_dimensions=ends), runs
    )
    best = peer[0] if peer else np.nan
    cells = [
        f"{name}, {construction}",
        f"{1e3 * best:.1f}",
        f"{1e3 * gudhi_time:.0f}",
        f"{1e3 * typical:.2f}",
        f"{best / typical:.0f} ({best / slowest:.0f})",
        f"{1e3 * whole:.1f}",
        f"{best / whole:.1f}",
        f"{100 * typical / whole:.1f}",
        f"{1e3 * dual:.1f}",
        f"{best / dual:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def batch_lines() -> Iterator[str]:
    """Many small maps: the Betti numbers of 2,000 images at 10 thresholds."""
    maps = np.random.default_rng(SEED).normal(size=(2000, 32, 32)).astype(np.float32)
    thresholds = np.linspace(-2, 2, 10)
    homology.betti_numbers_batch(maps[:2], thresholds)
    for jobs in (1, 2):
        began, clock = time.perf_counter(), time.process_time()
        homology.betti_numbers_batch(maps, thresholds, jobs=jobs)
        wall, spent = time.perf_counter() - began, time.process_time() - clock
        yield (
            f"2,000 maps 32x32, 10 thresholds, {jobs} thread(s): {1e3 * wall:.0f} ms wall, "
            f"{1e3 * spent:.0f} ms CPU"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cripser", type=Path, help="an interpreter that has cripser and numpy")
    parser.add_argument("--pack", type=Path, help="folder of real weights and data")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", default="", help="volumes whose name contains this")
    args = parser.parse_args()
    print(
        "CPU ms per volume; ratios against CubicalRipser. One t: median over 5 quantiles, in "
        "brackets the ratio at the slowest of them. Ends: the diagrams of H0 and H_(d-1).\n"
    )
    head = ["volume", "CubicalRipser", "GUDHI", "one t", "ratio", "100 t", "ratio"]
    head += ["100 single / 100 t", "ends", "ratio"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name, volume in volumes(args.pack):
        if args.only not in name:
            continue
        peers = cripser(args.cripser, volume, 3) if args.cripser else {}
        for construction in ("V", "T"):
            peer = peers.get(construction)
            print(row(name, volume, construction, peer, args.runs), flush=True)
    print()
    for line in batch_lines():
        print(line)


if __name__ == "__main__":
    main()
