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
from toposcope.store.tables import OK
from toposcope.store.tidy import rows_by
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


def units_of(table: pd.DataFrame) -> NDArray[np.float64]:
    """(rows,) what to take spreads and tests over draws from; the means are those of `value`.

    Parameters
    ----------
    table
        As `Analysis.table`.

    Returns
    -------
    Values of lengths with the draw's pull on the scale taken out (`stats.linearized`), all others
    as they are. Gaussian and copula nulls are clouds of their own, fitted to the samples that the
    scale is estimated on: its error cancels in their mean. Random-init twins have their own ruler.
    """
    values: NDArray[np.float64] = table["value"].to_numpy(np.float64).copy()
    controls = table[(table["statistic"] == RULER) & (table["status"] == OK)]
    if not len(controls):
        return values
    place = ["layer", "label", "cloud", "replicate"]
    shares = {
        key: float(value)
        for key, value in zip(
            controls[place].itertuples(index=False, name=None), controls["value"], strict=True
        )
    }
    # Few rows are lengths, and only they are looked at: of 1.4 million it took 2 s.
    powers = table["statistic"].map(POWERS).to_numpy(np.float64)
    nulls = [cloud for cloud in table["cloud"].unique() if null_of(cloud) in (GAUSSIAN, COPULA)]
    lengths = np.flatnonzero(
        (powers > 0) & ((table["status"] == OK) & ~table["cloud"].isin(nulls)).to_numpy(bool)
    )
    replicate = table["replicate"].to_numpy()
    columns = ["layer", "label", "cloud", "statistic", "homology_dimension"]
    alike: dict[tuple[float, int], list[tuple[NDArray[np.intp], list[float]]]] = {}
    for (layer, label, cloud, _, _), inside in rows_by(table.iloc[lengths], columns).items():
        good = lengths[inside]
        ruler = cloud if null_of(cloud) == RANDOM_INIT else DATA_CLOUD
        own = [shares.get((layer, label, ruler, r)) for r in replicate[good].tolist()]
        if None not in own:
            alike.setdefault((float(powers[good[0]]), len(good)), []).append((good, own))  # type: ignore[arg-type]
    for (power, _), members in alike.items():
        places = np.stack([good for good, _ in members])
        own_shares = np.array([own for _, own in members], dtype=np.float64)
        values[places] = linearized(values[places], own_shares, power=power)
    return values
