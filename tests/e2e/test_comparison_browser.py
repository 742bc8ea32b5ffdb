"""The page of a comparison in headless Chromium, with names that try to break out of it."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError

from .test_report_browser import HOSTILE, browser, clean, look

__all__ = ["browser"]
pytestmark = pytest.mark.browser

FIGURES = {"pairs": 2, "matrix": 1, "map": 1}


def comparison(names, layers, *, measures=("wasserstein", "cka"), replicates=8):
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(160, 3))
    sets = []
    for shift, name in enumerate(names):
        kept = {
            layer: np.tanh(latent * (1 + k + shift)) + 0.1 * rng.normal(size=(160, 3))
            for k, layer in enumerate(layers)
        }
        sets.append(ts.from_arrays(kept, name=name))
    return ts.compare(*sets, measures=measures, points=20, replicates=replicates, jobs=0)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    found = comparison(("first", "second", "third"), ("a", "b", "c", "d"))
    return ts.report(found, to=tmp_path_factory.mktemp("page") / "c.html")


def drawn(browser):
    return browser.execute_script(
        """return Object.fromEntries(arguments[0].map((name) => [name,
          [...document.querySelectorAll(`#figure-${name} .plot`)].filter(
            (p) => p.querySelector("svg .trace path, svg .hm image, svg .js-line")).length]))""",
        list(FIGURES),
    )


@pytest.mark.parametrize(
    ("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")]
)
def test_every_figure_is_drawn_and_nothing_is_fetched(browser, page, width, scheme):
    look(browser, page, width=width, scheme=scheme)
    assert drawn(browser) == FIGURES
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    clean(browser)


def test_every_choice_of_measure_and_networks_draws(browser, page):
    look(browser, page)
    for name in ("measure", "networks", "shown"):
        options = browser.execute_script(
            f"return document.querySelectorAll('select[name={name}] option').length"
        )
        assert options >= 2
        for value in range(options):
            browser.execute_script(
                f"""for (const s of document.querySelectorAll('select[name={name}]')) {{
                  s.selectedIndex = {value}; s.dispatchEvent(new Event('change')); }}"""
            )
            assert drawn(browser) == FIGURES
    clean(browser)


def test_hostile_names_stay_text(browser, tmp_path):
    names = [name for name in HOSTILE if "\x00" not in name]
    # One cheap measure: 324 pairs of layers take 3 s with CKA on 4 draws, 29 s with diagrams on 8.
    found = comparison(HOSTILE[:2], names, measures=("cka",), replicates=4)
    path = ts.report(found, to=tmp_path / "hostile.html", title="</title><script>x</script>")
    look(browser, path)
    assert browser.execute_script("return window.__pwned") is None
    assert browser.title.startswith("</title>")
    assert drawn(browser) == FIGURES
    clean(browser)


def test_a_comparison_has_a_page_of_its_own(tmp_path):
    found = comparison(("one", "two"), ("a", "b"))
    with pytest.raises(UsageError, match="page of its own"):
        ts.report([found, found], to=tmp_path / "x.html")
