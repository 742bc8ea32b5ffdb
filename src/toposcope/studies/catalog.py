"""All claims with their cost, and the last verdict that lies in a folder of studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toposcope.store.folders import MARKS, STUDY
from toposcope.store.objects import read_json
from toposcope.studies.registry import STUDIES
from toposcope.studies.study import Definition


def catalog(folder: Path | str = "studies") -> list[dict[str, Any]]:
    """One row per claim: id, paper, claim, unit, study, cost, last verdict.

    Parameters
    ----------
    folder
        Where studies were kept; a verdict is the newest one there, None where there is none.
    """
    last = last_verdicts(Path(folder))
    rows = []
    for name, one in STUDIES.items():
        cost: dict[str, float | None] = {"quick": None, "full": None}
        if isinstance(one, Definition):
            cost = {
                "quick": sum(one.forecast(one.quick)),
                "full": sum(one.forecast(one.full)),
            }
        rows += [
            {
                "id": claim.id,
                "paper": claim.paper,
                "claim": claim.sentence,
                "unit": claim.unit.value,
                "study": name,
                "cpu_seconds": cost,
                "last_verdict": last.get((name, claim.id)),
            }
            for claim in one.claims
        ]
    return rows


def last_verdicts(folder: Path) -> dict[tuple[str, str], str]:
    """(study, claim) -> the verdict of the study that was run last."""
    files = sorted(folder.glob(f"*/{MARKS[STUDY]}"), key=lambda file: file.stat().st_mtime)
    found = {}
    for file in files:
        known = read_json(file)
        for one in known["verdicts"]:
            found[known["study"], one["claim"]] = one["verdict"]
    return found
