"""Magai 2023: "lifespan sums fall during training, and go with accuracy".

Networks learn the digits and are looked at from untrained to the end; twins of the same seeds learn
shuffled labels. Lifespan sums of every class of the training images are measured at every layer.
Networks are the units; the twins are the null.
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
from toposcope.studies import materials_digit_nets
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.magai_sums import layer_sums
from toposcope.studies.materials import Subject
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean
from toposcope.training.digit_recipes import Member, NetRecipe

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Magai 2023 (arXiv 2306.03406)"

# ---------------------------------------------------------------------------------------- claims

CHOICES = (
    "H1",
    "distances over their mean",
    "activations as they are",
    "held-out images",
    "classes pooled",
    "without the untrained network",
    "last hidden layer",
    "plain alone",
    "residual alone",
)
MAIN = (
    "H0 of every class of the training images (by the labels trained on), features between 0 and "
    "1, the mean over classes"
)

M6 = Claim(
    "M6",
    PAPER,
    "Lifespan sums of classes fall during training.",
    Unit.NETWORK,
    "logarithm of the sum after training over that before, mean over layers",
    # Least: a twentieth. papers.md has one rule for this and the next; a sum can follow accuracy
    # all the way and hardly move.
    Rule(Direction.BELOW, threshold=0.0, least=-0.05),
    "twins of the same seeds that learn shuffled labels",
    CHOICES,
    MAIN,
)
M6A = Claim(
    "M6-accuracy",
    PAPER,
    "They track accuracy.",
    Unit.NETWORK,
    "Spearman correlation of the sum with training accuracy over moments, mean over layers",
    # papers.md: 0.7 or more, and not with shuffled labels. Down is the claimed direction.
    Rule(Direction.BELOW, threshold=-0.5, least=-0.7),
    "twins of the same seeds that learn shuffled labels, with their own accuracy",
    (*CHOICES, "test accuracy"),
    MAIN,
)
CLAIMS = (M6, M6A)
FEWEST = M6.rule.fewest
MOMENTS = 4
"""Fewest moments that a correlation over moments is taken of."""

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, seeds
        Every combination is a network, and has a twin.
    blocks, width, steps
        Of every network, and of its training.
    moments
        Steps at which they are looked at, besides the end.
    shuffled
        Share of the labels that the twins learn shuffled.
    points
        Points of a cloud of one class.
    seed
        Of the draws.
    """

    kinds: tuple[str, ...] = ("plain", "residual")
    seeds: int = 12
    blocks: int = 8
    width: int = 16
    steps: int = 400
    moments: tuple[int, ...] = (0, 5, 10, 20, 40, 80, 160, 260)
    shuffled: float = 1.0
    points: int = 75
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, seeds=8, blocks=4, width=8, steps=250, moments=(0, 5, 10, 20, 40, 100))


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks and their twins at all moments."""
    members = tuple(
        Member(seed, label_noise=noise)
        for noise in (0.0, design.shuffled)
        for seed in range(design.seeds)
    )
    return [
        one
        for kind in design.kinds
        for one in materials_digit_nets.nets(
            NetRecipe(
                kind,
                design.blocks,
                design.width,
                members=members,
                steps=design.steps,
                moments=design.moments,
            ),
            progress=progress,
        )
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that fit; refused where moments do not say their accuracy."""
    for one in subjects:
        if accuracy_of(one, "train") is None:
            msg = (
                f"study magai-training: the accuracy of {one.network!r} at moment {one.moment} is "
                "not known. Capture with labels of the classes it tells apart, or bring a "
                "population folder whose population.csv has a column train."
            )
            raise UsageError(msg)
    labels = subjects[0].open().labels
    assert labels is not None  # checked by `Needs`
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    networks = {one.network for one in subjects}
    return replace(
        design,
        kinds=("given",),
        seeds=-(-len(networks) // 2),  # the forecast counts twins
        blocks=max(len(subjects[0].open().layers) - 2, 0),
        moments=(0,) * (len(subjects) // len(networks) - 1),
        points=int(min(design.points, max(counts.min(), 16))),
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by blocks and channels; every moment of every network."""
    step = 2.5e-4 * (3 + 1.6 * design.blocks * (1 + (design.width / 16) ** 1.5))
    count = len(design.kinds) * 2 * design.seeds
    moments = len(design.moments) + 1
    kept = 0.01 * moments  # activations on all images, written at every moment
    each = 2 * 0.05 * (design.blocks + 2)
    return count * (design.steps * step + kept), count * moments * each


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network at all of its moments.

    Parameters
    ----------
    code, subjects
        Hashes of the sources, and of the network at every moment, in order.
    points, seed
        See `Design`.
    """

    code: str
    subjects: tuple[str, ...]
    points: int
    seed: int


def accuracy_of(subject: Subject, which: str) -> float | None:
    """Training or test accuracy at a moment; of a RUN that of its samples, whichever they are."""
    known = subject.covariates
    found = known.get(which, known.get("test"))
    return None if found is None else float(found)


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network."""
    code = code_of(*SOURCES)
    moments: dict[str, list[str]] = {}
    for one in sorted(subjects, key=lambda one: one.moment):
        moments.setdefault(one.network, []).append(one.identity)
    return [
        Task(Job(code, tuple(own), design.points, design.seed), name)
        for name, own in moments.items()
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Lifespan sums of every layer at every moment, of training and of held-out images."""
    rows: list[dict[str, Any]] = []
    for moment, one in enumerate(subjects[key] for key in job.subjects):
        known = one.covariates
        base = {
            "network": one.network,
            "kind": str(known.get("kind", "given")),
            "seed": str(known.get("seed", "")),
            "shuffled": float(known.get("label_noise") or 0.0) > 0,
            "moment": moment,
            "train": accuracy_of(one, "train"),
            "test": accuracy_of(one, "test"),
        }
        parts = {"held": one.open()}
        if isinstance(one, materials_digit_nets.DigitNet):
            parts = {"train": one.open_train(), **parts}
        for part, acts in parts.items():
            rows += [
                {**base, "part": part, **row} for row in layer_sums(acts, job.points, job.seed)
            ]
    return rows


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    degree: int = 0
    scale: str = "minmax"
    part: str = "train"
    pooled: bool = False
    untrained: bool = True
    hidden: bool = False
    kind: str = ""
    accuracy: str = "train"


VARIANTS = {
    "": Variant(),
    "H1": Variant(degree=1),
    "distances over their mean": Variant(scale="mean_distance"),
    "activations as they are": Variant(scale="none"),
    "held-out images": Variant(part="held"),
    "classes pooled": Variant(pooled=True),
    "without the untrained network": Variant(untrained=False),
    "last hidden layer": Variant(hidden=True),
    "plain alone": Variant(kind="plain"),
    "residual alone": Variant(kind="residual"),
    "test accuracy": Variant(accuracy="test"),
}
ARRANGEMENTS = 399


@dataclass(frozen=True)
class Course:
    """One network through its training.

    Parameters
    ----------
    sums
        (moments, layers) lifespan sums.
    accuracy
        (moments,) of them.
    """

    sums: Array
    accuracy: Array


def courses(
    table: pd.DataFrame, variant: Variant, *, shuffled: bool
) -> dict[tuple[str, str], Course]:
    """(kind, seed or network) -> its course."""
    rows = table[(table["part"] == variant.part) & (table["scale"] == variant.scale)]
    rows = rows[(rows["degree"] == variant.degree) & (rows["pooled"] == variant.pooled)]
    rows = rows[rows["shuffled"].astype(bool) == shuffled]
    if variant.kind:
        rows = rows[rows["kind"] == variant.kind]
    if not variant.untrained:
        rows = rows[rows["moment"] > 0]
    found = {}
    for name, own in rows.groupby("network", sort=True):
        sums = own.pivot(index="moment", columns="layer", values="value")
        accuracy = own.groupby("moment")[variant.accuracy].first()
        first = own.iloc[0]
        values = sums.to_numpy(dtype=np.float64)
        found[str(first["kind"]), str(first["seed"]) or str(name)] = Course(
            values[:, -2:-1] if variant.hidden else values, accuracy.to_numpy(dtype=np.float64)
        )
    return found


def fall(sums: Array) -> Array:
    """(...) mean over layers of the logarithm of the last over the first of (..., moments, layers).

    Layers whose sum is 0 at either end (all points alike) do not count.

    >>> float(fall(np.array([[1.0, 2.0], [1.0, 2.0 * np.exp(-1)]])))
    -0.5
    """
    first, last = sums[..., 0, :], sums[..., -1, :]
    there = (first > 0) & (last > 0)
    ratio = np.log(np.where(there, last, 1.0) / np.where(there, first, 1.0))
    return np.asarray(ratio.sum(axis=-1) / np.maximum(there.sum(axis=-1), 1))


def tracking(sums: Array, accuracy: Array) -> Array:
    """(...) mean over layers of Spearman's correlation of (..., moments, layers) with accuracy.

    >>> float(tracking(np.array([[3.0, 1.0], [2.0, 2.0], [1.0, 3.0]]), np.array([0.1, 0.5, 0.9])))
    0.0
    """
    from scipy.stats import rankdata

    x = rankdata(sums, axis=-2)
    y = rankdata(accuracy, axis=-1)[..., None]
    x, y = x - x.mean(axis=-2, keepdims=True), y - y.mean(axis=-2, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=-2) * (y**2).sum(axis=-2))
    r = np.divide((x * y).sum(axis=-2), scale, out=np.zeros_like(scale), where=scale > 0)
    return np.asarray(r.mean(axis=-1))


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices.

    Networks that were handed in without twins are held against their own moments in other orders.
    """
    variant = VARIANTS[choice]
    if "train" not in set(table["part"]):
        if choice == "held-out images":
            return None  # networks that were handed in: their samples are all there is
        variant = replace(variant, part="held")
    ours, twins = (courses(table, variant, shuffled=which) for which in (False, True))
    if len(ours) < FEWEST:
        return None
    if claim is M6A and min(len(one.accuracy) for one in ours.values()) < MOMENTS:
        return None

    def number(one: Course) -> float:
        return float(fall(one.sums) if claim is M6 else tracking(one.sums, one.accuracy))

    values = [number(one) for one in ours.values()]
    if set(ours) <= set(twins):
        null = [number(twins[key]) for key in ours]
        return evidence_of_mean(values, claim.rule, null=null, comparisons=len(CLAIMS))
    rng = np.random.default_rng(0)
    total = np.zeros(ARRANGEMENTS)
    for one in ours.values():
        order = rng.permuted(np.tile(np.arange(len(one.sums)), (ARRANGEMENTS, 1)), axis=1)
        moved = one.sums[order]
        total += fall(moved) if claim is M6 else tracking(moved, one.accuracy)
    return evidence_of_mean(
        values, claim.rule, arrangements=total / len(ours), comparisons=len(CLAIMS)
    )


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Sums and accuracies through training, of networks and of their twins."""
    part = "train" if "train" in set(table["part"]) else "held"
    panels = []
    for scale, title in (
        ("minmax", "features in [0, 1]"),
        ("mean_distance", "over the mean distance"),
        ("none", "as they are"),
    ):
        variant = Variant(part=part, scale=scale)
        curves = []
        for shuffled, name in ((False, "true labels"), (True, "shuffled labels")):
            found = list(courses(table, variant, shuffled=shuffled).values())
            # Untrained networks are the unit: what is shown is what training does.
            same = [
                one.sums.mean(axis=1) / one.sums[0].mean()
                for one in found
                if len(one.sums) == len(found[0].sums) and one.sums[0].any()
            ]
            if same:
                curves.append(curve_of_means(name, range(len(same[0])), np.stack(same)))
        panels.append(Panel(f"H0 sums, {title}", "moment", "share of the first", curves, line=1.0))
    curves = []
    for shuffled, name in ((False, "true labels"), (True, "shuffled labels")):
        found = list(courses(table, Variant(part=part), shuffled=shuffled).values())
        same = [one.accuracy for one in found if len(one.accuracy) == len(found[0].accuracy)]
        if same:
            curves.append(curve_of_means(name, range(len(same[0])), np.stack(same)))
    panels.append(Panel("training accuracy", "moment", "accuracy", curves))
    caption = (
        "Lifespan sums of classes of training images through training, over those of the untrained "
        "network, mean over layers, of networks and of twins that learn shuffled labels. Means "
        "over networks with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/magai_training.py",
    "studies/magai_sums.py",
    *materials_digit_nets.SOURCES,
)
STUDY = Definition(
    name="magai-training",
    question="Do lifespan sums fall during training, and do they track accuracy?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, checkpoints=2, samples=64, labels=True, layers=2),
    design_for=design_for,
    sources=SOURCES,
    lacking={"M6-accuracy": f"{MOMENTS} moments or more of the training of every network"},
)
