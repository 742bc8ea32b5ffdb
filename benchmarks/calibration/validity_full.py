"""The full form of the validity checks: its false alarms, and whether it contradicts the cheap one.

The measurements of `study validity` (`studies.validity_measure.FULL`) on layers in memory, judged
as the study judges them. A contradiction: of one degree of homology one form says that the claim
holds and the other, on the same activations, that it fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.claims import add
from benchmarks.calibration.validity import FALSE, TITLES, WORLDS, cheap, frame
from toposcope.analysis.validity_checks import halved
from toposcope.findings.validity.judge import judge
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Decision, Verdict
from toposcope.studies.validity_measure import FULL, CheckDesign

Array = NDArray[np.float64]
POINTS, DRAWS = 64, 8
DEGREES = {"d128": (0, 1)}
"""Where H0 alone is right to hold: in 128 dimensions it is H1 that grows faster than n."""
SEEN: dict[tuple[str, str, int], tuple[Verdict, Verdict]] = {}


@dataclass(frozen=True)
class InMemory:
    """One layer as the measurements read it from a RUN."""

    X: Array
    layer: str = "layer"

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: NDArray[np.intp]) -> Array:
        return self.X[rows]

    @property
    def run(self) -> Any:
        """What they ask of the RUN."""
        return SimpleNamespace(
            read=lambda _, rows: self.X[rows],
            samples=SimpleNamespace(labels=None),
            layers={self.layer: {"shape": self.X.shape[1:]}},
        )


def full(
    layers: dict[str, Array], *, check: str, degrees: tuple[int, ...], rng: np.random.Generator
) -> Verdict:
    """Verdict of the full form."""
    design = CheckDesign(
        points=POINTS,
        replicates=DRAWS,
        largest=2 * POINTS,
        large_replicates=DRAWS // 2,
        sizes=tuple(sorted({50, 100} | set(halved(2 * POINTS)))),
        degrees=degrees,
        normalize="mean_distance",
        metric="euclidean",
        seed=int(rng.integers(2**31)),
    )
    rows = [
        (name, number / max(len(layers) - 1, 1), replicate, one)
        for number, (name, X) in enumerate(layers.items())
        for replicate, one in FULL[check](InMemory(X, name), design)  # type: ignore[arg-type]
    ]
    (verdict,) = judge(Observations(frame(rows)), checks=(check,))
    return verdict


def both(rng: np.random.Generator, *, world: str, check: str) -> tuple[Verdict, Verdict]:
    """What the cheap and the full form say of one capture; rows of one stream share it."""
    key = (world, check, int(rng.bit_generator.state["state"]["state"]))
    if key not in SEEN:
        layers = WORLDS[world][1](rng, DRAWS * POINTS)
        if check == "outliers":  # 2.5 CPU seconds a layer, most of it forests
            layers = {"b0": layers["b0"]}
        degrees = DEGREES.get(world, (0,))
        (quick,) = cheap(layers, points=POINTS, degrees=degrees, checks=(check,), rng=rng)
        SEEN[key] = quick, full(layers, check=check, degrees=degrees, rng=rng)
    return SEEN[key]


def says(rng: np.random.Generator, *, world: str, check: str, word: Decision) -> bool:
    """Whether the full form says so."""
    return both(rng, world=world, check=check)[1].decision == word


def contradicts(rng: np.random.Generator, *, world: str, check: str) -> bool:
    """Whether one form says "holds" and the other "fails" of one degree."""
    quick, whole = ({p.degree: p.decision for p in v.parts} for v in both(rng, world=world,
                                                                          check=check))  # fmt: skip
    sure = {Decision.HOLDS, Decision.FAILS}
    return any({quick[k], whole[k]} == sure for k in quick.keys() & whole.keys())


HOLDS, FAILS = Decision.HOLDS, Decision.FAILS
for _check, _world, _false in (
    ("sample_size", "d128", HOLDS),
    ("sample_size", "clusters", HOLDS),
    ("sample_size", "squares", FAILS),
    ("outliers", "five_percent", HOLDS),
    ("outliers", "cubes", FAILS),
    ("normalization", "flips", HOLDS),
    ("normalization", "same_scale", FAILS),
    ("concentration", "drowned", HOLDS),
    ("concentration", "seen", FAILS),
    ("metric", "opposed", HOLDS),
    ("metric", "growing", FAILS),
):
    _stream = f"validity_full.{_check}_{_world}"
    _told = f"{WORLDS[_world][0]}, {DRAWS} draws of {POINTS} points"
    if _check == "outliers":
        _told = f"one layer: {_told}"
    _true = FAILS if _false == HOLDS else HOLDS
    for _word, _bound in ((_false, FALSE), (_true, {})):
        add(
            f"{_stream}_{_word}",
            partial(says, world=_world, check=_check, word=_word),
            f"{TITLES[_check]}: {_word}",
            world=_told + ("" if _bound else " (true)"),
            simulations=100,
            stream=_stream,
            **_bound,
        )
    add(
        f"{_stream}_contradicts",
        partial(contradicts, world=_world, check=_check),
        f"{TITLES[_check]}: one form holds, the other fails",
        world=_told,
        simulations=100,
        stream=_stream,
        **FALSE,
    )
