"""Rows of a tidy table by key, found once: filtering a table again for every number is slow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def rows_by(table: pd.DataFrame, columns: Sequence[str]) -> dict[tuple[Any, ...], NDArray[np.intp]]:
    """Positions of the rows of every combination of values in some columns.

    Parameters
    ----------
    table
        Any DataFrame; its index does not matter.
    columns
        Names of columns.

    Returns
    -------
    Rising positions by key, keys in order of first appearance; missing values are None.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"layer": ["a", "b", "a"], "degree": [0, None, 0]})
    >>> {key: rows.tolist() for key, rows in rows_by(table, ["layer", "degree"]).items()}
    {('a', 0.0): [0, 2], ('b', None): [1]}
    """
    if not len(table):
        return {}
    number = table.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable").astype(np.intp)
    ends = [0, *(np.flatnonzero(np.diff(number[order])) + 1).tolist(), len(order)]
    parts = [order[begin:end] for begin, end in pairwise(ends)]
    parts.sort(key=lambda rows: int(rows[0]))
    firsts = [int(rows[0]) for rows in parts]
    values = []
    for name in columns:
        first = table[name].iloc[firsts]
        held = zip(first.tolist(), first.isna().tolist(), strict=True)
        values.append([None if missing else one for one, missing in held])
    return dict(zip(zip(*values, strict=True), parts, strict=True))
