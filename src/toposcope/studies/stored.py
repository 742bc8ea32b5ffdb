"""Studies that were kept: one folder, or all folders below one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toposcope.errors import StoreError
from toposcope.inputs.urls import place_text
from toposcope.store.folders import MARKS, STUDY
from toposcope.store.objects import LocalObjects, objects_in
from toposcope.store.seals import AGAIN, SEAL, Seal, find_seal
from toposcope.store.shapes import understood
from toposcope.store.tables import table_of
from toposcope.studies.claims import Claim
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.study import Study
from toposcope.studies.verdicts import Verdict


def study_folders(where: Path | str) -> list[Path]:
    """The folder itself where it is a study, else the studies right below it, by name."""
    folder, mark = Path(where), MARKS[STUDY]
    objects = objects_in(folder)
    if objects.exists(mark):
        return [folder]
    if isinstance(objects, LocalObjects):
        return sorted(file.parent for file in objects.path.glob(f"*/{mark}"))
    names = (name.split("/") for name in objects.list())
    return [folder / one[0] for one in names if one[1:] == [mark]]


def load_study(folder: Path | str) -> Study:
    """A study that was kept, without measuring anything again.

    Raises
    ------
    StoreError
        When the folder holds no study.
    """
    path = Path(folder)
    objects, mark = objects_in(path), MARKS[STUDY]
    where = objects.where()
    if not objects.exists(mark):
        msg = f"load_study(): {where} holds no study. Make one: toposcope study NAME -o {where}."
        raise StoreError(msg)
    seal = find_seal(objects)
    if seal is None:
        msg = f"the study in {where} is not complete: it has no {SEAL}. {AGAIN}"
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
        table_of(seal.get("measurements.parquet"), where=place_text(path)).to_pandas(),
        Figure(known["figure"]["caption"], panels, known["figure"].get("stacked", False)),
        known["failures"],
        path,
        known["spec"],
        known["seconds"],
        known.get("untested", {}),  # studies kept before there was one decided all claims
    )
