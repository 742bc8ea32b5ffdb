"""GUDHI for what the own engine does not cover: H2 and above, and fields other than Z/2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.homology.ranks import enclosing_radius


def gudhi_rips(
    D: NDArray[np.float64],
    *,
    homology_dimensions: Sequence[int],
    max_edge_length: float,
    coeff: int,
) -> dict[int, NDArray[np.float64]]:
    """Diagrams by GUDHI's edge collapse and its fork of Ripser, in float64, field passed."""
    # Imported here: GUDHI takes 0.2 s and most analyses never need it.
    from gudhi.sklearn import RipsPersistence
    from scipy.sparse import coo_matrix

    # Beyond the enclosing radius the complex is a cone: longer edges change nothing.
    limit = min(enclosing_radius(D), max_edge_length)
    first, second = np.nonzero(np.triu((limit >= D) & np.isfinite(D), k=1))
    graph = coo_matrix((D[first, second], (first, second)), shape=D.shape)
    transformer = RipsPersistence(
        homology_dimensions=list(homology_dimensions),
        input_type="distance coo_matrix",
        num_collapses=1,
        homology_coeff_field=coeff,
        n_jobs=1,
    )
    result: dict[int, NDArray[np.float64]] = {}
    for k, raw in zip(homology_dimensions, transformer.fit_transform([graph])[0], strict=True):
        pairs = np.asarray(raw, dtype=np.float64).reshape(-1, 2)
        pairs = pairs[pairs[:, 1] > pairs[:, 0]]
        result[k] = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return result
