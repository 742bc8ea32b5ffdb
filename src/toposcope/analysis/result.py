"""The `Analysis` noun: what `analyze` returns and `report` takes, read back from its tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import Design
from toposcope.analysis.scale_error import UNIT_COLUMNS, units_of
from toposcope.analysis.stored import RESULTS, current_name, finished_in
from toposcope.errors import DamagedError, StoreError
from toposcope.inputs import parameters
from toposcope.inputs.signatures import instance
from toposcope.inputs.urls import place_text
from toposcope.stats.intervals import means_and_halves
from toposcope.stats.units import finite
from toposcope.store.coded import Coded
from toposcope.store.objects import objects_in
from toposcope.store.seals import AGAIN, SEAL, Seal
from toposcope.store.shapes import understood
from toposcope.store.tables import (
    KEY_COLUMNS,
    OK,
    TABLES,
    VALIDITY_COLUMNS,
    part_schema,
    table_of,
)
from toposcope.store.tidy import rows_by
from toposcope.types import (
    THUMBNAIL,
    ActivationSet,
    DiagramKey,
    DiagramSet,
    Shown,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


TABLE = f"{TABLES[0]}.parquet"
INTERVAL_COLUMNS = tuple(dict.fromkeys([*UNIT_COLUMNS, *KEY_COLUMNS, "status", "reason"]))
"""Columns that decide intervals and their units."""


@dataclass(frozen=True, eq=False)
class Analysis(Shown):
    """What `analyze` returns and `report` takes: one network, measured layer by layer.

    Parameters
    ----------
    name
        Shown as the name of the run.
    table
        Tidy numbers, one row per (layer, draw, statistic); see docs/storage.md.
    intervals
        Means over replicates with intervals of stated coverage.
    diagrams
        All persistence diagrams.
    loops
        Samples on the longest H1 loops of each layer.
    failures
        Tasks that could not be done: {"task", "layer", "replicate", "reason", "traceback"}.
    attrs
        Parameters, conventions, versions, commands, top1.
    activations
        The activations behind it, or None.
    run
        The RUN folder, or None.
    validity
        Clouds measured again under other conditions (`validity_checks`), one row per number;
        what follows from them: `toposcope.studies.validity_verdicts`.
    """

    name: str
    table: pd.DataFrame = field(repr=False)
    intervals: pd.DataFrame = field(repr=False)
    diagrams: DiagramSet
    loops: pd.DataFrame = field(repr=False)
    failures: list[dict[str, Any]] = field(default_factory=list, repr=False)
    attrs: dict[str, Any] = field(default_factory=dict, repr=False)
    activations: ActivationSet | None = field(default=None, repr=False)
    run: Path | None = None
    validity: pd.DataFrame = field(default_factory=lambda: empty_validity(), repr=False)

    @cached_property
    def columns(self) -> Coded:
        """The columns of `table` as numbers."""
        return Coded.of_frame(self.table, INTERVAL_COLUMNS)

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Layers in network order."""
        return tuple(self.columns.distinct("layer"))

    @cached_property
    def design(self) -> Design | None:
        """What was measured, read back from `attrs`; None for diagrams computed by hand."""
        return Design.from_spec(self.attrs) if "complex" in self.attrs else None

    @cached_property
    def rows(self) -> dict[tuple[Any, ...], NDArray[np.intp]]:
        """Positions in `table` by (layer, statistic, cloud, homology_dimension or None)."""
        return rows_by(self.table, ("layer", "statistic", "cloud", "homology_dimension"))

    @cached_property
    def units(self) -> NDArray[np.float64]:
        """(rows of `table`,) the values to take spreads over draws from; see `units_of`."""
        return units_of(self.columns)

    @cached_property
    def dimensions(self) -> pd.DataFrame:
        """Intrinsic dimensions with the uniform cube that reads the same; see `dimensions_of`."""
        from toposcope.analysis.dimensions import dimensions_of

        return dimensions_of(self.intervals, self.attrs)

    def thumbnails(self, rows: Sequence[int]) -> NDArray[np.uint8] | None:
        """(m, h, w[, 3]) small pictures of some samples; None when the data are no images."""
        if self.run is None:
            return None
        from toposcope.store.runs import Run

        run = Run.open(self.run)
        if THUMBNAIL not in run.layers:
            return None
        return run.read(THUMBNAIL, np.asarray(rows, dtype=np.intp)).astype(np.uint8)

    def texts(self, rows: Sequence[int]) -> list[str] | None:
        """Beginnings of some samples; None when the data are no texts."""
        if self.run is None:
            return None
        from toposcope.store.runs import Run

        return Run.open(self.run).texts(rows)

    @classmethod
    def load(cls, seal: Seal, **context: Any) -> Self:
        """Open the compacted tables of a finished analysis, all held against their hashes.

        What takes time or room to make of them is made when it is first asked for: the numbers of
        30,000 tasks as people see them take 170 MB, their diagrams 60.
        """
        for name in TABLES[1:]:
            if f"{name}.parquet" in seal.files:
                seal.get(f"{name}.parquet")
        columns = Coded.of_part(seal.get(TABLE), where=seal.objects.where(TABLE))
        attrs = context["attrs"]
        late: dict[str, Callable[[], Any]] = {
            "table": columns.frame,
            "intervals": partial(_intervals, columns, attrs),
            "diagrams": partial(_read, seal, "diagrams", partial(_diagrams, attrs=attrs)),
            "loops": partial(_read, seal, "loops", _loops),
            "validity": partial(_read, seal, "validity", frame),
        }
        if "validity.parquet" not in seal.files:
            late["validity"] = empty_validity
        nothing: dict[str, Any] = dict.fromkeys(late)
        made = cls(**nothing, **context)
        for name in late:
            vars(made).pop(name)
        vars(made).update(columns=columns, _late=late, _where=seal.objects.where())
        return made

    if not TYPE_CHECKING:  # a misspelled name stays an error of types

        def __getattr__(self, name: str) -> Any:
            late = vars(self).get("_late", {})
            if name not in late:
                msg = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            with understood(vars(self)["_where"], again=AGAIN):
                vars(self)[name] = late[name]()
            return vars(self)[name]


def _intervals(columns: Coded, attrs: Mapping[str, Any]) -> pd.DataFrame:
    return intervals(
        columns, level=attrs["level"], overlap=overlap_of(attrs), units=units_of(columns)
    )


def _read(seal: Seal, name: str, made: Callable[[pa.Table], Any]) -> Any:
    """What is made of a table as it was sealed, of columns that are known."""
    file = f"{name}.parquet"
    where = seal.objects.where(file)
    table = table_of(seal.get(file), where=where)
    if not set(table.column_names) <= set(part_schema().names):
        msg = f"{where} is damaged: its columns are {', '.join(table.column_names)[:200]}."
        raise DamagedError(msg)
    return made(table)


def overlap_of(attrs: Mapping[str, Any]) -> float:
    """Share of the samples that two draws have in common; 0 for disjoint draws.

    Draws inside classes are taken out of a class, so the smallest class decides.

    >>> overlap_of({"overlapping": True, "points": 50, "n": 1000})
    0.05
    >>> overlap_of({"overlapping": True, "points": 50, "n": 1000, "smallest_class": 100})
    0.5
    """
    if not attrs.get("overlapping"):
        return 0.0
    return float(attrs["points"] / (attrs.get("smallest_class") or attrs["n"]))


def empty_validity() -> pd.DataFrame:
    """The table of validity checks of an analysis that made none."""
    return frame(part_schema().empty_table().select(VALIDITY_COLUMNS))


def analysis_of_diagrams(diagrams: DiagramSet, *, level: float = 0.95) -> Analysis:
    """An `Analysis` of diagrams computed by hand: their statistics, without loops or dimensions."""
    from toposcope.diagrams.summaries import summarize

    attrs = {
        "n": None,
        "step": None,
        "top1": None,
        "overlapping": False,
        "level": level,
        "null": "none",
        "warnings": [],
        "commands": [],
        "versions": {},
        "conventions": {},
        "class_names": [],
        "replicates": len(diagrams.replicates),
        "points": max((key.points for key in diagrams.keys), default=0),
        **diagrams.attrs,
    }
    table = summarize(diagrams)
    overlap = overlap_of(attrs)
    return Analysis(
        name=str(attrs.get("name") or attrs.get("model") or "diagrams"),
        table=table,
        intervals=intervals(table, level=level, overlap=overlap),
        diagrams=diagrams,
        loops=_loops(part_schema().empty_table()),
        attrs=attrs,
    )


def frame(table: pa.Table) -> pd.DataFrame:
    """Arrow table as a DataFrame with a nullable integer `homology_dimension`."""
    import pandas as pd

    out = table.to_pandas()
    degree = table["homology_dimension"].to_pylist()
    out["homology_dimension"] = pd.array(degree, dtype="Int64")
    return out


def intervals(
    table: pd.DataFrame | Coded,
    *,
    level: float = 0.95,
    overlap: float = 0.0,
    units: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Mean over replicates with a t-interval, for every statistic of a tidy table.

    Parameters
    ----------
    table
        Tidy numbers, as from `summarize` or `Analysis.table`, or its columns as numbers.
    level
        Coverage of each interval.
    overlap
        points / n when draws overlap, else 0; see `stats.mean_interval`.
    units
        (rows,) as from `units_of`: values with the error of the scale in their spread. None takes
        them as they are, which counts the scale as known.

    Returns
    -------
    One row per (layer, label, cloud, homology_dimension, statistic) with `mean`, `low`, `high`,
    `level`, `replicates`, `method`, `status`, `reason`. Where some replicates have no value the
    status says so and the interval is over those that have one.
    """
    import pandas as pd

    level = parameters.level(level, call="intervals()")
    coded = table if isinstance(table, Coded) else Coded.of_frame(table, INTERVAL_COLUMNS)
    ends = ("mean", "low", "high", "level", "replicates", "method", "status", "reason")
    if not len(coded):
        empty = pd.DataFrame([], columns=[*KEY_COLUMNS, *ends])
        return empty.astype({"homology_dimension": "Int64"})
    groups = coded.groups(KEY_COLUMNS)
    values = (coded.numbers if units is None else units)[groups.rows]
    fine = coded.having("status", OK)[groups.rows]
    sizes = np.add.reduceat(fine, groups.begins, dtype=np.intp)
    # Those that have a value, group after group as before, and the first that has none.
    good, begins = values[fine], np.cumsum(sizes) - sizes
    means, halves = np.full((2, len(groups)), np.nan)
    for size in np.unique(sizes[sizes > 0]).tolist():
        # Rows of one length together: 70,000 intervals one by one took 15 s of an opening.
        same = np.flatnonzero(sizes == size)
        inside = finite(
            "intervals()", "value", good[begins[same][:, None] + np.arange(size)], ndim=(2,)
        )
        means[same], halves[same] = means_and_halves(inside, level=level, overlap=overlap)
    owner = np.repeat(np.arange(len(groups)), groups.sizes)[~fine]
    lacking, first = np.unique(owner, return_index=True)
    statuses = np.full(len(groups), OK, dtype=object)
    reasons = np.full(len(groups), "", dtype=object)
    bad = groups.rows[~fine][first]
    said = zip(
        lacking.tolist(), coded.taken("status", bad), coded.taken("reason", bad), strict=True
    )
    for group, status, reason in said:
        has, of = int(sizes[group]), int(groups.sizes[group])
        statuses[group], reasons[group] = status, reason
        if has:
            reasons[group] = (
                f"{of - has} of {of} draws have no value ({reason}); the interval is over the "
                f"other {has}"
            )
    alone = (sizes == 1) & (groups.sizes == 1)
    statuses[alone], reasons[alone] = "one_replicate", "one replicate has no spread"
    order = groups.appearance
    out: dict[str, Any] = {name: coded.taken(name, groups.firsts[order]) for name in KEY_COLUMNS}
    out["homology_dimension"] = pd.array(out["homology_dimension"], dtype="Int64")
    out |= {"mean": means[order], "low": (means - halves)[order], "high": (means + halves)[order]}
    out |= {"level": level, "replicates": sizes[order]}
    out["method"] = "t, overlapping draws" if overlap else "t, disjoint draws"
    return pd.DataFrame(
        out | {"status": statuses[order].tolist(), "reason": reasons[order].tolist()}
    )


def _diagrams(table: pa.Table, attrs: Mapping[str, Any]) -> DiagramSet:
    names = [one.name for one in fields(DiagramKey)]
    columns = zip(*(_shared(table[name].to_pylist()) for name in names), strict=True)
    keys = tuple(itertools.starmap(DiagramKey, columns))
    births, deaths = table["births"].combine_chunks(), table["deaths"].combine_chunks()
    ends = births.offsets.to_numpy()
    if not np.array_equal(ends - ends[:1], deaths.offsets.to_numpy() - deaths.offsets[0].as_py()):
        msg = "a diagram has another number of births than of deaths"
        raise ValueError(msg)
    pairs = np.column_stack([births.flatten().to_numpy(), deaths.flatten().to_numpy()])
    each = itertools.pairwise((ends - ends[:1]).tolist())
    return DiagramSet(keys, tuple(pairs[begin:end] for begin, end in each), attrs)


def _shared(values: list[Any]) -> list[Any]:
    """The values, equal ones as one object."""
    known: dict[Any, Any] = {}
    return [known.setdefault(value, value) for value in values]


def _loops(table: pa.Table) -> pd.DataFrame:
    out = table.select(["layer", "depth", "label", "replicate", "samples"]).to_pandas()
    out["birth"] = [values[0] for values in table["births"].to_pylist()]
    out["death"] = [values[0] for values in table["deaths"].to_pylist()]
    return out


def current_folder(run: Path, analysis: str | None = None) -> Path:
    """Folder of the analysis to show: the one named, or the last one finished."""
    if analysis is None:
        analysis = current_name(run)
        if analysis is None:
            where = place_text(run)
            msg = f"{where} has no finished analysis. Run 'toposcope analyze {where}' first."
            raise StoreError(msg)
    whole = objects_in(run)
    if not whole.within(f"{RESULTS}/{analysis}").exists(SEAL):
        known = finished_in(whole)
        msg = (
            f"{place_text(run)} has no finished analysis {analysis!r}; finished are: "
            f"{known or 'none'}."
        )
        raise StoreError(msg)
    return run / RESULTS / analysis


ANALYSIS = instance(
    Analysis,
    needed="an Analysis, as ts.analyze() and ts.load_analysis() return it",
    like=("table", "attrs"),
)
"""Checks that a parameter is an `Analysis`."""
