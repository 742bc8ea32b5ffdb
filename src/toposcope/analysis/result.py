"""The `Analysis` noun: what `analyze` returns and `report` takes, read back from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import Design
from toposcope.analysis.scale_error import units_of
from toposcope.analysis.stored import RESULTS, current_name, finished_in
from toposcope.errors import DamagedError, StoreError
from toposcope.inputs.signatures import instance
from toposcope.inputs.urls import place_text
from toposcope.stats import mean_interval
from toposcope.store.objects import objects_in
from toposcope.store.seals import SEAL, Seal
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

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers in network order."""
        return tuple(self.table["layer"].unique())

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
        return units_of(self.table)

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
        """Read the compacted tables of a finished analysis, verified against their hashes."""
        tables = {
            name: table_of(seal.get(file), where=seal.objects.where(file))
            for name in TABLES
            if (file := f"{name}.parquet") in seal.files
        }
        known = part_schema().names
        for name, table in tables.items():
            if not set(table.column_names) <= set(known):
                where = seal.objects.where(f"{name}.parquet")
                msg = f"{where} is damaged: its columns are {', '.join(table.column_names)[:200]}."
                raise DamagedError(msg)
        table = frame(tables["table"])
        attrs = context["attrs"]
        overlap = overlap_of(attrs)
        return cls(
            table=table,
            intervals=intervals(
                table, level=attrs["level"], overlap=overlap, units=units_of(table)
            ),
            diagrams=_diagrams(tables["diagrams"], attrs),
            loops=_loops(tables["loops"]),
            validity=frame(tables["validity"]) if "validity" in tables else empty_validity(),
            **context,
        )


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
    table: pd.DataFrame,
    *,
    level: float = 0.95,
    overlap: float = 0.0,
    units: NDArray[np.float64] | None = None,
) -> pd.DataFrame:
    """Mean over replicates with a t-interval, for every statistic of a tidy table.

    Parameters
    ----------
    table
        Tidy numbers, as from `summarize` or `Analysis.table`.
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

    out = []
    values = table["value"].to_numpy(float) if units is None else units
    statuses = table["status"].to_numpy(object)
    reasons, fine = table["reason"].to_numpy(object), statuses == OK
    for key, rows in rows_by(table, KEY_COLUMNS).items():
        good, bad = rows[fine[rows]], rows[~fine[rows]]
        row = dict(zip(KEY_COLUMNS, key, strict=True)) | {"level": level, "replicates": len(good)}
        row["method"] = "t, overlapping draws" if overlap else "t, disjoint draws"
        if len(good):
            mean = mean_interval(values[good], level=level, overlap=overlap)
            row |= {"mean": mean.value, "low": mean.low, "high": mean.high}
        else:
            row |= {"mean": np.nan, "low": np.nan, "high": np.nan}
        row["status"] = statuses[bad[0]] if len(bad) else OK
        row["reason"] = reasons[bad[0]] if len(bad) else ""
        if len(bad) and len(good):
            row["reason"] = (
                f"{len(bad)} of {len(rows)} draws have no value ({reasons[bad[0]]}); the interval "
                f"is over the other {len(good)}"
            )
        if len(good) == 1 and not len(bad):
            row |= {"status": "one_replicate", "reason": "one replicate has no spread"}
        out.append(row)
    ends = ("mean", "low", "high", "level", "replicates", "method", "status", "reason")
    columns = [*KEY_COLUMNS, *ends]
    result = pd.DataFrame(out, columns=columns)
    result["homology_dimension"] = result["homology_dimension"].astype("Int64")
    return result


def _diagrams(table: pa.Table, attrs: Mapping[str, Any]) -> DiagramSet:
    keys, pairs = [], []
    births, deaths = (_ends(table[name]) for name in ("births", "deaths"))
    columns = {
        name: table[name].to_pylist()
        for name in (
            "layer",
            "depth",
            "replicate",
            "homology_dimension",
            "label",
            "cloud",
            "points",
        )
    }
    for i in range(len(table)):
        keys.append(DiagramKey(**{name: values[i] for name, values in columns.items()}))
        pairs.append(np.stack([births[i], deaths[i]], axis=1))
    return DiagramSet(tuple(keys), tuple(pairs), attrs)


def _ends(column: pa.ChunkedArray) -> list[NDArray[np.float64]]:
    """The lists of a column as arrays, without a call into Arrow for each."""
    lists = column.combine_chunks()
    values = lists.values.to_numpy(zero_copy_only=False)
    offsets = lists.offsets.to_numpy()
    return [values[i:j] for i, j in pairwise(offsets.tolist())]


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
