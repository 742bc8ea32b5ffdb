"""A study's figure drawn by matplotlib: panels of curves, points or colors."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.reporting.colors import HUES
from toposcope.studies.figures import Figure, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORMAP = "cividis"
ACROSS = 3
"""Panels side by side."""


def draw_study(figure: Figure, *, width: float = 4.0, height: float = 3.2) -> Any:
    """A matplotlib Figure of all panels."""
    from matplotlib.figure import Figure as Canvas

    if figure.stacked:
        return _stacked(figure.panels, width * ACROSS)
    count = max(len(figure.panels), 1)
    across = 2 if count in (2, 4) else min(count, ACROSS)
    down = -(-count // across)
    canvas = Canvas(figsize=(width * across, height * down), layout="constrained")
    axes = np.atleast_1d(canvas.subplots(down, across)).ravel()
    for ax, panel in zip(axes, figure.panels, strict=False):
        draw_panel(panel, ax)
    for ax in axes[len(figure.panels) :]:
        ax.set_axis_off()
    return canvas


def _stacked(panels: Sequence[Panel], width: float) -> Any:
    """Panels one above the other; marks take a line each."""
    from matplotlib.figure import Figure as Canvas

    heights = [0.15 * len(one.curves) + 0.5 if one.kind == "marks" else 2.8 for one in panels]
    canvas = Canvas(figsize=(width, sum(heights)), layout="constrained")
    axes = np.atleast_1d(canvas.subplots(len(panels), 1, height_ratios=heights)).ravel()
    for ax, panel in zip(axes, panels, strict=True):
        draw_panel(panel, ax)
    return canvas


def draw_panel(panel: Panel, ax: Axes) -> None:
    """One panel into axes."""
    if panel.kind == "matrix":
        _matrix(panel, ax)
    elif panel.kind == "marks":
        _marks(panel, ax)
    else:
        _curves(panel, ax)
    ax.set_title(panel.title, fontsize=10, loc="left")
    ax.set_xlabel(panel.x_label, fontsize=9)
    ax.set_ylabel(panel.y_label, fontsize=9)
    ax.tick_params(labelsize=8)


def _curves(panel: Panel, ax: Axes) -> None:
    import matplotlib

    many = len(panel.curves) > len(HUES) or panel.ordered
    colors = (
        [matplotlib.colormaps[COLORMAP](x) for x in np.linspace(0.0, 0.9, len(panel.curves))]
        if many
        else [light for light, _ in HUES]
    )
    names = any(isinstance(x, str) for curve in panel.curves for x in curve.x)
    places = list(dict.fromkeys(x for curve in panel.curves for x in curve.x))
    for i, (curve, color) in enumerate(zip(panel.curves, colors, strict=False)):
        x = np.array([places.index(x) for x in curve.x] if names else curve.x, dtype=float)
        if panel.kind == "points":
            # Side by side: intervals of several curves at one place would hide each other.
            x = x + (i - (len(panel.curves) - 1) / 2) * 0.6 / max(len(panel.curves), 1) * names
        y = np.asarray(curve.y, dtype=float)
        if panel.kind == "lines":
            ax.plot(x, y, color=color, label=curve.name, linewidth=1.5)
            if len(curve.low):
                low, high = (np.asarray(end, dtype=float) for end in (curve.low, curve.high))
                ax.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0)
        else:
            ends = None
            if len(curve.low):
                ends = np.abs(np.stack([y - np.asarray(curve.low), np.asarray(curve.high) - y]))
            small = panel.kind == "dots"
            ax.errorbar(
                x,
                y,
                ends,
                fmt="o",
                color=color,
                label=curve.name,
                markersize=1.5 if small else 4,
                elinewidth=0.4 if small else None,
            )
    if panel.kind == "dots":
        ax.margins(x=0.01)
    if names:
        ax.set_xticks(range(len(places)), places, rotation=30, ha="right")
    if panel.line is not None:
        ax.axhline(panel.line, color="#8a929c", linewidth=1, linestyle="--")
    if len(panel.curves) > 1:
        ax.legend(fontsize=7, frameon=False)


def _marks(panel: Panel, ax: Axes) -> None:
    """A row of ticks per curve, from above to below; curves of one y share a color."""
    colors = [light for light, _ in HUES]
    groups = list(dict.fromkeys(curve.y[0] for curve in panel.curves if len(curve.y)))
    for row, curve in enumerate(panel.curves):
        color = colors[groups.index(curve.y[0]) % len(colors)] if len(curve.y) else colors[0]
        x = np.asarray(curve.x, dtype=float)
        ax.vlines(x, row - 0.38, row + 0.38, color=color, linewidth=0.6, rasterized=True)
    ax.set_yticks(range(len(panel.curves)), [curve.name for curve in panel.curves])
    ax.set_ylim(len(panel.curves) - 0.4, -0.6)
    ax.margins(x=0.01)


def _matrix(panel: Panel, ax: Axes) -> None:
    values = np.array([curve.y for curve in panel.curves], dtype=float)
    largest = float(np.nanmax(np.abs(values))) or 1.0
    signed = bool((values < 0).any())
    shown = ax.imshow(
        values,
        aspect="auto",
        cmap="RdBu_r" if signed else COLORMAP,
        vmin=-largest if signed else None,
        vmax=largest if signed else None,
    )
    ax.set_yticks(range(len(panel.curves)), [curve.name for curve in panel.curves])
    places = list(panel.curves[0].x)
    ax.set_xticks(range(len(places)), [str(x) for x in places], rotation=30, ha="right")
    ax.figure.colorbar(shown, ax=ax, shrink=0.8)


def png_of(figure: Figure) -> str:
    """The figure as a data: address that a page can hold."""
    held = io.BytesIO()
    draw_study(figure).savefig(held, format="png", dpi=150)
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode("ascii")
