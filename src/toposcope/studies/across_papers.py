"""All papers: "topology simplifies with depth", under every crossing of the papers' choices.

Fully connected, convolutional and residual networks (and Transformers) learn the digits. Of every
layer, what is filtered, its normalization, the number of points, classes pooled or not, degree and
summary are crossed. Each crossing gives the sign of a trend over depth in every network; the
variance of the trends is split among choices and networks. Networks are the units.

X3 of the dossier, whether topology adds to plain numbers, is decided in magai-generalization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies.across_decisions import VARIANTS, decide
from toposcope.studies.across_figure import figure
from toposcope.studies.across_measure import FILTERS, MEASURED_BY, METHODS, PCA, Job, measure
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.materials import Subject
from toposcope.studies.materials_digits import digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.verdicts import Evidence

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Across the four papers"

# ---------------------------------------------------------------------------------------- claims

OTHER_FILTERS = FILTERS[1:]
OTHER_METHODS = tuple(one for one in METHODS if one != "mean_distance")
FAMILIES = ("fully connected alone", "convolutional alone", "residual alone")
MAIN = "distances of the cloud, mean distance, classes, many points, lifespan sums of H0"

X0 = Claim(
    "X0",
    PAPER,
    "Topology simplifies with depth, whatever is chosen.",
    Unit.NETWORK,
    "share of analyses whose number falls with depth, every filtration with the same weight",
    # papers.md: robust if 80 % agree. By network, as analyses of one network are no units.
    Rule(threshold=0.5, least=0.8),
    "layers shuffled inside every network, alike for all analyses",
    (*FILTERS, "untrained networks", *FAMILIES),
    "all analyses that a network has",
)
X1 = Claim(
    "X1",
    PAPER,
    "Normalization turns the sign of the trend with depth.",
    Unit.NETWORK,
    "the smaller of the trend under one normalization and of minus that under another; the two are "
    "chosen on all other networks",
    # papers.md counts agreeing signs, which noise alone makes disagree: a turn has to repeat itself
    # in a network on which it was not chosen.
    Rule(threshold=0.0, least=0.3),
    "normalizations shuffled inside networks",
    (*OTHER_FILTERS, "H1", "classes pooled", "few points", "landscape", "entropy", *FAMILIES),
    MAIN,
)
X2 = Claim(
    "X2",
    PAPER,
    "Topology of clouds and of feature maps are unrelated numbers.",
    Unit.NETWORK,
    "Spearman correlation over layers of lifespan sums of the cloud and total Betti numbers of "
    "volumes",
    Rule(Direction.WITHIN, threshold=0.3),
    "total Betti numbers of other images: related as a number is to itself",
    (*OTHER_METHODS, "H1", "classes pooled", "beyond depth"),
    MAIN,
)
X4 = Claim(
    "X4",
    PAPER,
    "Loops of layers differ from those of a Gaussian with the same covariance.",
    Unit.NETWORK,
    "share of layers whose lifespan sum of H1 lies beyond 3 standard deviations of Gaussian clouds",
    Rule(threshold=0.5),
    "one more Gaussian cloud in place of the layer",
    ("H0", "untrained networks", *FAMILIES),
    "one cloud of all classes",
)
X5 = Claim(
    "X5",
    PAPER,
    "Layers keep their order under principal axes and spectral distances.",
    Unit.NETWORK,
    "the smaller of Kendall's correlations over layers of lifespan sums of H1, as distances give "
    f"them, with those of {PCA} principal axes and of resistance distances",
    Rule(threshold=0.7),
    "layers shuffled inside every network",
    ("H0", "principal axes alone", "spectral alone"),
    f"layers of more than {PCA} dimensions, classes pooled, mean distance",
)
X6 = Claim(
    "X6",
    PAPER,
    "Lifespan sum and entropy tell layers apart more stably than the longest bar and Betti numbers "
    "at a scale.",
    Unit.NETWORK,
    "intraclass correlation of layers over draws: the smaller of the first two less the larger of "
    "the others",
    # Sum and longest are twice the W1 and bottleneck distances to the empty diagram.
    Rule(threshold=0.0),
    "the two pairs swapped inside networks",
    ("H1", "sum against longest", "entropy against Betti", "untrained networks", *FAMILIES),
    "H0 of clouds of all classes, mean distance",
)
X7 = Claim(
    "X7",
    PAPER,
    "Training raises complexity when class clouds are scaled.",
    Unit.NETWORK,
    "share of layers whose number is larger after training than before",
    Rule(threshold=0.5),
    "both moments swapped inside networks",
    (*OTHER_FILTERS, *OTHER_METHODS, "H1", "classes pooled", "landscape", "entropy", *FAMILIES),
    MAIN,
)
X8 = Claim(
    "X8",
    PAPER,
    "The analysis decides the trend with depth more than the network does.",
    Unit.NETWORK,
    "share of the variance of trends that choices and their interplay have, less that of families "
    "and seeds",
    Rule(threshold=0.0),
    "analyses shuffled inside every network",
    ("clouds alone", "signs alone", "untrained networks"),
    "networks that have all filtrations",
)
X9 = Claim(
    "X9",
    PAPER,
    "What is filtered decides the trend with depth more than how it is normalized.",
    Unit.NETWORK,
    "share of the variance of trends that filtrations have alone, less that of normalizations",
    Rule(threshold=0.0),
    "analyses shuffled inside every network",
    ("clouds alone", "signs alone", "untrained networks"),
    "networks that have all filtrations",
)
CLAIMS = (X0, X1, X2, X4, X5, X6, X7, X8, X9)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    networks
        Of each family: fully connected, convolutional, residual, Transformers.
    depth, width, steps
        Blocks, channels (128 units where fully connected), and steps of the training.
    samples
        Held-out images that are captured.
    points, images
        Points of a cloud, and images of a mean over volumes: few and many.
    clouds
        Clouds that a number is the mean of: draws of all classes, or classes.
    neighbors
        Of the graphs behind hops and resistances.
    seed
        Of the draws and of the first network.
    left_out
        Claims that what was handed in cannot decide.
    """

    networks: tuple[int, ...] = (12, 12, 12, 8)
    depth: int = 8
    width: int = 16
    steps: tuple[int, ...] = (300, 150, 150, 600)
    samples: int = 1000
    points: tuple[int, int] = (30, 90)
    images: tuple[int, int] = (20, 60)
    clouds: int = 10
    neighbors: int = 8
    seed: int = 0
    left_out: tuple[str, ...] = ()


FULL = Design()
QUICK = replace(FULL, networks=(8, 5, 5, 0), depth=6, images=(10, 30), clouds=4)
KINDS = ("mlp", "cnn", "resnet", "vit")


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """Every network before and after its training; volumes where it has channels."""
    from toposcope.training.digit_networks import DigitNet

    found: list[Subject] = []
    for kind, count, steps in zip(KINDS, design.networks, design.steps, strict=True):
        recipes = [
            DigitNet(
                kind=kind,
                depth=design.depth,
                width=128 if kind == "mlp" else design.width,
                steps=steps,
                seed=design.seed + k,
                moments=(0, -1),
            )
            for k in range(count)
        ]
        pool = "volume" if kind in ("cnn", "resnet") else "auto"
        found += digit_networks(recipes, pool=pool, n=design.samples, progress=progress)
    return found


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Points that classes have, and the claims that cannot be decided on what was handed in."""
    moments: dict[str, set[int]] = {}
    volumes, wide = set(), set()
    points = design.points[1]
    for one in subjects:
        acts = one.open()
        assert acts.labels is not None  # checked by `Needs`
        counts = np.unique(acts.labels[acts.labels >= 0], return_counts=True)[1]
        points = min(points, int(np.sort(counts)[-min(len(counts), design.clouds)]))
        shapes = [acts[name].shape for name in acts.layers]
        moments.setdefault(one.network, set()).add(one.moment)
        if all(len(shape) == 4 and shape[2] * shape[3] > 1 for shape in shapes):
            volumes.add(one.network)
        if sum(shape[1] > PCA for shape in shapes) >= 3:
            wide.add(one.network)
    trained = [name for name, held in moments.items() if len(held) > 1]
    fewest = X2.rule.fewest
    missing = {"X2": volumes, "X5": wide, "X7": trained}
    left_out = tuple(claim for claim, have in missing.items() if len(have) < fewest)
    return replace(
        design,
        networks=(len(moments) - len(volumes), len(volumes), 0, 0),
        depth=max(len(one.open().layers) for one in subjects),
        points=(max(points // 3, 12), points),
        left_out=left_out,
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all clouds and volumes."""
    seconds = (3.0, 3.5, 4.5, 12.0)
    train = sum(n * s for n, s in zip(design.networks, seconds, strict=True)) * design.depth / 6
    layers = design.depth * 1.6  # untrained networks at one size
    # Measured: about 5 s a network and moment of the quick form.
    clouds = sum(design.networks) * layers * (0.15 + 0.13 * design.clouds)
    volumes = sum(design.networks[1:3]) * layers * 0.014 * design.images[1]
    return train, clouds + volumes


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and moment: the last one under all choices, the first of many points."""
    code = code_of(*MEASURED_BY)
    moments: dict[str, list[int]] = {}
    for one in subjects:
        moments.setdefault(one.network, []).append(one.moment)
    return [
        Task(
            Job(
                code,
                one.identity,
                design.points,
                design.images,
                design.clouds,
                (0, 1) if one.moment == max(moments[one.network]) else (1,),
                design.neighbors,
                design.seed,
            ),
            f"{one.network}, moment {one.moment}",
        )
        for one in subjects
        if one.moment in (min(moments[one.network]), max(moments[one.network]))
    ]


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    return decide(claim, table, VARIANTS[choice], comparisons=len(CLAIMS))


SOURCES = (
    "studies/across_papers.py",
    "studies/across_decisions.py",
    "studies/across_statistics.py",
    *MEASURED_BY,
)
STUDY = Definition(
    name="across-papers",
    question="Does topology simplify with depth, or does the way it is measured decide?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=X0.rule.fewest, samples=100, labels=True, layers=4),
    design_for=design_for,
    sources=SOURCES,
    lacking={
        "X2": "feature volumes (capture with --pool volume) of 8 networks or more",
        "X5": f"8 networks or more with three layers of more than {PCA} units",
        "X7": "SERIES of 8 networks or more, each with two moments or more",
    },
)
