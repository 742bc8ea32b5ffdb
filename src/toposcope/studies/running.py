"""Runs any `Definition`: refuse, forecast, make materials, measure in parallel, decide, keep.

Every task is a job in a `Workbook`, so that a killed study continues where it stopped and nothing
finished is measured again; the same call on a finished study reads it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope import homology
from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.errors import StoreError, TooFewSamplesError, UsageError
from toposcope.execution.executors import Jobs, workers_of
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task, spec_hash
from toposcope.execution.workbook import Workbook
from toposcope.inputs.urls import place_text
from toposcope.store.folders import MARKS, STUDY, refuse_other_kind
from toposcope.store.objects import objects_in, put_json_at
from toposcope.store.tables import put_table, table_of
from toposcope.studies.materials import MATERIAL_SOURCES, RunSubject, Subject
from toposcope.studies.materials_models import captured, models_of
from toposcope.studies.study import Definition, Given, Needs, Study
from toposcope.studies.subjects import subjects_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("toposcope")

Say = Callable[[str, float], None]
"""Told what begins and how many seconds it will take."""

PROBE_SECONDS = 0.020
"""CPU seconds of the probe (H0 and H1 of 300 points) on the machine whose seconds forecasts are."""


@dataclass(frozen=True)
class Forecast:
    """What a study will take.

    Parameters
    ----------
    study
        Its name.
    seconds
        Wall seconds in all, on this machine with these workers.
    workers
        How many tasks run at once.
    folder
        Where it would be kept.
    """

    study: str
    seconds: float
    workers: int
    folder: Path

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            **asdict(self),
            "folder": place_text(self.folder),
            "seconds": round(self.seconds, 1),
        }


def code_of_study(definition: Definition) -> str:
    """Hash of all sources that decide a number of the study."""
    return code_hash((*SCIENCE, *MATERIAL_SOURCES, *definition.sources))


def forecast(
    definition: Definition,
    given: Given,
    *,
    quick: bool = False,
    jobs: Jobs = None,
    out: Path | str | None = None,
) -> Forecast:
    """How long a study will take; nothing is trained or measured, but bad input is refused."""
    design, subjects = _opened(definition, given, quick)
    making, measuring = definition.forecast(design)
    workers = workers_of(jobs)
    seconds = (making * given.nothing + measuring / workers) * machine_factor()
    return Forecast(
        definition.name, seconds, workers, _folder(definition, given, quick, out, subjects)
    )


def run_definition(
    definition: Definition,
    given: Given,
    *,
    quick: bool = False,
    out: Path | str | None = None,
    jobs: Jobs = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Study:
    """Measure a study and decide its claims.

    Parameters
    ----------
    definition
        The study.
    given
        What it looks at; nothing: what it trains itself.
    quick
        The small design, of at most three minutes on two cores.
    out
        Folder or URL; None for studies/NAME below the current one.
    jobs, progress
        As in `analyze`.
    say
        Told what begins and its forecast in seconds.

    Returns
    -------
    The study; an interrupted one continues where it stopped.
    """
    began = time.monotonic()
    tell = say or (lambda what, seconds: None)
    design, subjects = _opened(definition, given, quick)
    folder = _folder(definition, given, quick, out, subjects)
    objects = objects_in(folder)
    refuse_other_kind(objects, STUDY, f"study {definition.name}")
    making, measuring = definition.forecast(design)
    workers, factor = workers_of(jobs), machine_factor()
    expected = (making * given.nothing + measuring / workers) * factor
    tell(definition.name, expected)
    if given.nothing:
        subjects = list(definition.materials(design, progress=progress))
    by_name = {subject.identity: subject for subject in subjects}
    tasks = list(definition.tasks(design, subjects))
    workbook = Workbook(objects, ".parquet", again="run the study again")
    with objects.lock():
        workbook.run(
            partial(_body, definition.measure),
            tasks,
            by_name,
            jobs=jobs,
            progress=progress,
            title=f"study {definition.name}",
        )
        table, failures = _collected(workbook, tasks, definition.name)
        seconds = {"forecast": expected, "took": time.monotonic() - began}
        spec = {
            "design": asdict(design),
            "quick": quick,
            "code": code_of_study(definition),
            "materials": spec_hash(sorted(by_name)),
            "runs": [place_text(one.path) for one in subjects if isinstance(one, RunSubject)],
            "models": None if given.models is None else place_text(given.models),
            "data": given.data,
        }
        verdicts, untested = definition.decided(table, design)
        study = Study(
            definition.name,
            tuple(verdicts),
            table,
            definition.figure(table, design),
            failures,
            folder,
            spec,
            seconds,
            untested,
        )
        import pyarrow as pa

        put_table(objects, "measurements.parquet", pa.Table.from_pandas(table))
        put_json_at(objects, MARKS[STUDY], study.as_dict())
        workbook.seal(["measurements.parquet", MARKS[STUDY]])
    return study


def _body(
    measure: Callable[[Any, Mapping[str, Subject]], list[dict[str, Any]]],
    job: Any,
    subjects: Mapping[str, Subject],
) -> bytes:
    """One task: its rows as a part; a row without some column has null there."""
    import pyarrow as pa

    from toposcope.store.tables import parquet_bytes

    rows = measure(job, subjects)
    names = dict.fromkeys(name for row in rows for name in row)  # Arrow asks the first row alone
    return parquet_bytes(pa.Table.from_pylist([{n: row.get(n) for n in names} for row in rows]))


def _collected(
    workbook: Workbook, tasks: Sequence[Task[Any]], name: str
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    import pyarrow as pa

    parts = [table_of(part) for _, part in workbook.parts(tasks)]
    failures = [
        {"task": task.title, "reason": failure.reason} for task, failure in workbook.failures(tasks)
    ]
    if not parts:
        reasons = sorted({str(failure["reason"]) for failure in failures})
        msg = f"study {name}: all {len(tasks)} tasks failed: {'; '.join(reasons)[:500]}"
        raise StoreError(msg)
    return pa.concat_tables(parts, promote_options="permissive").to_pandas(), failures


def machine_factor() -> float:
    """How much slower this machine is now than the one that forecasts are written for."""
    from toposcope.pointclouds import datasets

    homology.warm_up()  # compiles on the first call of a machine, in two processes
    cloud = datasets.square_with_holes(300, count=4)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        homology.rips(cloud)
        times.append(time.perf_counter() - began)
    return max(float(np.median(times)) / PROBE_SECONDS, 0.2)


def _opened(definition: Definition, given: Given, quick: bool) -> tuple[Any, Sequence[Subject]]:
    """The design and, where something was handed in, what it is; refused where it cannot do."""
    design: Any = definition.quick if quick else definition.full
    if given.nothing:
        return design, ()
    call = f"study {definition.name}"
    if definition.needs is None:
        msg = f"{call}: it trains its own networks; leave RUNs, --models and --data out."
        raise UsageError(msg)
    subjects: Sequence[Subject]
    if definition.needs.models:
        subjects = models_of(given, definition.needs, call=call)
    else:
        subjects = captured(given, definition.needs, call=call) or subjects_of(given, call=call)
        check_needs(definition.needs, subjects, call=call)
    if definition.design_for is not None:
        design = definition.design_for(design, subjects)
    return design, subjects


def check_needs(needs: Needs, subjects: Sequence[Subject], *, call: str) -> None:
    """Refuse networks that a study cannot say anything about, before anything is measured.

    Raises
    ------
    UsageError
        Says what there is, what is needed and what to bring.
    """
    opened = [(subject, subject.open()) for subject in subjects]
    networks = list(dict.fromkeys(subject.network for subject in subjects))
    if len(networks) < needs.networks:
        several = "s" * (len(networks) != 1)
        msg = (
            f"{call}: {len(networks)} network{several}; its rules need {needs.networks} or more, "
            "each trained from its own seed. Capture more, or give nothing: then it trains its own."
        )
        raise TooFewSamplesError(msg)
    for network in networks:
        moments = {subject.moment for subject in subjects if subject.network == network}
        if len(moments) < needs.checkpoints:
            msg = (
                f"{call}: network {network!r} has {len(moments)} moments of its training; needed "
                f"are {needs.checkpoints} or more. Bring SERIES folders: toposcope capture MODEL "
                "DATA --weights 'checkpoints/*' -o SERIES."
            )
            raise UsageError(msg)
    sizes = {acts.n for _, acts in opened}
    if len(sizes) > 1:
        msg = (
            f"{call}: RUNs have {min(sizes)} to {max(sizes)} samples. Topology grows with n, so "
            f"that they cannot be compared: capture all with -n {min(sizes)}."
        )
        raise UsageError(msg)
    if opened and min(sizes) < needs.samples:
        msg = f"{call}: {min(sizes)} samples; needed are {needs.samples} or more: capture with -n."
        raise TooFewSamplesError(msg)
    for subject, acts in opened:
        if len(acts) < needs.layers:
            msg = (
                f"{call}: {subject.network!r} has {len(acts)} layers; needed are {needs.layers} or "
                "more: capture with --layers blocks or all."
            )
            raise UsageError(msg)
        if needs.labels and acts.labels is None:
            msg = (
                f"{call}: the RUN of {subject.network!r} has no labels, and the study looks at "
                "classes. Capture it with labelled data (npz:FILE#x=KEY,y=KEY)."
            )
            raise UsageError(msg)
        if needs.labels and acts.labels is not None and len(np.unique(acts.labels)) < 2:
            msg = (
                f"{call}: all samples of {subject.network!r} are of one class; two or more are "
                "needed. Capture it with data of several classes."
            )
            raise UsageError(msg)
    if needs.common_data and opened:
        first = opened[0][1].sample_ids
        for subject, acts in opened[1:]:
            if not np.array_equal(acts.sample_ids, first):
                msg = (
                    f"{call}: {opened[0][0].network!r} and {subject.network!r} were captured on "
                    "other samples. Capture all networks with the same DATA, -n and --seed."
                )
                raise UsageError(msg)


def _folder(
    definition: Definition,
    given: Given,
    quick: bool,
    out: Path | str | None,
    subjects: Sequence[Subject],
) -> Path:
    if out is not None:
        return Path(out)
    name = definition.name
    if not given.nothing:
        name += "-" + spec_hash(sorted(one.identity for one in subjects))[:8]
    return Path("studies") / (name + ("-quick" if quick else ""))
