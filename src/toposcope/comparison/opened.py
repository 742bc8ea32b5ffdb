"""What the items of a comparison stand for: activations, analyses to compare them by, a name.

An item is a RUN or SERIES folder, an `ActivationSet` or a finished `Analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toposcope.analysis.design import Design
from toposcope.analysis.result import Analysis, current_folder
from toposcope.analysis.run import load_analysis
from toposcope.analysis.stored import Stored, stored_analyses
from toposcope.errors import UsageError
from toposcope.inputs.signatures import instance
from toposcope.store.runs import open_run
from toposcope.store.series import Series, is_series, number, open_series
from toposcope.types import ActivationSet

Item = ActivationSet | Analysis | Path | str
NETWORK = instance(
    ActivationSet, Analysis, path=True, url=True, needed="an Analysis or an ActivationSet of a RUN"
)
"""Checks that a parameter is one."""


@dataclass(frozen=True)
class Opened:
    """What an item stands for: activations, and the analyses it may be compared by."""

    activations: ActivationSet
    known: Sequence[Stored] = ()
    made: Analysis | None = None
    series: Series | None = None

    def load(self, rank: int) -> Analysis:
        """One of its analyses."""
        if self.made is not None:
            return self.made
        assert self.activations.run is not None, "stored analyses lie in a RUN"
        return load_analysis(self.activations.run, self.known[rank].name)


def each_named(analyses: Sequence[str | None], items: Sequence[Item]) -> Sequence[str | None]:
    """One name for each item: one alone counts for all of them."""
    if not analyses:
        return [None] * len(items)
    if len(analyses) == 1:
        return [None if isinstance(item, Analysis) else analyses[0] for item in items]
    if len(analyses) != len(items):
        msg = (
            f"compare(): {len(analyses)} analyses are named for {len(items)} networks. Name one "
            "for all of them, or one for each in their order (--analysis, repeated)."
        )
        raise UsageError(msg)
    return analyses


def opened(item: Item, name: str | None, step: float | None) -> Opened:
    """What one item stands for.

    Parameters
    ----------
    item
        As the caller gave it.
    name
        The only analysis of it that counts; None for all.
    step
        Checkpoint of a SERIES; None for the last one.
    """
    if isinstance(item, Analysis):
        if item.activations is None:
            msg = (
                f"compare(): analysis {item.name!r} does not know its activations; pass one from "
                "ts.analyze(), or its RUN folder."
            )
            raise UsageError(msg)
        if name is not None:
            msg = (
                f"compare(): {item.name!r} is an Analysis already, and analysis={name!r} names "
                "another one of it. Pass the RUN folder to pick among its analyses."
            )
            raise UsageError(msg)
        made = Stored(
            str(item.attrs.get("analysis") or ""), design_of(item), item.attrs.get("code")
        )
        return Opened(item.activations, (made,), item)
    series = None
    if isinstance(item, (str, Path)):
        if is_series(item):
            series = open_series(item)
            if not len(series):
                msg = f"compare(): {item} holds no captured checkpoint. Capture one first."
                raise UsageError(msg)
            item = series.at(series.steps[-1] if step is None else step)
        else:
            item = open_run(item)
    if not isinstance(item, ActivationSet):
        msg = (
            f"compare(): cannot compare a {type(item).__name__}; pass RUN or SERIES folders, "
            "ActivationSets or the Analysis that toposcope.analyze() returns."
        )
        raise UsageError(msg)
    known = [] if item.run is None else stored_analyses(item.run)
    if name is not None:
        if item.run is None:
            msg = f"compare(): analysis {name!r} is named for activations that lie in no RUN."
            raise UsageError(msg)
        folder = current_folder(item.run, name)
        known = [one for one in known if one.name == folder.name]
    return Opened(item, known, series=series)


def network_names(items: Sequence[Opened]) -> list[str]:
    """One name each: the model's, with the folder of the RUN where models share one."""
    plain = [
        str(
            one.activations.attrs.get("name")
            or one.activations.attrs.get("model")
            or (one.made.name if one.made else "network")
        )
        for one in items
    ]
    plain = [name.rpartition(":")[2] or name for name in plain]
    for told in (_series_name, _folder_name, _long_folder_name):
        words = [told(one) for one in items]
        plain = [
            word if word and (plain.count(name) > 1 or told is _series_name) else name
            for name, word in zip(plain, words, strict=True)
        ]
    seen: dict[str, int] = {}
    out = []
    for name in plain:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if plain.count(name) == 1 else f"{name} ({seen[name]})")
    return out


def _series_name(one: Opened) -> str:
    """Folder and step of a checkpoint of a SERIES; "" for other items."""
    if one.series is None:
        return ""
    step = number(float(one.activations.attrs["step"]))
    return f"{one.series.path.resolve().name} {one.series.unit} {step}"


def _folder_name(one: Opened) -> str:
    return "" if one.activations.run is None else one.activations.run.resolve().name


def _long_folder_name(one: Opened) -> str:
    """Folder of a RUN and the one around it: checkpoints of two trainings share the first."""
    run = one.activations.run
    return "" if run is None else "/".join(run.resolve().parts[-2:])


def design_of(analysis: Analysis) -> Design:
    """The design of an analysis; one of diagrams computed by hand has none."""
    if analysis.design is None:
        msg = (
            f"compare(): {analysis.name!r} does not say how it was analyzed; pass an analysis from "
            "ts.analyze(), or its RUN folder."
        )
        raise UsageError(msg)
    return analysis.design
