"""The finished analyses of a RUN, without their numbers: which there are, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.analysis.design import Design
from toposcope.errors import StoreError
from toposcope.store.objects import read_json

CURRENT = "current.json"


@dataclass(frozen=True)
class Stored:
    """A finished analysis of a RUN, before its tables are read.

    Parameters
    ----------
    name
        Its folder in RUN/results.
    design
        What was measured; None where its filtration is not registered here.
    code
        Hash of the sources that made its numbers.
    """

    name: str
    design: Design | None
    code: str | None


def stored_analyses(run: Path) -> list[Stored]:
    """Finished analyses of a RUN: the one its report shows first, then by the time they ended.

    Parameters
    ----------
    run
        RUN folder.

    Returns
    -------
    Newest first; empty for a RUN that is not analyzed.
    """
    results = run / "results"
    ended = {tick.parent.name: tick.stat().st_mtime_ns for tick in results.glob("*/done.json")}
    shown = current_name(run)
    order = sorted(ended, key=lambda name: (name != shown, -ended[name], name))
    return [_stored(name, read_json(results / name / "spec.json")) for name in order]


def current_name(run: Path) -> str | None:
    """Name of the analysis that a report of the RUN shows; None where there is none."""
    pointer = run / "results" / CURRENT
    return str(read_json(pointer)["analysis"]) if pointer.exists() else None


def _stored(name: str, spec: dict[str, Any]) -> Stored:
    try:
        design: Design | None = Design.from_spec(spec)
    except StoreError:  # of a plug-in that is not here: it fits nothing, and spoils nothing
        design = None
    return Stored(name, design, spec.get("code"))
