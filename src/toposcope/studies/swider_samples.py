"""Świder 2024: how many points a diagram needs, and what outliers do to it.

Convolutional networks and Vision Transformers learn scikit-learn's digits. Of every block, draws of
several sizes that share no image are compared: with one another, with draws of twice their size,
and with themselves after the local outlier factor has taken points out. Networks are the units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.stats import difference_interval, permutation_test
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.swider_samples_measure import COLUMNS, Job, measure
from toposcope.studies.swider_statistics import DEGREES, together
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Świder 2024 (arXiv 2407.06286)"

# ---------------------------------------------------------------------------------------- claims

KINDS = {"convolutional": "cnn", "Transformer": "vit"}
SCALED = "features in [0, 1]"
MAIN = "Wasserstein distance of order 1, H0 and H1 together, distances over the mean of the layer"
OTHERS = ("H0", "H1", "bottleneck", "landscape", SCALED, *KINDS)

S1 = Claim(
    "S1",
    PAPER,
    "Diagrams of unequal numbers of points cannot be compared, even of one representation.",
    Unit.NETWORK,
    "distance from a draw of n points to one of 2 n, over that to another of n; the 0.2-quantile "
    "over layers",
    # papers.md: beyond 3 in 80 % of the layers. The quantile is the same with one number a network.
    Rule(threshold=3.0),
    "a third draw of n points in place of that of 2 n",
    ("100 points", *OTHERS),
    f"{MAIN}, n = 200",
)
S2 = Claim(
    "S2",
    PAPER,
    "Above a few hundred points summaries of diagrams are stable.",
    Unit.NETWORK,
    "coefficient of variation between draws that share no image, root mean square over layers; the "
    "larger of those of H0 and H1",
    # papers.md takes the best n of several and draws that overlap: both make it look smaller.
    Rule(Direction.BELOW, threshold=0.05),
    "draws of 50 points",
    ("100 points", "200 points", "H0", "H1", "entropy", SCALED, *KINDS),
    "lifespan sums of 300 points, distances over the mean of the layer",
)
S2D = Claim(
    "S2-diagrams",
    PAPER,
    "Above a few hundred points diagrams themselves are stable.",
    Unit.NETWORK,
    "distance between two draws of a layer, over that between layers; means over layers",
    Rule(Direction.BELOW, threshold=0.1),
    "draws of 50 points",
    ("100 points", "200 points", *OTHERS),
    f"{MAIN}, 300 points",
)
S3 = Claim(
    "S3",
    PAPER,
    "Removing outliers by their local outlier factor has little impact on diagrams.",
    Unit.NETWORK,
    "distance from the diagram without outliers to that without as many random points, over the "
    "distance between two draws; the 0.9-quantile over layers",
    # papers.md compares before with after: unequal numbers of points, which S1 is about. Where
    # planted outliers stay below 1.5 too (H1), nothing is confirmed.
    Rule(Direction.BELOW, threshold=1.5),
    "a twentieth of the points moved three times as far from the centroid",
    ("5 % of the points", *OTHERS),
    f"{MAIN}, 300 points, factors beyond 1.5",
)
S4 = Claim(
    "S4",
    PAPER,
    "Representations of Vision Transformers have more outliers.",
    Unit.NETWORK,
    "share of points with a local outlier factor beyond 1.5, mean over layers: Vision Transformers "
    "less convolutional networks",
    # papers.md tests layers, which are no replicates; a hundredth of the points is the least.
    Rule(threshold=0.0, least=0.01),
    "kinds of networks shuffled",
    ("last layer alone", "first layer alone", SCALED),
    "300 points, distances over the mean of the layer",
)
CLAIMS = (S1, S2, S2D, S3, S4)
FEWEST = S1.rule.fewest

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    networks
        Of each kind.
    kinds, depth, widths, steps
        Of the networks: kinds with their width and steps of training.
    sizes
        Points of the draws, rising: the first is the null, the last "a few hundred".
    base
        Sizes n that are compared with 2 n, the main one first.
    repeats
        Orders of the images for those.
    scales
        Normalizations, the main one first.
    seed
        Of draws and of the first network.
    """

    networks: int = 16
    kinds: tuple[str, ...] = ("cnn", "vit")
    depth: int = 4
    widths: tuple[int, ...] = (16, 32)
    steps: tuple[int, ...] = (150, 500)
    sizes: tuple[int, ...] = (50, 100, 200, 300)
    base: tuple[int, ...] = (200, 100)
    repeats: int = 3
    scales: tuple[str, ...] = ("mean_distance", "minmax")
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, networks=8, depth=3, steps=(150, 350), repeats=2)
SAMPLES = 300
"""Fewest samples of networks that are handed in: three draws of 100."""


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained networks."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(kind=kind, depth=design.depth, width=width, steps=steps, seed=design.seed + k)
        for kind, width, steps in zip(design.kinds, design.widths, design.steps, strict=True)
        for k in range(design.networks)
    ]
    return digit_networks(recipes, progress=progress)


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Draws that fit: two of the largest size, three of the base and one twice as large."""
    n = subjects[0].open().n
    largest = min(design.sizes[-1], n // 2)
    base = min(design.base[0], n // 4)
    sizes = [size for size in design.sizes if size < largest]
    kinds = tuple(dict.fromkeys(str(one.covariates.get("kind", "given")) for one in subjects))
    return replace(
        design,
        networks=0,
        kinds=kinds,
        sizes=(*sizes, largest),
        base=(base, *[size for size in design.base[1:] if size < base]),
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by kind; clouds of each layer and scale."""
    step = {"cnn": 0.003, "vit": 0.005}
    train = sum(
        design.networks * steps * design.depth * step.get(kind, 0.004)
        for kind, steps in zip(design.kinds, design.steps, strict=False)
    )
    layers = 2 * design.networks * design.depth * len(design.scales)
    return train, layers * (0.9 + 0.25 * design.repeats)


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, at the last moment that there is."""
    d = design
    return [
        Task(
            Job(code_of(*SOURCES), one.identity, d.sizes, d.base, d.repeats, d.scales, d.seed),
            one.network,
        )
        for one in at_the_end(subjects)
    ]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    by: str = "wasserstein"
    degrees: tuple[int, ...] = DEGREES
    scale: str = "mean_distance"
    kind: str = ""
    points: int = 0
    way: str = "lof"
    layer: int | None = None


VARIANTS = {
    "": Variant(),
    "H0": Variant(degrees=(0,)),
    "H1": Variant(degrees=(1,)),
    "bottleneck": Variant(by="bottleneck"),
    "landscape": Variant(by="landscape"),
    "entropy": Variant(by="entropy"),
    SCALED: Variant(scale="minmax"),
    "100 points": Variant(points=100),
    "200 points": Variant(points=200),
    "5 % of the points": Variant(way="5 %"),
    "last layer alone": Variant(layer=-1),
    "first layer alone": Variant(layer=0),
    **{name: Variant(kind=kind) for name, kind in KINDS.items()},
}
ARRANGEMENTS = 1999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices; None where it was not measured."""
    variant = VARIANTS[choice]
    rows = table[table["scale"] == variant.scale]
    if variant.kind:
        rows = rows[rows["kind"] == variant.kind]
    if rows["network"].nunique() < FEWEST:
        return None
    if claim is S4:
        return _more_outliers(rows, variant)
    if claim is S1:
        points = variant.points or design.base[0]
        return _ratio(rows, S1, variant, "unequal", points, 0.2)
    if claim is S3:
        return _ratio(rows, S3, variant, f"outliers {variant.way}", design.sizes[-1], 0.9)
    points = variant.points or design.sizes[-1]
    if points not in design.sizes[1:]:
        return None
    decide = _variation if claim is S2 else _diagrams
    few, many = (decide(rows, variant, size) for size in (design.sizes[0], points))
    return evidence_of_mean(many, claim.rule, null=few, comparisons=len(CLAIMS))


def numbers(rows: pd.DataFrame, variant: Variant, what: str, points: int, by: str = "") -> Array:
    """(networks, layers, degrees, columns) numbers; networks by name."""
    chosen = rows[(rows["what"] == what) & (rows["points"] == points)]
    chosen = chosen[chosen["by"] == (by or variant.by)]
    chosen = chosen[chosen["degree"].isin(variant.degrees)]
    keys = ["network", "layer", "degree"]
    ordered = chosen.sort_values(keys, kind="stable")
    values = ordered[list(COLUMNS)].to_numpy(dtype=np.float64)
    networks, degrees = ordered["network"].nunique(), ordered["degree"].nunique()
    layers = len(values) // max(networks * degrees, 1)
    return np.asarray(values.reshape(networks, layers, degrees, len(COLUMNS)))


def _ratio(
    rows: pd.DataFrame, claim: Claim, variant: Variant, what: str, points: int, quantile: float
) -> Evidence | None:
    """S1, S3: a quantile over layers of the ratio of two distances, beside that of the null."""
    x = numbers(rows, variant, what, points)
    if not len(x):
        return None
    value, noise, null, null_noise = (together(x[..., k], variant.by) for k in range(4))
    sides = [_over(a, b) for a, b in ((value, noise), (null, null_noise))]
    # The layer itself, and none between: 0.2 of four layers is the lowest, 0.9 the highest.
    method: Literal["lower", "higher"] = "lower" if quantile < 0.5 else "higher"
    found, other = (np.quantile(one, quantile, axis=1, method=method) for one in sides)
    if claim is S3 and not other.mean() > S3.rule.threshold:
        # Planted outliers do not pass it either: a distance that cannot see them confirms nothing.
        interval = evidence_of_mean(found, claim.rule, comparisons=len(CLAIMS)).interval
        return Evidence(interval, 1.0)
    return evidence_of_mean(found, claim.rule, null=other, comparisons=len(CLAIMS))


def _over(a: Array, b: Array) -> Array:
    """Ratios; where nothing moved, nothing is what they are."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _variation(rows: pd.DataFrame, variant: Variant, points: int) -> Array:
    """S2: (networks,) the larger of the degrees, root mean square over layers."""
    by = "entropy" if variant.by == "entropy" else "sum"
    x = numbers(rows, variant, "variation", points, by)[..., 0]
    return np.asarray(np.sqrt((x**2).mean(axis=1)).max(axis=1))


def _diagrams(rows: pd.DataFrame, variant: Variant, points: int) -> Array:
    """S2-diagrams: (networks,) between draws over between layers."""
    draws = numbers(rows, variant, "draws", points)[..., 0]
    layers = numbers(rows, variant, "between", points)[..., 0]
    return _over(together(draws, variant.by).mean(axis=1), together(layers, variant.by)[:, 0])


def _more_outliers(rows: pd.DataFrame, variant: Variant) -> Evidence | None:
    """S4: two groups of networks (Welch), their kinds shuffled."""
    flagged = rows[rows["what"] == "flagged lof"].sort_values("layer", kind="stable")
    if variant.layer is not None:
        chosen = flagged.groupby("network").nth(variant.layer)
        flagged = chosen
    means = flagged.groupby(["kind", "network"])["value"].mean()
    known = set(means.index.get_level_values("kind"))
    if not known >= set(KINDS.values()):
        return None
    vit, cnn = (means[kind].to_numpy(dtype=np.float64) for kind in ("vit", "cnn"))
    if min(len(vit), len(cnn)) < FEWEST:
        return None
    interval = difference_interval(
        vit, cnn, level=S4.rule.level, comparisons=len(CLAIMS), unit="network"
    )
    level = 1 - (1 - S4.rule.level) / len(CLAIMS)
    p = permutation_test(vit, cnn, alternative="greater", n_resamples=ARRANGEMENTS).pvalue
    return Evidence(replace(interval, level=level), min(1.0, p * len(CLAIMS)))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Variation against points, unequal points, and outliers by layer and kind of network."""
    rows = table[table["scale"] == design.scales[0]]
    kinds = {name: rows[rows["kind"] == name] for name in sorted(rows["kind"].unique())}
    told = {kind: name for name, kind in KINDS.items()}
    sizes = [size for size in design.sizes if (rows["points"] == size).any()]
    plain = Variant()
    panels = []
    for decide, title, y_label, line in (
        (_variation, "summaries", "coefficient of variation", S2.rule.threshold),
        (_diagrams, "diagrams", "between draws over between layers", S2D.rule.threshold),
    ):
        curves = [
            curve_of_means(
                told.get(kind, kind), sizes, np.stack([decide(own, plain, n) for n in sizes], 1)
            )
            for kind, own in kinds.items()
        ]
        panels.append(Panel(title, "points", y_label, curves, line=line))
    for claim, what, points, title in (
        (S1, "unequal", design.base[0], "n points against 2 n"),
        (S3, "outliers lof", design.sizes[-1], "outliers removed"),
    ):
        curves = []
        for kind, own in kinds.items():
            x = numbers(own, plain, what, points)
            sides = [together(x[..., k], plain.by) for k in range(4)]
            for name, a, b in (("", 0, 1), (", null", 2, 3)):
                values = _over(sides[a], sides[b])
                curves.append(
                    curve_of_means(f"{told.get(kind, kind)}{name}", range(values.shape[1]), values)
                )
        panels.append(
            Panel(title, "block", "over the distance of draws", curves, line=claim.rule.threshold)
        )
    curves = [
        curve_of_means(told.get(kind, kind), range(x.shape[1]), 100 * x)
        for kind, own in kinds.items()
        if (x := _flagged(own)).size
    ]
    panels.append(Panel("outliers", "block", "% of the points flagged", curves))
    caption = (
        "Stability of summaries and diagrams against the number of points; unequal numbers and "
        "removed outliers against the distance of two equal draws. Means over networks with 95 % "
        "t-intervals."
    )
    return Figure(caption, panels)


def _flagged(rows: pd.DataFrame) -> Array:
    """(networks, layers) shares."""
    own = rows[rows["what"] == "flagged lof"]
    wide = own.pivot(index="network", columns="layer", values="value")
    return np.asarray(wide, dtype=np.float64)


SOURCES = (
    "studies/swider_samples.py",
    "studies/swider_samples_measure.py",
    "studies/swider_statistics.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="swider-samples",
    question="How many points does a diagram need, and what do outliers do to it?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, samples=SAMPLES, layers=2, common_data=False),
    design_for=design_for,
    sources=SOURCES,
    lacking={
        "S4": "8 or more convolutional networks and as many Vision Transformers, in a population "
        "folder whose column kind says cnn or vit",
    },
)
