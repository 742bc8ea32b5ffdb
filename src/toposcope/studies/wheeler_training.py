"""Wheeler, Bouza and Bubenik 2021: "the topological complexity often increases with training".

Thirty fully connected networks of 10 layers 15 wide learn to tell disks from what lies around them.
At milestones of their training accuracy the landscape norm of every layer is measured on fresh
samples of one class, under the four metrics of the paper's code. Networks are the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope import homology
from toposcope.diagrams.summaries import finite, landscape, landscape_norm
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.materials import MATERIAL_SOURCES, Mlps, Subject, mlps
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import (
    Evidence,
    evidence_of_largest,
    evidence_of_mean,
    jackknife,
)
from toposcope.studies.wheeler_statistics import (
    complexity,
    landscapes,
    largest_increase,
    layer_share,
    left_out,
    rising,
    shuffled,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Wheeler, Bouza, Bubenik 2021 (arXiv 2110.10136)"

# ---------------------------------------------------------------------------------------- claims

SCALES = ("mean_distance", "none", "geodesic", "local")
"""Metrics of the paper's code: distances over their mean (main), as they are, hops in the graph of
12 nearest neighbors, and the cloud with the outer half collapsed."""
OTHER_SCALES = ("distances as they are", "geodesic", "local")
OTHERS = (*OTHER_SCALES, "H0", "other class")
DATA = ("six disks", "annuli")
MAIN = "distances over their mean, H1, the class around the disks, four disks"

W1 = Claim(
    "W1",
    PAPER,
    "The topological complexity often increases with training.",
    Unit.NETWORK,
    "share of layers whose landscape norm rises with the milestones of training accuracy",
    Rule(threshold=0.5),
    "milestones shuffled inside every network",
    (*OTHERS, "without the untrained network", *DATA),
    MAIN,
)
W2 = Claim(
    "W2",
    PAPER,
    "The topological complexity does not decrease with each layer.",
    Unit.NETWORK,
    "largest increase of the landscape norm from a layer to the next, over the mean norm; found on "
    "half of the draws and measured on the others",
    # That every layer lessens it is the opposite: then the increase is below 0. Counting networks
    # with a significant increase would take too few draws for a decrease.
    Rule(threshold=0.0),
    "layers shuffled draw by draw",
    (*OTHERS, *DATA),
    MAIN,
)
W3 = Claim(
    "W3",
    PAPER,
    "Whether complexity increases depends on how distances are scaled.",
    Unit.NETWORK,
    "largest difference between two metrics in the share of layers that rise",
    Rule(threshold=0.25),
    "metrics shuffled inside every network",
    ("H0", "other class", *DATA),
    "H1, the class around the disks, four disks",
)
W4 = Claim(
    "W4",
    PAPER,
    "Landscapes separate trained from untrained networks.",
    Unit.NETWORK,
    "balanced accuracy of kernel least squares on landscapes of all layers, left out by network",
    # Clearly above chance (0.5); 0.75 itself would need 19 networks of which none is mistaken.
    Rule(threshold=0.6, least=0.9),
    "trained and untrained swapped inside networks at random",
    ("geodesic", "local", "other class", *DATA),
    MAIN.replace("H1", "H0 and H1"),
)
W8 = Claim(
    "W8",
    PAPER,
    "Landscape norms differ more between layers than between networks of other seeds.",
    Unit.NETWORK,
    "share of the variance between layers minus that between networks at the same layer",
    Rule(threshold=0.0),
    "layers shuffled inside every network",
    (*OTHERS, *DATA),
    MAIN,
)
CLAIMS = (W1, W2, W3, W4, W8)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    data
        Kinds of `materials.shapes`; the first is the main one.
    networks, steps
        Trained networks of each kind, and steps of their training.
    milestones
        Training accuracies between untrained and trained.
    points, draws, draws_trained
        Points of a cloud; disjoint draws at every moment, and of the trained network.
    labels
        Classes, the main one first; -1 for all samples together.
    neighbors
        Of the geodesic graph.
    seed
        Of data, training and draws.
    """

    data: tuple[str, ...] = ("disks4", "disks6", "annuli4")
    networks: int = 30
    steps: int = 2000
    milestones: tuple[float, ...] = (0.6, 0.7, 0.8, 0.9, 0.95)
    points: int = 384
    draws: int = 2
    draws_trained: int = 6
    labels: tuple[int, ...] = (1, 0)
    neighbors: int = 12
    seed: int = 1


FULL = Design()
QUICK = replace(
    FULL,
    data=("disks4",),
    networks=12,
    steps=800,
    milestones=(0.7, 0.8, 0.9),
    points=200,
    draws_trained=4,
    labels=(1,),
)
LEVELS, GRID = 6, 40
LONGEST = {"mean_distance": 2.5, "none": np.nan, "geodesic": 12.0, "local": 2.0}
"""Where landscapes end that are kept whole; without a scale there is no common end."""


def recipes(design: Design) -> list[Mlps]:
    """The networks that the study trains."""
    return [
        Mlps(
            data=data,
            networks=design.networks,
            steps=design.steps,
            milestones=design.milestones,
            seed=design.seed,
        )
        for data in design.data
    ]


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks at all moments of their training."""
    return [one for recipe in recipes(design) for one in mlps(recipe, progress=progress)]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points and draws that fit the samples of what was handed in; all classes together."""
    n = subjects[0].open().n
    points = min(design.points, n // design.draws_trained)
    return replace(design, data=("given",), labels=(-1,), points=points, networks=0)


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all clouds: two seconds for a hundred of 300 points."""
    train = 0.0027 * design.networks * design.steps * len(design.data)
    moments = len(design.milestones) + 1
    clouds = moments * design.draws + design.draws_trained
    clouds *= design.networks * 12 * len(SCALES)
    each = 0.019 * (design.points / 300) ** 1.8
    kinds = len(design.labels) + len(design.data) - 1
    return train, clouds * each * kinds


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network at one moment.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    labels, draws, points, neighbors, seed
        See `Design`.
    whole
        Whether landscapes are kept: of the first and the last moment.
    """

    code: str
    subject: str
    labels: tuple[int, ...]
    draws: int
    points: int
    neighbors: int
    seed: int
    whole: bool


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and moment."""
    last = {one.network: one.moment for one in sorted(subjects, key=lambda one: one.moment)}
    made = []
    for one in subjects:
        trained = one.moment == last[one.network]
        main = one.covariates.get("data", "given") in (design.data[0], "given")
        job = Job(
            code_of(*MATERIAL_SOURCES, *SOURCES),
            one.identity,
            design.labels if main else design.labels[:1],
            design.draws_trained if trained else design.draws,
            design.points,
            design.neighbors,
            design.seed,
            trained or one.moment == 0,
        )
        made.append(Task(job, f"{one.network}, moment {one.moment}"))
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Landscape norms of every layer, class, metric, draw and degree of one network."""
    subject = subjects[job.subject]
    acts = subject.open()
    rows: list[dict[str, Any]] = []
    for label in job.labels:
        among = np.arange(acts.n) if label < 0 else np.flatnonzero(acts.labels == label)
        order = np.random.default_rng([job.seed, label + 1]).permutation(among)
        for depth, layer in enumerate(acts.layers):
            points = flat(acts.rows(layer, np.sort(among)))
            scale = estimate_normalizer(points)
            for draw in range(job.draws):
                cloud = flat(acts.rows(layer, order[draw * job.points : (draw + 1) * job.points]))
                for metric in SCALES:
                    D = _distances(cloud, metric, scale.scale, job.neighbors)
                    for k, pairs in enumerate(homology.rips_from_distances(D)):
                        pairs = finite(pairs)
                        rows.append(
                            {
                                "network": subject.network,
                                "moment": subject.moment,
                                "data": str(subject.covariates.get("data", "given")),
                                "milestone": float(subject.covariates.get("milestone") or np.nan),
                                "accuracy": float(subject.covariates.get("test") or np.nan),
                                "label": label,
                                "layer": depth,
                                "name": layer,
                                "scale": metric,
                                "draw": draw,
                                "degree": k,
                                "norm": landscape_norm(pairs, 2),
                                "landscape": _whole(pairs, metric) if job.whole else [],
                            }
                        )
    return rows


def _distances(cloud: Array, metric: str, scale: float, neighbors: int) -> Array:
    if metric == "geodesic":
        return homology.geodesic_distances(cloud, neighbors)
    if metric == "local":
        return homology.local_distances(cloud, 0.5)
    D = homology.distances(cloud)
    return np.asarray(D / scale if metric == "mean_distance" else D, dtype=np.float64)


def _whole(pairs: Array, metric: str) -> list[float]:
    longest = LONGEST[metric]
    if not np.isfinite(longest):
        return []
    return landscape(pairs, LEVELS, np.linspace(0, longest, GRID)).ravel().tolist()  # type: ignore[no-any-return]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which rows of the table a claim is decided on."""

    scale: str = "mean_distance"
    degree: int = 1
    label: int = 0
    data: int = 0


VARIANTS = {
    "": Variant(),
    "distances as they are": Variant(scale="none"),
    "geodesic": Variant(scale="geodesic"),
    "local": Variant(scale="local"),
    "H0": Variant(degree=0),
    "other class": Variant(label=1),
    "six disks": Variant(data=1),
    "annuli": Variant(data=2),
}
ARRANGEMENTS = 999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    deciders = {"W1": rises, "W2": climbs, "W3": depends, "W4": separates, "W8": differs}
    if choice == "without the untrained network":
        table, choice = table[table["moment"] > 0], ""
        if table["moment"].nunique() < 2:  # one moment left: nothing can rise
            return None
    variant = VARIANTS[choice]
    return deciders[claim.id](table, design, variant) if _there(variant, design) else None


def _there(variant: Variant, design: Design) -> bool:
    return variant.data < len(design.data) and variant.label < len(design.labels)


def _rows(table: pd.DataFrame, design: Design, variant: Variant) -> pd.DataFrame:
    return table[
        (table["scale"] == variant.scale)
        & (table["degree"] == variant.degree)
        & (table["label"] == design.labels[variant.label])
        & (table["data"] == design.data[variant.data])
    ]


def _trained(rows: pd.DataFrame) -> pd.DataFrame:
    last = rows.groupby("network")["moment"].transform("max")
    return rows[rows["moment"] == last]


def rises(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence:
    """W1: share of layers that rise; the input, which no training changes, left out."""
    norms = complexity(_rows(table, design, variant))[:, :, 1:]
    rng = np.random.default_rng(0)
    null = rising(shuffled(norms, rng, arrangements=ARRANGEMENTS)).mean(axis=-1)
    return evidence_of_mean(
        rising(norms), W1.rule, arrangements=null, bounds=(0, 1), comparisons=len(CLAIMS)
    )


def climbs(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence:
    """W2: the largest increase between neighboring layers of trained networks."""
    rows = _trained(_rows(table, design, variant))
    by_draw = rows.groupby(["network", "draw", "layer"], sort=True)["norm"].mean().to_xarray()
    norms = by_draw.to_numpy() / by_draw.to_numpy().mean(axis=(1, 2))[:, None, None]
    # Every draw its own order of layers: what one half of the draws finds, the other does not have.
    null = np.random.default_rng(0).permuted(norms, axis=2)
    return evidence_of_mean(
        largest_increase(np.diff(norms, axis=2)),
        W2.rule,
        null=largest_increase(np.diff(null, axis=2)),
        comparisons=len(CLAIMS),
    )


def depends(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence:
    """W3: how far two metrics differ in the share of layers that rise."""
    shares = [
        rising(complexity(_rows(table, design, replace(variant, scale=scale)))[:, :, 1:])
        for scale in SCALES
    ]
    return evidence_of_largest(
        np.stack(shares, axis=1), W3.rule, comparisons=len(CLAIMS), n_resamples=ARRANGEMENTS
    )


def separates(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence:
    """W4: left-out accuracy per network; both moments of a network are left out together."""
    rows = table[
        (table["scale"] == variant.scale)
        & (table["label"] == design.labels[variant.label])
        & (table["data"] == design.data[variant.data])
        & (table["landscape"].map(len) > 0)
    ]
    features = landscapes(rows)  # (networks, 2, numbers): untrained, trained
    truth = np.tile([-1.0, 1.0], (len(features), 1))
    right = left_out(features, truth[None])[0]
    rng = np.random.default_rng(0)
    swapped = truth * rng.choice([-1.0, 1.0], size=(ARRANGEMENTS, len(features), 1))
    null = left_out(features, swapped).mean(axis=1)
    return evidence_of_mean(
        right, W4.rule, arrangements=null, bounds=(0, 1), comparisons=len(CLAIMS)
    )


def differs(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence:
    """W8: variance between layers against that between networks at the same layer."""
    rows = _trained(_rows(table, design, variant))
    norms = np.asarray(rows.groupby(["network", "layer"])["norm"].mean().to_xarray().to_numpy())[
        :, 1:
    ]
    rng = np.random.default_rng(0)
    null = layer_share(shuffled(norms, rng, arrangements=ARRANGEMENTS))
    return evidence_of_mean(
        jackknife(lambda x: float(layer_share(x)), norms),
        W8.rule,
        arrangements=null,
        comparisons=len(CLAIMS),
    )


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Complexity over layers at every milestone, one panel per metric."""
    panels = []
    for name in ("", *OTHER_SCALES):
        rows = _rows(table, design, VARIANTS[name])
        norms = complexity(rows)
        moments = sorted(rows["moment"].unique())
        reached = rows.groupby("moment")["milestone"].first()
        curves = [
            curve_of_means(_moment(moment, reached.get(moment)), range(norms.shape[2]), norms[:, i])
            for i, moment in enumerate(moments)
        ]
        title = name or "distances over their mean"
        panels.append(
            Panel(title, "layer (0 is the input)", "landscape norm, H1", curves, ordered=True)
        )
    caption = (
        "Landscape norm of H1 over layers, at milestones of training accuracy. Means over "
        "networks; bands are 95 % t-intervals over networks."
    )
    return Figure(caption, panels)


def _moment(moment: int, milestone: float | None) -> str:
    if moment == 0:
        return "untrained"
    if milestone is None or not np.isfinite(milestone):
        return f"moment {moment}"
    return "trained" if milestone == 1.0 else f"{100 * milestone:g} %"


SOURCES = ("studies/wheeler_training.py", "diagrams/summaries.py")
STUDY = Definition(
    name="wheeler-training",
    question="Does topological complexity grow with training, and does every layer lessen it?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=10, checkpoints=3, samples=320, layers=3),
    design_for=design_for,
    sources=SOURCES,
)
