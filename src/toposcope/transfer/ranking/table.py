"""`Ranking`: a board that notebooks show with its choice, and that can be drawn.

Beside board.py, since pandas is needed to name its class and workers go without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from toposcope.types import drawn, shown


class Ranking(pd.DataFrame):  # type: ignore[misc]
    """The board of a ranking: a table like any other, whose parts are plain tables."""

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        made: Callable[..., pd.DataFrame] = pd.DataFrame
        return made

    def _repr_html_(self) -> str:
        return shown(self)

    def plot(self, *args: Any, ax: Any = None, **options: Any) -> Any:
        """Candidates by a score, with intervals: `ts.plots.plot_ranking`."""
        return drawn(self, *args, ax=ax, **options)
