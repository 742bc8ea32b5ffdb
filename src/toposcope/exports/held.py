"""What is taken along: the layers of a RUN, who the samples are, and the analysis that it shows."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope import __version__
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import load_analysis
from toposcope.analysis.stored import current_name
from toposcope.errors import MissingExtraError, UsageError
from toposcope.exports.publishing import CALL
from toposcope.inputs.memory import refuse_beyond_memory
from toposcope.inputs.urls import place_text
from toposcope.store.runs import Run, open_run
from toposcope.types import PREDICTION, THUMBNAIL, ActivationSet

BLOCK_BYTES = 64 << 20
"""Activations of one layer that are held at a time."""

KNOWN = ("model", "data", "weights", "pool", "step", "seed", "n", "top1", "versions", "unlabelled")
"""What is told of a capture; the rest says where files lay on the machine it was made on."""


@dataclass(frozen=True, eq=False)
class Held:
    """Activations and their analysis as every format takes them.

    Parameters
    ----------
    acts
        The activations.
    analysis
        The analysis that is taken along, or None.
    what
        What it is called in messages.
    """

    acts: ActivationSet
    analysis: Analysis | None
    what: str

    def shape(self, layer: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """(n, ...) and the type of the values of a layer."""
        one = self.acts.rows_of(layer, np.arange(min(1, self.acts.n)))
        return (self.acts.n, *one.shape[1:]), one.dtype

    def blocks(self, layer: str) -> Iterator[tuple[slice, NDArray[Any]]]:
        """The rows of a layer, some at a time: where they stand, and (rows, ...) values."""
        shape, dtype = self.shape(layer)
        one = max(1, int(np.prod(shape[1:])) * dtype.itemsize)
        step = max(1, BLOCK_BYTES // one)
        for start in range(0, shape[0], step):
            stop = min(start + step, shape[0])
            rows = np.arange(start, stop, dtype=np.intp)
            yield slice(start, stop), np.ascontiguousarray(self.acts.rows_of(layer, rows))

    def flat(self, layer: str) -> NDArray[Any]:
        """(n, d) activations of one layer, each sample a row."""
        return self.acts.rows(layer).reshape(self.acts.n, -1)

    @property
    def beside(self) -> tuple[str, ...]:
        """Pseudo-layers that are no column of the samples: masks, class scores, small pictures."""
        return tuple(name for name in self.acts.pseudo if name != PREDICTION)

    def samples(self) -> dict[str, NDArray[Any]]:
        """Ids; where known labels (-1: none), names of classes, predicted classes and texts."""
        acts = self.acts
        out: dict[str, NDArray[Any]] = {"sample_id": np.asarray(acts.sample_ids, dtype=str)}
        if acts.labels is not None:
            labels = np.asarray(acts.labels)
            out["label"] = labels
            if acts.class_names:
                names = np.array([*map(str, acts.class_names), ""], dtype=str)
                known = (labels >= 0) & (labels < len(acts.class_names))
                out["class_name"] = names[np.where(known, labels, -1)]
        if PREDICTION in acts.pseudo:
            out["prediction"] = np.asarray(acts.read(PREDICTION, None)).reshape(acts.n).astype(int)
        if acts.run is not None:
            texts = Run.open(acts.run).texts(range(acts.n))
            if texts is not None:
                out["text"] = np.asarray(texts, dtype=str)
        return out

    def pictures(self) -> list[dict[str, Any]] | None:
        """A PNG of every sample that is a picture, as `datasets` and Embedding Atlas take them."""
        if THUMBNAIL not in self.acts.pseudo:
            return None
        from PIL import Image

        out: list[dict[str, Any]] = []
        for _, values in self.blocks(THUMBNAIL):
            for one in values.astype(np.uint8):
                file = io.BytesIO()
                Image.fromarray(one.squeeze()).save(file, "PNG")
                out.append({"bytes": file.getvalue(), "path": None})
        return out

    def attrs(self) -> dict[str, Any]:
        """What the numbers are, as plain values of JSON."""
        told = {key: self.acts.attrs[key] for key in KNOWN if key in self.acts.attrs}
        told |= {"layers": list(self.acts.layers), "class_names": list(self.acts.class_names)}
        told["toposcope"] = __version__
        if self.analysis is not None:
            told["name"] = self.analysis.name
            left = ("commands", "command", "class_names")
            told["analysis"] = {k: v for k, v in self.analysis.attrs.items() if k not in left}
        plain: dict[str, Any] = json.loads(json.dumps(told, default=str))
        return plain

    def diagrams(self) -> dict[str, NDArray[Any]]:
        """All diagrams end to end: births, deaths, and the columns that say whose they are."""
        if self.analysis is None:
            return {}
        keys, pairs = self.analysis.diagrams.keys, self.analysis.diagrams.pairs_list
        sizes = [len(one) for one in pairs]
        whose = ("layer", "depth", "label", "cloud", "replicate", "homology_dimension")
        columns = {name: [getattr(key, name) for key in keys] for name in whose}
        flat = np.concatenate([np.empty((0, 2)), *pairs])
        return {
            **{name: np.repeat(np.asarray(values), sizes) for name, values in columns.items()},
            "birth": flat[:, 0],
            "death": flat[:, 1],
        }

    def refuse_beyond_memory(self, to: str, copies: int) -> None:
        """Refuse a format whose writer takes all layers at once where they would not fit."""
        sizes = [self.shape(layer) for layer in self.acts.layers]
        one = sum(int(np.prod(shape[1:])) * dtype.itemsize for shape, dtype in sizes)
        refuse_beyond_memory(
            self.acts.n,
            lambda n: copies * one * n,
            call=CALL,
            of="samples",
            advice=f"to={to!r} holds all layers at once; to='zarr' and to='npz' do not.",
        )


def hold(run: object, analysis: str | None) -> Held:
    """Open what is to be taken along.

    Parameters
    ----------
    run
        Path of a RUN, an `ActivationSet` or an `Analysis`.
    analysis
        Name of an analysis of the RUN; None for the one that its report shows.

    Raises
    ------
    UsageError
        For anything else, and for an analysis whose activations are gone.
    """
    if isinstance(run, str | Path):
        acts = open_run(run)
        found = None
        if analysis is not None or current_name(Path(run)) is not None:
            found = load_analysis(run, analysis)
        return Held(acts, found, place_text(run))
    if analysis is not None:
        msg = f"{CALL}: analysis={analysis!r} names an analysis of a RUN; pass the path of the RUN."
        raise UsageError(msg)
    if isinstance(run, ActivationSet):
        return Held(run, None, "these activations")
    found = run if isinstance(run, Analysis) else None
    acts_of = None if found is None else found.activations
    if found is None or acts_of is None:
        what = type(run).__name__ if found is None else "an Analysis without its activations"
        msg = (
            f"{CALL}: run is {what}; needed is the path of a RUN, an ActivationSet, or an Analysis "
            "that holds its activations."
        )
        raise UsageError(msg)
    return Held(acts_of, found, f"the analysis of {found.name}")


def needed_analysis(held: Held, to: str) -> Analysis:
    """The analysis, where a format holds nothing else."""
    if held.analysis is None:
        next_step = (
            "ts.analyze() first" if held.acts.run is None else f"'toposcope analyze {held.what}'"
        )
        msg = (
            f"{CALL}: to={to!r} holds the numbers of an analysis, and {held.what} has none. Run "
            f"{next_step}, or take activations along with to='npz'."
        )
        raise UsageError(msg)
    return held.analysis


def library(name: str, extra: str) -> Any:
    """A library that writes a format.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"{CALL} needs the {name} package for this: pip install 'toposcope[{extra}]'"
        raise MissingExtraError(msg) from error
