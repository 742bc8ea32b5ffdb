"""Naitzat, Zhitnikov, Lim 2020: well-trained networks reduce a class to one connected component.

Networks learn two entangled classes of known Betti numbers (D-I: nine disks in a square, D-II: nine
pairs of linked rings, D-III: nine nested spheres). Betti numbers of one class are counted at every
layer, at one scale of hops in the graph of nearest neighbors: that at which the known numbers come
out at the input, on a plateau. Networks (seeds) are the units.

It takes no RUNs: the scale is found by known Betti numbers of the input, which are not known there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.errors import TooFewSamplesError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import flat
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import KNOWN_BETTI, MATERIAL_SOURCES, Mlps, Subject, mlps
from toposcope.studies.naitzat_statistics import (
    half_depth,
    hop_betti,
    omegas,
    plateau,
    rips_betti,
)
from toposcope.studies.study import Definition, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean, evidence_of_share

if TYPE_CHECKING:
    import pandas as pd

PAPER = "Naitzat, Zhitnikov, Lim 2020 (JMLR 21)"

# ---------------------------------------------------------------------------------------- claims

SETTINGS = (
    "fewer neighbors",
    "more neighbors",
    "another scale",
    "distances over their mean",
    "other class",
    "networks of any accuracy",
)
KINDS = {"disks9": "D-I", "rings9": "D-II", "spheres9": "D-III"}
"""Kinds of `materials.shapes`, and their names in the paper."""
ACTIVATIONS = ("relu", "leaky_relu", "tanh")
"""In the order in which they are claimed to be fast."""
MAIN = "hops, neighbors and scale from the input's plateau, class M_a, accurate networks"

N1 = Claim(
    "N1",
    PAPER,
    "Well-trained ReLU networks reduce a class to one component without holes.",
    Unit.NETWORK,
    "share of networks whose class has beta_0 + beta_1 = 1 in the last hidden layer, on the data "
    "where fewest do",
    # "Nearly always": most of them for sure, and four of five possible. Every kind of data has to
    # do it; the intervals count the kinds, so that having taken the lowest share does not matter.
    Rule(threshold=0.5, least=0.8),
    "the same networks before their training",
    (*SETTINGS, "logits", *KINDS.values()),
    f"{MAIN}, all data of the design",
)
N2 = Claim(
    "N2",
    PAPER,
    "Betti numbers fall in earlier layers with ReLU than with LeakyReLU than with tanh.",
    Unit.NETWORK,
    "depth at which half of what beta_0 + beta_1 has above 1 is gone, over the number of hidden "
    "layers: the smaller difference of LeakyReLU - ReLU and tanh - LeakyReLU",
    # The order asks for both differences; the interval counts two, as the smaller was taken.
    Rule(threshold=0.0),
    "the two activations swapped inside seeds",
    (*SETTINGS, "ReLU before tanh alone"),
    f"{MAIN}, D-I",
)
CLAIMS = (N1, N2)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    data
        Kinds of `materials.shapes`; the first is that of N2.
    networks, depth, width, steps, learning_rates, train
        Networks of each recipe, hidden layers, and their training; the rates by kind of data
        (rings and spheres, whose coordinates are 5 times as large, need the higher one).
    accuracy
        Networks with less training accuracy are not counted.
    points, draws
        Points of a cloud of one class, and disjoint clouds at every layer.
    neighbors, hops
        Settings among which that of the plateau is chosen.
    scales
        Of distances over their mean, likewise.
    labels
        Classes: 0 is M_a of the paper.
    seed
        Of data, training and draws.
    """

    data: tuple[str, ...] = tuple(KINDS)
    networks: int = 30
    depth: int = 6
    width: int = 25
    steps: int = 6000
    learning_rates: tuple[float, ...] = (5e-3, 1e-2, 1e-2)
    train: int = 3000
    accuracy: float = 0.99
    points: int = 900
    draws: int = 2
    neighbors: tuple[int, ...] = (10, 14, 20)
    hops: tuple[float, ...] = (1.0, 2.0, 3.0)
    scales: tuple[float, ...] = (0.12, 0.14, 0.16, 0.18, 0.2, 0.24, 0.28)
    labels: tuple[int, ...] = (0, 1)
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, data=("disks9", "rings9"), networks=10, steps=2000, draws=1, labels=(0,))


def recipes(design: Design) -> list[Mlps]:
    """The networks that the study trains: ReLU on all data, the other activations on the first."""
    kinds = [(data, "relu") for data in design.data]
    kinds += [(design.data[0], activation) for activation in ACTIVATIONS[1:]]
    return [
        Mlps(
            data=data,
            networks=design.networks,
            depth=design.depth,
            width=design.width,
            activation=activation,
            train=design.train,
            # Two draws at the input in any case: a setting has to be right in both.
            fresh=2 * max(design.draws, 2) * design.points + 400,
            steps=design.steps,
            learning_rate=design.learning_rates[design.data.index(data)],
            seed=design.seed,
        )
        for data, activation in kinds
    ]


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The networks before and after their training."""
    return [one for recipe in recipes(design) for one in mlps(recipe, progress=progress)]


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all clouds (0.05 s for 900 points and one setting)."""
    kinds = len(design.data) + 2
    train = 0.0013 * design.networks * design.steps * kinds * design.depth / 6
    layers = kinds * (design.depth + 1) + len(design.data) * 2
    settings = len(design.neighbors) + 1
    clouds = design.networks * layers * len(design.labels) * design.draws * settings
    return train, clouds * 0.05 * (design.points / 900) ** 2


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network at one moment, or the input of one kind of data.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    layers
        Depths that are measured; 0 is the input, negative ones count from the logits.
    draws, points, neighbors, hops, scales, labels, seed
        See `Design`.
    """

    code: str
    subject: str
    layers: tuple[int, ...]
    draws: int
    points: int
    neighbors: tuple[int, ...]
    hops: tuple[float, ...]
    scales: tuple[float, ...]
    labels: tuple[int, ...]
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and moment, and one per kind of data for the input that all share."""
    inside = tuple(range(1, design.depth + 2))
    fixed = (
        design.points,
        design.neighbors,
        design.hops,
        design.scales,
        design.labels,
        design.seed,
    )
    made, seen, code = [], set(), code_of(*MATERIAL_SOURCES, *SOURCES)
    for one in subjects:
        data, activation = one.covariates["data"], one.covariates["activation"]
        jobs: list[tuple[tuple[int, ...], int, str]] = []
        if data not in seen:
            seen.add(data)
            jobs.append(((0,), max(design.draws, 2), f"{KINDS.get(data, data)}, the input"))
        if one.moment > 0:
            jobs.append((inside, design.draws, one.network))
        elif activation == "relu":  # the null of N1 is of the last layers alone
            jobs.append((inside[-2:], design.draws, f"{one.network}, untrained"))
        made += [
            Task(Job(code, one.identity, layers, draws, *fixed), title)
            for layers, draws, title in jobs
        ]
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Betti numbers of both classes at every layer and setting of one network."""
    subject = subjects[job.subject]
    acts = subject.open()
    rows: list[dict[str, Any]] = []
    for label in job.labels:
        among = np.flatnonzero(acts.labels == label)
        order = np.random.default_rng([job.seed, label]).permutation(among)
        for draw in range(job.draws):
            chosen = np.sort(order[draw * job.points : (draw + 1) * job.points])
            for depth in job.layers:
                cloud = flat(acts.rows(acts.layers[depth], chosen))
                where = {
                    "network": subject.network,
                    "data": subject.covariates["data"],
                    "activation": subject.covariates["activation"],
                    "seed": int(subject.covariates["seed"]),
                    "moment": subject.moment,
                    "train": float(subject.covariates["train"]),
                    "test": float(subject.covariates["test"]),
                    "label": label,
                    "layer": depth,
                    "draw": draw,
                }
                found = [
                    ("hops", k, job.hops, hop_betti(cloud, k, job.hops)) for k in job.neighbors
                ]
                if job.scales:
                    found.append(("mean distance", 0, job.scales, rips_betti(cloud, job.scales)))
                rows += [
                    where
                    | {
                        "metric": metric,
                        "neighbors": k,
                        "scale": float(scale),
                        "betti0": int(b0),
                        "betti1": int(b1),
                    }
                    for metric, k, scales, betti in found
                    for scale, (b0, b1) in zip(scales, betti, strict=True)
                ]
    return rows


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which rows of the table a claim is decided on."""

    metric: str = "hops"
    label: int = 0
    step: int = 0
    scale: int = 0
    accurate: bool = True
    logits: bool = False
    data: str = ""
    pairs: tuple[tuple[str, str], ...] = (("relu", "leaky_relu"), ("leaky_relu", "tanh"))


VARIANTS = {
    "": Variant(),
    "fewer neighbors": Variant(step=-1),
    "more neighbors": Variant(step=1),
    "another scale": Variant(scale=1),
    "distances over their mean": Variant(metric="mean distance"),
    "other class": Variant(label=1),
    "networks of any accuracy": Variant(accurate=False),
    "logits": Variant(logits=True),
    "ReLU before tanh alone": Variant(pairs=(("relu", "tanh"),)),
    **{name: Variant(data=data) for data, name in KINDS.items()},
}


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices.

    None for a choice that was not measured: where the known Betti numbers of the input do not come
    out under it, or for fewer networks than the rule needs.
    """
    variant = VARIANTS[choice]
    try:
        return {"N1": simplifies, "N2": faster}[claim.id](table, design, variant)
    except TooFewSamplesError:
        if choice:
            return None
        raise


def setting(
    table: pd.DataFrame, design: Design, data: str, variant: Variant
) -> tuple[int, float] | None:
    """Neighbors and scale at which the known Betti numbers come out at the input, in every draw.

    Of all such settings that with most of them around it; a variant takes another one that is right
    too. None when there is none.
    """
    rows = table[
        (table["data"] == data)
        & (table["layer"] == 0)
        & (table["label"] == variant.label)
        & (table["metric"] == variant.metric)
    ]
    if not len(rows):
        return None
    known = KNOWN_BETTI[data][variant.label]
    good = (rows["betti0"] == known[0]) & (rows["betti1"] == known[1])
    grid = good.groupby([rows["neighbors"], rows["scale"]]).all().unstack("scale")
    right = grid.to_numpy(dtype=bool)
    place = plateau(right)
    if place is None:
        return None
    row, column = place[0] + variant.step, place[1]
    if variant.scale:
        others = [j for j in np.flatnonzero(right[row]) if j != column]
        if not others:
            return None
        column = int(max(others, key=lambda j: abs(j - column)))
    if not (0 <= row < len(right) and right[row, column]):
        return None
    return int(grid.index[row]), float(grid.columns[column])


def measured(
    table: pd.DataFrame, design: Design, data: str, variant: Variant
) -> pd.DataFrame | None:
    """Rows of one kind of data at its setting, of the networks that count; None without a setting.

    The training accuracy of a network before its training counts for nothing.
    """
    found = setting(table, design, data, variant)
    if found is None:
        return None
    rows = table[
        (table["data"] == data)
        & (table["label"] == variant.label)
        & (table["metric"] == variant.metric)
        & (table["neighbors"] == found[0])
        & np.isclose(table["scale"], found[1])
        & (table["layer"] > 0)
    ]
    if not variant.accurate:
        return rows
    trained = rows[(rows["moment"] > 0) & (rows["train"] >= design.accuracy)]
    return rows[rows["network"].isin(trained["network"])]


def simplifies(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence | None:
    """N1: the share of networks that reach (1, 0), on the data where fewest do."""
    last = design.depth + variant.logits
    asked = [variant.data] if variant.data else list(design.data)
    found = []
    for data in (one for one in asked if one in design.data):
        rows = measured(table, design, data, variant)
        if rows is None:
            continue
        rows = rows[(rows["layer"] == last) & (rows["activation"] == "relu")]
        reached = [omegas(rows[(rows["moment"] > 0) == late])[last] < 1.5 for late in (True, False)]
        found.append(
            evidence_of_share(
                reached[0].to_numpy(),
                N1.rule,
                null=reached[1].to_numpy(),
                comparisons=len(CLAIMS) * len(asked),
            )
        )
    return min(found, key=lambda one: (one.interval.value, -one.p), default=None)


def half_depths(
    table: pd.DataFrame, design: Design, variant: Variant
) -> dict[str, pd.Series] | None:
    """By activation and seed: the depth of half omega over the number of hidden layers, on D-I."""
    import pandas as pd

    data = design.data[0]
    rows = measured(table, design, data, variant)
    if rows is None:
        return None
    rows = rows[(rows["moment"] > 0) & (rows["layer"] <= design.depth)]
    made = {}
    for name in ACTIVATIONS:
        omega = omegas(rows[rows["activation"] == name])
        first = np.full((len(omega), 1), float(sum(KNOWN_BETTI[data][variant.label][:2])))
        depth = half_depth(np.hstack([first, omega.to_numpy()])) if len(omega) else np.empty(0)
        made[name] = pd.Series(np.asarray(depth) / design.depth, index=omega.index)
    return made


def faster(table: pd.DataFrame, design: Design, variant: Variant) -> Evidence | None:
    """N2: the smaller of the differences between neighboring activations, by seed."""
    depths = half_depths(table, design, variant)
    if depths is None:
        return None
    found = []
    for early, late in variant.pairs:
        apart = (depths[late] - depths[early]).dropna().to_numpy()
        found.append(
            evidence_of_mean(
                apart,
                N2.rule,
                null=np.zeros(len(apart)),
                comparisons=len(CLAIMS) * len(variant.pairs),
            )
        )
    return min(found, key=lambda one: one.interval.value)


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Omega over layers by data with ReLU, and by activation on the first kind of data."""
    wanted = [(KINDS[data], data, "relu") for data in design.data]
    by_activation = [(name, design.data[0], name) for name in ACTIVATIONS]
    panels = []
    for title, curves in (("ReLU", wanted), (KINDS[design.data[0]], by_activation)):
        drawn = [_curve(table, design, *one) for one in curves]
        panels.append(
            Panel(
                title,
                "layer (0 is the input, the last the logits)",
                "beta_0 + beta_1",
                [one for one in drawn if one is not None],
                line=1.0,
            )
        )
    caption = (
        "Total Betti number of class M_a over layers of accurate networks, at the neighbors and "
        "the scale at which the known numbers come out at the input. Means over networks; bands "
        "are 95 % t-intervals over networks."
    )
    return Figure(caption, panels)


def _curve(
    table: pd.DataFrame, design: Design, title: str, data: str, activation: str
) -> Curve | None:
    rows = measured(table, design, data, Variant())
    if rows is None:
        return None
    omega = omegas(rows[(rows["moment"] > 0) & (rows["activation"] == activation)])
    if not len(omega):
        return None
    first = np.full((len(omega), 1), float(sum(KNOWN_BETTI[data][0][:2])))
    return curve_of_means(title, range(design.depth + 2), np.hstack([first, omega.to_numpy()]))


SOURCES = ("studies/naitzat.py", "studies/naitzat_statistics.py")
STUDY = Definition(
    name="naitzat",
    question="Do well-trained networks reduce a class to one component, and ReLU the fastest?",
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
)
