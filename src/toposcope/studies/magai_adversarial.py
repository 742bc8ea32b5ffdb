"""Magai 2023: "the more successful a targeted attack, the simpler the topology".

Images are moved by targeted attacks of several strengths (FGSM and PGD), and by noise of the same
norm. Towards one class for all images, as in the paper, a cloud becomes that of one class: sums
fall because classes are fewer. Towards the next class for every image, classes stay as many, and
what a network takes for one class is compared with what it takes for that class under noise, of as
many points. Networks are the units.

Networks of the reader's own are taken as a MODELS.toml with DATA: an attack needs the gradient of a
network, which no RUN has. Images are then moved towards the class after the one that the network
takes them for (whatever the labels are called), in standard deviations of what it is fed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies import materials_digit_nets
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.magai_adversarial_measure import LEAST_CLASSES, Job, measure
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_models import MODEL_SOURCES, ModelSubject
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean
from toposcope.training.digit_recipes import Member, NetRecipe

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Magai 2023 (arXiv 2306.03406)"

# ---------------------------------------------------------------------------------------- claims

CHOICES = (
    "FGSM",
    "H1",
    "distances over their mean",
    "activations as they are",
    "scaled as clean images",
    "last hidden layer",
    "plain alone",
    "residual alone",
)

M7 = Claim(
    "M7",
    PAPER,
    "The more successful a targeted attack, the lower are lifespan sums.",
    Unit.NETWORK,
    "Spearman correlation over strengths of the sum of all attacked images with the share that "
    "is taken for the target, mean over layers; all are moved towards one class",
    Rule(Direction.BELOW, threshold=-0.5, least=-0.7),
    "noise of the same norm, with the same shares",
    # The paper has FGSM; on small networks it reaches a third of the images (PGD: nine tenths).
    CHOICES,
    "PGD, H0 of images of all classes together, features between 0 and 1",
)
M7C = Claim(
    "M7-classes",
    PAPER,
    "They are lower for another reason than that attacked images are of fewer classes.",
    Unit.NETWORK,
    "logarithm of the sum of attacked images that are taken for a class over that of as many "
    "images with noise of the same norm that are taken for it; mean over classes, layers and "
    "strengths; every image is moved towards the class after its own",
    # papers.md: refuted as an artefact where it vanishes at one composition. Least: a twentieth.
    Rule(Direction.BELOW, threshold=0.0, least=-0.05),
    "attacked images and those with noise swapped inside networks",
    CHOICES,
    "PGD, H0 of every predicted class, features between 0 and 1, the mean over classes",
)
CLAIMS = (M7, M7C)
FEWEST = M7.rule.fewest

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, seeds
        Every combination is a network.
    blocks, width, steps
        Of every network, and of its training.
    strengths
        Largest changes of a pixel, in standard deviations of all pixels; rising.
    pooled, points
        Points of a cloud of all images, and of one predicted class; classes with fewer are left
        out, and strengths without three classes.
    seed
        Of the draws.
    seconds
        For networks that were handed in: CPU seconds of a pass forward and back, for the forecast.
    """

    kinds: tuple[str, ...] = ("plain", "residual")
    seeds: int = 12
    blocks: int = 8
    width: int = 16
    steps: int = 400
    strengths: tuple[float, ...] = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
    pooled: int = 300
    points: int = 30
    seed: int = 0
    seconds: float = 0.0


FULL = Design()
QUICK = replace(
    FULL, seeds=8, blocks=4, width=8, steps=250, strengths=(0.15, 0.3, 0.5, 0.8), pooled=120
)


def recipes(design: Design) -> list[NetRecipe]:
    """One family for every kind."""
    members = tuple(Member(seed) for seed in range(design.seeds))
    return [
        NetRecipe(kind, design.blocks, design.width, members=members, steps=design.steps)
        for kind in design.kinds
    ]


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The trained networks; images are moved when they are measured."""
    return [
        one
        for recipe in recipes(design)
        for one in materials_digit_nets.nets(recipe, progress=progress)
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Clouds that fit the samples of networks that were handed in."""
    mine = [one for one in subjects if isinstance(one, ModelSubject)]
    return replace(
        design,
        kinds=("given",),
        seeds=len(mine),
        blocks=max(one.layers for one in mine) - 2,
        steps=0,
        pooled=min(design.pooled, min(one.n for one in mine)),
        seconds=float(np.mean([one.seconds for one in mine])),
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by blocks and channels; clouds of every strength, attack and layer."""
    step = 2.5e-4 * (3 + 1.6 * design.blocks * (1 + (design.width / 16) ** 1.5))
    count = len(design.kinds) * design.seeds
    each = 0.02 * (design.pooled / 200) ** 2 + 0.012
    clouds = 4 * 3 * len(design.strengths) * (design.blocks + 2)
    moving = 0.02 * 2 * 13 * len(design.strengths) * design.blocks / 4
    if design.seconds:  # a gradient for FGSM, ten for PGD, and two looks of each; two aims
        moving = design.seconds * 2 * 13 * len(design.strengths)
    return count * design.steps * step, count * (clouds * each + moving)


# ----------------------------------------------------------------------------------- measurement


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network."""
    code = code_of(*SOURCES)
    # Networks that were handed in have no recipe.
    by_kind = {one.kind: one for one in recipes(design)} if design.steps else {}
    return [
        Task(
            Job(
                code,
                one.identity,
                by_kind.get(str(one.covariates.get("kind"))),
                design.strengths,
                design.pooled,
                design.points,
                design.seed,
            ),
            one.network,
        )
        for one in at_the_end(subjects)
    ]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    attack: str = "pgd"
    degree: int = 0
    scale: str = "minmax"
    hidden: bool = False
    kind: str = ""


VARIANTS = {
    "": Variant(),
    "FGSM": Variant(attack="fgsm"),
    "H1": Variant(degree=1),
    "distances over their mean": Variant(scale="mean_distance"),
    "activations as they are": Variant(scale="none"),
    "scaled as clean images": Variant(scale="clean"),
    "last hidden layer": Variant(hidden=True),
    "plain alone": Variant(kind="plain"),
    "residual alone": Variant(kind="residual"),
}


def _chosen(table: pd.DataFrame, variant: Variant, aim: str) -> pd.DataFrame:
    rows = table[(table["aim"] == aim) & (table["attack"] == variant.attack)]
    rows = rows[(rows["degree"] == variant.degree) & (rows["scale"] == variant.scale)]
    if variant.hidden:
        rows = rows[rows["hidden"].astype(bool)]
    return rows[rows["kind"] == variant.kind] if variant.kind else rows


def ordered(table: pd.DataFrame, variant: Variant) -> dict[str, Array]:
    """Side -> (networks,) correlation of sums with success, mean over layers."""
    found: dict[str, list[float]] = {"attacked": [], "noise": []}
    for _, own in _chosen(table, variant, "one").groupby("network", sort=True):
        success = own.groupby("strength")["success"].first().to_numpy(dtype=np.float64)
        for side, some in own.groupby("side"):
            values = some.pivot(index="strength", columns="layer", values="value").to_numpy()
            found[str(side)].append(correlation(values, success))
    return {side: np.array(values, dtype=np.float64) for side, values in found.items()}


def correlation(values: Array, x: Array) -> float:
    """Mean over columns of Spearman's correlation with x; 0 where a column does not vary.

    >>> correlation(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), np.array([0.0, 0.2, 0.9]))
    0.0
    """
    from scipy.stats import rankdata

    a, b = rankdata(values, axis=0), rankdata(x)[:, None]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    r = np.divide((a * b).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0)
    return float(r.mean())


def lowered(table: pd.DataFrame, variant: Variant) -> Array:
    """(networks,) mean logarithm of attacked over noise; of networks that could be attacked."""
    rows = _chosen(table, variant, "next")
    if rows.empty:
        return np.zeros(0)
    keys = ["network", "strength", "layer"]
    sides = rows.pivot(index=keys, columns="side", values="value")
    sides = sides[(sides > 0).all(axis=1)]
    ratio = np.log(sides["attacked"] / sides["noise"])
    means = ratio.groupby(level="network", sort=True).mean()
    return np.asarray(means, dtype=np.float64)


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    variant = VARIANTS[choice]
    if claim is M7:
        sides = ordered(table, variant)
        values, null = sides["attacked"], sides["noise"]
    else:
        values = lowered(table, variant)
        null = -values
    if len(values) < FEWEST:
        return None
    return evidence_of_mean(values, claim.rule, null=null, comparisons=len(CLAIMS))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Success of attacks; sums of all images and of predicted classes, against strength."""
    shares, panels = [], []
    for attack in ("fgsm", "pgd"):
        rows = table[(table["attack"] == attack) & (table["side"] == "attacked")]
        for aim, name in (("one", "to one class"), ("next", "to the next class")):
            own = rows[rows["aim"] == aim].groupby(["network", "strength"])["success"].first()
            wide = own.unstack("strength")
            title = f"{attack.upper()} {name}"
            shares.append(curve_of_means(title, wide.columns.tolist(), wide.to_numpy()))
    panels.append(Panel("success", "strength", "share taken for the target", shares))
    for attack in ("fgsm", "pgd"):
        curves: list[Curve] = []
        rows = _chosen(table, Variant(attack=attack), "one")
        mean = rows.groupby(["network", "side", "strength"])["value"].mean()
        for side in ("attacked", "noise"):
            wide = mean.xs(side, level="side").unstack("strength")
            values = wide.to_numpy() / wide.to_numpy()[:, :1]
            curves.append(curve_of_means(f"all images, {side}", wide.columns.tolist(), values))
        rows = _chosen(table, Variant(attack=attack), "next")
        if len(rows):
            sides = rows.pivot(
                index=["network", "strength", "layer"], columns="side", values="value"
            )
            ratio = (sides["attacked"] / sides["noise"]).groupby(level=["network", "strength"])
            wide = ratio.mean().unstack("strength")
            curves.append(
                curve_of_means("one class over noise", wide.columns.tolist(), wide.to_numpy())
            )
        panels.append(Panel(f"H0 sums, {attack.upper()}", "strength", "ratio", curves, line=1.0))
    caption = (
        "Share of images that attacks move to their target; lifespan sums (H0, features between 0 "
        "and 1, mean over layers) of all images moved towards one class or by noise of the same "
        "norm, over those of clean images; and of images taken for one class, attacked over noise, "
        "as many of both. Means over networks with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/magai_adversarial.py",
    "studies/magai_adversarial_measure.py",
    "studies/magai_sums.py",
    "training/attacks.py",
    *MODEL_SOURCES,
    *materials_digit_nets.SOURCES,
)
STUDY = Definition(
    name="magai-adversarial",
    question="Have successfully attacked images a simpler topology?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, samples=100, layers=3, models=True),
    design_for=design_for,
    sources=SOURCES,
    lacking={"M7-classes": f"{FEWEST} networks whose attacks succeed for {LEAST_CLASSES} classes"},
)
