"""What a ranking is asked for, checked before any network is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.activations.candidates import Candidate, as_candidates, read_candidates
from toposcope.activations.data.load import load_data
from toposcope.activations.data.source import DataSource
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.transfer.ranking.sizes import IMAGES, check_sizes, points_that_fit
from toposcope.transfer.scores.registry import SCORES
from toposcope.types import near_matches


@dataclass(frozen=True)
class RankingDesign:
    """The parameters of a ranking that decide its numbers."""

    scores: tuple[str, ...]
    n: int | None
    points: int
    replicates: int
    images: int
    threshold: float
    seed: int


def asked(
    models: Path | str | Sequence[Candidate | Mapping[str, Any] | Any],
    target: Any,
    *,
    scores: Sequence[str] | None,
    n: int | None,
    points: int | None,
    replicates: int,
    images: int | None,
    threshold: float,
    seed: int,
) -> tuple[Sequence[Candidate], DataSource, RankingDesign]:
    """Candidates, data and design of a ranking, checked before any network is loaded."""
    names = check_scores(scores)
    candidates = (
        read_candidates(models) if isinstance(models, str | Path) else as_candidates(models)
    )
    call = "rank()"
    n = None if n is None else parameters.whole(n, "n", call=call, low=1)
    replicates = parameters.whole(replicates, "replicates", call=call, low=1)
    threshold = parameters.number(threshold, "threshold", call=call)
    seed = parameters.seed(seed, call=call)
    data = load_data(target)
    points = points_that_fit(data.n if n is None else n, replicates) if points is None else points
    images = min(IMAGES, data.n) if images is None else images
    points = parameters.whole(points, "points", call=call, low=1)
    images = parameters.whole(images, "images", call=call, low=1)
    design = RankingDesign(names, n, points, replicates, images, threshold, seed)
    check_sizes(
        data.n,
        name=data.name,
        n=n,
        points=points,
        replicates=replicates,
        images=images if any_needs(names, "volumes") else None,
    )
    return candidates, data, design


def check_scores(scores: Sequence[str] | None) -> tuple[str, ...]:
    """Names of scores, all known, in the order of the registry."""
    wanted = tuple(SCORES) if scores is None else tuple(scores)
    for name in wanted:
        if name not in SCORES:
            msg = f"rank(): there is no score {name!r}. {near_matches(name, tuple(SCORES))}"
            raise UsageError(msg)
    if not wanted:
        msg = f"rank(): no scores were asked for; there are {', '.join(SCORES)}."
        raise UsageError(msg)
    return tuple(name for name in SCORES if name in wanted)


def any_needs(scores: Sequence[str], needs: str) -> bool:
    """Whether a score needs such material: see `Score.needs`."""
    return any(SCORES[name].needs == needs for name in scores)
