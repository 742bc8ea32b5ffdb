"""Write the report: one HTML file that opens offline, with every script pinned by its hash."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from toposcope.analysis.result import Analysis
from toposcope.errors import UsageError
from toposcope.findings.changes import short_name
from toposcope.findings.trends import tendencies
from toposcope.findings.validity.judge import trust_verdicts
from toposcope.reporting.payload import report_payload, to_json
from toposcope.stats import Effect
from toposcope.store.objects import put
from toposcope.store.series import step_words
from toposcope.words import analysis as sentences
from toposcope.words import trends
from toposcope.words.designs import draws_text, is_cubical
from toposcope.words.validity import told

PLOTLY = "plotly-cartesian.min.js"
"""plotly.js-cartesian-dist-min 4.1.1 of the npm registry, unchanged; MIT, plotly-LICENSE.txt."""

SCRIPTS = (
    PLOTLY,
    "core.js",
    "depth.js",
    "training.js",
    "layer.js",
    "network.js",
    "thresholds.js",
    "loops.js",
    "table.js",
    "main.js",
)


def write_report(
    analyses: Sequence[Analysis],
    effects: Sequence[Effect],
    to: Path | str,
    *,
    title: str | None = None,
) -> Path:
    """Write the report of given analyses and effects.

    Parameters
    ----------
    analyses
        At least one.
    effects
        Changes, clearest first, as from `findings`.
    to
        File to write.
    title
        Heading; by default the names of the models.

    Returns
    -------
    Path of the file.
    """
    path = Path(to)
    text = render(analyses, effects, title=title)
    # File names may hold bytes that are no text; they are shown with a question mark.
    put(path, text.encode("utf-8", "replace"))
    return path


def render(
    analyses: Sequence[Analysis], effects: Sequence[Effect], *, title: str | None = None
) -> str:
    """The report as HTML text."""
    if not analyses:
        msg = "report(): no analysis given. Pass one or more, as returned by ts.analyze()."
        raise UsageError(msg)
    payload = report_payload(analyses)
    shown = context(analyses, effects, payload, title)
    unused = {"layer.js", "network.js"} if not shown["has_shapes"] else set()
    unused |= {"thresholds.js"} if not shown["has_volumes"] else set()
    scripts = [static(name) for name in SCRIPTS if name not in unused]
    return page("report.html", scripts=scripts, payload=payload, **shown)


def page(template: str, *, scripts: Sequence[str], payload: Any, **shown: Any) -> str:
    """A template as one HTML file that opens offline; every text in `shown` is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("toposcope", "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        csp=content_security_policy(scripts),
        style=Markup(static("report.css")),
        scripts=[Markup(text) for text in scripts],
        # `to_json` escapes what could end the element; autoescape would break the JSON.
        data=Markup(to_json(payload)),
        **shown,
    )


def context(
    analyses: Sequence[Analysis],
    effects: Sequence[Effect],
    payload: dict[str, Any],
    title: str | None,
) -> dict[str, Any]:
    """Everything the template shows as text; autoescaped there."""
    names = list(dict.fromkeys(_title_name(a) for a in analyses))
    found = tendencies(analyses)
    return {
        "title": title or f"The shape of data inside {', '.join(names)}",
        "runs": [
            identity(analysis, run["style"])
            for analysis, run in zip(analyses, payload["runs"], strict=True)
        ],
        "answer": sentences.answer(analyses, effects),
        "has_training": _most_checkpoints(analyses) > 2,
        "trends": trends.table(found),
        "trends_told": trends.sentence(found),
        "changes": sentences.other_changes(effects),
        "looked_at": effects[0].looked_at if effects else 0,
        "changes_level": f"{100 * effects[0].level:g} %" if effects else "",
        "failures": [
            {"run": a.name, **{k: failure.get(k) for k in ("layer", "replicate", "reason", "task")}}
            for a in analyses
            for failure in a.failures
        ],
        "warnings": _warnings(analyses),
        "trust": trust(analyses),
        "methods": sentences.methods(analyses),
        "meanings": sentences.meanings(list(payload["statistics"])),
        "versions": _versions(analyses),
        "commands": _commands(analyses),
        "has_loops": any(run["loops"] for run in payload["runs"]),
        "has_volumes": any(is_cubical(a.attrs) for a in analyses),
        "has_shapes": any(not is_cubical(a.attrs) for a in analyses),
        "has_pictures": bool(payload["pictures"]),
        "has_null": any(sentences.has_null(a) for a in analyses),
        "overlapping": any(a.attrs.get("overlapping") for a in analyses),
    }


def trust(analyses: Sequence[Analysis]) -> list[dict[str, Any]]:
    """The validity checks of each run, for the section that asks whether to trust it."""
    return [
        {
            "run": analysis.name if len(analyses) > 1 else "",
            "verdicts": [
                {
                    "word": str(verdict.decision),
                    "mark": verdict.decision.replace(" ", "-"),
                    **vars(told(verdict)),
                }
                for verdict in trust_verdicts(analysis)
            ],
        }
        for analysis in analyses
        if len(analysis.validity)
    ]


def _most_checkpoints(analyses: Sequence[Analysis]) -> int:
    """Runs with a step of the model that has most of them."""
    steps = Counter(str(a.attrs["model"]) for a in analyses if a.attrs.get("step") is not None)
    return max(steps.values(), default=0)


def _title_name(analysis: Analysis) -> str:
    """A run's name in the heading; checkpoints go by their model."""
    stepped = analysis.attrs.get("step") is not None
    return (
        short_name(str(analysis.attrs.get("model") or analysis.name)) if stepped else analysis.name
    )


def identity(analysis: Analysis, style: dict[str, Any]) -> dict[str, Any]:
    """Who a run is: one row of the first table."""
    a = analysis.attrs
    return {
        "name": analysis.name,
        "style": style,
        "model": short_name(str(a.get("model") or "")),
        "model_spec": str(a.get("model") or ""),
        "step": step_words(a).removeprefix("step "),
        "data": str(a.get("data_name") or a.get("data") or ""),
        "data_spec": str(a.get("data") or ""),
        "pool": sentences.pool_text(a.get("pool")),
        "layers": str(len(analysis.layers)),
        "n": sentences.count(a.get("n")),
        "draws": draws_text(a),
        "normalize": str(a.get("normalize") or ""),
        "top1": sentences.top1_text(analysis),
    }


def _warnings(analyses: Sequence[Analysis]) -> list[tuple[str, str]]:
    """(runs, warning) pairs, each warning once."""
    found: dict[str, list[str]] = {}
    for analysis in analyses:
        for text in analysis.attrs.get("warnings") or ():
            found.setdefault(str(text), []).append(analysis.name)
    everyone = len(analyses)
    return [
        ("all runs" if len(runs) == everyone else ", ".join(runs), text)
        for text, runs in found.items()
    ]


def _versions(analyses: Sequence[Analysis]) -> list[tuple[str, str]]:
    found: dict[str, dict[str, None]] = {}
    for analysis in analyses:
        for name, version in dict(analysis.attrs.get("versions") or {}).items():
            found.setdefault(str(name), {})[str(version)] = None
    return [(name, ", ".join(values)) for name, values in found.items()]


def _commands(analyses: Sequence[Analysis]) -> str:
    import shlex

    lines = dict.fromkeys(str(c) for a in analyses for c in a.attrs.get("commands") or ())
    runs = [str(a.run) for a in analyses if a.run is not None]
    if len(runs) == len(analyses):
        lines[shlex.join(["toposcope", "report", *runs, "-o", "report.html"])] = None
    return "\n".join(lines)


def static(name: str) -> str:
    """A file of reporting/static."""
    return files("toposcope").joinpath("reporting", "static", name).read_text("utf-8")


def content_security_policy(scripts: Sequence[str]) -> str:
    """Policy that runs these scripts and loads nothing from anywhere.

    >>> content_security_policy(["1"])[:57]
    "default-src 'none'; script-src 'sha256-a4ayc/80/OGda4BO/1"
    """
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in scripts
    ]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
