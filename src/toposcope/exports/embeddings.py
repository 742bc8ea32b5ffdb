"""Exports for looking at samples: a data set of Hugging Face, and Embedding Atlas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.exports.held import Held, library
from toposcope.exports.publishing import CALL
from toposcope.similarity.planes import principal_plane, turned_onto
from toposcope.types import near_matches

NEIGHBORS = 15
"""Neighbors of a sample that Embedding Atlas is told: as many as it would look for itself."""


def to_hf_dataset(held: Held, out: Path) -> None:
    """A folder for `datasets.load_from_disk`: samples, and a column of vectors for each layer."""
    datasets = library("datasets", "hf")
    import pyarrow as pa

    held.refuse_beyond_memory("hf-dataset", copies=2)
    columns: dict[str, Any] = {}
    features: dict[str, Any] = {}
    for name, values in held.samples().items():
        columns[name] = pa.array(values.tolist())
        features[name] = datasets.Value("string" if values.dtype.kind == "U" else "int64")
    pictures = held.pictures()
    if pictures is not None:
        features["image"] = datasets.Image()
        columns["image"] = pa.array(pictures, features["image"].pa_type)
    for name in held.acts.layers:
        flat = held.flat(name)
        width = flat.shape[1]
        column = f"layer:{name}"
        features[column] = datasets.List(datasets.Value(str(flat.dtype)), length=width)
        columns[column] = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), width)
    described = datasets.DatasetInfo(
        description=json.dumps(held.attrs()), features=datasets.Features(features)
    )
    datasets.Dataset(pa.table(columns), info=described).save_to_disk(str(out))


def to_embedding_atlas(held: Held, out: Path, layer: str | None = None) -> None:
    """A Parquet file for `embedding-atlas FILE --x projection_x --y projection_y`.

    `projection_x` and `projection_y` are of one layer, with the nearest neighbors of each sample in
    the layer itself, not in the plane; `x:NAME` and `y:NAME` are of every layer. Each plane holds
    the two widest directions of its cloud, turned onto the plane of the layer before.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = held.acts.layers
    shown = names[-1] if layer is None else layer
    if shown not in names:
        msg = f"{CALL}: no layer {shown!r} in {held.what}. {near_matches(shown, names)}"
        raise UsageError(msg)
    columns: dict[str, Any] = {"row": np.arange(held.acts.n)}
    for name, values in held.samples().items():
        columns[name] = pa.array(values.tolist())
    pictures = held.pictures()
    if pictures is not None:
        columns["image"] = pa.array(pictures)
    planes, shares, near = _planes(held, shown)
    columns |= {"projection_x": planes[shown][:, 0], "projection_y": planes[shown][:, 1]}
    columns["neighbors"] = pa.array(near)
    for name, plane in planes.items():
        columns |= {f"x:{name}": plane[:, 0], f"y:{name}": plane[:, 1]}
    told = {"layer": shown, "projection": "PCA", "variance": shares, **held.attrs()}
    table = pa.table(columns).replace_schema_metadata({"toposcope": json.dumps(told)})
    pq.write_table(table, out)


def _planes(
    held: Held, shown: str
) -> tuple[dict[str, NDArray[np.float64]], dict[str, float], list[dict[str, list[Any]]]]:
    """Plane of every layer, share of the variance in it, and neighbors in the layer shown."""
    planes: dict[str, NDArray[np.float64]] = {}
    shares: dict[str, float] = {}
    near: list[dict[str, list[Any]]] = []
    before: NDArray[np.float64] | None = None
    for name in held.acts.layers:
        cloud = held.flat(name).astype(np.float64)
        bad = int((~np.isfinite(cloud).all(axis=1)).sum())
        if bad:
            msg = (
                f"{CALL}: {bad} samples of layer {name!r} hold NaN or infinity, and have no place "
                "in a plane. Take the activations along with to='npz'."
            )
            raise UsageError(msg)
        plane, share = principal_plane(cloud)
        before = planes[name] = plane if before is None else turned_onto(plane, before)
        shares[name] = round(float(share.sum()), 6)
        if name == shown:
            near = _neighbors(cloud)
    return planes, shares, near


def _neighbors(cloud: NDArray[np.float64]) -> list[dict[str, list[Any]]]:
    """Rows and distances of the nearest neighbors of each row, as Embedding Atlas reads them."""
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBORS, len(cloud) - 1)
    if k < 1:
        return [{"ids": [], "distances": []} for _ in cloud]
    distances, ids = NearestNeighbors(n_neighbors=k).fit(cloud).kneighbors()
    return [
        {"ids": a.tolist(), "distances": b.tolist()} for a, b in zip(ids, distances, strict=True)
    ]
