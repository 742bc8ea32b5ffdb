"""The report file: self-contained, escaped, honest in words. The browser test draws it."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.findings import look
from toposcope.reporting import entry, page, payload, report_page
from toposcope.reporting.colors import run_styles
from toposcope.words import analysis as sentences

from .report_fixture import LAYERS, analysis, checkpoints, per_class

STATIC = Path(page.__file__).parent / "static"


@pytest.fixture(scope="module")
def one():
    return analysis(points=40, failures=True)


@pytest.fixture(scope="module")
def text(one):
    return report_page.render(look([one]))


def told(text):
    """The page without the marks of terms, and with plain spaces."""
    return re.sub(r"</?dfn[^>]*>", "", text).replace("\N{NO-BREAK SPACE}", " ")


def embedded(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found.group(1))


def test_report_writes_one_file(tmp_path, one):
    path = report_page.write_report(look([one]), tmp_path / "new" / "report.html")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_nothing_to_report_is_refused():
    with pytest.raises(UsageError, match=r"look\(\): no analysis given"):
        look([])
    with pytest.raises(UsageError, match=r"report\(\): got no runs"):
        entry.report([])


def test_every_script_is_pinned_and_nothing_else_may_load(text):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src[^;]*unsafe-inline", policy) is None
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert len(scripts) == len(report_page.SCRIPTS) - 1  # that of volumes is left out
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_no_address_is_loaded_and_no_handler_is_inline(text):
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert re.findall(r'\b(?:src|href)="(?!#)[^"]*"', markup) == []
    assert re.findall(r"<[^>]*\son\w+=", markup) == []


def test_hostile_names_are_escaped_in_markup_and_data():
    evil = "</script><script>window.__pwned=1</script>"
    hostile = analysis(
        evil, layers=(evil, "b\u2028c", "<img src=x onerror=alert(1)>"), points=20, model=evil
    )
    text = report_page.render(look([hostile]))
    assert "<script>window" not in text
    assert "<img" not in text
    assert "\u2028" not in re.search(r'id="data">(.*?)</script>', text, re.S).group(1)
    assert embedded(text)["runs"][0]["layers"] == list(hostile.layers)


def test_undecodable_file_names_can_be_written(tmp_path):
    odd = analysis("caf\udce9", points=20)
    path = report_page.write_report(look([odd]), tmp_path / "r.html")
    assert "caf?" in path.read_text("utf-8")


def test_the_file_stays_small(one, text):
    own = len(text) - len(page.static(page.PLOTLY))
    assert own < 300_000


def test_failures_are_announced_at_the_top_and_explained(text):
    notice = text.index("1 task could not be done")
    assert notice < text.index('id="answer"')
    assert "17 of 400 activations are not finite" in text[text.index('id="failures"') :]


def test_a_failed_layer_stays_a_gap_in_network_order(one, text):
    run = embedded(text)["runs"][0]
    assert run["layers"] == list(LAYERS)
    assert run["shapes"][0]["layers"][2] is None
    series = next(s for s in run["series"] if s["stat"] == "lifespan_sum")
    assert series["mean"][2] is None
    assert series["mean"][3] is not None


def test_embedded_numbers_are_those_of_the_analysis(one, text):
    run = embedded(text)["runs"][0]
    shape = next(s for s in run["shapes"] if s["dim"] == 1)
    pairs = one.diagrams.pairs(LAYERS[0], 1, replicate=2)
    shown = shape["layers"][0]["pairs"][2]
    assert sorted(shown["death"]) == pytest.approx(sorted(pairs[:, 1]), rel=1e-3)
    rows = one.intervals[
        (one.intervals["statistic"] == "two_nn") & (one.intervals["cloud"] == "data")
    ]
    series = next(s for s in run["series"] if (s["stat"], s["cloud"]) == ("two_nn", "data"))
    assert series["low"] == pytest.approx(list(rows["low"]), rel=1e-4)


def test_huge_diagrams_are_thinned_and_said_to_be(one, monkeypatch):
    monkeypatch.setattr(payload, "PAIRS_BUDGET", 100)
    plan = payload.pairs_plan([one])
    assert plan == {"replicates": "first", "longest": 20}
    shape = payload.report_payload([one])["runs"][0]["shapes"][0]
    assert [len(p["death"]) for p in shape["layers"][0]["pairs"]] == [20]
    assert len(shape["layers"][0]["count"]) == 4


def test_essential_deaths_become_null():
    found = payload.pairs_payload(np.array([[0.0, 1.0], [0.0, np.inf]]), None)
    assert found == {"death": [None, 1]}


def test_checkpoints_share_hue_and_marker_and_darken_by_step():
    styles = run_styles([a.attrs for a in checkpoints()])
    assert {s.marker for s in styles[:3]} == {"circle"}
    assert {s.marker for s in styles[3:]} == {"square"}
    assert len({s.light for s in styles}) == 6
    assert [int(s.light[1:3], 16) for s in styles[:3]] == sorted(
        (int(s.light[1:3], 16) for s in styles[:3]), reverse=True
    )


def test_one_model_on_two_data_sets_is_told_apart_everywhere():
    spec = {"model": "hf:/somewhere/minilm/model", "step": None}
    sets = [
        replace(a, name="minilm", attrs=a.attrs | spec | {"data": f"jsonl:/x/{d}", "data_name": d})
        for a, d in ((analysis(points=20), "trec/train"), (analysis(points=20), "sst2/train"))
    ]
    told = entry.told_apart(sets)
    assert [a.name for a in told] == ["minilm (trec/train)", "minilm (sst2/train)"]
    first, second = (run["style"] for run in payload.report_payload(told)["runs"])
    assert first["light"] != second["light"]
    assert first["marker"] != second["marker"]
    shown = report_page.identity(told[0], first, None)
    assert (shown["model"], shown["data"]) == ("minilm/model", "trec/train")
    assert dict(sentences.methods(told))["Model"] == [("", "hf:/somewhere/minilm/model")]


def test_commands_end_with_the_report(one, tmp_path):
    text = report_page._commands([replace(one, run=tmp_path / "my run")])
    assert text.splitlines()[-1] == f"toposcope report '{tmp_path}/my run' -o report.html"


def test_data_without_pictures_and_labels():
    plain = replace(analysis(points=20, pictures=False), activations=None)
    (run,) = payload.report_payload([plain])["runs"]
    (cloud,) = run["clouds"]
    # Without activations there is no cloud; loops are those stored, by the rows of their samples.
    assert cloud["shown"] == 0 and len(cloud["layers"][LAYERS[0]]["loops"]) == 3
    text = report_page.render(look([plain]))
    assert "Samples on loops" in text and 'id="figure-cloud"' not in text
    entry = embedded(text)["samples"][cloud["samples"]]
    assert entry["sheet"] is None and entry["names"][0].startswith("sample ")


def test_one_replicate_still_reports():
    single = analysis(points=20, replicates=1)
    run = embedded(report_page.render(look([single])))["runs"][0]
    series = next(s for s in run["series"] if s["cloud"] == "data")
    assert series["low"][0] is None
    assert "one_replicate" in series["why"][0]


def test_classes_are_kept_apart_and_labelled():
    text = report_page.render(look([per_class()]))
    run = embedded(text)["runs"][0]
    assert run["labels"] == ["cat", "dog"]
    assert len(run["shapes"]) == 4
    assert "draws of 30 points per class" in told(text)
    assert "classes are pooled" not in told(text)


def test_pools_that_differ_are_counted():
    a = analysis(points=20)
    mixed = replace(a, attrs=a.attrs | {"pool": {"x": "gap", "y": "gap", "z": "flatten"}})
    assert report_page.identity(mixed, {}, None)["pool"] == "gap (2 layers), flatten (1 layer)"


def test_diagrams_without_provenance_are_reported(one):
    attrs = {"overlapping": False, "level": 0.95, "replicates": 4, "points": 40, "null": "none"}
    frames = {
        name: frame[frame["cloud"] == "data"]
        for name, frame in (("intervals", one.intervals), ("table", one.table))
    }
    bare = replace(one, attrs=attrs | {"n": None}, **frames, activations=None, failures=[])
    text = report_page.render(look([bare]))
    run = embedded(text)["runs"][0]
    assert run["unit"] == "in filtration units"
    assert "4 disjoint draws of 40 points, with 95 %" in told(text)
    assert "Gray are the null models" not in text
    assert "Gray are the null models: Gaussian null, a Gaussian" in report_page.render(look([one]))
    assert dict(sentences.methods([bare]))["Null"] == [("", "none drawn")]


def test_the_page_holds_every_null_model_that_was_drawn_and_no_other():
    acts = ts.from_arrays({"a": np.random.default_rng(0).normal(size=(90, 3))})
    for nulls in ("copula", "gaussian,copula,shuffled", "none"):
        made = ts.analyze(acts, points=30, replicates=3, null=nulls, jobs=0)
        data = embedded(report_page.render(look([made])))
        names = [] if nulls == "none" else nulls.split(",")
        assert list(data["nulls"]) == names
        (layer,) = data["runs"][0]["shapes"][0]["layers"]
        assert list(layer["nulls"]) == names
        assert all(len(one["betti"]) == len(layer["betti_mean"]) for one in layer["nulls"].values())
    assert "gaussian" not in (STATIC / "depth.js").read_text() + (STATIC / "layer.js").read_text()


def test_a_dimension_stands_beside_its_cube_on_the_page():
    acts = ts.from_arrays({"cube": np.random.default_rng(0).random((640, 8))})
    made = ts.analyze(acts, points=160, replicates=4, null="none", jobs=0)
    text = report_page.render(look([made]))
    series = {one["stat"]: one for one in embedded(text)["runs"][0]["series"]}
    assert "cube" not in series["lifespan_sum"]
    for name in ("ph_dimension", "two_nn"):
        (cube,) = series[name]["cube"]
        assert abs(float(cube.split()[0]) - 8) < 1.2 and float(series[name]["mean"][0]) < 7.6
    assert "Dimensions are biased at this n (of 160 points, cubes of 5, 10 and 22" in text
    assert "biased: of 160 points" in text
    few = ts.analyze(acts, points=20, replicates=4, null="none", jobs=0)
    page = report_page.render(look([few]))
    assert "The bias of dimensions is undefined (no cube of 20 points was measured)" in page
