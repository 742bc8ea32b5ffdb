"""A scikit-learn transformer from clouds to diagrams, in front of those of `estimators`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from toposcope import homology
from toposcope.execution.executors import workers_of
from toposcope.homology.vietoris_rips.persistence import check_arguments
from toposcope.inputs.parameters import entries, whole


class RipsPersistence(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The Vietoris-Rips diagram of one degree of every cloud.

    Parameters
    ----------
    homology_dimension
        Degree k of H_k.
    metric, max_edge_length, coeff
        As in `toposcope.homology.rips`; "precomputed" takes (n, n) distances.
    n_jobs
        Threads; None for one per CPU.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from toposcope.diagrams.estimators import PersistenceLandscape
    >>> turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    >>> ring = np.column_stack([np.cos(turn), np.sin(turn)])
    >>> RipsPersistence(1).fit_transform([ring, 2 * ring])[1].round(2)
    array([[0.63, 3.56]])
    >>> make_pipeline(RipsPersistence(1), PersistenceLandscape(1, 8)).fit_transform([ring]).shape
    (1, 8)

    Notes
    -----
    Several degrees are several transformers side by side (`FeatureUnion` after their vectors).
    """

    def __init__(
        self,
        homology_dimension: int = 1,
        *,
        metric: str = "euclidean",
        max_edge_length: float = np.inf,
        coeff: int = 2,
        n_jobs: int | None = None,
    ) -> None:
        self.homology_dimension = homology_dimension
        self.metric = metric
        self.max_edge_length = max_edge_length
        self.coeff = coeff
        self.n_jobs = n_jobs

    def fit(self, X: Sequence[ArrayLike], y: Any = None) -> RipsPersistence:
        """Check the parameters; nothing is learned."""
        call = "RipsPersistence.fit()"
        degree = whole(self.homology_dimension, "homology_dimension", call=call, low=0)
        check_arguments((degree,), self.max_edge_length, self.coeff, call=call)
        entries(X, "X", call=call, of="clouds")
        return self

    def transform(self, X: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
        """One (m, 2) diagram per cloud."""
        call = "RipsPersistence.transform()"
        clouds = entries(X, "X", call=call, of="clouds")

        def one(place: tuple[int, ArrayLike]) -> NDArray[np.float64]:
            try:
                (pairs,) = homology.rips(
                    place[1],
                    homology_dimensions=(self.homology_dimension,),
                    metric=self.metric,
                    max_edge_length=self.max_edge_length,
                    coeff=self.coeff,
                )
            except ValueError as error:
                error.add_note(f"cloud {place[0]} of {len(clouds)}")
                raise
            return pairs

        with ThreadPoolExecutor(max(1, workers_of(self.n_jobs, call=call))) as pool:
            return list(pool.map(one, enumerate(clouds)))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        return tags
