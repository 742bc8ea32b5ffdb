"""Suresh, Das, Abrol and Dutta Roy 2023: cubical homology in place of simplicial complexes.

"Motivated by existing studies using simplicial complexes on shallow fully connected networks, we
present an extended analysis using cubical homology instead": an extension says of those networks
what was known of them. Here both are measured on the same ones. Fully connected networks learn
scikit-learn's digits and nine disks (D-I of Naitzat et al.). At every hidden layer simplicial Betti
numbers are those of the cloud of each class; cubical ones those of every sample by itself, its
units laid out as an image. All layers are equally wide, so that no number of voxels can do it.
Networks are the units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import MATERIAL_SOURCES, Mlps, Subject, at_the_end, mlps
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.suresh_decay import PAPER
from toposcope.studies.suresh_simplicial_statistics import (
    alike,
    along_hops,
    as_images,
    over_orders,
    simplicial,
    stacked,
)
from toposcope.studies.suresh_statistics import Way, falls, orders_of, total_betti, variation
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

# ---------------------------------------------------------------------------------------- claims

CUBICAL = {
    "": Way(),
    "threshold 0 alone": Way(etas=(0.0,)),
    "thresholds in rms of the layer": Way(rms=True),
    "superlevel sets": Way(sublevel=False, etas=tuple(Way().etas[1:])),
    "voxels as top cells": Way(construction="T"),
}
LAID_OUT = ("units in a line", "images stacked")
SIMPLICIAL = ("hops", "one scale for all layers", "classes pooled")
KINDS = {"digits alone": "digits", "D-I alone": "disks9"}
WAYS = (*SIMPLICIAL, *tuple(CUBICAL)[1:], *LAID_OUT)
ALSO = (*KINDS, "untrained networks")
MAIN = (
    "clouds of classes at 0.1 to 1.2 mean distances; images of units at thresholds 0 to 1.75, "
    "sublevel sets, voxels as vertices; trained networks on digits and D-I"
)

C12 = Claim(
    "C12",
    PAPER,
    "Cubical Betti numbers run over the layers of fully connected networks as simplicial ones do.",
    Unit.NETWORK,
    "Spearman correlation over hidden layers of the mean total Betti number of a sample laid out "
    "as an image with that of the cloud of a class",
    # An extension of a method says the same where both apply. Half is weak agreement already.
    Rule(threshold=0.0, least=0.5),
    "layers shuffled inside every network",
    (*WAYS, *ALSO),
    MAIN,
)
C12F = Claim(
    "C12-fall",
    PAPER,
    "Both fall with depth.",
    Unit.NETWORK,
    "the weaker of two Spearman correlations with depth: of simplicial and of cubical Betti "
    "numbers",
    Rule(Direction.BELOW, threshold=0.0, least=-0.5),
    "layers shuffled inside every network",
    (*WAYS, *ALSO, "simplicial alone", "cubical alone"),
    MAIN,
)
C12O = Claim(
    "C12-order",
    PAPER,
    "Cubical Betti numbers of a fully connected layer are a property of it, as simplicial ones.",
    Unit.NETWORK,
    "coefficient of variation of a sample's total over orders of the units, which change nothing "
    "that the network computes and no distance; mean over samples and layers",
    # As C3. Simplicial numbers have 0 here: an order of the coordinates moves no distance.
    Rule(Direction.BELOW, threshold=0.05),
    "the same over samples: another order moves the total as much as another sample",
    (*tuple(CUBICAL)[1:], *ALSO, "mean over samples first"),
    MAIN,
)
CLAIMS = (C12, C12F, C12O)
FEWEST = C12.rule.fewest
LAYERS, UNITS, POINTS = 4, 16, 20
"""Fewest hidden layers, units of one, and samples of a class that numbers can be counted of."""

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    networks
        Of each depth on each of both data.
    depths, width
        Hidden layers, and the units of each: a square number, as many as the digits have pixels.
    steps, steps_disks
        Of the trainings.
    points, pooled, images
        Points of a cloud of one class and of all; samples that are laid out as images.
    orders
        Of the units.
    seed
        Of draws, orders and the first network.
    """

    networks: int = 12
    depths: tuple[int, ...] = (5, 8)
    width: int = 64
    steps: int = 300
    steps_disks: int = 2000
    points: int = 100
    pooled: int = 300
    images: int = 60
    orders: int = 100
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, networks=8, depths=(5,), images=30, orders=30)


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks before and after their training."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(
            "mlp", depth, design.width, steps=design.steps, seed=design.seed + k, moments=(0, -1)
        )
        for depth in design.depths
        for k in range(design.networks)
    ]
    found: list[Subject] = [*digit_networks(recipes, progress=progress)]
    for depth in design.depths:
        disks = Mlps(
            data="disks9",
            networks=design.networks,
            depth=depth,
            width=design.width,
            activation="relu",
            steps=design.steps_disks,
            learning_rate=5e-3,  # that of `naitzat`
            seed=design.seed,
        )
        found += mlps(disks, progress=progress)
    return found


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that the smallest class has; networks without layers of vectors are refused."""
    call = "study suresh-simplicial"
    for subject in subjects:
        acts = subject.open()
        have = vector_layers(subject)
        if len(have) < LAYERS:
            told = ", ".join(f"{name} {acts[name].shape[1:]}" for name in acts.layers[:3])
            msg = (
                f"{call}: {subject.network!r} has {len(have)} layers of {UNITS} or more units; "
                f"needed are {LAYERS}. Its layers are {told}. Capture a fully connected network "
                "with --layers all, or take feature maps to suresh-decay and across-papers."
            )
            raise UsageError(msg)
    smallest = min(
        int(np.unique(np.asarray(one.open().labels), return_counts=True)[1].min())
        for one in subjects
    )
    if smallest < POINTS:
        msg = (
            f"{call}: the smallest class has {smallest} samples; needed are {POINTS} or more of "
            "each, for a cloud. Capture more: -n, or data with as many of every class."
        )
        raise TooFewSamplesError(msg)
    n = subjects[0].open().n
    return replace(
        design,
        networks=0,
        points=min(design.points, smallest),
        pooled=min(design.pooled, n),
        images=min(design.images, n),
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings; and of clouds and images of every layer at two moments."""
    layers = sum(design.depths) * design.networks
    wide = (design.width / 64) ** 1.5
    train = layers * (1.4e-3 * design.steps + 6e-4 * design.steps_disks * wide)
    clouds = 12 * 0.006 * (design.points / 100) ** 2 + 0.05 * (design.pooled / 300) ** 2
    laid_out = 1.5e-5 * design.images * len(CUBICAL) * (design.orders + 2)
    return train, 2 * 2 * layers * (clouds + laid_out)


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network at one moment.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    trained
        Whether it is the last moment that there is.
    points, pooled, images, orders, seed
        See `Design`.
    """

    code: str
    subject: str
    trained: bool
    points: int
    pooled: int
    images: int
    orders: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, and one before its training where there is that moment."""
    ends = at_the_end(subjects)
    starts = [one for one in subjects if one.moment == 0 and one not in ends]
    numbers = (design.points, design.pooled, design.images, design.orders, design.seed)
    code = code_of(*SOURCES)
    return [
        Task(
            Job(code, one.identity, trained, *numbers),
            one.network if trained else f"{one.network}, untrained",
        )
        for trained, group in ((True, ends), (False, starts))
        for one in group
    ]


def vector_layers(subject: Subject) -> list[str]:
    """Layers that are vectors of enough units to be laid out as an image."""
    acts = subject.open()
    shapes = {name: acts[name].shape for name in acts.layers}
    return [name for name, one in shapes.items() if len(one) == 2 and one[1] >= UNITS]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Simplicial and cubical numbers of every hidden layer of one network."""
    subject = subjects[job.subject]
    acts = subject.open()
    labels = np.asarray(acts.labels)
    rng = np.random.default_rng([job.seed, 1])
    classes = [
        rng.permutation(np.flatnonzero(labels == c))[: job.points] for c in np.unique(labels)
    ]
    mixed = rng.permutation(acts.n)
    kinds = {"mlp": "digits"}
    known = subject.covariates.get("data") or kinds.get(str(subject.covariates.get("kind")))
    where = {
        "network": subject.network,
        "data": str(known or "given"),
        "trained": job.trained,
        "accuracy": float(subject.covariates.get("test") or np.nan),
    }
    rows: list[dict[str, Any]] = []
    first: list[float] = []
    for depth, name in enumerate(vector_layers(subject)):
        X = np.asarray(acts.rows(name, np.arange(acts.n)), dtype=np.float64)
        found, means = _of_clouds(X, classes, mixed[: job.pooled], first)
        first = first or means
        found |= dict(_of_images(X[mixed[: job.images]], job))
        here = {**where, "layer": depth, "name": name, "units": X.shape[1]}
        rows += [{**here, "side": side, "way": way, **one} for (side, way), one in found.items()]
    return rows


def _of_clouds(
    X: Array, classes: Sequence[NDArray[np.intp]], pooled: NDArray[np.intp], first: Sequence[float]
) -> tuple[dict[tuple[str, str], dict[str, float]], list[float]]:
    """Simplicial numbers by way, means over classes; and the mean distances of those."""
    own = [simplicial(X[one]) for one in classes]
    means = [mean for _, mean in own]
    units = first or means
    by_way = {
        "": float(np.mean([value for value, _ in own])),
        "hops": float(np.mean([along_hops(X[one]) for one in classes])),
        "one scale for all layers": float(
            np.mean([simplicial(X[one], scale=u)[0] for one, u in zip(classes, units, strict=True)])
        ),
        "classes pooled": simplicial(X[pooled])[0],
    }
    return {("simplicial", way): {"value": value} for way, value in by_way.items()}, means


def _of_images(X: Array, job: Job) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    """Cubical numbers by way, means over samples, with their variation."""
    size = float(np.sqrt((X**2).mean()))
    for called, way in CUBICAL.items():
        scale = size if way.rms and size > 0 else 1.0
        totals = total_betti(as_images(X), way, scale=scale).mean(axis=1)
        many = over_orders(X, way, job.orders, job.seed, scale=scale)
        yield (
            ("cubical", called),
            {
                "value": float(totals.mean()),
                "over_orders": _mean(variation(many)),
                "mean_over_orders": float(variation(many.mean(axis=1))),
                "over_samples": float(variation(totals)),
            },
        )
    for called, images in (
        ("units in a line", as_images(X, line=True)),
        ("images stacked", stacked(X)),
    ):
        yield ("cubical", called), {"value": float(total_betti(images, Way()).mean())}


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


# -------------------------------------------------------------------------------------- decision

ARRANGEMENTS = 999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    rows = table[table["trained"].astype(bool) == (choice != "untrained networks")]
    if choice in KINDS:
        rows = rows[rows["data"] == KINDS[choice]]
    if choice and rows["network"].nunique() < FEWEST:
        return None
    if claim is C12O:
        return _orders(rows, choice)
    sides = list(curves(rows, choice).values())
    if claim is C12:
        return _run_alike(sides)
    which = {"simplicial alone": (0,), "cubical alone": (1,)}.get(choice, (0, 1))
    return _both_fall([one[list(which)] for one in sides])


def curves(rows: pd.DataFrame, choice: str = "") -> dict[str, Array]:
    """Network -> (2, layers) simplicial and cubical numbers, as one choice counts them."""
    found = []
    for side, ways in (("simplicial", SIMPLICIAL), ("cubical", (*CUBICAL, *LAID_OUT))):
        own = rows[(rows["side"] == side) & (rows["way"] == (choice if choice in ways else ""))]
        found.append({name: one.sort_values("layer") for name, one in own.groupby("network")})
    a, b = found
    return {name: np.stack([a[name]["value"], b[name]["value"]]).astype(float) for name in a}


def _run_alike(sides: Sequence[Array]) -> Evidence:
    """C12: correlation of both curves of a network, and with the layers of one shuffled."""
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for a, b in sides:
        orders = orders_of(len(a), ARRANGEMENTS, rng)
        values.append(float(alike(a, b, [np.arange(len(a))])[0]))
        null += alike(a, b, orders) / len(sides)
    return evidence_of_mean(values, C12.rule, arrangements=null, comparisons=len(CLAIMS))


def _both_fall(sides: Sequence[Array]) -> Evidence:
    """C12-fall: the weaker fall of both curves, and of both with their layers shuffled alike."""
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for one in sides:
        depth = np.arange(one.shape[1], dtype=np.float64)
        orders = orders_of(one.shape[1], ARRANGEMENTS, rng)
        values.append(max(falls(curve) for curve in one))
        null += np.max([alike(depth, curve, orders) for curve in one], axis=0) / len(sides)
    return evidence_of_mean(values, C12F.rule, arrangements=null, comparisons=len(CLAIMS))


def _orders(rows: pd.DataFrame, choice: str) -> Evidence | None:
    """C12-order: variation over orders of the units, beside that over samples."""
    way = choice if choice in CUBICAL else ""
    own = rows[(rows["side"] == "cubical") & (rows["way"] == way)]
    column = "mean_over_orders" if choice == "mean over samples first" else "over_orders"
    # A layer whose sets are all empty has no variation.
    means = own.groupby("network", sort=True)[[column, "over_samples"]].mean()
    values, samples = means[column].to_numpy(), means["over_samples"].to_numpy()
    if not np.isfinite([*values, *samples]).all():
        return None
    return evidence_of_mean(values, C12O.rule, null=samples, comparisons=len(CLAIMS))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Both numbers over layers by data, over those of the first; and what moves cubical ones."""
    trained = table[table["trained"].astype(bool)]
    panels = []
    titles = {"digits": "digits", "disks9": "nine disks (D-I)"}
    for data, rows in trained.groupby("data", sort=True):
        drawn = [
            curve
            for side in ("simplicial", "cubical")
            for curve in _curves(rows[(rows["side"] == side) & (rows["way"] == "")], side)
        ]
        title = titles.get(str(data), str(data))
        panels.append(Panel(title, "hidden layer", "over the first layer", drawn, 1.0))
    cubical = trained[(trained["side"] == "cubical") & (trained["way"] == "")]
    moved = [
        curve
        for column, name in (
            ("over_orders", "other orders of units"),
            ("over_samples", "other samples"),
        )
        for curve in _curves(cubical, name, column)
    ]
    panels.append(
        Panel(
            "what moves a sample's total", "hidden layer", "coefficient of variation", moved, 0.05
        )
    )
    caption = (
        "Total Betti numbers over hidden layers of trained fully connected networks, over those of "
        "the first layer: simplicial of clouds of classes, cubical of samples laid out as images. "
        "Means over networks; bands are 95 % t-intervals over networks."
    )
    return Figure(caption, panels)


def _curves(rows: pd.DataFrame, name: str, column: str = "value") -> list[Curve]:
    """One curve over the layers that at least three networks have; over the first, of values."""
    wide = rows.pivot(index="network", columns="layer", values=column)
    wide = wide.loc[:, wide.notna().sum() >= min(3, len(wide))]
    values = wide.to_numpy(dtype=np.float64)
    if column == "value":
        values = values / values[:, :1]
    return [curve_of_means(name, wide.columns.tolist(), values)]


SOURCES = (
    "studies/suresh_simplicial.py",
    "studies/suresh_simplicial_statistics.py",
    "studies/suresh_statistics.py",
    "studies/naitzat_statistics.py",
    *MATERIAL_SOURCES,
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="suresh-simplicial",
    question="Does cubical homology say of fully connected networks what simplicial homology does?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, samples=2 * POINTS, labels=True, layers=LAYERS),
    design_for=design_for,
    sources=SOURCES,
)
