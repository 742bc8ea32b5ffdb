"""Names of strangers stay text in every page: reports with clouds, populations, studies."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from toposcope.reporting.study_page import write_studies
from toposcope.studies import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.study import Study
from toposcope.studies.verdicts import evidence_of_mean, judge

PAYLOADS = (
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    "\"><iframe srcdoc='<script>parent.pwned=1</script>'>",
    "' autofocus onfocus=window.pwned=1 x='",
    "<a href=javascript:window.pwned=1>x</a>",
    "<!--<script>",
    "{{7*7}}{% raw %}${7*7}",
    "\u2028\u2029\u202eevil",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "]]><script>window.pwned=1</script>",
)


def is_text_only(page: str) -> None:
    """No payload became markup, in the page or at the end of its data."""
    markup = re.sub(r"<script\b[^>]*>.*?</script>", "", page, flags=re.S)
    markup = re.sub(r"<style>(?!\*\{).*?</style>", "", markup, flags=re.S)
    assert "<script" not in markup, "a script that we did not write"
    # Attributes of our own elements hold escaped text, in which no < or > is left.
    for tag in re.findall(r"<[a-zA-Z][^<>]*>", markup):
        bare = re.sub(r"""=\s*("[^"]*"|'[^']*')""", "=", tag)
        assert not re.search(r"\son(error|load|focus)\s*=", bare), tag
        assert not re.search(r"""(href|src|action)\s*=\s*["']?\s*javascript:""", tag), tag
    assert not re.search(r"<(iframe|base|svg/)", markup, re.I)
    assert "<style>*" not in markup
    assert not re.search(r"http-equiv=.?refresh", markup, re.I)
    assert "window.pwned=1</script>" not in page
    for data in re.findall(r"<script[^>]*type=.application/json.[^>]*>(.*?)</script>", page, re.S):
        assert "<" not in data and "\u2028" not in data and "\u2029" not in data
    assert "49$" not in markup, "a template was evaluated"


def network(seed: int, name: str, layers: tuple[str, ...] = ("a", "b")) -> ts.ActivationSet:
    X = np.random.default_rng(seed).normal(size=(60, 3))
    return ts.from_arrays(
        {layer: X * (1 + i) + seed for i, layer in enumerate(layers)},
        labels=np.arange(60) % 2,
        class_names=PAYLOADS[:2],
        name=name,
    )


def written(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_report_with_pictures_of_clouds(seed, tmp_path):
    layers = PAYLOADS[seed::2]
    analysis = ts.analyze(
        network(seed, PAYLOADS[seed], layers), points=20, replicates=3, null="none", jobs=0
    )
    page = written(ts.report(analysis, to=tmp_path / "page.html", title=PAYLOADS[1]))
    is_text_only(page)
    assert html.escape("<img src=x", quote=False) in page


def test_a_population_and_its_groups(tmp_path):
    names = [PAYLOADS[i % len(PAYLOADS)] + str(i) for i in range(8)]
    analyses = {
        name: ts.analyze(network(i, name), points=20, replicates=3, null="none", jobs=0)
        for i, name in enumerate(names)
    }
    table = {"activation": [PAYLOADS[0], PAYLOADS[1]] * 4, PAYLOADS[3]: list(range(8))}
    some = ts.population(analyses, table)
    is_text_only(written(ts.report(some, to=tmp_path / "population.html")))


def test_a_study_with_words_of_a_stranger(tmp_path):
    evil = PAYLOADS[0] + PAYLOADS[1] + PAYLOADS[4]
    claim = Claim(evil, evil, evil, Unit.NETWORK, evil, Rule(), evil, (evil,))
    values = pd.Series(np.random.default_rng(0).normal(1.0, 0.1, 9))
    verdict = judge(claim, evidence_of_mean(values, claim.rule, null=-values))
    curve = Curve("<b>", ["a", "<i>"], [1.0, 2.0], [0.0, 1.0], [2.0, 3.0])
    figure = Figure(evil, [Panel("<b>", "<b>", "<b>", [curve])])
    study = Study(
        name=evil,
        verdicts=[verdict],
        table=pd.DataFrame({evil: [1.0]}),
        figure=figure,
        failures=[{"task": evil, "reason": evil}],
        folder=tmp_path / "x",
        spec={"design": {evil: evil}, "runs": [evil]},
        seconds={"forecast": 1.0, "took": 1.0},
    )
    is_text_only(written(write_studies([study], tmp_path / "study.html", title=evil)))
    is_text_only(written(write_studies([replace(study, name=PAYLOADS[3])], tmp_path / "b.html")))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_check_would_see_it(payload):
    if payload.startswith(("{{", "\u2028", "<!--", "&lt;", "' auto")):
        pytest.skip("harmless as markup by itself")
    with pytest.raises(AssertionError):
        is_text_only(f"<html><body>{payload}</body></html>")
