"""Which stored analyses of several RUNs are compared: the newest set that agrees.

Diagrams of different n, scale or filtration say nothing about each other, so one analysis is taken
of each RUN such that all of them have one design. Which set that is does not depend on the order of
the RUNs: among all sets that agree, the one whose oldest member is newest is taken, and of equals
the one that is newer on the whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from toposcope.analysis.design import BESIDE, Design
from toposcope.analysis.registry import VOLUMES
from toposcope.analysis.stored import Stored

LOOSE = (*BESIDE, "seed")
"""Parameters in which the analyses of two networks may differ: those of numbers that stand beside
others, and the seed, since the draws themselves are looked at."""


@dataclass(frozen=True)
class Picked:
    """One analysis of each network, and what they share.

    Parameters
    ----------
    chosen
        Position of the analysis among those of its network; None where none fits.
    design
        The design of all of them, with the degrees of homology that they have in common; None
        where no network has an analysis that can be compared.
    """

    chosen: tuple[int | None, ...]
    design: Design | None


def pick(
    candidates: Sequence[Sequence[Stored]],
    options: Mapping[str, Any],
    *,
    unit: str | None = None,
) -> Picked:
    """The newest set of analyses that agree, one of each network.

    Parameters
    ----------
    candidates
        Analyses of each network, newest first; networks without any are to be analyzed.
    options
        Entries of the design that the caller named.
    unit
        "points" or "volumes": what has to be filtered; None for either.

    Returns
    -------
    Where some networks have no analysis of the design that most have, they are left open.

    Examples
    --------
    The newest analyses differ in points, an older one fits: it is found from either side.

    >>> old, new = (Stored(f"p{p}", Design(points=p), "code") for p in (100, 200))
    >>> pick([[new, old], [old]], {}).chosen, pick([[old], [new, old]], {}).chosen
    ((1, 0), (0, 1))
    """
    fitting = [
        [rank for rank, one in enumerate(each) if _possible(one, options, unit)]
        for each in candidates
    ]
    asked = set(options.get("homology_dimensions") or ())
    best: tuple[Any, ...] | None = None
    found = Picked(tuple(None for _ in candidates), None)
    for but in (BESIDE, LOOSE):  # one seed first: the same draws
        for key, members in _groups(candidates, fitting, but).items():
            for degrees in _common_degrees(candidates, members, asked):
                chosen = _newest(candidates, members, degrees)
                ranks = [rank for rank in chosen if rank is not None]
                open_ = len(chosen) - len(ranks)
                newest = max(ranks), sum(ranks), -len(degrees)
                order = (open_, but != BESIDE, *newest, _first(chosen), key)
                if best is None or order < best:
                    best, found = order, _picked(candidates, chosen, degrees)
    return found


def key_of(one: Stored, but: Collection[str]) -> str:
    """What two analyses have to share: the design except some parameters, and the code."""
    assert one.design is not None, "an analysis that can be compared has a design"
    spec = {name: value for name, value in one.design.to_spec().items() if name not in but}
    return json.dumps([spec, one.code], sort_keys=True, default=str)


def _possible(one: Stored, options: Mapping[str, Any], unit: str | None) -> bool:
    """Whether an analysis can be compared at all, and is what the caller asked for."""
    design = one.design
    if design is None or design.overlapping:
        return False
    if unit is not None and (design.filtration.unit == VOLUMES) != (unit == VOLUMES):
        return False
    return all(
        set(value) <= set(design.homology_dimensions)
        if name == "homology_dimensions"
        else getattr(design, name) == value
        for name, value in options.items()
    )


def _groups(
    candidates: Sequence[Sequence[Stored]], fitting: Sequence[Sequence[int]], but: Collection[str]
) -> dict[str, list[list[int]]]:
    """Analyses that agree: what they share -> positions among those of each network."""
    groups: dict[str, list[list[int]]] = {}
    for network, ranks in enumerate(fitting):
        for rank in ranks:
            key = key_of(candidates[network][rank], but)
            groups.setdefault(key, [[] for _ in candidates])[network].append(rank)
    return groups


def _common_degrees(
    candidates: Sequence[Sequence[Stored]], members: Sequence[Sequence[int]], asked: set[int]
) -> Iterator[frozenset[int]]:
    """Sets of degrees that one analysis of each network may share."""
    if asked:
        yield frozenset(asked)
        return
    known: set[frozenset[int]] = set()
    for network, ranks in enumerate(members):
        for rank in ranks:
            degrees = frozenset(_degrees(candidates[network][rank]))
            known |= {degrees} | {degrees & other for other in known}
    yield from sorted((one for one in known if one), key=sorted)


def _newest(
    candidates: Sequence[Sequence[Stored]],
    members: Sequence[Sequence[int]],
    degrees: frozenset[int],
) -> tuple[int | None, ...]:
    """The newest analysis of each network that holds some degrees."""
    return tuple(
        next((rank for rank in ranks if degrees <= set(_degrees(candidates[network][rank]))), None)
        for network, ranks in enumerate(members)
    )


def _first(chosen: Sequence[int | None]) -> int:
    """The first network that has an analysis of a set: where none is whole, it decides."""
    return next(network for network, rank in enumerate(chosen) if rank is not None)


def _picked(
    candidates: Sequence[Sequence[Stored]],
    chosen: tuple[int | None, ...],
    degrees: frozenset[int],
) -> Picked:
    network = _first(chosen)
    rank = chosen[network]
    assert rank is not None, "the first that has one"
    first = candidates[network][rank]
    assert first.design is not None, "only those with a design are chosen"
    return Picked(chosen, replace(first.design, homology_dimensions=tuple(sorted(degrees))))


def _degrees(one: Stored) -> Sequence[int]:
    assert one.design is not None, "an analysis that can be compared has a design"
    return one.design.homology_dimensions
