"""Networks inside configurations: the units of a comparison of groups, and who may change places.

Seeds of one configuration are alike, so they are no independent witnesses of what a configuration
does. Groups that vary inside configurations (both activations were trained at every width) are
compared there: networks change places within their configuration. Groups that are whole
configurations are compared by configurations, each with the mean of its networks. Where every group
is one configuration alone, its trainings are all there is: the networks are the units, and the
answer speaks of these configurations, trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError
from toposcope.stats.arrangements import relabelings

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def coded(call: str, name: str, labels: Any, n: int) -> tuple[Codes, list[Any]]:
    """(n,) numbers of labels in the order in which they are met, and the labels.

    >>> coded("f()", "networks", ["b", "a", "b"], 3)
    (array([0, 1, 0]), ['b', 'a'])
    """
    held = list(labels.tolist() if hasattr(labels, "tolist") else labels)
    missing = sum(one is None or one != one for one in held)  # NaN is not itself
    if len(held) != n or missing or any(isinstance(one, (list, tuple, dict)) for one in held):
        msg = (
            f"{call}: {name} has {len(held)} entries of which {missing} are missing; needed is one "
            f"label (text or number) for each of the {n} values."
        )
        raise UsageError(msg)
    kinds = list(dict.fromkeys(held))
    number = {kind: k for k, kind in enumerate(kinds)}
    return np.array([number[one] for one in held], dtype=np.intp), kinds


def parents(call: str, inner: Codes, outer: Codes, kinds: Sequence[Any], *, name: str) -> Codes:
    """(inner kinds,) the outer one that each lies in; refuses what lies in two.

    >>> parents("f()", np.array([0, 0, 1]), np.array([1, 1, 0]), ["a", "b"], name="configurations")
    array([1, 0])
    """
    count = int(inner.max()) + 1
    out = np.full(count, -1, dtype=np.intp)
    out[inner] = outer
    bad = np.flatnonzero(out[inner] != outer)
    if len(bad):
        msg = (
            f"{call}: network {kinds[int(inner[bad[0]])]!r} stands in two {name}; each network has "
            "one. Give networks of other configurations other labels."
        )
        raise UsageError(msg)
    return out


@dataclass(frozen=True, eq=False)
class Exchange:
    """Units of two groups, and the blocks within which they may change places.

    Parameters
    ----------
    unit
        "network" or "configuration".
    units
        (networks,) unit that each network belongs to.
    second
        (units,) whether a unit is in the second group.
    blocks
        (units,) units of one block are exchangeable when the groups do not differ.
    networks, configurations
        How many there are of both groups; configurations is 0 where none were told.
    """

    unit: str
    units: Codes
    second: NDArray[np.bool_]
    blocks: Codes
    networks: int
    configurations: int

    @property
    def n_a(self) -> int:
        """Units of the first group."""
        return int((~self.second).sum())

    @property
    def n_b(self) -> int:
        """Units of the second group."""
        return int(self.second.sum())

    @property
    def n_blocks(self) -> int:
        """Blocks with units of both groups."""
        return sum(0 < s < len(m) for s, m in self._sides())

    @property
    def blocked(self) -> bool:
        """Whether groups are compared inside configurations."""
        return bool(self.blocks.max(initial=0) > 0)

    @property
    def total(self) -> int:
        """Arrangements that exist."""
        return prod(comb(len(members), s) for s, members in self._sides())

    @property
    def smallest_p(self) -> float:
        """Smallest two-sided p-value of so many units: mirror images are as extreme."""
        mirrored = all(2 * s in (0, len(m), 2 * len(m)) for s, m in self._sides())
        return min(1.0, (2 if mirrored else 1) / self.total)

    def means(self, values: Array) -> Array:
        """(units, ...) means over the networks of each unit, of values (networks, ...)."""
        sums = np.zeros((len(self.second), *values.shape[1:]))
        np.add.at(sums, self.units, values)
        counts = np.bincount(self.units, minlength=len(self.second))
        return np.asarray(sums / counts.reshape(-1, *[1] * (values.ndim - 1)))

    def weights(self, labels: NDArray[Any] | None = None) -> Array:
        """Rows w with w @ (unit values) = the second group less the first, within blocks.

        Parameters
        ----------
        labels
            (arrangements, units) of 0 and 1; None for the groups as they came.

        Notes
        -----
        Of several blocks it is the least-squares effect of the group beside one mean per block.
        """
        rows = np.atleast_2d(self.second if labels is None else labels).astype(np.float64)
        for block in np.unique(self.blocks):
            inside = self.blocks == block
            rows[:, inside] -= rows[:, inside].mean(axis=1, keepdims=True)
        squares = (rows**2).sum(axis=1, keepdims=True)
        return np.asarray(rows / squares)

    def arrangements(self, n_resamples: int, rng: np.random.Generator) -> tuple[Array, bool]:
        """(arrangements, units) weights, the given one first; and whether they are all."""
        moves = relabelings(self.second.astype(np.intp), self.blocks, n_resamples, rng)
        rows = np.concatenate(list(moves.blocks))
        if moves.exact:
            first = int(np.flatnonzero((rows == self.second).all(axis=1))[0])
            rows[[0, first]] = rows[[first, 0]]
        else:
            rows = np.concatenate([self.second[None].astype(rows.dtype), rows])
        return self.weights(rows), moves.exact

    def _sides(self) -> list[tuple[int, Codes]]:
        members = [np.flatnonzero(self.blocks == b) for b in np.unique(self.blocks)]
        return [(int(self.second[m].sum()), m) for m in members]


def exchange(second: ArrayLike, configurations: ArrayLike | None = None) -> Exchange:
    """The units of two groups of networks, told by how groups and configurations lie.

    Parameters
    ----------
    second
        (networks,) whether a network is in the second group.
    configurations
        (networks,) number of the configuration of each network; None where each network is one of
        its own kind.

    Examples
    --------
    Four seeds of two configurations, one a group: their networks are the units. Of four
    configurations, the configurations are. And groups inside configurations make blocks:

    >>> one = exchange([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> one.unit, one.n_a, one.n_b, round(one.smallest_p, 3)
    ('network', 4, 4, 0.029)
    >>> many = exchange([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3])
    >>> many.unit, many.n_a, many.n_b, round(many.smallest_p, 3)
    ('configuration', 2, 2, 0.333)
    >>> crossed = exchange([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 1, 1])
    >>> crossed.unit, crossed.n_blocks, round(crossed.smallest_p, 3)
    ('network', 2, 0.056)
    """
    member = np.asarray(second).astype(np.bool_)
    networks = len(member)
    alone = np.arange(networks)
    if configurations is None:
        return Exchange("network", alone, member, np.zeros_like(alone), networks, 0)
    place = np.unique(np.asarray(configurations), return_inverse=True)[1].astype(np.intp)
    count = int(place.max()) + 1
    inside = np.bincount(place, weights=member, minlength=count)
    sizes = np.bincount(place, minlength=count)
    if ((inside > 0) & (inside < sizes)).any():
        return Exchange("network", alone, member, place, networks, count)
    if count == 2:
        return Exchange("network", alone, member, np.zeros_like(alone), networks, count)
    zeros = np.zeros(count, dtype=np.intp)
    return Exchange("configuration", place, inside > 0, zeros, networks, count)
