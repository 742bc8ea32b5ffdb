"""Pairwise distances of 40 layers x 10 replicates against the same loop with persim and GUDHI.

    python -m benchmarks.bench_compare [--points 100] [--pairs 100]

All 79,800 pairs take hours with persim, so a random sample of pairs is timed, the same for every
engine, in blocks; the table extrapolates to all of them. CPU seconds. gudhi.wasserstein needs
POT; gudhi.bottleneck_distance is CGAL's (GPL) and serves here only.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from toposcope import homology
from toposcope.diagrams.distances import bottleneck, wasserstein

LAYERS, REPLICATES = 40, 10
BLOCK = 20
"""Pairs that one engine does in a row: a loop as a user writes it, interleaved with the others."""
Engine = Callable[[np.ndarray, np.ndarray], float]


def layer_diagrams(points: int, seed: int = 0) -> list[list[np.ndarray]]:
    """(H0, H1) of each replicate of each layer: ten clusters that tighten, in rising dimension."""
    rng = np.random.default_rng(seed)
    out = []
    for layer in range(LAYERS):
        width = 4 + layer
        centers = rng.normal(size=(10, width))
        spread = 1.5 - 1.2 * layer / LAYERS
        for _ in range(REPLICATES):
            X = centers[rng.integers(0, 10, points)] + spread * rng.normal(size=(points, width))
            D = homology.distances(X)
            out.append(homology.rips(D / D.mean(), metric="precomputed"))
    return out


def engines(kind: str) -> dict[str, Engine]:
    """Engines of one distance, by name; peers that are not installed are left out."""
    import gudhi
    import persim

    if kind == "bottleneck":
        return {
            "toposcope": bottleneck,
            "persim": persim.bottleneck,
            "GUDHI (CGAL)": gudhi.bottleneck_distance,
            "GUDHI (hera)": gudhi.hera.bottleneck_distance if hasattr(gudhi, "hera") else None,
        }
    found: dict[str, Engine] = {
        "toposcope": wasserstein,
        "persim": persim.wasserstein,
    }
    try:
        from gudhi.wasserstein import wasserstein_distance
    except ImportError:
        return found
    return found | {
        "GUDHI (POT)": lambda a, b: wasserstein_distance(a, b, order=1.0, internal_p=np.inf)
    }


def main() -> None:
    """Print one row per distance and degree."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # persim warns of every diagram without essential classes
    homology.warm_up()
    diagrams = layer_diagrams(options.points)
    rng = np.random.default_rng(1)
    count = len(diagrams)
    pairs = [tuple(rng.choice(count, 2, replace=False)) for _ in range(options.pairs)]
    total = count * (count - 1) // 2
    print(f"{LAYERS} x {REPLICATES} diagrams of {options.points} points, {len(pairs)} pairs timed")
    for kind in ("wasserstein", "bottleneck"):
        for degree in (0, 1):
            finite = [d[degree][np.isfinite(d[degree][:, 1])] for d in diagrams]
            used = {name: f for name, f in engines(kind).items() if f is not None}
            spent, values = dict.fromkeys(used, 0.0), {name: [] for name in used}
            for block in range(0, len(pairs), BLOCK):
                for name, engine in used.items():
                    start = time.process_time()
                    found = [engine(finite[i], finite[j]) for i, j in pairs[block : block + BLOCK]]
                    spent[name] += time.process_time() - start
                    values[name] += found
            # persim's ground norm is 2: its values are held against ours with that norm, untimed.
            same = values["toposcope"]
            if kind == "wasserstein":
                same = [wasserstein(finite[i], finite[j], internal_p=2) for i, j in pairs]
            ours = spent["toposcope"]
            size = np.mean([len(d) for d in finite])
            cells = [f"{kind} H{degree} ({size:.0f} bars)", f"{ours / len(pairs) * total:.0f} s"]
            for name in list(used)[1:]:
                known = same if name == "persim" else values["toposcope"]
                gap = np.abs(np.array(values[name]) - known).max()
                cells.append(f"{name} {spent[name] / ours:.1f}x (differs by {gap:.1e})")
            print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
