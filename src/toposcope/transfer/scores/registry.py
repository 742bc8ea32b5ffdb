"""The scores by name, each with its direction, what it needs, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from toposcope.execution.plugins import Registry
from toposcope.transfer.scores.betti_decay import theta
from toposcope.transfer.scores.class_scatter import gbc, h_score, sfda, transrate
from toposcope.transfer.scores.log_evidence import logme
from toposcope.transfer.scores.probes import knn, linear_probe, parc
from toposcope.transfer.scores.source_heads import leep, nce, nleep

Needs = Literal["features", "head", "volumes", "clouds", "model"]


@dataclass(frozen=True)
class Score:
    """A transfer score and what it declares of itself.

    Parameters
    ----------
    needs
        "features": penultimate features (n, D) and labels; "head": the softmax of the source
        classifier and labels; "volumes": mean Betti numbers (blocks, dims) of feature volumes;
        "clouds": numbers of Rips diagrams of the layers; "model": nothing but the model.
    higher_is_better
        Direction in which the authors recommend a model.
    labels
        Whether target labels are needed.
    cost
        Operations for n samples, D features, C classes, Z source classes.
    compute
        The plain-array function: of (F, y), (P, y) or (betti, voxels), by `needs`; None where the
        number is measured on clouds or looked up.
    about
        One line for a reader of the board.
    """

    needs: Needs
    higher_is_better: bool
    labels: bool
    cost: str
    compute: Callable[..., float] | None = field(repr=False)
    about: str

    def __call__(self, *data: Any) -> float:
        """The score of one candidate."""
        assert self.compute is not None, "measured on clouds or looked up"
        return self.compute(*data)


_OWN = {
    "linear_probe": Score(
        "features", True, True, "folds n D iterations", linear_probe, "logistic regression"
    ),
    "knn": Score("features", True, True, "n^2 D", knn, "leave-one-out 5 nearest neighbors"),
    "logme": Score("features", True, True, "n D min(n, D)", logme, "evidence of a linear model"),
    "h_score_regularized": Score(
        "features",
        True,
        True,
        "n D^2 + D^3",
        partial(h_score, regularized=True),
        "H-score with a shrunk covariance",
    ),
    "h_score": Score("features", True, True, "n D min(n, D)", h_score, "whitened class variance"),
    "sfda": Score("features", True, True, "n D^2 + D^3", sfda, "self-challenging Fisher analysis"),
    "transrate": Score("features", True, True, "C min(n, D)^3", transrate, "coding-rate gain"),
    "gbc": Score("features", True, True, "n D^2 + C^2", gbc, "overlap of Gaussian classes"),
    "nleep": Score("features", True, True, "mixture n C D^2", nleep, "LEEP on a Gaussian mixture"),
    "parc": Score("features", True, True, "500^2 D", parc, "correlation of distances"),
    "leep": Score("head", True, True, "n C Z", leep, "log-likelihood through the source classes"),
    "nce": Score("head", True, True, "n + C Z", nce, "entropy of labels given predicted class"),
    "class_persistence": Score(
        "clouds",
        False,
        True,
        "n^2 D",
        None,
        "mean bar length inside classes over that of the pooled cloud (equal n): tight classes",
    ),
    "total_persistence": Score(
        "clouds", True, False, "n^2 D", None, "total H0 persistence of the penultimate cloud"
    ),
    "ph_dimension": Score(
        "clouds", False, False, "n^2 D", None, "PH-dimension of the penultimate cloud"
    ),
    "tau": Score(
        "clouds",
        True,
        False,
        "n^2 D per layer",
        None,
        "1 / mean bar length over layers (the sequel of Suresh et al.)",
    ),
    "theta": Score(
        "volumes",
        False,
        False,
        "n voxels",
        lambda betti, voxels: theta(betti),
        "decay of cubical Betti numbers over depth (Suresh et al. 2023)",
    ),
    "theta_per_voxel": Score(
        "volumes",
        False,
        False,
        "n voxels",
        lambda betti, voxels: theta(betti, voxels=voxels),
        "theta of Betti numbers per voxel: small volumes have few features by size alone",
    ),
    "theta_relative": Score(
        "volumes",
        False,
        False,
        "n voxels",
        lambda betti, voxels: theta(betti, depth="relative"),
        "theta over relative depth: does not move with the number of blocks looked at",
    ),
    "source_accuracy": Score(
        "model", True, False, "none", None, "constant: accuracy on the source task, when known"
    ),
    "parameters": Score("model", True, False, "none", None, "constant: number of parameters"),
}

HONEST, CONSTANTS = ("linear_probe", "knn"), ("source_accuracy", "parameters")
"""Baselines that look at the target's labels in the plainest way, and that do not look at all."""

SCORES: Registry[Score] = Registry("toposcope.scores", _OWN)
"""Every score by name, the plainest first; the constants are the baselines that no score should
lose to."""
