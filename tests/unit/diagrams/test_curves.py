"""Panels: numbers known from theory on diagrams of one or two bars."""

import numpy as np
import pytest

from toposcope.diagrams import curves as panels
from toposcope.errors import UsageError
from toposcope.types import DiagramKey, DiagramSet

BAR = np.array([[0.0, 2.0]])
LONG = np.array([[0.0, 4.0]])


def diagram_set(groups, k=1):
    keys, pairs = [], []
    for i, (layer, group) in enumerate(groups.items()):
        for replicate, one in enumerate(group):
            keys.append(DiagramKey(layer, (i + 1) / len(groups), replicate, k))
            pairs.append(one)
    return DiagramSet(tuple(keys), tuple(pairs))


def test_betti_curve_counts_the_essential_class():
    pairs = np.array([[0.0, 1.0], [0.0, np.inf]])
    curves = panels.betti_curves([pairs], np.array([0.0, 0.99, 1.0, 9.0]))
    assert curves.tolist() == [[2, 2, 1, 1]]


def test_common_grid_ends_past_the_last_finite_death():
    grid = panels.common_grid([BAR, np.array([[0.0, np.inf]]), LONG], size=11)
    assert grid[0] == 0
    assert grid[-1] == pytest.approx(1.02 * 4)
    assert panels.common_grid([np.empty((0, 2))])[-1] == 1


def test_all_levels_agree_with_level_by_level():
    rng = np.random.default_rng(0)
    birth = rng.random(30)
    pairs = np.column_stack([birth, birth + rng.random(30)])
    grid = np.linspace(0, 2, 50)
    few = panels.landscapes([pairs], 5, grid)[0]
    np.testing.assert_allclose(panels.landscapes([pairs], 40, grid)[0][:5], few, atol=1e-15)


def test_panel_is_the_mean_landscape_of_each_layer():
    found = diagram_set({"a": [BAR, LONG], "b": [LONG, LONG]})
    grid, layers, panel = panels.landscape_panel(found, 1, grid_size=409)
    assert layers == ("a", "b")
    at_two = np.argmin(abs(grid - 2.0))
    # At t = 2 the bar [0, 4) peaks with 2 and the bar [0, 2) has ended.
    np.testing.assert_allclose(panel[:, at_two], [1.0, 2.0], atol=1e-9)


def test_layer_distance_is_the_l2_norm_of_a_tent():
    found = panels.layer_distances(
        diagram_set({"a": [BAR, BAR], "b": [np.empty((0, 2))] * 2}), 1, grid_size=2001
    )
    # The integral of a squared tent of lifespan l is l^3 / 12.
    assert found.matrix[0, 1] == pytest.approx(np.sqrt(8 / 12), rel=1e-4)
    assert found.matrix[0, 0] == 0
    assert found.floor == 0
    assert found.replicates == 2


def test_noise_floor_predicts_the_distance_between_equal_layers():
    rng = np.random.default_rng(3)

    def layer():
        return [np.array([[0.0, 2 + 0.3 * rng.normal()]]) for _ in range(8)]

    groups = {f"layer{i}": layer() for i in range(60)}
    found = panels.layer_distances(diagram_set(groups), 1)
    typical = found.matrix[np.triu_indices(60, 1)].mean()
    assert found.floor == pytest.approx(typical, rel=0.15)


def test_noise_of_one_replicate_is_unknown():
    found = panels.layer_distances(diagram_set({"a": [BAR], "b": [LONG]}), 1)
    assert np.isnan(found.floor)


def test_seed_decides_the_halvings():
    rng = np.random.default_rng(0)
    stack = rng.random((6, 2, 30))
    grid = np.linspace(0, 1, 30)
    same = [panels.split_half_noise(stack, grid, splits=2, seed=5) for _ in range(2)]
    assert same[0] == same[1]
    assert panels.split_half_noise(stack, grid, splits=2, seed=6) != same[0]


def test_absent_degree_is_named():
    with pytest.raises(UsageError, match=r"homology_dimension=2.*homology dimensions \(1,\)"):
        panels.landscape_panel(diagram_set({"a": [BAR]}), 2)
