"""Families of a comparison: their error, their power, and what the tables say of them."""

import numpy as np
import pytest

from benchmarks.calibration.comparison import compared
from toposcope.comparison.detectable import detectable_shift, noise_of_labels, noise_of_pairs
from toposcope.comparison.families import design_limit, fewest_draws
from toposcope.comparison.gaps import gap_arrangements, gap_form, gap_statistics, gap_test
from toposcope.comparison.judgement import Rules
from toposcope.stats import holm, standardized, step_down

NULL = [compared(np.random.default_rng([1, k]), np.zeros(9)) for k in range(60)]


def test_no_more_than_one_in_twenty_comparisons_without_a_difference_finds_one():
    found = [
        (c.layers.query("family == 'layers differ'")["adjusted_p"] <= 0.05).any() for c in NULL
    ]
    assert sum(found) <= 7  # 60 x 0.05 is 3; 8 or more have a probability of 1 %


def test_similarities_lend_nothing_to_the_tests_of_diagrams():
    rng = [np.random.default_rng(5) for _ in range(2)]
    alone = compared(rng[0], np.zeros(9), measures=("wasserstein",))
    beside = compared(rng[1], np.zeros(9), measures=("wasserstein", "cka"))
    rows = beside.layers["family"] == "layers differ"
    assert beside.layers.loc[rows, "adjusted_p"].tolist() == alone.layers["adjusted_p"].tolist()
    assert (beside.layers.loc[~rows, "adjusted_p"] <= 0.05).all()


@pytest.mark.parametrize("paired", [True, False])
def test_one_layer_of_twenty_far_apart_is_found_with_eight_draws_and_no_other(paired):
    shifts = np.zeros(20)
    shifts[7] = 50.0
    found = compared(np.random.default_rng(2), shifts, measures=("wasserstein",), paired=paired)
    for degree in (0, 1):
        rows = found.layers[found.layers["homology_dimension"] == degree]
        assert np.flatnonzero(rows["adjusted_p"] <= 0.05).tolist() == [7]
        assert rows["adjusted_p"].iloc[7] == rows["smallest_p"].iloc[7]


def test_the_smallest_p_is_that_of_one_layer_however_many_there_are():
    for layers in (1, 9, 56):
        shifts = np.zeros(layers)
        shifts[0] = 50.0
        found = compared(np.random.default_rng(3), shifts, measures=("wasserstein",)).layers
        assert found["smallest_p"].eq(1 / 128).all()
        assert found["adjusted_p"].min() == 1 / 128


def test_a_gap_is_quoted_that_is_found_eight_times_in_ten():
    quoted = np.median([c.models["detectable"].iloc[0] for c in NULL])
    seen = []
    for k in range(60):
        shifts = np.zeros(9)
        shifts[4] = quoted
        one = compared(np.random.default_rng([4, k]), shifts, planted=(("wasserstein", 0),))
        seen.append(one.layers["adjusted_p"].iloc[4] <= 0.05)
    assert 0.65 <= np.mean(seen) <= 0.95


def test_many_small_differences_are_found_together_where_none_is_alone():
    found = []
    for k in range(20):
        shifts = np.full(20, 0.9)
        one = compared(np.random.default_rng([6, k]), shifts, measures=("wasserstein",))
        model = one.models.iloc[0]
        found.append((model["adjusted_p"] <= 0.05, model["found"] == 0))
    assert np.mean([whole for whole, _ in found]) > 0.5
    assert any(whole and alone for whole, alone in found)


def test_pairs_of_networks_share_one_family():
    found = compared(np.random.default_rng(7), np.zeros(5), measures=("wasserstein",), count=3)
    assert [one["tests"] for one in found.attrs["families"]] == [3 * 2 * (5 + 1)]
    assert len(found.models) == 6


def test_a_draw_that_a_layer_lacks_is_left_out_and_said_to_be():
    rng = np.random.default_rng(8)
    for paired in (True, False):
        a, b = rng.normal(size=(2, 8, 3))
        b[:, 0] += 30.0
        apart = [np.linalg.norm(x[:, None] - y[None], axis=-1) for x, y in ((a, a), (b, b), (a, b))]
        kept = np.array([0, 1, 3, 4, 5, 6, 7])
        form = gap_form(*(m[np.ix_(kept, kept)] for m in apart), paired=paired)
        weights = gap_arrangements(8, paired=paired, n_resamples=9999, seed=0)
        columns = kept if paired else np.concatenate([kept, 8 + kept])
        z = gap_statistics(form[None], weights[:, columns])[:, 0]
        assert (z >= z[0] - 1e-9).mean() <= 0.05


def test_forms_and_the_test_of_one_layer_agree():
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(2, 8, 3))
    apart = [np.linalg.norm(x[:, None] - y[None], axis=-1) for x, y in ((a, a), (b, b), (a, b))]
    for paired in (True, False):
        weights = gap_arrangements(8, paired=paired, n_resamples=9999, seed=0)
        z = standardized(gap_statistics(gap_form(*apart, paired=paired)[None], weights))
        assert step_down(z)[0][0] == pytest.approx(gap_test(*apart, paired=paired))


def test_noise_is_read_from_forms():
    rng = np.random.default_rng(10)
    for number in (1, 4, 30):
        pairs, labels = [], []
        for _ in range(200):
            noise = 2 * rng.normal(size=(8, number))
            form = noise @ noise.T
            np.fill_diagonal(form, 0.0)
            pairs.append(noise_of_pairs(form + 25 * (1 - np.eye(8)))[0])  # a gap is no noise
            both = 2 * rng.normal(size=(16, number))
            labels.append(noise_of_labels(-(np.linalg.norm(both[:, None] - both, axis=-1) ** 2)))
        assert np.sqrt(np.mean(np.square(pairs))) == pytest.approx(4 * np.sqrt(number), rel=0.15)
        total, seen = np.median(labels, axis=0)
        assert total == pytest.approx(2 * np.sqrt(number), rel=0.15)
        assert seen == pytest.approx(number, rel=0.35)


def test_a_rival_layer_makes_the_detectable_gap_larger():
    weights = gap_arrangements(8, paired=True, n_resamples=9999, seed=0)
    rng = np.random.default_rng(11)
    none = np.full(len(weights), -np.inf)
    many = standardized(gap_statistics(_forms(rng, 60), weights)).max(axis=1)
    alone, beside = (
        detectable_shift(weights, rivals, 4, paired=True, level=0.95) for rivals in (none, many)
    )
    assert 1.2 * alone < beside < 5 * alone


def _forms(rng, tests):
    noise = rng.normal(size=(tests, 8, 4))
    forms = noise @ noise.transpose(0, 2, 1)
    forms[:, np.arange(8), np.arange(8)] = 0.0
    return forms


def test_designs_that_cannot_find_anything_are_known_beforehand():
    assert fewest_draws(paired=True, rules=Rules()) == 6
    assert fewest_draws(paired=True, rules=Rules(level=0.99)) == 8
    assert design_limit(1, paired=False, rules=Rules()) == 1.0
    assert design_limit(12, paired=True, rules=Rules(n_resamples=99)) == 0.01


def test_step_down_and_holm_control_any_false_rejection_beside_true_ones():
    rng = np.random.default_rng(12)
    wrong_max, wrong_holm = [], []
    for _ in range(300):
        values = rng.normal(size=(8, 12)) + 0.7 * rng.normal(size=(8, 1))
        values[:, :4] += 3.0
        flips = np.concatenate([np.ones((1, 8)), rng.choice([-1.0, 1.0], size=(199, 8))])
        z = standardized(flips @ values)
        alone, adjusted = step_down(z)
        wrong_max.append((adjusted[4:] <= 0.05).any())
        wrong_holm.append((holm(alone)[4:] <= 0.05).any())
        assert (adjusted >= alone).all()
    assert np.mean(wrong_max) <= 0.09
    assert np.mean(wrong_holm) <= 0.09
