"""What a comparison compares: networks with one design, and how their draws belong together.

Diagrams of different n, scale or filtration say nothing about each other, so a difference in design
is refused with what to type, or removed by a new analysis when the caller asks to equalize.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import BESIDE, Design
from toposcope.analysis.picking import LOOSE, pick
from toposcope.analysis.plan import code_of, draws_of
from toposcope.analysis.plan import opened as opened_design
from toposcope.analysis.registry import POINTS, VOLUMES
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze_command, analyze_design
from toposcope.analysis.stored import Stored
from toposcope.comparison.opened import Item, Opened, design_of, each_named, network_names
from toposcope.comparison.opened import opened as opened_as
from toposcope.errors import StoreError, UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import objects_in
from toposcope.store.runs import SUMMARY, open_run
from toposcope.types import ActivationSet

PAIRED, INDEPENDENT = "paired", "independent"


@dataclass(frozen=True, eq=False)
class Network:
    """One side of a comparison.

    Parameters
    ----------
    name
        Unique among the networks compared.
    activations
        Its layers, in network order.
    analysis
        Its diagrams; None when only paired measures were asked for.
    draws
        Row numbers in `activations` of each replicate.
    attrs
        Model, data, step, pool.
    label
        The class its draws hold; "" for draws of pooled classes, and for all classes together.
    classes
        The network inside each class, where draws were taken there.
    """

    name: str
    activations: ActivationSet
    analysis: Analysis | None
    draws: tuple[NDArray[np.intp], ...] = field(repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    label: str = ""
    classes: Mapping[str, Network] = field(default_factory=dict, repr=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers in network order."""
        return self.activations.layers

    def ids(self, replicate: int) -> NDArray[np.str_]:
        """Sample ids of one draw."""
        return self.activations.sample_ids[self.draws[replicate]]


def gather(
    items: Sequence[Item],
    options: Mapping[str, Any],
    *,
    unit: str | None,
    analyses: Sequence[str | None],
    step: float | None,
    equalize: bool,
    store: Path,
    jobs: Jobs,
    progress: Progress | None,
) -> list[Network]:
    """Networks with one design, analyzed where that is needed.

    Parameters
    ----------
    items
        Activation sets, RUN or SERIES folders, or analyses.
    options
        Entries of `Design` that the caller named; the others follow what is there.
    unit
        What has to be filtered, POINTS or VOLUMES; None for what is there; "" where no diagrams
        are needed.
    analyses
        Name of the analysis of each item; None picks the one that fits.
    step
        Checkpoint of a SERIES; None for its last one.
    equalize
        Analyze anew, on shared samples and with one design, what does not agree.
    store
        Folder for activations that live in memory or are cut down to shared samples.
    jobs, progress
        As in `analyze`.
    """
    opened = [
        opened_as(item, name, step)
        for item, name in zip(items, each_named(analyses, items), strict=True)
    ]
    if step is not None and not any(one.series for one in opened):
        msg = f"compare(step={step!r}): none of the items is a SERIES, so there is no step to pick."
        raise UsageError(msg)
    sets = [one.activations for one in opened]
    names = network_names(opened)
    candidates = [one.known for one in opened]
    _refuse_volumes(names, candidates, unit)
    changed = [False] * len(sets)
    if equalize:
        sets, changed = _on_shared_samples(sets, store)
    wanted = POINTS if unit == "" else unit
    picked = pick(candidates, options, unit=wanted)
    base = picked.design or pick(candidates, {}, unit=wanted).design
    design = intended(sets[0], base, options)
    if unit == "":
        # Similarities pair samples, whatever the points of an analysis were.
        design = replace(design, points_are="samples", samples=None)
        return [
            _network(name, activations, None, design)
            for name, activations in zip(names, sets, strict=True)
        ]
    chosen = [None if cut else rank for rank, cut in zip(picked.chosen, changed, strict=True)]
    code = _code(candidates, chosen, design, equalize=equalize)
    out = []
    for item, name, one, activations, rank in zip(items, names, opened, sets, chosen, strict=True):
        if rank is not None and one.known[rank].code == code:
            analysis = one.load(rank)
        else:
            # A RUN is analyzed as the caller says; a finished Analysis is what it is.
            asked = not isinstance(item, Analysis) and _only_differs_in(one.known, design, options)
            if one.known and not (asked or equalize):
                _refuse(name, one, design, code)
            # A design tried in a comparison does not replace what the RUN's report shows.
            analysis = analyze_design(
                activations, design, current=False, jobs=jobs, progress=progress
            )
        out.append(_network(name, activations, analysis, design_of(analysis)))
    _check_agreement(out)
    return out


def _code(
    candidates: Sequence[Sequence[Stored]],
    chosen: Sequence[int | None],
    design: Design,
    *,
    equalize: bool,
) -> str | None:
    """Version of the code of all analyses compared; today's where one has to be made."""
    today = code_of(design.filtration)
    found = {
        candidates[network][rank].code for network, rank in enumerate(chosen) if rank is not None
    }
    if not found or (None in chosen and equalize):
        return today
    (code,) = found
    if (
        None in chosen
        and code != today
        and any(rank is None and not known for rank, known in zip(chosen, candidates, strict=True))
    ):
        msg = (
            "compare(): some networks are not analyzed, and the analyses of the others were made "
            "by another version of the code. Analyze all of them again with one command line, or "
            "pass equalize=True (--equalize)."
        )
        raise UsageError(msg)
    return code


def relation(a: Network, b: Network) -> str:
    """Whether two networks saw the same draws or disjoint ones; what lies between is refused.

    Raises
    ------
    UsageError
        The draws share some samples, or hold the same ones in another arrangement: then they are
        neither pairs nor independent units, and no permutation of them is fair.
    """
    if len(a.draws) != len(b.draws):
        msg = (
            f"compare(): {a.name!r} has {len(a.draws)} draws and {b.name!r} {len(b.draws)}. Pass "
            "the same replicates= (--replicates) for both."
        )
        raise UsageError(msg)
    draws = range(len(a.draws))
    if all(np.array_equal(a.ids(r), b.ids(r)) for r in draws):
        return PAIRED
    left, right = (np.concatenate([net.ids(r) for r in draws]) for net in (a, b))
    drawn = len(np.intersect1d(left, right))
    if drawn == 0:
        return INDEPENDENT
    shared = len(np.intersect1d(a.activations.sample_ids, b.activations.sample_ids))
    msg = (
        f"compare(): {a.name!r} ({a.activations.n:,} samples) and {b.name!r} "
        f"({b.activations.n:,}) share {shared:,} samples, and their draws share {drawn:,} without "
        "being the same draws, so they are neither pairs nor independent. Capture both on the "
        "same samples and analyze them with the same seed, or pass equalize=True (--equalize) to "
        "compare on the shared samples alone."
    )
    raise UsageError(msg)


def _refuse_volumes(
    names: Sequence[str], candidates: Sequence[Sequence[Stored]], unit: str | None
) -> None:
    """Refuse to measure another filtration than the analyses of a network have."""
    if unit is None:
        kinds = [{of_volumes(one.design) for one in each if one.design} for each in candidates]
        if {True} in kinds and {False} in kinds:
            volumes, clouds = kinds.index({True}), kinds.index({False})
            msg = (
                f"compare(): {names[volumes]!r} was analyzed by the volumes of its images and "
                f"{names[clouds]!r} by clouds of points; numbers of the two are never compared. "
                "Analyze both by one filtration first (toposcope analyze RUN --complex ...)."
            )
            raise UsageError(msg)
    for name, each in zip(names, candidates, strict=True):
        if unit == POINTS and each and all(one.design and of_volumes(one.design) for one in each):
            msg = (
                f"compare(): {name!r} was analyzed by the volumes of its images (--complex "
                "cubical), which measures between diagrams of clouds do not take. Compare them by "
                "their Betti numbers, measures=('betti_numbers',) (--measures betti_numbers), or "
                "analyze clouds first: toposcope analyze RUN --complex rips."
            )
            raise UsageError(msg)
        if unit == VOLUMES and not any(one.design and of_volumes(one.design) for one in each):
            msg = (
                f"compare(): betti_numbers compare the volumes of images, and {name!r} has no "
                "analysis of them. Type 'toposcope analyze RUN --complex cubical' (of a capture "
                "with --pool volume)."
            )
            raise UsageError(msg)


def of_volumes(design: Design) -> bool:
    """Whether images' volumes are filtered, not clouds of points."""
    return design.filtration.unit == VOLUMES


def _differences(there: Design, design: Design) -> dict[str, str]:
    """Parameters of an analysis that the design asks otherwise, in words."""
    out = {
        name: f"{name}: {getattr(there, name)!r} instead of {getattr(design, name)!r}"
        for name in there.differs(design, but=BESIDE)
    }
    missing = set(design.homology_dimensions) - set(there.homology_dimensions)
    if missing:
        out["homology_dimensions"] = f"homology dimensions {sorted(missing)} are missing"
    return out


def _only_differs_in(known: Sequence[Stored], design: Design, options: Mapping[str, Any]) -> bool:
    """Whether some analysis differs from a design in what the caller named alone."""
    return any(
        one.design is not None and _differences(one.design, design).keys() <= options.keys()
        for one in known
        if options
    )


def _refuse(name: str, one: Opened, design: Design, code: str | None) -> None:
    said = []
    for stored in one.known:
        words = {} if stored.design is None else _differences(stored.design, design)
        if stored.design is None:
            words = {"filtration": "its filtration is not registered here"}
        if stored.code != code:
            words["code"] = f"versions of the code: {stored.code!r} instead of {code!r}"
        said.append((len(words), "; ".join(words.values())))
    told = min(said)[1] or "its draws overlap"
    which = f"the analysis of {name!r} does not fit ("
    if len(one.known) > 1:
        which = f"none of the {len(one.known)} analyses of {name!r} fits (the nearest: "
    run = one.activations.run or (one.made.run if one.made else None) or "RUN"
    msg = (
        f"compare(): {which}{told}); diagrams are compared with "
        "equal n, scale and filtration only. Type "
        f"'{analyze_command(run, design)}', "
        "or pass equalize=True (--equalize) to have it analyzed so."
    )
    raise UsageError(msg)


def intended(first: ActivationSet, base: Design | None, options: Mapping[str, Any]) -> Design:
    """The design of a comparison: the one that was found, or the default for the first network."""
    if base is not None:
        return replace(base, **options)
    return opened_design(first, replace(Design(), **options))


def _network(
    name: str, activations: ActivationSet, analysis: Analysis | None, design: Design
) -> Network:
    if design.overlapping:
        msg = (
            f"compare(): {name!r} was analyzed with overlapping draws; the unit of a comparison is "
            "a disjoint draw of samples. Analyze it without --overlapping first."
        )
        raise UsageError(msg)
    drawn = draws_of(activations, design).draws
    labels = tuple(dict.fromkeys(draw.label for draw in drawn))
    rows = tuple(
        np.concatenate([draw.rows for draw in drawn if draw.replicate == replicate])
        for replicate in sorted({draw.replicate for draw in drawn})
    )
    one = Network(name, activations, analysis, rows, activations.attrs)
    if not design.per_class:
        return one
    parts = {
        label: replace(
            one,
            draws=tuple(draw.rows for draw in drawn if draw.label == label),
            label=label,
        )
        for label in labels
    }
    return replace(one, classes=parts)


def _check_agreement(networks: Sequence[Network]) -> None:
    first = networks[0]
    assert first.analysis is not None
    mine = design_of(first.analysis)
    for other in networks[1:]:
        assert other.analysis is not None
        theirs = design_of(other.analysis)
        pairs = {
            name: (getattr(mine, name), getattr(theirs, name))
            for name in mine.differs(theirs, but=LOOSE)
        }
        code = (first.analysis.attrs.get("code"), other.analysis.attrs.get("code"))
        if code[0] != code[1]:
            pairs["versions of the code"] = code
        if pairs:
            what = "; ".join(f"{name} ({a!r} and {b!r})" for name, (a, b) in pairs.items())
            msg = (
                f"compare(): {first.name!r} and {other.name!r} were analyzed with different "
                f"{what}. Analyze both again with one command line, or pass equalize=True "
                "(--equalize)."
            )
            raise UsageError(msg)


def _on_shared_samples(
    sets: Sequence[ActivationSet], store: Path
) -> tuple[list[ActivationSet], list[bool]]:
    """Sets cut down to the samples all of them hold, in the order of the first.

    Sets without any common sample stay as they are: they are independent, which is fine.
    """
    shared = sets[0].sample_ids
    for other in sets[1:]:
        shared = shared[np.isin(shared, other.sample_ids)]
    if not len(shared):
        return list(sets), [False] * len(sets)
    out, changed = [], []
    for index, one in enumerate(sets):
        if np.array_equal(one.sample_ids, shared):
            out.append(one)
            changed.append(False)
            continue
        position = {name: row for row, name in enumerate(one.sample_ids.tolist())}
        rows = np.array([position[name] for name in shared.tolist()], dtype=np.intp)
        cut = _rows_of(one, rows)
        folder = store / "shared" / f"{index}"
        if not objects_in(folder).exists(SUMMARY):
            save_arrays(cut, folder)
        out.append(open_run(folder))
        changed.append(True)
    return out, changed


def _rows_of(one: ActivationSet, rows: NDArray[np.intp]) -> ActivationSet:
    def read(layer: str, chosen: NDArray[np.intp] | None) -> NDArray[Any]:
        return one.read(layer, rows if chosen is None else rows[chosen])

    return replace(
        one,
        sample_ids=one.sample_ids[rows],
        read=read,
        labels=None if one.labels is None else one.labels[rows],
        run=None,
        attrs={**one.attrs, "n": len(rows)},
    )


def memory_run(network: Network, store: Path, index: int) -> Path:
    """RUN folder of a network's activations; those in memory are written to the store."""
    if network.activations.run is not None:
        return network.activations.run
    folder = store / "memory" / str(index)
    try:
        return save_arrays(network.activations, folder)
    except StoreError as error:
        error.add_note(f"compare(): {store} belongs to another comparison; choose another folder")
        raise
