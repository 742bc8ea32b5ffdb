"""Studies that were kept: one folder, or all folders below one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toposcope.errors import StoreError
from toposcope.store.folders import MARKS, STUDY
from toposcope.store.objects import LocalObjects
from toposcope.store.seals import AGAIN, SEAL, Seal, find_seal
from toposcope.store.shapes import understood
from toposcope.store.tables import table_of
from toposcope.studies.claims import Claim
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.study import Study
from toposcope.studies.verdicts import Verdict


def study_folders(where: Path | str) -> list[Path]:
    """The folder itself where it is a study, else the studies right below it, by name."""
    folder = Path(where)
    if (folder / MARKS[STUDY]).exists():
        return [folder]
    return sorted(file.parent for file in folder.glob(f"*/{MARKS[STUDY]}"))


def load_study(folder: Path | str) -> Study:
    """A study that was kept, without measuring anything again.

    Raises
    ------
    StoreError
        When the folder holds no study.
    """
    path = Path(folder)
    if not (path / MARKS[STUDY]).exists():
        msg = f"load_study(): {path} holds no study. Make one: toposcope study NAME -o {path}."
        raise StoreError(msg)
    objects, mark = LocalObjects(path), MARKS[STUDY]
    seal = find_seal(objects)
    if seal is None:
        msg = f"the study in {path} is not complete: it has no {SEAL}. {AGAIN}"
        raise StoreError(msg)
    with understood(objects.where(mark), again=AGAIN):
        return _read(path, seal, seal.json(mark))


def _read(path: Path, seal: Seal, known: dict[str, Any]) -> Study:
    claims = [Claim.from_dict(one) for one in known["claims"]]
    panels = [
        Panel(**{**one, "curves": [Curve(**curve) for curve in one["curves"]]})
        for one in known["figure"]["panels"]
    ]
    return Study(
        known["study"],
        tuple(
            Verdict.from_dict(plain, claim)
            for plain, claim in zip(known["verdicts"], claims, strict=True)
        ),
        table_of(seal.get("measurements.parquet"), where=str(path)).to_pandas(),
        Figure(known["figure"]["caption"], panels, known["figure"].get("stacked", False)),
        known["failures"],
        path,
        known["spec"],
        known["seconds"],
        known.get("untested", {}),  # studies kept before there was one decided all claims
    )
