"""First screens in headless Chromium: a sentence, a picture, a mark; and data that are hard."""

import json
import time

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from toposcope.reporting.ranking_page import write_board
from toposcope.reporting.report_page import write_report
from toposcope.reporting.study_page import write_studies
from toposcope.studies import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.study import Study
from toposcope.studies.verdicts import evidence_of_mean, judge
from toposcope.transfer.ranking.board import Entry, assemble

from ..unit.reporting.report_fixture import (  # noqa: TID252 - the tests are no installed package
    PictureAnalysis,
    analysis,
)
from .test_comparison_browser import comparison
from .test_report_browser import browser, clean, look, settle

__all__ = ["browser"]
pytestmark = pytest.mark.browser
QUICK = {"points": 12, "replicates": 3, "null": "none", "jobs": 0}


def network(seed, n=40, **options):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return ts.from_arrays({"a": X, "b": np.tanh(2 * X)}, name=f"net {seed}", **options)


def of_report(place):
    small = analysis(points=16, replicates=3, layers=("stem", "block", "head"))
    return write_report(ts.findings.look([small]), place)


def of_comparison(place):
    found = comparison(("first", "second"), ("a", "b", "c"), measures=("cka",), replicates=4)
    return ts.report(found, to=place)


def of_ranking(place):
    E = np.linspace(-1, 1, 8) / 10
    scores = {
        name: {"resnet": Entry(2 + E, points=100), "vit": Entry(1 - E, points=100)}
        for name in ("linear_probe", "knn", "logme")
    }
    table = assemble(scores, dict.fromkeys(scores, (True, True, "")))
    table.attrs = {
        **{"kind": "board", "candidates": ["resnet", "vit"], "failures": [], "sensitivity": []},
        **{"target": "npz:flowers.npz", "target_name": "flowers", "replicates": 8, "points": 100},
        **{"images": 64, "threshold": 0.0, "level": 0.95, "seed": 0},
    }
    return write_board(table, place)


def of_population(place):
    found = {f"net {i}": ts.analyze(network(i), **QUICK) for i in range(6)}
    return ts.report(ts.population(found, {"activation": ["relu", "tanh"] * 3}), to=place)


def of_study(place):
    claim = Claim(
        "holes", "Somebody 2020", "Holes close with depth", Unit.NETWORK, "slope", Rule(), "", ()
    )
    values = pd.Series(np.random.default_rng(0).normal(1.0, 0.1, 9))
    verdict = judge(claim, evidence_of_mean(values, claim.rule, null=-values))
    curve = Curve("net", ["a", "b"], [1.0, 2.0], [0.0, 1.0], [2.0, 3.0])
    study = Study(
        name="holes",
        verdicts=[verdict],
        table=pd.DataFrame({"x": [1.0]}),
        figure=Figure("Holes", [Panel("Betti 1", "layer", "holes", [curve])]),
        failures=[],
        folder=place.parent / "study",
        spec={"design": {}, "runs": []},
        seconds={"forecast": 1.0, "took": 1.0},
    )
    return write_studies([study], place)


PAGES = {
    name.removeprefix("of_"): make
    for name, make in list(globals().items())
    if name.startswith("of_")
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_sentence_picture_and_mark_stand_on_the_first_screen(
    browser, tmp_path_factory, kind, scheme
):
    look_at(browser, page_of(kind, tmp_path_factory), scheme)
    seen = browser.execute_script(
        """const box = (query) => [...document.querySelectorAll(query)].map((one) => {
             const at = one.getBoundingClientRect();
             return {top: at.top, height: at.height, width: at.width, text: one.innerText ?? ""};
           }).filter((one) => one.width > 0 && one.height > 0);
           const ink = (query) => getComputedStyle(document.querySelector(query)).color;
           return {sentence: box(".headline"), mark: box(".mark"),
             picture: box("#answer canvas, #answer .plot, #answer svg, #answer img")};"""
    )
    sentence, mark, picture = seen["sentence"][0], seen["mark"][0], seen["picture"][0]
    assert len(sentence["text"].split()) >= 2 and sentence["top"] < 250
    assert mark["text"].strip() and mark["top"] + mark["height"] <= 900
    # Half of the picture, or what can be read of a strip with one row a candidate.
    assert picture["top"] + picture["height"] / 2 < 900, seen
    clean(browser)


@pytest.mark.parametrize("kind", PAGES)
def test_nothing_of_a_first_screen_is_cut_or_larger_than_the_screen(
    browser, tmp_path_factory, kind
):
    look_at(browser, page_of(kind, tmp_path_factory), width=390)
    cut = browser.execute_script(
        """return [...document.querySelectorAll("#answer *")].filter((one) => one.clientWidth
             && one.scrollWidth > one.clientWidth + 1
             && getComputedStyle(one).overflowX === "hidden"
             && !one.closest(".plot, svg, canvas")).map((one) => one.outerHTML.slice(0, 90))"""
    )
    assert cut == []
    assert "`" not in browser.execute_script("return document.querySelector('#answer').innerText")
    look_at(browser, page_of(kind, tmp_path_factory), width=1400)
    tall = browser.execute_script(
        """return [...document.querySelectorAll("#answer img, #answer canvas")]
             .map((one) => one.getBoundingClientRect().height).filter((height) => height > 720)"""
    )
    assert tall == []
    clean(browser)


def page_of(kind, factory):
    """One page of each kind for all tests of this file."""
    place = factory.getbasetemp() / f"first_{kind}.html"
    return place if place.exists() else PAGES[kind](place)


def look_at(browser, path, scheme="light", width=1400):
    """A page at 1,400 by 900; pages without scripts have nothing to wait for."""
    if "data-ready" in path.read_text("utf-8") or "dataset.ready" in path.read_text("utf-8"):
        look(browser, path, width=width, scheme=scheme)
    else:
        browser.get_log("browser")
        browser.get_log("performance")
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.get(path.as_uri())


def cloud(browser):
    """Where the points of the cloud are drawn now."""
    return browser.execute_script("return JSON.stringify(toposcope.cloudNow().rows.slice(0, 9))")


def slide(browser, value):
    browser.execute_script(
        """const s = document.querySelector("#figure-cloud input.depth");
           s.value = arguments[0]; s.dispatchEvent(new Event("input", {bubbles: true}));
           s.dispatchEvent(new Event("change", {bubbles: true}));""",
        value,
    )
    settle(browser)


def test_the_slider_moves_the_cloud_and_the_address_keeps_the_layer(browser, tmp_path_factory):
    look(browser, page_of("report", tmp_path_factory))
    last = browser.execute_script("return document.querySelector('#figure-cloud .depth').max")
    slide(browser, 0)
    before = cloud(browser)
    slide(browser, last)
    deadline = time.monotonic() + 5
    while (after := cloud(browser)) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert after != before
    layer = browser.execute_script("return toposcope.state.layer")
    slide(browser, 1)
    chosen = browser.execute_script("return toposcope.state.layer")
    address = browser.current_url
    assert chosen != layer and "layer=" in address
    browser.get("about:blank")
    browser.get(address)
    settle(browser)
    assert browser.execute_script("return toposcope.state.layer") == chosen
    clean(browser)


def test_ten_thousand_classes(browser, tmp_path):
    n = 10_000
    names = [f"class {i}" for i in range(n)]
    made = ts.analyze(network(0, n, labels=np.arange(n), class_names=names), **QUICK)
    path = ts.report(made, to=tmp_path / "r.html")
    look(browser, path)
    assert json.loads(cloud(browser))
    # What is drawn is 12 points: a page must not list the other classes.
    assert browser.execute_script("return document.querySelectorAll('*').length") < 20_000
    assert path.stat().st_size < 4e6
    clean(browser)


def test_labels_of_ten_megabytes(browser, tmp_path):
    names = ["x" * 5_000_000, "y" * 5_000_000]
    made = ts.analyze(network(0, labels=np.arange(40) % 2, class_names=names), **QUICK)
    path = ts.report(made, to=tmp_path / "r.html")
    look(browser, path)
    assert json.loads(cloud(browser))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1400
    assert path.stat().st_size < 4e6
    clean(browser)


def test_one_layer(browser, tmp_path, tmp_path_factory):
    acts = ts.from_arrays({"only": np.random.default_rng(0).normal(size=(40, 3))}, name="net")
    path = ts.report(ts.analyze(acts, **QUICK), to=tmp_path / "r.html")
    look(browser, path)
    assert json.loads(cloud(browser))
    assert browser.execute_script("return document.querySelector('.headline').innerText")
    shown = "return document.querySelector('#figure-cloud .play').checkVisibility()"
    assert not browser.execute_script(shown)  # nothing to play through
    look(browser, page_of("report", tmp_path_factory))
    assert browser.execute_script(shown)
    clean(browser)


class Damaged(PictureAnalysis):
    """One of its pictures cannot be read."""

    def thumbnails(self, rows):
        raise ts.errors.DamagedError("shard of pictures does not match its recorded hash")


def test_a_damaged_picture_costs_the_pictures_and_nothing_else(browser, tmp_path):
    made = analysis(points=16, replicates=3, layers=("stem", "block", "head"))
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    look(browser, write_report(ts.findings.look([Damaged(**fields)]), tmp_path / "r.html"))
    assert json.loads(cloud(browser))
    text = browser.execute_script("return document.querySelector('main').innerText")
    assert "does not match its recorded hash" in text
    clean(browser)
