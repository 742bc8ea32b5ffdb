"""`Comparison`: what `compare` returns, on disk and in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.comparison.old_comparisons import upgraded
from toposcope.errors import SchemaVersionError, StoreError, UsageError
from toposcope.inputs.urls import place_text
from toposcope.store.folders import COMPARISON, MARKS
from toposcope.store.objects import objects_in, put_json_at
from toposcope.store.seals import AGAIN, SEAL, Seal, find_seal, is_own, put_seal
from toposcope.store.shapes import expect, understood
from toposcope.store.tables import table_of
from toposcope.types import Shown

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

TABLES = ("layers", "models")
MARK, SPEC = MARKS[COMPARISON], "spec.json"
SHAPE = {
    "schema?": int,
    "networks": [str],
    "places": [list],
    "failures": [dict],
    "attrs": dict,
    "matrices": [
        {"measure": str, "homology_dimension": (int, type(None)), "values": [list], "gaps": [list]}
    ],
}

SCHEMA = 2
"""Of the stored comparison. 1: q-values over one family of everything, a margin in steps of the
data under test, an onset of least squares (`old_comparisons` reads them), and "cka" was the biased
one."""

RENAMED = {"cka": "cka_biased", "cka_debiased": "cka", "cka_rbf": "cka_rbf_biased"}
"""Measures of schema 1 by their names now."""


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Two or more networks, layer against layer.

    Parameters
    ----------
    networks
        Names, in the order given.
    layers
        One row per matched pair of layers, measure and degree: `value` with its interval, `noise`,
        `effect`, `gap` beyond noise with its interval, `step` (mean gap between neighboring
        layers), `share` = gap / step, `family` of the test, `pvalue` alone, `smallest_p` that so
        many draws can give, `adjusted_p` for the family, `detectable` gap, `margin`,
        `equivalence_p` alone and adjusted, `equivalent`, `paired`, `n` units, `null` hypothesis,
        `status`, `reason`; see docs/comparing.md. `label` is the class that draws were taken
        in; "" for pooled draws, and for all classes together.
    models
        One row per pair of networks, measure and degree: means over the matched layers, the test
        that no layer differs, how many were `found`, and the `onset` where there is one.
    matrices
        (measure, degree or None) -> (L, L) values between all layers of all networks.
    gaps
        The same with the noise of draws taken out; see `layers`.
    places
        (network, layer, depth) of the rows of every matrix.
    failures
        Tasks that could not be done: {"task", "reason", "traceback"}.
    attrs
        Parameters, target of inference, families of tests, versions, commands.
    folder
        Where it is stored, or None.
    """

    networks: tuple[str, ...]
    layers: pd.DataFrame = field(repr=False)
    models: pd.DataFrame = field(repr=False)
    matrices: Mapping[tuple[str, int | None], Array] = field(repr=False)
    gaps: Mapping[tuple[str, int | None], Array] = field(repr=False)
    places: tuple[tuple[str, str, float], ...] = field(repr=False)
    failures: Sequence[dict[str, Any]] = field(default_factory=list, repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    folder: Path | None = None

    def matrix(
        self, measure: str, homology_dimension: int | None = None, *, gap: bool = False
    ) -> pd.DataFrame:
        """All layers of all networks against each other, (network, layer) on both axes.

        With `gap` the noise of draws is taken out. Without it, values between diagrams are mean
        distances between different draws, and the diagonal is what other draws of one layer alone
        produce.
        """
        import pandas as pd

        key = (measure, homology_dimension)
        if key not in self.matrices:
            known = ", ".join(
                f"matrix({m!r}" + (")" if k is None else f", {k})") for m, k in self.matrices
            )
            msg = f"matrix({measure!r}, {homology_dimension}) was not measured; there are {known}."
            raise UsageError(msg)
        axis = pd.MultiIndex.from_tuples([p[:2] for p in self.places], names=["network", "layer"])
        return pd.DataFrame((self.gaps if gap else self.matrices)[key], index=axis, columns=axis)

    def calibration(self, measure: str = "cka") -> pd.DataFrame:
        """Every layer against every layer of other networks, held against shuffled samples.

        Columns `value`, `expected` (mean over shuffles), `effect` (0 on average for unrelated
        layers, 1 for equal ones), `pvalue` of the pair by itself and `adjusted` for the search
        among all pairs; see `toposcope.similarity.calibrated_matrix`.
        """
        import pandas as pd

        entries = [e for e in self.attrs.get("calibration", ()) if e["measure"] == measure]
        if not entries:
            msg = (
                f"calibration({measure!r}): nothing was shuffled. Compare with calibrate=999 "
                f"(--calibrate 999) and {measure!r} among the measures."
            )
            raise UsageError(msg)
        names = ("value", "expected", "effect", "pvalue", "adjusted")
        rows = [
            {
                "network_a": entry["network_a"],
                "layer_a": a,
                "network_b": entry["network_b"],
                "layer_b": b,
                **{name: entry[name][i][j] for name in names},
            }
            for entry in entries
            if "reason" not in entry
            for i, a in enumerate(entry["layers_a"])
            for j, b in enumerate(entry["layers_b"])
        ]
        return pd.DataFrame(rows, columns=["network_a", "layer_a", "network_b", "layer_b", *names])

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that draws were taken in; none where classes are pooled."""
        return tuple(self.attrs.get("classes") or ())

    def of_class(self, label: str = "") -> Self:
        """The rows of one class alone; by default those of pooled draws, or of all classes."""
        layers, models = (table[table["label"] == label] for table in (self.layers, self.models))
        return replace(
            self, layers=layers.reset_index(drop=True), models=models.reset_index(drop=True)
        )

    def save(self, folder: Path | str) -> None:
        """Put all tables into a folder; the seal comes last, over all that lies in it."""
        objects = objects_in(folder)
        for name in TABLES:
            objects.put(f"{name}.parquet", _parquet(getattr(self, name)))
        rest = {
            "schema": SCHEMA,
            "networks": list(self.networks),
            "places": [list(place) for place in self.places],
            "failures": [dict(failure) for failure in self.failures],
            "attrs": dict(self.attrs),
            "matrices": [
                {
                    "measure": measure,
                    "homology_dimension": degree,
                    "values": _lists(values),
                    "gaps": _lists(self.gaps[measure, degree]),
                }
                for (measure, degree), values in self.matrices.items()
            ],
        }
        put_json_at(objects, MARK, rest)
        put_seal(objects, [name for name in objects.list() if not is_own(name)])

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a comparison that was stored with `store=` or `-o`."""
        folder, where = Path(folder), place_text(folder)
        if not is_comparison(folder):
            msg = (
                f"{where} holds no finished comparison. Make one with 'toposcope compare RUN RUN "
                f"-o {where}'."
            )
            raise StoreError(msg)
        seal = find_seal(objects_in(folder))
        assert seal is not None, "a finished comparison has one"
        with understood(where, again="Compare again: what was measured is kept."):
            return cls._read(folder, seal)

    @classmethod
    def _read(cls, folder: Path, seal: Seal) -> Self:
        import pandas as pd
        import pyarrow as pa

        rest = expect(seal.json(MARK), SHAPE, where=place_text(folder / MARK), again=AGAIN)
        tables = {
            name: table_of(seal.get(f"{name}.parquet"), where=place_text(folder / name)).to_pandas(
                types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get
            )
            for name in TABLES
        }
        for table in tables.values():
            table["paired"] = table["paired"].astype(bool)
            table["n"] = table["n"].astype(int)
        schema = rest.get("schema", 1)
        if schema > SCHEMA:
            msg = (
                f"{place_text(folder)} was written by a later toposcope (schema {schema} of a "
                f"comparison; this one reads up to {SCHEMA}). Install that version, or compare "
                "again."
            )
            raise SchemaVersionError(msg)
        if schema < SCHEMA:
            _rename(rest, tables)
        attrs = rest["attrs"]
        if schema < SCHEMA:
            attrs = upgraded(tables, attrs)
        for table in tables.values():  # comparisons stored before classes were compared
            if "label" not in table:
                table.insert(0, "label", "")
        return cls(
            networks=tuple(rest["networks"]),
            layers=tables["layers"],
            models=tables["models"],
            matrices=_arrays(rest["matrices"], "values"),
            gaps=_arrays(rest["matrices"], "gaps"),
            places=tuple((n, layer, depth) for n, layer, depth in rest["places"]),
            failures=rest["failures"],
            attrs=attrs,
            folder=folder,
        )

    def __repr__(self) -> str:
        return (
            f"Comparison({' / '.join(self.networks)}: {len(self.layers)} rows, "
            f"{', '.join(dict.fromkeys(m for m, _ in self.matrices))})"
        )


def is_comparison(folder: Path | str) -> bool:
    """Whether a folder holds a finished comparison."""
    objects = objects_in(folder)
    return objects.exists(MARK) and objects.exists(SEAL)


def _rename(rest: dict[str, Any], tables: Mapping[str, pd.DataFrame]) -> None:
    """Give the measures of schema 1 the names they have now, in place."""
    for table in tables.values():
        table["measure"] = table["measure"].replace(RENAMED)
    for one in rest["matrices"]:
        one["measure"] = RENAMED.get(one["measure"], one["measure"])
    attrs = rest["attrs"]
    if "measures" in attrs:
        attrs["measures"] = [RENAMED.get(name, name) for name in attrs["measures"]]


def _lists(values: Array) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in values]


def _arrays(stored: Sequence[Mapping[str, Any]], name: str) -> dict[tuple[str, int | None], Array]:
    return {
        (one["measure"], one["homology_dimension"]): np.array(one[name], dtype=np.float64)
        for one in stored
    }


def _parquet(table: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())
