"""Magai 2023: "with ReLU the topology is simplified in earlier layers than with tanh or sigmoid".

Convolutional networks that differ in nothing but their activation function learn the digits from
the same weights, on the same batches. Lifespan sums of every class are measured at every layer,
when all networks of a seed are equally accurate, and at the end. Seeds are the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies import materials_digit_nets
from toposcope.studies.claims import Claim, Rule, Unit
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

FIRST, LATER = "relu", ("tanh", "sigmoid")

M5 = Claim(
    "M5",
    PAPER,
    "With ReLU lifespan sums fall in earlier layers than with tanh and sigmoid.",
    Unit.SEED,
    "depth at which sums fall below half of their largest value (1 where they never do): of tanh "
    "or sigmoid, whichever is earlier, less that of ReLU; of networks of one seed",
    # papers.md asks for ReLU before tanh; the paper's figure has both last, and so the rule asks
    # for both. Least: half a layer of ten, as seen in the figure between its first and its last.
    Rule(threshold=0.0, least=0.05),
    "activation functions shuffled inside every seed",
    (
        "H1",
        "distances over their mean",
        "activations as they are",
        "classes pooled",
        "equal steps",
        "tanh alone",
        "sigmoid alone",
        "without the logits",
        "plain alone",
        "residual alone",
    ),
    "H0 of every class of held-out images, features between 0 and 1, the mean over classes; the "
    "moment at which all networks of a seed are as accurate as the worst at its end, 0.9 or more",
)
CLAIMS = (M5,)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, seeds
        Every combination is a unit: one network for each activation function.
    activations
        Of these networks.
    blocks, width
        Of every network.
    steps
        Of the training, by activation function; sigmoid networks need more.
    moments
        Steps at which they are looked at, besides the end.
    points
        Points of a cloud of one class.
    seed
        Of the draws.
    """

    kinds: tuple[str, ...] = ("plain", "residual")
    seeds: int = 12
    activations: tuple[str, ...] = (FIRST, *LATER, "elu")
    blocks: int = 8
    width: int = 16
    steps: tuple[int, ...] = (400, 400, 800, 400)
    moments: tuple[int, ...] = (25, 50, 75, 100, 150, 200, 300)
    points: int = 75
    seed: int = 0


FULL = Design()
QUICK = replace(
    FULL,
    seeds=8,
    activations=FULL.activations[:3],
    blocks=4,
    width=8,
    steps=(300, 300, 500),
    moments=FULL.moments[:-1],
)
ACCURATE = 0.9
"""Seeds whose worst network ends below this accuracy do not count: it has learned little."""


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks at all moments."""
    members = tuple(Member(seed) for seed in range(design.seeds))
    return [
        one
        for kind in design.kinds
        for activation, steps in zip(design.activations, design.steps, strict=True)
        for one in materials_digit_nets.nets(
            NetRecipe(
                kind,
                design.blocks,
                design.width,
                activation,
                members=members,
                steps=steps,
                moments=design.moments,
            ),
            progress=progress,
        )
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that fit; refused where networks do not say their activation function and seed."""
    units = units_of(subjects)
    whole = [unit for unit, own in units.items() if {FIRST, *LATER} <= set(own)]
    if len(whole) < M5.rule.fewest:
        have = sorted({str(one.covariates.get("activation", "none")) for one in subjects})
        msg = (
            f"study magai-activations: {len(whole)} seeds with networks of relu, tanh and sigmoid "
            f"(activation functions told: {', '.join(have)}); needed are {M5.rule.fewest}. Bring a "
            "population folder whose population.csv has the columns run, activation and seed, and "
            "kind where there are several (docs/howto/population.md)."
        )
        raise TooFewSamplesError(msg)
    labels = subjects[0].open().labels
    assert labels is not None  # checked by `Needs`
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    return replace(
        design,
        kinds=("given",),
        seeds=len(whole),
        blocks=max(len(subjects[0].open().layers) - 2, 0),
        points=int(min(design.points, max(counts.min(), 16))),
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by blocks and channels; two moments of every network."""
    step = 2.5e-4 * (3 + 1.6 * design.blocks * (1 + (design.width / 16) ** 1.5))
    count = len(design.kinds) * len(design.activations) * design.seeds
    kept = 0.01 * len(design.moments)  # activations on all images, written at every moment
    each = 0.05 * (design.blocks + 2)
    trained = len(design.kinds) * design.seeds * sum(design.steps) * step
    return trained + kept * count, 2 * each * count


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network at one moment.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    unit
        Kind and seed.
    equal, last
        Whether this is the moment of equal accuracy, and whether it is the last.
    points, seed
        See `Design`.
    """

    code: str
    subject: str
    unit: str
    equal: bool
    last: bool
    points: int
    seed: int


def units_of(subjects: Sequence[Subject]) -> dict[str, dict[str, list[Subject]]]:
    """Kind and seed -> activation function -> moments of the network, in order."""
    found: dict[str, dict[str, list[Subject]]] = {}
    for one in sorted(subjects, key=lambda one: one.moment):
        known = one.covariates
        unit = f"{known.get('kind', 'given')} seed {known.get('seed', '')}"
        found.setdefault(unit, {}).setdefault(str(known.get("activation")), []).append(one)
    return found


def equally_accurate(moments: Mapping[str, Sequence[float]]) -> dict[str, int]:
    """Activation function -> its first moment as accurate as the worst network at its end.

    >>> equally_accurate({"relu": [0.1, 0.8, 0.9], "tanh": [0.1, 0.7, 0.8]})
    {'relu': 1, 'tanh': 2}
    """
    target = min(own[-1] for own in moments.values())
    return {
        name: next(k for k, accuracy in enumerate(own) if accuracy >= target)
        for name, own in moments.items()
    }


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and moment that counts."""
    code = code_of(*SOURCES)
    made = []
    for unit, own in units_of(subjects).items():
        if not {FIRST, *LATER} <= set(own):
            continue
        for moments in own.values():
            missing = [one.network for one in moments if one.covariates.get("test") is None]
            if missing:
                msg = (
                    f"study magai-activations: the test accuracy of {missing[0]!r} is not known, "
                    "and networks are compared where they are equally accurate. Capture with "
                    "labels of the classes they tell apart."
                )
                raise UsageError(msg)
        accuracies = {
            name: [float(one.covariates["test"]) for one in moments]
            for name, moments in own.items()
        }
        if min(every[-1] for every in accuracies.values()) < ACCURATE:
            continue
        equal = equally_accurate(accuracies)
        for name, moments in own.items():
            for k in sorted({equal[name], len(moments) - 1}):
                job = Job(
                    code,
                    moments[k].identity,
                    unit,
                    k == equal[name],
                    k == len(moments) - 1,
                    design.points,
                    design.seed,
                )
                made.append(Task(job, f"{moments[k].network}, moment {k}"))
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Lifespan sums of classes, and of as many points of all, at every layer."""
    subject = subjects[job.subject]
    acts = subject.open()
    base = {
        "unit": job.unit,
        "kind": job.unit.split(" seed ")[0],
        "activation": str(subject.covariates.get("activation")),
        "test": float(subject.covariates["test"]),
        "equal": job.equal,
        "last": job.last,
    }
    return [{**base, **row} for row in layer_sums(acts, job.points, job.seed)]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers the claim is decided on."""

    degree: int = 0
    scale: str = "minmax"
    pooled: bool = False
    when: str = "equal"
    later: tuple[str, ...] = LATER
    logits: bool = True
    kind: str = ""


VARIANTS = {
    "": Variant(),
    "H1": Variant(degree=1),
    "distances over their mean": Variant(scale="mean_distance"),
    "activations as they are": Variant(scale="none"),
    "classes pooled": Variant(pooled=True),
    "equal steps": Variant(when="last"),
    "tanh alone": Variant(later=("tanh",)),
    "sigmoid alone": Variant(later=("sigmoid",)),
    "without the logits": Variant(logits=False),
    "plain alone": Variant(kind="plain"),
    "residual alone": Variant(kind="residual"),
}
ARRANGEMENTS = 999


def depths_of(table: pd.DataFrame, variant: Variant, activations: Sequence[str]) -> Array:
    """(units, activations) half depths; of units with all of the activations."""
    rows = table[table[variant.when].astype(bool) & (table["scale"] == variant.scale)]
    rows = rows[(rows["degree"] == variant.degree) & (rows["pooled"] == variant.pooled)]
    rows = rows[rows["activation"].isin(activations)]
    if variant.kind:
        rows = rows[rows["kind"] == variant.kind]
    wide = rows.pivot(index=["unit", "activation"], columns="layer", values="value")
    found = []
    for _, own in wide.groupby(level="unit", sort=True):
        curves = own.droplevel("unit")
        if set(activations) <= set(curves.index):
            # Networks of several kinds may have other numbers of layers.
            there = curves.loc[list(activations)].dropna(axis=1).to_numpy(dtype=np.float64)
            found.append(half_depths(there if variant.logits else there[:, :-1]))
    return np.array(found, dtype=np.float64).reshape(len(found), len(activations))


def half_depths(sums: Array) -> Array:
    """(...) relative depth at which (..., layers) sums fall below half of their largest value.

    Behind the largest value, between layers on a straight line; 1 where they never do.

    >>> half_depths(np.array([[2.0, 4.0, 0.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0, 3.0]])).tolist()
    [0.375, 1.0]
    """
    layers = sums.shape[-1]
    half = sums.max(axis=-1, keepdims=True) / 2
    behind = np.arange(layers) > sums.argmax(axis=-1)[..., None]
    below = behind & (sums < half)
    first = np.where(below.any(axis=-1), below.argmax(axis=-1), layers - 1)[..., None]
    last = np.maximum(first - 1, 0)
    before, after = (np.take_along_axis(sums, k, axis=-1) for k in (last, first))
    drop = before - after
    share = np.divide(before - half, drop, out=np.ones_like(drop), where=drop > 0)
    depth = (last + np.clip(share, 0, 1)) / (layers - 1)
    return np.asarray(np.where(below.any(axis=-1), depth[..., 0], 1.0))


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of the claim under one of its choices."""
    variant = VARIANTS[choice]
    depths = depths_of(table, variant, (FIRST, *variant.later))
    if len(depths) < M5.rule.fewest:
        return None
    rng = np.random.default_rng(0)
    orders = np.array(list(permutations(range(depths.shape[1]))))
    which = rng.integers(len(orders), size=(ARRANGEMENTS, len(depths)))
    shuffled = np.take_along_axis(depths[None], orders[which], axis=2)
    return evidence_of_mean(
        earlier(depths),
        M5.rule,
        arrangements=earlier(shuffled).mean(axis=1),
        comparisons=len(CLAIMS),
        unit="seed",
    )


def earlier(depths: Array) -> Array:
    """(...) by how much the first of (..., activations) lies before the earliest other."""
    return np.asarray(depths[..., 1:].min(axis=-1) - depths[..., 0])


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Sums over depth by activation function, for every kind of network."""
    panels = []
    for kind, own in table.groupby("kind", sort=True):
        for when, title in (("equal", "equal accuracy"), ("last", "at the end")):
            rows = own[own[when].astype(bool) & (own["scale"] == "minmax")]
            rows = rows[(rows["degree"] == 0) & ~rows["pooled"].astype(bool)]
            curves = []
            for name, some in rows.groupby("activation", sort=True):
                sums = some.pivot(index="unit", columns="layer", values="value").to_numpy()
                shares = sums / np.maximum(sums.max(axis=1, keepdims=True), 1e-300)
                places = np.linspace(0, 1, sums.shape[1]).round(3).tolist()
                curves.append(curve_of_means(str(name), places, shares))
            panels.append(
                Panel(f"{kind}, {title}", "depth", "share of the largest", curves, line=0.5)
            )
    caption = (
        "Lifespan sums of classes (H0, features between 0 and 1) over depth by activation "
        "function, over the largest of the network. Means over seeds with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/magai_activations.py",
    "studies/magai_sums.py",
    *materials_digit_nets.SOURCES,
)
STUDY = Definition(
    name="magai-activations",
    question="Does ReLU simplify topology in earlier layers than tanh and sigmoid?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=3 * M5.rule.fewest, samples=64, labels=True, layers=4),
    design_for=design_for,
    sources=SOURCES,
)
