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
from toposcope.analysis.plan import draws_of
from toposcope.analysis.registry import VOLUMES
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze_command, analyze_design, load_analysis
from toposcope.errors import StoreError, UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.store.arrays import save_arrays
from toposcope.store.runs import open_run
from toposcope.types import ActivationSet

PAIRED, INDEPENDENT = "paired", "independent"

LOOSE = (*BESIDE, "seed")
"""Parameters in which the analyses of two networks may differ: those of numbers that stand beside
others, and the seed, since `relation` looks at the draws themselves."""

Item = ActivationSet | Analysis | Path | str


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
    """

    name: str
    activations: ActivationSet
    analysis: Analysis | None
    draws: tuple[NDArray[np.intp], ...] = field(repr=False)
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)

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
    diagrams: bool,
    equalize: bool,
    store: Path,
    jobs: Jobs,
    progress: Progress | None,
) -> list[Network]:
    """Networks with one design, analyzed where that is needed.

    Parameters
    ----------
    items
        Activation sets, RUN folders or analyses.
    options
        Entries of `Design` that the caller named; the others follow what is there.
    diagrams
        Whether diagrams are needed.
    equalize
        Analyze anew, on shared samples and with one design, what does not agree.
    store
        Folder for activations that live in memory or are cut down to shared samples.
    jobs, progress
        As in `analyze`.
    """
    opened = [_opened(item) for item in items]
    sets = [activations for activations, _ in opened]
    analyses = [analysis for _, analysis in opened]
    if equalize:
        sets, changed = _on_shared_samples(sets, store)
        analyses = [None if c else a for a, c in zip(analyses, changed, strict=True)]
    names = _names(sets, [a for _, a in opened])
    design = _design(analyses, options, sets[0].n)
    if not diagrams:
        # Similarities pair samples, whatever the points of an analysis were.
        design = replace(design, points_are="samples", samples=None)
    out = []
    for item, name, activations, analysis in zip(items, names, sets, analyses, strict=True):
        other = {} if analysis is None else _differences(design_of(analysis), design)
        fits = analysis is not None and not other
        # A RUN is analyzed as the caller says; a finished Analysis is what it is.
        asked = not isinstance(item, Analysis) and other.keys() <= options.keys()
        if diagrams and analysis is not None and not (fits or asked or equalize):
            _refuse(name, analysis, design)
        if diagrams and not fits:
            # A design tried in a comparison does not replace what the RUN's report shows.
            analysis = analyze_design(
                activations, design, current=False, jobs=jobs, progress=progress
            )
        out.append(_network(name, activations, analysis if diagrams else None, design))
    if diagrams:
        _check_agreement(out)
    return out


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


def _opened(item: Item) -> tuple[ActivationSet, Analysis | None]:
    if isinstance(item, Analysis):
        if item.activations is None:
            msg = (
                f"compare(): analysis {item.name!r} does not know its activations; pass one from "
                "ts.analyze(), or its RUN folder."
            )
            raise UsageError(msg)
        if _of_volumes(item):
            msg = (
                f"compare(): {item.name!r} holds Betti numbers of image volumes, which have no "
                "diagrams of clouds; pass its RUN folder to have clouds analyzed."
            )
            raise UsageError(msg)
        return item.activations, item
    if isinstance(item, (str, Path)):
        item = open_run(item)
    if not isinstance(item, ActivationSet):
        msg = (
            f"compare(): cannot compare a {type(item).__name__}; pass RUN folders, ActivationSets "
            "or the Analysis that toposcope.analyze() returns."
        )
        raise UsageError(msg)
    if item.run is None or not (item.run / "results" / "current.json").exists():
        return item, None
    analysis = load_analysis(item.run)
    # Betti numbers of volumes have no draws of samples to compare.
    return item, None if _of_volumes(analysis) else analysis


def _of_volumes(analysis: Analysis) -> bool:
    return design_of(analysis).filtration.unit == VOLUMES


def design_of(analysis: Analysis) -> Design:
    """The design of an analysis; one of diagrams computed by hand has none."""
    if analysis.design is None:
        msg = (
            f"compare(): {analysis.name!r} does not say how it was analyzed; pass an analysis from "
            "ts.analyze(), or its RUN folder."
        )
        raise UsageError(msg)
    return analysis.design


def _design(analyses: Sequence[Analysis | None], options: Mapping[str, Any], n: int) -> Design:
    """What the caller named, else what the first analysis had, else the defaults."""
    first = next((design_of(a) for a in analyses if a is not None), None)
    return replace(first or Design().resolved(n), **options)


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


def _refuse(name: str, analysis: Analysis, design: Design) -> None:
    words = "; ".join(_differences(design_of(analysis), design).values())
    msg = (
        f"compare(): the analysis of {name!r} does not fit ({words}); diagrams are compared with "
        "equal n, scale and filtration only. Type "
        f"'{analyze_command(analysis.run or 'RUN', design)}', "
        "or pass equalize=True (--equalize) to have it analyzed so."
    )
    raise UsageError(msg)


def _network(
    name: str, activations: ActivationSet, analysis: Analysis | None, design: Design
) -> Network:
    if design.per_class or design.overlapping:
        kind = "per class" if design.per_class else "with overlapping draws"
        msg = (
            f"compare(): {name!r} was analyzed {kind}; the unit of a comparison is a disjoint draw "
            f"of pooled samples. Analyze it without --"
            f"{'per-class' if design.per_class else 'overlapping'} first."
        )
        raise UsageError(msg)
    draws = draws_of(activations, design).draws
    return Network(name, activations, analysis, tuple(d.rows for d in draws), activations.attrs)


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
        if not (folder / "capture.json").exists():
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


def _names(sets: Sequence[ActivationSet], analyses: Sequence[Analysis | None]) -> list[str]:
    """One name each: the model's, with the folder of the RUN where models share one."""
    plain = [
        str(s.attrs.get("name") or s.attrs.get("model") or (a.name if a else "network"))
        for s, a in zip(sets, analyses, strict=True)
    ]
    plain = [name.rpartition(":")[2] or name for name in plain]
    folders = [s.run.name if s.run is not None else "" for s in sets]
    if len(set(plain)) < len(plain):
        plain = [
            folder if folder and plain.count(name) > 1 else name
            for name, folder in zip(plain, folders, strict=True)
        ]
    seen: dict[str, int] = {}
    out = []
    for name in plain:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if plain.count(name) == 1 else f"{name} ({seen[name]})")
    return out


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
