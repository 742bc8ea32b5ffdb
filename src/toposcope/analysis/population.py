"""`Population`: many networks with what is known of each, so that networks can be the units.

A population is a table of networks: every one analyzed alike, on the same draws of the same data,
with covariates (configuration, seed, activation, depth, width, accuracy, ...). How a folder becomes
one is in population_folder.py; what is concluded from it, in `comparison` and `findings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.depths import nearest_depths
from toposcope.analysis.design import Design
from toposcope.analysis.draw_values import Looked, headline, replicate_values
from toposcope.analysis.result import Analysis
from toposcope.errors import UsageError
from toposcope.types import _html_table, near_matches

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

SEED, CONFIGURATION = "seed", "configuration"


@dataclass(frozen=True)
class MatchedLayer:
    """A layer of every network of a population.

    Parameters
    ----------
    name
        Its address where all networks have the same layers; else "depth 0.50".
    depth
        Relative depth: of the layer, or of the one that the others were matched to.
    layers
        The layer of each network.
    """

    name: str
    depth: float
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Population:
    """Networks that were analyzed alike, with covariates; made by `toposcope.population`.

    Parameters
    ----------
    names
        One for each network, all different.
    analyses
        Of each network: one design, the same draws of the same samples.
    covariates
        One row per network, `names` as its index.
    configuration
        Columns whose values tell configurations: networks that agree in all of them differ by
        their seed. Empty where every network stands for itself.
    trainings
        Of each network its analyses by rising step; of a RUN the one.
    notes
        What was left out on the way.
    folder
        Where it was read from, or None.
    """

    names: tuple[str, ...]
    analyses: tuple[Analysis, ...] = field(repr=False)
    covariates: pd.DataFrame = field(repr=False)
    configuration: tuple[str, ...] = ()
    trainings: tuple[tuple[Analysis, ...], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Analysis]:
        return iter(self.analyses)

    @property
    def design(self) -> Design:
        """The design that all networks share."""
        design = self.analyses[0].design
        assert design is not None, "populations are made of analyses with a design"
        return design

    @property
    def replicates(self) -> int:
        """Draws of each network; draw r is the same samples in all of them."""
        return int(self.analyses[0].attrs["replicates"])

    @property
    def configurations(self) -> list[Any] | None:
        """Configuration of each network; None where every network stands for itself."""
        if not self.configuration:
            return None
        columns = [self.column(name).tolist() for name in self.configuration]
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    @property
    def n_configurations(self) -> int:
        """How many configurations there are; every network is one where none were told."""
        told = self.configurations
        return len(self) if told is None else len(set(told))

    def column(self, name: str) -> pd.Series:
        """A covariate without gaps, or a refusal."""
        if name not in self.covariates.columns:
            known = [str(one) for one in self.covariates.columns]
            told = near_matches(name, known) if known else "There are none."
            msg = f"population: no covariate {name!r}. {told}"
            raise UsageError(msg)
        column = self.covariates[name]
        missing = column.isna()
        if missing.any():
            which = [str(one) for one in column.index[missing]]
            msg = (
                f"population: {len(which)} of {len(self)} networks have no {name!r} "
                f"({', '.join(which[:5])}). Fill the column, or take the others: "
                f"population.where(population.covariates[{name!r}].notna())."
            )
            raise UsageError(msg)
        return column

    def numbers(self, name: str) -> Array:
        """(networks,) a covariate of numbers, or a refusal."""
        column = self.column(name)
        if column.dtype.kind not in "biuf":
            kinds = list(dict.fromkeys(map(str, column)))
            msg = f"population: {name!r} holds names ({', '.join(kinds[:4])}); needed are numbers."
            raise UsageError(msg)
        return np.asarray(column, dtype=np.float64)

    def where(self, chosen: Sequence[bool] | pd.Series) -> Self:
        """The networks for which `chosen` is true.

        Examples
        --------
        Networks with ReLU: `population.where(population.covariates["activation"] == "relu")`.
        """
        mask = np.asarray(chosen)
        if mask.shape != (len(self),) or mask.dtype != np.bool_ or not mask.any():
            msg = (
                f"population.where(): needed are {len(self)} truth values, one at least true; got "
                f"{mask.dtype} of shape {mask.shape} with {int(np.sum(mask.astype(bool)))} true."
            )
            raise UsageError(msg)
        rows = np.flatnonzero(mask)
        return replace(
            self,
            names=tuple(self.names[k] for k in rows),
            analyses=tuple(self.analyses[k] for k in rows),
            trainings=tuple(self.trainings[k] for k in rows),
            covariates=self.covariates.iloc[rows],
        )

    @property
    def layers(self) -> tuple[MatchedLayer, ...]:
        """Layers of all networks: by name where they have the same, else by relative depth.

        By depth, those of the shallowest network lead, and of each other network the layer nearest
        to each of them is taken.
        """
        each = [one.layers for one in self.analyses]
        depths = [_depths(one) for one in self.analyses]
        if all(layers == each[0] for layers in each):
            pairs = zip(each[0], depths[0], strict=True)
            return tuple(MatchedLayer(x, float(d), (x,) * len(self)) for x, d in pairs)
        first = int(np.argmin([len(layers) for layers in each]))
        nearest = [[j for _, j in nearest_depths(depths[first], one)] for one in depths]
        return tuple(
            MatchedLayer(
                f"depth {depth:.2f}",
                float(depth),
                tuple(layers[near[p]] for layers, near in zip(each, nearest, strict=True)),
            )
            for p, depth in enumerate(depths[first])
        )

    @property
    def headline(self) -> Sequence[Looked]:
        """The statistics that are looked at where none are named."""
        return headline(self.analyses[0])

    def values(
        self, layer: MatchedLayer | str, statistic: str, homology_dimension: int | None = None
    ) -> Array:
        """(networks, draws) values of one statistic of one layer; NaN where a network lacks it."""
        if isinstance(layer, str):
            named = {one.name: one for one in self.layers}
            if layer not in named:
                msg = f"population: no layer {layer!r}. {near_matches(layer, list(named))}"
                raise UsageError(msg)
            layer = named[layer]
        out = np.full((len(self), self.replicates), np.nan)
        for k, (analysis, own) in enumerate(zip(self.analyses, layer.layers, strict=True)):
            values = replicate_values(analysis, own, statistic, homology_dimension)
            if len(values) == self.replicates:
                out[k] = values
        return out

    def means(self, statistic: str, homology_dimension: int | None = None) -> pd.DataFrame:
        """Means over draws, networks by layers: the first stage of every test over networks."""
        import pandas as pd

        layers = self.layers
        columns = [self.values(one, statistic, homology_dimension).mean(axis=1) for one in layers]
        return pd.DataFrame(
            np.column_stack(columns), index=list(self.names), columns=[one.name for one in layers]
        )

    @property
    def table(self) -> pd.DataFrame:
        """Headline numbers in long form: network, covariates, layer, depth, statistic, draw."""
        import pandas as pd

        parts = []
        for layer in self.layers:
            for statistic, degree in self.headline:
                values = self.values(layer, statistic, degree)
                k, draws = values.shape
                parts.append(
                    pd.DataFrame(
                        {
                            "network": np.repeat(self.names, draws),
                            "place": layer.name,
                            "depth": layer.depth,
                            "layer": np.repeat(layer.layers, draws),
                            "statistic": statistic,
                            "homology_dimension": pd.array([degree] * (k * draws), dtype="Int64"),
                            "replicate": np.tile(np.arange(draws), k),
                            "value": values.ravel(),
                        }
                    )
                )
        long = pd.concat(parts, ignore_index=True)
        known = self.covariates.rename(columns={c: f"{c} " for c in long if c in self.covariates})
        return long.join(known, on="network")

    def __repr__(self) -> str:
        inside = f" in {self.n_configurations} configurations" if self.configuration else ""
        return f"Population({len(self)} networks{inside}, {len(self.layers)} layers)"

    def _repr_html_(self) -> str:
        rows = [
            (name, *(str(value) for value in values))
            for name, values in zip(self.names, self.covariates.to_numpy().tolist(), strict=True)
        ]
        return _html_table(repr(self), ("network", *map(str, self.covariates.columns)), rows)


def refuse_strangers(names: Sequence[str], analyses: Sequence[Analysis], *, call: str) -> None:
    """Refuse networks that cannot be compared: other data, n, filtration, scale or code.

    Raises
    ------
    UsageError
        Naming the first network that does not fit the first one, what differs, and what to type.
    """
    first = analyses[0]
    for name, one in zip(names, analyses, strict=True):
        if one.design is None or one.activations is None:
            msg = (
                f"{call}: {name!r} does not say how it was analyzed, or on what; pass RUN folders "
                "or what ts.analyze() returned."
            )
            raise UsageError(msg)
        if one.design.overlapping:
            msg = (
                f"{call}: the draws of {name!r} overlap; analyze it without overlapping= "
                "(--overlapping)."
            )
            raise UsageError(msg)
    assert first.design is not None
    assert first.activations is not None
    ids = first.activations.sample_ids
    for name, one in zip(names[1:], analyses[1:], strict=True):
        assert one.design is not None
        assert one.activations is not None
        differs = first.design.differs(one.design, but=("null",))
        told = [
            f"{what} ({getattr(first.design, what)!r} and {getattr(one.design, what)!r})"
            for what in differs
        ]
        if first.attrs.get("code") != one.attrs.get("code"):
            told.append("the version of the code")
        if told:
            msg = (
                f"{call}: {names[0]!r} and {name!r} were analyzed with different "
                f"{'; '.join(told)}; networks of a population are analyzed alike. Run the same "
                "'toposcope analyze RUN' for all of them."
            )
            raise UsageError(msg)
        own = one.activations.sample_ids
        if not np.array_equal(ids, own):
            shared = len(np.intersect1d(ids, own))
            msg = (
                f"{call}: {names[0]!r} holds {len(ids):,} samples and {name!r} {len(own):,}, "
                f"{shared:,} of them the same; networks of a population see the same samples, so "
                "that no difference of data is taken for one of networks. Capture all on one data "
                "set with the same -n and --seed."
            )
            raise UsageError(msg)


def checked_configuration(
    covariates: pd.DataFrame, asked: str | Sequence[str] | None, *, call: str
) -> tuple[str, ...]:
    """Columns that tell configurations, or a refusal of a nesting that cannot be known.

    Parameters
    ----------
    asked
        Column or columns; None takes "configuration" where there is such a column.
    """
    columns = [str(one) for one in covariates.columns]
    if asked is None:
        if CONFIGURATION in columns:
            return (CONFIGURATION,)
        repeated = SEED in columns and covariates[SEED].duplicated().any()
        if repeated:
            # What no two networks share, such as an accuracy, makes every network one of its own.
            others = [
                one for one in columns if one != SEED and covariates[one].duplicated().any()
            ] or ["COLUMN"]
            msg = (
                f"{call}: seeds repeat, so several networks belong to one configuration, and no "
                "column 'configuration' says which. Name the columns that make one: "
                f"configuration={others[:3]!r} (--configuration {','.join(others[:3])})."
            )
            raise UsageError(msg)
        return ()
    names = (asked,) if isinstance(asked, str) else tuple(asked)
    for name in names:
        if name not in columns:
            told = near_matches(str(name), columns) if columns else "There are no covariates."
            msg = f"{call}: configuration={name!r} is no covariate. {told}"
            raise UsageError(msg)
    return names


def told_columns(covariates: Mapping[str, Any] | Any) -> Any:
    """Covariates as a table of numbers, truth values and texts: what else stands there is text."""
    import pandas as pd

    table = pd.DataFrame(covariates).copy()
    table.columns = [str(one) for one in table.columns]
    for name in table.columns:
        column = table[name]
        if column.dtype.kind not in "biuf":
            kept = column.where(column.isna(), column.map(str)).astype(object)
            table[name] = kept.where(column.notna(), None)
    return table


def _depths(analysis: Analysis) -> Array:
    assert analysis.activations is not None, "layers of a population know their depth"
    return np.array([analysis.activations.depth(layer) for layer in analysis.layers])
