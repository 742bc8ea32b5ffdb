"""Which numbers of an analysis hang on the scale of a layer, and what spreads with it.

Every length of a layer is divided by one ruler, estimated on the samples of all draws. The draws
are no independent measurements of a normalized length then; `units_of` makes them such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.pointclouds.nulls import COPULA, GAUSSIAN, RANDOM_INIT, null_of
from toposcope.stats.intervals import linearized
from toposcope.store.coded import Coded
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

RULER = "ruler_share"
"""Control that says how each draw pulled the scale; absent where no length hangs on it."""

POWERS: dict[str, float] = {
    "lifespan_sum": 1.0,
    "lifespan_sum_normalized": 1.0,
    "mean_persistence": 1.0,
    "max_persistence": 1.0,
    "total_persistence": 2.0,
    "landscape_norm": 1.5,
}
"""Power of the length unit in each statistic; numbers that are not here have none."""


PLACE = ("layer", "label", "cloud", "replicate")
"""What a draw of a layer is told by: it has one pull on the scale."""
UNIT_COLUMNS = (*PLACE, "statistic", "homology_dimension", "status")
"""Columns that decide what spreads."""


def units_of(table: pd.DataFrame | Coded) -> NDArray[np.float64]:
    """(rows,) what to take spreads and tests over draws from; the means are those of `value`.

    Parameters
    ----------
    table
        As `Analysis.table`, or its columns as numbers.

    Returns
    -------
    Values of lengths with the draw's pull on the scale taken out (`stats.linearized`), all others
    as they are. Gaussian and copula nulls are clouds of their own, fitted to the samples that the
    scale is estimated on: its error cancels in their mean. Random-init twins have their own ruler.
    """
    coded = table if isinstance(table, Coded) else Coded.of_frame(table, UNIT_COLUMNS)
    values: NDArray[np.float64] = coded.numbers.copy()
    fine = coded.having("status", OK)
    controls = np.flatnonzero(coded.having("statistic", RULER) & fine)
    if not len(controls):
        return values
    # The last one counts, as it would of a mapping: first of the draw seen from the end.
    draws, first = np.unique(coded.places(PLACE)[controls][::-1], return_index=True)
    shares = coded.numbers[controls][::-1][first]
    clouds = coded.values["cloud"]
    nulls = [cloud for cloud in clouds if cloud and null_of(cloud) in (GAUSSIAN, COPULA)]
    # Few rows are lengths, and only they are looked at: of 1.4 million it took 2 s.
    lengths = np.flatnonzero(
        coded.having("statistic", *POWERS) & fine & ~coded.having("cloud", *nulls)
    )
    # Of another cloud a length hangs on the scale of the data; where there are none, on nothing.
    data = clouds.index(DATA_CLOUD) if DATA_CLOUD in clouds else len(clouds) - 1
    ruler = [
        i if cloud and null_of(cloud) == RANDOM_INIT else data for i, cloud in enumerate(clouds)
    ]
    codes = {name: coded.codes[name][lengths] for name in PLACE}
    codes["cloud"] = np.array(ruler)[codes["cloud"]]
    wanted = coded.places(PLACE, codes=codes)
    at = np.minimum(np.searchsorted(draws, wanted), len(draws) - 1)
    own = np.where(draws[at] == wanted, shares[at], np.nan)
    groups = coded.groups(("layer", "label", "cloud", "statistic", "homology_dimension"), lengths)
    own = own[np.searchsorted(lengths, groups.rows)]
    known = np.logical_and.reduceat(np.isfinite(own), groups.begins) if len(groups) else np.empty(0)
    powers = np.array([POWERS[name] for name in coded.taken("statistic", groups.firsts)])
    for power, size in sorted({*zip(powers[known > 0], groups.sizes[known > 0], strict=True)}):
        alike = groups.where((powers == power) & (groups.sizes == size) & (known > 0))
        places = groups.rows[alike]
        values[places] = linearized(values[places], own[alike], power=float(power))
    return values
