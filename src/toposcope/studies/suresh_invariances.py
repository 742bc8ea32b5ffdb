"""Suresh, Das, Abrol and Dutta Roy 2023: four invariances of the curve of Betti numbers over depth.

Networks of three architectures learn scikit-learn's digits. Their curves (Betti numbers of feature
volumes over relative depth, of unit length) are measured again on few images, at other resolutions,
on similar data, in deeper networks and with channels in other orders. A curve that does not depend
on these moves by much less than it differs between architectures: that is the margin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import Subject
from toposcope.studies.materials_digit_inputs import INPUT_SOURCES, SIDE, seen
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.suresh_curves import (
    apart,
    exchanged,
    log_shape,
    shape,
    theta_of,
    within_over_between,
)
from toposcope.studies.suresh_decay import PAPER
from toposcope.studies.suresh_statistics import Way, over_permutations, total_betti
from toposcope.studies.suresh_views import (
    Reader,
    cross_pairs,
    deeper,
    elsewhere,
    inside_lists,
    least_deep,
    small_samples,
)
from toposcope.studies.suresh_volumes import LAYERS, refuse_without_volumes, volume_layers
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

# ---------------------------------------------------------------------------------------- claims

WAYS = {
    "": Way(),
    "channel by channel": Way(maps=True),
    "superlevel sets": Way(sublevel=False, etas=tuple(Way().etas[1:])),
    "components alone": Way(components=True),
}
"""Ways to count; at 0 every voxel of a map after a ReLU lies in the superlevel set."""
CURVES: Mapping[str, Callable[[Array], Array]] = {
    "": shape,
    "per voxel": shape,
    "logarithms": log_shape,
    "theta": theta_of,
}
"""Ways to compare: curves of unit length, of numbers per voxel, logarithms, the paper's score."""
COMMON = (*tuple(WAYS)[1:], *tuple(CURVES)[1:])
NEAR, HALF = 0.3, 0.5
STATISTIC = "distance of {} over the mean distance between architectures"
NULL = "changed curves exchanged between networks"
MAIN = "volumes, sublevel sets at 0, 0.25, ..., 1.75, all degrees together, curves of unit length"
SIMILAR = ("shifted", "thinned", "strokes")
OTHER_DATA = ("shifted", "thinned", "strokes", "rotated", "inverted")


def _invariant(
    name: str, sentence: str, moved: str, margin: float, own: Sequence[str], main: str = MAIN
) -> Claim:
    """A claim that something moves the curve by less than a share of what architectures do.

    A distance is never negative, so that equivalence has one side: the interval below the margin.
    """
    return Claim(
        name,
        PAPER,
        sentence,
        Unit.NETWORK,
        STATISTIC.format(moved),
        Rule(Direction.BELOW, threshold=margin),
        NULL,
        (*own, *COMMON),
        main,
    )


C4 = _invariant(
    "C4",
    "The curve of a network does not depend on which few images are looked at.",
    "the curve of ten images to that of the others",
    # papers.md looks at the spread of theta and the ranking; a curve is more than its score.
    NEAR,
    ("one image", "one class"),
)
C5 = _invariant(
    "C5",
    "The curve of a network does not depend on the resolution of its input.",
    "the curve at 12 and 16 pixels to that at 8",
    NEAR,
    ("12 pixels", "16 pixels"),
)
C6 = _invariant(
    "C6",
    "An architecture has the same curve on similar data.",
    "the curve on shifted digits, thinned digits and strokes to that on digits",
    # papers.md asks for R^2 > 0.5 of architectures, which a distance of 0.7 of theirs still
    # fulfills: half is R^2 = 0.75, and nearer to "the same".
    HALF,
    OTHER_DATA,
)
C7 = _invariant(
    "C7",
    "Variants of an architecture that differ in depth have the same curve.",
    "the curve of a deeper network of the same architecture to that of the least deep",
    # These are other trainings too, so that seeds are in the distance: half, as for C6.
    HALF,
    (),
)
C3 = _invariant(
    "C3-curve",
    "The curve of a network does not depend on the order of its channels.",
    "the curve with channels in another order to that in their own",
    NEAR,
    (),
)
CLAIMS = (C4, C5, C6, C7, C3)
LACKING = {
    "C5": "RUNs of the same networks at two or more resolutions: a population folder whose table "
    "has the columns network and resolution",
    "C6": "RUNs of the same networks on two or more data sets: a population folder whose table has "
    "the columns network and data",
    "C7": "networks of the same architecture and other depths: a population folder whose table has "
    "the columns architecture and depth, 8 or more networks of the least depth",
}

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    architectures
        (kind, activation) of networks, as in `training.digit_networks`.
    networks
        Of each architecture and depth.
    depths
        Numbers of blocks; the first is that of all claims but C7.
    width, steps
        Channels, and steps of the training.
    images
        That volumes are looked at of.
    few, draws
        Images of a small sample, and how many such samples.
    permutations
        Orders of the channels.
    resolutions, data
        Sides of images and kinds of them, besides digits of 8 pixels.
    seed
        Of draws, orders and the first network.
    """

    architectures: tuple[tuple[str, str], ...] = (
        ("cnn", "relu"),
        ("cnn", "tanh"),
        ("resnet", "relu"),
    )
    networks: int = 8
    depths: tuple[int, ...] = (4, 6, 8)
    width: int = 16
    steps: int = 150
    images: int = 60
    few: int = 10
    draws: int = 8
    permutations: int = 20
    resolutions: tuple[int, ...] = (12, 16)
    data: tuple[str, ...] = OTHER_DATA
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, networks=4, depths=(4, 6), images=40, draws=6, permutations=8)
FEWEST = C4.rule.fewest


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained networks with every kind of images; deeper ones with digits alone."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(kind, depth, design.width, activation, design.seed + k, steps=design.steps)
        for kind, activation in design.architectures
        for depth in design.depths
        for k in range(design.networks)
    ]
    trained = digit_networks(recipes, pool="volume", n=design.images, progress=progress)
    found: list[Subject] = []
    for recipe, one in zip(recipes, trained, strict=True):
        views = [("digits", SIDE)]
        if recipe.depth == design.depths[0]:
            views += [("digits", size) for size in design.resolutions]
            views += [(kind, SIDE) for kind in design.data]
        found += [seen(one, recipe, kind, size, design.images) for kind, size in views]
    return found


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Images that there are; networks without volumes, or of one architecture, are refused."""
    refuse_without_volumes("suresh-invariances", subjects)
    for one in subjects:
        _depth(one)
    first = _view(subjects[0])
    known = {_network(one): _architecture(one) for one in subjects if _view(one) == first}
    if len(known) < FEWEST:
        msg = (
            f"study suresh-invariances: {len(known)} networks were captured on the first data at "
            f"the first resolution; its rules need {FEWEST} or more. RUNs that are of one network "
            "share a value in the column network of population.csv."
        )
        raise TooFewSamplesError(msg)
    if len(set(known.values())) < 2:
        msg = (
            "study suresh-invariances: all networks are of one architecture, "
            f"{next(iter(known.values()))!r}; how far curves move is measured in distances between "
            "architectures. Bring RUNs of two or more, told apart by a column architecture of "
            "population.csv (without it every network is one of its own)."
        )
        raise UsageError(msg)
    images = min(design.images, subjects[0].open().n)
    few = min(design.few, images // 3)
    if few < 1:
        msg = f"study suresh-invariances: {images} images; its rules need 3 or more. Capture more."
        raise TooFewSamplesError(msg)
    return replace(design, networks=0, images=images, few=few)


def _network(subject: Subject) -> str:
    return str(subject.covariates.get("network") or subject.network)


def _architecture(subject: Subject) -> str:
    return str(subject.covariates.get("architecture") or _network(subject))


def _depth(subject: Subject) -> float:
    known = subject.covariates.get("depth")
    try:
        return float(known) if known is not None else np.nan
    except ValueError:
        msg = (
            f"study suresh-invariances: depth={known!r} of {subject.network!r}; needed is a number "
            "of layers or blocks. Correct the column depth of population.csv."
        )
        raise UsageError(msg) from None


def _view(subject: Subject) -> tuple[str, str]:
    known = subject.covariates
    return str(known.get("data") or ""), str(known.get("resolution") or "")


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of all counts: 0.2 ms a volume of 8 x 8."""
    kinds = len(design.architectures)
    train = sum(0.75 * depth for depth in design.depths) * kinds * design.networks
    # Draws of images take no counts of their own; orders of channels do, but not channel by channel
    orders = design.permutations * (len(WAYS) - 1)
    larger = sum((size / SIDE) ** 2 for size in design.resolutions) + len(design.data)
    volumes = sum(design.depths) * (len(WAYS) + orders) + design.depths[0] * larger * len(WAYS)
    return train, 2e-4 * volumes * kinds * design.networks * design.images


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network with one kind of images.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the network with its images.
    images, few, draws, permutations, seed
        See `Design`; no draws and no permutations where only the curve is asked for.
    """

    code: str
    subject: str
    images: int
    few: int
    draws: int
    permutations: int
    seed: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and kind of images."""
    code, first = code_of(*SOURCES), _view(subjects[0])
    made = []
    for one in subjects:
        whole = _view(one) == first
        numbers = (design.draws, design.permutations) if whole else (0, 0)
        job = Job(code, one.identity, design.images, design.few, *numbers, design.seed)
        made.append(Task(job, f"{_network(one)}, {' '.join(filter(None, _view(one)))}"))
    return made


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Totals of every layer by every way to count, of all images and of few, and reordered."""
    subject = subjects[job.subject]
    acts = subject.open()
    labels = acts.labels
    samples = small_samples(
        job.images,
        job.few,
        job.draws,
        None if labels is None else np.asarray(labels)[: job.images],
        job.seed,
    )
    data, resolution = _view(subject)
    rows = []
    for layer, name in enumerate(volume_layers(subject)):
        volumes = np.asarray(acts.rows(name, np.arange(job.images)), dtype=np.float64)
        for called, way in WAYS.items():
            omega = total_betti(volumes, way).mean(axis=1)
            orders = 2 if way.maps else job.permutations  # of maps no order makes a difference
            reordered = (
                over_permutations(volumes, way, orders, job.seed).mean(axis=1)
                if job.permutations
                else np.zeros(0)
            )
            if way.maps and job.permutations:
                reordered = np.repeat(reordered[:1], job.permutations)
            rows.append(
                {
                    "network": _network(subject),
                    "architecture": _architecture(subject),
                    "depth": _depth(subject),
                    "data": data,
                    "resolution": resolution,
                    "layer": layer,
                    "way": called,
                    "voxels": int(np.prod(volumes.shape[1:])),
                    "omega": float(omega.mean()),
                    "reordered": reordered.tolist(),
                    **{
                        f"{kind} {side}": [float(omega[mask == inside].mean()) for mask in masks]
                        for kind, masks in samples.items()
                        for side, inside in (("inside", True), ("outside", False))
                    },
                }
            )
    return rows


# -------------------------------------------------------------------------------------- decision

ARRANGEMENTS = 999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices; None where it was not measured."""
    way = choice if choice in WAYS else ""
    how = CURVES.get(choice, shape)
    rows = table[table["way"] == way]
    first = rows.iloc[0]
    rows = rows.sort_values("layer", kind="stable")
    here = rows[(rows["data"] == first["data"]) & (rows["resolution"] == first["resolution"])]
    read = Reader(how, choice == "per voxel")
    if claim is C7:
        found = deeper(here, read)
    elif claim is C5:
        same = rows[rows["data"] == first["data"]]
        found = elsewhere(same, here, "resolution", _only(choice, {"12 pixels", "16 pixels"}), read)
    elif claim is C6:
        same = rows[rows["resolution"] == first["resolution"]]
        wanted = _only(choice, set(OTHER_DATA)) or (
            SIMILAR if set(SIMILAR) <= set(same["data"]) else ()
        )
        found = elsewhere(same, here, "data", wanted, read)
    elif claim is C4:
        kind = {"one image": "one", "one class": "class"}.get(choice, "few")
        found = inside_lists(least_deep(here), (f"{kind} outside", f"{kind} inside"), read)
    else:
        found = inside_lists(least_deep(here), ("omega", "reordered"), read)
    if found is None or len(found[0]) < FEWEST:
        return None
    base, changed, reference, networks = found
    cross = cross_pairs(networks)
    if not cross.any():
        return None
    moved, between = apart(base, changed), apart(reference[:, None], reference[:, None])
    values = within_over_between(moved, between, cross)
    if not np.isfinite(values).all():
        return None
    null = exchanged(moved, between, cross, ARRANGEMENTS)
    return evidence_of_mean(values, claim.rule, arrangements=null, comparisons=len(CLAIMS))


def _only(choice: str, known: set[str]) -> tuple[str, ...]:
    return (choice.removesuffix(" pixels"),) if choice in known else ()


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Curves by architecture, depth, resolution and data, and how far each moves them."""
    rows = table[table["way"] == ""]
    first = rows.iloc[0]
    here = rows[(rows["data"] == first["data"]) & (rows["resolution"] == first["resolution"])]
    least = least_deep(here)
    one = rows[rows["architecture"] == first["architecture"]]
    same = {
        "of three architectures": (least, "architecture"),
        "of other depths": (here[here["architecture"] == first["architecture"]], "depth"),
        "at other resolutions": (one[one["data"] == first["data"]], "resolution"),
        "on other data": (one[one["resolution"] == first["resolution"]], "data"),
    }
    panels = []
    for title, (found, column) in same.items():
        if title not in ("of three architectures", "of other depths"):
            found = least_deep(found)
        curves = [
            _curve(f"{column} {value}" if column != "data" else str(value), many)
            for value, many in found.groupby(column, sort=False)
        ]
        if len(curves) > 1 or title == "of three architectures":
            panels.append(
                Panel(title.replace("three", str(len(curves))), "relative depth", "curve", curves)
            )
    told = []
    for claim in CLAIMS:
        made = evidence(claim, table, design, "")
        if made is not None:
            ends = made.interval
            margin = f"{claim.id} (margin {claim.rule.threshold:g})"
            told.append(Curve(margin, [claim.id], [ends.value], [ends.low], [ends.high]))
    panels.append(
        Panel(
            "how far curves move", "claim", "over distance of architectures", told, NEAR, "points"
        )
    )
    caption = (
        "Total Betti numbers over relative depth, curves of unit length. Means over networks; "
        "bands are 95 % t-intervals over networks. Last: how far the curve of a network moves, "
        "over the distance between architectures; intervals hold for all claims together."
    )
    return Figure(caption, panels)


def _curve(name: str, rows: pd.DataFrame) -> Curve:
    read = Reader(shape, False)
    values = [read.curves(one, "omega")[0] for _, one in rows.groupby("network", sort=False)]
    places = np.linspace(0, 1, len(values[0])).round(2)
    return curve_of_means(name, places.tolist(), np.stack(values))


SOURCES = (
    "studies/suresh_invariances.py",
    "studies/suresh_curves.py",
    "studies/suresh_views.py",
    "studies/suresh_statistics.py",
    "studies/suresh_volumes.py",
    *INPUT_SOURCES,
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="suresh-invariances",
    question="Is the curve of Betti numbers a property of the architecture, whatever is looked at?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=FEWEST, samples=3, layers=LAYERS, common_data=False, volumes=True),
    design_for=design_for,
    sources=SOURCES,
    lacking=LACKING,
)
