"""Exports that need no other package: CSV tables, and NPZ arrays."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.exports.held import Held, needed_analysis

LAYER = "layer:"
"""Begins the name of a layer in an NPZ, so that no layer hides another array."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that spreadsheets would run."""


def defused(text: Any) -> Any:
    """A text that no spreadsheet runs; everything else as it is.

    >>> defused("=1+1"), defused("cat"), defused(-1.5)
    ("'=1+1", 'cat', -1.5)
    """
    return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA) else text


def to_csv(held: Held, out: Path) -> None:
    """samples.csv, table.csv, intervals.csv, diagrams.csv and attrs.json in a folder."""
    import pandas as pd

    analysis = needed_analysis(held, "csv")
    out.mkdir()
    tables = {
        "samples": pd.DataFrame(held.samples()),
        "table": analysis.table,
        "intervals": analysis.intervals,
        "diagrams": pd.DataFrame(held.diagrams()),
    }
    for name, table in tables.items():
        safe = {
            column: values if pd.api.types.is_numeric_dtype(values) else values.map(defused)
            for column, values in table.items()
        }
        frame = pd.DataFrame(safe, columns=table.columns)
        frame.to_csv(out / f"{name}.csv", index=False, encoding="utf-8")
    (out / "attrs.json").write_text(json.dumps(held.attrs(), indent=1), "utf-8")


def to_npz(held: Held, out: Path) -> None:
    """Every layer as `layer:NAME`, samples, attrs (JSON) and diagrams as `diagrams:COLUMN`.

    Layers are written some rows at a time: `np.savez` would hold all of them at once.
    """
    small = {
        **held.samples(),
        **{f"diagrams:{name}": values for name, values in held.diagrams().items()},
        "attrs": np.array(json.dumps(held.attrs())),
    }
    with zipfile.ZipFile(out, "x", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in (*held.acts.layers, *held.beside):
            _write_layer(archive, held, name)
        for name, values in small.items():
            _write_array(archive, name, values)


def _write_layer(archive: zipfile.ZipFile, held: Held, name: str) -> None:
    shape, dtype = held.shape(name)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    with archive.open(f"{LAYER}{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_2_0(file, header)  # type: ignore[arg-type]
        for _, values in held.blocks(name):
            file.write(values.data.cast("B") if values.size else b"")


def _write_array(archive: zipfile.ZipFile, name: str, values: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array(file, values, allow_pickle=False)  # type: ignore[arg-type]
