"""The figures of the report as matplotlib axes, for papers.

Every function draws into `ax` and returns it; without `ax` a new pyplot figure is made. Nothing is
saved, shown or styled beyond the axes: rcParams stay the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import ANALYSIS, Analysis
from toposcope.diagrams import curves as panels
from toposcope.diagrams.summaries import finite
from toposcope.errors import UsageError
from toposcope.inputs import parameters as given
from toposcope.inputs.arrays import read_diagram, read_grid
from toposcope.inputs.signatures import checked, having, instance, sequence, whole_of
from toposcope.reporting.axes import COLORMAP as COLORMAP
from toposcope.reporting.axes import COLORS as COLORS
from toposcope.reporting.axes import axes_or_new, colorbar, literal
from toposcope.reporting.clouds import plane_of
from toposcope.reporting.colors import NULL_COLOR
from toposcope.reporting.result_plots import plot_comparison as plot_comparison
from toposcope.reporting.result_plots import plot_cubical as plot_cubical
from toposcope.reporting.result_plots import plot_ranking as plot_ranking
from toposcope.reporting.result_plots import plot_study as plot_study
from toposcope.reporting.result_plots import plot_training as plot_training
from toposcope.reporting.result_plots import plot_validity as plot_validity
from toposcope.types import DATA_CLOUD, DiagramSet, near_matches
from toposcope.words.nulls import TITLES
from toposcope.words.statistics import phrase

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NULL_STYLES = (":", "--", "-.", ":.", "--.", "-..")
"""Lines of the null models, in the order of `words.nulls.TITLES`."""

MARKERS = ("o", "^", "s", "D", "v", "P")
"""Of classes, the next one where the colors begin again."""

INTERVAL_COLUMNS = (
    *("statistic", "homology_dimension", "label", "cloud"),
    *("depth", "mean", "low", "high"),
)
"""Columns of an `Analysis.intervals` table that are drawn."""

Array = NDArray[np.float64]


AXES = having("set_xlabel", "the axes of a matplotlib figure, or None for a new one")
DIAGRAMS = instance(DiagramSet, needed="a DiagramSet, as ts.rips() returns it")


def _tables(value: object, name: str, *, call: str) -> Any:
    if isinstance(value, Analysis):
        return value
    columns = getattr(value, "columns", None)
    if columns is None:
        return sequence(ANALYSIS, of="analyses, or one, or an .intervals table", fewest=1)(
            value, name, call=call
        )
    missing = [column for column in INTERVAL_COLUMNS if column not in columns]
    if missing:
        msg = (
            f"{call}: {name} is a table without {', '.join(missing)}; needed is an Analysis, "
            "several, or Analysis.intervals."
        )
        raise UsageError(msg)
    return value


def _pairs(value: Any, name: str, *, call: str) -> Array:
    if isinstance(value, list | tuple | np.ndarray) and len(np.shape(value)) and not len(value):
        return np.empty((0, 2))
    return read_diagram(value, call=call, name=name)


def _group(value: Any, name: str, *, call: str) -> list[Array]:
    """One diagram or several, as a list."""
    if getattr(value, "ndim", None) == 2:
        return [_pairs(value, name, call=call)]
    listed = given.entries(value, name, call=call, of="diagrams, or one diagram")
    if not listed:
        msg = f"{call}: {name} is empty; needed is a diagram, or a sequence of diagrams."
        raise UsageError(msg)
    return [_pairs(one, f"{name}[{i}]", call=call) for i, one in enumerate(listed)]


def _grid(value: Any, name: str, *, call: str) -> Array:
    return read_grid(value, call=call, name=name)


def _color(value: Any, name: str, *, call: str) -> Any:
    from matplotlib.colors import is_color_like

    if is_color_like(value):
        return value
    msg = f"{call}: {name}={given.shown(value)}; needed is a color of matplotlib."
    raise UsageError(msg)


@checked(analyses=_tables, ax=AXES)
def plot_depth(
    analyses: Analysis | Sequence[Analysis] | pd.DataFrame,
    statistic: str,
    homology_dimension: int | None = None,
    *,
    label: str = "",
    null: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A statistic over relative depth: means, t-intervals as bands, null models in gray.

    Parameters
    ----------
    analyses
        One analysis, several, or an `Analysis.intervals` table.
    statistic
        Name of a statistic, as in the table.
    homology_dimension
        Degree k of H_k; None for statistics of a cloud.
    label
        Class name, or "" for pooled classes.
    null
        Whether to draw the null models of the last analysis.
    ax
        Axes to draw into.

    Returns
    -------
    The axes.

    Raises
    ------
    UsageError
        No analysis holds that statistic.
    """
    series = _interval_tables(analyses)
    ax = axes_or_new(ax)
    drawn = 0
    for i, (name, frame) in enumerate(series):
        data = _select(frame, statistic, homology_dimension, label, DATA_CLOUD)
        drawn += len(data)
        _line_and_band(ax, data, COLORS[i % len(COLORS)], name, "o-")
    if not drawn:
        known = sorted({str(name) for _, frame in series for name in frame["statistic"]})
        msg = (
            f"plot_depth(): no values of statistic={statistic!r}, "
            f"homology_dimension={homology_dimension}, label={label!r}. "
            f"{near_matches(statistic, known)} Known are: {', '.join(known)}."
        )
        raise UsageError(msg)
    if null and series:
        last = series[-1][1]
        for (name, title), style in zip(TITLES.items(), NULL_STYLES, strict=True):
            twin = _select(last, statistic, homology_dimension, label, name)
            if len(twin):
                _line_and_band(ax, twin, NULL_COLOR, title, style)
    ax.set_xlabel("relative depth")
    ax.set_ylabel(phrase(statistic, homology_dimension))
    if len(ax.lines) > 1:
        ax.legend(frameon=False)
    return ax


def _interval_tables(
    analyses: Analysis | Sequence[Analysis] | pd.DataFrame,
) -> list[tuple[str, pd.DataFrame]]:
    if isinstance(analyses, Analysis):
        return [(analyses.name, analyses.intervals)]
    if hasattr(analyses, "columns"):
        return [("data", analyses)]
    return [(one.name, one.intervals) for one in analyses]


def _select(
    frame: pd.DataFrame, statistic: str, k: int | None, label: str, cloud: str
) -> pd.DataFrame:
    degree = frame["homology_dimension"]
    same = degree.isna() if k is None else degree.eq(k).fillna(False).astype(bool)
    rows = (frame["statistic"] == statistic) & (frame["label"] == label) & same
    return frame[rows & (frame["cloud"] == cloud)].sort_values("depth", kind="stable")


def _line_and_band(ax: Axes, data: pd.DataFrame, color: str, name: str, style: str) -> None:
    depth = data["depth"].to_numpy(float)
    mean, low, high = (data[column].to_numpy(float) for column in ("mean", "low", "high"))
    # NaN breaks line and band: a layer without a value is a gap, not a bridge.
    ax.fill_between(depth, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(depth, mean, style, color=color, label=literal(name), markersize=4)


@checked(analysis=ANALYSIS, ax=AXES)
def plot_cloud(analysis: Analysis, layer: str, *, label: str = "", ax: Axes | None = None) -> Axes:
    """The first draw of a layer in the plane of its two widest directions, colored by class.

    The title tells what the picture keeps: the share of the variance, and the rank correlation of
    the distances between points in the plane and in the cloud.

    Parameters
    ----------
    analysis
        With its activations.
    layer
        Name of the layer.
    label
        Class, where classes were drawn apart.
    ax
        Axes to draw into.

    Raises
    ------
    UsageError
        When there is no such cloud.
    """
    ax = axes_or_new(ax)
    plane, shares, agreement, draw = plane_of(analysis, layer, label)
    acts = analysis.activations
    labels = None if acts is None else acts.labels
    if (
        acts is None or labels is None or len(plane) != len(draw.rows)
    ):  # positions of tokens have no class
        ax.scatter(plane[:, 0], plane[:, 1], s=9, color=COLORS[0], alpha=0.7, linewidth=0)
    else:
        of = np.asarray(labels)[draw.rows]
        for place, number in enumerate(np.unique(of)):
            here, color = plane[of == number], COLORS[place % len(COLORS)]
            marker = MARKERS[
                place // len(COLORS) % len(MARKERS)
            ]  # colors repeat, the pair does not
            name = "unlabelled" if number < 0 else acts.class_names[number]
            ax.scatter(
                here[:, 0],
                here[:, 1],
                s=9,
                color=color,
                marker=marker,
                alpha=0.7,
                linewidth=0,
                label=literal(name),
            )
        ax.legend(fontsize="small", markerscale=2, ncols=2)
    # The frame stays as it is given: a flat cloud beside a round one leaves no strip of a panel.
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel="first direction", ylabel="second direction")
    kept = f"{shares.sum():.0%} of the variance, rank correlation of distances {agreement:.2f}"
    ax.set_title(f"{literal(layer)}\n{kept}", fontsize="small")
    return ax


@checked(pairs=_pairs, ax=AXES, color=_color)
def plot_diagram(pairs: Array, ax: Axes | None = None, *, color: str = COLORS[0]) -> Axes:
    """Persistence diagram: births against deaths, the diagonal, essential classes on a line at ∞.

    Parameters
    ----------
    pairs
        (m, 2) births and deaths in filtration units.
    ax
        Axes to draw into.
    color
        Color of the points.
    """
    ax = axes_or_new(ax)
    kept = finite(pairs)
    end = _end(pairs)
    ax.plot([0, end], [0, end], color=NULL_COLOR, linewidth=0.8)
    ax.scatter(kept[:, 0], kept[:, 1], s=16, color=color, alpha=0.6, edgecolor=color)
    essential = pairs[~np.isfinite(pairs[:, 1]), 0]
    if len(essential):
        ax.axhline(1.07 * end, color=NULL_COLOR, linewidth=0.8, linestyle=":")
        ax.scatter(essential, np.full(len(essential), 1.07 * end), s=16, color=color, marker="^")
        ax.annotate("∞", (end, 1.07 * end), va="bottom", ha="right", color=NULL_COLOR)
    ax.set(xlabel="birth", ylabel="death", aspect="equal")
    return ax


def _end(pairs: Array) -> float:
    """Last finite filtration value of a diagram, 1 when there is none."""
    values = pairs[np.isfinite(pairs)]
    last = float(values.max(initial=0.0))
    return last if last > 0 else 1.0


@checked(pairs=_pairs, ax=AXES, color=_color, longest=whole_of(1))
def plot_barcode(
    pairs: Array, ax: Axes | None = None, *, longest: int = 60, color: str = COLORS[0]
) -> Axes:
    """Barcode: the longest bars, ordered by birth; essential ones end in an arrow head.

    Parameters
    ----------
    pairs
        (m, 2) births and deaths in filtration units.
    ax
        Axes to draw into.
    longest
        Bars to draw; the title says when there are more.
    color
        Color of the bars.
    """
    ax = axes_or_new(ax)
    kept = pairs[np.argsort(pairs[:, 0] - pairs[:, 1], kind="stable")[:longest]]
    kept = kept[np.lexsort((kept[:, 1], kept[:, 0]))]
    end = 1.07 * _end(pairs)
    essential = np.flatnonzero(~np.isfinite(kept[:, 1]))
    ax.hlines(np.arange(len(kept)), kept[:, 0], np.minimum(kept[:, 1], end), color=color)
    ax.plot(np.full(len(essential), end), essential, ">", color=color, markersize=5)
    if len(kept) < len(pairs):
        ax.set_title(f"{len(kept)} longest of {len(pairs):,} bars", fontsize="medium")
    ax.set(xlabel="filtration value", ylabel="bars by birth", yticks=[])
    return ax


@checked(pairs_list=_group, grid=_grid, ax=AXES, color=_color)
def plot_betti_curve(
    pairs_list: Array | Sequence[Array],
    ax: Axes | None = None,
    *,
    grid: Array | None = None,
    color: str = COLORS[0],
) -> Axes:
    """Betti curves of one or several diagrams; of several, each is thin and their mean bold.

    Parameters
    ----------
    pairs_list
        (m, 2) pairs of one diagram, or one such array per replicate.
    ax
        Axes to draw into.
    grid
        Filtration values; by default from 0 to past the last death.
    color
        Color of the curves.
    """
    ax = axes_or_new(ax)
    group = list(pairs_list)
    grid = panels.common_grid(group) if grid is None else grid
    curves = panels.betti_curves(group, grid)
    if len(curves) > 1:
        ax.plot(grid, curves.T, color=color, alpha=0.3, linewidth=0.8, drawstyle="steps-post")
    ax.plot(grid, curves.mean(axis=0), color=color, linewidth=2, drawstyle="steps-post")
    ax.set(xlabel="filtration value", ylabel="Betti number")
    ax.set_ylim(bottom=0)
    return ax


@checked(pairs_list=_group, grid=_grid, ax=AXES, color=_color, levels=whole_of(1))
def plot_landscape(
    pairs_list: Array | Sequence[Array],
    ax: Axes | None = None,
    *,
    levels: int = 3,
    grid: Array | None = None,
    color: str = COLORS[0],
) -> Axes:
    """First landscape levels of a diagram, or their mean over several.

    Parameters
    ----------
    pairs_list
        (m, 2) pairs of one diagram, or one such array per replicate.
    ax
        Axes to draw into.
    levels
        Number of levels, from the first on; later ones are paler.
    grid
        Filtration values; by default from 0 to past the last death.
    color
        Color of the first level.
    """
    ax = axes_or_new(ax)
    group = list(pairs_list)
    grid = panels.common_grid(group) if grid is None else grid
    mean = panels.landscapes(group, levels, grid).mean(axis=0)
    for level, values in enumerate(mean):
        ax.plot(grid, values, color=color, alpha=max(0.25, 1 - 0.35 * level), label=f"{level + 1}")
    ax.set(xlabel="filtration value", ylabel="landscape λ")
    ax.set_ylim(bottom=0)
    if levels > 1:
        ax.legend(title="level", frameon=False)
    return ax


@checked(diagrams=DIAGRAMS, level=whole_of(1), ax=AXES)
def plot_landscape_panel(
    diagrams: DiagramSet,
    homology_dimension: int,
    *,
    level: int = 1,
    label: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The whole network in one picture: layers down, filtration right, mean landscape as color.

    Parameters
    ----------
    diagrams
        Diagrams of all layers and replicates.
    homology_dimension, level, label
        As in `panels.landscape_panel`.
    ax
        Axes to draw into.
    """
    ax = axes_or_new(ax)
    grid, layers, panel = panels.landscape_panel(
        diagrams, homology_dimension, level=level, label=label
    )
    extent = (grid[0], grid[-1], len(layers) - 0.5, -0.5)
    image = ax.imshow(
        panel, aspect="auto", extent=extent, cmap=COLORMAP, vmin=0, interpolation="nearest"
    )
    ax.set_yticks(range(len(layers)), [literal(layer) for layer in layers])
    ax.set_xlabel(f"filtration value (H{homology_dimension})")
    colorbar(ax, image, f"landscape level {level}")
    return ax


@checked(diagrams=DIAGRAMS, ax=AXES)
def plot_layer_distances(
    diagrams: DiagramSet,
    homology_dimension: int,
    *,
    label: str = "",
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """L2 distances between mean landscapes of layers; the title states the noise floor.

    Parameters
    ----------
    diagrams
        Diagrams of all layers and replicates.
    homology_dimension, label, seed
        As in `panels.layer_distances`.
    ax
        Axes to draw into.
    """
    ax = axes_or_new(ax)
    distances = panels.layer_distances(diagrams, homology_dimension, label=label, seed=seed)
    image = ax.imshow(distances.matrix, cmap=COLORMAP, vmin=0, interpolation="nearest")
    names = [literal(layer) for layer in distances.layers]
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    floor = f"{distances.floor:.2g}" if np.isfinite(distances.floor) else "unknown: one replicate"
    ax.set_title(
        f"H{homology_dimension}, {distances.replicates} replicates, noise floor {floor}",
        fontsize="medium",
    )
    colorbar(ax, image, "L2 distance of mean landscapes")
    return ax
