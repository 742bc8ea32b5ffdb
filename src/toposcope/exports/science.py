"""Exports for scientific Python: Zarr groups and AnnData."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.exports.held import Held, library


def to_zarr(held: Held, out: Path) -> None:
    """A Zarr group: `layers/NAME` with the names of its dimensions, `samples`, `diagrams`.

    A "/" in the name of a layer would be a folder: it is written as "%2F", and every array tells
    its `layer`.
    """
    zarr = library("zarr", "zarr")
    root = zarr.open_group(str(out), mode="w-")
    root.attrs.update(held.attrs())
    for group, names in (("layers", held.acts.layers), ("pseudo", held.beside)):
        made = root.create_group(group)
        for index, name in enumerate(names):
            shape, dtype = held.shape(name)
            first = next((values for _, values in held.blocks(name)), np.empty(shape))
            array = made.create_array(
                name.replace("%", "%25").replace("/", "%2F"),
                shape=shape,
                dtype=dtype,
                chunks=(max(1, len(first)), *(max(1, size) for size in shape[1:])),
                dimension_names=["sample", *(f"axis_{k}" for k in range(1, len(shape)))],
            )
            for rows, values in held.blocks(name):
                array[rows] = values
            depth = {"depth": held.acts.depth(name)} if group == "layers" else {}
            array.attrs.update({"layer": name, "index": index, **depth})
    for group, columns in (("samples", held.samples()), ("diagrams", held.diagrams())):
        made = root.create_group(group)
        for name, values in columns.items():
            made.create_array(name, data=_texts(values))


def _texts(values: NDArray[Any]) -> NDArray[Any]:
    """Texts of any length as Zarr knows them; other values as they are."""
    return values.astype(np.dtypes.StringDType()) if values.dtype.kind == "U" else values  # type: ignore[call-overload,no-any-return]


def to_anndata(held: Held, out: Path) -> None:
    """An AnnData file: samples in `obs`, layers in `obsm`, the last one as `X`, numbers in `uns`.

    `.zarr` at the end of `out` writes a Zarr store, anything else an H5AD file.
    """
    anndata = library("anndata", "anndata")
    held.refuse_beyond_memory("anndata", copies=2)
    samples = held.samples()
    ids = samples.pop("sample_id")
    keys: dict[str, str] = {}
    obsm: dict[str, NDArray[Any]] = {}
    for name in held.acts.layers:
        key = f"X_{name}".replace("/", "_")
        keys[name] = key if key not in obsm else f"{key}_{len(obsm)}"
        obsm[keys[name]] = held.flat(name)
    uns: dict[str, Any] = {
        "toposcope": json.dumps(held.attrs()),
        "layers": _frame({"layer": [*keys], "obsm": [*keys.values()]}),
    }
    if held.analysis is not None:
        uns["diagrams"] = _frame(held.diagrams())
        kept = held.analysis.intervals.copy()
        # HDF5 has no nullable column that all readers know: -1 for statistics of a whole cloud.
        kept["homology_dimension"] = kept["homology_dimension"].fillna(-1).astype(int)
        uns["intervals"] = _frame({name: kept[name].to_numpy() for name in kept})
    last = obsm[keys[held.acts.layers[-1]]]
    columns = _frame({}, np.arange(last.shape[1]).astype(str))
    made = anndata.AnnData(X=last, obs=_frame(samples, ids), var=columns, obsm=obsm, uns=uns)
    if out.suffix == ".zarr":
        # Format 2, which every release from 0.12 on reads and writes: anndata warns of its later
        # default also where it is asked for.
        with anndata.settings.override(zarr_write_format=2), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Writing zarr v2 data", category=UserWarning)
            made.write_zarr(out)
    else:
        made.write_h5ad(out)


def _frame(columns: Mapping[str, Any], index: NDArray[Any] | None = None) -> Any:
    """A table whose texts are plain objects, in its columns, their names and its index.

    No writer of anndata up to 0.12 takes the text columns of pandas 3.
    """
    import pandas as pd

    count = len(next(iter(columns.values()), ()))
    ids = [str(i) for i in range(count)] if index is None else index.tolist()
    frame = pd.DataFrame(index=pd.Index(np.array(ids, dtype=object), dtype=object))
    for name, values in columns.items():
        plain = np.asarray(values)
        kind = object if plain.dtype.kind in "UO" else plain.dtype
        frame[name] = pd.Series(plain.astype(kind), index=frame.index, dtype=kind)
    frame.columns = pd.Index([*columns], dtype=object)
    return frame
