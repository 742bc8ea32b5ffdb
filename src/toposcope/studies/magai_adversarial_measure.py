"""Images moved by attacks and by noise, and lifespan sums of them: of `magai_adversarial`.

Runs in worker processes; torch is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies import materials_digit_nets
from toposcope.studies.magai_sums import DEGREES, sums
from toposcope.studies.materials import Subject
from toposcope.studies.materials_models import SEED, ModelSubject
from toposcope.training.digit_recipes import CLASSES, NetRecipe

TARGET = 8
"""What all images are moved towards, as in the paper's code; of fewer classes the last one."""
LEAST_CLASSES = 3
"""Fewest classes with enough images that a strength counts with."""


@dataclass(frozen=True)
class Job:
    """One network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    recipe
        Of its family; None for a network that was handed in.
    strengths, pooled, points, seed
        See `Design`.
    """

    code: str
    subject: str
    recipe: NetRecipe | None
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
    base = {
        "network": subject.network,
        "kind": str(subject.covariates.get("kind", "given")),
        "test": _number(subject.covariates.get("test")),
    }
    rows: list[dict[str, Any]] = []
    for attack in ATTACKS:
        for aim, rows_of in (("one", _pooled), ("next", _by_class)):
            clean, moved = _moved(job, subject, attack, aim)
            rows += [
                {**base, "attack": attack, "aim": aim, **row}
                for row in rows_of(job, subject, clean, moved)
            ]
    return rows


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _classes(subject: Subject) -> int:
    return subject.classes if isinstance(subject, ModelSubject) else CLASSES


def _target(subject: Subject) -> int:
    return min(TARGET, _classes(subject) - 1)


def _moved(job: Job, subject: Subject, attack: str, aim: str) -> tuple[Seen, list[Moved]]:
    """Clean images, and the same at every strength."""
    strengths = (0.0, *job.strengths)
    if isinstance(subject, ModelSubject):
        sides, targets = _of_model(job, subject, attack, aim, strengths)
    else:
        sides, targets = _of_digits(job, subject, attack, aim, strengths)
    seen = [tuple(Seen(one, one["logits"].argmax(axis=1)) for one in pair) for pair in sides]
    clean, found = seen[0][0], []
    if targets is None:  # a handed-in network: the class after the one it takes an image for
        targets = _next(clean.taken, _classes(subject))
    for strength, (own, noise) in zip(job.strengths, seen[1:], strict=True):
        taken = own.taken == targets
        hit = taken & (clean.taken != targets)
        found.append(Moved(strength, hit, float(taken.mean()), own, noise))
    return clean, found


def _next(classes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.asarray((classes + 1) % count, dtype=np.int64)


Sides = Iterable[tuple[Mapping[str, NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]]


def _of_digits(
    job: Job, subject: Subject, attack: str, aim: str, strengths: Sequence[float]
) -> tuple[Sides, NDArray[np.int64] | None]:
    """Layers of one of our networks, moved towards one class or the one after the true one."""
    from toposcope.training import digit_nets
    from toposcope.training.attacks import attacked_digits

    assert isinstance(subject, materials_digit_nets.DigitNet) and job.recipe  # from `materials`
    aims = _next(digit_nets.digits_split(job.recipe.train).y_test, CLASSES)
    targets = np.full_like(aims, TARGET) if aim == "one" else aims
    sides = attacked_digits(
        job.recipe,
        subject.weights_file,
        subject.member,
        targets,
        attack=attack,
        strengths=strengths,
        seed=job.seed,
    )
    return sides, targets


def _of_model(
    job: Job, subject: ModelSubject, attack: str, aim: str, strengths: Sequence[float]
) -> tuple[Sides, NDArray[np.int64] | None]:
    """The same of a network that was handed in; targets that hang on what it sees are None."""
    from toposcope.training.attacked_models import attacked_model

    one, target, count = aim == "one", _target(subject), subject.classes
    sides = attacked_model(
        subject.candidate,
        subject.data,
        lambda taken: np.full_like(taken, target) if one else _next(taken, count),
        n=subject.n,
        scale=subject.scale,
        attack=attack,
        strengths=strengths,
        seed=job.seed,
        draw=SEED,
    )
    return sides, np.full(subject.n, target, dtype=np.int64) if one else None


def _pooled(
    job: Job, subject: Subject, clean: Seen, moved: Sequence[Moved]
) -> list[dict[str, Any]]:
    """The same images of all classes at every strength; strength 0 are clean images."""
    rng = np.random.default_rng(job.seed)
    chosen = [np.sort(rng.permutation(len(clean.taken))[: job.pooled])]
    before = clean.taken == _target(subject)
    rows = []
    for one in [Moved(0.0, before, float(before.mean()), clean, clean), *moved]:
        for side, seen in one.sides.items():
            place = {"strength": one.strength, "success": one.success, "side": side, "classes": 0}
            rows += _sums_of(place, seen, chosen, clean)
    return rows


def _by_class(
    job: Job, subject: Subject, clean: Seen, moved: Sequence[Moved]
) -> list[dict[str, Any]]:
    """Successfully moved images of a class, and as many with noise that are taken for it."""
    rng = np.random.default_rng(job.seed)
    every = range(_classes(subject))
    rows = []
    for one in moved:
        sides = {
            "attacked": [np.flatnonzero(one.hit & (one.attacked.taken == c)) for c in every],
            "noise": [np.flatnonzero(one.noise.taken == c) for c in every],
        }
        kept = [c for c in every if min(len(own[c]) for own in sides.values()) >= job.points]
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
