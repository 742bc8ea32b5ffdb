"""The honest baselines: nearest neighbors, a linear probe, and PARC's correlation of distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from toposcope.errors import DegenerateCloudError, TooFewSamplesError
from toposcope.homology.neighbors import nearest
from toposcope.inputs import parameters
from toposcope.stats.ranks import mean_ranks
from toposcope.transfer.scores.class_scatter import principal
from toposcope.transfer.scores.inputs import features_and_labels

PARC_COMPONENTS, PARC_SAMPLES = 32, 500
"""Principal components and samples of PARC (Bolya et al. 2021)."""


def knn(F: ArrayLike, y: ArrayLike, *, k: int = 5) -> float:
    """Leave-one-out accuracy of k nearest neighbors (Euclidean); higher is better.

    Parameters
    ----------
    F
        (n, D) features, used as they are.
    y
        (n,) labels.
    k
        Number of neighbors that vote; ties go to the class of the nearest among the tied.

    Returns
    -------
    In [0, 1].

    Examples
    --------
    >>> knn([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], k=1)
    1.0

    References
    ----------
    Cover & Hart, Nearest neighbor pattern classification, IEEE Trans. Inf. Theory 1967.
    """
    values, labels = features_and_labels(F, y, call="knn")
    k = parameters.whole(k, "k", call="knn()", low=1, high=len(values) - 1)
    _, neighbors, _ = nearest(values, k)
    voters = labels[neighbors]
    votes = np.zeros((len(values), labels.max() + 1))
    # A vote of the j-th neighbor is worth a little less, so that only ties feel it.
    weights = 1.0 - np.arange(k) * (0.5 / (k * k))
    for j in range(k):
        votes[np.arange(len(values)), voters[:, j]] += weights[j]
    return float((votes.argmax(axis=1) == labels).mean())


def linear_probe(F: ArrayLike, y: ArrayLike, *, folds: int = 5, seed: int = 0) -> float:
    """Cross-validated accuracy of logistic regression on standardized features; higher is better.

    Parameters
    ----------
    F
        (n, D) features.
    y
        (n,) labels, at least `folds` samples per class.
    folds
        Stratified folds; each sample is predicted by a model that did not see it.
    seed
        Seed of the folds.

    Returns
    -------
    In [0, 1].

    Examples
    --------
    >>> y = np.repeat([0, 1], 10)
    >>> linear_probe(y[:, None] + np.linspace(0, 0.1, 20)[:, None], y)
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = parameters.whole(folds, "folds", call="linear_probe()", low=2)
    seed = parameters.seed(seed, call="linear_probe()")
    values, labels = features_and_labels(F, y, call="linear_probe", per_class=folds)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32)
    return float((cross_val_predict(probe, values, labels, cv=split) == labels).mean())


def parc(F: ArrayLike, y: ArrayLike, *, seed: int = 0) -> float:
    """Spearman correlation between sample distances in features and in labels; higher is better.

    Parameters
    ----------
    F
        (n, D) features; 500 samples at most are used, reduced to 32 principal components and
        standardized.
    y
        (n,) labels.
    seed
        Seed of the 500 samples.

    Returns
    -------
    In [-1, 1] (the authors print 100 times it, and add a bonus for the number of layers, left out
    here).

    Notes
    -----
    Correlations between samples change when a principal axis changes its sign, which is arbitrary:
    the score is defined by scikit-learn's choice (largest loading positive).

    Examples
    --------
    >>> y = np.arange(60) % 5
    >>> rng = np.random.default_rng(0)
    >>> parc(np.eye(5)[y] + rng.normal(size=(60, 5)) / 100, y) > 0.6
    True

    References
    ----------
    Bolya, Mittapalli & Hoffman, Scalable diverse model selection, NeurIPS 2021.
    """
    rng = parameters.rng(seed, call="parc()")
    values, labels = features_and_labels(F, y, call="parc")
    if len(values) < 3:
        msg = f"parc(): {len(values)} samples; at least 3 are needed."
        raise TooFewSamplesError(msg)
    if len(values) > PARC_SAMPLES:
        rows = rng.choice(len(values), PARC_SAMPLES, replace=False)
        values, labels = values[rows], labels[rows]
    keep = min(PARC_COMPONENTS, *values.shape)
    reduced = principal(values, keep)
    loadings = reduced.T @ values
    largest = np.abs(loadings).argmax(axis=1)
    reduced *= np.sign(loadings[np.arange(keep), largest])
    spread = reduced.std(axis=0)
    reduced = reduced[:, spread > 1e-9 * spread[0]]
    standard = (reduced - reduced.mean(axis=0)) / reduced.std(axis=0)
    if standard.shape[1] < 3:
        msg = "parc(): correlations between samples need three directions of variance or more."
        raise DegenerateCloudError(msg)
    upper = np.triu_indices(len(values), 1)
    apart = mean_ranks(-np.corrcoef(standard)[upper])
    # One-hot labels correlate by 1 or by -1/(C - 1): two values, and ranks of two values correlate
    # as the values do.
    differ = (labels[upper[0]] != labels[upper[1]]).astype(np.float64)
    if differ.std() == 0.0:
        msg = "parc(): the samples drawn are all of one class, or all of different ones."
        raise TooFewSamplesError(msg)
    return float(np.corrcoef(apart, differ)[0, 1])
