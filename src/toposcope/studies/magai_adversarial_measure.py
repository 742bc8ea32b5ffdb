"""Images moved by attacks and by noise, and lifespan sums of them: of `magai_adversarial`.

Runs in worker processes; torch is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies import materials_digit_nets
from toposcope.studies.magai_sums import DEGREES, sums
from toposcope.studies.materials import Subject
from toposcope.training.digit_recipes import CLASSES, NetRecipe

TARGET = 8
"""What all images are moved towards, as in the paper's code."""
LEAST_CLASSES = 3
"""Fewest classes with enough images that a strength counts with."""
_ALL = range(CLASSES)


@dataclass(frozen=True)
class Job:
    """One network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    recipe
        Of its family.
    strengths, pooled, points, seed
        See `Design`.
    """

    code: str
    subject: str
    recipe: NetRecipe
    strengths: tuple[float, ...]
    pooled: int
    points: int
    seed: int


@dataclass(frozen=True)
class Seen:
    """What a network makes of images.

    Parameters
    ----------
    layers
        By name, (n, channels).
    taken
        (n,) the classes that it takes them for.
    """

    layers: Mapping[str, NDArray[np.float32]]
    taken: NDArray[np.int64]


@dataclass(frozen=True)
class Moved:
    """Images after an attack of one strength.

    Parameters
    ----------
    strength
        Of the attack.
    hit
        (n,) which are taken for their target, and were not before.
    success
        Share of all that is taken for its target.
    attacked, noise
        After the attack, and after noise of the same norm.
    """

    strength: float
    hit: NDArray[np.bool_]
    success: float
    attacked: Seen
    noise: Seen

    @property
    def sides(self) -> Mapping[str, Seen]:
        """Both by name."""
        return {"attacked": self.attacked, "noise": self.noise}


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Sums of moved images: all towards one class, and each towards the next."""
    from toposcope.training.attacks import ATTACKS

    subject = subjects[job.subject]
    assert isinstance(subject, materials_digit_nets.DigitNet)  # from `materials`
    base = {
        "network": subject.network,
        "kind": str(subject.covariates["kind"]),
        "test": float(subject.covariates["test"]),
    }
    rows: list[dict[str, Any]] = []
    for attack in ATTACKS:
        for aim, rows_of in (("one", _pooled), ("next", _by_class)):
            clean, moved = _moved(job, subject, attack, aim)
            rows += [
                {**base, "attack": attack, "aim": aim, **row} for row in rows_of(job, clean, moved)
            ]
    return rows


def _moved(
    job: Job, subject: materials_digit_nets.DigitNet, attack: str, aim: str
) -> tuple[Seen, list[Moved]]:
    """Clean images, and the same at every strength."""
    from toposcope.training import digit_nets
    from toposcope.training.attacks import attacked_digits

    aims = (digit_nets.digits_split(job.recipe.train).y_test + 1) % CLASSES
    targets = np.full_like(aims, TARGET) if aim == "one" else aims
    sides = attacked_digits(
        job.recipe,
        subject.weights_file,
        subject.member,
        targets,
        attack=attack,
        strengths=(0.0, *job.strengths),
        seed=job.seed,
    )
    seen = [tuple(Seen(one, one["logits"].argmax(axis=1)) for one in pair) for pair in sides]
    clean, found = seen[0][0], []
    for strength, (own, noise) in zip(job.strengths, seen[1:], strict=True):
        taken = own.taken == targets
        hit = taken & (clean.taken != targets)
        found.append(Moved(strength, hit, float(taken.mean()), own, noise))
    return clean, found


def _pooled(job: Job, clean: Seen, moved: Sequence[Moved]) -> list[dict[str, Any]]:
    """The same images of all classes at every strength; strength 0 are clean images."""
    rng = np.random.default_rng(job.seed)
    chosen = [np.sort(rng.permutation(len(clean.taken))[: job.pooled])]
    before = clean.taken == TARGET
    rows = []
    for one in [Moved(0.0, before, float(before.mean()), clean, clean), *moved]:
        for side, seen in one.sides.items():
            place = {"strength": one.strength, "success": one.success, "side": side, "classes": 0}
            rows += _sums_of(place, seen, chosen, clean)
    return rows


def _by_class(job: Job, clean: Seen, moved: Sequence[Moved]) -> list[dict[str, Any]]:
    """Successfully moved images of a class, and as many with noise that are taken for it."""
    rng = np.random.default_rng(job.seed)
    rows = []
    for one in moved:
        sides = {
            "attacked": [np.flatnonzero(one.hit & (one.attacked.taken == c)) for c in _ALL],
            "noise": [np.flatnonzero(one.noise.taken == c) for c in _ALL],
        }
        kept = [c for c in _ALL if min(len(own[c]) for own in sides.values()) >= job.points]
        if len(kept) < LEAST_CLASSES:
            continue
        for side, seen in one.sides.items():
            chosen = [rng.permutation(sides[side][c])[: job.points] for c in kept]
            place = {"strength": one.strength, "success": one.success, "side": side}
            rows += _sums_of({**place, "classes": len(kept)}, seen, chosen, clean)
    return rows


def _sums_of(
    place: Mapping[str, Any], seen: Seen, clouds: Sequence[NDArray[np.intp]], clean: Seen
) -> list[dict[str, Any]]:
    """Sums of clouds at every layer under every scale, means over clouds."""
    rows = []
    for depth, (layer, found) in enumerate(seen.layers.items()):
        X, reference = flat(found), flat(clean.layers[layer])
        boxed, same = estimate_normalizer(X, "minmax")(X), estimate_normalizer(reference, "minmax")
        each = {
            "minmax": np.mean([sums(boxed[one]) for one in clouds], axis=0),
            "clean": np.mean([sums(same(X[one])) for one in clouds], axis=0),
            "none": np.mean([sums(X[one]) for one in clouds], axis=0),
        }
        each["mean_distance"] = each["none"] / estimate_normalizer(X).scale
        rows += [
            {
                **place,
                "layer": depth,
                "name": layer,
                "hidden": depth == len(seen.layers) - 2,
                "scale": scale,
                "degree": degree,
                "value": float(values[degree]),
            }
            for scale, values in each.items()
            for degree in DEGREES
        ]
    return rows
