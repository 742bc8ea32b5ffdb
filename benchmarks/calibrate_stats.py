"""How `toposcope.stats` is calibrated: the tables of docs/statistics.md, by simulation.

Every share is given with the number of simulations behind it. Takes about two minutes.

    python -m benchmarks.calibrate_stats
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

from collections.abc import Callable
from functools import partial

import numpy as np

from toposcope import stats

SIMULATIONS = 4000
FEW = 199  # resamples of one test: p-values are uniform on 1/200 .. 1 when the test is right
DEPTH = np.linspace(0, 1, 20)


def apart(rows: np.ndarray) -> np.ndarray:
    """Matrix of Euclidean distances."""
    return np.linalg.norm(rows[:, None] - rows[None], axis=-1)


def rejected(draw: Callable[[np.random.Generator, int], float], count: int) -> tuple[float, float]:
    """Shares of p-values at or below 0.05 and 0.01."""
    rng = np.random.default_rng(1)
    p = np.array([draw(rng, seed) for seed in range(count)])
    return float((p <= 0.05).mean()), float((p <= 0.01).mean())


def two_samples(rng: np.random.Generator, seed: int) -> float:
    a, b = rng.exponential(size=(2, 9))
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed).pvalue


def vectors(rng: np.random.Generator, seed: int) -> float:
    a, b = rng.lognormal(size=(2, 9, 30))
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed).pvalue


def pairs(rng: np.random.Generator, seed: int) -> float:
    a, b = 5 * rng.normal(size=10) + rng.standard_t(3, size=(2, 10))
    return stats.permutation_test(a, b, paired=True, n_resamples=FEW, seed=seed).pvalue


def kernel(rng: np.random.Generator, seed: int) -> float:
    gram = np.exp(-(apart(rng.normal(size=(16, 4))) ** 2) / 4)
    return stats.permutation_test_gram(gram, [0, 1] * 8, n_resamples=FEW, seed=seed).pvalue


def permanova(rng: np.random.Generator, seed: int) -> float:
    groups = np.repeat([0, 1, 2], [5, 6, 7])
    rows = rng.normal(size=(18, 3))
    return stats.permanova(apart(rows), groups, n_resamples=FEW, seed=seed).pvalue


def permanova_strata(rng: np.random.Generator, seed: int) -> float:
    draw = np.repeat(np.arange(8), 3)
    rows = 5 * rng.normal(size=(8, 3))[draw] + rng.normal(size=(24, 3))
    groups = np.tile([0, 1, 2], 8)
    return stats.permanova(apart(rows), groups, strata=draw, n_resamples=FEW, seed=seed).pvalue


def permanova_wider(rng: np.random.Generator, seed: int) -> float:
    rows = rng.normal(size=(18, 3)) * np.repeat([3.0, 1.0], [5, 13])[:, None]
    groups = np.repeat([0, 1], [5, 13])
    return stats.permanova(apart(rows), groups, n_resamples=FEW, seed=seed).pvalue


def unequal_spread(rng: np.random.Generator, seed: int) -> float:
    a, b = 3 * rng.normal(size=5), rng.normal(size=13)
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed).pvalue


def unequal_spread_equal_sizes(rng: np.random.Generator, seed: int) -> float:
    a, b = 3 * rng.normal(size=9), rng.normal(size=9)
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed).pvalue


def mantel(rng: np.random.Generator, seed: int) -> float:
    a, b = (apart(rng.normal(size=(10, 2))) for _ in range(2))
    return stats.mantel(a, b, n_resamples=FEW, seed=seed).pvalue


def mantel_layers(rng: np.random.Generator, seed: int) -> float:
    a, b = (apart(np.cumsum(rng.normal(size=(20, 6)), axis=0)) for _ in range(2))
    return stats.mantel(a, b, n_resamples=FEW, seed=seed).pvalue


def change_point(rng: np.random.Generator, seed: int) -> float:
    noise = np.cumsum(rng.normal(size=(9, 12)), axis=1)
    return stats.change_point(np.arange(12), noise, n_resamples=FEW, seed=seed).pvalue


def change_point_skewed(
    rng: np.random.Generator, seed: int, alternative: str = "two-sided"
) -> float:
    noise = rng.exponential(size=(9, 12)) - 1
    return stats.change_point(
        np.arange(12), noise, alternative=alternative, n_resamples=FEW, seed=seed
    ).pvalue


def trend(rng: np.random.Generator, seed: int) -> float:
    walks = np.cumsum(rng.normal(size=(9, 8)), axis=1)
    return stats.trend(np.arange(8), walks, n_resamples=FEW, seed=seed).pvalue


def overlapping(rng: np.random.Generator, seed: int) -> float:
    a, b = (
        [rng.choice(data, 120, replace=False).mean() for _ in range(8)]
        for data in rng.normal(size=(2, 200))
    )
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed).pvalue


NULLS = {
    "two samples, 9 + 9, exponential": two_samples,
    "vectors of 30 numbers, 9 + 9, log-normal": vectors,
    "pairs, 10, t with 3 degrees of freedom": pairs,
    "RBF kernel, 8 + 8": kernel,
    "PERMANOVA, 5 + 6 + 7": permanova,
    "PERMANOVA within strata, 8 draws x 3 networks": permanova_strata,
    "Mantel, 10 independent objects": mantel,
    "change point, 9 units, 12 dependent layers": change_point,
    "trend, 9 random walks of 8 steps": trend,
}
MISUSES = {
    "two samples, 9 + 9, one 3 times as wide": unequal_spread_equal_sizes,
    "two samples, 5 + 13, the small one 3 times as wide": unequal_spread,
    "PERMANOVA, 5 + 13, the small group 3 times as wide": permanova_wider,
    "change point, 9 units, exponential (skewed to the right), two-sided": change_point_skewed,
    "the same, alternative greater": partial(change_point_skewed, alternative="greater"),
    "Mantel, 20 layers of two unrelated networks (random walks)": mantel_layers,
    "two samples of 8 overlapping draws (60 % of the data each)": overlapping,
}


def size_table(title: str, cases: dict) -> None:
    print(f"\n| {title} | p <= 0.05 | p <= 0.01 | simulations |\n|---|---|---|---|")
    for name, draw in cases.items():
        five, one = rejected(draw, SIMULATIONS)
        print(f"| {name} | {100 * five:.1f} % | {100 * one:.1f} % | {SIMULATIONS:,} |")


def coverage_table() -> None:
    print("\n| interval, nominal 95 % | 5 units | 8 | 12 | 20 | 40 | simulations each |")
    print("|---|---|---|---|---|---|---|")
    draws = {"normal": (np.random.Generator.normal, 0.0, 0.0),
             "exponential": (np.random.Generator.exponential, 1.0, np.log(2))}  # fmt: skip
    for method in ("t", "bca", "percentile"):
        for statistic, column in ((None, 1), (np.median, 2)):
            for name, entry in draws.items():
                shares = []
                for n in (5, 8, 12, 20, 40):
                    rng = np.random.default_rng(2)
                    found = (
                        stats.bootstrap_interval(
                            entry[0](rng, size=n),
                            statistic=statistic,
                            method=method,
                            n_resamples=999,
                            seed=rng,
                        )
                        for _ in range(1500)
                    )
                    hits = [i.low <= entry[column] <= i.high for i in found]
                    shares.append(f"{100 * np.mean(hits):.0f} %")
                what = "mean" if statistic is None else "median"
                print(f"| {method}, {what}, {name} | {' | '.join(shares)} | 1,500 |")


def curves() -> dict[str, np.ndarray]:
    return {
        "step at 0.47": 1.0 * (DEPTH > 0.46),
        "ramp from 0.3 to 0.7": np.clip((DEPTH - 0.3) / 0.4, 0, 1),
        "straight line": DEPTH,
        "last two layers": 1.0 * (DEPTH > 0.92),
        "0.4 to 0.7 only": 1.0 * ((DEPTH > 0.4) & (DEPTH < 0.7)),
    }


def best_step(mean: np.ndarray) -> float:
    """Depth of the least-squares step of a curve: what the interval should hold."""
    costs = [((mean[c:] - mean[c:].mean()) ** 2).sum() + (mean[:c] ** 2).sum() for c in range(20)]
    return float(DEPTH[int(np.argmin(costs))])


def noise(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """(n, 20) noise of unit variance; dependent layers correlate by 0.8 with their neighbor."""
    if kind == "skewed":
        return rng.exponential(size=(n, 20)) - 1
    e = rng.normal(size=(n, 20))
    if kind == "dependent":
        for layer in range(1, 20):
            e[:, layer] = 0.8 * e[:, layer - 1] + 0.6 * e[:, layer]
    return e


def change_point_table() -> None:
    print("\n| true curve, in sd of one unit | noise | units | found | covers | mean width |")
    print("|---|---|---|---|---|---|")
    for name, curve in curves().items():
        for kind in ("independent", "dependent", "skewed"):
            for n, size in ((6, 1.5), (8, 1.5), (12, 1.5), (12, 0.7)):
                rng = np.random.default_rng(3)
                mean = size * curve
                found = [
                    stats.change_point(DEPTH, mean + noise(rng, n, kind), n_resamples=499, seed=rng)
                    for _ in range(1000)
                ]
                there = [f for f in found if np.isfinite(f.depth)]
                truth = best_step(curve)
                hits = np.mean([f.low <= truth <= f.high for f in there])
                width = np.mean([f.high - f.low for f in there])
                print(
                    f"| {size} x {name} | {kind} | {n} | {len(there) / 10:.0f} % "
                    f"| {100 * hits:.0f} % | {width:.2f} |"
                )


def power_table() -> None:
    print("\n| units | shift of 1.5 sd found, two samples | `power` | paired | `power` |")
    print("|---|---|---|---|---|")
    for n in (4, 5, 6, 8, 12):
        rng = np.random.default_rng(4)
        cells = []
        for paired in (False, True):
            p = [
                stats.permutation_test(
                    rng.normal(1.5, 1, n),
                    np.zeros(n) if paired else rng.normal(0, 1, n),
                    paired=paired,
                    n_resamples=999,
                    seed=rng,
                ).pvalue
                for _ in range(2000)
            ]
            found = np.mean(np.array(p) <= 0.05)
            cells += [f"{100 * found:.0f} %", f"{100 * stats.power(n, 1.5, paired=paired):.0f} %"]
        print(f"| {n} | {' | '.join(cells)} |")


def discovery_table() -> None:
    print("\n| units | false share at q = 0.1 | found | simulations |\n|---|---|---|---|")
    for n in (6, 8, 12):
        rng = np.random.default_rng(5)
        false, hits = [], []
        for _ in range(500):
            e = rng.normal(size=(n, 60))
            e[:, 1:] = 0.7 * e[:, 1:] + 0.7 * e[:, :-1]
            e[:, :15] += 1.5
            p = [
                stats.permutation_test(x, 0 * x, paired=True, n_resamples=999, seed=rng).pvalue
                for x in e.T
            ]
            said = stats.benjamini_hochberg(p) <= 0.1
            false.append(said[15:].sum() / max(said.sum(), 1))
            hits.append(said[:15].mean())
        print(f"| {n} | {100 * np.mean(false):.1f} % | {100 * np.mean(hits):.0f} % | 500 |")


def tost_table() -> None:
    print("\n| true difference, in margins | called equivalent | called different | simulations |")
    print("|---|---|---|---|")
    for size in (0.0, 0.5, 0.9, 1.0, 1.5):
        x = np.random.default_rng(6).normal(size, 0.8, (10000, 10))
        found = [stats.tost(row, 1.0) for row in x]
        same = np.mean([f.verdict in ("equivalent", "both") for f in found])
        other = np.mean([f.p_difference <= 0.05 for f in found])
        print(f"| {size} | {100 * same:.1f} % | {100 * other:.1f} % | 10,000 |")


if __name__ == "__main__":
    size_table("test under its null", NULLS)
    size_table("where it does not hold", MISUSES)
    coverage_table()
    change_point_table()
    discovery_table()
    tost_table()
    power_table()
