"""How numbers go over the checkpoints of a training: a description of one, a test of several.

Draws of samples are no repetitions of a training: any fixed order of checkpoints that all draws see
alike would pass for a trend. One training is therefore described (`trends`): which curves go one
way at every step, on other samples too. A claim about training needs several of them, which are
then the units (`trends_of_trainings`). Where all of them are seen on the same draws, trainings and
draws are crossed: what a draw does at a step moves every training alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import ANALYSIS, Analysis
from toposcope.errors import UsageError
from toposcope.findings.looked_at import HEADLINE, checkpoints, headline, replicate_values
from toposcope.findings.places import Step, step_of
from toposcope.inputs.signatures import checked, sequence
from toposcope.stats import Trend, benjamini_hochberg, trend

NETWORK = "network"
FALSE_SHARE = 0.05
"""Largest probability of any false direction among the curves of one training, and largest share of
false ones among the trends of several that stand."""


@dataclass(frozen=True, eq=False)
class LayerTrend:
    """How one statistic of one layer goes over checkpoints.

    Parameters
    ----------
    model, layer, statistic, homology_dimension
        What was looked at; the model by its spec.
    trend
        See `stats.trend`; its unit is "draw" for one training, "network" for several.
    p
        Of one training: that some step goes against the others on other samples (the largest of the
        one-sided paired t tests of all steps, twice for two directions). Of several: the p-value of
        `trend`.
    q
        p adjusted for all that were looked at: Bonferroni for one training, Benjamini-Hochberg for
        several.
    looked_at
        How many those were.
    span
        First and last step.
    """

    model: str
    layer: str
    statistic: str
    homology_dimension: int | None
    trend: Trend
    p: float
    q: float
    looked_at: int
    span: tuple[Step | None, Step | None]

    @property
    def direction(self) -> str:
        """What stands after the correction: "rising", "falling" or "undecided".

        Of one training it says that these checkpoints are ordered so at every step, whatever the
        samples, and nothing about training.
        """
        if not self.q <= FALSE_SHARE:
            return "undecided"
        return "rising" if self.trend.mean_tau > 0 else "falling"

    @property
    def about_training(self) -> bool:
        """Whether trainings are the units."""
        return self.trend.unit != "draw"

    @property
    def ordered_by_chance(self) -> float:
        """How often checkpoints without any order go one way throughout: 2 / steps!."""
        return 2.0 / factorial(self.trend.n_steps)

    @property
    def smallest_p(self) -> float:
        """Smallest p-value of so many trainings: two of all sign flips are as extreme."""
        return float(2.0 ** (1 - self.trend.n))


def trends(analyses: Sequence[Analysis]) -> list[LayerTrend]:
    """All headline statistics in all layers over three checkpoints of a training or more.

    Parameters
    ----------
    analyses
        Runs shown together; those that are no series of checkpoints on the same disjoint draws
        are left out.

    Returns
    -------
    All that were looked at, surest first. They describe these checkpoints; where three trainings of
    one model or more are shown, at the same three steps or more, trainings are the units.
    """
    several = _several_trainings(analyses)
    if several:
        return corrected([one for group in several for one in trends_over(group)])
    looked = []
    for model, positions in checkpoints(analyses).items():
        series = [analyses[position] for position in positions]
        if len(series) < 3 or series[0].attrs["overlapping"]:
            continue
        steps = [float(run.attrs["step"]) for run in series]
        span = step_of(series[0].attrs), step_of(series[-1].attrs)
        for layer in series[-1].layers:
            for statistic, k in HEADLINE:
                columns = [replicate_values(run, layer, statistic, k) for run in series]
                if len(columns[0]) < 2 or len({len(column) for column in columns}) > 1:
                    continue
                values = np.column_stack(columns)
                own = trend(steps, values, level=series[0].attrs["level"])
                looked.append((model, layer, statistic, k, own, one_way(values), span))
    out = [
        LayerTrend(*item[:6], min(1.0, item[5] * len(looked)), len(looked), item[6])
        for item in looked
    ]
    return sorted(out, key=lambda one: (one.q, -abs(one.trend.mean_tau)))


def _several_trainings(analyses: Sequence[Analysis]) -> list[list[list[Analysis]]]:
    """Sets of three trainings or more of one model with equal steps, layers, samples, design."""
    sets: dict[tuple[object, ...], list[list[Analysis]]] = {}
    for positions in checkpoints(analyses).values():
        series = [analyses[position] for position in positions]
        first = series[0]
        if len(series) < 3 or first.design is None or first.activations is None:
            continue
        steps = tuple(float(run.attrs["step"]) for run in series)
        spec = first.design.to_spec() | {"null": None}
        ids = first.activations.sample_ids.tobytes()
        key = (str(first.attrs["model"]), steps, series[-1].layers, str(spec), ids)
        sets.setdefault(key, []).append(series)
    return [one for one in sets.values() if len(one) >= 3]


def one_way(values: NDArray[np.float64]) -> float:
    """p-value that a curve does not go one way at every step, over draws.

    Parameters
    ----------
    values
        (draws, steps).

    Returns
    -------
    The largest p of the paired t tests of all steps in one direction (all have to be rejected: an
    intersection-union test), doubled since either direction is looked for.

    Examples
    --------
    >>> rising = np.array([[0.0, 1.0, 2.1], [0.1, 1.0, 2.0], [0.0, 1.1, 2.0]])
    >>> bool(one_way(rising) < 0.02), one_way(rising[:, [0, 2, 1]]) > 0.9
    (True, True)
    """
    from scipy.special import stdtr

    moves = np.diff(values, axis=1)
    n = len(moves)
    spread = moves.std(axis=0, ddof=1) / np.sqrt(n)
    mean = moves.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(spread > 0, mean / spread, np.where(mean == 0, 0.0, np.sign(mean) * np.inf))
    up, down = float(stdtr(n - 1, -t).max()), float(stdtr(n - 1, t).max())
    return min(1.0, 2 * min(up, down))


@checked(
    trainings=sequence(
        sequence(ANALYSIS, of="analyses", fewest=1), of="trainings, each a sequence of analyses"
    )
)
def trends_of_trainings(trainings: Sequence[Sequence[Analysis]]) -> list[LayerTrend]:
    """Trends over several trainings of one network, which are the units.

    Parameters
    ----------
    trainings
        Three or more series of analyses, one per training (another seed), with equal steps, three
        or more, and equal layers.

    Returns
    -------
    All that were looked at, surest first. Trainings that were all analyzed on the same draws are
    crossed with these (see `stats.trend`), and what stands does so on other samples too. Else the
    value of a training at a step is the mean over its draws.

    Raises
    ------
    UsageError
        For trainings whose steps or layers differ, or too few of them.
    """
    series = [sorted(one, key=lambda a: float(a.attrs["step"])) for one in trainings]
    steps = [[float(a.attrs["step"]) for a in one] for one in series]
    layers = [one[-1].layers for one in series if one]
    if len(series) < 3 or any(one != steps[0] for one in steps) or len(set(layers)) > 1:
        msg = (
            f"trends_of_trainings(): got {len(series)} trainings with steps {steps} and "
            f"{len(set(layers))} lists of layers; needed are three or more with the same steps and "
            "layers. Capture every seed at the same steps with ts.capture_series()."
        )
        raise UsageError(msg)
    return corrected(trends_over(series))


Looked = tuple[str, str, str, int | None, Trend, tuple[Step | None, Step | None]]
"""Model, layer, statistic, degree, its trend over trainings, first and last step."""


def trends_over(
    trainings: Sequence[Sequence[Analysis]],
    *,
    units: Sequence[int] | None = None,
    name: str = "",
) -> list[Looked]:
    """Every headline statistic of every layer over the steps of trainings, not yet corrected.

    Parameters
    ----------
    trainings
        As in `trends_of_trainings`, by rising step.
    units
        Configuration of each training, whose means are the units; None for trainings.
    name
        What they are called; by default their model.
    """
    first = trainings[0]
    steps = [float(a.attrs["step"]) for a in first]
    span = step_of(first[0].attrs), step_of(first[-1].attrs)
    looked: list[Looked] = []
    draws = _shared_draws(trainings)
    for layer in first[-1].layers:
        for statistic, k in headline(first[-1]):
            cells = [[replicate_values(a, layer, statistic, k) for a in one] for one in trainings]
            if not all(len(cell) for one in cells for cell in one):
                continue
            if draws > 1 and all(len(cell) == draws for one in cells for cell in one):
                values = np.swapaxes(np.array(cells), 1, 2)  # (trainings, draws, steps)
            else:
                values = np.array([[cell.mean() for cell in one] for one in cells])
            if units is not None:
                place = np.asarray(units)
                values = np.stack([values[place == c].mean(axis=0) for c in np.unique(place)])
            unit = NETWORK if units is None else "configuration"
            own = trend(steps, values, level=first[0].attrs["level"], unit=unit)
            looked.append((name or str(first[0].attrs["model"]), layer, statistic, k, own, span))
    return looked


def _shared_draws(trainings: Sequence[Sequence[Analysis]]) -> int:
    """Draws that are the same samples in all analyses; 0 where they are not known to be."""
    kinds: set[tuple[object, ...]] = set()
    for one in (analysis for series in trainings for analysis in series):
        if one.design is None or one.activations is None:
            return 0
        kinds.add(
            (str(one.design.to_spec() | {"null": None}), one.activations.sample_ids.tobytes())
        )
    return int(trainings[0][0].attrs["replicates"]) if len(kinds) == 1 else 0


def corrected(looked: Sequence[Looked]) -> list[LayerTrend]:
    """Trends over trainings as one family (Benjamini-Hochberg), surest first."""
    if not looked:
        return []
    adjusted = benjamini_hochberg([item[4].pvalue for item in looked])
    out = [
        LayerTrend(*item[:5], item[4].pvalue, float(q), len(looked), item[5])
        for item, q in zip(looked, adjusted, strict=True)
    ]
    return sorted(out, key=lambda one: (one.q, -abs(one.trend.mean_tau)))
