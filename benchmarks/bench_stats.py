"""Permutation tests against scipy.stats.permutation_test, same units, CPU seconds.

The peer gets the quicker of two ways people write it: the statistic of rows picked by index, called
once per permutation, or vectorized over a batch of permutations. Both sides' p-values are shown;
they are of different random permutations.

    python -m benchmarks.bench_stats
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import time
from collections.abc import Callable

import numpy as np
from scipy import stats as scipy_stats

from toposcope import stats

RESAMPLES = 9999
BATCH = 200  # 200 permutations x 60 units x 5,000 numbers is 480 MB for the vectorized peer


def cpu(function: Callable[[], float], runs: int) -> tuple[float, float]:
    """Median CPU seconds of a call, and its value; a first call that warms up is not counted."""
    times = []
    if runs > 1:
        function()
    for _ in range(runs):
        began = time.process_time()
        value = function()
        times.append(time.process_time() - began)
    return float(np.median(times)), value


def peer(rows: np.ndarray, n_a: int, vectorized: bool) -> float:
    """p-value of ||mean a - mean b|| by scipy, on indices of rows."""

    def statistic(i: np.ndarray, j: np.ndarray, axis: int = -1) -> np.ndarray:
        if vectorized:
            apart = rows[i].mean(axis=-2) - rows[j].mean(axis=-2)
            return np.sqrt((apart**2).sum(axis=-1))
        return np.linalg.norm(rows[i].mean(axis=0) - rows[j].mean(axis=0))

    found = scipy_stats.permutation_test(
        (np.arange(n_a), np.arange(n_a, len(rows))),
        statistic,
        alternative="greater",
        vectorized=vectorized,
        n_resamples=RESAMPLES,
        batch=BATCH if vectorized else None,
        random_state=0,
    )
    return float(found.pvalue)


def peer_numbers(a: np.ndarray, b: np.ndarray) -> float:
    """p-value of the difference of means of (n,) numbers by scipy, vectorized."""
    found = scipy_stats.permutation_test(
        (a, b),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        vectorized=True,
        n_resamples=RESAMPLES,
        random_state=0,
    )
    return float(found.pvalue)


def main() -> None:
    """A table of units x numbers per unit."""
    print("| 9,999 permutations of | toposcope s | scipy s | ratio | p-values |")
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for n, features in ((12, 64), (12, 1000), (30, 5000), (100, 1000)):
        rows = rng.normal(size=(2 * n, features))
        rows[:n] += 0.3 / np.sqrt(features)
        mine, p = cpu(lambda r=rows, n=n: stats.permutation_test(r[:n], r[n:]).pvalue, 5)
        theirs, q = min(cpu(lambda r=rows, n=n, v=v: peer(r, n, v), 1) for v in (False, True))
        shape = f"2 x {n} units of {features:,} numbers"
        print(f"| {shape} | {mine:.4f} | {theirs:.2f} | {theirs / mine:.0f} | {p:.3f}, {q:.3f} |")
    for n in (12, 100):
        a, b = rng.normal(0.3, 1, n), rng.normal(0, 1, n)
        mine, p = cpu(lambda a=a, b=b: stats.permutation_test(a, b).pvalue, 9)
        theirs, q = cpu(lambda a=a, b=b: peer_numbers(a, b), 5)
        shape = f"2 x {n} units, one number each"
        print(f"| {shape} | {mine:.4f} | {theirs:.3f} | {theirs / mine:.0f} | {p:.3f}, {q:.3f} |")
    gram = (rows := rng.normal(size=(60, 5000))) @ rows.T
    groups = np.repeat([0, 1], 30)
    seconds, _ = cpu(lambda: stats.permutation_test_gram(gram, groups, n_resamples=10000).pvalue, 9)
    print(f"\n10,000 permutations over 2 x 30 units from their Gram matrix: {1e3 * seconds:.0f} ms")


if __name__ == "__main__":
    main()
