"""Naitzat, Zhitnikov, Lim 2020: where in a network the topology of a class changes.

Networks of three layers, of eight, of five, and of five with a narrow one in the middle learn nine
disks in a square (D-I). Betti numbers of one class are counted at every layer as in the study
`naitzat`: at the scale of hops at which the known numbers come out at the input. Networks (seeds)
are the units.

It takes no RUNs: the scale is found by known Betti numbers of the input, which are not known there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies import naitzat
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import (
    KNOWN_BETTI,
    MATERIAL_SOURCES,
    Bottleneck,
    Mlps,
    Subject,
    mlps,
)
from toposcope.studies.naitzat import PAPER, Job, Variant, measured
from toposcope.studies.naitzat_statistics import late_share, omegas, step_share
from toposcope.studies.study import Definition, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

# ---------------------------------------------------------------------------------------- claims

SETTINGS = ("fewer neighbors", "more neighbors", "another scale", "networks of any accuracy")
MAIN = "hops, neighbors and scale from the input's plateau, class M_a, accurate networks, D-I"

N3 = Claim(
    "N3",
    PAPER,
    "Shallow networks change topology in their last layers, deep ones in all of them.",
    Unit.NETWORK,
    "share of what beta_0 + beta_1 loses from the input to the logits that is lost in the second "
    "half of a network of three layers",
    # An even change has 1/2 there; "concentrated" is three quarters. That deep networks differ is
    # half of the sentence, so that they are its null.
    Rule(threshold=0.5, least=0.75),
    "networks of eight layers of the same seeds",
    (*SETTINGS, "two layers", "hidden layers alone"),
    f"{MAIN}, logits included",
)
N4 = Claim(
    "N4",
    PAPER,
    "A narrow layer forces the change of topology to happen there.",
    Unit.NETWORK,
    "share of what beta_0 + beta_1 loses from the input to the logits that is lost at the layer of "
    "three units in the middle of five",
    # An even change has 1/6 in each of six steps.
    Rule(threshold=0.25, least=0.4),
    "the same layer of networks without a narrow one, of the same seeds",
    (*SETTINGS, "two units", "hidden layers alone"),
    f"{MAIN}, logits included",
)
CLAIMS = (N3, N4)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    networks, width, steps, learning_rate, train
        Networks of each recipe and their training.
    shallow, deep, middle
        Hidden layers: the first of `shallow` is the main one; `middle` is that of N4.
    narrow
        Widths of the narrow layer, the main one first.
    accuracy
        Networks with less training accuracy are not counted.
    points, draws, neighbors, hops, seed
        As in `naitzat.Design`.
    """

    networks: int = 30
    width: int = 25
    steps: int = 6000
    learning_rate: float = 5e-3
    train: int = 3000
    shallow: tuple[int, ...] = (3, 2)
    deep: int = 8
    middle: int = 5
    narrow: tuple[int, ...] = (3, 2)
    accuracy: float = 0.99
    points: int = 900
    draws: int = 2
    neighbors: tuple[int, ...] = (10, 14, 20)
    hops: tuple[float, ...] = (1.0, 2.0, 3.0)
    seed: int = 0

    @property
    def data(self) -> str:
        """The kind of `materials.shapes`: D-I."""
        return "disks9"


FULL = Design()
QUICK = replace(FULL, networks=12, steps=2000, draws=1, shallow=(3,), narrow=(3,))


def recipes(design: Design) -> list[Mlps]:
    """The networks that the study trains, all with ReLU."""
    common: dict[str, Any] = {
        "data": design.data,
        "networks": design.networks,
        "width": design.width,
        "activation": "relu",
        "train": design.train,
        "fresh": 4 * design.points + 400,  # two clouds of each class at the input in any case
        "steps": design.steps,
        "learning_rate": design.learning_rate,
        "seed": design.seed,
    }
    depths = (*design.shallow, design.deep, design.middle)
    made = [Mlps(depth=depth, **common) for depth in depths]
    return made + [
        Bottleneck(depth=design.middle, narrow=narrow, **common) for narrow in design.narrow
    ]


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks at the end of their training."""
    every = [one for recipe in recipes(design) for one in mlps(recipe, progress=progress)]
    return [one for one in every if one.moment > 0]


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all clouds (0.05 s for 900 points and one setting)."""
    made = recipes(design)
    layers = sum(recipe.depth for recipe in made)
    train = 0.0013 * design.networks * design.steps * layers / 6
    clouds = design.networks * (layers + len(made)) * design.draws * len(design.neighbors)
    return train, clouds * 0.05 * (design.points / 900) ** 2


# ----------------------------------------------------------------------------------- measurement


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, and one for the input that all share."""
    code = code_of(*MATERIAL_SOURCES, *SOURCES)

    def job(one: Subject, layers: Sequence[int], draws: int) -> Job:
        return Job(
            code,
            one.identity,
            tuple(layers),
            draws,
            design.points,
            design.neighbors,
            design.hops,
            (),
            (0,),
            design.seed,
        )

    made = [Task(job(subjects[0], (0,), max(design.draws, 2)), "D-I, the input")]
    for one in subjects:
        inside = range(1, int(one.covariates["depth"]) + 2)
        made.append(Task(job(one, inside, design.draws), one.network))
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Betti numbers of M_a at every layer and setting of one network."""
    shape = subjects[job.subject].covariates["shape"]
    return [{**row, "shape": shape} for row in naitzat.measure(job, subjects)]


# -------------------------------------------------------------------------------------- decision

VARIANTS = {
    "": Variant(),
    "fewer neighbors": Variant(step=-1),
    "more neighbors": Variant(step=1),
    "another scale": Variant(scale=1),
    "networks of any accuracy": Variant(accurate=False),
}


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices; None where it was not measured."""
    shapes = {recipe.shape: recipe for recipe in recipes(design)}
    other = choice in ("two layers", "two units")
    if claim is N3:
        wanted = design.shallow[1:] if other else design.shallow[:1]
        names = [Mlps(depth=one, width=design.width).shape for one in (*wanted, design.deep)]
    else:
        wanted = design.narrow[1:] if other else design.narrow[:1]
        middle: dict[str, Any] = {"depth": design.middle, "width": design.width}
        names = [Bottleneck(narrow=one, **middle).shape for one in wanted] + [Mlps(**middle).shape]
    if not wanted:
        return None
    values = []
    for name in names:
        omega = curves(table, design, name, VARIANTS.get(choice, Variant()))
        if omega is None:
            return None
        rows = omega.to_numpy()
        if choice == "hidden layers alone":
            rows = rows[:, :-1]
        changes = late_share(rows) if claim is N3 else step_share(rows, shapes[name].depth // 2 + 1)
        values.append(dict(zip(omega.index, changes, strict=True)))
    # Pairs of one seed of which both networks are accurate and lose something.
    both = [seed for seed in values[0] if np.isfinite([v.get(seed, np.nan) for v in values]).all()]
    own = [values[0][seed] for seed in both]
    # A share may leave [0, 1], but units that are all alike have no other spread to go by.
    alike = len(set(own)) == 1 and 0 <= own[0] <= 1
    try:
        return evidence_of_mean(
            own,
            claim.rule,
            null=[values[1][seed] for seed in both],
            bounds=(0, 1) if alike else None,
            comparisons=len(CLAIMS),
        )
    except TooFewSamplesError:
        return None


def curves(table: pd.DataFrame, design: Design, shape: str, variant: Variant) -> Any:
    """Networks (by seed) x layers of beta_0 + beta_1, the input first; None without a setting."""
    mine = table[(table["shape"] == shape) | (table["layer"] == 0)]
    rows = measured(mine, naitzat.Design(accuracy=design.accuracy), design.data, variant)
    if rows is None or not len(rows):
        return None
    omega = omegas(rows)
    omega.insert(0, 0, float(sum(KNOWN_BETTI[design.data][variant.label][:2])))
    return omega


LACKING = dict.fromkeys(
    ("N3", "N4"),
    "eight or more seeds of which both networks reach the accuracy of the design, and a setting at "
    "which the known Betti numbers come out at the input: more networks, or more steps",
)

# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Omega over layers by depth, and with and without a narrow layer."""
    by_depth = [Mlps(depth=one, width=design.width) for one in (*design.shallow, design.deep)]
    middle: dict[str, Any] = {"depth": design.middle, "width": design.width}
    narrow = [Mlps(**middle), *(Bottleneck(narrow=one, **middle) for one in design.narrow)]
    panels = []
    for title, many in (("depth", by_depth), ("a narrow layer", narrow)):
        drawn = [_curve(table, design, recipe, title == "depth") for recipe in many]
        panels.append(
            Panel(
                title,
                "relative depth" if title == "depth" else "layer (0 is the input)",
                "beta_0 + beta_1",
                [one for one in drawn if one is not None],
                line=1.0,
            )
        )
    caption = (
        "Total Betti number of class M_a of D-I over layers of accurate ReLU networks, from the "
        "input to the logits. Means over networks; bands are 95 % t-intervals over networks."
    )
    return Figure(caption, panels)


def _curve(table: pd.DataFrame, design: Design, recipe: Mlps, relative: bool) -> Curve | None:
    omega = curves(table, design, recipe.shape, Variant())
    if omega is None:
        return None
    places = np.arange(omega.shape[1]) / (omega.shape[1] - 1 if relative else 1)
    return curve_of_means(recipe.shape, places.round(3).tolist(), omega.to_numpy())


SOURCES = ("studies/naitzat_depth.py", "studies/naitzat.py", "studies/naitzat_statistics.py")
STUDY = Definition(
    name="naitzat-depth",
    question="Do shallow networks change topology at their end, and narrow layers where they are?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=None,
    sources=SOURCES,
    lacking=LACKING,
)
