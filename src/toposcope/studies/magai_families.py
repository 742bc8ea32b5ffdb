"""Magai 2023: "convolutional networks and Transformers have distinct profiles over depth".

Convolutional, residual and Transformer networks of one depth and width learn scikit-learn's digits.
Lifespan sums of every class and PH-dimension over depth make one curve a network; curves are put
into two clusters without being told their families. Networks are the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope import dimension, homology
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import flat
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.magai_sums import rows_by_class, sums_by_scale, told
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_share

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Magai 2023 (arXiv 2306.03406)"

# ---------------------------------------------------------------------------------------- claims

MAIN_FAMILIES = ("cnn", "vit")
PLAIN_CHOICES = (
    "H1",
    "PH-dimension",
    "distances over their mean",
    "activations as they are",
    "classes pooled",
    "without the logits",
)

M8 = Claim(
    "M8",
    PAPER,
    "Convolutional networks and Transformers have distinct depth profiles.",
    Unit.NETWORK,
    "whether the network lies in the cluster of its family, of two clusters of curves over depth; "
    "the share of such networks",
    # papers.md: adjusted Rand index above 0.5, which of two families of one size is a share of
    # 0.85. A share has an interval over networks.
    Rule(threshold=0.7, least=0.85),
    "families shuffled over networks",
    (*PLAIN_CHOICES, "residual against Transformer", "convolutional against residual"),
    "plain convolutional networks against Transformers; H0 of every class of held-out images, "
    "features between 0 and 1, mean over classes, over the largest of the network; Ward's clusters",
)
CLAIMS = (M8,)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    families, steps
        Kinds of networks and the steps of their training.
    seeds
        Networks of each family.
    depth, width
        Of all networks.
    points, pooled
        Points of a cloud of one class, and of the cloud whose dimension is measured.
    seed
        Of the first network and of the draws.
    """

    families: tuple[str, ...] = ("cnn", "resnet", "vit")
    steps: tuple[int, ...] = (150, 150, 500)
    seeds: int = 16
    depth: int = 8
    width: int = 16
    points: int = 75
    pooled: int = 600
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, steps=(120, 120, 350), seeds=8, depth=6, pooled=400)


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained networks, logits as their last layer."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(
            kind=kind, depth=design.depth, width=design.width, steps=steps, seed=design.seed + k
        )
        for kind, steps in zip(design.families, design.steps, strict=True)
        for k in range(design.seeds)
    ]
    return digit_networks(recipes, logits=True, progress=progress)


def family_of(subject: Subject) -> str:
    """What its population calls its family, else the kind of network."""
    told_of = subject.covariates
    return str(told_of.get("family") or told_of.get("kind") or "given")


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that fit; refused where there are not two families of four networks or more."""
    ends = [family_of(one) for one in at_the_end(subjects)]
    count = {name: ends.count(name) for name in dict.fromkeys(ends)}
    own = [name for name, networks in count.items() if networks >= M8.rule.fewest // 2]
    if len(own) < 2 or (len(own) > 2 and not set(MAIN_FAMILIES) <= set(own)):
        have = ", ".join(f"{name} ({networks})" for name, networks in count.items())
        msg = (
            f"study magai-families: families {have}; needed are two of {M8.rule.fewest // 2} "
            "networks or more (of more than two, cnn and vit are compared). Bring a population "
            "folder whose population.csv has the columns run and family (docs/howto/population.md)."
        )
        raise UsageError(msg)
    labels = subjects[0].open().labels
    assert labels is not None  # checked by `Needs`
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    points = int(min(design.points, max(counts.min(), 16)))
    seeds = -(-sum(count[name] for name in own) // len(own))  # for the forecast
    depth = len(subjects[0].open().layers) - 1
    return replace(design, families=tuple(own), steps=(), seeds=seeds, depth=depth, points=points)


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by kind and depth; sums and a dimension of every layer."""
    step = {"cnn": 0.004, "resnet": 0.005, "vit": 0.006}
    train = sum(
        design.seeds * design.depth * steps * step.get(kind, 0.0)
        for kind, steps in zip(design.families, design.steps, strict=False)
    )
    each = 0.03 + 0.06 * (design.pooled / 400) ** 2
    return train, len(design.families) * design.seeds * (design.depth + 1) * each


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    points, pooled, seed
        See `Design`.
    """

    code: str
    subject: str
    points: int
    pooled: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, at the end of its training."""
    code = code_of(*SOURCES)
    return [
        Task(Job(code, one.identity, design.points, design.pooled, design.seed), one.network)
        for one in at_the_end(subjects)
        if family_of(one) in design.families
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Lifespan sums and PH-dimension of every layer."""
    subject = subjects[job.subject]
    acts = subject.open()
    rng = np.random.default_rng(job.seed)
    classes = rows_by_class(np.asarray(acts.labels), job.points, rng)
    order = rng.permutation(acts.n)
    base = {"network": subject.network, "family": family_of(subject)}
    rows: list[dict[str, Any]] = []
    for depth, layer in enumerate(acts.layers):
        X = flat(acts.rows(layer, np.arange(acts.n)))
        place = {**base, "layer": depth, "name": layer}
        for together, clouds in ((False, classes), (True, [order[: job.points]])):
            found = told(sums_by_scale(X, clouds))
            rows += [{**place, "what": "sum", "pooled": together, **row} for row in found]
        D = homology.distances(X[order[: job.pooled]])
        value = dimension.ph_dimension_from_distances(D, replicates=4, seed=job.seed)[0]
        whole = {"what": "dimension", "pooled": True, "scale": "none", "degree": 0}
        rows.append({**place, **whole, "value": float(value)})
    return rows


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers the claim is decided on."""

    what: str = "sum"
    degree: int = 0
    scale: str = "minmax"
    pooled: bool = False
    logits: bool = True
    families: tuple[str, ...] = ()


VARIANTS = {
    "": Variant(),
    "H1": Variant(degree=1),
    "PH-dimension": Variant(what="dimension", scale="none", pooled=True),
    "distances over their mean": Variant(scale="mean_distance"),
    "activations as they are": Variant(scale="none"),
    "classes pooled": Variant(pooled=True),
    "without the logits": Variant(logits=False),
    "residual against Transformer": Variant(families=("resnet", "vit")),
    "convolutional against residual": Variant(families=("cnn", "resnet")),
}
ARRANGEMENTS = 999
PLACES = 9
"""Relative depths at which curves of networks of several depths are compared."""


def profiles(table: pd.DataFrame, variant: Variant) -> tuple[Array, NDArray[np.str_]]:
    """(networks, places) curves over depth, over the largest of each, and (networks,) families."""
    rows = table[(table["what"] == variant.what) & (table["scale"] == variant.scale)]
    rows = rows[(rows["degree"] == variant.degree) & (rows["pooled"] == variant.pooled)]
    curves, families = [], []
    for _, own in rows.groupby("network", sort=True):
        values = own.sort_values("layer")["value"].to_numpy(dtype=np.float64)
        values = values if variant.logits else values[:-1]
        at = np.linspace(0, 1, len(values))
        curve = np.interp(np.linspace(0, 1, PLACES), at, values)
        curves.append(curve / max(curve.max(), 1e-300))
        families.append(str(own["family"].iloc[0]))
    return np.array(curves, dtype=np.float64), np.array(families)


def two_clusters(curves: Array) -> NDArray[np.intp]:
    """(networks,) 0 or 1: Ward's clusters, cut into two.

    >>> two_clusters(np.array([[0.0], [0.1], [5.0], [5.1]])).tolist()
    [0, 0, 1, 1]
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    found = fcluster(linkage(curves, "ward"), 2, "maxclust")
    return np.asarray(found != found[0], dtype=np.intp)


def in_own(clusters: NDArray[np.intp], first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(..., networks) whether networks lie in the cluster of their family.

    Which cluster is whose is chosen so that more do; the null chooses alike.

    Parameters
    ----------
    clusters
        (networks,) 0 or 1.
    first
        (..., networks) whether they are of the first family.

    Examples
    --------
    >>> in_own(np.array([0, 0, 1, 1]), np.array([False, False, False, True])).tolist()
    [True, True, False, True]
    """
    same = first == (clusters == 1)
    turned = same.mean(axis=-1, keepdims=True) < 0.5
    return np.asarray(same ^ turned)


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of the claim under one of its choices."""
    variant = VARIANTS[choice]
    curves, families = profiles(table, variant)
    there = sorted(set(families.tolist()))
    wanted = variant.families or (MAIN_FAMILIES if set(MAIN_FAMILIES) <= set(there) else there)
    if len(wanted) != 2 or not set(wanted) <= set(there):
        return None
    chosen = np.isin(families, list(wanted))
    curves, first = curves[chosen], families[chosen] == wanted[0]
    if len(curves) < M8.rule.fewest:
        return None
    clusters = two_clusters(curves)
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.tile(first, (ARRANGEMENTS, 1)), axis=1)
    return evidence_of_share(
        in_own(clusters, first),
        M8.rule,
        arrangements=in_own(clusters, shuffled).mean(axis=1),
        comparisons=len(CLAIMS),
    )


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Curves over depth by family: sums under every scale, and dimensions."""
    named = {
        "features in [0, 1]": Variant(),
        "over the mean distance": Variant(scale="mean_distance"),
        "as they are": Variant(scale="none"),
        "PH-dimension": VARIANTS["PH-dimension"],
    }
    panels = []
    for title, variant in named.items():
        curves, families = profiles(table, variant)
        places = np.linspace(0, 1, PLACES).tolist()
        drawn = [
            curve_of_means(name, places, curves[families == name])
            for name in sorted(set(families.tolist()))
        ]
        what = title if variant.what == "dimension" else f"H0 sums, {title}"
        panels.append(Panel(what, "depth", "share of the largest", drawn))
    caption = (
        "Lifespan sums of classes (H0) and PH-dimension over depth by family, over the largest of "
        "each network. Means over networks with 95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = ("studies/magai_families.py", "studies/magai_sums.py", *DIGIT_SOURCES)
STUDY = Definition(
    name="magai-families",
    question="Have convolutional networks and Transformers distinct profiles over depth?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=M8.rule.fewest, samples=64, labels=True, layers=4, common_data=False),
    design_for=design_for,
    sources=SOURCES,
)
