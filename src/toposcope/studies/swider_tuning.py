"""Świder 2024: fine-tuning leaves initial layers as they are and changes middle and final ones.

Networks of several kinds learn scikit-learn's digits, and are then fine-tuned on another task: dark
digits on light ground, digits lying on their side, odd against even. Diagrams of every block before
and after are compared on the images of that task. Pairs are the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.materials import Subject
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.swider_statistics import (
    DEGREES,
    diagrams_of,
    disjoint,
    excess_curves,
    excess_rows,
)
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Świder 2024 (arXiv 2407.06286)"

# ---------------------------------------------------------------------------------------- claims

EARLY = 0.3
"""Blocks up to this relative depth are the initial ones (papers.md)."""
FEWEST = 3
MAIN = "Wasserstein distance of order 1, H0 and H1 together, distances over the mean of the layer"
OTHERS = ("H0", "H1", "landscape", "distances as they are")
TASKED = ("inverted", "rotated", "parity")
EXCESS = (
    "by how much diagrams before and after are farther apart than draws of one network, relatively"
)

S7 = Claim(
    "S7",
    PAPER,
    "Fine-tuning changes the topology of middle and final layers more than that of initial ones.",
    Unit.PAIR,
    f"{EXCESS}: mean over blocks beyond 0.3 of depth less that up to there",
    # papers.md counts change points; a difference has an interval with three pairs already.
    Rule(threshold=0.0, fewest=FEWEST),
    "blocks shuffled inside every pair",
    (*OTHERS, *TASKED),
    MAIN,
)
S7E = Claim(
    "S7-initial",
    PAPER,
    "Initial layers keep their topology.",
    Unit.PAIR,
    f"{EXCESS}: mean over blocks up to 0.3 of depth",
    # papers.md asks for no significance, which few draws give; a quarter of the noise is a margin.
    Rule(Direction.WITHIN, threshold=0.25, fewest=FEWEST),
    "the last block of the same pairs",
    (*OTHERS, *TASKED),
    MAIN,
)
CLAIMS = (S7, S7E)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, steps
        Of the networks: kinds with the steps of their training.
    pairs
        Seeds of every kind and task.
    tasks
        What they are fine-tuned on.
    tuned
        Steps of that.
    depth, width
        Of the networks.
    points, draws
        Images of a cloud; clouds of every block, which share none.
    seed
        Of the first network and of the draws.
    """

    kinds: tuple[str, ...] = ("cnn", "resnet", "vit")
    steps: tuple[int, ...] = (150, 150, 500)
    pairs: int = 4
    tasks: tuple[str, ...] = TASKED
    tuned: int = 150
    depth: int = 6
    width: int = 16
    points: int = 200
    draws: int = 6
    seed: int = 0


FULL = Design()
QUICK = replace(
    FULL, kinds=FULL.kinds[:2], steps=FULL.steps[:2], pairs=2, tuned=100, points=150, draws=4
)


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The networks before and after fine-tuning: two moments of each."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(
            kind=kind,
            depth=design.depth,
            width=design.width,
            steps=steps,
            seed=design.seed + k,
            task=task,
            tuned=design.tuned,
            moments=(steps, -1),
        )
        for kind, steps in zip(design.kinds, design.steps, strict=True)
        for task in design.tasks
        for k in range(design.pairs)
    ]
    return digit_networks(recipes, progress=progress)


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Draws that fit the samples; pairs without initial and later layers are refused."""
    for one in subjects:
        count = len(one.open().layers)
        if not initial(count).any() or initial(count).all():
            msg = f"study swider-tuning: {one.network!r} has {count} layers; 3 or more are needed."
            raise UsageError(msg)
    n = subjects[0].open().n
    draws = min(design.draws, max(2, n // design.points))
    networks = {one.network: len(one.open().layers) for one in subjects}
    return replace(
        design,
        kinds=("given",),
        steps=(0,),
        tasks=("given",),
        pairs=len(networks),
        depth=round(sum(networks.values()) / len(networks)),
        draws=draws,
        points=min(design.points, n // draws),
    )


def initial(count: int) -> NDArray[np.bool_]:
    """(layers,) which are initial.

    >>> initial(6).tolist()
    [True, True, False, False, False, False]
    """
    return np.linspace(0, 1, count) <= EARLY


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by kind; diagrams and distances of every block."""
    step = {"cnn": 0.004, "resnet": 0.005, "vit": 0.006}
    each = len(design.tasks) * design.pairs
    train = each * sum(
        design.depth * (steps + design.tuned) * step.get(kind, 0.0)
        for kind, steps in zip(design.kinds, design.steps, strict=False)
    )
    count = each * len(design.kinds) * design.depth
    draws = design.draws
    clouds = 2 * 2 * draws * 0.012 + 3 * 2 * draws * (draws - 1) * 0.008
    return train, count * clouds * (design.points / 200) ** 1.5


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """A network before and after.

    Parameters
    ----------
    code, before, after
        Hashes of the sources and of the network at its first and last moment.
    points, draws, seed
        See `Design`.
    """

    code: str
    before: str
    after: str
    points: int
    draws: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per pair: the first and the last moment of a network."""
    code = code_of(*SOURCES)
    by_name: dict[str, list[Subject]] = {}
    for one in subjects:
        by_name.setdefault(one.network, []).append(one)
    made = []
    for name, moments in by_name.items():
        first, *_, last = sorted(moments, key=lambda one: one.moment)
        job = Job(code, first.identity, last.identity, design.points, design.draws, design.seed)
        made.append(Task(job, name))
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Distances between and within the two moments, at every block."""
    sides = [subjects[one] for one in (job.before, job.after)]
    opened = [one.open() for one in sides]
    draws = disjoint(opened[0].n, job.points, np.random.default_rng(job.seed), most=job.draws)
    told = sides[0].covariates
    base = {"network": sides[0].network} | {k: str(told.get(k, "given")) for k in ("kind", "task")}
    rows: list[dict[str, Any]] = []
    layers = opened[0].layers
    for depth, layer in enumerate(layers):
        raw = [flat(acts.rows(layer, np.arange(acts.n))) for acts in opened]
        for scale in ("mean_distance", "none"):
            clouds = [estimate_normalizer(X, scale)(X) for X in raw]
            before, after = ([diagrams_of(X[rows_of]) for rows_of in draws] for X in clouds)
            place = {
                **base,
                "layer": depth,
                "depth": depth / (len(layers) - 1),
                "name": layer,
                "scale": scale,
            }
            rows += excess_rows(before, after, place)
    return rows


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    by: str = "wasserstein"
    degrees: tuple[int, ...] = DEGREES
    scale: str = "mean_distance"
    task: str = ""


VARIANTS = {
    "": Variant(),
    "H0": Variant(degrees=(0,)),
    "H1": Variant(degrees=(1,)),
    "landscape": Variant(by="landscape"),
    "distances as they are": Variant(scale="none"),
    **{task: Variant(task=task) for task in TASKED},
}
ARRANGEMENTS = 999


def profiles(table: pd.DataFrame, variant: Variant) -> list[Array]:
    """(layers,) excess of every pair."""
    curves = excess_curves(table, scale=variant.scale, by=variant.by, degrees=variant.degrees)
    return [
        curve for _, first, curve in curves if not variant.task or first["task"] == variant.task
    ]


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    curves = profiles(table, VARIANTS[choice])
    if len(curves) < FEWEST:
        return None
    if claim is S7E:
        return evidence_of_mean(
            [one[initial(len(one))].mean() for one in curves],
            S7E.rule,
            null=[one[-1] for one in curves],
            comparisons=len(CLAIMS),
            unit="pair",
        )
    rng = np.random.default_rng(0)
    null = np.mean(
        [late_less_early(rng.permuted(np.tile(one, (ARRANGEMENTS, 1)), axis=1)) for one in curves],
        axis=0,
    )
    return evidence_of_mean(
        [float(late_less_early(one)) for one in curves],
        S7.rule,
        arrangements=null,
        comparisons=len(CLAIMS),
        unit="pair",
    )


def late_less_early(curves: Array) -> Array:
    """Mean of later layers less that of initial ones, of (..., layers).

    >>> float(late_less_early(np.array([0.0, 0.0, 1.0, 1.0, 1.0, 2.0])))
    1.25
    """
    early = initial(curves.shape[-1])
    return np.asarray(curves[..., ~early].mean(axis=-1) - curves[..., early].mean(axis=-1))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Excess over depth, by task and by kind of network."""
    panels = []
    for column, title in (("task", "by task"), ("kind", "by kind of network")):
        curves = []
        for name, rows in table.groupby(column, sort=True):
            found = profiles(rows, Variant())
            depths = len(found[0])
            same = [one for one in found if len(one) == depths]
            places = np.linspace(0, 1, depths).round(3).tolist()
            curves.append(curve_of_means(str(name), places, np.stack(same)))
        panels.append(
            Panel(title, "relative depth", "excess over draws", curves, line=S7E.rule.threshold)
        )
    caption = (
        "By how much diagrams before and after fine-tuning are farther apart than those of two "
        "draws of one network (0: no farther). Means over pairs with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/swider_tuning.py",
    "studies/swider_statistics.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="swider-tuning",
    question="Which layers does fine-tuning change?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, checkpoints=2, samples=100, layers=3, common_data=False),
    design_for=design_for,
    sources=SOURCES,
)
