"""Results in a notebook: a headline, how sure it is, one compact table; and their figures."""

import re
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.findings.validity.verdict import Decision, Verdict
from toposcope.store import save_arrays
from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.types import drawn, shown
from toposcope.words.headline import headline
from toposcope.words.ranking import choice_text
from toposcope.words.verdicts import comparison_answer

mpl.use("agg")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
EVIL = "<script>alert(1)</script>"


def analyzed(layers, **options):
    made = {"points": 20, "replicates": 4, "jobs": 0, "null": "none"} | options
    return ts.analyze(ts.from_arrays(layers, name=EVIL), **made)


@pytest.fixture(scope="module")
def analysis():
    return analyzed({"round": X, f"thin {EVIL}": X * [1, 1, 0.01, 0.01]})


@pytest.fixture(scope="module")
def comparison():
    a, b = (
        ts.from_arrays({"l0": X, "l1": X**3 + noise * RNG.normal(size=X.shape)}, name=name)
        for name, noise in (("a", 0), ("b", 2))
    )
    return ts.compare(a, b, points=10, replicates=8, jobs=0, measures=("wasserstein", "cka"))


@pytest.fixture(scope="module")
def ranking():
    a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    table = assemble(
        {"knn": {"good": a, EVIL: b}, "logme": {"good": b, EVIL: a}},
        {"knn": (True, True, ""), "logme": (True, True, "")},
    )
    table.attrs = {"kind": "board"}
    return table


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    import torch
    from safetensors.torch import save_file
    from torch import nn

    folder = tmp_path_factory.mktemp("training")
    (folder / "w").mkdir()
    for step in (0, 10, 20):
        torch.manual_seed(step)
        net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
        save_file(net.state_dict(), folder / "w" / f"step_{step}.safetensors")
    x, y = X.astype(np.float32), np.arange(80) % 3
    series = ts.capture_series(
        net, (x, y), weights=folder / "w", store=folder / "s", layers="all", name="net"
    )
    return series, ts.analyze_series(series, points=10, replicates=3, null="none", jobs=0)


def test_an_analysis_shows_its_headline_and_layers_by_statistics(analysis):
    html = analysis._repr_html_()
    told = headline(ts.findings.look([analysis]))
    assert told.mark in html and "TwoNN dimension" in html and "H0 lifespan sum" in html
    assert EVIL not in html and "&lt;script&gt;" in html
    assert html.count("<tr>") == 3 and "±" in html
    mean = analysis.intervals.query("statistic == 'two_nn' and layer == 'round'")["mean"].iloc[0]
    assert f"{mean:.4g}" in html


def test_many_layers_are_thinned_and_it_is_said():
    layers = {f"l{i}": X[:, :2] * (i + 1) for i in range(90)}
    html = analyzed(layers, points=6, replicates=2, homology_dimensions=(0,))._repr_html_()
    assert "90 layers, 1 of 3 shown" in html and html.count("<tr>") == 31


def test_one_layer_is_shown_too():
    html = analyzed({"only": X})._repr_html_()
    assert "nothing compared" in html and "1 layer" in html


def test_a_comparison_shows_its_answer_and_a_verdict_per_measure(comparison):
    html = comparison._repr_html_()
    for sentence in comparison_answer(comparison):
        assert sentence[:40] in html
    assert html.count("<tr>") == 1 + len(comparison.models)


def test_a_ranking_shows_its_choice_and_stays_a_table(ranking):
    html = ranking._repr_html_()
    assert choice_text(ranking) in html and "not told apart from" in html
    assert EVIL not in html
    part = ranking[ranking["score"] == "knn"]
    assert len(part) == 2 and "choice:" not in part._repr_html_()
    assert ranking.copy().attrs["kind"] == "board"


def test_a_series_and_its_analyses_are_shown(trajectory):
    series, found = trajectory
    assert "3 checkpoints on the same samples" in series._repr_html_()
    html = found._repr_html_()
    assert "0, 10, 20; below: the last one" in html and "TwoNN" in html
    ax = found.plot("lifespan_sum", 0, layers=["2"])
    assert len(ax.lines) == 1 and ax.get_xlabel() == series.unit
    assert ax.lines[0].get_xdata().tolist() == [0, 10, 20]
    assert found.plot().get_ylabel()
    assert series.plot().get_ylabel() == "top-1 accuracy on these samples"
    with pytest.raises(UsageError, match=r"plot_training\(\): no values of statistic='x'"):
        found.plot("x")


def test_figures_name_what_they_show(analysis, comparison, ranking):
    assert analysis.plot().get_ylabel()
    assert "two" in analysis.plot("two_nn").get_ylabel().lower()
    ax = comparison.plot("wasserstein", 1)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a l0", "a l1", "b l0", "b l1"]
    assert np.allclose(ax.images[0].get_array(), comparison.matrix("wasserstein", 1))
    gaps = comparison.plot("wasserstein", 1, gap=True)
    assert np.allclose(gaps.images[0].get_array(), comparison.matrix("wasserstein", 1, gap=True))
    assert comparison.plot().images
    with pytest.raises(UsageError, match="was not measured"):
        comparison.plot("rtd")
    ax = ranking.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["good", EVIL]
    assert ranking.plot("logme").get_xlabel().startswith("logme")
    with pytest.raises(UsageError, match="scores are knn, logme"):
        ranking.plot("theta")


def test_long_axes_name_every_second_layer(comparison):
    places = tuple(("a", f"l{i}", (i + 1) / 100) for i in range(100))
    many = replace(
        comparison, places=places, matrices={("cka", None): np.eye(100)}, gaps={}, networks=("a",)
    )
    assert len(many.plot().get_yticklabels()) == 34


def test_volumes_are_drawn_over_thresholds():
    maps = RNG.normal(size=(12, 3, 4, 4))
    found = analyzed(
        {"m0": maps, "m1": 2 * maps},
        filtration=ts.Cubical((0.0, 0.5, 1.0)),
        points=None,
        replicates=6,
        null=None,
    )
    ax = found.plot()
    assert ax.get_xlabel() == "threshold" and len(ax.lines) == 2
    assert ax.lines[0].get_xdata().tolist() == [0.0, 0.5, 1.0]
    assert found.plot("total_per_voxel").get_ylabel() != ax.get_ylabel()
    with pytest.raises(UsageError, match="Cubical"):
        ts.plots.plot_cubical(analyzed({"round": X}))


def test_validity_is_a_strip_of_named_marks(tmp_path):
    save_arrays(ts.from_arrays({"a": X, "b": X * [1, 1, 0.1, 0.1]}), tmp_path / "run")
    ts.analyze(tmp_path / "run", points=20, replicates=4, jobs=0, null="none")
    names = [Verdict("sample_size", one, measured=False) for one in Decision]
    ax = ts.plots.plot_validity(names)
    assert len(ax.get_yticklabels()) == len(Decision)
    assert {text.get_text() for text in ax.texts} == {one.value for one in Decision}
    assert len({line.get_marker() for line in ax.lines}) == len(Decision)
    ax.figure.draw_without_rendering()  # a frame that collapses is a warning, and here an error
    assert ax.get_window_extent().width > 0.4 * ax.figure.bbox.width
    with pytest.raises(UsageError, match="no verdicts"):
        ts.plots.plot_validity([])


def test_axes_that_are_given_are_drawn_into(analysis, comparison, ranking):
    import matplotlib.pyplot as plt

    for one in (analysis, comparison, ranking):
        ax = plt.figure().add_subplot()
        assert one.plot(ax=ax) is ax
    plt.close("all")


def test_what_has_no_figure_says_so():
    assert shown("<b>") == "<pre>&#x27;&lt;b&gt;&#x27;</pre>"
    with pytest.raises(UsageError, match="no figure of a str"):
        drawn("<b>")


def test_no_html_holds_a_script_or_an_open_tag(analysis, comparison, ranking):
    for one in (analysis, comparison, ranking):
        html = one._repr_html_()
        assert "<script" not in html
        for tag in ("p", "table", "tr", "td"):
            assert len(re.findall(rf"<{tag}[ >]", html)) == html.count(f"</{tag}>")
