"""The report in headless Chromium, opened from file:// as a reader does."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest

import toposcope as ts
from toposcope.reporting.report_page import write_report

from ..unit.reporting.report_fixture import (  # noqa: TID252 - the tests are no installed package
    LAYERS,
    analysis,
    checkpoints,
    per_class,
)

TITLE = "</title><script>document.title=1</script>"
pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage"
)
PLOTS = {"depth": 1, "layer": 4, "panel": 2, "distances": 2}
HOSTILE = (
    "</script><script>window.__pwned=1</script>",
    "<img src=x onerror=window.__pwned=1>",
    "<svg onload=window.__pwned=1>",
    "<svg><script>window.__pwned=1</script></svg>",
    '"><script>window.__pwned=1</script>',
    "'-(window.__pwned=1)-'",
    "<a href='javascript:window.__pwned=1'>click</a>",
    "<iframe srcdoc='<script>parent.__pwned=1</script>'>",
    "<b>bold</b>",
    "two<br>lines &lt;i&gt;",
    "<!-- <script> window.__pwned=1",
    "%{x}<extra>%{customdata}</extra>",
    "$\\href{javascript:window.__pwned=1}{x}$",
    "{{ 7 * 7 }}{% raw %}",
    "</title><script>document.title='pwned'</script>",
    "<style>*{display:none}</style>",
    "a\u2028b\u2029c\u202e\x00d",
    "__proto__",
    "x" * 300,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        reason = "chromium and chromedriver are not both on PATH"
        if os.environ.get("TOPOSCOPE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, and TOPOSCOPE_REQUIRE_BROWSER=1 asks for them")
        pytest.skip(reason)
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in OPTIONS.split():
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    made = analysis(points=40, failures=True)
    return write_report(ts.findings.look([made]), tmp_path_factory.mktemp("one") / "r.html")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    runs = checkpoints()
    return write_report(ts.findings.look(runs), tmp_path_factory.mktemp("many") / "r.html")


def look(browser, path, *, width=1400, scheme="light"):
    browser.get_log("browser")
    browser.get_log("performance")
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get("about:blank")  # the address keeps what was chosen: each test begins anew
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.dataset.ready") == "true"
    settle(browser)


def settle(browser):
    """Wait until the figures off the screen, which are drawn when there is time, are drawn too."""
    deadline = time.monotonic() + 20
    settled = "return document.documentElement.dataset.settled"
    while browser.execute_script(settled) != "true":
        assert time.monotonic() < deadline, "figures are still being drawn"
        time.sleep(0.02)


def clean(browser):
    """No console message, and nothing asked of any network."""
    assert [m for m in browser.get_log("browser") if m["level"] in ("SEVERE", "WARNING")] == []
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def counts(browser):
    """Plots with at least one drawn trace, per figure."""
    return browser.execute_script(
        """const out = {};
        for (const name of arguments[0]) {
          out[name] = [...document.querySelectorAll(`#figure-${name} .plot`)].filter(
            (p) => p.querySelector("svg .trace path, svg .hm image, svg .scatterlayer .js-line")
          ).length;
        }
        return out;""",
        list(PLOTS),
    )


def choose(browser, figure, name, text):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    select = browser.find_element(By.CSS_SELECTOR, f"#{figure} select[name={name}]")
    Select(select).select_by_visible_text(text)
    settle(browser)


def drawn(browser, figure):
    """The data that Plotly holds for the first plot of a figure."""
    return browser.execute_script(
        f"""const p = document.querySelector("#figure-{figure} .plot");
        return JSON.stringify(p.data.map((d) => [d.y, d.z]));"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_every_figure_renders_and_nothing_scrolls_sideways(browser, one, scheme, width):
    look(browser, one, width=width, scheme=scheme)
    assert counts(browser) == PLOTS
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    pictures = browser.execute_script(
        """return Promise.all([...document.querySelectorAll("#figure-loops image")].map((i) => {
          const picture = new Image(); picture.src = i.getAttribute("href");
          return picture.decode().then(() => picture.naturalWidth);
        }));"""
    )
    shown = browser.execute_script(
        """return toposcope.cloudLayer().loops.slice(0, 3).map((loop) =>
          Math.ceil(loop[2].length / Math.ceil(loop[2].length / 24)));"""
    )
    assert len(pictures) == sum(shown) > 0
    assert set(pictures) == {8}
    clean(browser)


def test_volumes_have_curves_over_thresholds_and_no_empty_figures(browser, tmp_path):
    maps = np.random.default_rng(0).normal(size=(12, 3, 5, 5))
    acts = ts.from_arrays({"first": maps, "last": np.maximum(maps[:, :2], 0)}, name="volumes")
    found = ts.analyze(acts, filtration=ts.Cubical((-0.5, 0, 0.5)), replicates=12, jobs=0)
    path = ts.report(found, to=tmp_path / "r.html")
    look(browser, path)
    curves = json.loads(drawn(browser, "thresholds"))
    assert len(curves) == 2 and len(curves[0][0]) == 3  # a line per layer, a mark per threshold
    h0 = found.intervals.query("layer == 'last' and statistic == 'betti_number@0.5'")
    assert curves[1][0][2] == pytest.approx(h0["mean"].iloc[0], rel=1e-3)
    choose(browser, "figure-thresholds", "betti", "total per voxel")
    assert json.loads(drawn(browser, "thresholds")) != curves
    text = browser.execute_script("return document.querySelector('main').innerText")
    assert "12 images" in text and "12 draws" not in text and "disjoint draws of" not in text
    assert "cannot see what it does" in text and "per voxel" in text
    assert not browser.execute_script("return document.getElementById('figure-layer')")
    clean(browser)


def test_layer_picker_changes_figures(browser, one):
    look(browser, one)
    before = drawn(browser, "layer")
    choose(browser, "figure-layer", "layer", LAYERS[1])
    assert drawn(browser, "layer") != before
    title = "return document.querySelector('#figure-layer .plot-title').textContent"
    assert LAYERS[1] in browser.execute_script(title)
    # Pickers of the same choice agree everywhere.
    loops = "return document.querySelector('#figure-loops .plot-title').textContent"
    assert LAYERS[1] in browser.execute_script(loops)
    choose(browser, "figure-layer", "layer", LAYERS[2])
    assert "has no diagram" in browser.execute_script(title)
    choose(browser, "figure-layer", "layer", LAYERS[3])
    assert counts(browser) == PLOTS
    clean(browser)


def test_statistic_and_homology_pickers_change_the_curves(browser, one):
    look(browser, one)
    seen = {drawn(browser, "depth")}
    choose(browser, "figure-depth", "homology", "H1")
    seen.add(drawn(browser, "depth"))
    choose(browser, "figure-depth", "statistic", "TwoNN dimension")
    seen.add(drawn(browser, "depth"))
    assert len(seen) == 3
    hidden = browser.execute_script(
        "return getComputedStyle(document.querySelector('#figure-depth select[name=homology]')"
        ".parentElement).display"
    )
    assert hidden == "none"
    clean(browser)


def test_keyboard_moves_the_layer_picker(browser, one):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    look(browser, one)
    before = drawn(browser, "layer")
    picker = browser.find_element(By.CSS_SELECTOR, "#figure-layer select[name=layer]")
    picker.send_keys(Keys.ARROW_UP)
    settle(browser)
    assert drawn(browser, "layer") != before
    assert browser.switch_to.active_element == picker


def test_table_sorts_by_value_and_says_so(browser, one):
    from selenium.webdriver.common.by import By

    look(browser, one)
    for expected in ("ascending", "descending"):
        browser.find_element(By.CSS_SELECTOR, "#numbers th[data-key=mean] button").click()
        header = browser.find_element(By.CSS_SELECTOR, "#numbers th[data-key=mean]")
        assert header.get_attribute("aria-sort") == expected
        cells = browser.find_elements(By.CSS_SELECTOR, "#numbers tbody td:nth-child(3)")
        values = [float(cell.text) for cell in cells]
        assert values == sorted(values, reverse=expected == "descending")


def test_checkpoints_get_one_panel_per_model_and_can_be_switched_off(browser, many):
    from selenium.webdriver.common.by import By

    look(browser, many)
    assert counts(browser) == PLOTS | {"depth": 2}
    choose(browser, "figure-depth", "panels", "all in one")
    assert counts(browser) == PLOTS
    for box in browser.find_elements(By.CSS_SELECTOR, "#figure-depth .legend input"):
        box.click()
    settle(browser)
    assert counts(browser)["depth"] == 0
    choose(browser, "figure-panel", "run", "small_cnn step 0")
    chosen = "return document.querySelector('#figure-layer select[name=run]').value"
    assert browser.execute_script(chosen) == "0"
    clean(browser)


def test_class_picker_moves_every_figure(browser, tmp_path):
    look(browser, write_report(ts.findings.look([per_class()]), tmp_path / "r.html"))
    names = ["depth", "layer", "panel", "distances"]
    before = [drawn(browser, name) for name in names]
    choose(browser, "figure-depth", "label", "dog")
    after = [drawn(browser, name) for name in names]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert counts(browser) == PLOTS
    clean(browser)


def test_dark_readers_print_on_white(browser, one):
    look(browser, one, scheme="dark")
    ink = "return document.querySelector('#figure-depth .plot').layout.font.color"
    screen = browser.execute_script(ink)
    browser.execute_script(
        """window.printed = [];
        window.addEventListener("beforeprint", () => printed.push(
          document.querySelector("#figure-depth .plot").layout.font.color));"""
    )
    browser.execute_cdp_cmd("Page.printToPDF", {})
    printed = browser.execute_script("return window.printed")
    assert printed
    assert screen not in printed
    assert browser.execute_script(ink) == screen


def test_figures_follow_a_live_change_of_scheme(browser, one):
    look(browser, one)
    ink = "return document.querySelector('#figure-depth .plot').layout.font.color"
    light = browser.execute_script(ink)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    deadline = time.monotonic() + 5
    while browser.execute_script(ink) == light and time.monotonic() < deadline:
        time.sleep(0.05)
    assert browser.execute_script(ink) != light
    assert counts(browser) == PLOTS


def test_hostile_names_stay_text(browser, tmp_path):
    evil = HOSTILE[0]
    made = analysis(
        evil, model=HOSTILE[1], layers=HOSTILE, class_names=HOSTILE, points=14, replicates=3
    )
    path = write_report(ts.findings.look([made]), tmp_path / "<b>r.html", title=TITLE)
    look(browser, path)
    assert browser.title == TITLE
    choices = browser.execute_script("return toposcope.data.runs[0].layers.length")
    assert choices == len(HOSTILE)
    # What is on the screen is drawn before the call returns: at the top the cloud, the curves and
    # the address for every name; then the figures of a layer, a second of drawing each, for some.
    for figure, names in (("figure-cloud", HOSTILE), ("figure-layer", HOSTILE[::4])):
        browser.execute_script(f"document.getElementById('{figure}').scrollIntoView()")
        for name in names:
            browser.execute_script(
                """const s = document.querySelector("#figure-layer select[name=layer]");
                s.value = String(arguments[0]); s.dispatchEvent(new Event("change"));""",
                HOSTILE.index(name),
            )
    title = "return document.querySelector('#figure-layer .plot-title').textContent"
    assert names[-1] in browser.execute_script(title)
    settle(browser)
    hover_all(browser)
    assert browser.execute_script("return typeof window.__pwned") == "undefined"
    # Plotly would turn pseudo-HTML of a label into links and bold text.
    ours = "svg a, svg script, svg iframe, .plots img, .plots iframe, .plots style:not([id])"
    assert browser.execute_script(f"return document.querySelectorAll('{ours}').length") == 0
    labels = browser.execute_script(
        """return [...document.querySelectorAll("#figure-depth .xtick text")]
          .map((e) => e.textContent).join(" ");"""
    )
    assert "<b>bold</b>" in labels
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1400
    clean(browser)


def hover_all(browser):
    """Ask Plotly for the hover label of points of every plot, as a mouse would."""
    browser.execute_script(
        """for (const p of document.querySelectorAll(".plot")) {
          for (const [curve, trace] of p.data.entries()) {
            if (trace.hoverinfo !== "text") continue;
            const pointNumber = trace.type === "heatmap" ? [0, 0] : 0;
            Plotly.Fx.hover(p, [{ curveNumber: curve, pointNumber }]);
          }
        }"""
    )


def test_training_has_a_panel_per_model_and_a_line_per_layer(browser, many):
    look(browser, many)
    lines = """return [...document.querySelectorAll('#figure-training .plot')].map(
        (p) => [p.querySelectorAll('.scatterlayer .js-line').length, p.layout.xaxis.ticktext])"""
    shown = browser.execute_script(lines)
    layers = browser.execute_script("return toposcope.data.runs.map((run) => run.layers.length)")
    assert [count for count, _ in shown] == [layers[0], layers[-1]]
    # Steps 0, 40, 400 are too uneven for a linear axis.
    assert shown[0][1] == ["0", "40", "400"]
    clean(browser)


def test_one_network_has_no_training(browser, one):
    look(browser, one)
    assert browser.execute_script("return document.getElementById('figure-training')") is None


def test_a_map_of_500_layers_is_drawn_and_told_by_its_ends(browser, tmp_path):
    """Math.min of 250,000 arguments overflows the stack: the page stopped there."""
    page = write_report(ts.findings.look([analysis(points=10, replicates=3)]), tmp_path / "r.html")
    look(browser, page)
    told = browser.execute_script(
        """const all = [...Array(500).keys()], z = all.map((i) => all.map((j) => i + j));
           const plot = document.body.appendChild(document.createElement("div"));
           toposcope.draw(plot, [{type: "heatmap", z, name: "map"}], {});
           return [plot.getAttribute("aria-label"), toposcope.ends([3, null, -1])];"""
    )
    assert told == ["Figure. map: 500 rows, from 0 to 998", [-1, 3]]
    clean(browser)


def test_of_many_layers_pairs_below_the_noise_are_cells_and_the_frame_follows(browser, tmp_path):
    many = analysis(points=8, replicates=3, layers=tuple(f"block{i}" for i in range(64)))
    page = write_report(ts.findings.look([many]), tmp_path / "r.html")
    look(browser, page)
    settle(browser)
    seen = browser.execute_script(
        """const plot = document.querySelector("#figure-distances .plot");
           return [plot.data.map((one) => one.type), plot.layout.shapes[0].y0,
             document.querySelector("#figure-distances .missing").textContent];"""
    )
    assert seen[0] == ["heatmap", "heatmap"]
    assert "Pale cells are pairs of layers below it" in seen[2]
    browser.execute_script("toposcope.set({layer: 'block5'})")
    settle(browser)
    moved = browser.execute_script(
        """return ["distances", "panel"].map((name) =>
             document.querySelector(`#figure-${name} .plot`).layout.shapes[0].y0)"""
    )
    assert moved == [4.5, 4.5] != seen[1]
    clean(browser)


def test_pairs_are_a_few_paths_and_each_can_be_pointed_at_chosen_and_taken_along(browser, one):
    """An object for every pair took 100 of the 125 ms in which a layer was drawn."""
    from selenium.webdriver.common.action_chains import ActionChains

    look(browser, one)
    browser.execute_script("toposcope.set({hole: 1})")  # whatever the headline is about
    settle(browser)
    browser.execute_script("document.getElementById('figure-layer').scrollIntoView()")
    settle(browser)
    seen = browser.execute_script(
        """const plot = document.querySelector("#figure-layer .plot");
           const dots = [...plot.querySelectorAll(".dots path")];
           const own = plot.data.filter((one) => one.dots), at = own.at(-1);
           const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
           return {pairs: own.map((one) => one.x.length), objects: dots.length,
             drawn: dots.map((one) => one.getAttribute("d").split("M").length - 1),
             markers: plot.querySelectorAll(".points path").length,
             first: [xaxis.d2p(at.x[0]) + xaxis._offset - box.width / 2,
                     yaxis.d2p(at.y[0]) + yaxis._offset - box.height / 2].map(Math.round)};"""
    )
    assert sum(seen["drawn"]) == sum(seen["pairs"]) > 40 and seen["markers"] == 0
    assert seen["objects"] <= 12 < sum(seen["pairs"])
    plot = browser.find_element("css selector", "#figure-layer .plot")
    ActionChains(browser).move_to_element_with_offset(plot, *seen["first"]).perform()
    deadline = time.monotonic() + 5
    bar = "return toposcope.state.bar && [toposcope.state.bar.dim, toposcope.state.bar.rank]"
    while browser.execute_script(bar) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert browser.execute_script(bar) == [1, 0]
    assert "H1: birth" in browser.execute_script(
        "return document.querySelector('#figure-layer .hoverlayer').textContent"
    )
    # What is chosen stands out: one path more, of one pair, and the others paler. The pointer
    # goes away first: leaving a point ends what it pointed at.
    away = browser.find_element("css selector", "#figure-layer .plot-title")
    ActionChains(browser).move_to_element(away).perform()
    deadline = time.monotonic() + 5
    while browser.execute_script(bar) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    browser.execute_script("toposcope.set({bar: {dim: 1, rank: 0}})")
    settle(browser)
    full = browser.execute_script(
        """return [...document.querySelectorAll("#figure-layer .dots path")].filter(
             (one) => one.getAttribute("stroke") === toposcope.color(toposcope.data.runs[0])
               || one.getAttribute("opacity") === "1").map(
             (one) => one.getAttribute("d").split("M").length - 1)"""
    )
    assert full == [1]
    # The file to take along has an object for every pair, as an editor of drawings wants it.
    taken = browser.execute_script(
        """return Plotly.toImage(toposcope.whole(document.querySelector("#figure-layer .plot")),
             {format: "svg", width: 400, height: 360}).then((uri) => decodeURIComponent(uri))"""
    )
    assert len(re.findall('class="point[ "]', taken)) == sum(seen["pairs"])
    # And the dots follow the axes.
    before = "return document.querySelector('#figure-layer .dots path').getAttribute('d')"
    drawn_at = browser.execute_script(before)
    browser.execute_script(
        """const plot = document.querySelector("#figure-layer .plot");
           Plotly.relayout(plot, {"yaxis.range": [0, 9]})"""
    )
    assert browser.execute_script(before) != drawn_at
    clean(browser)
