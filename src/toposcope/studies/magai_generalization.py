"""Magai 2023: "the simpler the topology of the last layers, the better a network generalizes".

A population of residual networks of varied depth, width, weight decay and label noise learns the
digits. Of the penultimate layer (32 units in all of them) lifespan sums and PH-dimension are
measured on the training images, and held against the error on held-out images: alone, beside what
was varied, and beside plain numbers that cost nothing. Seeds of one configuration are left out
together wherever an interval is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope import dimension, homology
from toposcope.diagrams.summaries import finite, lifespan_sum
from toposcope.errors import ToposcopeError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import estimate_normalizer, flat
from toposcope.stats import partial_correlation
from toposcope.studies import materials_digit_nets, populations
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence, evidence_of_mean
from toposcope.training.digit_recipes import Member, NetRecipe
from toposcope.types import ActivationSet

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Magai 2023 (arXiv 2306.03406)"

# ---------------------------------------------------------------------------------------- claims

CHOICES = ("H1", "PH-dimension", "held-out images", "distances over their mean", "classes pooled")
MAIN = (
    "H0 of every class of the training images, features between 0 and 1, the mean over classes, "
    "Pearson"
)

M4 = Claim(
    "M4",
    PAPER,
    "Networks with a lower sum of lifespans in the penultimate layer have a lower test error.",
    Unit.CONFIGURATION,
    "Pearson correlation of the lifespan sum with the test error",
    # The paper's figure has r = 0.87 over 44 networks: 0.8 is what "as in the paper" means.
    Rule(threshold=0.5, least=0.8),
    "test errors shuffled over configurations",
    (*CHOICES, "ranks", "without label noise"),
    MAIN,
)
M4P = Claim(
    "M4p",
    PAPER,
    "They have so beside what was varied: depth, parameters, regularization and label noise.",
    Unit.CONFIGURATION,
    "partial correlation of the lifespan sum with the test error, given depth, parameters, weight "
    "decay, level of label noise and norm of the activations",
    Rule(threshold=0.0, least=0.3),
    "what is left of the test errors shuffled over configurations",
    (*CHOICES, "ranks", "without label noise", "label noise not given"),
    MAIN,
)
X3 = Claim(
    "X3",
    PAPER,
    "Lifespan sums and PH-dimension say something of the test error that plain numbers do not.",
    Unit.CONFIGURATION,
    "share of the variance of test errors of left-out configurations that is explained, with "
    "topology less without it: beside depth, parameters, weight decay, training loss, norms of "
    "weights and activations, effective rank, TwoNN and the mean distance inside classes",
    Rule(threshold=0.0, least=0.02),
    "what plain numbers leave of the topology shuffled over configurations",
    ("held-out images", "distances over their mean", "classes pooled", "without label noise"),
    MAIN,
)
CLAIMS = (M4, M4P, X3)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    blocks, widths, decays, noises
        Every combination is a configuration.
    seeds
        Networks of each.
    steps
        Of the training.
    points
        Points of a cloud of one class.
    seed
        Of the draws.
    """

    blocks: tuple[int, ...] = (1, 2, 4, 8)
    widths: tuple[int, ...] = (6, 12, 24)
    decays: tuple[float, ...] = (0.0, 0.5)
    noises: tuple[float, ...] = (0.0, 0.1, 0.2, 0.4)
    seeds: int = 3
    steps: int = 400
    points: int = 75
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, blocks=(1, 2, 4), widths=(8, 16), noises=(0.0, 0.2, 0.4), seeds=2, steps=250)
HIDDEN = 32


def recipes(design: Design) -> list[NetRecipe]:
    """One family for every depth and width."""
    members = tuple(
        Member(seed, decay, noise)
        for decay in design.decays
        for noise in design.noises
        for seed in range(design.seeds)
    )
    return [
        NetRecipe("residual", blocks, width, "relu", HIDDEN, members, steps=design.steps)
        for blocks in design.blocks
        for width in design.widths
    ]


def materials(design: Design, *, progress: Progress | None = None) -> list[Subject]:
    """The trained population; only the last two layers are kept."""
    return [
        one
        for recipe in recipes(design)
        for one in materials_digit_nets.nets(recipe, layers=("hidden", "logits"), progress=progress)
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that fit the classes of what was handed in; refused where errors do not vary."""
    populations.refuse_alike_errors("magai-generalization", subjects)
    labels = subjects[0].open().labels
    assert labels is not None  # checked by `Needs`
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    return replace(design, points=int(min(design.points, max(counts.min(), 16))))


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step of a network by its blocks and channels; 0.5 s to measure each."""
    members = len(design.decays) * len(design.noises) * design.seeds
    steps = sum(
        1.6e-4 * (3 + 1.6 * blocks * (1 + (width / 16) ** 1.5))
        for blocks in design.blocks
        for width in design.widths
    )
    count = members * len(design.blocks) * len(design.widths)
    return members * design.steps * steps + 0.05 * count, 0.5 * count


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    points, seed
        See `Design`.
    """

    code: str
    subject: str
    points: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, at the end of its training."""
    return [
        Task(Job(code_of(*SOURCES), one.identity, design.points, design.seed), one.network)
        for one in at_the_end(subjects)
    ]


KNOWN = ("blocks", "width", "parameters", "weight_decay", "label_noise", "loss", "train", "norm")
SCALES = ("minmax", "mean_distance")


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Topology and plain numbers of the penultimate layer of one network."""
    subject = subjects[job.subject]
    held = subject.open()
    parts = {"held": held}
    if isinstance(subject, materials_digit_nets.DigitNet):
        parts = {"train": subject.open_train(), "held": held}
    known = {name: float(subject.covariates.get(name, np.nan)) for name in KNOWN}
    if np.isnan(known["blocks"]):
        known["blocks"] = float(len(held))
    base = {
        "network": subject.network,
        "configuration": str(subject.covariates.get("configuration", subject.network)),
        **known,
        "error": 1.0 - float(subject.covariates["test"]),
    }
    return [
        {**base, "part": part, **row}
        for part, acts in parts.items()
        for row in _measured(acts, job.points, job.seed)
    ]


def _measured(acts: ActivationSet, points: int, seed: int) -> list[dict[str, Any]]:
    X = flat(acts.rows(acts.layers[-2], np.arange(acts.n)))
    labels = np.asarray(acts.labels)
    rng = np.random.default_rng(seed)
    order = rng.permutation(acts.n)
    own = [order[labels[order] == k][:points] for k in np.unique(labels[labels >= 0])]
    classes = [rows for rows in own if len(rows) == points]
    plain = {
        "activation_norm": dimension.activation_norm(X),
        "effective_rank": _defined(dimension.effective_rank, X),
        "two_nn": _defined(lambda Y: dimension.two_nn(Y).value, X),
        "ph_dimension": _defined(
            lambda Y: dimension.ph_dimension_from_distances(homology.distances(Y), replicates=4)[0],
            X[order[: 10 * points]],
        ),
    }
    rows = []
    for scale in SCALES:
        Z = estimate_normalizer(X, scale)(X)
        for pooled, clouds in ((False, classes), (True, [order[:points]])):
            found = np.array([_of_cloud(Z[rows]) for rows in clouds]).mean(axis=0)
            rows.append(
                {
                    "scale": scale,
                    "pooled": pooled,
                    **plain,
                    **dict(zip(("e0", "e1", "spread"), found.tolist(), strict=True)),
                }
            )
    return rows


def _of_cloud(cloud: Array) -> tuple[float, float, float]:
    """Lifespan sums of H0 and H1, and the mean distance, which is the plainest of rivals."""
    D = homology.distances(cloud)
    sums = [lifespan_sum(finite(pairs)) for pairs in homology.rips_from_distances(D)]
    return sums[0], sums[1], float(D.sum() / (len(D) * (len(D) - 1)))


def _defined(measure_of: Any, X: Array) -> float:
    """A number, or NaN where the cloud has none (all rows equal, too few distinct ones)."""
    try:
        return float(measure_of(X))
    except ToposcopeError:
        return float("nan")


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers of which rows a claim is decided on."""

    value: str = "e0"
    part: str = "train"
    scale: str = "minmax"
    pooled: bool = False
    method: str = "pearson"
    noisy: bool = True
    noise_given: bool = True


VARIANTS = {
    "": Variant(),
    "H1": Variant(value="e1"),
    "PH-dimension": Variant(value="ph_dimension"),
    "held-out images": Variant(part="held"),
    "distances over their mean": Variant(scale="mean_distance"),
    "classes pooled": Variant(pooled=True),
    "ranks": Variant(method="spearman"),
    "without label noise": Variant(noisy=False),
    "label noise not given": Variant(noise_given=False),
}
TOPOLOGY = ("e0", "e1", "ph_dimension")
RIVALS = ("loss", "norm", "activation_norm", "effective_rank", "two_nn", "spread")


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    variant = VARIANTS[choice]
    if "train" not in set(table["part"]):
        if variant.part == "held" and choice:
            return None  # networks that were handed in: their samples are all there is
        variant = replace(variant, part="held")
    rows = _rows(table, variant)
    if rows["configuration"].nunique() < 5 or (
        not variant.noisy and not (table["label_noise"] > 0).any()
    ):
        return None
    if claim.id == "X3":
        return added(rows)
    given = confounds(rows, noise=variant.noise_given) if claim.id == "M4p" else {}
    return populations.correlation(
        rows[variant.value].to_numpy(),
        rows["error"].to_numpy(),
        given,
        rows["configuration"].to_numpy(),
        ranks=variant.method == "spearman",
        level=claim.rule.level,
        comparisons=len(CLAIMS),
    )


def _rows(table: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    chosen = (
        (table["part"] == variant.part)
        & (table["scale"] == variant.scale)
        & (table["pooled"] == variant.pooled)
    )
    if not variant.noisy:
        chosen &= ~(table["label_noise"] > 0)
    return table[chosen].sort_values(["configuration", "network"])


def confounds(rows: pd.DataFrame, *, noise: bool) -> dict[str, Any]:
    """What was varied, and the norm of activations; label noise as a kind for every level."""
    columns = {
        "depth": rows["blocks"].to_numpy(),
        "parameters": np.log(rows["parameters"].to_numpy()),
        "weight decay": rows["weight_decay"].to_numpy(),
        "activation norm": rows["activation_norm"].to_numpy(),
    }
    if noise:
        columns["label noise"] = rows["label_noise"].astype(str).to_numpy()
    return {name: values for name, values in columns.items() if populations.known(values)}


def added(rows: pd.DataFrame) -> Evidence:
    """X3: what topology adds to the prediction of left-out configurations."""
    plain = [rows["blocks"], np.log(rows["parameters"]), rows["weight_decay"]]
    columns = [np.asarray(one, dtype=float) for one in (*plain, *(rows[r] for r in RIVALS))]
    base = np.column_stack([one for one in columns if populations.known(one)])
    topology = np.column_stack([rows[name].to_numpy() for name in TOPOLOGY])
    gain = populations.gain(
        base,
        topology[:, [populations.known(one) for one in topology.T]],
        rows["error"].to_numpy(),
        rows["configuration"].to_numpy(),
        arrangements=populations.ARRANGEMENTS,
    )
    return evidence_of_mean(
        gain.by_configuration, X3.rule, arrangements=gain.null, comparisons=len(CLAIMS)
    )


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """The lifespan sum against the error, and how topology and plain numbers go with it."""
    part = "train" if "train" in set(table["part"]) else "held"
    rows = _rows(table, Variant(part=part))
    clouds = []
    for noise, own in rows.groupby("label_noise", dropna=False):
        name = "networks" if not np.isfinite(noise) else f"{100 * noise:g} % of labels shuffled"
        clouds.append(Curve(name, own["e0"].tolist(), own["error"].tolist()))
    names = {
        "e0": "H0 sum",
        "e1": "H1 sum",
        "ph_dimension": "PH-dimension",
        "spread": "mean distance",
        "effective_rank": "effective rank",
        "two_nn": "TwoNN",
        "activation_norm": "activation norm",
        "norm": "weight norm",
        "loss": "training loss",
    }
    there = [name for name in names if populations.known(rows[name].to_numpy())]
    bars = []
    for title, given in (("alone", {}), ("beside what was varied", confounds(rows, noise=True))):
        found = [
            partial_correlation(
                rows[name].to_numpy(),
                rows["error"].to_numpy(),
                {k: v for k, v in given.items() if k != name.replace("_", " ")},
                configurations=rows["configuration"].to_numpy(),
            )
            for name in there
        ]
        bars.append(
            Curve(
                title,
                [names[name] for name in there],
                [one.value for one in found],
                [one.low for one in found],
                [one.high for one in found],
            )
        )
    caption = (
        "Left: every network once; the sum of lifespans of H0 in the penultimate layer (classes of "
        "the training images apart) and its test error. Right: correlations with the test error, "
        "bars are 95 % intervals from leaving out configurations."
    )
    return Figure(
        caption,
        [
            Panel("networks", "lifespan sum, H0", "test error", clouds, kind="points"),
            Panel("what goes with the error", "", "correlation", bars, line=0.0, kind="points"),
        ],
    )


SOURCES = (
    "studies/magai_generalization.py",
    "studies/populations.py",
    "stats/partial.py",
    *materials_digit_nets.SOURCES,
)
STUDY = Definition(
    name="magai-generalization",
    question="Does simple topology of the last layers go with a low test error?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=20, samples=64, labels=True, layers=2),
    design_for=design_for,
    sources=SOURCES,
)
