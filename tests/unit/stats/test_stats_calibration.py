"""Calibration by simulation: p-values uniform under the null, coverage, false discoveries, power.

Data and resamples are few per simulation, since only frequencies over simulations matter; the
larger runs behind docs/statistics.md are in benchmarks/calibrate_stats.py.
"""

import numpy as np
import pytest

from toposcope import stats

FEW = 199  # resamples per test: p-values are then uniform on 1/200 .. 200/200


def distances(rows):
    return np.linalg.norm(rows[:, None] - rows[None], axis=-1)


def null_numbers(rng, seed):
    a, b = rng.exponential(size=(2, 9))
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed)


def null_vectors(rng, seed):
    a, b = rng.lognormal(size=(2, 9, 30))
    return stats.permutation_test(a, b, n_resamples=FEW, seed=seed)


def null_pairs(rng, seed):
    # A strong effect of the draw, shared by both: what pairing is for.
    draw = 5 * rng.normal(size=10)
    a, b = draw + rng.standard_t(3, size=(2, 10))
    return stats.permutation_test(a, b, paired=True, n_resamples=FEW, seed=seed)


def null_gram(rng, seed):
    rows = rng.normal(size=(16, 4))
    kernel = np.exp(-(distances(rows) ** 2) / 4)
    return stats.permutation_test_gram(kernel, [0, 1] * 8, n_resamples=FEW, seed=seed)


def null_permanova(rng, seed):
    groups = np.repeat([0, 1, 2], [5, 6, 7])
    return stats.permanova(distances(rng.normal(size=(18, 3))), groups, n_resamples=FEW, seed=seed)


def null_strata(rng, seed):
    draw = np.repeat(np.arange(8), 3)
    rows = 5 * rng.normal(size=(8, 3))[draw] + rng.normal(size=(24, 3))
    networks = np.tile([0, 1, 2], 8)
    return stats.permanova(distances(rows), networks, strata=draw, n_resamples=FEW, seed=seed)


def null_mantel(rng, seed):
    a, b = (distances(rng.normal(size=(10, 2))) for _ in range(2))
    return stats.mantel(a, b, n_resamples=FEW, seed=seed)


def null_change_point(rng, seed):
    noise = np.cumsum(rng.normal(size=(9, 12)), axis=1)  # layers depend on each other
    return stats.change_point(np.arange(12), noise, n_resamples=FEW, seed=seed)


def null_trend(rng, seed):
    walks = np.cumsum(rng.normal(size=(9, 8)), axis=1)  # steps depend on each other
    return stats.trend(np.arange(8), walks, n_resamples=FEW, seed=seed)


@pytest.mark.parametrize(
    "draw",
    [
        null_numbers,
        null_vectors,
        null_pairs,
        null_gram,
        null_permanova,
        null_strata,
        null_mantel,
        null_change_point,
        null_trend,
    ],
    ids=lambda f: f.__name__,
)
def test_p_is_uniform_under_the_null(draw):
    rng = np.random.default_rng(11)
    p = np.sort([draw(rng, seed).pvalue for seed in range(1500)])
    ranks = np.arange(1, len(p) + 1) / len(p)
    # Kolmogorov's 1 % bound, and the spacing of p-values.
    assert np.abs(p - ranks).max() < 1.63 / np.sqrt(len(p)) + 1 / FEW
    assert p[0] > 0


def test_a_shift_of_1_5_sd_with_12_units_is_found():
    rng = np.random.default_rng(2)
    found = np.mean(
        [
            stats.permutation_test(
                rng.normal(1.5, 1, 12), rng.normal(0, 1, 12), n_resamples=499, seed=i
            ).pvalue
            <= 0.05
            for i in range(400)
        ]
    )
    assert found >= 0.8 and found == pytest.approx(stats.power(12, 1.5), abs=0.04)


def test_minimum_detectable_is_found_as_often_as_it_says():
    rng = np.random.default_rng(3)
    smallest = stats.minimum_detectable(8, 2.0, power=0.8, paired=True)
    found = [
        stats.permutation_test(d, np.zeros(8), paired=True, n_resamples=499).pvalue <= 0.05
        for d in rng.normal(smallest, 2.0, (500, 8))
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_overlapping_draws_would_reject_far_too_often():
    """Why `overlap` is refused: two networks that are alike, each drawn from 8 times."""
    rng = np.random.default_rng(4)
    n, points = 200, 120
    rejected = []
    for i in range(250):
        one, other = rng.normal(size=(2, n))
        a, b = (
            [rng.choice(data, points, replace=False).mean() for _ in range(8)]
            for data in (one, other)
        )
        rejected.append(stats.permutation_test(a, b, n_resamples=FEW, seed=i).pvalue <= 0.05)
    assert np.mean(rejected) > 0.3


def test_layers_of_one_network_are_no_units_of_mantel():
    """Two unrelated networks whose layers drift: neighbors are alike in both, and p is tiny."""
    rng = np.random.default_rng(5)
    rejected = [
        stats.mantel(
            *(distances(np.cumsum(rng.normal(size=(20, 6)), axis=0)) for _ in range(2)),
            n_resamples=FEW,
            seed=i,
        ).pvalue
        <= 0.05
        for i in range(100)
    ]
    assert np.mean(rejected) > 0.8


def test_false_discoveries_stay_below_q():
    """60 layers of which 15 differ, neighboring tests dependent."""
    rng = np.random.default_rng(6)
    shares, hits = [], []
    for i in range(150):
        noise = rng.normal(size=(12, 60))
        noise[:, 1:] = 0.7 * noise[:, 1:] + 0.7 * noise[:, :-1]
        noise[:, :15] += 1.5
        p = [stats.permutation_test(x, 0 * x, paired=True, n_resamples=999, seed=i).pvalue
             for x in noise.T]  # fmt: skip
        rejected = stats.benjamini_hochberg(p) <= 0.1
        shares.append(rejected[15:].sum() / max(rejected.sum(), 1))
        hits.append(rejected[:15].mean())
    assert np.mean(shares) <= 0.1 and np.mean(hits) > 0.8


def coverage(draw, truth, repeats, **options):
    found = [stats.bootstrap_interval(draw(), n_resamples=499, **options) for _ in range(repeats)]
    return np.mean([i.low <= truth <= i.high for i in found])


def test_the_default_interval_covers_with_eight_units_and_bca_does_not():
    rng = np.random.default_rng(7)
    mean = coverage(lambda: rng.normal(size=8), 0.0, 1500)
    median = coverage(lambda: rng.exponential(size=8), np.log(2), 600, statistic=np.median)
    narrow = [
        coverage(lambda: rng.normal(size=8), 0.0, 600, method=method)
        for method in ("bca", "percentile")
    ]
    assert mean == pytest.approx(0.95, abs=0.02) and median >= 0.93
    assert max(narrow) < 0.92


@pytest.mark.parametrize("shape", ["step", "ramp", "ends at once"])
def test_change_point_interval_covers_the_best_step(shape):
    rng = np.random.default_rng(8)
    depth = np.linspace(0, 1, 20)
    mean = {
        "step": 1.5 * (depth > 0.46),
        "ramp": 1.5 * np.clip((depth - 0.3) / 0.4, 0, 1),
        "ends at once": 1.5 * (depth > 0.92),
    }[shape]
    # The best step of the true curve, by definition: least squares over all steps.
    misfit = [((mean[c:] - mean[c:].mean()) ** 2).sum() + (mean[:c] ** 2).sum() for c in range(20)]
    truth = depth[np.argmin(misfit)]
    found = [
        stats.change_point(depth, mean + rng.normal(size=(10, 20)), n_resamples=399, seed=i)
        for i in range(300)
    ]
    there = [f for f in found if np.isfinite(f.depth)]
    assert len(there) > 0.8 * len(found)
    assert np.mean([f.low <= truth <= f.high for f in there]) >= 0.94
    assert np.mean([f.high - f.low for f in there]) < 0.35


def test_tost_keeps_its_size_and_finds_agreement():
    rng = np.random.default_rng(9)
    at_margin = rng.normal(0.5, 0.4, (3000, 10))
    agreeing = rng.normal(0.0, 0.4, (400, 10))
    wrong = np.mean([stats.tost(x, 0.5).pvalue <= 0.05 for x in at_margin])
    right = np.mean([stats.tost(x, 0.5).verdict == "equivalent" for x in agreeing])
    assert wrong == pytest.approx(0.05, abs=0.015) and right > 0.8
