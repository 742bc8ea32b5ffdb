"""Axes of whole results: a comparison, a training, a ranking, volumes, validity, a study.

As in `plots`: every function draws into `ax` and returns it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.analysis.result import Analysis
from toposcope.analysis.statistic_names import split_statistic
from toposcope.analysis.trajectory import Trajectory
from toposcope.comparison.result import Comparison
from toposcope.errors import UsageError
from toposcope.findings.validity.verdict import Decision
from toposcope.reporting.axes import COLORMAP, COLORS, axes_or_new, colorbar, literal
from toposcope.store.tables import OK
from toposcope.studies.study import Study
from toposcope.studies.validity_study import ValidityStudy
from toposcope.types import DATA_CLOUD
from toposcope.words.comparison import measure_name
from toposcope.words.ranking import leading_score
from toposcope.words.statistics import phrase
from toposcope.words.validity import told

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_TICKS = 40
"""Layers whose names fit along an axis; beyond them every second, third ... is named."""


def plot_comparison(
    comparison: Comparison,
    measure: str | None = None,
    homology_dimension: int | None = None,
    *,
    gap: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """All layers of all networks against each other, with their names.

    Parameters
    ----------
    comparison
        What `compare` returned.
    measure, homology_dimension
        As in `Comparison.matrix`; default: the first that was measured.
    gap
        Whether the noise of draws is taken out, as in `Comparison.matrix`.
    ax
        Axes to draw into.
    """
    if measure is None:
        measure, homology_dimension = next(iter(comparison.matrices))
    matrix = comparison.matrix(measure, homology_dimension, gap=gap)
    ax = axes_or_new(ax)
    image = ax.imshow(matrix.to_numpy(float), cmap=COLORMAP, interpolation="nearest")
    names = [literal(f"{network} {layer}") for network, layer in matrix.index]
    every = -(-len(names) // MOST_TICKS)
    shown = range(0, len(names), every)
    ax.set_xticks(shown, [names[i] for i in shown], rotation=90, fontsize="small")
    ax.set_yticks(shown, [names[i] for i in shown], fontsize="small")
    sizes = np.unique([network for network, _ in matrix.index], return_index=True)[1]
    for start in sorted(sizes)[1:]:
        ax.axhline(start - 0.5, color="white", linewidth=1)
        ax.axvline(start - 0.5, color="white", linewidth=1)
    title = measure_name(measure, homology_dimension)
    colorbar(ax, image, f"gap, {title}" if gap else title)
    return ax


def plot_training(
    trajectory: Trajectory,
    statistic: str = "lifespan_sum",
    homology_dimension: int | None = 0,
    *,
    layers: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A statistic over training steps: a line with its intervals for each layer.

    Parameters
    ----------
    trajectory
        What `analyze_series` returned.
    statistic, homology_dimension
        What to draw.
    layers
        Which layers; default: up to six, from the first to the last.
    ax
        Axes to draw into.
    """
    chosen = _some(trajectory.layers) if layers is None else list(layers)
    table = trajectory.intervals
    rows = table[
        (table["cloud"] == DATA_CLOUD)
        & (table["label"] == "")
        & (table["statistic"] == statistic)
        & (table["layer"].isin(chosen))
    ]
    degree = rows["homology_dimension"]
    rows = rows[degree.isna() if homology_dimension is None else degree == homology_dimension]
    if rows.empty:
        msg = (
            f"plot_training(): no values of statistic={statistic!r}, homology_dimension="
            f"{homology_dimension} in the layers {', '.join(chosen)}. Known are: "
            f"{', '.join(sorted(map(str, table['statistic'].unique())))}."
        )
        raise UsageError(msg)
    ax = axes_or_new(ax)
    for i, layer in enumerate(chosen):
        one = rows[rows["layer"] == layer].sort_values("step")
        x, mean = one["step"].to_numpy(float), one["mean"].to_numpy(float)
        color = COLORS[i % len(COLORS)]
        ax.plot(x, mean, "o-", color=color, label=literal(layer))
        low, high = one["low"].to_numpy(float), one["high"].to_numpy(float)
        ax.fill_between(x, low, high, color=color, alpha=0.2)
    ax.set_xlabel(trajectory.series.unit)
    ax.set_ylabel(phrase(statistic, homology_dimension))
    ax.legend(frameon=False)
    return ax


def plot_ranking(table: pd.DataFrame, score: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Candidates by a score, best on top, with intervals; those not told apart are filled.

    Parameters
    ----------
    table
        What `rank` returned.
    score
        Which score; default: the one that the answer rests on.
    ax
        Axes to draw into.
    """
    name = leading_score(table) if score is None else score
    rows = table[(table["score"] == name) & (table["status"] == OK)]
    if rows.empty:
        known = ", ".join(dict.fromkeys(table["score"]))
        msg = f"plot_ranking(score={score!r}): no candidate has a value; scores are {known}."
        raise UsageError(msg)
    ax = axes_or_new(ax)
    first = rows.iloc[0]
    near = {first["model"], *first["tied_with"]}
    for i, row in enumerate(rows.itertuples()):
        spread = [[row.value - row.low], [row.high - row.value]]
        ends = None if row.low != row.low else spread
        fill = COLORS[0] if row.model in near else "white"
        ax.errorbar(
            row.value, i, xerr=ends, fmt="o", color=COLORS[0], markerfacecolor=fill, capsize=3
        )
    ax.set_yticks(range(len(rows)), [literal(str(model)) for model in rows["model"]])
    ax.invert_yaxis()
    ax.set_xlabel(f"{name} (filled: not told apart from the first)")
    return ax


def plot_cubical(
    analysis: Analysis,
    statistic: str = "betti_total",
    *,
    layers: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Betti numbers of volumes over thresholds: a line with its intervals for each layer.

    Parameters
    ----------
    analysis
        Of `ts.Cubical()`.
    statistic
        "betti_total" or "total_per_voxel", summed over degrees.
    layers
        Which layers; default: up to six, from the first to the last.
    ax
        Axes to draw into.
    """
    chosen = _some(analysis.layers) if layers is None else list(layers)
    table = analysis.intervals
    split = table["statistic"].map(split_statistic)
    wanted = split.map(lambda pair: pair[0] == statistic and pair[1] is not None)
    rows = table[wanted & (table["cloud"] == DATA_CLOUD) & (table["label"] == "")]
    rows = rows[rows["homology_dimension"].isna() & rows["layer"].isin(chosen)]
    if rows.empty:
        msg = (
            f"plot_cubical(statistic={statistic!r}): {analysis.name!r} holds no such number at a "
            "threshold. Pass an analysis of ts.Cubical() and betti_total or total_per_voxel."
        )
        raise UsageError(msg)
    ax = axes_or_new(ax)
    rows = rows.assign(threshold=rows["statistic"].map(lambda one: split_statistic(one)[1]))
    for i, layer in enumerate(chosen):
        one = rows[rows["layer"] == layer].sort_values("threshold")
        x, mean = one["threshold"].to_numpy(float), one["mean"].to_numpy(float)
        color = COLORS[i % len(COLORS)]
        ax.plot(x, mean, "o-", color=color, label=literal(layer))
        low, high = one["low"].to_numpy(float), one["high"].to_numpy(float)
        ax.fill_between(x, low, high, color=color, alpha=0.2)
    ax.set_xlabel("threshold")
    ax.set_ylabel(phrase(statistic, None))
    ax.legend(frameon=False)
    return ax


VALIDITY_MARKS = {
    Decision.HOLDS: ("o", COLORS[2]),
    Decision.IN_PART: ("^", COLORS[1]),
    Decision.FAILS: ("X", COLORS[5 % len(COLORS)]),
    Decision.UNDECIDED: ("d", "gray"),
    Decision.NOT_CHECKED: (".", "gray"),
}
"""Marker and color of a decision: shapes differ too, for eyes that do not tell the colors."""


CLAIM_WIDTH = 38
"""Characters of a line of a check's name, so that a figure of usual size has room for its marks."""


def plot_validity(study: ValidityStudy | Sequence[Any], *, ax: Axes | None = None) -> Axes:
    """One named mark per check: holds, in part, fails, undecided or not checked.

    Parameters
    ----------
    study
        What `studies.validity` returned, or verdicts of validity.
    ax
        Axes to draw into.
    """
    verdicts = study.verdicts if isinstance(study, ValidityStudy) else list(study)
    if not verdicts:
        msg = "plot_validity(): no verdicts; pass what ts.studies.validity(RUN) returned."
        raise UsageError(msg)
    ax = axes_or_new(ax)
    for i, verdict in enumerate(verdicts):
        marker, color = VALIDITY_MARKS[verdict.decision]
        ax.plot(0, i, marker, color=color, markersize=9)
        ax.annotate(
            verdict.decision.value, (0, i), (12, 0), textcoords="offset points", va="center"
        )
    claims = [textwrap.fill(told(one).claim, CLAIM_WIDTH) for one in verdicts]
    ax.set_yticks(range(len(verdicts)), claims, fontsize="small")
    ax.set_xticks([])
    ax.set_xlim(-0.2, 1.5)
    ax.invert_yaxis()
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    return ax


def plot_study(study: Study, *, ax: Axes | None = None) -> Axes:
    """The effect of every claim with its interval, in its own unit, and its verdict.

    Parameters
    ----------
    study
        What `studies.run` returned.
    ax
        Axes to draw into.
    """
    ax = axes_or_new(ax)
    for i, one in enumerate(study.verdicts):
        ends = [[one.effect - one.low], [one.high - one.effect]]
        known = bool(np.isfinite(ends).all())
        ax.errorbar(one.effect, i, xerr=ends if known else None, fmt="o", color=COLORS[0])
    ax.axvline(0, color="gray", linewidth=0.8)
    names = [f"{one.claim.id}: {one.decision.value}" for one in study.verdicts]
    ax.set_yticks(range(len(names)), [literal(name) for name in names])
    ax.invert_yaxis()
    ax.set_xlabel("effect, in the unit of each claim")
    return ax


def _some(layers: Sequence[str]) -> list[str]:
    """Up to six layers, evenly from the first to the last."""
    picked = np.linspace(0, len(layers) - 1, min(6, len(layers))).round().astype(int)
    return [layers[i] for i in np.unique(picked)]
