"""What stands out in one or several analyses, corrected for how many comparisons were looked at.

Which comparisons are looked at is fixed here, beforehand, by the design of the runs alone:
checkpoints of one model against its first one, the last layer against the first, neighbouring
layers. All of them enter the correction, also those that show nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import BESIDE
from toposcope.analysis.filtrations.points import HEADLINE as HEADLINE
from toposcope.analysis.result import Analysis
from toposcope.pointclouds.nulls import parse_nulls
from toposcope.stats import Contrast, Effect, effects
from toposcope.store.series import step_words
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

VAGUE = ("model", "models", "final", "best", "last", "checkpoint", "checkpoints", "snapshot")
"""Last folders of a path that say nothing about the model; the one above is shown too."""


def findings(analyses: Sequence[Analysis]) -> list[Effect]:
    """Relative changes over training and over depth, largest first, with simultaneous intervals.

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


def contrasts(analyses: Sequence[Analysis]) -> list[Contrast]:
    """Every comparison that `findings` looks at."""
    found: list[Contrast] = []
    for model, series in checkpoints(analyses).items():
        first, last = series[0], series[-1]
        for layer in (name for name in last.layers if name in first.layers):
            steps = f"{step_words(last.attrs)} against {step_words(first.attrs)}"
            where = f"{short_name(model)} {layer}: {steps}"
            found += _compare(first, layer, last, layer, where)
    if found:
        return found
    for analysis in analyses:
        found += _depth_contrasts(analysis)
    return found


def checkpoints(analyses: Sequence[Analysis]) -> dict[str, list[Analysis]]:
    """Series of checkpoints: runs of one model on the same draws, by rising step."""
    stepped = [a for a in analyses if a.attrs.get("step") is not None]
    stepped.sort(key=lambda a: (str(a.attrs["model"]), float(a.attrs["step"])))
    series = {}
    for model, group in groupby(stepped, key=lambda a: str(a.attrs["model"])):
        members = list(group)
        if len(members) > 1 and all(_paired(members[0], other) for other in members[1:]):
            series[model] = members
    return series


def short_name(model: str) -> str:
    """What people call a model: the last part of its spec that says something.

    >>> short_name("py:examples.cifar_resnet:resnet20"), short_name("hf:nets/minilm/model")
    ('resnet20', 'minilm/model')
    """
    last = model.rpartition(":")[2] or model
    parts = [part for part in last.split("/") if part not in ("", ".", "..")]
    if not parts:
        return last
    stem = parts[-1].partition("@")[0].lower()
    vague = stem in VAGUE or stem.isdigit() or stem.startswith("checkpoint-")
    return "/".join(parts[-2:] if vague else parts[-1:])


def _paired(a: Analysis, b: Analysis) -> bool:
    """Whether equal replicate numbers mean equal samples, measured alike."""
    return (
        a.activations is not None
        and b.activations is not None
        and np.array_equal(a.activations.sample_ids, b.activations.sample_ids)
        and a.design is not None
        and b.design is not None
        and not a.design.differs(b.design, but=BESIDE)
    )


def _depth_contrasts(analysis: Analysis) -> Iterator[Contrast]:
    layers = analysis.layers
    pairs = list(pairwise(layers))
    if len(layers) > 2:
        pairs.append((layers[0], layers[-1]))
    for before, after in pairs:
        where = f"{analysis.name}: {after} against {before}"
        yield from _compare(analysis, before, analysis, after, where)


def _headline(analysis: Analysis) -> Sequence[tuple[str, int | None]]:
    """The statistics compared: those of the filtration."""
    return HEADLINE if analysis.design is None else analysis.design.filtration.headline


def _compare(
    a: Analysis, layer_a: str, b: Analysis, layer_b: str, where: str
) -> Iterator[Contrast]:
    rho = a.attrs["points"] / a.attrs["n"] if a.attrs["overlapping"] else 0.0
    for statistic, k in _headline(b):
        before = replicate_values(a, layer_a, statistic, k)
        after = replicate_values(b, layer_b, statistic, k)
        if len(before) and len(before) == len(after):
            nulls = {}
            for null in parse_nulls(str(b.attrs.get("null") or "none")):
                there = replicate_values(a, layer_a, statistic, k, cloud=null)
                here = replicate_values(b, layer_b, statistic, k, cloud=null)
                if len(here) and len(here) == len(there):
                    nulls[null] = (there, here)
            yield Contrast(where, statistic, k, before, after, rho, nulls)


def replicate_values(
    analysis: Analysis,
    layer: str,
    statistic: str,
    homology_dimension: int | None,
    *,
    cloud: str = DATA_CLOUD,
) -> NDArray[np.float64]:
    """(R,) values of one statistic of one layer, by draw; empty when one of them is missing."""
    rows = analysis.rows.get((layer, statistic, cloud, homology_dimension))
    if rows is None:
        return np.empty(0)
    chosen = analysis.table.iloc[rows].sort_values(["label", "replicate"])
    if not (chosen["status"] == OK).all():
        return np.empty(0)
    return np.asarray(chosen["value"], dtype=np.float64)
