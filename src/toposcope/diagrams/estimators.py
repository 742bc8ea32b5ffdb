"""scikit-learn transformers of persistence diagrams: landscapes, images, Betti curves, kernels.

`X` is a sequence of diagrams, one (n, 2) array of births and deaths per sample; a transformer
learns its grid (or its reference diagrams) in `fit` and makes one row per diagram. Several degrees
or layers are several transformers: concatenate their columns, or add their kernels.

scikit-learn's own estimator checks feed matrices of numbers. A ragged list of diagrams is none, and
the tags say so, which makes scikit-learn leave out every check that fits. All of them run the same
in tests/unit/diagrams/test_estimators.py, through subclasses that read each row as a diagram.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from toposcope.diagrams.landscapes import exact_landscapes, products
from toposcope.diagrams.of_samples import RipsPersistence as RipsPersistence
from toposcope.diagrams.summaries import betti_curve, ended, finite, landscape
from toposcope.diagrams.vectorize import persistence_image
from toposcope.diagrams.vectorize import silhouette as _silhouette
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.arrays import read_grid
from toposcope.inputs.parameters import entries, flag, number, span, whole

Array = NDArray[np.float64]
Diagrams = Sequence[ArrayLike]

# An image reaches this many standard deviations beyond the outermost points.
_MARGIN = 3.0


class _Diagrams(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What all transformers of diagrams share."""

    cutoff: float | None

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns of `transform`."""
        check_is_fitted(self)
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(self._columns())], dtype=object)

    def _columns(self) -> int:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _call(self, method: str) -> str:
        return f"{type(self).__name__}.{method}()"

    def _learned(self, X: Diagrams) -> Array:
        """All pairs of the training diagrams that end, or are ended, for ranges."""
        call = self._call("fit")
        X = entries(X, "X", call=call, of="diagrams")
        if not X:
            msg = f"{call}: at least one diagram is needed; got an empty list."
            raise UsageError(msg)
        if self.cutoff is None:
            return np.concatenate([finite(pairs) for pairs in X])
        return np.concatenate([ended(pairs, self.cutoff, call=call) for pairs in X])

    def _grid(self, X: Diagrams, resolution: int, given: ArrayLike | None) -> Array:
        """The grid asked for, or one over all filtration values of the training diagrams."""
        call = self._call("fit")
        if given is not None:
            grid = read_grid(given, call=call, rising=True)
            if not len(grid):
                msg = f"{call}: grid is empty; needed is one value or more."
                raise UsageError(msg)
            return grid
        resolution = whole(resolution, "resolution", call=call, low=2)
        pairs = self._learned(X)
        if not len(pairs):
            msg = f"{call}: no training diagram has a pair to learn a grid from. Pass grid=."
            raise UsageError(msg)
        return np.linspace(float(pairs.min()), float(pairs.max()), resolution)


class PersistenceLandscape(_Diagrams):
    """First levels of the persistence landscape on a grid, Bubenik's scale.

    Parameters
    ----------
    levels
        Number of levels, from the top.
    resolution
        Points of the grid that `fit` lays over all filtration values of the training diagrams.
    grid
        (m,) filtration values to use instead.
    cutoff
        Filtration value at which essential classes end; None refuses them (drop them with
        `summaries.finite`).

    Attributes
    ----------
    grid_
        (m,) the grid.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.decomposition import PCA
    >>> diagrams = [[[0.0, 2.0]], [[0.0, 4.0]], [[1.0, 3.0]]]
    >>> PersistenceLandscape(levels=1, resolution=5).fit_transform(diagrams)
    array([[0., 1., 0., 0., 0.],
           [0., 1., 2., 1., 0.],
           [0., 0., 1., 0., 0.]])
    >>> make_pipeline(PersistenceLandscape(), PCA(2)).fit_transform(diagrams).shape
    (3, 2)

    References
    ----------
    Bubenik, Statistical topological data analysis using persistence landscapes, JMLR 2015.
    """

    def __init__(
        self,
        levels: int = 5,
        resolution: int = 100,
        *,
        grid: ArrayLike | None = None,
        cutoff: float | None = None,
    ) -> None:
        self.levels = levels
        self.resolution = resolution
        self.grid = grid
        self.cutoff = cutoff

    def fit(self, X: Diagrams, y: Any = None) -> PersistenceLandscape:
        """Learn the grid."""
        self.grid_ = self._grid(X, self.resolution, self.grid)
        return self

    def transform(self, X: Diagrams) -> Array:
        """(diagrams, levels * m) heights, level by level."""
        check_is_fitted(self)
        X = entries(X, "X", call=self._call("transform"), of="diagrams")
        rows = [landscape(d, self.levels, self.grid_, cutoff=self.cutoff).ravel() for d in X]
        return np.array(rows).reshape(len(X), self._columns())

    def _columns(self) -> int:
        return self.levels * len(self.grid_)


class Silhouette(_Diagrams):
    """Weighted mean of the tents of a diagram on a grid; see `vectorize.silhouette`.

    Parameters
    ----------
    power
        Pairs weigh length ** power.
    resolution, grid, cutoff
        As in `PersistenceLandscape`.

    Attributes
    ----------
    grid_
        (m,) the grid.

    Examples
    --------
    >>> Silhouette(resolution=3).fit_transform([[[0.0, 2.0]], [[0.0, 1.0]]])
    array([[0., 1., 0.],
           [0., 0., 0.]])
    """

    def __init__(
        self,
        power: float = 1.0,
        resolution: int = 100,
        *,
        grid: ArrayLike | None = None,
        cutoff: float | None = None,
    ) -> None:
        self.power = power
        self.resolution = resolution
        self.grid = grid
        self.cutoff = cutoff

    def fit(self, X: Diagrams, y: Any = None) -> Silhouette:
        """Learn the grid."""
        self.grid_ = self._grid(X, self.resolution, self.grid)
        return self

    def transform(self, X: Diagrams) -> Array:
        """(diagrams, m) values."""
        check_is_fitted(self)
        X = entries(X, "X", call=self._call("transform"), of="diagrams")
        rows = [_silhouette(d, self.grid_, power=self.power, cutoff=self.cutoff) for d in X]
        return np.array(rows).reshape(len(X), self._columns())

    def _columns(self) -> int:
        return len(self.grid_)


class BettiCurve(_Diagrams):
    """Number of classes alive at each point of a grid: births <= t < deaths.

    Parameters
    ----------
    resolution, grid
        As in `PersistenceLandscape`.
    cutoff
        Filtration value at which essential classes end; None lets them live on.

    Attributes
    ----------
    grid_
        (m,) the grid.

    Examples
    --------
    >>> BettiCurve(resolution=3).fit_transform([[[0.0, 2.0], [1.0, 2.0]], [[0.0, 1.0]]])
    array([[1., 2., 0.],
           [1., 0., 0.]])
    """

    def __init__(
        self,
        resolution: int = 100,
        *,
        grid: ArrayLike | None = None,
        cutoff: float | None = None,
    ) -> None:
        self.resolution = resolution
        self.grid = grid
        self.cutoff = cutoff

    def fit(self, X: Diagrams, y: Any = None) -> BettiCurve:
        """Learn the grid."""
        self.grid_ = self._grid(X, self.resolution, self.grid)
        return self

    def transform(self, X: Diagrams) -> Array:
        """(diagrams, m) Betti numbers, as floating point for what comes next."""
        check_is_fitted(self)
        X = entries(X, "X", call=self._call("transform"), of="diagrams")
        rows = [betti_curve(d, self.grid_, cutoff=self.cutoff) for d in X]
        return np.array(rows, dtype=np.float64).reshape(len(X), self._columns())

    def _columns(self) -> int:
        return len(self.grid_)


class PersistenceImage(_Diagrams):
    """Weighted Gaussians at (birth, length), integrated over pixels; `vectorize.persistence_image`.

    Parameters
    ----------
    resolution
        Number of pixels along births and along lengths.
    bandwidth
        Standard deviation of the Gaussians; None: a twentieth of the larger of the spans of births
        and of lengths (from 0) in the training diagrams.
    birth_range, length_range
        Outer edges; None: what the training diagrams span and 3 bandwidths more. Births of H0 span
        nothing, so the image is 6 bandwidths wide there.
    power
        Pairs weigh length ** power.
    cutoff
        As in `PersistenceLandscape`.

    Attributes
    ----------
    bandwidth_, birth_range_, length_range_
        What was learned.

    Examples
    --------
    >>> image = PersistenceImage((4, 4)).fit_transform([[[0.0, 2.0]], [[0.5, 1.0]]])
    >>> image.shape, image.sum(axis=1).round(2).tolist()  # nearly all of the lengths 2 and 0.5
    ((2, 16), [1.99, 0.5])

    References
    ----------
    Adams et al., Persistence images: a stable vector representation of persistent homology, JMLR
    2017.
    """

    def __init__(
        self,
        resolution: int | tuple[int, int] = (20, 20),
        *,
        bandwidth: float | None = None,
        birth_range: tuple[float, float] | None = None,
        length_range: tuple[float, float] | None = None,
        power: float = 1.0,
        cutoff: float | None = None,
    ) -> None:
        self.resolution = resolution
        self.bandwidth = bandwidth
        self.birth_range = birth_range
        self.length_range = length_range
        self.power = power
        self.cutoff = cutoff

    def fit(self, X: Diagrams, y: Any = None) -> PersistenceImage:
        """Learn the bandwidth and the ranges that were not given."""
        call = self._call("fit")
        parameters.resolution(self.resolution, call=call)
        bandwidth, births, lengths = self.bandwidth, self.birth_range, self.length_range
        # None is 'not given'; 0 is a value, and none that a bandwidth can have.
        if bandwidth is not None:
            bandwidth = number(bandwidth, "bandwidth", call=call, above=0.0)
        if births is not None:
            births = span(births, "birth_range", call=call)
        if lengths is not None:
            lengths = span(lengths, "length_range", call=call)
        if bandwidth is None or births is None or lengths is None:
            bandwidth, births, lengths = self._spans(X, bandwidth, births, lengths)
        self.bandwidth_ = bandwidth
        self.birth_range_ = births
        self.length_range_ = lengths
        return self

    def _spans(
        self,
        X: Diagrams,
        bandwidth: float | None,
        births: tuple[float, float] | None,
        lengths: tuple[float, float] | None,
    ) -> tuple[float, tuple[float, float], tuple[float, float]]:
        pairs = self._learned(X)
        if not len(pairs):
            call = self._call("fit")
            msg = (
                f"{call}: no training diagram has a pair to learn from. Pass bandwidth=, "
                "birth_range= and length_range=."
            )
            raise UsageError(msg)
        first, last = float(pairs[:, 0].min()), float(pairs[:, 0].max())
        longest = float((pairs[:, 1] - pairs[:, 0]).max())
        if bandwidth is None:
            bandwidth = max(last - first, longest) / 20
        if not bandwidth > 0:
            msg = f"{self._call('fit')}: all pairs are one point of length 0. Pass bandwidth=."
            raise UsageError(msg)
        margin = _MARGIN * bandwidth
        births = (first - margin, last + margin) if births is None else births
        lengths = (0.0, longest + margin) if lengths is None else lengths
        return bandwidth, births, lengths

    def transform(self, X: Diagrams) -> Array:
        """(diagrams, pixels) images, row after row of equal lengths."""
        check_is_fitted(self)
        X = entries(X, "X", call=self._call("transform"), of="diagrams")
        rows = [
            persistence_image(
                pairs,
                self.resolution,
                bandwidth=self.bandwidth_,
                birth_range=self.birth_range_,
                length_range=self.length_range_,
                power=self.power,
                cutoff=self.cutoff,
            ).ravel()
            for pairs in X
        ]
        return np.array(rows).reshape(len(X), self._columns())

    def _columns(self) -> int:
        return math.prod(parameters.resolution(self.resolution, call=self._call("transform")))


class LandscapeKernel(_Diagrams):
    """Inner products with the landscapes of the training diagrams: exact, all levels, no grid.

    Rows go to estimators with a precomputed kernel: `SVC(kernel="precomputed")`,
    `KernelPCA(kernel="precomputed")`.

    Parameters
    ----------
    normalize
        Divide by the norms of both landscapes: 1 on the diagonal, and the size of a landscape no
        longer counts. An empty diagram has norm 0 and is refused then.
    cutoff
        As in `PersistenceLandscape`.

    Attributes
    ----------
    landscapes_
        Corners of the training landscapes.
    norms_
        (m,) their L2 norms.

    Examples
    --------
    A kernel SVM tells circles from blobs by their H1 diagrams, and kernel PCA separates them:

    >>> from sklearn.decomposition import KernelPCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from toposcope import datasets, homology
    >>> rng = np.random.default_rng(0)
    >>> clouds = [datasets.circle(60, noise=0.1, seed=rng) for _ in range(10)]
    >>> clouds += [rng.normal(size=(60, 2)) for _ in range(10)]
    >>> diagrams = [homology.rips(cloud, homology_dimensions=(1,))[0] for cloud in clouds]
    >>> labels = np.repeat(["circle", "blob"], 10)
    >>> machine = make_pipeline(LandscapeKernel(), SVC(kernel="precomputed", C=100))
    >>> float(machine.fit(diagrams[::2], labels[::2]).score(diagrams[1::2], labels[1::2]))
    1.0
    >>> view = make_pipeline(LandscapeKernel(), KernelPCA(1, kernel="precomputed"))
    >>> first = view.fit_transform(diagrams)[:, 0]
    >>> bool(max(first[10:]) < min(first[:10]) or max(first[:10]) < min(first[10:]))
    True

    References
    ----------
    Wheeler, Bouza and Bubenik, Activation landscapes as a topological summary of neural network
    performance, 2021. Reininghaus et al., A stable multi-scale kernel for topological machine
    learning, CVPR 2015.
    """

    def __init__(self, *, normalize: bool = False, cutoff: float | None = None) -> None:
        self.normalize = normalize
        self.cutoff = cutoff

    def fit(self, X: Diagrams, y: Any = None) -> LandscapeKernel:
        """Keep the landscapes of the training diagrams."""
        flag(self.normalize, "normalize", call=self._call("fit"))
        self._learned(X)
        self.landscapes_ = exact_landscapes(X, cutoff=self.cutoff, call=self._call("fit"))
        self.norms_ = self._norms(self.landscapes_, "fit")
        return self

    def transform(self, X: Diagrams) -> Array:
        """(diagrams, training diagrams) inner products, units of filtration ** 3."""
        check_is_fitted(self)
        X = entries(X, "X", call=self._call("transform"), of="diagrams")
        landscapes = exact_landscapes(X, cutoff=self.cutoff, call=self._call("transform"))
        kernel = products(landscapes, self.landscapes_)
        if self.normalize:
            kernel /= np.outer(self._norms(landscapes, "transform"), self.norms_)
        return kernel

    def _norms(self, landscapes: list[Any], method: str) -> Array:
        norms = np.sqrt([products([one], [one])[0, 0] for one in landscapes])
        if self.normalize and not norms.all():
            msg = (
                f"{self._call(method)}: {int((norms == 0).sum())} of {len(norms)} diagrams have no "
                "pair of positive length, so their landscape has no direction. Leave them out, or "
                "use normalize=False."
            )
            raise UsageError(msg)
        return np.asarray(norms)

    def _columns(self) -> int:
        return len(self.landscapes_)
