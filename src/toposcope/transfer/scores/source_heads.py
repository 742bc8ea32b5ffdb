"""Scores from what the source classifier says of target samples: NCE, LEEP, N-LEEP."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.inputs import parameters
from toposcope.transfer.scores.inputs import Array, features_and_labels, probabilities_and_labels

ENERGY = 0.8
"""Share of variance N-LEEP keeps (Li et al. 2021)."""
SAME = 6
"""Decimals, in units of the largest feature, by which rows count as different."""
COMPONENTS_PER_CLASS = 5
"""Gaussians per target class of N-LEEP (Li et al. 2021)."""


def source_probabilities(outputs: ArrayLike) -> Array:
    """(n, Z) distributions over source classes from whatever a classifier puts out.

    Parameters
    ----------
    outputs
        (n, Z) logits, log-probabilities, or probabilities: rows that are not negative and add up to
        1 are taken as they are, all others go through a softmax. -inf is a class ruled out.

    Raises
    ------
    UsageError
        One column: that is no choice between classes.
    DegenerateCloudError
        Outputs that are NaN or inf, or -inf for all classes: no class was predicted.

    Examples
    --------
    >>> source_probabilities([[0.0, 0.0], [-np.inf, 3.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    >>> source_probabilities([[0.25, 0.75], [1.0, 0.0]])
    array([[0.25, 0.75],
           [1.  , 0.  ]])
    """
    values = np.asarray(outputs, dtype=np.float64)
    if values.ndim != 2 or not len(values) or values.shape[1] < 2:
        msg = (
            f"the source head gives {values.shape}; needed is (n, classes) with two classes or "
            "more."
        )
        raise UsageError(msg)
    largest = values.max(axis=1, keepdims=True)
    bad = int((~np.isfinite(largest)).sum())  # NaN and inf show up here, and rows of -inf
    if bad:
        msg = (
            f"the source head gives {bad} of {len(values)} samples NaN, inf, or no class at all; "
            "these are no predictions."
        )
        raise DegenerateCloudError(msg)
    if values.min() >= 0 and np.allclose(values.sum(axis=1), 1.0, atol=1e-4, rtol=0):
        return np.asarray(values / values.sum(axis=1, keepdims=True))
    powers = np.exp(values - largest)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def nce(P: ArrayLike, y: ArrayLike) -> float:
    """Negative conditional entropy -H(Y | Z) of target labels given predicted source labels.

    Parameters
    ----------
    P
        (n, Z) softmax of the source head on target samples; Z = argmax per row.
    y
        (n,) target labels.

    Returns
    -------
    At most 0, in nats; higher is better.

    Examples
    --------
    Predicted source classes that tell nothing of two equal classes: -log 2.

    >>> round(nce([[1, 0]] * 4, [0, 0, 1, 1]), 4)
    -0.6931

    References
    ----------
    Tran, Nguyen & Hassner, Transferability and hardness of supervised classification tasks,
    ICCV 2019.
    """
    values, labels = probabilities_and_labels(P, y, call="nce")
    joint = np.zeros((labels.max() + 1, values.shape[1]))
    np.add.at(joint, (labels, values.argmax(axis=1)), 1.0 / len(labels))
    return _negative_conditional_entropy(joint)


def _negative_conditional_entropy(joint: Array) -> float:
    of_source = joint.sum(axis=0)
    given = np.divide(joint, of_source, out=np.ones_like(joint), where=of_source > 0)
    seen = joint > 0
    return float((joint[seen] * np.log(given[seen])).sum())


def leep(P: ArrayLike, y: ArrayLike) -> float:
    """Log expected empirical prediction: mean log-likelihood through the source head's classes.

    Parameters
    ----------
    P
        (n, Z) softmax of the source head on target samples.
    y
        (n,) target labels.

    Returns
    -------
    (1/n) sum_i log sum_z P(y_i | z) P_iz, at most 0; higher is better. Several public copies drop
    the logarithm, which gives other numbers.

    Examples
    --------
    >>> round(leep([[1, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1]), 4)  # a perfect source head
    0.0
    >>> round(leep([[0.5, 0.5]] * 4, [0, 0, 1, 1]), 4)
    -0.6931

    References
    ----------
    Nguyen et al., LEEP: a new measure to evaluate transferability, ICML 2020.
    """
    values, labels = probabilities_and_labels(P, y, call="leep")
    return _leep(values, labels)


def _leep(P: Array, y: NDArray[np.int64]) -> float:
    one_hot = np.eye(y.max() + 1)[y]
    joint = one_hot.T @ P / len(y)
    of_source = joint.sum(axis=0)
    given = np.divide(joint, of_source, out=np.zeros_like(joint), where=of_source > 0)
    return float(np.log((P @ given.T)[np.arange(len(y)), y]).mean())


def nleep(F: ArrayLike, y: ArrayLike, *, seed: int = 0) -> float:
    """LEEP with a Gaussian mixture of the features in place of the source head.

    Parameters
    ----------
    F
        (n, D) features; reduced to the principal components that hold 80 % of the variance, and
        brought to a mean variance of 1.
    y
        (n,) target labels; the mixture has five components per class.
    seed
        Seed of the mixture's initialization: the score moves with it.

    Returns
    -------
    At most 0; higher is better.

    Raises
    ------
    TooFewSamplesError
        When there are fewer samples than mixture components.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> nleep(rng.normal(size=(100, 3)) + 20 * y[:, None], y) > -0.01
    True

    References
    ----------
    Li et al., Ranking neural checkpoints, CVPR 2021.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    values, labels = features_and_labels(F, y, call="nleep")
    components = COMPONENTS_PER_CLASS * (int(labels.max()) + 1)
    # Features that are equal within classes have fewer places than the mixture has Gaussians.
    components = min(components, len(np.unique(values.round(SAME), axis=0)))
    if len(values) < 2 * components:
        msg = (
            f"nleep(): {len(values)} samples for a mixture of {components} Gaussians; "
            f"{2 * components} are needed."
        )
        raise TooFewSamplesError(msg)
    pca = PCA(svd_solver="full").fit(values)
    kept = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), ENERGY)) + 1
    reduced = pca.transform(values)[:, :kept]
    # scikit-learn adds 1e-6 to every variance, whatever the unit: here the mean variance is 1.
    reduced /= np.sqrt((reduced**2).mean())
    # Full covariances need as many samples per component as dimensions; diagonal ones do not.
    shape = "full" if len(values) > 2 * components * kept else "diag"
    mixture = GaussianMixture(
        components,
        covariance_type=shape,
        random_state=parameters.seed(seed, call="nleep()") % 2**32,
    )
    with warnings.catch_warnings():
        # Gaussians that share a place share its samples: LEEP sees them as one.
        warnings.filterwarnings("ignore", message="Number of distinct clusters")
        mixture.fit(reduced)
    return _leep(mixture.predict_proba(reduced), labels)
