"""What a study shows, as numbers: panels of curves, points or a matrix. `reporting` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Numbers over a common axis.

    Parameters
    ----------
    name
        In the legend.
    x
        Places: numbers, or names.
    y
        Values.
    low, high
        Ends of intervals; empty for none.
    """

    name: str
    x: Sequence[Any]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """One set of axes.

    Parameters
    ----------
    title, x_label, y_label
        What it shows.
    curves
        What is drawn.
    line
        A horizontal line, such as a threshold; None for none.
    kind
        "lines", "points" (markers with intervals), "dots" (many of them, small), "marks" (each
        curve a row of ticks at its places; rows of one y share a color), or "matrix" (each curve a
        row of colors).
    ordered
        Whether curves follow an order, such as time: colors then run from dark to light.
    """

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    line: float | None = None
    kind: str = "lines"
    ordered: bool = False


@dataclass(frozen=True)
class Figure:
    """Panels side by side, and what they mean.

    Parameters
    ----------
    caption
        How to read it, in a sentence or two; says what a band or bar is.
    panels
        From left to right, three in a row.
    stacked
        Whether panels lie one above the other instead, each as wide as the figure.
    """

    caption: str
    panels: Sequence[Panel] = field(default=())
    stacked: bool = False


def curve_of_means(name: str, x: Sequence[Any], values: Any, *, level: float = 0.95) -> Curve:
    """Means over units with their t-intervals.

    Parameters
    ----------
    name, x
        As in `Curve`.
    values
        (units, places) numbers; NaN where a unit has none.
    level
        Coverage.
    """
    from scipy.special import stdtrit

    table = np.asarray(values, dtype=np.float64)
    count = np.isfinite(table).sum(axis=0)
    mean = np.nanmean(table, axis=0)
    spread = np.nanstd(table, axis=0, ddof=1) if len(table) > 1 else np.full(len(mean), np.nan)
    half = stdtrit(np.maximum(count - 1, 1), 0.5 + level / 2) * spread / np.sqrt(count)
    return Curve(name, list(x), mean.tolist(), (mean - half).tolist(), (mean + half).tolist())
