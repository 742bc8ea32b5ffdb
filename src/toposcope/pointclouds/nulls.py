"""Null clouds: what topology would look like if something of the layer were not there.

A finding stands beside the same number on null clouds. Each null keeps something and breaks
something; only the finding at hand says which of them it has to beat. The Gaussian null has the
layer's mean and covariance and nothing else: no clusters, no loops, no curvature. The copula
(copula.py) has the layer's marginals and rank correlation, the shuffled cloud its marginals and no
dependence between features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DegenerateCloudError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_cloud
from toposcope.inputs.memory import refuse_beyond_memory

GAUSSIAN, COPULA, SHUFFLED, RANDOM_INIT, PERMUTED_LABELS = (
    "gaussian",
    "copula",
    "shuffled",
    "random_init",
    "permuted_labels",
)
SHUFFLED_VOXELS = "shuffled_voxels"
NULLS: dict[str, str] = {
    GAUSSIAN: "Gaussian with the mean and shrunk covariance of the layer (of the class, for "
    "draws inside a class), same n; breaks everything else",
    COPULA: "Gaussian copula: the marginals of every feature and their rank correlation, same n; "
    "breaks everything else",
    SHUFFLED: "every feature permuted by itself within the cloud; keeps the marginals, breaks "
    "all dependence between features, covariance included",
    RANDOM_INIT: "the same samples in twins of the network with fresh weights; keeps data and "
    "architecture, breaks what was learned",
    PERMUTED_LABELS: "a group of as many samples with labels permuted among the classes' draws; "
    "keeps the layer, breaks the classes",
    SHUFFLED_VOXELS: "the volume of the same image with its voxels in random order; keeps every "
    "value, breaks their arrangement (for filtration=Cubical() only)",
}
"""Names of the nulls, with what each keeps and breaks; clouds carry these names in tables."""

TWINS = 5
"""Random-init twins where a capture is asked for them: the fewest whose spread means something."""


def twin_cloud(number: int) -> str:
    """Name in tables of the clouds of one random-init twin.

    Examples
    --------
    >>> twin_cloud(0), twin_cloud(2)
    ('random_init', 'random_init_3')
    """
    return RANDOM_INIT if number == 0 else f"{RANDOM_INIT}_{number + 1}"


def null_of(cloud: str) -> str:
    """Name of the null a cloud in a table belongs to: all twins are one.

    Examples
    --------
    >>> null_of("random_init_3"), null_of("gaussian"), null_of("data")
    ('random_init', 'gaussian', 'data')
    """
    stem, _, number = cloud.rpartition("_")
    return RANDOM_INIT if stem == RANDOM_INIT and number.isdigit() else cloud


def parse_nulls(null: str | Sequence[str]) -> tuple[str, ...]:
    """Names of nulls from "gaussian,shuffled", a sequence of names, or "none".

    Examples
    --------
    >>> parse_nulls("gaussian,shuffled"), parse_nulls("none")
    (('gaussian', 'shuffled'), ())
    """
    words = null.split(",") if isinstance(null, str) else null
    listed = isinstance(words, Sequence) and all(isinstance(word, str) for word in words)
    if not listed or isinstance(words, str | bytes):
        msg = (
            f"parse_nulls(): null={null!r}; needed are names of nulls: {', '.join(NULLS)}, or none."
        )
        raise UsageError(msg)
    names = tuple(dict.fromkeys(word.strip() for word in words))
    if names in (("none",), ()):
        return ()
    unknown = [name for name in names if name not in NULLS]
    if unknown:
        msg = (
            f"parse_nulls(): null={null!r}: {', '.join(map(repr, unknown))} is unknown; choose "
            f"some of {', '.join(NULLS)}, separated by commas, or none."
        )
        raise UsageError(msg)
    return names


def shuffled(X: NDArray[np.float64], *, seed: int | np.random.Generator) -> NDArray[np.float64]:
    """(n, d) copy of a cloud with every column permuted by itself.

    The marginal distribution of each feature stays exactly as it is; features become independent.

    Parameters
    ----------
    X
        (n, d) points.
    seed
        Seed of the permutations.

    Examples
    --------
    >>> X = np.arange(8.0).reshape(4, 2)
    >>> null = shuffled(X, seed=0)
    >>> np.sort(null, axis=0).tolist() == X.tolist(), null.tolist() == X.tolist()
    (True, False)
    """
    call = "shuffled()"
    rng = parameters.rng(seed, call=call)
    return np.asarray(rng.permuted(read_cloud(X, call=call), axis=0))


@dataclass(frozen=True, eq=False)
class GaussianNull:
    """A Gaussian with the mean and the (shrunk) covariance of a cloud.

    Parameters
    ----------
    mean
        (d,) mean.
    root
        (k, d) matrix with root.T @ root = (1 - shrinkage) * sample covariance; k = min(n, d).
    noise
        Standard deviation of the isotropic part that shrinkage adds, sqrt(shrinkage * mean
        variance).
    shrinkage
        Weight of the isotropic part, in [0, 1].
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]
    noise: float
    shrinkage: float

    def sample(self, n: int, *, seed: int | np.random.Generator) -> NDArray[np.float64]:
        """(n, d) points of the Gaussian."""
        rng = parameters.rng(seed, call="sample()")
        n = parameters.whole(n, "n", call="sample()", low=1)
        refuse_beyond_memory(
            n,
            lambda m: 32.0 * m * len(self.mean),
            call="sample()",
            advice="Pass n={most}, or fewer.",
        )
        cloud = rng.standard_normal((n, len(self.root))) @ self.root
        if self.noise > 0.0:
            cloud += self.noise * rng.standard_normal(cloud.shape)
        cloud += self.mean
        return cloud


def gaussian_null(X: NDArray[np.float64]) -> GaussianNull:
    """Fit the Gaussian null of a cloud.

    Parameters
    ----------
    X
        (n, d) finite points, n >= 2.

    Returns
    -------
    The Gaussian. Its covariance is (1 - s) S + s tr(S)/d I with the sample covariance S (divided by
    n). Ledoit and Wolf's weight w is the one whose matrix is nearest to the true one, and its
    spectrum is flatter than the true one; s = 1 - sqrt(1 - w) keeps the spread of the spectrum, on
    which distances depend: the lifespan sum of a correlated Gaussian (n = 400, d = 64) lay 1.3
    standard errors of 8 draws off with w, 0.3 with s. s is 0 for n >> d and protects n <= d.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(500, 3)) * [1, 2, 3]
    >>> cloud = gaussian_null(X).sample(20000, seed=1)
    >>> bool(np.allclose(cloud.std(axis=0), X.std(axis=0), rtol=0.05))
    True

    References
    ----------
    Ledoit & Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004.
    """
    call = "gaussian_null()"
    X = read_cloud(X, call=call).astype(np.float64, copy=False)
    if len(X) < 2:
        msg = f"{call}: the cloud has 1 point; at least 2 are needed for a covariance."
        raise DegenerateCloudError(msg)
    largest = float(np.abs(X).max())
    if largest > 1e70:
        msg = (
            f"{call}: coordinates of up to {largest:.3g} overflow in the fourth moments that the "
            "shrinkage needs. Divide the points by a unit."
        )
        raise UsageError(msg)
    n, d = X.shape
    refuse_beyond_memory(
        min(n, d),
        lambda m: 24.0 * m * m,
        call=call,
        of="points or features, whichever are fewer,",
        advice="Pass {most} of the points.",
    )
    mean = X.mean(axis=0)
    centered = X - mean
    variances, directions = _principal_axes(centered)
    mean_variance = float(variances.sum() / d)
    shrinkage = 1.0 - float(np.sqrt(1.0 - _ledoit_wolf(centered, variances, mean_variance)))
    root = np.sqrt((1.0 - shrinkage) * variances)[:, None] * directions
    return GaussianNull(mean, root, float(np.sqrt(shrinkage * mean_variance)), shrinkage)


def _principal_axes(
    centered: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues and eigenvectors (rows) of the covariance, by the smaller of the two Grams."""
    n, d = centered.shape
    if d <= n:
        values, vectors = np.linalg.eigh(centered.T @ centered / n)
        kept = values > 0.0
        return values[kept], vectors[:, kept].T
    values, vectors = np.linalg.eigh(centered @ centered.T / n)
    kept = values > values.max(initial=0.0) * 1e-12
    axes = vectors[:, kept].T @ centered / np.sqrt(n * values[kept])[:, None]
    return values[kept], axes


def _ledoit_wolf(
    centered: NDArray[np.float64], variances: NDArray[np.float64], mean_variance: float
) -> float:
    """Optimal weight of the isotropic target, equations (14) of Ledoit & Wolf 2004."""
    n, d = centered.shape
    squared = float((variances**2).sum())  # ||S||_F^2
    dispersion = squared / d - mean_variance**2
    if dispersion <= 0.0:
        return 1.0 if d > 1 else 0.0
    fourth = float((np.einsum("ij,ij->i", centered, centered) ** 2).sum())
    error = (fourth / n - squared) / (n * d)
    return float(np.clip(error / dispersion, 0.0, 1.0))
