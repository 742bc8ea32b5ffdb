"""Magai 2023: "lifespan sums and dimension rise at first, then fall with depth".

Plain and residual networks of eight blocks and three widths learn the digits. At every layer the
lifespan sums of every class, PH-dimension and TwoNN are measured on held-out images. Networks are
the units. What PH-dimension reads where the dimension is known is measured beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope import dimension, homology
from toposcope.diagrams.summaries import finite, lifespan_sum
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.stats import mean_interval
from toposcope.studies import known_dimensions, materials_digit_nets
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.known_dimensions import KNOWN
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean, evidence_of_share
from toposcope.training.digit_recipes import Member, NetRecipe

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Magai 2023 (arXiv 2306.03406)"

# ---------------------------------------------------------------------------------------- claims

MAIN = "H0 of every class of held-out images, features between 0 and 1, the mean over classes"

M1 = Claim(
    "M1",
    PAPER,
    "Lifespan sums of classes rise at first and then fall with depth.",
    Unit.NETWORK,
    "whether the largest sum lies in the first 0.4 of depth and the last is below 0.2 of it; the "
    "share of such networks",
    Rule(threshold=0.5, least=0.8),
    "layers shuffled inside every network",
    (
        "H1",
        "distances over their mean",
        "activations as they are",
        "classes pooled",
        "without the logits",
        "residual alone",
        "plain alone",
    ),
    MAIN,
)
M2 = Claim(
    "M2",
    PAPER,
    "Intrinsic dimension is hump-shaped over depth.",
    Unit.NETWORK,
    "how far the largest dimension between lies above the larger end, relative to that; the layer "
    "is chosen on one half of the images and measured on the other; the smaller of PH-dimension's "
    "and TwoNN's",
    Rule(threshold=0.0, least=0.05),
    "layers shuffled inside every network",
    ("PH-dimension alone", "TwoNN alone", "without the logits", "residual alone", "plain alone"),
    "all classes together, both estimators",
)
M3 = Claim(
    "M3",
    PAPER,
    "The fall with depth needs a normalization to be seen: without one, sums rise.",
    Unit.NETWORK,
    "the smaller of Spearman's correlation of sums with depth as they are, and of minus that with "
    "features between 0 and 1: above 0 where the sign turns",
    # Which way it turns is fixed beforehand: of two noisy signs one is always the larger.
    Rule(threshold=0.0, least=0.3),
    "the two normalizations swapped inside networks",
    (
        "H1",
        "distances over their mean",
        "classes pooled",
        "without the logits",
        "residual alone",
        "plain alone",
    ),
    "H0 of every class of held-out images, the mean over classes",
)
M9 = Claim(
    "M9",
    PAPER,
    "PH-dimension is right within 15 % where the dimension is above 10.",
    Unit.DRAW,
    "relative error on clouds of 15 dimensions",
    Rule(Direction.WITHIN, threshold=0.15, fewest=6),
    "an error of 15 %",
    ("10 dimensions", "20 dimensions", "a sphere", "schedule of the paper", "TwoNN", "calibrated"),
    "uniform cubes, eight sizes from n / 8 to n",
)
CLAIMS = (M1, M2, M3, M9)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, widths, seeds
        Every combination is a network.
    blocks, steps
        Of every network, and of its training.
    points
        Points of a cloud of one class.
    known, draws
        Points of the clouds of known dimension, and how many of each.
    seed
        Of the draws.
    """

    kinds: tuple[str, ...] = ("plain", "residual")
    widths: tuple[int, ...] = (8, 16, 32)
    seeds: int = 6
    blocks: int = 8
    steps: int = 400
    points: int = 75
    known: int = 3000
    draws: int = 12
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, widths=(8, 16), seeds=4, steps=250, known=800, draws=8)


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The trained networks, with all their layers."""
    members = tuple(Member(seed) for seed in range(design.seeds))
    return [
        one
        for kind in design.kinds
        for width in design.widths
        for one in materials_digit_nets.nets(
            NetRecipe(kind, design.blocks, width, members=members, steps=design.steps),
            progress=progress,
        )
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that fit the classes of what was handed in."""
    labels = subjects[0].open().labels
    assert labels is not None  # checked by `Needs`
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    return replace(design, kinds=("given",), points=int(min(design.points, max(counts.min(), 16))))


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by blocks and channels; 3 s to measure a network; the known clouds."""
    step = sum(
        1.6e-4 * (3 + 1.6 * design.blocks * (1 + (width / 16) ** 1.5)) for width in design.widths
    )
    count = len(design.kinds) * len(design.widths) * design.seeds
    clouds = design.draws * 4 * 2.2 * (design.known / 1000) ** 2
    return len(design.kinds) * design.seeds * design.steps * step, 2.5 * count + clouds


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network, or one draw of clouds of known dimension (no subject).

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network; "" for none.
    points
        Of the clouds.
    draw, seed
        Which draw of the known clouds, and of what.
    """

    code: str
    subject: str
    points: int
    draw: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network at the end of its training, and one per draw of known clouds."""
    code = code_of(*SOURCES)
    networks = [
        Task(Job(code, one.identity, design.points, 0, design.seed), one.network)
        for one in at_the_end(subjects)
    ]
    known = [
        Task(Job(code, "", design.known, draw, design.seed), f"known dimensions, draw {draw}")
        for draw in range(design.draws)
    ]
    return networks + known


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Every layer of a network, or clouds of known dimension."""
    return _of_network(job, subjects[job.subject]) if job.subject else _of_known(job)


def _of_network(job: Job, subject: Subject) -> list[dict[str, Any]]:
    acts = subject.open()
    labels = np.asarray(acts.labels)
    order = np.random.default_rng(job.seed).permutation(acts.n)
    own = [order[labels[order] == k][: job.points] for k in np.unique(labels[labels >= 0])]
    classes = [rows for rows in own if len(rows) == job.points]
    halves = np.array_split(order, 2)
    base = {
        **NOTHING,
        "network": subject.network,
        "kind": str(subject.covariates.get("kind", "given")),
    }
    rows: list[dict[str, Any]] = []
    for depth, layer in enumerate(acts.layers):
        X = flat(acts.rows(layer, np.arange(acts.n)))
        scaled = {"minmax": estimate_normalizer(X, "minmax")(X), "none": X}
        scale = estimate_normalizer(X).scale
        place = {**base, "layer": depth, "name": layer}
        for half, chosen in enumerate(halves):
            D = homology.distances(X[chosen])
            ph = dimension.ph_dimension_from_distances(D, replicates=4, seed=job.seed)[0]
            two = dimension.two_nn(X[chosen]).value
            for what, value in (("ph_dimension", ph), ("two_nn", two)):
                rows.append({**place, "what": what, "half": half, "value": value})
        for pooled, clouds in ((False, classes), (True, [order[: job.points]])):
            for method, Z in scaled.items():
                sums = np.mean([_sums(Z[chosen]) for chosen in clouds], axis=0)
                units = {method: 1.0} | ({"mean_distance": scale} if method == "none" else {})
                rows += [
                    {
                        **place,
                        "what": f"e{k}",
                        "scale": name,
                        "pooled": pooled,
                        "value": float(sums[k] / unit),
                    }
                    for name, unit in units.items()
                    for k in (0, 1)
                ]
    return rows


def _sums(cloud: Array) -> list[float]:
    diagrams = homology.rips_from_distances(homology.distances(cloud))
    return [lifespan_sum(finite(pairs)) for pairs in diagrams]


NOTHING = {"network": "", "layer": -1, "name": "", "half": 0, "scale": "", "pooled": False}
"""Rows of both kinds have all columns, so that whole numbers stay whole."""


def _of_known(job: Job) -> list[dict[str, Any]]:
    return [
        {**NOTHING, "kind": kind, "what": what, "half": job.draw, "value": error}
        for kind, what, error in known_dimensions.errors(job.points, [job.seed, job.draw])
    ]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    what: str = "e0"
    scale: str = "minmax"
    pooled: bool = False
    logits: bool = True
    kind: str = ""
    dimensions: tuple[str, ...] = ("ph_dimension", "two_nn")
    known: str = "cube15"
    reading: str = "ph_dimension"


VARIANTS = {
    "": Variant(),
    "H1": Variant(what="e1"),
    "distances over their mean": Variant(scale="mean_distance"),
    "activations as they are": Variant(scale="none"),
    "classes pooled": Variant(pooled=True),
    "without the logits": Variant(logits=False),
    "residual alone": Variant(kind="residual"),
    "plain alone": Variant(kind="plain"),
    "PH-dimension alone": Variant(dimensions=("ph_dimension",)),
    "TwoNN alone": Variant(dimensions=("two_nn",)),
    "10 dimensions": Variant(known="cube10"),
    "20 dimensions": Variant(known="cube20"),
    "a sphere": Variant(known="sphere15"),
    "schedule of the paper": Variant(reading="schedule"),
    "TwoNN": Variant(reading="two_nn"),
    "calibrated": Variant(reading="calibrated"),
}
ARRANGEMENTS = 399


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    variant = VARIANTS[choice]
    own = table[table["kind"] == variant.kind]["network"].nunique()
    if variant.kind and own < claim.rule.fewest:
        return None
    deciders = {"M1": falls, "M2": humps, "M3": turns, "M9": errs}
    return deciders[claim.id](table, variant)


def profiles(table: pd.DataFrame, variant: Variant, what: str, scale: str = "") -> Array:
    """(networks, layers) numbers, or (networks, halves, layers) of dimensions."""
    rows = table[(table["what"] == what) & (table["network"] != "")]
    if variant.kind:
        rows = rows[rows["kind"] == variant.kind]
    keys = ["network", "half", "layer"]
    if what in ("e0", "e1"):
        keys = ["network", "layer"]
        rows = rows[(rows["scale"] == scale) & (rows["pooled"].astype(bool) == variant.pooled)]
    values = rows.set_index(keys)["value"].to_xarray().to_numpy()
    return np.asarray(values if variant.logits else values[..., :-1], dtype=np.float64)


def falls(table: pd.DataFrame, variant: Variant) -> Evidence:
    """M1: networks whose sums peak early and end low."""
    sums = profiles(table, variant, variant.what, variant.scale)
    rng = np.random.default_rng(0)
    shuffled = [early_and_low(rng.permuted(sums, axis=1)).mean() for _ in range(ARRANGEMENTS)]
    return evidence_of_share(
        early_and_low(sums), M1.rule, arrangements=shuffled, comparisons=len(CLAIMS)
    )


def early_and_low(sums: Array) -> NDArray[np.bool_]:
    """(networks,) whether the maximum lies in the first 0.4 of depth and the end below 0.2 of it.

    >>> early_and_low(np.array([[2.0, 3.0, 2.0, 1.0, 0.5], [1.0, 2.0, 3.0, 4.0, 0.1]])).tolist()
    [True, False]
    """
    early = sums.argmax(axis=1) <= 0.4 * (sums.shape[1] - 1)
    found: NDArray[np.bool_] = early & (sums[:, -1] < 0.2 * sums.max(axis=1))
    return found


def humps(table: pd.DataFrame, variant: Variant) -> Evidence:
    """M2: the smaller hump of the estimators."""
    read = np.stack([profiles(table, variant, what) for what in variant.dimensions])
    rng = np.random.default_rng(0)
    layers = np.arange(read.shape[-1])
    shuffled = []
    for _ in range(ARRANGEMENTS):
        order = rng.permuted(np.tile(layers, (read.shape[1], 1)), axis=1)
        moved = np.take_along_axis(read, order[None, :, None, :], axis=3)
        shuffled.append(hump(moved).min(axis=0).mean())
    return evidence_of_mean(
        hump(read).min(axis=0), M2.rule, arrangements=shuffled, comparisons=len(CLAIMS)
    )


def hump(read: Array) -> Array:
    """(..., networks) height of the hump of (..., networks, 2 halves, layers), relative.

    The layer is chosen on one half and measured on the other, both ways: the largest of noisy
    numbers would lie above their ends without a hump.

    >>> hump(np.array([[[1.0, 2.0, 1.0], [1.0, 3.0, 2.0]]])).tolist()
    [0.75]
    """
    inside = read[..., 1:-1]
    chosen = inside.argmax(axis=-1)[..., ::-1, None]
    top = np.take_along_axis(inside, chosen, axis=-1)[..., 0]
    end = np.maximum(read[..., 0], read[..., -1])
    return np.asarray((top / end - 1.0).mean(axis=-1), dtype=np.float64)


def turns(table: pd.DataFrame, variant: Variant) -> Evidence:
    """M3: networks whose sums rise as they are and fall when normalized."""
    plain = trend(profiles(table, variant, variant.what, "none"))
    scaled = trend(profiles(table, variant, variant.what, variant.scale))
    return evidence_of_mean(
        np.minimum(plain, -scaled),
        M3.rule,
        null=np.minimum(scaled, -plain),
        comparisons=len(CLAIMS),
    )


def trend(sums: Array) -> Array:
    """(networks,) Spearman's correlation of (networks, layers) with depth.

    >>> trend(np.array([[1.0, 2.0, 4.0], [3.0, 2.0, 0.0]])).round(6).tolist()
    [1.0, -1.0]
    """
    from scipy.stats import rankdata

    ranks = rankdata(sums, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    depth = np.arange(sums.shape[1]) - (sums.shape[1] - 1) / 2
    scale = np.linalg.norm(ranks, axis=1) * np.linalg.norm(depth)
    return np.asarray(ranks @ depth / np.where(scale > 0, scale, 1.0))


def errs(table: pd.DataFrame, variant: Variant) -> Evidence:
    """M9: relative errors over draws; the test is that of equivalence (two one-sided t tests)."""
    from scipy.special import stdtr

    chosen = (table["kind"] == variant.known) & (table["what"] == variant.reading)
    errors = table[chosen & (table["network"] == "")]["value"].to_numpy()
    level = 1 - (1 - M9.rule.level) / len(CLAIMS)
    interval = mean_interval(errors, level=level)
    error = max(float(errors.std(ddof=1)) / np.sqrt(len(errors)), 1e-300)
    inside = (M9.rule.threshold - abs(interval.value)) / error
    p = float(stdtr(len(errors) - 1, -inside))
    return Evidence(interval, min(1.0, p * len(CLAIMS)))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Sums over depth under three normalizations, dimensions over depth, and known dimensions."""
    named = {"minmax": "features in [0, 1]", "mean_distance": "over the mean distance"}
    kinds = [k for k in table["kind"].unique() if k not in KNOWN]
    panels = []
    for scale, title in (named | {"none": "as they are"}).items():
        curves = []
        for kind in kinds:
            sums = profiles(table, Variant(kind=kind), "e0", scale)
            shares = sums / sums.max(axis=1, keepdims=True)
            curves.append(curve_of_means(kind, np.linspace(0, 1, sums.shape[1]).tolist(), shares))
        panels.append(Panel(f"H0 sums, {title}", "depth", "share of the largest", curves))
    for what, title in (("ph_dimension", "PH-dimension"), ("two_nn", "TwoNN")):
        curves = []
        for kind in kinds:
            read = profiles(table, Variant(kind=kind), what).mean(axis=1)
            depths = np.linspace(0, 1, read.shape[1]).tolist()
            curves.append(curve_of_means(kind, depths, read))
        panels.append(Panel(title, "depth", "dimension", curves))
    known = table[table["network"] == ""]
    readings = {"ph_dimension": "PH-dimension", "calibrated": "calibrated", "two_nn": "TwoNN"}
    curves = []
    for what, name in readings.items():
        own = [known[(known["kind"] == k) & (known["what"] == what)]["value"] for k in KNOWN]
        means, spreads = [float(v.mean()) for v in own], [2 * float(v.std()) for v in own]
        low = [m - s for m, s in zip(means, spreads, strict=True)]
        high = [m + s for m, s in zip(means, spreads, strict=True)]
        curves.append(Curve(name, list(KNOWN), means, low, high))
    panels.append(Panel("known dimension", "", "relative error", curves, line=0.0, kind="points"))
    caption = (
        "Lifespan sums of classes over depth, means over networks with 95 % t-intervals; the same "
        "of PH-dimension and TwoNN. Last: errors where the dimension is known, bars are two "
        "standard deviations of a draw."
    )
    return Figure(caption, panels)


SOURCES = ("studies/magai_depth.py", "studies/known_dimensions.py", *materials_digit_nets.SOURCES)
STUDY = Definition(
    name="magai-depth",
    question="Do lifespan sums and dimension rise at first and fall with depth?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=8, samples=160, labels=True, layers=4),
    design_for=design_for,
    sources=SOURCES,
)
