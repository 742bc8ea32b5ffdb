"""What all figures of matplotlib share: axes, colors, names that are not read as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toposcope.reporting.colors import HUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = tuple(light for light, _ in HUES)
"""The colors of the report on light paper."""
COLORMAP = "cividis"


def axes_or_new(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Axes = plt.figure(layout="constrained").add_subplot()
    return made


def colorbar(ax: Axes, image: Any, title: str) -> None:
    """A bar beside the axes, with its title."""
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax, label=title)


def literal(name: str) -> str:
    """A name as matplotlib text: no mathematics, and no label hidden by a leading underscore."""
    text = name.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
