"""Networks that an own claim is about, and what they are refused for, before a value is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.population import Population, refuse_strangers
from toposcope.analysis.population_folder import is_population, newest_analyses, population
from toposcope.analysis.result import Analysis
from toposcope.errors import UsageError
from toposcope.store.folders import RUN, SERIES, folder_kind, what_is_no
from toposcope.studies.claims import Unit
from toposcope.studies.own_claim import OwnClaim, Where
from toposcope.studies.own_claim_decision import Ahead
from toposcope.types import DATA_CLOUD, near_matches

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Opened:
    """Networks that a claim is about.

    Parameters
    ----------
    names, trainings
        Of each network its name, and its analyses by step.
    covariates
        One row per network.
    configurations
        Of each network; None where every network stands for itself.
    """

    names: tuple[str, ...]
    trainings: tuple[tuple[Analysis, ...], ...]
    covariates: pd.DataFrame = field(repr=False)
    configurations: list[Any] | None


def open_networks(own: OwnClaim, runs: Any) -> Opened:
    """Networks with their analyses: one for draws, a population for the other units."""
    call = f"claim {own.file}"
    if isinstance(runs, Population):
        return _of_population(runs)
    items = items_of(runs)
    if not items:
        msg = (
            f"{call}: there is nothing to decide it on. Type: toposcope study {own.file} RUN (unit "
            "draw), or a population folder or several RUNs (unit network)."
        )
        raise UsageError(msg)
    for one in items:
        named = isinstance(one, (str, Path)) and not is_population(one)
        if named and folder_kind(one) not in (RUN, SERIES):
            msg = f"{call}: {what_is_no(RUN, one)}"
            raise UsageError(msg)
    if len(items) == 1 and not is_population(items[0]):
        name = Path(items[0]).resolve().name if isinstance(items[0], (str, Path)) else "network"
        trainings = tuple(newest_analyses([name], items, None))
        refuse_strangers([name], [trainings[0][-1]], call=call)
        import pandas as pd

        return Opened((name,), trainings, pd.DataFrame(index=[name]), None)
    if any(is_population(one) for one in items) and len(items) > 1:
        msg = f"{call}: got {len(items)} folders, a population among them; pass it alone."
        raise UsageError(msg)
    held = items[0] if len(items) == 1 else items
    networks = population(held, configuration=own.configuration or None)
    return _of_population(networks)


def _of_population(networks: Population) -> Opened:
    return Opened(networks.names, networks.trainings, networks.covariates, networks.configurations)


def check(own: OwnClaim, opened: Opened) -> None:
    """Refuse networks that the claim cannot be decided on."""
    call = f"claim {own.file}"
    n = len(opened.names)
    if own.unit == Unit.DRAW and n > 1:
        msg = (
            f"{call}: unit = 'draw' speaks about one network; got {n}. Pass one RUN, or write "
            "unit = 'network'."
        )
        raise UsageError(msg)
    if own.unit == Unit.NETWORK and opened.configurations is not None:
        kinds = len(set(opened.configurations))
        if 1 < kinds < n:
            msg = (
                f"{call}: {n} networks of {kinds} configurations are no {n} independent units: "
                "seeds of one configuration are alike. Write unit = 'configuration' and "
                "configuration = [COLUMNS], or pass the RUNs of one configuration."
            )
            raise UsageError(msg)
    if own.by is not None:
        _check_covariates(own, opened, call)
    for name, training in zip(opened.names, opened.trainings, strict=True):
        _check_names(own, name, training[-1], call)
        if own.where == Where.SLOPE_OVER_STEPS:
            _check_steps(name, training, call)
    if own.where == Where.SLOPE_OVER_STEPS:
        steps = {tuple(one.attrs["step"] for one in training) for training in opened.trainings}
        if len(steps) > 1:
            msg = f"{call}: SERIES have other steps; capture all at the same ones."
            raise UsageError(msg)


def _check_names(own: OwnClaim, name: str, analysis: Analysis, call: str) -> None:
    """Statistic, degree, layer and null clouds are there; names only."""
    degrees: dict[str, list[Any]] = {}
    for _, statistic, cloud, degree in analysis.rows:
        if cloud == DATA_CLOUD and degree not in degrees.setdefault(statistic, []):
            degrees[statistic].append(degree)
    if own.statistic not in degrees:
        msg = (
            f"{call}: statistic = {own.statistic!r} is none of the analysis of {name!r}. "
            f"{near_matches(own.statistic, list(degrees))}"
        )
        raise UsageError(msg)
    known = degrees[own.statistic]
    if own.homology_dimension not in known:
        able = [str(one) for one in known if one is not None]
        todo = f"write homology_dimension = {' or '.join(able)}" if able else "leave it away"
        msg = (
            f"{call}: homology_dimension = {own.homology_dimension} does not go with "
            f"{own.statistic!r} in the analysis of {name!r}; {todo}."
        )
        raise UsageError(msg)
    if own.layer is not None and own.layer not in analysis.layers:
        msg = (
            f"{call}: layer = {own.layer!r} is no layer of {name!r}. "
            f"{near_matches(own.layer, analysis.layers)} Networks of other layers have depth = 0.5."
        )
        raise UsageError(msg)
    fewest = {Where.LAST_AGAINST_FIRST: 2, Where.SLOPE_OVER_DEPTH: 3}.get(own.where, 1)
    if len(analysis.layers) < fewest:
        msg = (
            f"{call}: {name!r} has {len(analysis.layers)} layers; where = {own.where.value!r} "
            f"needs {fewest} or more: capture with --layers blocks or all."
        )
        raise UsageError(msg)
    clouds = {cloud for _, statistic, cloud, _ in analysis.rows if statistic == own.statistic}
    if own.cloud is not None and own.cloud not in clouds:
        msg = (
            f"{call}: null = {own.cloud!r}, and the analysis of {name!r} has no such null clouds "
            f"(it has {', '.join(sorted(clouds - {DATA_CLOUD})) or 'none'}). Type: toposcope "
            f"analyze RUN --null {own.cloud}, for every network."
        )
        raise UsageError(msg)


def _check_steps(name: str, training: Sequence[Analysis], call: str) -> None:
    steps = [one.attrs.get("step") for one in training]
    if len(steps) < 3 or None in steps:
        msg = (
            f"{call}: {name!r} has {len(steps)} analyzed steps; a slope over steps needs a SERIES "
            "of three or more: toposcope capture MODEL DATA --weights 'checkpoints/*' -o SERIES."
        )
        raise UsageError(msg)
    refuse_strangers([f"{name} step {step}" for step in steps], list(training), call=call)


def _check_covariates(own: OwnClaim, opened: Opened, call: str) -> None:
    table = opened.covariates
    for key, names in (("by", [own.by]), ("given", own.given)):
        for name in names:
            if name not in table.columns:
                known = [str(one) for one in table.columns]
                has = near_matches(str(name), known) if known else "There are none."
                msg = (
                    f"{call}: {key} = {name!r} is no covariate. {has} Write a column of "
                    "population.csv."
                )
                raise UsageError(msg)
            column = table[name]
            if column.isna().any():
                lacking = ", ".join(map(str, column.index[column.isna()][:5]))
                msg = f"{call}: {key} = {name!r} is unknown of {lacking}. Fill population.csv."
                raise UsageError(msg)
            if column.nunique() < 2:
                msg = (
                    f"{call}: {key} = {name!r} does not vary: it is {column.iloc[0]} in all "
                    f"{len(column)} networks. Bring networks that differ in it."
                )
                raise UsageError(msg)
    column = table[own.by]
    if own.groups:
        told = column.astype(str)
        for group in own.groups:
            if (told == group).sum() == 0:
                msg = f"{call}: groups: no network has {own.by} = {group!r}. " + near_matches(
                    group, sorted(set(told))
                )
                raise UsageError(msg)
        if not told.isin(own.groups).all():
            msg = (
                f"{call}: {int((~told.isin(own.groups)).sum())} networks are in none of the groups "
                f"{', '.join(own.groups)}; leave their rows out of population.csv."
            )
            raise UsageError(msg)
    elif column.dtype.kind not in "biuf":
        kinds = sorted(set(map(str, column)))
        msg = (
            f"{call}: by = {own.by!r} holds names ({', '.join(kinds[:4])}); write groups = "
            f"[{kinds[0]!r}, {kinds[1]!r}] for a difference, or name a column of numbers."
        )
        raise UsageError(msg)
    if own.unit == Unit.CONFIGURATION:
        for name in [own.by, *own.given]:
            inside = table[name].groupby([str(one) for one in kinds_of(opened)]).nunique()
            if (inside > 1).any():
                msg = (
                    f"{call}: {name!r} varies inside a configuration; with unit = 'configuration' "
                    "all its networks share one value. Add the column to configuration."
                )
                raise UsageError(msg)


def kinds_of(opened: Opened) -> list[Any]:
    """Configuration of each network; its name where it stands for itself."""
    return list(opened.names) if opened.configurations is None else opened.configurations


def count_units(own: OwnClaim, opened: Opened) -> int | tuple[int, int]:
    """How many units there are, or those of both groups."""
    if own.unit == Unit.DRAW:
        return int(opened.trainings[0][-1].attrs["replicates"])
    kinds = list(opened.names) if own.unit == Unit.NETWORK else kinds_of(opened)
    if not own.groups:
        return len(set(kinds))
    told = opened.covariates[own.by].astype(str).tolist()
    a, b = (len({kind for kind, one in zip(kinds, told, strict=True) if one == group})
            for group in own.groups)  # fmt: skip
    if min(a, b) < 2:
        msg = f"claim {own.file}: groups have {a} and {b} {own.unit.value}s; needed are two each."
        raise UsageError(msg)
    return a, b


def refuse_unreachable(own: OwnClaim, opened: Opened, ahead: Ahead) -> None:
    """Refuse a design whose null can never be told apart: its smallest p is above 1 - level."""
    places = min(
        len(t) if own.where == Where.SLOPE_OVER_STEPS else len(t[-1].layers)
        for t in opened.trainings
    )
    if own.null in ("depth_shuffled", "steps_shuffled"):
        last = own.where == Where.LAST_AGAINST_FIRST
        one = places * (places - 1) if last else math.factorial(min(places, 20))
    elif own.null == "margin":
        return
    else:
        one = 2
    if isinstance(ahead.n, tuple):
        least = 1 / math.comb(ahead.total, ahead.n[0])
    elif own.by is not None:
        least = 1 / math.factorial(min(ahead.total, 20))
    else:
        least = one ** -float(min(ahead.total, 50))
    if least > 1 - own.level + 1e-12:
        msg = (
            f"claim {own.file}: with {ahead.n} {own.unit.value}s the null {own.null!r} can never "
            f"be told apart: its smallest p is {least:.3g}, and the level asks for "
            f"{1 - own.level:.3g}. Bring more units."
        )
        raise UsageError(msg)


def items_of(runs: Any) -> list[Any]:
    """What was handed in, one by one."""
    return [runs] if isinstance(runs, (str, Path, Analysis)) else list(runs)
