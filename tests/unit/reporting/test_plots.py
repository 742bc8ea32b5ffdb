"""Figures for papers: what is drawn where, on the Agg backend."""

import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.pointclouds.nulls import NULLS
from toposcope.reporting import plots
from toposcope.reporting.axes import literal
from toposcope.words.nulls import TITLES

from .report_fixture import LAYERS, analysis

PAIRS = np.array([[0.0, 1.0], [0.2, 0.9], [0.0, np.inf]])


@pytest.fixture(scope="module")
def one():
    return analysis(points=30)


@pytest.fixture
def ax():
    return Figure().add_subplot()


def test_depth_draws_means_band_and_null(one, ax):
    assert plots.plot_depth(one, "lifespan_sum", 0, ax=ax) is ax
    data, null = ax.lines
    frame = one.intervals
    rows = (frame["statistic"] == "lifespan_sum") & (frame["homology_dimension"] == 0)
    expected = frame[rows & (frame["cloud"] == "data")]
    np.testing.assert_allclose(data.get_ydata(), expected["mean"])
    np.testing.assert_allclose(data.get_xdata(), expected["depth"])
    assert len(ax.collections) == 2
    assert null.get_label() == "Gaussian null"
    assert ax.get_ylabel() == "H0 lifespan sum"


def test_depth_draws_the_nulls_that_there_are_each_with_its_line(one, ax):
    frame = one.intervals
    rows = frame[frame["cloud"] == "gaussian"]
    renamed = pd.concat([frame, *(rows.assign(cloud=name) for name in ("copula", "random_init"))])
    plots.plot_depth(renamed, "lifespan_sum", 0, ax=ax)
    named = {one.get_label(): (one.get_linestyle(), one.get_marker()) for one in ax.lines[1:]}
    assert list(named) == ["Gaussian null", "copula null", "random-init null"]
    assert len(set(named.values())) == 3
    assert len(plots.NULL_STYLES) == len(set(plots.NULL_STYLES)) == len(TITLES) == len(NULLS)


def test_depth_takes_an_interval_table_and_several_runs(one, ax):
    plots.plot_depth(one.intervals, "two_nn", null=False, ax=ax)
    assert len(ax.lines) == 1
    several = plots.plot_depth([one, one], "two_nn", ax=Figure().add_subplot())
    assert len(several.lines) == 3


def test_depth_leaves_a_gap_where_a_value_is_missing(one, ax):
    frame = one.intervals.copy()
    frame.loc[frame["layer"] == LAYERS[2], ["mean", "low", "high"]] = np.nan
    plots.plot_depth(frame, "lifespan_sum", 1, null=False, ax=ax)
    assert np.isnan(ax.lines[0].get_ydata()[2])


def test_depth_names_near_statistics(one, ax):
    with pytest.raises(UsageError, match=r"plot_depth\(\).*lifespan_sums.*Near matches: lifespan"):
        plots.plot_depth(one, "lifespan_sums", 0, ax=ax)


def test_diagram_puts_essential_classes_above_all_deaths(ax):
    plots.plot_diagram(PAIRS, ax)
    finite, essential = (c.get_offsets() for c in ax.collections)
    assert len(finite) == 2
    assert essential[0][1] > 1.0


def test_barcode_keeps_the_longest_and_says_so(ax):
    plots.plot_barcode(PAIRS, ax, longest=2)
    assert len(ax.collections[0].get_segments()) == 2
    assert ax.get_title() == "2 longest of 3 bars"


def test_betti_curve_of_replicates_is_their_mean(ax):
    plots.plot_betti_curve([PAIRS, PAIRS[:1]], ax, grid=np.array([0.0, 0.5]))
    assert ax.lines[-1].get_ydata().tolist() == [1.5, 2.0]


def test_landscape_peaks_at_half_the_lifespan(ax):
    plots.plot_landscape(PAIRS, ax, levels=2, grid=np.linspace(0, 1, 101))
    assert ax.lines[0].get_ydata().max() == pytest.approx(0.5)
    assert len(ax.lines) == 2


def test_panel_and_distances_show_every_layer(one):
    panel = plots.plot_landscape_panel(one.diagrams, 1, ax=Figure().add_subplot())
    assert panel.images[0].get_array().shape[0] == len(LAYERS)
    matrix = plots.plot_layer_distances(one.diagrams, 0, ax=Figure().add_subplot())
    assert matrix.images[0].get_array().shape == (len(LAYERS), len(LAYERS))
    assert "4 replicates, noise floor 0." in matrix.get_title()


def test_names_are_no_mathematics(ax):
    assert literal("_a$b$") == r" _a\$b\$"


def test_empty_diagrams_draw_empty_axes():
    empty = np.empty((0, 2))
    for draw in (plots.plot_diagram, plots.plot_barcode, plots.plot_betti_curve):
        assert draw(empty, Figure().add_subplot()).get_xlabel()


def test_without_axes_a_figure_is_made():
    with mpl.rc_context({"backend": "Agg"}):
        import matplotlib.pyplot as plt

        ax = plots.plot_diagram(PAIRS)
        ax.get_figure().canvas.draw()
        plt.close(ax.get_figure())


def test_a_cloud_is_drawn_in_its_two_widest_directions_by_class(ax):
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(120, 6)) * [9, 4, 1, 1, 1, 1]
    acts = ts.from_arrays({"a": wide}, labels=rng.choice(["cat", "dog"], size=120))
    found = ts.analyze(acts, points=60, replicates=2, homology_dimensions=(0,), null=())
    assert plots.plot_cloud(found, "a", ax=ax) is ax
    drawn = np.concatenate([part.get_offsets() for part in ax.collections])
    assert drawn.shape == (60, 2)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"cat", "dog"}
    share = int(re.search(r"(\d+)% of the variance", ax.get_title())[1])
    assert 85 <= share <= 99  # 97 of 101 in the population
    with pytest.raises(UsageError, match=r"plot_cloud\(\): there is no layer 'b'"):
        plots.plot_cloud(found, "b", ax=ax)


def test_classes_of_one_color_have_their_own_mark_and_a_flat_cloud_keeps_its_frame(ax):
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(240, 2)) * [9, 0.1]
    acts = ts.from_arrays({"a": flat}, labels=np.arange(240) % 12)
    found = ts.analyze(acts, points=100, replicates=2, homology_dimensions=(0,), null=(), jobs=0)
    before = ax.get_window_extent().height
    plots.plot_cloud(found, "a", ax=ax)
    ax.figure.draw_without_rendering()
    assert ax.get_window_extent().height == before
    looks = {
        (tuple(part.get_facecolor()[0]), str(part.get_paths()[0].vertices.tolist()))
        for part in ax.collections
    }
    assert len(looks) == len(ax.collections) == 12


def test_a_class_that_was_not_drawn_apart_has_no_cloud(one, ax):
    with pytest.raises(UsageError, match=r"plot_cloud\(\): no cloud of label='cat'; there are"):
        plots.plot_cloud(one, LAYERS[0], label="cat", ax=ax)
