"""The full study of a RUN, where it was made: its measurements are kept, and judged when read."""

from __future__ import annotations

from pathlib import Path

from toposcope.analysis.result import Analysis, frame
from toposcope.analysis.validity_checks import CHECKS
from toposcope.findings.validity.judge import judge, validity_verdicts
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Verdict
from toposcope.store.objects import read_json
from toposcope.store.tables import read_part

STUDY = ("studies", "validity")
"""Folders of the study inside a RUN."""


def stored_verdicts(run: Path, analysis: str) -> tuple[Verdict, ...]:
    """Verdicts of the last study of a RUN when it is about that analysis, else none.

    They follow from measurements.parquet. Of verdicts.json only the level is read: what stands
    there is for other readers, and in older RUNs it is sentences.
    """
    root = run.joinpath(*STUDY)
    if not (root / "current.json").exists():
        return ()
    folder = root / str(read_json(root / "current.json")["study"])
    spec, verdicts = read_json(folder / "spec.json"), folder / "verdicts.json"
    if not verdicts.exists() or spec["analysis"] != analysis:
        return ()
    told = read_json(verdicts)
    level = 0.95 if isinstance(told, list) else float(told["level"])
    table = frame(read_part(folder / "measurements.parquet"))
    measured = set(table["check"])
    observations = Observations(table, level=level, normalize=str(spec["normalize"]))
    return judge(observations, checks=[name for name in CHECKS if name in measured])


def trust_verdicts(analysis: Analysis) -> tuple[Verdict, ...]:
    """What a report says of an analysis: the full study where it was made, else the cheap form."""
    full: tuple[Verdict, ...] = ()
    if analysis.run is not None:
        full = stored_verdicts(analysis.run, str(analysis.attrs.get("analysis") or ""))
    studied = {verdict.name: verdict for verdict in full}
    return tuple(studied.get(cheap.name, cheap) for cheap in validity_verdicts(analysis))
