"""Rows of a tidy table by key, found once: filtering a table again for every number is slow."""

from __future__ import annotations

from collections.abc import Sequence
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
    import pandas as pd

    if not len(table):
        return {}
    number = table.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable").astype(np.intp)
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    parts.sort(key=lambda rows: int(rows[0]))
    firsts = [int(rows[0]) for rows in parts]
    values = [
        [None if pd.isna(one) else one for one in table[name].iloc[firsts].tolist()]
        for name in columns
    ]
    return dict(zip(zip(*values, strict=True), parts, strict=True))
