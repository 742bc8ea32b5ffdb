"""Curves of networks read from the rows of a table, as they are and as something changed them.

Each function gives (base, changed, reference, networks): (n, conditions, places) curves before and
after, the (n, places) curve by which architectures are told apart, and one row for each network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Columns = tuple[str, str]


def cross_pairs(networks: pd.DataFrame) -> NDArray[np.bool_]:
    """Pairs of networks of other architectures: of one depth where there are such pairs."""
    kind, depth = networks["architecture"].to_numpy(), networks["depth"].to_numpy()
    other = kind[:, None] != kind[None]
    level = other & (depth[:, None] == depth[None])
    return np.asarray(level if level.any() else other)


@dataclass(frozen=True)
class Reader:
    """How curves are read from rows."""

    how: Callable[[Array], Array]
    per_voxel: bool

    def curves(self, rows: pd.DataFrame, column: str) -> Array:
        """(conditions, places) of one network; one condition for a column of numbers.

        Rows are in the order of layers.
        """
        found = rows[column].to_numpy()
        values = np.stack(found) if found.dtype == object else found[:, None]
        if self.per_voxel:
            values = 1000 * values / rows["voxels"].to_numpy()[:, None]
        return self.how(values.T)


Found = tuple[Array, Array, Array, "pd.DataFrame"]


def least_deep(here: pd.DataFrame) -> pd.DataFrame:
    """Networks of every architecture's least depth; all of them where no depth is known."""
    least = here.groupby("architecture")["depth"].transform("min")
    return here[(here["depth"] == least) | here["depth"].isna()]


def inside_lists(here: pd.DataFrame, columns: Columns, read: Reader) -> Found | None:
    """Conditions that lie in lists of the same rows."""
    a, b = columns
    if not len(here) or any(len(one) == 0 for one in here[b]):
        return None
    base, changed, reference, names = [], [], [], []
    for _, rows in here.groupby("network", sort=False):
        other = read.curves(rows, b)
        own = read.curves(rows, a)
        base.append(np.broadcast_to(own, other.shape))
        changed.append(other)
        reference.append(read.curves(rows, "omega")[0])
        names.append(rows.iloc[0])
    count = min(len(one) for one in changed)  # classes that all data have
    cut = [np.stack([one[:count] for one in many]) for many in (base, changed)]
    return cut[0], cut[1], np.stack(reference), _frame(names)


def elsewhere(
    rows: pd.DataFrame, here: pd.DataFrame, column: str, wanted: Sequence[str], read: Reader
) -> Found | None:
    """The same networks under other values of a column."""
    here = least_deep(here)
    own = str(here.iloc[0][column])
    others = list(wanted) or [one for one in rows[column].unique() if one != own]
    base, changed, reference, names = [], [], [], []
    by_view = dict(list(rows.groupby(["network", column], sort=False)))
    for network, mine in here.groupby("network", sort=False):
        views = [by_view[network, one] for one in others if (network, one) in by_view]
        if not others or len(views) < len(others):
            continue
        curve = read.curves(mine, "omega")[0]
        base.append(np.stack([curve] * len(views)))
        changed.append(np.stack([read.curves(one, "omega")[0] for one in views]))
        reference.append(curve)
        names.append(mine.iloc[0])
    if not names:
        return None
    return np.stack(base), np.stack(changed), np.stack(reference), _frame(names)


def deeper(here: pd.DataFrame, read: Reader) -> Found | None:
    """The k-th network of an architecture's least depth, and the k-th of its other depths."""
    pairs: list[tuple[Array, list[Array], pd.Series]] = []
    for _, rows in here.groupby("architecture", sort=False):
        by_depth = [
            [one for _, one in of_depth.groupby("network", sort=False)]
            for _, of_depth in rows.groupby("depth", sort=True)
        ]
        if len(by_depth) < 2:
            continue
        for k, mine in enumerate(by_depth[0]):
            further = [many[k] for many in by_depth[1:] if k < len(many)]
            if further:
                others = [read.curves(one, "omega")[0] for one in further]
                pairs.append((read.curves(mine, "omega")[0], others, mine.iloc[0]))
    if not pairs:
        return None
    count = min(len(others) for _, others, _ in pairs)
    reference = np.stack([own for own, _, _ in pairs])
    changed = np.stack([np.stack(others[:count]) for _, others, _ in pairs])
    base = np.broadcast_to(reference[:, None], changed.shape)
    return base, changed, reference, _frame([name for _, _, name in pairs])


def _frame(rows: Sequence[pd.Series]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([row[["network", "architecture", "depth"]] for row in rows])


def small_samples(
    images: int, few_images: int, draws: int, labels: NDArray[Any] | None, seed: int
) -> dict[str, list[NDArray[np.bool_]]]:
    """Which images are in a small sample: few of them, one of them, those of one class."""
    rng = np.random.default_rng([seed, 5])
    few, one = [], []
    for _ in range(draws):
        order = rng.permutation(images)
        few.append(np.isin(np.arange(images), order[:few_images]))
        one.append(np.isin(np.arange(images), order[:1]))
    classes: list[NDArray[np.bool_]] = []
    if labels is not None and draws:
        kinds = np.unique(labels)
        classes = [labels == kind for kind in kinds] if len(kinds) > 1 else []
    return {"few": few, "one": one, "class": classes}
