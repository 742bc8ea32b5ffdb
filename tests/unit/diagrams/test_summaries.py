"""Summaries: identities from the theory of landscapes, decided answers, messages."""

from __future__ import annotations

import numpy as np
import pytest

from toposcope.diagrams import summaries
from toposcope.errors import UsageError
from toposcope.types import DiagramKey, DiagramSet

BARS = np.array([[0.0, 1.0], [0.5, 2.5], [1.0, 4.0]])
ESSENTIAL = np.array([[0.0, 1.0], [0.5, np.inf]])
EMPTY = np.empty((0, 2))


def test_betti_curve_is_half_open() -> None:
    grid = [-1.0, 0.0, 0.5, 1.0, 2.5, 4.0]
    assert summaries.betti_curve(BARS, grid).tolist() == [0, 1, 2, 2, 1, 0]
    assert summaries.betti_curve(BARS, grid[::-1]).tolist() == [0, 1, 2, 2, 1, 0][::-1]
    assert summaries.betti_curve(ESSENTIAL, [0.0, 9.0]).tolist() == [1, 1]
    assert summaries.betti_curve(ESSENTIAL, [0.0, 9.0], cutoff=9.0).tolist() == [1, 0]
    assert summaries.betti_curve(EMPTY, grid).tolist() == [0] * 6


def test_scalars() -> None:
    assert summaries.n_pairs(ESSENTIAL) == 2
    assert summaries.lifespan_sum(BARS) == 6
    assert summaries.lifespan_sum(BARS, alpha=2) == summaries.total_persistence(BARS) == 14
    assert summaries.total_persistence(BARS, order=1) == 6
    assert summaries.mean_persistence(BARS) == 2
    assert summaries.max_persistence(BARS) == 3
    share = np.array([1, 2, 3]) / 6
    entropy = -(share * np.log(share)).sum()
    assert summaries.persistence_entropy(BARS) == pytest.approx(entropy)
    assert summaries.normalized_entropy(BARS) == pytest.approx(entropy / np.log(3))
    assert summaries.lifespan_sum(ESSENTIAL, cutoff=1.5) == 2


def test_empty_diagrams_have_decided_answers() -> None:
    assert np.isnan(summaries.persistence_entropy(EMPTY))
    assert np.isnan(summaries.mean_persistence([]))
    assert np.isnan(summaries.normalized_entropy([[0.0, 1.0]]))
    assert summaries.persistence_entropy([[0.0, 1.0]]) == 0
    for name in ("lifespan_sum", "max_persistence", "total_persistence", "landscape_norm"):
        assert getattr(summaries, name)(EMPTY) == 0
    assert summaries.landscape_inner(EMPTY, BARS) == 0
    np.testing.assert_array_equal(summaries.landscape(EMPTY, 2, [0.0, 1.0]), np.zeros((2, 2)))


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_behavior_under_scaling(factor: float) -> None:
    small, large = (summaries.diagram_statistics(c * BARS) for c in (1.0, factor))
    power = {"n_pairs": 0, "persistence_entropy": 0, "normalized_entropy": 0}
    power |= {"total_persistence": 2, "landscape_norm": 1.5}
    for name, value in small.items():
        assert large[name] == pytest.approx(value * factor ** power.get(name, 1))


def test_statistics_equal_the_single_functions() -> None:
    for name, value in summaries.diagram_statistics(BARS).items():
        assert value == pytest.approx(float(getattr(summaries, name)(BARS))), name


def test_landscape_identities_of_known_diagrams() -> None:
    nested, crossing = np.array([[0.0, 4.0], [1.0, 3.0]]), np.array([[0.0, 2.0], [1.0, 3.0]])
    grid = np.linspace(0, 4, 4001)
    first, second = np.trapezoid(summaries.landscape(nested, 2, grid), grid)
    assert (first, second) == pytest.approx((4, 1), abs=1e-6)
    first, second = np.trapezoid(summaries.landscape(crossing, 2, grid), grid)
    assert (first, second) == pytest.approx((1.75, 0.25), abs=1e-6)
    assert summaries.landscape(crossing, 2, grid).max(axis=1) == pytest.approx([1, 0.5])
    assert summaries.landscape_norm(crossing) ** 2 == pytest.approx(1.25 + 1 / 12)
    assert summaries.landscape_norm(crossing, order=np.inf) == 1


def test_landscape_levels_are_sorted_tents() -> None:
    rng = np.random.default_rng(0)
    births = rng.random(40)
    pairs = np.stack([births, births + rng.random(40)], axis=1)
    grid = np.linspace(0, 2, 101)
    tents = np.minimum(grid - pairs[:, :1], pairs[:, 1:] - grid).clip(0)
    expected = np.sort(tents, axis=0)[::-1]
    np.testing.assert_array_equal(summaries.landscape(pairs, 45, grid)[:40], expected)
    np.testing.assert_array_equal(summaries.landscape(pairs, 3, grid), expected[:3])


def test_landscape_has_bubeniks_scale_not_gudhis() -> None:
    assert summaries.landscape([[0.0, 2.0]], 1, [1.0])[0, 0] == 1.0


def test_inner_product_matches_a_fine_grid() -> None:
    rng = np.random.default_rng(1)
    a, b = (np.sort(rng.random((25, 2)), axis=1) for _ in range(2))
    grid = np.linspace(0, 1, 20001)
    product = summaries.landscape(a, 25, grid) * summaries.landscape(b, 25, grid)
    expected = np.trapezoid(product.sum(axis=0), grid)
    assert summaries.landscape_inner(a, b) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "lifespan_sum",
        "mean_persistence",
        "max_persistence",
        "total_persistence",
        "persistence_entropy",
        "normalized_entropy",
        "landscape_norm",
        "diagram_statistics",
    ],
)
def test_essential_pairs_need_a_cutoff(name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name}\(\): 1 of 2 pairs never die.*cutoff"):
        getattr(summaries, name)(ESSENTIAL)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: summaries.lifespan_sum([1.0, 2.0, 3.0]), r"\(n, 2\) pairs.*\(3,\)"),
        (lambda: summaries.lifespan_sum([[2.0, 1.0]]), "births must be finite and no later"),
        (lambda: summaries.lifespan_sum([[0.0, np.nan]]), "births must be finite and no later"),
        (lambda: summaries.lifespan_sum(ESSENTIAL, cutoff=0.1), "before the birth"),
        (lambda: summaries.landscape(BARS, 1, [1.0, 0.0]), "non-decreasing"),
        (lambda: summaries.landscape(BARS, 0, [1.0]), "levels=0; needed"),
        (lambda: summaries.landscape_norm(BARS, order=0.5), "order"),
        (lambda: summaries.total_persistence(BARS, order=0.5), "order"),
        (lambda: summaries.landscape_inner(ESSENTIAL, BARS), "never die"),
    ],
)
def test_wrong_input_is_named(call, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        call()


def test_summarize_makes_the_tidy_table() -> None:
    keys = tuple(
        DiagramKey(layer="conv", depth=0.5, replicate=3, homology_dimension=k, points=9)
        for k in (0, 1)
    )
    table = summaries.summarize(DiagramSet(keys=keys, pairs_list=(ESSENTIAL, EMPTY)))
    columns = "layer depth label cloud replicate homology_dimension statistic value status reason"
    assert table.columns.tolist() == [*columns.split(), "points"]
    assert str(table["homology_dimension"].dtype) == "Int64"
    h0 = table[table.homology_dimension == 0].set_index("statistic")
    assert h0.value["n_pairs"] == 1 and h0.value["lifespan_sum"] == 1
    h1 = table[table.homology_dimension == 1].set_index("statistic")
    assert h1.status["persistence_entropy"] == "undefined"
    assert "needs at least 1" in h1.reason["persistence_entropy"]
    assert h1.status["lifespan_sum"] == "ok" and h1.value["lifespan_sum"] == 0
    assert summaries.summarize(DiagramSet(keys=(), pairs_list=())).empty
