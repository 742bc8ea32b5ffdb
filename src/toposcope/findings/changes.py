"""What changes most over a training or over depth, corrected for all comparisons looked at.

Checkpoints of one model are compared with its first one; without a training, the last layer with
the first, and neighboring layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from toposcope.analysis.result import Analysis
from toposcope.findings.looked_at import checkpoints, headline, overlap_of, replicate_values
from toposcope.findings.places import Place, step_of
from toposcope.pointclouds.nulls import RANDOM_INIT, parse_nulls
from toposcope.stats import Contrast, Effect, effects


def changes(analyses: Sequence[Analysis]) -> list[Effect[Place]]:
    """Relative changes over training and over depth, clearest first, with simultaneous intervals.

    Parameters
    ----------
    analyses
        Runs shown together. Runs of one model with different steps are compared layer by layer,
        last step against first, on the same samples; otherwise layers are compared within a run.

    Returns
    -------
    Effects, see `stats.effects`.
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
        before = replicate_values(a, place.against, statistic, k)
        after = replicate_values(b, place.layer, statistic, k)
        if len(before) and len(before) == len(after):
            nulls = {}
            for null in parse_nulls(str(b.attrs.get("null") or "none")):
                if null == RANDOM_INIT:  # its unit is the twin, and these intervals are over draws
                    continue
                there = replicate_values(a, place.against, statistic, k, cloud=null)
                here = replicate_values(b, place.layer, statistic, k, cloud=null)
                if len(here) and len(here) == len(there):
                    nulls[null] = (there, here)
            yield Contrast(place, statistic, k, before, after, overlap_of(a.attrs), nulls)
