"""Permutation tests: numbers of a second library, and what is refused."""

import numpy as np
import pytest
from scipy import stats as peer

from toposcope import stats
from toposcope.errors import UsageError


def difference(a, b):
    return a.mean() - b.mean()


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("paired", [False, True])
def test_all_arrangements_agree_with_scipy(alternative, paired):
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.8, 1, 6), rng.normal(0, 1, 6)
    kind = "samples" if paired else "independent"
    theirs = peer.permutation_test(
        (a, b), difference, permutation_type=kind, alternative=alternative, n_resamples=np.inf
    )
    for statistic in (None, difference):
        ours = stats.permutation_test(
            a, b, paired=paired, alternative=alternative, statistic=statistic
        )
        assert ours.exact and ours.n_resamples == (64 if paired else 924)
        assert ours.statistic == pytest.approx(theirs.statistic)
        assert ours.pvalue == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("paired", [False, True])
def test_vectors_gram_and_plain_recomputation_agree(paired):
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.3, 1, (6, 5)), rng.normal(0, 1, (6, 5))
    by_hand = stats.permutation_test(
        a,
        b,
        paired=paired,
        alternative="greater",
        statistic=lambda x, y: np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)),
    )
    vectors = stats.permutation_test(a, b, paired=paired)
    both = np.concatenate([a, b])
    gram = stats.permutation_test_gram(both @ both.T, np.repeat([7, 3], 6), paired=paired)
    assert vectors.statistic == pytest.approx(by_hand.statistic)
    assert vectors.pvalue == pytest.approx(by_hand.pvalue) == gram.pvalue


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, np.nan], [1.0, 2.0]), "a has NaN"),
        (([1.0], [1.0, 2.0]), "two or more a side"),
        (([[1.0, 2.0]] * 3, [[1.0]] * 3), "features"),
        (([1.0, 2.0], [[1.0], [2.0, 3.0]]), "no array of numbers"),
        ((np.ones((3, 2, 2)), np.ones((3, 2, 2))), r"a.reshape\(len\(a\), -1\)"),
    ],
)
def test_what_cannot_be_tested_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        stats.permutation_test(*arguments)


def test_overlapping_draws_are_refused_with_the_way_out():
    with pytest.raises(UsageError, match="disjoint draws"):
        stats.permutation_test([1.0, 2.0], [3.0, 4.0], overlap=0.5)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_single_precision_screening_counts_ties_and_any_size_exactly(size):
    """Integer data have many tied arrangements; each counts, whatever the scale of the numbers."""
    a, b = size * np.array([[1.0, 2], [2, 1], [1, 1]]), size * np.array([[2.0, 2], [3, 1], [3, 3]])
    found = stats.permutation_test(a, b)
    by_hand = stats.permutation_test(
        a / size,
        b / size,
        alternative="greater",
        statistic=lambda x, y: round(float(np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)), 9),
    )
    assert found.exact and found.pvalue == pytest.approx(by_hand.pvalue)
    assert found.statistic == pytest.approx(size * np.sqrt(by_hand.statistic))


def test_equal_units_and_kernels_that_are_none():
    assert stats.permutation_test(np.full((3, 4), 0.1), np.full((3, 4), 0.1)).pvalue == 1.0
    assert stats.permutation_test([0.1] * 3, [0.1] * 4).pvalue == 1.0
    with pytest.raises(UsageError, match="no kernel"):
        stats.permutation_test_gram(np.eye(4) - np.kron(np.eye(2), np.ones((2, 2))), [0, 0, 1, 1])
