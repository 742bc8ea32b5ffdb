"""Debiased CKA of all pairs of 27 x 27 layers, the same against shuffles, and a landscape test.

python -m benchmarks.bench_similarity

The peer of the shuffles is the package calibrated-similarity, which is no dependency: it is timed
where it and torch can be imported (pip install calibrated-similarity).

The naive version makes the n x n Gram matrices of a pair and centers them, for each pair; it is
timed on a few pairs and multiplied by their number. Memory is what the call needs above its input.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from toposcope.similarity import calibrated_matrix, cka_matrix
from toposcope.stats import permutation_test_gram

LAYERS = 27
NAIVE_PAIRS = 6


def cpu(function: Callable[[], object]) -> tuple[float, object]:
    began = time.process_time()
    found = function()
    return time.process_time() - began, found


def network(n: int, widths: list[int], seed: int) -> list[np.ndarray]:
    """Rectified random layers in a row, float32 as captured."""
    rng = np.random.default_rng(seed)
    x = np.random.default_rng(0).normal(size=(n, 64)).astype(np.float32)
    layers = []
    for width in widths:
        turn = rng.normal(size=(x.shape[1], width), scale=(2 / x.shape[1]) ** 0.5)
        x = np.maximum(x @ turn.astype(np.float32), 0)
        layers.append(x)
    return layers


def naive(X: np.ndarray, Y: np.ndarray) -> float:
    """HSIC_1 with n x n matrices, as in the public notebooks."""
    n = len(X)

    def centered(Z: np.ndarray) -> np.ndarray:
        gram = Z.astype(np.float64) @ Z.T.astype(np.float64)
        np.fill_diagonal(gram, 0.0)
        means = gram.sum(axis=0) / (n - 2)
        gram -= means
        gram -= means[:, None]
        gram += means.sum() / (n - 1)
        np.fill_diagonal(gram, 0.0)
        return gram

    K, L = centered(X), centered(Y)
    return float((K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum()))


def cka_row(name: str, n: int, widths: list[int]) -> None:
    left, right = network(n, widths, 1), network(n, widths, 2)
    cka_matrix(left[:1], right[:1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, found = cpu(lambda: cka_matrix(left, right))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    pairs = [(i, (7 * i) % LAYERS) for i in range(0, LAYERS, LAYERS // NAIVE_PAIRS)][:NAIVE_PAIRS]
    slow, values = cpu(lambda: [naive(left[i], right[j]) for i, j in pairs])
    whole = slow / len(pairs) * LAYERS**2
    off = max(abs(found[i, j] - v) for (i, j), v in zip(pairs, values, strict=True))
    ratio = whole / seconds
    print(f"| {name} | {seconds:.1f} | {memory:.0f} | {whole:.0f} | {ratio:.0f} | {off:.0e} |")


def landscapes_row() -> None:
    """10,000 permutations of 2 x 30 landscapes of 5 levels x 1,000 grid points."""
    rng = np.random.default_rng(3)
    a, b = rng.random((30, 5000)), rng.random((30, 5000)) + 0.01
    both = np.concatenate([a, b])
    groups = np.repeat([0, 1], 30)
    permutation_test_gram(both @ both.T, groups, n_resamples=99)
    seconds, ours = cpu(
        lambda: permutation_test_gram(both @ both.T, groups, n_resamples=10_000, seed=0)
    )

    def shuffled() -> float:
        left, right = np.split(rng.permutation(both), 2)
        return float(np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)))

    few = 500
    slow, _ = cpu(lambda: [shuffled() for _ in range(few)])
    whole = slow * 10_000 / few
    print(f"| {seconds:.3f} | {whole:.1f} | {whole / seconds:.0f} | p = {ours.pvalue:.4f} |")


SHUFFLES, SIMULATED = 9_999, 2


def calibrated_row(n: int) -> None:
    """27 x 27 layers x 9,999 shuffles; the peer makes a few shuffles, times their number."""
    left, right = (network(n, [64] * 9 + [256] * 9 + [1024] * 9, seed) for seed in (1, 2))
    seconds, ours = cpu(lambda: calibrated_matrix(left, right, shuffles=SHUFFLES))
    whole = _peer(left, right)
    peer = "not installed | " if whole is None else f"{whole:.0f} | {whole / seconds:.0f}"
    print(f"| {n} | {seconds:.1f} | {peer} | {ours.best_effect:.2f} | {ours.best_pvalue:.4f} |")


def _peer(left: list[np.ndarray], right: list[np.ndarray]) -> float | None:
    """CPU seconds of calibrated-similarity on the same work, with debiased CKA as its measure."""
    try:
        import torch
        from calibrated_similarity import calibrate_layers
    except ImportError:
        return None
    torch.set_num_threads(1)

    def centered(Z: torch.Tensor) -> torch.Tensor:
        gram = Z @ Z.T
        gram.fill_diagonal_(0)
        n = len(gram)
        means = gram.sum(0) / (n - 2)
        gram = gram - means - means[:, None] + means.sum() / (n - 1)
        return gram.fill_diagonal_(0)

    def debiased_cka(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        K, L = centered(X - X.mean(0)), centered(Y - Y.mean(0))
        return (K * L).sum() / (K.norm() * L.norm())

    sides = [[torch.from_numpy(x) for x in side] for side in (left, right)]
    seconds, _ = cpu(lambda: calibrate_layers(*sides, debiased_cka, K=SIMULATED))
    # The call makes one more round: that of the true pairing.
    return seconds / (SIMULATED + 1) * (SHUFFLES + 1)


ROWS = {
    "pooled": lambda: cka_row("pooled blocks, 16 to 64 wide", 5000, [16] * 9 + [32] * 9 + [64] * 9),
    "wide": lambda: cka_row("1,024 wide", 5000, [1024] * LAYERS),
    "calibrated-500": lambda: calibrated_row(500),
    "calibrated-1000": lambda: calibrated_row(1000),
}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        ROWS[sys.argv[1]]()
        sys.exit()
    print("| debiased CKA of 27 x 27 layers, n = 5,000 | CPU s | MB above the layers |", end="")
    print(" naive CPU s | ratio | largest difference |\n|---|---|---|---|---|---|", flush=True)
    for name in ROWS:  # each in a process of its own, so that peak memory is its own
        if not name.startswith("calibrated"):
            subprocess.run([sys.executable, "-m", "benchmarks.bench_similarity", name], check=True)
    print(
        "\n| n of 27 x 27 layers x 9,999 shuffles | CPU s | calibrated-similarity CPU s | ratio |",
        end="",
    )
    print(" effect of the best pair | its p |\n|---|---|---|---|---|---|", flush=True)
    for name in ROWS:
        if name.startswith("calibrated"):
            subprocess.run([sys.executable, "-m", "benchmarks.bench_similarity", name], check=True)
    print("\n| 10,000 permutations of 2 x 30 landscapes of 5 x 1,000 values | ", end="")
    print("means of shuffled vectors | ratio | |\n|---|---|---|---|")
    landscapes_row()
