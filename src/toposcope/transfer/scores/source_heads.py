"""Scores from what the source classifier says of target samples: NCE, LEEP, N-LEEP."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import TooFewSamplesError
from toposcope.transfer.scores.inputs import Array, features_and_labels, probabilities_and_labels

ENERGY = 0.8
"""Share of variance N-LEEP keeps (Li et al. 2021)."""
COMPONENTS_PER_CLASS = 5
"""Gaussians per target class of N-LEEP (Li et al. 2021)."""


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
        (n, D) features; reduced to the principal components that hold 80 % of the variance.
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
    if len(values) < 2 * components:
        msg = (
            f"nleep(): {len(values)} samples for a mixture of {components} Gaussians; "
            f"{2 * components} are needed."
        )
        raise TooFewSamplesError(msg)
    pca = PCA(svd_solver="full").fit(values)
    kept = int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), ENERGY)) + 1
    reduced = pca.transform(values)[:, :kept]
    # Full covariances need as many samples per component as dimensions; diagonal ones do not.
    shape = "full" if len(values) > 2 * components * kept else "diag"
    mixture = GaussianMixture(components, covariance_type=shape, random_state=seed).fit(reduced)
    return _leep(mixture.predict_proba(reduced), labels)
