"""Draws inside classes: what is said of all classes together, and of one of them.

Each simulation makes a layer anew for every class, analyzes it as a user does (`analyze` with
per_class), looks (`findings.look`) and reads the sentences.
"""

from __future__ import annotations

import numpy as np

import toposcope as ts
from benchmarks.calibration.claims import add, claim
from toposcope.findings import Findings, look
from toposcope.store import from_arrays
from toposcope.words.changes import change_sentence, class_sentence

CLASSES, LAYERS, POINTS, WIDTH = 5, 3, 16, 4
DOUBLED, HALVED = "1", "3"


def looked(
    rng: np.random.Generator, draws: int, factors: dict[str, float] | None = None, *, at: int = 1
) -> Findings:
    """What is found in three layers of five classes; spreads change by factors at one layer."""
    n = CLASSES * POINTS * draws
    labels = np.arange(n) % CLASSES
    layers = {}
    for k in range(LAYERS):
        spread = np.ones(CLASSES)
        for label, factor in (factors or {}).items():
            spread[int(label)] = factor if k == at else 1.0
        center = 10.0 * np.eye(CLASSES, WIDTH)[labels]
        layers[f"layer{k}"] = center + spread[labels, None] * rng.normal(size=(n, WIDTH))
    names = tuple(str(c) for c in range(CLASSES))
    acts = from_arrays(layers, labels=labels, class_names=names, name="net")
    analysis = ts.analyze(
        acts,
        per_class=True,
        points=POINTS,
        replicates=draws,
        homology_dimensions=(0,),
        normalize="none",
        null="none",
        jobs=0,
    )
    return look([analysis])


def _told(found: Findings) -> set[str]:
    """Classes that the sentence names as changing otherwise than the mean."""
    text = class_sentence(found.class_changes)
    return {label for label in map(str, range(CLASSES)) if f"class {label}, " in text}


def _says_something(found: Findings) -> bool:
    return change_sentence(found.changes).startswith("The clearest") or bool(_told(found))


def _opposed(rng: np.random.Generator, draws: int) -> bool:
    return _told(looked(rng, draws, {DOUBLED: 2.0, HALVED: 0.5})) == {DOUBLED, HALVED}


def _nothing(rng: np.random.Generator, draws: int) -> bool:
    return _says_something(looked(rng, draws))


def _counted(rng: np.random.Generator, draws: int) -> bool:
    text = change_sentence(looked(rng, draws, {DOUBLED: 2.0, HALVED: 0.5}).changes)
    return f"{draws} draws, mean over {CLASSES} classes" in text


def _seen_3(rng: np.random.Generator) -> bool:
    return _opposed(rng, 3)


def _seen_8(rng: np.random.Generator) -> bool:
    return _opposed(rng, 8)


def _none_3(rng: np.random.Generator) -> bool:
    return _nothing(rng, 3)


def _none_8(rng: np.random.Generator) -> bool:
    return _nothing(rng, 8)


def _count_3(rng: np.random.Generator) -> bool:
    return _counted(rng, 3)


def _count_8(rng: np.random.Generator) -> bool:
    return _counted(rng, 8)


WORLD = "5 classes of {} draws, 3 layers; at one of them E0 of one class doubles, of one halves"
NOTHING = "5 classes of {} draws, 3 layers; nothing changes"
NAMED = "both classes and no other are named as changing"
SOMETHING = "some change is sure, of all classes or of one"
COUNT = "n is the number of draws"

for _draws, _seen, _none, _count in (
    (3, _seen_3, _none_3, _count_3),
    (8, _seen_8, _none_8, _count_8),
):
    _power = 0.9 if _draws == 8 else 0.0
    add(f"classes.opposed_{_draws}", _seen, NAMED, world=WORLD.format(_draws), at_least=_power)
    add(f"classes.nothing_{_draws}", _none, SOMETHING, world=NOTHING.format(_draws), at_most=0.05)
    add(f"classes.count_{_draws}", _count, COUNT, world=WORLD.format(_draws), at_least=0.99)


@claim(
    "all classes rise together, and no class is named",
    world="5 classes of 8 draws, 3 layers; at one of them E0 of every class doubles",
    at_least=0.9,
)
def together_8(rng: np.random.Generator) -> bool:
    """The common effect is told as one, and is no class's own."""
    found = looked(rng, 8, {str(c): 2.0 for c in range(CLASSES)})
    return change_sentence(found.changes).startswith("The clearest") and not _told(found)
