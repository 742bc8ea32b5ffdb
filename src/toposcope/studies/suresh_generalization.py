"""Suresh, Das, Abrol and Dutta Roy 2023: "the rate of decay quantifies ... generalization".

A population of convolutional networks of varied depth, width, weight decay and share of wrong
labels learns the digits, so that they generalize differently. Betti numbers of the feature volumes
of held-out images are counted at every block; how fast they fall over depth is held against the
test error: alone, and beside what was varied. Configurations are the units, their seeds one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies import populations
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.suresh_curves import theta_of
from toposcope.studies.suresh_statistics import Way, resized, total_betti
from toposcope.studies.suresh_volumes import LAYERS, refuse_without_volumes, volume_layers
from toposcope.studies.verdicts import Evidence

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Suresh, Das, Abrol, Dutta Roy 2023 (arXiv 2311.04592)"

# ---------------------------------------------------------------------------------------- claims

WAYS = {
    "": Way(),
    "threshold 0 alone": Way(etas=(0.0,)),
    "thresholds in rms of the layer": Way(rms=True),
    "components alone": Way(components=True),
}
RATES = {"last over first": "last", "theta": "theta"}
"""Other numbers for the rate: what is left at the end, and the score of the paper."""
CHOICES = (*list(WAYS)[1:], *RATES, "maps of one size", "ranks", "without wrong labels")
MAIN = (
    "slope of the logarithm of 1 + Omega over relative depth, sublevel sets at 0, 0.25, ..., 1.75, "
    "Pearson"
)

C11 = Claim(
    "C11",
    PAPER,
    "Networks whose Betti numbers fall faster with depth generalize better.",
    Unit.CONFIGURATION,
    "correlation of the slope of Betti numbers over depth, negative where they fall, with the test "
    "error",
    Rule(threshold=0.0, least=0.3),
    "test errors shuffled over configurations",
    CHOICES,
    MAIN,
)
C11P = Claim(
    "C11p",
    PAPER,
    "They do so beside what was varied: depth, width, weight decay and wrong labels.",
    Unit.CONFIGURATION,
    "partial correlation of the slope with the test error, given depth, width, weight decay and "
    "the level of wrong labels",
    Rule(threshold=0.0, least=0.3),
    "what is left of the test errors shuffled over configurations",
    CHOICES,
    MAIN,
)
CLAIMS = (C11, C11P)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    kinds, depths, widths, noises, decays
        Every combination is a configuration: kind, blocks, channels, share of wrong labels and
        weight decay.
    seeds, steps
        Networks of each, and steps of their training.
    images
        Held-out images whose volumes are looked at.
    seed
        Of the choice of images.
    """

    kinds: tuple[str, ...] = ("cnn", "resnet")
    depths: tuple[int, ...] = (4, 6, 8)
    widths: tuple[int, ...] = (8, 16)
    noises: tuple[float, ...] = (0.0, 0.2, 0.4)
    decays: tuple[float, ...] = (0.05, 0.5)
    seeds: int = 3
    steps: int = 150
    images: int = 60
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, kinds=("cnn",), depths=(4, 6), seeds=1, images=24)
VARIED = ("depth", "width", "weight_decay", "label_noise")


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained population with the volumes of every block."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(
            kind=kind,
            depth=depth,
            width=width,
            label_noise=noise,
            weight_decay=decay,
            steps=design.steps,
            seed=seed,
        )
        for kind, depth, width, noise, decay, seed in product(
            design.kinds,
            design.depths,
            design.widths,
            design.noises,
            design.decays,
            range(design.seeds),
        )
    ]
    return digit_networks(recipes, pool="volume", n=design.images, progress=progress)


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Images that there are; refused without volumes, and where errors do not vary."""
    refuse_without_volumes("suresh-generalization", subjects)
    populations.refuse_alike_errors("suresh-generalization", subjects)
    return replace(design, images=min(design.images, subjects[0].open().n))


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of the counts: 0.25 ms a volume."""
    shapes = len(design.kinds) * len(design.widths) * len(design.noises) * len(design.decays)
    count = shapes * len(design.depths) * design.seeds
    volumes = count * float(np.mean(design.depths)) * design.images * (len(WAYS) + 1)
    return 3.0 * count, 2.5e-4 * volumes


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    images, seed
        See `Design`.
    """

    code: str
    subject: str
    images: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, at the end of its training."""
    return [
        Task(Job(code_of(*SOURCES), one.identity, design.images, design.seed), one.network)
        for one in at_the_end(subjects)
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Rates of decay of one network, by every way to count."""
    subject = subjects[job.subject]
    acts, known = subject.open(), subject.covariates
    names = volume_layers(subject)
    chosen = np.sort(np.random.default_rng(job.seed).permutation(acts.n)[: job.images])
    volumes = [np.asarray(acts.rows(name, chosen), dtype=np.float64) for name in names]
    smallest = np.min([one.shape[2:] for one in volumes], axis=0).tolist()
    small = [resized(one, (one.shape[1], *smallest)) for one in volumes]
    base = {
        "network": subject.network,
        "configuration": configuration_of(known, subject.network),
        "depth": float(known.get("depth") or len(names)),
        "width": float(known.get("width", np.nan)),
        "weight_decay": float(known.get("weight_decay", np.nan)),
        "label_noise": float(known.get("label_noise", np.nan)),
        "error": 1.0 - float(known["test"]),
    }
    rows = []
    for size, pieces in (("own", volumes), ("one", small)):
        for called, way in WAYS.items():
            if size == "one" and called:
                continue
            omega = np.array([_omega(one, way) for one in pieces])
            rows.append({**base, "size": size, "way": called, **rates(omega)})
    return rows


def configuration_of(known: Mapping[str, Any], network: str) -> str:
    """What networks that differ by their seed alone have in common."""
    if "configuration" in known:
        return str(known["configuration"])
    if "kind" not in known:
        return network
    return " ".join(f"{name} {known.get(name)}" for name in ("kind", *VARIED))


def _omega(volumes: Array, way: Way) -> float:
    size = float(np.sqrt((volumes**2).mean()))
    return float(total_betti(volumes, way, scale=size if way.rms and size > 0 else 1.0).mean())


def rates(omega: Array) -> dict[str, float]:
    """How fast (layers,) mean Betti numbers fall; all are smaller for a faster fall.

    >>> found = rates(np.exp([4.0, 3.0, 2.0, 1.0]) - 1)
    >>> round(found["slope"], 3), round(found["last"], 3)
    (-3.0, -3.0)
    """
    logs = np.log1p(omega)
    depth = np.linspace(0.0, 1.0, len(omega))
    return {
        "slope": float(np.polyfit(depth, logs, 1)[0]),
        "last": float(logs[-1] - logs[0]),
        "theta": float(theta_of(omega)[0]),
    }


# -------------------------------------------------------------------------------------- decision


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    rows = table[
        (table["way"] == (choice if choice in WAYS else ""))
        & (table["size"] == ("one" if choice == "maps of one size" else "own"))
    ]
    if choice == "without wrong labels":
        if not (rows["label_noise"] > 0).any():
            return None
        rows = rows[~(rows["label_noise"] > 0)]
    rows = rows.sort_values(["configuration", "network"])
    value = rows[RATES.get(choice, "slope")].to_numpy()
    # A theta needs four layers; fewer than eight configurations make no interval.
    if not populations.known(value) or rows["configuration"].nunique() < FEWEST_CONFIGURATIONS:
        return None
    columns = {name: rows[name].to_numpy() for name in VARIED if claim is C11P}
    if claim is C11P:  # every level by itself: error need not be linear in it
        columns["label_noise"] = rows["label_noise"].astype(str).to_numpy()
    given = {name: values for name, values in columns.items() if populations.known(values)}
    return populations.correlation(
        value,
        rows["error"].to_numpy(),
        given,
        rows["configuration"].to_numpy(),
        ranks=choice == "ranks",
        level=claim.rule.level,
        comparisons=len(CLAIMS),
    )


FEWEST_CONFIGURATIONS = 8

# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """The rate of decay against the test error, as counted and on maps of one size."""
    panels = []
    for size, title in (("own", "as counted"), ("one", "maps of one size")):
        rows = table[(table["size"] == size) & (table["way"] == "")]
        clouds = []
        for noise, own in rows.groupby("label_noise", dropna=False):
            known = np.isfinite(float(noise))
            name = f"{100 * float(noise):g} % of labels wrong" if known else "networks"
            clouds.append(Curve(name, own["slope"].tolist(), own["error"].tolist()))
        panels.append(
            Panel(title, "slope of Betti numbers over depth", "test error", clouds, kind="points")
        )
    caption = (
        "Every network once: how fast the total Betti number of its feature volumes falls over "
        "depth (slope of log(1 + Omega) over relative depth; further left is faster) and its error "
        "on held-out images."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/suresh_generalization.py",
    "studies/suresh_statistics.py",
    "studies/suresh_curves.py",
    "studies/suresh_volumes.py",
    "studies/populations.py",
    "stats/partial.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="suresh-generalization",
    question="Does a faster decay of Betti numbers over depth go with a lower test error?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=20, samples=8, labels=True, layers=LAYERS, volumes=True),
    design_for=design_for,
    sources=SOURCES,
)
