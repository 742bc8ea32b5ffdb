"""Świder 2024: train and test data have the same topology, unless a network learned by heart.

Networks learn scikit-learn's digits; twins of the same seeds learn labels most of which are wrong,
by heart. Diagrams of training and of held-out images are compared at every block, beside those of
two draws of one kind of images. Networks are the units.
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
from toposcope.stats import mean_interval
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

MAIN = "Wasserstein distance of order 1, H0 and H1 together, distances over the mean of both"

S8 = Claim(
    "S8",
    PAPER,
    "Training and test data have the same topology.",
    Unit.NETWORK,
    "by how much diagrams of training and test images are farther apart than draws of one of them, "
    "relatively; mean over layers",
    # papers.md counts layers inside a band of few draws; an equivalence has a margin instead.
    Rule(Direction.WITHIN, threshold=0.25),
    "networks of the same seeds that learned wrong labels by heart",
    ("H0", "H1", "landscape", "each over its own mean", "last layer alone"),
    MAIN,
)
CLAIMS = (S8,)
FEWEST = S8.rule.fewest

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    networks, kinds
        Networks of each kind, and as many twins that are over-fitted.
    depth, width, steps
        Of all of them.
    label_noise, memorized
        Share of wrong labels of the twins, and steps of their training.
    points, draws
        Images of a cloud; draws of each kind of images, which share none.
    seed
        Of the first network and of the draws.
    """

    networks: int = 12
    kinds: tuple[str, ...] = ("cnn", "resnet")
    depth: int = 4
    width: int = 16
    steps: int = 150
    label_noise: float = 0.8
    memorized: int = 1500
    points: int = 140
    draws: int = 4
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, networks=8, kinds=("resnet",), depth=3, width=24, memorized=600)
"""A residual network learns 597 labels by heart in 600 steps; a plain one needs more."""


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The networks and their over-fitted twins, each on training and on held-out images."""
    from toposcope.training.digit_networks import DigitNet

    well = [
        DigitNet(
            kind=kind,
            depth=design.depth,
            width=design.width,
            steps=design.steps,
            seed=design.seed + k,
        )
        for kind in design.kinds
        for k in range(design.networks)
    ]
    by_heart = [
        replace(
            one,
            steps=design.memorized,
            label_noise=design.label_noise,
            augment=False,
            weight_decay=0.0,
        )
        for one in well
    ]
    return [
        one
        for split in ("train", "test")
        for one in digit_networks([*well, *by_heart], split=split, progress=progress)
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Draws that fit; networks without RUNs of both kinds of images are refused."""
    pairs = paired(subjects)
    lone = [name for name, sides in pairs.items() if set(sides) != {"train", "test"}]
    if lone or len(pairs) < FEWEST:
        have = f"{lone[0]!r} has {sorted(pairs[lone[0]])}" if lone else f"{len(pairs)} networks"
        msg = (
            f"study swider-split: {have}; needed are {FEWEST} networks or more, each with a RUN of "
            "training and one of test images, of as many samples. Bring a population folder whose "
            "population.csv has the columns run, network and split (train or test)."
        )
        raise UsageError(msg)
    acts = subjects[0].open()
    draws = min(design.draws, max(2, acts.n // design.points))
    return replace(
        design,
        networks=-(-len(pairs) // 2),  # the forecast counts twins
        kinds=("given",),
        depth=len(acts.layers),
        draws=draws,
        points=min(design.points, acts.n // draws),
    )


def paired(subjects: Sequence[Subject]) -> dict[str, dict[str, Subject]]:
    """Network -> split -> subject, at its last moment."""
    found: dict[str, dict[str, Subject]] = {}
    for one in sorted(subjects, key=lambda one: one.moment):
        name = str(one.covariates.get("network") or one.network)
        found.setdefault(name, {})[str(one.covariates.get("split", "unknown"))] = one
    return found


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: steps of the trainings; diagrams and distances of every layer."""
    step = {"cnn": 0.004, "resnet": 0.005 * (design.width / 16)}
    train = sum(
        design.networks * design.depth * (design.steps + design.memorized) * step.get(kind, 0.0)
        for kind in design.kinds
    )
    count = 2 * design.networks * len(design.kinds) * design.depth
    draws = design.draws
    clouds = 2 * 2 * draws * 0.012 + 3 * 2 * draws * (draws - 1) * 0.008
    return train, count * clouds * (design.points / 200) ** 1.5


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """A network on training and on test images.

    Parameters
    ----------
    code, network, train, test
        Hashes of the sources and of both; what the network is called.
    points, draws, seed
        See `Design`.
    """

    code: str
    network: str
    train: str
    test: str
    points: int
    draws: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network."""
    code = code_of(*SOURCES)
    return [
        Task(
            Job(
                code,
                name,
                sides["train"].identity,
                sides["test"].identity,
                design.points,
                design.draws,
                design.seed,
            ),
            name,
        )
        for name, sides in paired(subjects).items()
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Distances between and within both kinds of images, at every layer."""
    sides = [subjects[one] for one in (job.train, job.test)]
    opened = [one.open() for one in sides]
    rng = np.random.default_rng(job.seed)
    draws = [disjoint(acts.n, job.points, rng, most=job.draws) for acts in opened]
    told = sides[0].covariates
    base = {
        "network": job.network,
        "kind": str(told.get("kind", "given")),
        "seed": str(told.get("seed", "")),
        "by_heart": float(told.get("label_noise") or 0.0) > 0,
    }
    base |= {f"{s}_accuracy": float(told.get(s) or np.nan) for s in ("train", "test")}
    rows: list[dict[str, Any]] = []
    for depth, layer in enumerate(opened[0].layers):
        raw = [flat(acts.rows(layer, np.arange(acts.n))) for acts in opened]
        few = min(map(len, raw))
        # One ruler, from both kinds of images: what they differ by is not to be scaled away.
        both = estimate_normalizer(np.concatenate([X[:few] for X in raw]))
        for scale in ("mean_distance", "own"):
            rulers = [estimate_normalizer(X) if scale == "own" else both for X in raw]
            train, test = (
                [diagrams_of(ruler(X[rows_of])) for rows_of in some]
                for ruler, X, some in zip(rulers, raw, draws, strict=True)
            )
            place = {**base, "layer": depth, "name": layer, "scale": scale}
            rows += excess_rows(train, test, place)
    return rows


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    by: str = "wasserstein"
    degrees: tuple[int, ...] = DEGREES
    scale: str = "mean_distance"
    last: bool = False


VARIANTS = {
    "": Variant(),
    "H0": Variant(degrees=(0,)),
    "H1": Variant(degrees=(1,)),
    "landscape": Variant(by="landscape"),
    "each over its own mean": Variant(scale="own"),
    "last layer alone": Variant(last=True),
}


def profiles(table: pd.DataFrame, variant: Variant) -> dict[tuple[str, str], Array]:
    """(kind, seed or name) -> (layers,) excess; over-fitted twins have those of their network."""
    found = {}
    for name, first, curve in excess_curves(
        table, scale=variant.scale, by=variant.by, degrees=variant.degrees
    ):
        key = (str(first["kind"]), str(first["seed"]) or name)
        found[key] = curve[-1:] if variant.last else curve
    return found


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of the claim under one of its choices.

    Networks that were handed in have no over-fitted twins: their test is that of equivalence alone
    (two one-sided t tests).
    """
    from scipy.special import stdtr

    variant = VARIANTS[choice]
    by_heart = table["by_heart"].astype(bool)
    ours, twins = (profiles(table[chosen], variant) for chosen in (~by_heart, by_heart))
    values = np.array([one.mean() for one in ours.values()])
    if len(values) < FEWEST:
        return None
    if twins:
        null = [twins[key].mean() for key in ours]
        return evidence_of_mean(values, claim.rule, null=null, comparisons=len(CLAIMS))
    interval = mean_interval(values, level=claim.rule.level, unit="network")
    error = max(float(values.std(ddof=1)) / np.sqrt(len(values)), 1e-300)
    inside = (claim.rule.threshold - abs(float(values.mean()))) / error
    return Evidence(interval, float(stdtr(len(values) - 1, -inside)))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Excess over depth of networks and of their over-fitted twins."""
    panels = []
    for degrees, title in (((0,), "H0"), ((1,), "H1")):
        curves = []
        for by_heart, name in ((False, "trained"), (True, "learned by heart")):
            rows = table[table["by_heart"].astype(bool) == by_heart]
            found = list(profiles(rows, Variant(degrees=degrees)).values()) if len(rows) else []
            same = [one for one in found if len(one) == len(found[0])]
            if same:
                curves.append(curve_of_means(name, range(len(same[0])), np.stack(same)))
        panels.append(Panel(title, "block", "excess over draws", curves, line=S8.rule.threshold))
    caption = (
        "By how much diagrams of training and of test images are farther apart than those of two "
        "draws of one of them (0: no farther). Means over networks with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/swider_split.py",
    "studies/swider_statistics.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="swider-split",
    question="Do training and test data have the same topology?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=2 * FEWEST, samples=80, layers=2, common_data=False),
    design_for=design_for,
    sources=SOURCES,
)
