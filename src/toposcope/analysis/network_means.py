"""`NetworkMeans`: a population without its draws, as pages and stored comparisons hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.draw_values import Looked
from toposcope.analysis.population import Population

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NetworkMeans:
    """Means over the draws of every network, beside what the networks are.

    Parameters
    ----------
    names
        Of the networks.
    covariates
        (networks, columns) what they are.
    layers
        Name and depth of the layers that they share.
    means
        (statistic, degree) -> (networks, layers); NaN where a network lacks it.
    replicates
        Draws of each.
    configuration
        Columns in which networks agree that differ by their seed alone.
    notes
        What was left out.
    attrs
        Design of their analyses, with `n`.
    """

    names: tuple[str, ...]
    covariates: pd.DataFrame = field(repr=False)
    layers: tuple[tuple[str, float], ...] = field(repr=False)
    means: Mapping[Looked, Array] = field(repr=False)
    replicates: int
    configuration: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def where(self, chosen: Sequence[bool]) -> NetworkMeans:
        """The networks for which `chosen` is true."""
        rows = np.flatnonzero(np.asarray(chosen, dtype=np.bool_))
        return NetworkMeans(
            tuple(self.names[k] for k in rows),
            self.covariates.iloc[rows],
            self.layers,
            {looked: values[rows] for looked, values in self.means.items()},
            self.replicates,
            self.configuration,
            self.notes,
            self.attrs,
        )


def network_means(population: Population, statistics: Sequence[Looked]) -> NetworkMeans:
    """The means of some statistics of a population.

    Parameters
    ----------
    population
        Networks with their analyses.
    statistics
        Names with degrees.
    """
    return NetworkMeans(
        tuple(population.names),
        population.covariates,
        tuple((one.name, float(one.depth)) for one in population.layers),
        {looked: population.means(*looked).to_numpy(dtype=np.float64) for looked in statistics},
        population.replicates,
        tuple(population.configuration),
        tuple(population.notes),
        {**population.design.to_spec(), **population.analyses[0].attrs},
    )
