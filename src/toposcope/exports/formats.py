"""`export`: a RUN in the format of another tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from toposcope.errors import UsageError
from toposcope.exports.embeddings import to_embedding_atlas, to_hf_dataset
from toposcope.exports.held import Held, hold, needed_analysis
from toposcope.exports.plain import to_csv, to_npz
from toposcope.exports.publishing import CALL, free_place, published
from toposcope.exports.science import to_anndata, to_zarr
from toposcope.inputs import parameters
from toposcope.types import ActivationSet


@dataclass(frozen=True)
class Format:
    """A format of another tool.

    Parameters
    ----------
    write
        Writes what is held to a place where nothing is.
    suffixes
        Endings of the file that its readers go by; empty where any will do.
    opens
        What opens it, with {} for the place.
    """

    write: Callable[[Held, Path], None]
    suffixes: tuple[str, ...]
    opens: str


FORMATS: Mapping[str, Format] = {
    "csv": Format(to_csv, (), "pandas.read_csv('{}/intervals.csv')"),
    "npz": Format(to_npz, (".npz",), "numpy.load('{}')"),
    "zarr": Format(to_zarr, (), "zarr.open_group('{}', mode='r')"),
    "anndata": Format(to_anndata, (".h5ad", ".zarr"), "anndata.read_h5ad('{}')"),
    "hf-dataset": Format(to_hf_dataset, (), "datasets.load_from_disk('{}')"),
    "embedding-atlas": Format(
        to_embedding_atlas,
        (".parquet",),
        "embedding-atlas '{}' --x projection_x --y projection_y --neighbors neighbors",
    ),
}

VIRTUAL = "virtual-zarr"
"""Asked for by its name, and refused: no release of VirtualiZarr (2.5.1) reads safetensors."""


def export(
    run: Path | str | ActivationSet | Any,
    *,
    to: str,
    out: Path | str,
    layer: str | None = None,
    analysis: str | None = None,
) -> Path:
    """Take activations, samples and numbers along into another tool; nothing is overwritten.

    What is written stands there whole or not at all.

    Parameters
    ----------
    run
        Folder or URL of a RUN, an `ActivationSet` or an `Analysis`.
    to
        "csv" (numbers of the analysis), "npz", "zarr", "anndata" (activations, samples, diagrams),
        "hf-dataset" (activations and samples) or "embedding-atlas" (every layer in the plane, one
        of them to look at). See docs/howto/export.md.
    out
        File or folder to write; it must not exist, and may lie in no RUN.
    layer
        For "embedding-atlas": which layer is shown first; default: the last.
    analysis
        Name of an analysis of the RUN; default: the one that its report shows.

    Returns
    -------
    Where it is.

    Raises
    ------
    UsageError
        For another format, a place that is no RUN, or an `out` that exists.
    MissingExtraError
        When the package of the format is not installed, with what to type.

    Examples
    --------
    >>> import tempfile, numpy as np, toposcope as ts
    >>> acts = ts.from_arrays({"first": np.eye(4), "second": np.ones((4, 2))})
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with np.load(export(acts, to="npz", out=f"{place}/acts.npz")) as read:
    ...         sorted(read)
    ['attrs', 'layer:first', 'layer:second', 'sample_id']
    """
    if isinstance(to, str) and to == VIRTUAL:
        msg = (
            f"{CALL}: to={VIRTUAL!r} would need a reader of safetensors, which no release of "
            "VirtualiZarr has (looked at: 2.5.1). Pass to='zarr', which copies the values."
        )
        raise UsageError(msg)
    to = parameters.choice(to, FORMATS, "to", call=CALL)
    place = parameters.path(out, "out", call=CALL)
    chosen = FORMATS[to]
    if chosen.suffixes and place.suffix not in chosen.suffixes:
        endings = " or ".join(chosen.suffixes)
        msg = (
            f"{CALL}: out={str(place)!r}; readers of {to} go by the ending {endings}. Pass "
            f"out='{place}{chosen.suffixes[0]}'."
        )
        raise UsageError(msg)
    if layer is not None and to != "embedding-atlas":
        msg = f"{CALL}: layer={layer!r} belongs to to='embedding-atlas'; {to} holds all layers."
        raise UsageError(msg)
    if layer is not None:
        layer = parameters.text(layer, "layer", call=CALL)
    if analysis is not None:
        analysis = parameters.text(analysis, "analysis", call=CALL)
    free_place(place)
    if isinstance(run, str | Path):
        run = parameters.path(run, "run", call=CALL, url=True)
    held = hold(run, analysis)
    write = chosen.write if layer is None else partial(to_embedding_atlas, layer=layer)
    if to == "csv":
        needed_analysis(held, to)
    with published(place) as rehearsed:
        write(held, rehearsed)
    return place
