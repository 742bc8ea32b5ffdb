"""Evaluation of rankings: published agreements, oracles, calibration by simulation, bad input."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import toposcope as ts
from toposcope import transfer
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.transfer import CORRELATIONS

PUBLISHED = json.loads((Path(__file__).parents[2] / "data" / "suresh_cifar10.json").read_text())
THETA = [transfer.theta(net["betti"]) for net in PUBLISHED["networks"].values()]
ACCURACY = [net["accuracy"] for net in PUBLISHED["networks"].values()]
TRUTH = np.array([70.0, 75.0, 80.0, 85.0, 90.0, 91.0])


def noisy(rng: np.random.Generator, truth: np.ndarray, rho: float) -> np.ndarray:
    return rho * truth + np.sqrt(1 - rho**2) * rng.normal(size=truth.shape)


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_scipys(ties: bool) -> None:
    rng = np.random.default_rng(0)
    oracles = {
        "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
        "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
        "kendall": lambda x, y: stats.kendalltau(x, y).statistic,
        "weighted_tau": lambda x, y: stats.weightedtau(x, y).statistic,
    }
    x, y = rng.normal(size=(2, 20, 9))
    if ties:
        x, y = np.round(x), np.round(2 * y)
    for name, oracle in oracles.items():
        found = CORRELATIONS[name](x, y)
        expected = [oracle(a, b) for a, b in zip(x, y, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
        assert np.isnan(CORRELATIONS[name](np.ones(5), np.arange(5.0)))


def test_published_agreement_of_theta() -> None:
    expected = {"pearson": 0.81456, "spearman": 0.9, "kendall": 0.777778}
    for statistic, value in expected.items():
        found = transfer.agreement(THETA, ACCURACY, statistic=statistic, higher_is_better=False)
        assert found.value == pytest.approx(value, abs=1e-5)
        assert found.low < value < found.high and found.n == 9
    found = transfer.agreement(
        THETA, ACCURACY, statistic="pearson", higher_is_better=False, n_resamples=20_000
    )
    assert found.pvalue == pytest.approx(0.0097, abs=0.003)  # the dossier's permutation test
    found = transfer.agreement(THETA, ACCURACY, higher_is_better=False, n_resamples=20_000)
    exact = stats.kendalltau(THETA, ACCURACY, method="exact").pvalue
    assert found.pvalue == pytest.approx(exact, abs=0.0015)
    assert "9 models" in ts.describe(found)


# CIFAR-10 in the table of thuml's Transfer-Learning-Library, examples/model_selection/README.md:
# fine-tuned accuracy, H-score, LEEP, LogME and NCE of ten pre-trained networks.
PUBLIC = {
    "googlenet": (96.2, 5.911, -1.385, 0.293, -1.139),
    "inception_v3": (97.5, 6.363, -1.259, 0.349, -1.060),
    "resnet50": (96.8, 6.567, -1.010, 0.388, -1.007),
    "resnet101": (97.7, 6.901, -0.829, 0.463, -0.838),
    "resnet152": (97.9, 6.945, -0.838, 0.469, -0.851),
    "densenet121": (97.2, 6.210, -1.035, 0.302, -1.006),
    "densenet169": (97.4, 6.547, -0.934, 0.343, -0.946),
    "densenet201": (97.4, 6.706, -0.888, 0.369, -0.866),
    "mobilenet_v2": (95.7, 5.928, -1.100, 0.291, -1.089),
    "mnasnet1_0": (96.8, 6.018, -1.066, 0.304, -1.086),
}


def test_agreements_of_a_public_table() -> None:
    """The Pearson and weighted tau that the table prints beside its rows."""
    rows = np.array(list(PUBLIC.values()))
    printed = [(0.839, 0.800), (0.604, 0.638), (0.733, 0.785), (0.786, 0.714)]
    for column, (pearson, tau) in enumerate(printed, start=1):
        found = [
            transfer.agreement(rows[:, column], rows[:, 0], statistic=name).value
            for name in ("pearson", "weighted_tau")
        ]
        assert found == pytest.approx([pearson, tau], abs=0.0051)


def test_theta_hangs_on_whose_accuracies_it_is_held_against() -> None:
    """The seven networks both lists know: Kendall 0.71 with the authors' accuracies and 0.20 with
    the public ones, where NCE reaches 0.88. The two lists agree with each other by 0.20."""
    shared = [name for name in PUBLISHED["networks"] if name in PUBLIC]
    nets = [PUBLISHED["networks"][name] for name in shared]
    thetas = [transfer.theta(net["betti"]) for net in nets]
    theirs = [net["accuracy"] for net in nets]
    rows = np.array([PUBLIC[name] for name in shared])
    # Of 21 pairs, 4, 16, 14 and 18 more agree than disagree; two networks tie at 97.4.
    tied = np.sqrt(21 * 20)
    own = transfer.agreement(thetas, theirs, higher_is_better=False)
    public = transfer.agreement(thetas, rows[:, 0], higher_is_better=False)
    assert (own.n, own.value, public.value) == pytest.approx((7, 15 / 21, 4 / tied))
    others = [transfer.agreement(rows[:, c], rows[:, 0]).value for c in range(1, 5)]
    assert others == pytest.approx(np.array([16, 16, 14, 18]) / tied)
    assert transfer.agreement(theirs, rows[:, 0]).value == pytest.approx(4 / tied)
    # Even so wide a gap is not beyond doubt with seven networks.
    against = transfer.compare_scores(-np.array(thetas), rows[:, 4], rows[:, 0])
    assert against.difference == pytest.approx(-14 / tied)
    assert "cannot be told apart" in ts.describe(against)


def test_pvalue_is_exact_for_few_models() -> None:
    found = transfer.agreement(TRUTH, TRUTH, n_resamples=999)
    assert found.pvalue == 2 / 720
    assert transfer.agreement(TRUTH, TRUTH, n_resamples=99).pvalue >= 1 / 100


@pytest.mark.parametrize("statistic", CORRELATIONS)
def test_intervals_over_models_cover(statistic: str) -> None:
    """The expectation of the correlation at ten models, true correlation 0.6."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(4000, 10))
    target = CORRELATIONS[statistic](noisy(rng, truth, 0.6), truth).mean()
    covered = 0
    for seed in range(150):
        y = rng.normal(size=10)
        found = transfer.agreement(
            noisy(rng, y, 0.6), y, statistic=statistic, n_resamples=300, seed=seed
        )
        covered += found.low <= target <= found.high
    assert covered / 150 >= 0.89


def test_intervals_over_draws_cover() -> None:
    """One set of models; what varies is the sample of target data behind the scores."""
    rng = np.random.default_rng(2)
    y = np.linspace(0, 2, 9)
    quality = noisy(rng, y, 0.8)
    many = quality + rng.normal(size=(4000, 9)) * 0.5 / np.sqrt(6)
    target = CORRELATIONS["pearson"](many, np.broadcast_to(y, many.shape)).mean()
    covered = 0
    for seed in range(150):
        draws = quality + 0.5 * rng.normal(size=(6, 9))
        found = transfer.agreement(
            draws, y, statistic="pearson", over="data", n_resamples=300, seed=seed
        )
        covered += found.low <= target <= found.high
    assert 0.89 <= covered / 150 <= 0.995
    both = transfer.agreement(draws, y, over="both", seed=0)
    models = transfer.agreement(draws, y, over="models", seed=0)
    assert both.high - both.low > 0.9 * (models.high - models.low)
    assert both.draws == 6


def test_pvalues_are_uniform_for_scores_that_know_nothing() -> None:
    rng = np.random.default_rng(3)
    low = sum(
        transfer.agreement(rng.normal(size=9), rng.normal(size=9), n_resamples=99, seed=s).pvalue
        <= 0.05
        for s in range(400)
    )
    assert 6 <= low <= 36  # binomial(400, 0.05), 99.9 %


def test_comparison_of_scores_over_models() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=16)
    good, bad = noisy(rng, y, 0.98), noisy(rng, y, 0.0)
    found = transfer.compare_scores(good, bad, y)
    expected = [stats.kendalltau(x, y).statistic for x in (good, bad)]
    assert (found.a, found.b) == pytest.approx(tuple(expected))
    assert found.low > 0 and found.pvalue < 0.05 and "can be told apart" in ts.describe(found)
    same = transfer.compare_scores(good, good, y)
    assert (same.difference, same.low, same.high, same.pvalue) == (0, 0, 0, 1)
    flipped = transfer.compare_scores(bad, good, y)
    assert flipped.difference == -found.difference


def test_comparison_is_calibrated_for_equally_good_scores() -> None:
    rng = np.random.default_rng(5)
    low = 0
    for seed in range(300):
        y = rng.normal(size=9)
        found = transfer.compare_scores(
            noisy(rng, y, 0.5), noisy(rng, y, 0.5), y, n_resamples=99, seed=seed
        )
        low += found.pvalue <= 0.05
    assert low <= 28  # binomial(300, 0.05), 99.9 %


def test_comparison_over_targets_takes_targets_as_units() -> None:
    rng = np.random.default_rng(6)
    y = rng.normal(size=(8, 12))
    found = transfer.compare_scores(noisy(rng, y, 0.95), noisy(rng, y, 0.2), y)
    assert found.unit == "target" and found.n == 8
    assert found.low > 0 and found.pvalue == 2 / 2**8  # all flips are looked at
    assert transfer.compare_scores(y[:1], -y[:1], y[:1]).unit == "model"


def test_regret_by_hand() -> None:
    accuracies = [90.0, 93.0, 80.0, 70.0]
    assert transfer.regret([4, 3, 2, 1], accuracies) == 3
    assert transfer.regret([4, 3, 2, 1], accuracies, k=2) == 0
    assert transfer.regret([4, 3, 2, 1], accuracies, higher_is_better=False) == 23
    # Of tied models the least accurate one is tried first.
    assert transfer.regret([1, 1, 1, 0], accuracies) == 13
    for k in (1, 2, 3, 4):
        lost = [93 - max(c) for c in combinations(accuracies, k)]
        assert transfer.chance_regret(accuracies, k=k) == pytest.approx(np.mean(lost))


def test_constant_ranking_never_sees_its_target() -> None:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(5, 6))
    found = transfer.constant_ranking(table)
    other = table.copy()
    other[2] = rng.normal(size=6)
    np.testing.assert_array_equal(transfer.constant_ranking(other)[2], found[2])
    assert (transfer.constant_ranking(other)[0] != found[0]).any()
    same = np.tile(TRUTH, (3, 1))
    assert transfer.agreement(transfer.constant_ranking(same)[1], TRUTH).value == 1


def test_noise_ceiling_of_known_noise() -> None:
    """Six models, from a hundred standard deviations of the noise apart to a hundredth."""
    truth = np.arange(6.0)
    quiet = transfer.noise_ceiling(truth, sd=0.01)
    assert quiet.value == quiet.low == 1
    loud = transfer.noise_ceiling(truth, sd=100.0)
    assert abs(loud.value) < 0.1
    middle = [transfer.noise_ceiling(truth, sd=sd).value for sd in (0.3, 1.0, 3.0)]
    assert quiet.value > middle[0] > middle[1] > middle[2] > loud.value


@pytest.mark.parametrize("spread", ["pooled", "own"])
def test_noise_ceiling_is_that_of_the_mean_of_all_repeats(spread) -> None:
    """Of ONE fine-tune a perfect score would reach .56 here; of the mean of nine .84."""
    rng = np.random.default_rng(0)
    found, reached = [], []
    for _ in range(60):
        truth = rng.normal(size=10)
        repeats = truth + rng.normal(size=(9, 10))
        found.append(transfer.noise_ceiling(repeats, spread=spread, n_resamples=200))
        reached.append(CORRELATIONS["kendall"](truth, repeats.mean(axis=0)))
    assert np.mean([one.value for one in found]) == pytest.approx(np.mean(reached), abs=0.04)
    above = [r > one.high + 1e-9 for r, one in zip(reached, found, strict=True)]
    assert np.mean(above) <= 0.07  # nominal .025


def test_own_spreads_tell_what_pooled_ones_cannot() -> None:
    """One wild model among quiet ones: the quiet ones keep their order."""
    rng = np.random.default_rng(1)
    sds = np.array([0.01] * 7 + [1.0])
    repeats = np.r_[np.arange(7) / 20, -1.0] + sds * rng.normal(size=(3, 8))
    own, pooled = (transfer.noise_ceiling(repeats, spread=s).value for s in ("own", "pooled"))
    assert own > 0.95 > 0.9 > pooled


def test_noise_ceiling_with_unequal_repeats() -> None:
    rng = np.random.default_rng(2)
    repeats = np.arange(6.0) + rng.normal(size=(5, 6))
    whole = transfer.noise_ceiling(repeats).value
    repeats[1:, 2], repeats[3:, 4] = np.nan, np.nan
    assert transfer.noise_ceiling(repeats).value < whole
    with pytest.raises(TooFewSamplesError, match="1 of 6 models have one repeat"):
        transfer.noise_ceiling(repeats, spread="own")
    repeats[:, 0] = np.nan
    with pytest.raises(DegenerateCloudError, match="1 of 6 models have no accuracy"):
        transfer.noise_ceiling(repeats)


def test_intervals_of_repeated_values_have_a_width() -> None:
    """Ties let every resample repeat one value: no certainty follows from that."""
    for scores, truth in (
        ([0, 0, 1, 1], [0, 0, 1, 1]),
        ([0, 0, 1, 1], [1, 2, 3, 4]),
        ([1, 1, 1, 2], [1, 2, 3, 4]),
    ):
        for statistic in CORRELATIONS:
            found = transfer.agreement(scores, truth, statistic=statistic)
            assert -1 <= found.low < found.high <= 1, (scores, statistic)
    same_order = transfer.compare_scores(TRUTH, TRUTH**2, TRUTH)
    assert same_order.difference == 0 and same_order.low < -0.4 and same_order.high > 0.4


def test_table_of_anybodys_scores() -> None:
    rng = np.random.default_rng(9)
    scores = {"theta": -TRUTH, "noise": rng.normal(size=6), "broken": [np.nan] * 6, "short": [1.0]}
    table = transfer.evaluate_scores(
        scores, TRUTH, higher_is_better={"theta": False}, statistics=("kendall", "pearson")
    )
    assert len(table) == 8
    theta = table[table["score"] == "theta"].iloc[0]
    assert theta["value"] == 1 and theta["regret"] == 0 and theta["n"] == 6
    failed = table[table["status"] == "failed"]
    assert set(failed["score"]) == {"broken", "short"}
    assert failed["reason"].str.contains("agreement").all() and failed["qvalue"].isna().all()
    ok = table[table["status"] == "ok"]
    assert (ok["qvalue"].astype(float) >= ok["pvalue"].astype(float)).all()
    none = transfer.evaluate_scores({"broken": [np.nan] * 6}, TRUTH)
    assert (none["status"] == "failed").all()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: transfer.agreement([1, 2], [1, 2]), TooFewSamplesError, "2 models; 4"),
        (lambda: transfer.agreement(TRUTH, TRUTH[:5]), UsageError, "one score per model"),
        (lambda: transfer.agreement(0 * TRUTH, TRUTH), DegenerateCloudError, "has the score 0"),
        (lambda: transfer.agreement(TRUTH, 0 * TRUTH), DegenerateCloudError, "accuracy 0"),
        (
            lambda: transfer.agreement([1, 2, np.nan, 4], [1, 2, 3, 4]),
            DegenerateCloudError,
            "1 of 4 models.*number 2",
        ),
        (lambda: transfer.agreement(TRUTH, TRUTH, statistic="r2"), UsageError, "weighted_tau"),
        (lambda: transfer.agreement(TRUTH, TRUTH, over="data"), UsageError, "two draws or more"),
        (lambda: transfer.agreement(TRUTH, TRUTH, over="seeds"), UsageError, "data, both"),
        (lambda: transfer.agreement(TRUTH, TRUTH, level=95), UsageError, "level=95"),
        (lambda: transfer.compare_scores(TRUTH, TRUTH[:4], TRUTH), UsageError, "one shape"),
        (lambda: transfer.regret(TRUTH, TRUTH, k=7), UsageError, "from 1 to 6"),
        (
            lambda: transfer.chance_regret(TRUTH, k=0),
            UsageError,
            "k=0; needed is a whole number from 1",
        ),
        (lambda: transfer.constant_ranking(TRUTH), UsageError, "two targets or more"),
        (
            lambda: transfer.constant_ranking([TRUTH, [np.inf] * 6]),
            DegenerateCloudError,
            "infinite",
        ),
        (lambda: transfer.noise_ceiling(TRUTH), TooFewSamplesError, "sd="),
        (lambda: transfer.noise_ceiling(TRUTH[None]), TooFewSamplesError, "one repeat"),
        (lambda: transfer.noise_ceiling(TRUTH[:3], sd=1), TooFewSamplesError, "3 models; 4"),
        (lambda: transfer.noise_ceiling([TRUTH, TRUTH]), DegenerateCloudError, "are equal"),
        (lambda: transfer.noise_ceiling([TRUTH, TRUTH], spread="x"), UsageError, "pooled, own"),
        (lambda: transfer.noise_ceiling(TRUTH, sd=[1, 2]), UsageError, "one for each of 6"),
        (lambda: transfer.noise_ceiling(0 * TRUTH, sd=1), DegenerateCloudError, "the same mean"),
        (lambda: transfer.noise_ceiling(TRUTH, sd=-1), UsageError, "from 0 to 1e100"),
        (
            lambda: transfer.evaluate_scores({"a": TRUTH}, TRUTH, higher_is_better={"b": True}),
            UsageError,
            "unknown scores",
        ),
    ],
)
def test_bad_input(call, error, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


class TestPerfectOrders:
    def test_bound_by_enumeration(self):
        """In Mallows' model with 5 items, summed over all 120 orders."""
        from itertools import combinations, permutations

        from toposcope.transfer.evaluation.rank_agreement import perfect_order_bound

        orders = list(permutations(range(5)))
        inversions = np.array(
            [sum(o[i] > o[j] for i, j in combinations(range(5), 2)) for o in orders]
        )
        weights = np.exp(-0.9 * inversions)
        level = 1 - 2 / weights.sum()
        expected = (weights / weights.sum()) @ (1 - inversions / 5)
        assert perfect_order_bound(5, level) == pytest.approx(expected, abs=1e-6)

    def test_a_perfect_order_of_few_models_is_not_sure(self):
        found = transfer.agreement(np.arange(4.0), np.arange(4.0))
        assert found.value == found.high == 1.0
        assert found.low < 0.0
        assert transfer.agreement(-np.arange(4.0), np.arange(4.0)).high > 0.0
