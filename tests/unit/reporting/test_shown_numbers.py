"""Numbers on pages: with n and interval, in one piece, and named where there are none."""

import re

import numpy as np

import toposcope as ts


def test_statistics_without_a_value_are_named_and_not_drawn(tmp_path):
    """Twelve points have no PH-dimension: its panel was a frame around nothing, "from 0 to 1"."""
    analyses = {}
    for seed in range(4):
        X = np.random.default_rng(seed).normal(size=(40, 3))
        acts = ts.from_arrays({"a": X, "b": np.tanh(2 * X)}, name=f"net {seed}")
        analyses[f"net {seed}"] = ts.analyze(acts, points=12, replicates=3, null="none", jobs=0)
    page = ts.report(ts.population(analyses), to=tmp_path / "p.html").read_text("utf-8")
    drawn = re.findall(r'points="([^"]*)"', page)
    assert drawn and all(len(line.split()) == 2 for line in drawn)
    left_out = re.search(r"nothing to draw: ([^<]*)\.", page).group(1)
    assert left_out == "PH-dimension, TwoNN dimension"
    assert "PH-dimension <span>" not in page and "H0 lifespan sum <span>" in page


def test_a_number_and_its_percent_sign_stay_on_one_line(tmp_path):
    """A headline ended its line with "−6.6" and began the next one with "%"."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    acts = ts.from_arrays({"a": X, "b": 2 * X}, name="net")
    analysis = ts.analyze(acts, points=10, replicates=4, null="none", jobs=0)
    page = ts.report(analysis, to=tmp_path / "r.html").read_text("utf-8")
    written = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    assert "\N{NO-BREAK SPACE}%" in written and not re.search(r"\d %", written)
    cards = re.findall(r'class="change".*?</button>', written, flags=re.S)
    assert cards and all(re.search(r"\[[^\]]*%, [^\]]*%\], 4 replicates", one) for one in cards)
