"""Draws inside classes: what is said of all classes together, and of one of them.

Each simulation makes every layer anew for every class, cuts it into draws inside the classes
(`clouds` with per_class), takes their diagrams (`rips`), looks (`findings.look`) and reads the
sentences. The rows called whole go through `analyze` on top, with its other statistics in the
family; they take seconds each.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import toposcope as ts
from benchmarks.calibration.claims import add
from toposcope.analysis.result import Analysis, analysis_of_diagrams
from toposcope.findings import Findings, look
from toposcope.store import from_arrays
from toposcope.types import ActivationSet
from toposcope.words.changes import change_sentence, class_sentence

CLASSES, LAYERS, POINTS, WIDTH = 5, 3, 16, 4
DOUBLED, HALVED = "1", "3"
OPPOSED = {DOUBLED: 2.0, HALVED: 0.5}
TOGETHER = {str(c): 2.0 for c in range(CLASSES)}


def layers(rng: np.random.Generator, draws: int, factors: dict[str, float]) -> ActivationSet:
    """Three layers of five classes; at the second one the spread of some changes by a factor."""
    n = CLASSES * POINTS * draws
    labels = np.arange(n) % CLASSES
    made = {}
    for k in range(LAYERS):
        spread = np.ones(CLASSES)
        for label, factor in factors.items():
            spread[int(label)] = factor if k == 1 else 1.0
        center = 10.0 * np.eye(CLASSES, WIDTH)[labels]
        made[f"layer{k}"] = center + spread[labels, None] * rng.normal(size=(n, WIDTH))
    names = tuple(str(c) for c in range(CLASSES))
    return from_arrays(made, labels=labels, class_names=names, name="net")


def looked(
    rng: np.random.Generator, draws: int, factors: dict[str, float], *, whole: bool = False
) -> Findings:
    """What is found in them."""
    acts = layers(rng, draws, factors)
    design = {"points": POINTS, "replicates": draws, "per_class": True, "normalize": "none"}
    if whole:
        found: Analysis = ts.analyze(acts, **design, homology_dimensions=(0,), null="none", jobs=0)
    else:
        diagrams = ts.rips(ts.clouds(acts, **design), homology_dimensions=(0,), jobs=1)
        found = analysis_of_diagrams(diagrams)
    return look([found])


def _told(found: Findings) -> set[str]:
    """Classes that the sentence names as changing otherwise than the mean."""
    text = class_sentence(found.class_changes)
    return {label for label in map(str, range(CLASSES)) if f"class {label}, " in text}


def opposed(rng: np.random.Generator, draws: int, whole: bool) -> bool:
    """Both classes named, no other, no common change, and n is the number of draws."""
    found = looked(rng, draws, OPPOSED, whole=whole)
    common = change_sentence(found.changes)
    counted = f"{draws} draws, mean over {CLASSES} classes" in common
    return counted and common.startswith("No change") and _told(found) == {DOUBLED, HALVED}


def nothing(rng: np.random.Generator, draws: int, whole: bool) -> bool:
    """Some change is said to be sure."""
    found = looked(rng, draws, {}, whole=whole)
    return change_sentence(found.changes).startswith("The clearest") or bool(_told(found))


def together(rng: np.random.Generator, draws: int, whole: bool) -> bool:
    """The common change is told, and is no class's own."""
    found = looked(rng, draws, TOGETHER, whole=whole)
    return change_sentence(found.changes).startswith("The clearest") and not _told(found)


WORLDS = {
    "opposed": (
        opposed,
        "both classes are named and no other, n = draws",
        "one class's E0 doubles, one's halves",
    ),
    "nothing": (nothing, "some change is sure, of all classes or of one", "nothing changes"),
    "together": (
        together,
        "the mean over classes changes, no class otherwise",
        "every class's E0 doubles",
    ),
}
ROWS = (
    ("opposed", 3, False, {}),
    ("opposed", 8, False, {"at_least": 0.9}),
    ("opposed", 8, True, {"at_least": 0.9, "simulations": 40}),
    ("nothing", 3, False, {"at_most": 0.05}),
    ("nothing", 8, False, {"at_most": 0.05}),
    ("nothing", 8, True, {"at_most": 0.05, "simulations": 40}),
    ("together", 8, False, {"at_least": 0.9}),
)
for _world, _draws, _whole, _bounds in ROWS:
    _simulate, _sentence, _true = WORLDS[_world]
    add(
        f"classes.{_world}_{_draws}{'_whole' * _whole}",
        partial(_simulate, draws=_draws, whole=_whole),
        _sentence,
        world=f"{CLASSES} classes of {_draws} draws, {LAYERS} layers: {_true}"
        + ("; by analyze" if _whole else ""),
        **_bounds,
    )
