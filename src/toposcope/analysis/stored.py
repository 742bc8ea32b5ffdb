"""The finished analyses of a RUN, without their numbers: which there are, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.analysis.design import Design
from toposcope.errors import DamagedError, StoreError
from toposcope.store.objects import LocalObjects, Objects, find_json, objects_in
from toposcope.store.runs import Run
from toposcope.store.seals import AGAIN, SEAL, Seal, find_seal
from toposcope.store.shapes import expect, understood

RESULTS, POINTER = "results", "results/current.json"
SPEC, FAILURES = "spec.json", "failures.json"
SHAPE = {"level": (float, int), "versions": {str: str}, "code?": str}


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
        RUN.

    Returns
    -------
    Newest first; empty for a RUN that is not analyzed.
    """
    objects, shown = objects_in(run), current_name(run)
    if isinstance(objects, LocalObjects):
        seals = (objects.path / RESULTS).glob(f"*/{SEAL}")
        ended = {seal.parent.name: -seal.stat().st_mtime_ns for seal in seals}
    else:  # a URL tells no times that could be compared: by name
        ended = dict.fromkeys(finished_in(objects), 0)
    order = sorted(ended, key=lambda name: (name != shown, ended[name], name))
    return [_stored(run, name) for name in order]


def finished_in(objects: Objects) -> list[str]:
    """Names of the finished analyses of a RUN, sorted."""
    names = (name.split("/") for name in objects.list(f"{RESULTS}/"))
    return sorted(parts[1] for parts in names if len(parts) == 3 and parts[2] == SEAL)


def current_name(run: Path) -> str | None:
    """Name of the analysis that a report of the RUN shows; None where there is none."""
    objects = objects_in(run)
    pointer = find_json(objects, POINTER)
    if pointer is None:
        return None
    again = f"Delete it and run 'toposcope analyze {objects.where()}' again."
    expect(pointer, {"analysis": str}, where=objects.where(POINTER), again=again)
    return str(pointer["analysis"])


def sealed(run: Path, name: str) -> Seal:
    """The seal of a finished analysis of a RUN.

    Raises
    ------
    DamagedError
        When it is damaged, or was made from another RUN.
    StoreError
        When the analysis is not finished.
    """
    whole = objects_in(run)
    seal, where = find_seal(whole.within(f"{RESULTS}/{name}")), whole.where()
    if seal is None:
        msg = f"{where} has no finished analysis {name!r}. Run 'toposcope analyze {where}' first."
        raise StoreError(msg)
    seal.refuse_another(Run.open(run).whose)
    return seal


def spec_of(seal: Seal) -> dict[str, Any]:
    """The design, code, level and versions of an analysis, as stored."""
    where = seal.objects.where(SPEC)
    spec = expect(seal.json(SPEC), SHAPE, where=where, again=AGAIN)
    told = {key: seal.record[key] for key in ("level", "versions") if key in seal.record}
    return dict(expect({**spec, **told}, SHAPE, where=seal.objects.where(SEAL), again=AGAIN))


def _stored(run: Path, name: str) -> Stored:
    seal = sealed(run, name)
    spec = spec_of(seal)
    try:
        with understood(seal.objects.where(SPEC), again=AGAIN):
            design: Design | None = Design.from_spec(spec)
    except DamagedError:
        raise
    except StoreError:  # of a plug-in that is not here: it fits nothing, and spoils nothing
        design = None
    return Stored(name, design, spec.get("code"))
