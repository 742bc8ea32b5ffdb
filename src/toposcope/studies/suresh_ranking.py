"""Suresh, Das, Abrol and Dutta Roy 2023: does theta rank pre-trained models, better than others?

Convolutional and residual networks of several depths, widths and trainings learn scikit-learn's
digits; each is fine-tuned on several small targets. Theta, its variant of beta_1 alone, and LEEP,
NCE, LogME and H-score see the networks as they are and the target's training images. A score agrees
with the accuracies on a target by Kendall's tau over the networks; intervals are for other networks
on other targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.pointclouds.normalize import flat
from toposcope.store.runs import Run
from toposcope.studies.claims import Claim, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import RunSubject, Subject
from toposcope.studies.materials_digit_targets import TARGET_SOURCES, TARGETS, Pair, pair
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.suresh_decay import PAPER
from toposcope.studies.suresh_rankings import (
    FEWEST,
    FEWEST_NETWORKS,
    agreement,
    crossed,
    read_rankings,
)
from toposcope.studies.suresh_statistics import ETAS, mean_betti
from toposcope.studies.suresh_volumes import LAYERS, refuse_without_volumes, volume_layers
from toposcope.studies.verdicts import Evidence, evidence_of_mean
from toposcope.transfer import h_score, leep, logme, nce, theta
from toposcope.transfer.scores.source_heads import source_probabilities
from toposcope.types import LOGITS

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

# ---------------------------------------------------------------------------------------- claims

BASELINES = ("LEEP", "NCE", "LogME", "H-score")
FORMS = {
    "threshold 0": "theta at 0",
    "relative depth": "theta on relative depth",
    "per voxel": "theta per voxel",
}
"""Choices of theta, and what its numbers are called in the table."""
COMMON = (*FORMS, "Spearman", "these networks alone", "networks of one depth")
MAIN = (
    "volumes, sublevel sets at 0, 0.25, ..., 1.75, blocks counted from 1 as in the authors' code, "
    "Kendall's tau"
)

C8 = Claim(
    "C8",
    PAPER,
    "Theta ranks pre-trained models better than LEEP, NCE, LogME and H-score do.",
    Unit.PAIR,
    "difference of Kendall's tau with fine-tuned accuracies, theta less the baseline that is best "
    "against it",
    # All four differences have to be above 0; intervals count all of them.
    Rule(threshold=0.0),
    "the two scores swapped target by target",
    (*BASELINES, *COMMON),
    MAIN,
)
C8R = Claim(
    "C8-ranks",
    PAPER,
    "Theta ranks pre-trained models as fine-tuning does.",
    Unit.PAIR,
    "Kendall's tau of -theta with fine-tuned accuracies, mean over targets",
    # papers.md has no such rule; a score can be better than others and of no use.
    Rule(threshold=0.0),
    "networks exchanged, the same exchange on all targets",
    COMMON,
    MAIN,
)
C10 = Claim(
    "C10",
    PAPER,
    "Theta of beta_1 alone ranks as well as theta of all Betti numbers.",
    Unit.PAIR,
    "difference of Kendall's tau, theta of beta_1 less theta of all",
    # Exploratory in papers.md. "As well as" is not worse by more than a tenth of the scale of tau,
    # one pair of networks of twenty: not a difference of 0, since better would do too.
    Rule(threshold=-0.1),
    "a beta_1 that is worse by 0.1: signs of what is above that flipped target by target",
    tuple(one for one in COMMON if one != "networks of one depth"),
    MAIN,
)
CLAIMS = (C8, C8R, C10)
LACKING = {
    "C8": "what the source head says of the images: capture with logits=True in Python, "
    "ts.capture(MODEL, DATA, pool='volume', logits=True, store=RUN)"
}

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is measured.

    Parameters
    ----------
    kinds, depths, shapes
        Networks: kinds of `training.digit_networks`, numbers of blocks, and (channels, steps of
        the training, label noise); one of every combination.
    targets
        Of `materials_digit_targets`.
    n_train, n_test, steps, seeds
        Images of a target and its fine-tuning.
    images
        Of the training images, that volumes are looked at of.
    seed
        Of the first network; every network has a seed of its own.
    """

    kinds: tuple[str, ...] = ("cnn", "resnet")
    depths: tuple[int, ...] = (4, 6, 8)
    shapes: tuple[tuple[int, int, float], ...] = (
        (8, 150, 0.0),
        (16, 150, 0.0),
        (16, 40, 0.0),
        (16, 150, 0.5),
    )
    targets: tuple[str, ...] = TARGETS
    n_train: int = 150
    n_test: int = 400
    steps: int = 40
    seeds: int = 3
    images: int = 60
    seed: int = 0


QUICK_TARGETS = ("inverted", "rotated", "mirrored", "noisy", "parity", "large", "strokes 1")
FULL = Design()
QUICK = replace(
    FULL,
    depths=(4, 6),
    targets=(*QUICK_TARGETS, "strokes 2", "strokes 3", "strokes 4"),
    seeds=1,
    images=40,
)


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """Every trained network with every target."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(kind, depth, width, seed=design.seed, steps=steps, label_noise=noise)
        for kind in design.kinds
        for depth in design.depths
        for width, steps, noise in design.shapes
    ]
    recipes = [replace(one, seed=design.seed + k) for k, one in enumerate(recipes)]
    trained = digit_networks(recipes, pool="volume", n=design.images, progress=progress)
    sizes = {
        "n_train": design.n_train,
        "n_test": design.n_test,
        "steps": design.steps,
        "seeds": design.seeds,
    }
    return [
        pair(one, recipe, target, **sizes)
        for target in design.targets
        for recipe, one in zip(recipes, trained, strict=True)
    ]


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Images that there are; what no ranking can be made of is refused."""
    call = "study suresh-ranking"
    refuse_without_volumes("suresh-ranking", subjects)
    unknown = [one.network for one in subjects if not _number(one.covariates.get("accuracy"))]
    if unknown:
        msg = (
            f"{call}: no fine-tuned accuracy is known of {len(unknown)} RUNs, {unknown[0]!r} among "
            "them. Bring a population folder whose population.csv has the columns network (which "
            "model), data (which target) and accuracy (after fine-tuning on it)."
        )
        raise UsageError(msg)
    by_target: dict[str, set[str]] = {}
    for one in subjects:
        by_target.setdefault(_target(one), set()).add(_network(one))
    enough = [name for name, models in by_target.items() if len(models) >= FEWEST_NETWORKS]
    if len(enough) < FEWEST:
        msg = (
            f"{call}: {len(enough)} targets (column data) with {FEWEST_NETWORKS} or more networks "
            f"(column network); its rules need {FEWEST} or more."
        )
        raise TooFewSamplesError(msg)
    return replace(design, targets=(), images=min(design.images, subjects[0].open().n))


def _number(value: Any) -> bool:
    try:
        return value is not None and bool(np.isfinite(float(value)))
    except ValueError:
        return False


def _network(subject: Subject) -> str:
    return str(subject.covariates.get("network") or subject.network)


def _target(subject: Subject) -> str:
    return str(subject.covariates.get("data") or "")


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds of the trainings, and of fine-tunings and counts."""
    count = len(design.kinds) * len(design.shapes)
    steps = float(np.mean([steps for _, steps, _ in design.shapes])) / 150
    train = sum(0.7 * depth * steps for depth in design.depths) * count
    tune = sum(0.12 * depth for depth in design.depths) * design.seeds * design.steps / 40
    counts = sum(design.depths) * design.images * 3e-4
    return train, len(design.targets) * count * (tune + counts + 0.1 * len(design.depths))


# ----------------------------------------------------------------------------------- measurement


@dataclass(frozen=True)
class Job:
    """One network and one target.

    Parameters
    ----------
    code, subject
        Hashes of the sources and of the pair.
    images
        See `Design`.
    """

    code: str
    subject: str
    images: int


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per network and target."""
    code = code_of(*SOURCES)
    return [
        Task(Job(code, one.identity, design.images), f"{_network(one)} for {_target(one)}")
        for one in subjects
    ]


def measure(job: Job, subjects: Mapping[str, Subject]) -> list[dict[str, Any]]:
    """Every score of one network on one target, and the accuracy after fine-tuning."""
    subject = subjects[job.subject]
    acts = subject.open()
    names = volume_layers(subject)
    labels = np.asarray(acts.labels)
    shapes = [acts[name].shape[1:] for name in names]
    rows = np.arange(min(job.images, acts.n))
    volumes = [np.asarray(acts.rows(name, rows), dtype=np.float64) for name in names]
    betti = np.stack([mean_betti(one, ETAS) for one in volumes])
    at_zero = np.stack([mean_betti(one, (0.0,)) for one in volumes])
    voxels = [int(np.prod(shape)) for shape in shapes]
    found = {
        "theta": -_theta(betti),
        "theta of beta_1": -_theta(betti, homology_dimensions=(1,)),
        "theta at 0": -_theta(at_zero),
        "theta at 0 of beta_1": -_theta(at_zero, homology_dimensions=(1,)),
        "theta on relative depth": -_theta(betti, depth="relative"),
        "theta on relative depth of beta_1": -_theta(
            betti, depth="relative", homology_dimensions=(1,)
        ),
        "theta per voxel": -_theta(betti, voxels=voxels),
        "theta per voxel of beta_1": -_theta(betti, voxels=voxels, homology_dimensions=(1,)),
        "blocks": float(len(names)),
    }
    # What the head reads: maps averaged over places, or the layer before the logits.
    last = [name for name in acts.layers if name != "logits"][-1]
    features = np.asarray(acts.rows(last, np.arange(acts.n)), dtype=np.float64)
    features = features.mean(axis=(2, 3)) if features.ndim == 4 else flat(features)
    found |= {"LogME": logme(features, labels), "H-score": h_score(features, labels)}
    logits = _logits(subject, acts)
    if logits is not None:
        P = source_probabilities(logits)
        found |= {"LEEP": leep(P, labels), "NCE": nce(P, labels)}
    accuracy = (
        subject.accuracy()
        if isinstance(subject, Pair)
        else float(subject.covariates.get("accuracy", np.nan))
    )
    return [
        {
            "network": _network(subject),
            "target": _target(subject),
            "depth": len(names),
            "source_accuracy": float(subject.covariates.get("test") or np.nan),
            "accuracy": accuracy,
            "score": score,
            "value": float(value),
        }
        for score, value in found.items()
    ]


def _theta(betti: Array, **how: Any) -> float:
    """Theta; NaN for too few blocks, and where there is nothing to count."""
    columns = how.get("homology_dimensions", range(betti.shape[1]))
    if len(betti) < 4 or not betti[:, list(columns)].any():
        return float("nan")
    return float(theta(betti, **how))


def _logits(subject: Subject, acts: Any) -> Array | None:
    """(n, classes) output of the source head, where it was kept."""
    if "logits" in acts.layers:
        return np.asarray(acts["logits"], dtype=np.float64)
    if isinstance(subject, RunSubject):
        run = Run.open(subject.path)
        if LOGITS in run.layers:
            return np.asarray(run.read(LOGITS, np.arange(acts.n)), dtype=np.float64)
    return None


# -------------------------------------------------------------------------------------- decision

ARRANGEMENTS = 999


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices; None where it was not measured."""
    table = table[np.isfinite(table["value"]) & np.isfinite(table["accuracy"])]
    if choice == "networks of one depth":
        table = table[table["depth"] == table["depth"].mode()[0]]
    name = FORMS.get(choice, "theta")
    against = {C8: BASELINES, C10: (f"{name} of beta_1",)}.get(claim, ())
    if claim is C8 and choice in BASELINES:
        against = (choice,)
    if not {name, *against} <= set(table["score"]):
        return None
    rankings = read_rankings(table, (name, *against))
    if rankings is None:
        return None
    statistic = "spearman" if choice == "Spearman" else "kendall"
    if claim is C8R:
        return _ranks(*rankings, statistic, choice == "these networks alone")
    values, truth = rankings
    # (targets, networks) -> differences of correlations; C10 asks for beta_1 less all.
    found = []
    for k in range(1, len(values)):
        sign = -1.0 if claim is C10 else 1.0
        found.append(
            _difference(
                values[[0, k]],
                truth,
                statistic,
                claim.rule,
                sign,
                comparisons=len(CLAIMS) * len(against),
                same=choice == "these networks alone",
            )
        )
    return min(found, key=lambda one: one.interval.value)


def _difference(
    values: Array,
    truth: Array,
    statistic: str,
    rule: Rule,
    sign: float,
    *,
    comparisons: int,
    same: bool,
) -> Evidence:
    """The first score less the second, or the other way around."""

    def gaps(columns: NDArray[np.intp]) -> Array:
        one, other = (agreement(v[:, columns], truth[:, columns], statistic) for v in values)
        return sign * (one - other)

    units = gaps(np.arange(truth.shape[1]))
    null = np.full(len(units), rule.threshold)
    found = evidence_of_mean(units, rule, null=null, comparisons=comparisons, unit="pair")
    return found if same else crossed(found, gaps, truth.shape[1], rule, comparisons)


def _ranks(values: Array, truth: Array, statistic: str, same: bool) -> Evidence:
    """C8-ranks: the agreement itself, and that of networks exchanged on all targets alike."""
    score, every = values[0], np.arange(truth.shape[1])
    rng = np.random.default_rng(0)
    orders = rng.permuted(np.tile(every, (ARRANGEMENTS, 1)), axis=1)
    exchanged = score[:, orders].swapaxes(0, 1)
    null = agreement(exchanged, np.broadcast_to(truth, exchanged.shape), statistic).mean(axis=1)

    def agreements(columns: NDArray[np.intp]) -> Array:
        return agreement(score[:, columns], truth[:, columns], statistic)

    found = evidence_of_mean(
        agreements(every), C8R.rule, arrangements=null, comparisons=len(CLAIMS), unit="pair"
    )
    return found if same else crossed(found, agreements, len(every), C8R.rule, len(CLAIMS))


# ---------------------------------------------------------------------------------------- figure

SHOWN = ("theta", "theta of beta_1", *BASELINES, "blocks")


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Agreement of every score by target, and theta against accuracies."""
    table = table[np.isfinite(table["value"]) & np.isfinite(table["accuracy"])]
    told = []
    for name in (one for one in SHOWN if one in set(table["score"])):
        found = read_rankings(table, (name,))
        if found is not None:
            tau = agreement(found[0][0], found[1], "kendall")
            told.append(curve_of_means(name, [name], tau[:, None]))
    rows = table[table["score"] == "theta"]
    dots = [
        Curve(str(target), (-one["value"]).tolist(), one["accuracy"].tolist())
        for target, one in rows.groupby("target", sort=False)
    ]
    panels = [
        Panel("agreement with fine-tuning", "score", "Kendall's tau", told, 0.0, "points"),
        Panel("theta and accuracy", "theta", "accuracy after fine-tuning", dots, None, "dots"),
    ]
    caption = (
        "Kendall's tau of scores with accuracies after fine-tuning: means over targets with 95 % "
        "t-intervals over targets. Right: every network on every target."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/suresh_ranking.py",
    "studies/suresh_rankings.py",
    "studies/suresh_statistics.py",
    "studies/suresh_volumes.py",
    "transfer/scores/betti_decay.py",
    "transfer/scores/source_heads.py",
    "transfer/scores/log_evidence.py",
    "transfer/scores/class_scatter.py",
    *TARGET_SOURCES,
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="suresh-ranking",
    question="Does theta rank pre-trained models by what fine-tuning gives, better than others do?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(samples=40, labels=True, layers=LAYERS, common_data=False, volumes=True),
    design_for=design_for,
    sources=SOURCES,
    lacking=LACKING,
)
