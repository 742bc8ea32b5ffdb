"""The page of one study, or of a folder of studies: verdicts, figures, numbers, no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from toposcope.inputs.durations import duration
from toposcope.inputs.urls import place_text, url_of
from toposcope.reporting.page import page
from toposcope.reporting.study_figure import ACROSS, png_of
from toposcope.store.objects import objects_in, put
from toposcope.studies.study import Study
from toposcope.studies.verdicts import Verdict
from toposcope.words.formats import number, with_interval
from toposcope.words.studies import (
    flips_text,
    headline_text,
    needed_text,
    reason_text,
    rule_text,
    summary_text,
    untested_texts,
)


def write_studies(studies: Sequence[Study], to: Path | str, *, title: str | None = None) -> Path:
    """Write one page about one or several studies; returns its path."""
    from markupsafe import Markup

    text = page(
        "study.html",
        title=title or (f"Study {studies[0].name}" if len(studies) == 1 else "Studies"),
        studies=[_shown(one) for one in studies],
        several=len(studies) > 1,
        pictures=[Markup(png_of(one.figure)) for one in studies],
        first=_first_screen(studies) if len(studies) > 1 else None,
    )
    path = Path(to)
    data = text.encode("utf-8", "replace")
    if url_of(path) is None:
        put(path, data)
    else:  # beside a study that is kept there
        objects_in(path.parent).put(path.name, data)
    return path


def _first_screen(studies: Sequence[Study]) -> dict[str, Any]:
    """One row of panels, of the study that sums up the others or of the first one."""
    from markupsafe import Markup

    one = next((study for study in studies if summary_text(study)), studies[0])
    shown = one.figure.panels[: 1 if one.figure.stacked else ACROSS]
    return {
        "summary": summary_text(one),
        "picture": Markup(png_of(replace(one.figure, panels=shown))),
        "name": one.name,
        "panels": "; ".join(panel.title for panel in shown),
    }


def _shown(study: Study) -> dict[str, Any]:
    return {
        "name": study.name,
        "caption": study.figure.caption,
        "summary": summary_text(study),
        "headline": headline_text(study),
        "rows": [_row(one) for one in study.verdicts],
        "failures": study.failures,
        "untested": untested_texts(study),
        "folder": place_text(study.folder),
        "took": duration(study.seconds.get("took", 0.0)),
        "design": ", ".join(f"{k} {_plain(v)}" for k, v in study.spec.get("design", {}).items()),
        "command": f"toposcope study {study.name}"
        + "".join(f" {run}" for run in study.spec.get("runs", []))
        + (" --quick" if study.spec.get("quick") else ""),
    }


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _row(one: Verdict) -> dict[str, str]:
    claim = one.claim
    return {
        "id": claim.id,
        "paper": claim.paper,
        "sentence": claim.sentence,
        "decision": one.decision.value,
        "mark": {"confirmed": "beyond", "refuted": "fails"}.get(one.decision.value, "undecided"),
        "effect": with_interval(one.effect, one.low, one.high),
        "level": f"{100 * one.level:.3g} %",
        "statistic": claim.statistic,
        "n": f"{one.n} {claim.unit.value}s",
        "p": number(one.p, 2),
        "null": claim.null,
        "main": claim.main,
        "rule": rule_text(claim),
        "why": reason_text(one),
        "flips": flips_text(one),
        "needed": needed_text(one) if one.decision.value == "undecided" else "",
    }
