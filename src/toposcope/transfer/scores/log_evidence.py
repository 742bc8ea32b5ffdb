"""LogME: the evidence of a Bayesian linear model of the labels at its best two variances."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.foreign import real
from toposcope.transfer.scores.inputs import (
    Array,
    features,
    features_and_labels,
    left_coordinates,
)

RATIOS = 10.0 ** np.arange(-12.0, 12.5, 0.5)
"""Ratios of the two precisions tried first, in units of the largest squared singular value."""
LEAST_NOISE = 1e-12
"""Share of a target's norm that counts as noise even where the features reproduce it: without it
the evidence would be infinite."""


def logme(F: ArrayLike, y: ArrayLike, *, regression: bool = False) -> float:
    """Mean log evidence per sample of a linear model of the targets; higher is better.

    Parameters
    ----------
    F
        (n, D) features, not centered, as published.
    y
        (n,) labels; with `regression`, (n,) or (n, K) numbers to predict.
    regression
        Whether y are numbers to predict instead of classes, which are taken one-hot.

    Returns
    -------
    log p(y_c | F) / n at the best prior precision alpha and noise precision beta, averaged over the
    classes (or targets) c. n may be smaller than D: the widely copied fixed-point code leaves out
    the term -(D - k)/2 log(alpha) of the D - k zero singular values, and its scores explode there.
    Numbers to predict count as they are: another unit of y, u times as small, lowers all scores of
    a target by log(u) and leaves the ranking.

    Raises
    ------
    DegenerateCloudError
        A target to predict that is the same number for all samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> good = rng.normal(size=(100, 4)) + 4 * y[:, None]
    >>> logme(good, y) > logme(rng.normal(size=(100, 4)), y)
    True
    >>> angle = np.linspace(0, 1, 100)
    >>> knows = angle[:, None] ** [0, 1]
    >>> logme(knows, angle, regression=True) > logme(good, angle, regression=True)
    True

    References
    ----------
    You et al., LogME: practical assessment of pre-trained models for transfer learning, ICML 2021.
    """
    if parameters.flag(regression, "regression", call="logme()"):
        values = features(F, call="logme")
        wanted = _numbers(y, len(values))
        # In a unit of their own: squares of 1e-200 are 0.
        size = np.abs(wanted).max(axis=0)
        shift = float(np.log(size).mean())
        targets = wanted / size
    else:
        values, labels = features_and_labels(F, y, call="logme")
        targets, shift = np.eye(labels.max() + 1)[labels], 0.0
    sigma, along = left_coordinates(values / np.abs(values).max(), targets)
    evidences = [
        _evidence(sigma, along[:, c] ** 2, float((targets[:, c] ** 2).sum()), len(values))
        for c in range(targets.shape[1])
    ]
    return float(np.mean(evidences)) - shift


def _numbers(y: ArrayLike, n: int) -> Array:
    """(n, K) targets of a regression."""
    wanted = real(y, call="logme(regression=True)", name="y").astype(np.float64, copy=False)
    given = wanted.shape
    wanted = wanted[:, None] if wanted.ndim == 1 else wanted
    if wanted.ndim != 2 or len(wanted) != n or not wanted.shape[1]:
        msg = (
            f"logme(regression=True): y has shape {given}; needed is ({n},) or ({n}, K), one "
            "row per sample."
        )
        raise UsageError(msg)
    if not np.isfinite(wanted).all():
        bad = int((~np.isfinite(wanted)).any(axis=1).sum())
        msg = f"logme(regression=True): {bad} of {n} targets are NaN or infinite; leave them out."
        raise DegenerateCloudError(msg)
    if (np.ptp(wanted, axis=0) == 0).any():
        msg = "logme(regression=True): a target is the same number for all samples."
        raise DegenerateCloudError(msg)
    return wanted


def _evidence(sigma: Array, x2: Array, total: float, n: int) -> float:
    """Best log evidence per sample.

    `sigma` are the k squared singular values, `x2` the squared coordinates of the target along
    their left vectors, `total` the squared norm of the target. With t = alpha / beta,

        log p(y) = -1/2 sum log(1 + sigma / t) + n/2 log(beta / 2 pi) - beta/2 q(t),
        q(t) = y' (I + F F' / t)^-1 y = sum x2 t / (t + sigma) + what lies outside the features,

    and the best beta is n / q(t): one maximum in one variable is left. Nothing of the D - k zero
    singular values remains. The published fixed point stops after 11 rounds, before it is reached.
    """
    from scipy.optimize import minimize_scalar

    outside = max(total - float(x2.sum()), 0.0) + LEAST_NOISE * total

    def loss(log_t: float) -> float:
        t = math.exp(log_t)
        q = float((x2 * (t / (t + sigma))).sum()) + outside
        return 0.5 * float(np.log1p(sigma / t).sum()) + 0.5 * n * math.log(q)

    steps = np.log(RATIOS * sigma[0])
    best = int(np.argmin([loss(step) for step in steps]))
    ends = steps[max(best - 1, 0)], steps[min(best + 1, len(steps) - 1)]
    minimum = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return float(-minimum.fun / n + 0.5 * math.log(n / (2 * math.pi)) - 0.5)
