"""Networks themselves as what a study looks at: those of a MODELS.toml on one DATA.

Most studies read RUNs: for them the networks are captured first, into the cache. Some ask a network
what no RUN can answer, such as what it makes of inputs that were moved along its gradient. What can
be refused is, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toposcope.activations.candidates import Candidate, read_candidates
from toposcope.errors import TooFewSamplesError, ToposcopeError, UsageError
from toposcope.execution.tasks import spec_hash
from toposcope.studies.materials import RunSubject, materials_folder
from toposcope.studies.study import Given, Needs
from toposcope.studies.subjects import subjects_at
from toposcope.types import ActivationSet

MOST = 900
"""Samples that a network is asked about, stratified: as many as the digits hold out."""
MOST_RUN = 2000
"""Samples that are captured: more than any study takes of a RUN."""
SEED = 0
MODEL_SOURCES = ("studies/materials_models.py", "training/attacked_models.py")


@dataclass(frozen=True)
class ModelSubject:
    """One network of a MODELS.toml.

    Parameters
    ----------
    candidate, data, n
        Which network, and how many samples of what.
    classes, layers
        How many it has, logits among its layers.
    scale
        Standard deviation of what it is fed.
    seconds
        CPU seconds of a pass forward and back with all samples.
    network, identity, moment, covariates
        See `Subject`.
    """

    candidate: Candidate
    data: str
    n: int
    classes: int
    layers: int
    scale: float
    seconds: float
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """Its activations on the samples as they are."""
        from toposcope.activations.capture import capture

        one = self.candidate
        return capture(
            one.model,
            self.data,
            layers=one.layers,
            pool=one.pool,
            n=self.n,
            weights=one.weights,
            batch_size=one.batch_size,
            seed=SEED,
            name=one.name,
        )


def models_of(given: Given, needs: Needs, *, call: str) -> Sequence[ModelSubject]:
    """The networks that were handed in, each loaded once and asked for a gradient.

    Raises
    ------
    UsageError
        For RUNs, for one of the two arguments alone, for too few networks or samples, and for a
        network that gives no class scores or no gradient.
    """
    if given.runs:
        msg = (
            f"{call}: it moves inputs along the gradient of a network, which a RUN does not have. "
            "Bring the networks: --models MODELS.toml --data DATA (a [[model]] table with name, "
            "model and weights for each)."
        )
        raise UsageError(msg)
    models, data = _both(given, call)
    candidates = read_candidates(models, call=call)
    if len(candidates) < needs.networks:
        several = "s" * (len(candidates) != 1)
        msg = (
            f"{call}: {models} has {len(candidates)} network{several}; its rules need "
            f"{needs.networks} or more, each trained from its own seed. Add a [[model]] table for "
            "each, or give nothing: then it trains its own."
        )
        raise TooFewSamplesError(msg)
    return [_subject(one, data, needs, call) for one in candidates]


def _both(given: Given, call: str) -> tuple[Path, str]:
    """MODELS.toml and DATA, of which none goes without the other."""
    if given.models is None:
        msg = (
            f"{call}: --data alone; networks and what they are fed go together: add --models FILE."
        )
        raise UsageError(msg)
    if given.data is None:
        msg = (
            f"{call}: --models alone; networks and what they are fed go together: add --data DATA."
        )
        raise UsageError(msg)
    return given.models, given.data


def captured(given: Given, needs: Needs, *, call: str) -> list[RunSubject]:
    """The networks of a MODELS.toml as RUNs, or as SERIES where weights are checkpoints.

    They are kept in the cache and found there again; a network, weights or DATA that have changed
    are captured anew. Empty when no networks were handed in. Columns of `covariates` are known of
    every moment, as those of a population folder are.

    Raises
    ------
    UsageError
        For RUNs beside them, for one of the two arguments alone, and as `capture` does.
    """
    if given.models is None and given.data is None:
        return []
    models, data = _both(given, call)
    if given.runs:
        msg = f"{call}: RUNs and --models; needed are the ones or the other: leave one out."
        raise UsageError(msg)
    from toposcope.activations.capture import capture
    from toposcope.activations.checkpoint_series import capture_series
    from toposcope.activations.data.load import load_data
    from toposcope.activations.models.checkpoints import is_single

    source = load_data(data)
    found: list[RunSubject] = []
    for one in read_candidates(models, call=call):
        pool = "volume" if needs.volumes and one.pool == "auto" else one.pool
        place = (
            materials_folder() / f"given-{spec_hash([_told(one), data, pool, *_ages(one, data)])}"
        )
        layers = one.layers if isinstance(one.layers, str) else list(one.layers)
        how: dict[str, Any] = {
            "layers": layers,
            "pool": pool,
            "n": min(source.n, MOST_RUN),
            "batch_size": one.batch_size,
            "seed": SEED,
            "name": one.name,
            "store": place,
            "thumbnails": False,
        }
        try:
            if one.weights is not None and not is_single(one.weights):
                capture_series(one.model, source, weights=one.weights, **how)
            else:
                capture(one.model, source, weights=one.weights, **how)
        except ToposcopeError as error:
            error.add_note(f"{call}: network {one.name!r} of {models}, pool {pool!r}")
            raise
        found += subjects_at(place, one.name, one.covariates)
    return found


def _told(candidate: Candidate) -> list[Any]:
    """What decides a capture, as JSON can hold it."""
    layers = candidate.layers if isinstance(candidate.layers, str) else list(candidate.layers)
    return [candidate.name, str(candidate.model), candidate.weights, layers, candidate.batch_size]


def _ages(candidate: Candidate, data: str) -> list[list[Any]]:
    """Sizes and times of the files that are read: what was trained again is captured again."""
    places = [candidate.weights or "", data.partition(":")[2].partition("#")[0]]
    files = [Path(place.partition("#")[0]) for place in places if place]
    known = [one.stat() for one in files if one.exists()]
    return [[one.st_size, one.st_mtime_ns] for one in known]


def _subject(candidate: Candidate, data: str, needs: Needs, call: str) -> ModelSubject:
    from toposcope.training.attacked_models import attackable

    found = attackable(candidate, data, n=MOST, seed=SEED, call=call)
    if found.n < needs.samples:
        msg = (
            f"{call}: {data} has {found.n} samples; needed are {needs.samples} or more: bring more."
        )
        raise TooFewSamplesError(msg)
    if found.layers < needs.layers:
        msg = (
            f"{call}: {candidate.name!r} has {found.layers - 1} layers before its scores with "
            f"layers = {candidate.layers!r}; needed are {needs.layers - 1} or more: name others in "
            f"its [[model]] table (toposcope layers MODEL lists them)."
        )
        raise UsageError(msg)
    return ModelSubject(
        candidate,
        data,
        found.n,
        found.classes,
        found.layers,
        found.scale,
        found.seconds,
        candidate.name,
        spec_hash([found.identity, candidate.name, candidate.batch_size]),
        covariates=dict(candidate.covariates),
    )
