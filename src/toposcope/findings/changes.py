"""What changes most over a training or over depth, corrected for all comparisons looked at.

Checkpoints of one training are compared with its first one; without a training, the last layer with
the first, and neighboring layers.

Where draws were taken inside classes, a class is a factor and a draw the unit: one contrast is the
mean over the classes (the common change), and each class has one of its own, its change beside that
mean. All of them are one family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.result import Analysis
from toposcope.findings.looked_at import checkpoints, class_values, headline, overlap_of
from toposcope.findings.places import Place, step_of
from toposcope.pointclouds.nulls import RANDOM_INIT, parse_nulls
from toposcope.stats import Contrast, Effect, effects

Values = NDArray[np.float64]


def changes(analyses: Sequence[Analysis]) -> list[Effect[Place]]:
    """Relative changes over training and over depth, clearest first, with simultaneous intervals.

    Parameters
    ----------
    analyses
        Runs shown together. Runs of one model with different steps are compared layer by layer,
        last step against first, on the same samples; otherwise layers are compared within a run.

    Returns
    -------
    Effects, see `stats.effects`. `where.label` is "" for changes of pooled classes and for the mean
    over classes; else the class, whose change is told relative to that mean.
    """
    levels = {analysis.attrs["level"] for analysis in analyses}
    return effects(contrasts(analyses), level=max(levels, default=0.95))


def contrasts(analyses: Sequence[Analysis]) -> list[Contrast[Place]]:
    """Every comparison that `changes` looks at."""
    over_training = list(_training_contrasts(analyses))
    return over_training or list(_depth_contrasts(analyses))


def _training_contrasts(analyses: Sequence[Analysis]) -> Iterator[Contrast[Place]]:
    for model, series in checkpoints(analyses).items():
        first, last = analyses[series[0]], analyses[series[-1]]
        steps = step_of(last.attrs), step_of(first.attrs)
        for layer in last.layers:
            if layer in first.layers:
                place = Place(series[-1], last.name, model, layer, layer, *steps)
                yield from _compare(first, last, place)


def _depth_contrasts(analyses: Sequence[Analysis]) -> Iterator[Contrast[Place]]:
    for position, analysis in enumerate(analyses):
        layers, model = analysis.layers, str(analysis.attrs.get("model") or analysis.name)
        pairs = list(pairwise(layers))
        if len(layers) > 2:
            pairs.append((layers[0], layers[-1]))
        for before, after in pairs:
            place = Place(position, analysis.name, model, after, before)
            yield from _compare(analysis, analysis, place)


def _compare(a: Analysis, b: Analysis, place: Place) -> Iterator[Contrast[Place]]:
    """Every headline statistic of layer `place.against` of a, and of layer `place.layer` of b."""
    for statistic, k in headline(b):
        before = class_values(a, place.against, statistic, k)
        after = class_values(b, place.layer, statistic, k)
        classes = _shared(before, after)
        if not classes:
            continue
        nulls = {}
        for null in parse_nulls(str(b.attrs.get("null") or "none")):
            if null == RANDOM_INIT:  # its unit is the twin, and these intervals are over draws
                continue
            there = class_values(a, place.against, statistic, k, cloud=null)
            here = class_values(b, place.layer, statistic, k, cloud=null)
            if set(classes) <= set(_shared(there, here)):
                nulls[null] = (there, here)
        overlap = overlap_of(a.attrs)
        if classes == [""]:
            pooled = {null: (x[""], y[""]) for null, (x, y) in nulls.items()}
            yield Contrast(place, statistic, k, before[""], after[""], overlap, pooled)
            continue
        common = replace(place, classes=len(classes))
        sides = {null: _means(x, y, classes) for null, (x, y) in nulls.items()}
        mean = _means(before, after, classes)
        yield Contrast(common, statistic, k, *mean, overlap, sides)
        if len(classes) < 2:
            continue
        for label in classes:
            own = {
                null: (_beside(x[label], sides[null][0]), _beside(y[label], sides[null][1]))
                for null, (x, y) in nulls.items()
            }
            yield Contrast(
                replace(common, label=label),
                statistic,
                k,
                _beside(before[label], mean[0]),
                _beside(after[label], mean[1]),
                overlap,
                own,
            )


def _shared(before: Mapping[str, Values], after: Mapping[str, Values]) -> list[str]:
    """Classes with as many draws on both sides as the first one has."""
    shared = [label for label in before if label in after]
    count = len(before[shared[0]]) if shared else 0
    return [one for one in shared if len(before[one]) == len(after[one]) == count]


def _means(
    before: Mapping[str, Values], after: Mapping[str, Values], classes: Sequence[str]
) -> tuple[Values, Values]:
    """(R,) geometric means over the classes: their ratio is the mean relative change of a class.

    So one class that doubles and one that halves leave no common change.
    """
    return (
        geometric_mean([before[label] for label in classes]),
        geometric_mean([after[label] for label in classes]),
    )


def geometric_mean(values: Sequence[Values]) -> Values:
    """(R,) means over the first axis; NaN where one is not positive.

    >>> geometric_mean([np.array([1.0, 2.0]), np.array([4.0, 0.0])]).tolist()
    [2.0, nan]
    """
    stacked = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(stacked > 0, np.log(stacked), np.nan)
    return np.asarray(np.exp(logs.mean(axis=0)))


def _beside(values: Values, mean: Values) -> Values:
    """A class against the mean of all: 1 where it is like them."""
    with np.errstate(invalid="ignore"):
        return np.asarray(values / mean)
