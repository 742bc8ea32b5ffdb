"""Suresh, Das, Abrol and Dutta Roy 2023: "Betti numbers attaining their lowest possible value".

Convolutional and residual networks learn scikit-learn's digits. Betti numbers of the feature volume
(channels, height, width) of every held-out image are counted at every block, as they are, per
voxel, on volumes of one size, and with the channels in other orders. Networks are the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Figure, Panel, curve_of_means
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.suresh_statistics import (
    Way,
    excess,
    falls,
    orders_of,
    over_permutations,
    relu_moves,
    resized,
    shuffled_falls,
    total_betti,
    variation,
)
from toposcope.studies.suresh_volumes import LAYERS, refuse_without_volumes, volume_layers
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Suresh, Das, Abrol, Dutta Roy 2023 (arXiv 2311.04592)"

# ---------------------------------------------------------------------------------------- claims

WAYS = {
    "": Way(),
    "threshold 0 alone": Way(etas=(0.0,)),
    "thresholds in rms of the layer": Way(rms=True),
    "superlevel sets": Way(sublevel=False, etas=tuple(Way().etas[1:])),
    "voxels as top cells": Way(construction="T"),
    "channel by channel": Way(maps=True),
    "components alone": Way(components=True),
}
"""Ways to count; at 0 every voxel of a map after a ReLU lies in the superlevel set."""
OTHERS = tuple(WAYS)[1:]
KINDS = ("convolutional", "residual")
MAIN = "volumes, sublevel sets at 0, 0.25, ..., 1.75, voxels as vertices, all degrees together"

C1 = Claim(
    "C1",
    PAPER,
    "Betti numbers of feature maps fall with depth.",
    Unit.NETWORK,
    "Spearman correlation of depth and Omega, the mean total Betti number of an image",
    Rule(Direction.BELOW, threshold=0.0, least=-0.5),
    "layers shuffled inside every network",
    (*OTHERS, *KINDS),
    MAIN,
)
C1L = Claim(
    "C1-lowest",
    PAPER,
    "Betti numbers attain their lowest possible value in the last layer.",
    Unit.NETWORK,
    "what the last layer has above the lowest value, a single component, over what the layer with "
    "most has",
    # papers.md asks for (1, 0, 0) exactly, which a single voxel that is off refuses: 5 % is near.
    Rule(Direction.BELOW, threshold=0.05),
    "layers shuffled inside every network",
    (*OTHERS, *KINDS),
    MAIN,
)
C2 = Claim(
    "C2",
    PAPER,
    "The fall is not one of the number of voxels.",
    Unit.NETWORK,
    "the weaker of two Spearman correlations with depth: of Omega per voxel, and of Omega of maps "
    "brought to one size",
    Rule(Direction.BELOW, threshold=0.0, least=-0.5),
    "layers shuffled inside every network",
    (*OTHERS, *KINDS, "per voxel alone", "one size alone"),
    MAIN,
)
C3 = Claim(
    "C3",
    PAPER,
    "Betti numbers of a volume are a property of the representation.",
    Unit.NETWORK,
    "coefficient of variation of an image's Omega over orders of the channels, which change "
    "nothing that the network computes; mean over images and layers",
    Rule(Direction.BELOW, threshold=0.05),
    "the same over images: another order moves Omega as much as another image",
    (*[name for name in OTHERS if name != "channel by channel"], *KINDS, "mean over images first"),
    MAIN,
)
C9 = Claim(
    "C9",
    PAPER,
    "A ReLU leaves Betti numbers at thresholds from 0 on unchanged.",
    Unit.NETWORK,
    "largest change of a total Betti number over layers, images and thresholds",
    # An identity: {relu(f) <= t} = {f <= t}. Counts are whole, so that 0.5 allows no change at all.
    Rule(Direction.WITHIN, threshold=0.5),
    "thresholds below 0, where a ReLU empties the set",
    (*OTHERS, *KINDS),
    MAIN,
)
CLAIMS = (C1, C1L, C2, C3, C9)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    networks
        Of each kind, convolutional and residual.
    depths
        Numbers of blocks; networks take them in turn.
    width, steps
        Channels, and steps of the training.
    images
        Held-out images whose volumes are looked at.
    permutations
        Orders of the channels.
    seed
        Of orders and of the first network.
    """

    networks: int = 16
    depths: tuple[int, ...] = (6, 8)
    width: int = 16
    steps: int = 150
    images: int = 60
    permutations: int = 100
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, networks=6, depths=(6,), images=16, permutations=50)
FEWEST = C1.rule.fewest


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained networks with volumes of every block."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(
            kind=kind,
            depth=design.depths[k % len(design.depths)],
            width=design.width,
            steps=design.steps,
            seed=design.seed + k,
        )
        for kind in ("cnn", "resnet")
        for k in range(design.networks)
    ]
    return digit_networks(recipes, pool="volume", n=design.images, progress=progress)


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Images that there are; networks without feature volumes are refused."""
    refuse_without_volumes("suresh-decay", subjects)
    return replace(design, networks=0, images=min(design.images, subjects[0].open().n))


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all counts: 0.25 ms a volume."""
    count = 2 * design.networks
    layers = float(np.mean(design.depths))
    volumes = count * layers * design.images * len(WAYS) * (design.permutations + 6)
    return 3.0 * count, 2.5e-4 * volumes


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One trained network.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network.
    images, permutations, seed
        See `Design`.
    """

    code: str
    subject: str
    images: int
    permutations: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network, at the last moment that there is."""
    return [
        Task(
            Job(code_of(*SOURCES), one.identity, design.images, design.permutations, design.seed),
            one.network,
        )
        for one in at_the_end(subjects)
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Totals of every layer of one network, by every way to count."""
    subject = subjects[job.subject]
    acts = subject.open()
    names = volume_layers(subject)
    rows_of = np.sort(np.random.default_rng(job.seed).permutation(acts.n)[: job.images])
    smallest = np.min([acts[name].shape[1:] for name in names], axis=0)
    rows = []
    for depth, name in enumerate(names):
        volumes = np.asarray(acts.rows(name, rows_of), dtype=np.float64)
        small = resized(volumes, smallest.tolist())
        size = float(np.sqrt((volumes**2).mean()))
        for called, way in WAYS.items():
            scale = size if way.rms and size > 0 else 1.0
            totals = total_betti(volumes, way, scale=scale)
            lowest = float(volumes.shape[1]) if way.maps else 1.0
            omega = totals.mean(axis=1)
            # Added over channels, no order of them makes a difference: nothing to measure.
            orders = 2 if way.maps else job.permutations
            many = over_permutations(volumes, way, orders, job.seed, scale=scale)
            changed, below = relu_moves(volumes, way)
            rows.append(
                {
                    "network": subject.network,
                    "kind": str(subject.covariates.get("kind", "given")),
                    "accuracy": float(subject.covariates.get("test") or np.nan),
                    "layer": depth,
                    "name": name,
                    "way": called,
                    "voxels": int(np.prod(volumes.shape[1:])),
                    "omega": float(omega.mean()),
                    "excess": excess(totals, lowest),
                    "one_size": float(total_betti(small, way, scale=scale).mean()),
                    "over_orders": _mean(variation(many)),
                    "mean_over_orders": float(variation(many.mean(axis=1))),
                    "over_images": float(variation(omega)),
                    "relu": changed,
                    "relu_below": below,
                }
            )
    return rows


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


# -------------------------------------------------------------------------------------- decision

ARRANGEMENTS = 999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    if choice in KINDS:
        table = table[table["kind"] == {"convolutional": "cnn", "residual": "resnet"}[choice]]
    rows = table[table["way"] == (choice if choice in WAYS else "")]
    networks = [one.sort_values("layer") for _, one in rows.groupby("network", sort=True)]
    if choice and len(networks) < FEWEST:
        return None
    if claim is C1:
        return _falling(networks, C1, ("omega",))
    if claim is C1L:
        return _lowest(networks)
    if claim is C2:
        which = {"per voxel alone": ("density",), "one size alone": ("one_size",)}
        return _falling(networks, C2, which.get(choice, ("density", "one_size")))
    if claim is C3:
        return _orders(networks, first=choice == "mean over images first")
    return evidence_of_mean(
        [one["relu"].max() for one in networks],
        C9.rule,
        null=[one["relu_below"].max() for one in networks],
        comparisons=len(CLAIMS),
    )


def _falling(networks: Sequence[pd.DataFrame], claim: Claim, columns: Sequence[str]) -> Evidence:
    """C1, C2: the weakest fall among the curves of a network, and of all their layers shuffled."""
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for one in networks:
        known = one.assign(density=one["omega"] / one["voxels"])
        curves = known[list(columns)].to_numpy(dtype=np.float64).T
        values.append(max(falls(curve) for curve in curves))
        orders = orders_of(curves.shape[1], ARRANGEMENTS, rng)
        null += shuffled_falls(curves, orders).max(axis=0) / len(networks)
    return evidence_of_mean(values, claim.rule, arrangements=null, comparisons=len(CLAIMS))


def _lowest(networks: Sequence[pd.DataFrame]) -> Evidence:
    """C1-lowest: the share of the largest excess that is left at the end."""
    rng = np.random.default_rng(0)
    values, null = [], np.zeros(ARRANGEMENTS)
    for one in networks:
        left = one["excess"].to_numpy(dtype=np.float64)
        shares = left / left.max() if left.max() > 0 else np.zeros(len(left))
        values.append(float(shares[-1]))
        null += rng.choice(shares, size=ARRANGEMENTS) / len(networks)
    return evidence_of_mean(values, C1L.rule, arrangements=null, comparisons=len(CLAIMS))


def _orders(networks: Sequence[pd.DataFrame], *, first: bool) -> Evidence | None:
    """C3: variation over orders of the channels, beside that over images."""
    column = "mean_over_orders" if first else "over_orders"
    # A layer whose sets are all empty has no variation.
    values = [_mean(one[column].to_numpy()) for one in networks]
    images = [_mean(one["over_images"].to_numpy()) for one in networks]
    if not np.isfinite([*values, *images]).all():
        return None
    return evidence_of_mean(values, C3.rule, null=images, comparisons=len(CLAIMS))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Omega, its density and that of one size over depth, and variation over orders."""
    rows = table[table["way"] == ""].assign(density=lambda t: 1000 * t["omega"] / t["voxels"])
    shown = (
        ("omega", "as counted", "total Betti number of an image"),
        ("density", "per voxel", "of 1000 voxels"),
        ("one_size", "maps of one size", "total Betti number of an image"),
    )
    panels = [
        Panel(
            title,
            "block",
            y_label,
            [_curve(one, kind, column) for kind, one in rows.groupby("kind", sort=True)],
        )
        for column, title, y_label in shown
    ]
    variations = [
        _curve(rows, "other orders of channels", "over_orders"),
        _curve(rows, "other images", "over_images"),
    ]
    panels.append(
        Panel("what moves an image's total", "block", "coefficient of variation", variations, 0.05)
    )
    caption = (
        "Total Betti numbers of feature volumes over depth (sublevel sets, mean over thresholds 0 "
        "to 1.75). Means over networks; bands are 95 % t-intervals over networks."
    )
    return Figure(caption, panels)


def _curve(rows: pd.DataFrame, name: str, column: str) -> Any:
    values = rows.pivot(index="network", columns="layer", values=column)
    # Where a few networks are deeper, one network alone makes no mean.
    values = values.loc[:, values.notna().sum() >= min(3, len(values))]
    names = {"cnn": "convolutional", "resnet": "residual"}
    return curve_of_means(names.get(name, name), values.columns.tolist(), values.to_numpy())


SOURCES = (
    "studies/suresh_decay.py",
    "studies/suresh_statistics.py",
    "studies/suresh_volumes.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="suresh-decay",
    question="Do Betti numbers of feature maps fall with depth, for any reason but fewer voxels?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, samples=8, layers=LAYERS, volumes=True),
    design_for=design_for,
    sources=SOURCES,
)
