"""The two nouns: activations of a network and persistence diagrams of its layers.

Both are frozen, hold plain arrays in the order the user thinks in (network order), and turn into
xarray on request. They carry provenance in `attrs`. No science lives here: functions elsewhere
take these nouns and return new ones.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.inputs.labels import check_numbered
from toposcope.inputs.signatures import instance

if TYPE_CHECKING:
    import xarray as xr

DATA_CLOUD = "data"
"""Value of `cloud` for diagrams of the network's own activations (others name a null model)."""

PREDICTION, THUMBNAIL, MASK, LOGITS = "@prediction", "@thumbnail", "@mask", "@logits"
"""Pseudo-layers of a RUN: predicted class; small picture; (n, tokens) of 1 for real tokens, which
come first, and 0 for pads; class scores."""


def near_matches(name: str, known: Sequence[str]) -> str:
    """Sentence that lists what the user may have meant, or what there is where nothing is near.

    >>> near_matches("conv3", ["conv1", "fc"]), near_matches("zzz", ["conv1", "fc"])
    ('Near matches: conv1.', 'None is near; there are conv1, fc.')
    """
    import difflib

    if not known:
        return "There are none."
    if close := difflib.get_close_matches(name, known, n=5, cutoff=0.4):
        return f"Near matches: {', '.join(close)}."
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return f"None is near; there are {', '.join(list(known)[:5])}{more}."


@dataclass(frozen=True, eq=False)
class ActivationSet:
    """Activations of several layers on the same samples.

    Parameters
    ----------
    layers
        Layer addresses in network order; the second call of one module reads `name@1`.
    sample_ids
        (n,) stable ids; two sets are paired by them.
    read
        Function (layer, rows) -> array (n or len(rows), ...): one row per sample. `rows` is an
        integer index array or None for all rows.
    labels
        (n,) integer class of each sample, or None.
    class_names
        Names of the classes, position = label.
    run
        The RUN folder behind this set, or None for arrays in memory.
    attrs
        Provenance: model, weights, data, pool, seed, versions.
    pseudo
        What `read` gives besides layers, such as "@mask": (n, tokens), 1 for real tokens.
    """

    layers: tuple[str, ...]
    sample_ids: NDArray[np.str_]
    read: Callable[[str, NDArray[np.intp] | None], NDArray[Any]] = field(repr=False)
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] = ()
    run: Path | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    pseudo: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Whoever makes one by hand passes here; `from_arrays` has read and numbered labels.
        if self.labels is not None:
            check_numbered(self.labels, self.n, self.class_names, where="ActivationSet()")

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.sample_ids)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __getitem__(self, layer: str) -> NDArray[Any]:
        return self.rows(layer)

    def rows(self, layer: str, rows: NDArray[np.intp] | None = None) -> NDArray[Any]:
        """Activations of one layer, (n, ...) or (len(rows), ...)."""
        if layer not in self.layers:
            msg = f"no layer {layer!r} among the {len(self)} captured. " + near_matches(
                layer, self.layers
            )
            raise LayerNotFoundError(msg)
        return self.read(layer, rows)

    def rows_of(self, layer: str, rows: NDArray[np.intp] | None = None) -> NDArray[Any]:
        """As `rows`, of pseudo-layers too."""
        return self.read(layer, rows) if layer in self.pseudo else self.rows(layer, rows)

    def depth(self, layer: str) -> float:
        """Relative position of a layer: (index + 1) / number of layers; the input would be 0."""
        return (self.layers.index(layer) + 1) / len(self.layers)

    def to_xarray(self) -> xr.DataTree:
        """One child node per layer, all sharing the coordinates `sample` and `label`."""
        import xarray as xr

        coords: dict[str, Any] = {"sample": self.sample_ids}
        if self.labels is not None:
            coords["label"] = ("sample", self.labels)
        nodes: dict[str, xr.Dataset] = {"/": xr.Dataset(coords=coords, attrs=dict(self.attrs))}
        for index, layer in enumerate(self.layers):
            values = self.rows(layer)
            # Child names cannot hold "/" and xarray forgets their order: both go into attributes.
            dims = ("sample", *(f"axis_{axis}" for axis in range(1, values.ndim)))
            nodes[f"/{layer.replace('/', '%2F') or '_root'}"] = xr.Dataset(
                {"activation": (dims, values)}, attrs={"layer": layer, "index": index}
            )
        return xr.DataTree.from_dict(nodes)

    def __repr__(self) -> str:
        where = f", run={str(self.run)!r}" if self.run else ""
        return f"ActivationSet({len(self)} layers, {self.n} samples{where})"

    def _repr_html_(self) -> str:
        rows = []
        for layer in self.layers:
            one = self.read(layer, np.arange(min(1, self.n)))
            rows.append((layer, f"{self.depth(layer):.3f}", str(tuple(one.shape[1:])), one.dtype))
        return _html_table(repr(self), ("layer", "depth", "shape per sample", "dtype"), rows)


@dataclass(frozen=True)
class DiagramKey:
    """Where one diagram comes from.

    Parameters
    ----------
    layer, depth
        Layer address and its relative position in [0, 1].
    replicate
        Number of the draw of samples.
    homology_dimension
        Degree k of H_k.
    label
        Class name the cloud was restricted to; "" when classes are pooled.
    cloud
        "data", or the name of the null model the cloud was drawn from.
    points
        Number of points of the cloud.
    """

    layer: str
    depth: float
    replicate: int
    homology_dimension: int
    label: str = ""
    cloud: str = DATA_CLOUD
    points: int = 0


@dataclass(frozen=True, eq=False)
class DiagramSet:
    """Persistence diagrams of many clouds, ragged, without padding.

    Parameters
    ----------
    keys
        One `DiagramKey` per diagram, in network order.
    pairs_list
        One (m, 2) float64 array of (birth, death) per key, in filtration units; essential death
        is inf; pairs of zero length are left out.
    attrs
        Conventions and provenance: metric, coefficient field, normalization, seed, versions.
    """

    keys: tuple[DiagramKey, ...]
    pairs_list: tuple[NDArray[np.float64], ...] = field(repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[tuple[DiagramKey, NDArray[np.float64]]]:
        return iter(zip(self.keys, self.pairs_list, strict=True))

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers in network order."""
        return tuple(dict.fromkeys(key.layer for key in self.keys))

    @property
    def homology_dimensions(self) -> tuple[int, ...]:
        """Degrees present."""
        return tuple(sorted({key.homology_dimension for key in self.keys}))

    @property
    def replicates(self) -> tuple[int, ...]:
        """Replicate numbers present."""
        return tuple(sorted({key.replicate for key in self.keys}))

    def select(
        self,
        *,
        layer: str | None = None,
        homology_dimension: int | None = None,
        replicate: int | None = None,
        label: str | None = None,
        cloud: str | None = None,
    ) -> Self:
        """The diagrams that match every given value."""
        wanted = {
            "layer": layer,
            "homology_dimension": homology_dimension,
            "replicate": replicate,
            "label": label,
            "cloud": cloud,
        }
        chosen = [
            i
            for i, key in enumerate(self.keys)
            if all(v is None or getattr(key, name) == v for name, v in wanted.items())
        ]
        return type(self)(
            keys=tuple(self.keys[i] for i in chosen),
            pairs_list=tuple(self.pairs_list[i] for i in chosen),
            attrs=self.attrs,
        )

    def pairs(
        self,
        layer: str,
        homology_dimension: int,
        *,
        replicate: int = 0,
        label: str = "",
        cloud: str = DATA_CLOUD,
    ) -> NDArray[np.float64]:
        """(m, 2) births and deaths of one diagram."""
        if layer not in self.layers:
            msg = f"no diagrams of layer {layer!r}. " + near_matches(layer, self.layers)
            raise LayerNotFoundError(msg)
        matching = self.select(
            layer=layer,
            homology_dimension=homology_dimension,
            replicate=replicate,
            label=label,
            cloud=cloud,
        )
        if len(matching) != 1:
            msg = (
                f"pairs(): {len(matching)} diagrams match layer={layer!r}, "
                f"homology_dimension={homology_dimension}, replicate={replicate}, "
                f"label={label!r}, cloud={cloud!r}; exactly one is needed. Present: "
                f"homology dimensions {self.homology_dimensions}, replicates {self.replicates}, "
                f"labels {sorted({k.label for k in self.keys})}, "
                f"clouds {sorted({k.cloud for k in self.keys})}."
            )
            raise UsageError(msg)
        return matching.pairs_list[0]

    def to_xarray(self) -> xr.Dataset:
        """CF contiguous-ragged form: `birth(pair)`, `death(pair)`, `row_size(diagram)`."""
        import xarray as xr

        joined = np.concatenate([np.empty((0, 2)), *self.pairs_list])
        names = ["layer", "depth", "replicate", "homology_dimension", "label", "cloud", "points"]
        coords = {name: ("diagram", [getattr(key, name) for key in self.keys]) for name in names}
        return xr.Dataset(
            {
                "birth": ("pair", joined[:, 0]),
                "death": ("pair", joined[:, 1]),
                "row_size": ("diagram", [len(pairs) for pairs in self.pairs_list]),
            },
            coords=coords,
            attrs=dict(self.attrs),
        )

    def __repr__(self) -> str:
        dims = ", ".join(f"H{k}" for k in self.homology_dimensions)
        return (
            f"DiagramSet({len(self)} diagrams: {len(self.layers)} layers, {dims}, "
            f"{len(self.replicates)} replicates)"
        )

    def _repr_html_(self) -> str:
        rows = []
        for layer in self.layers:
            for k in self.homology_dimensions:
                sizes = [
                    len(p)
                    for key, p in self
                    if (key.layer, key.homology_dimension, key.cloud) == (layer, k, DATA_CLOUD)
                ]
                if sizes:
                    rows.append((layer, f"H{k}", len(sizes), f"{np.mean(sizes):.1f}"))
        return _html_table(repr(self), ("layer", "degree", "diagrams", "mean pairs"), rows)


def shown(result: object) -> str:
    """HTML of a result for notebooks, made by the room that makes pages.

    It is asked for by name: results lie below words and figures, which import them.
    """
    made: str = import_module("toposcope.reporting.notebook").shown(result)
    return made


def drawn(result: object, *args: Any, **options: Any) -> Any:
    """Matplotlib axes with the figure of a result; see `shown`."""
    return import_module("toposcope.reporting.notebook").drawn(result, *args, **options)


class Shown:
    """A result that notebooks show with a headline, and that can be drawn."""

    def _repr_html_(self) -> str:
        return shown(self)

    def plot(self, *args: Any, ax: Any = None, **options: Any) -> Any:
        """The figure that answers its question, as matplotlib axes.

        Parameters
        ----------
        args, options
            As in the function of `ts.plots` for this kind of result.
        ax
            Axes to draw into; default: a new figure.
        """
        return drawn(self, *args, ax=ax, **options)


def _html_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[object]], limit: int = 60
) -> str:
    """Escaped HTML table for notebooks; every name is hostile input."""
    head = "".join(f"<th>{html.escape(h)}</th>" for h in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows[:limit]
    )
    more = f"<p>… and {len(rows) - limit} more rows</p>" if len(rows) > limit else ""
    return f"<p><b>{html.escape(title)}</b></p><table><tr>{head}</tr>{body}</table>{more}"


_NEEDED = "an ActivationSet, as ts.open() and ts.from_arrays() return it"
ACTIVATIONS = instance(ActivationSet, needed=_NEEDED)
"""Checks that a parameter is an `ActivationSet`."""
ACTIVATIONS_OR_RUN = instance(ActivationSet, needed=_NEEDED, path=True, url=True)
"""Checks that it is one, or the path of a RUN."""
