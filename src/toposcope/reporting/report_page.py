"""Write the report: one HTML file that opens offline, with every script pinned by its hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toposcope.analysis.covering import find_covering
from toposcope.analysis.result import Analysis
from toposcope.findings.findings import Findings
from toposcope.findings.looked_at import training_names
from toposcope.findings.places import step_of
from toposcope.inputs.urls import place_text
from toposcope.reporting.page import PLOTLY, page
from toposcope.reporting.payload import report_payload
from toposcope.reporting.terms import explained, terms_in
from toposcope.stats import Interval
from toposcope.store.objects import put
from toposcope.words import analysis as sentences
from toposcope.words.changes import change_rows
from toposcope.words.covering import cover_sentences
from toposcope.words.designs import draws_text, filtration_text, is_cubical
from toposcope.words.formats import count, level_text, short_name, step_cell
from toposcope.words.headline import headline
from toposcope.words.nulls import WORDS, drawn_nulls
from toposcope.words.trends import trend_rows, trend_sentence
from toposcope.words.validity import told

SCRIPTS = (
    PLOTLY,
    "core.js",
    "bars.js",
    "dots.js",
    "cloud.js",
    "depth.js",
    "training.js",
    "layer.js",
    "network.js",
    "thresholds.js",
    "loops.js",
    "table.js",
    "taking.js",
    "main.js",
)


CLEAREST = 3
"""Changes that have a button."""
CHECKS = {
    "sample_size": "enough points",
    "outliers": "outliers",
    "normalization": "normalization",
    "concentration": "distances differ",
    "metric": "metric",
}
"""Names of the validity checks on their marks; another one goes by its own."""


def write_report(findings: Findings, to: Path | str, *, title: str | None = None) -> Path:
    """Write the report of runs that were looked at.

    Parameters
    ----------
    findings
        What `toposcope.findings.look` found; it holds the runs.
    to
        File to write.
    title
        Heading; by default the names of the models.

    Returns
    -------
    Path of the file.
    """
    path = Path(to)
    text = render(findings, title=title)
    # File names may hold bytes that are no text; they are shown with a question mark.
    put(path, text.encode("utf-8", "replace"))
    return path


def render(findings: Findings, *, title: str | None = None) -> str:
    """The report as HTML text."""
    payload = report_payload(findings.analyses) | leading(findings)
    shown = context(findings, payload, title)
    unused = {"layer.js", "network.js"} if not shown["has_shapes"] else set()
    unused |= {"cloud.js"} if not shown["has_clouds"] else set()
    unused |= {"loops.js"} if not shown["has_loops"] else set()
    unused |= {"thresholds.js"} if not shown["has_volumes"] else set()
    scripts = [name for name in SCRIPTS if name not in unused]
    return page("report.html", scripts=scripts, payload=payload, **shown)


def leading(findings: Findings) -> dict[str, Any]:
    """What the page opens with, and what each of the clearest changes sets it to."""
    clearest = [
        {
            "stat": effect.statistic,
            "dim": effect.homology_dimension,
            "run": effect.where.analysis,
            "layer": effect.where.layer,
        }
        for effect in findings.changes[:CLEAREST]
    ]
    return {"first": clearest[0] if clearest else {}, "changes": clearest}


def context(findings: Findings, payload: dict[str, Any], title: str | None) -> dict[str, Any]:
    """Everything the template shows as text; autoescaped there."""
    analyses, changes = findings.analyses, findings.changes
    names = list(dict.fromkeys(map(_title_name, analyses)))
    answer = sentences.answer(findings)
    each = zip(analyses, payload["runs"], findings.accuracies, strict=True)
    return {
        "title": title or f"The shape of data inside {', '.join(names)}",
        "runs": [identity(analysis, run["style"], accuracy) for analysis, run, accuracy in each],
        "headline": headline(findings, points_of(payload)),
        "strip": strip(findings),
        "answer": answer,
        "explained": explained,
        "word": lambda term, shown: explained(shown),
        "terms": terms_in(" ".join([*answer, *TOLD_IN_FIGURES])),
        "has_clouds": any(one["shown"] for run in payload["runs"] for one in run["clouds"]),
        "has_training": _most_checkpoints(analyses) > 2,
        "trends": trend_rows(findings.trends),
        "trends_told": trend_sentence(findings.trends),
        "changes": change_rows(changes, shown=CLEAREST),
        "looked_at": changes[0].looked_at if changes else 0,
        "changes_level": level_text(changes[0].level) if changes else "",
        "failures": [
            {"run": a.name, **{k: failure.get(k) for k in ("layer", "replicate", "reason", "task")}}
            for a in analyses
            for failure in a.failures
        ],
        "damaged": payload["damaged"],
        "warnings": _warnings(analyses),
        "landmarks": _landmarks(analyses),
        "trust": trust(findings),
        "methods": sentences.methods(analyses),
        "meanings": sentences.meanings(
            list(payload["statistics"]), [analysis.attrs for analysis in analyses]
        ),
        "versions": _versions(analyses),
        "commands": _commands(analyses),
        "has_loops": any(
            layer["loops"]
            for run in payload["runs"]
            for cloud in run["clouds"]
            for layer in cloud["layers"].values()
        ),
        "has_volumes": any(is_cubical(a.attrs) for a in analyses),
        "has_shapes": any(not is_cubical(a.attrs) for a in analyses),
        "nulls": [(title, WORDS[name]) for name, title in drawn_nulls(analyses).items()],
        "overlapping": any(a.attrs.get("overlapping") for a in analyses),
    }


def trust(findings: Findings) -> list[dict[str, Any]]:
    """The validity checks of each run, for the section that asks whether to trust it."""
    several = len(findings.analyses) > 1
    return [
        {
            "run": analysis.name if several else "",
            "verdicts": [
                {
                    "name": CHECKS.get(verdict.name, verdict.name.replace("_", " ")),
                    "word": str(verdict.decision),
                    "mark": verdict.decision.replace(" ", "-"),
                    **vars(told(verdict)),
                }
                for verdict in verdicts
            ],
        }
        for analysis, verdicts in zip(findings.analyses, findings.validity, strict=True)
        if verdicts
    ]


TOLD_IN_FIGURES = ("H0 H1 cloud bar diagram landscape Betti number null interval draw direction",)
"""Terms that captions and axes use on every page."""


def points_of(payload: dict[str, Any]) -> str:
    """What the points of a page are, in the plural."""
    for entry in payload["samples"]:
        if entry["kind"] != "samples":
            return str(entry["kind"])
        if entry["sheet"] or entry["left_out"]:
            return "images"
        return "texts" if entry["texts"] else "samples"
    return "samples"


def strip(findings: Findings) -> list[dict[str, str]]:
    """The checks of the run that the headline is about, as named marks."""
    return [
        {
            "name": CHECKS.get(verdict.name, verdict.name.replace("_", " ")),
            "word": str(verdict.decision),
            "mark": verdict.decision.replace(" ", "-"),
            "claim": told(verdict).claim,
        }
        for verdict in findings.validity[findings.subject]
    ]


def _most_checkpoints(analyses: Sequence[Analysis]) -> int:
    """Checkpoints of the training that has most of them."""
    steps = Counter(filter(None, training_names(analyses)))
    return max(steps.values(), default=0)


def _title_name(analysis: Analysis) -> str:
    """A run's name in the heading; checkpoints go by their model."""
    stepped = analysis.attrs.get("step") is not None
    training = str(analysis.attrs.get("training") or analysis.attrs.get("model") or analysis.name)
    return short_name(training) if stepped else analysis.name


def identity(
    analysis: Analysis, style: dict[str, Any], accuracy: Interval | None
) -> dict[str, Any]:
    """Who a run is: one row of the first table."""
    a = analysis.attrs
    return {
        "name": analysis.name,
        "style": style,
        "model": short_name(str(a.get("model") or "")),
        "model_spec": str(a.get("model") or ""),
        "step": step_cell(step_of(a)),
        "data": str(a.get("data_name") or a.get("data") or ""),
        "data_spec": str(a.get("data") or ""),
        "pool": sentences.pool_text(a.get("pool")),
        "layers": str(len(analysis.layers)),
        "n": count(a.get("n")),
        "draws": draws_text(a),
        "filtration": filtration_text(a).partition(", normalize")[0],
        "analysis": str(a.get("analysis") or ""),
        "normalize": str(a.get("normalize") or ""),
        "top1": sentences.top1_text(accuracy),
    }


def _landmarks(analyses: Sequence[Analysis]) -> list[tuple[str, str]]:
    """(run, sentence) for each layer whose landmarks a RUN keeps, each RUN once."""
    runs = {analysis.run: analysis.name for analysis in analyses if analysis.run is not None}
    found = [(name, find_covering(run)) for run, name in runs.items()]
    return [
        (name, sentence)
        for name, covering in found
        if covering is not None
        for sentence in cover_sentences(covering)
    ]


def _warnings(analyses: Sequence[Analysis]) -> list[tuple[str, str]]:
    """(runs, warning) pairs, each warning once."""
    by_text: dict[str, list[str]] = {}
    for analysis in analyses:
        for text in analysis.attrs.get("warnings") or ():
            by_text.setdefault(str(text), []).append(analysis.name)
    everyone = len(analyses)
    return [
        ("all runs" if len(runs) == everyone else ", ".join(runs), text)
        for text, runs in by_text.items()
    ]


def _versions(analyses: Sequence[Analysis]) -> list[tuple[str, str]]:
    by_package: dict[str, dict[str, None]] = {}
    for analysis in analyses:
        for name, version in dict(analysis.attrs.get("versions") or {}).items():
            by_package.setdefault(str(name), {})[str(version)] = None
    return [(name, ", ".join(values)) for name, values in by_package.items()]


def _commands(analyses: Sequence[Analysis]) -> str:
    import shlex

    lines = dict.fromkeys(str(c) for a in analyses for c in a.attrs.get("commands") or ())
    runs = [place_text(a.run) for a in analyses if a.run is not None]
    if len(runs) == len(analyses):
        words = ["toposcope", "report", *runs]
        names = [str(a.attrs["analysis"]) for a in analyses if a.attrs.get("analysis")]
        if len(names) == len(runs):
            for name in dict.fromkeys(names) if len(set(names)) == 1 else names:
                words += ["--analysis", name]
        lines[shlex.join([*words, "-o", "report.html"])] = None
    return "\n".join(lines)
