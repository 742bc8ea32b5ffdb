"""`compare` of a population: groups of networks, with networks or their configurations as units."""

from __future__ import annotations

import shlex
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import combinations
from pathlib import Path
from typing import Any, ParamSpec, Protocol, overload

import numpy as np

from toposcope.analysis.draw_values import Looked
from toposcope.analysis.network_means import network_means
from toposcope.analysis.population import Population
from toposcope.analysis.run import versions
from toposcope.comparison.groups import GroupComparison, Pair, measure, pair_tested
from toposcope.comparison.groups_plan import Question, begin
from toposcope.comparison.kept_groups import refuse_another
from toposcope.comparison.result import Comparison
from toposcope.comparison.run import compare as compare_networks
from toposcope.errors import DesignWarning, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked, texts
from toposcope.inputs.signatures import store as store_or_url
from toposcope.stats import exchange
from toposcope.stats.stages import fewest_units, needed_text, refuse_few
from toposcope.store.folders import GROUPS, refuse_other_kind
from toposcope.types import near_matches

P = ParamSpec("P")

CALL = "compare()"
MOST_GROUPS = 6


class Compare(Protocol[P]):
    """`compare`, of networks and of a population."""

    # A population is no item of the other one, which mypy cannot know of P.
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self,
        a: Population,
        /,
        *,
        by: str,
        groups: Sequence[Any] | None = ...,
        statistics: Sequence[str] | None = ...,
        level: float = ...,
        n_resamples: int = ...,
        seed: int = ...,
        store: Path | str | None = ...,
        plan: Path | str | None = ...,
    ) -> GroupComparison: ...

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Comparison: ...


def _also_of_populations(networks: Callable[P, Comparison]) -> Compare[P]:
    """The same call, which takes a population too: its arguments are those of `compare_groups`."""

    @wraps(networks)
    def compare(*args: Any, **given: Any) -> Any:
        if args and isinstance(args[0], Population):
            if len(args) > 1:
                msg = (
                    f"{CALL}: a population is compared with itself, group against group; got "
                    f"{len(args)} items. Pass it alone, with by='COLUMN'."
                )
                raise UsageError(msg)
            return compare_groups(args[0], **given)
        if "by" in given:
            msg = (
                f"{CALL}: by={given['by']!r} tells groups of a population, and the items are "
                "networks. Pass ts.population([...], covariates) or a population folder."
            )
            raise UsageError(msg)
        return networks(*args, **given)

    return compare


compare = _also_of_populations(compare_networks)


@checked("compare", statistics=texts, store=store_or_url)
def compare_groups(
    population: Population,
    *,
    by: str | None = None,
    groups: Sequence[Any] | None = None,
    statistics: Sequence[str] | None = None,
    level: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
    store: Path | str | None = None,
    plan: Path | str | None = None,
) -> GroupComparison:
    """Compare groups of trained networks, layer by layer; what `compare(population, by=)` calls.

    Parameters
    ----------
    population
        Networks with covariates, from `toposcope.population`.
    by
        The covariate that tells the groups, such as "activation".
    groups
        Values of it that are compared, in this order; None for all, at most 6.
    statistics
        Names of statistics, in every degree they have; None for those of every report.
    level
        Coverage of all intervals together; 1 - level is the probability of any false finding.
    n_resamples, seed
        Of exchanges of units.
    store
        Folder to keep it in, for `toposcope report` and `GroupComparison.load`.
    plan
        A plan written by `preregister_comparison(path, population, by=)`. The comparison says
        whether it was followed.

    Returns
    -------
    The comparison. Where seeds are nested in configurations, units are configurations, or networks
    inside configurations that hold both groups; see `toposcope.stats.exchange`.

    Raises
    ------
    UsageError
        For groups with fewer than two units, with how many are needed, and for a folder that holds
        something else.
    """
    folder = None if store is None else Path(parameters.path(store, "store", call=CALL, url=True))
    if folder is not None:
        refuse_other_kind(folder, GROUPS, CALL)
    question, pairs = asked_of(
        population,
        by=by,
        groups=groups,
        statistics=statistics,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )
    if folder is not None:
        refuse_another(folder, question.values(), call=CALL)
    begun = None
    if plan is not None and folder is not None:
        begun = begin(plan, folder)
    elif plan is not None:
        with tempfile.TemporaryDirectory(prefix="toposcope-") as place:
            begun = begin(plan, Path(place))
    warn_too_few(pairs, question.level, question.n_resamples)
    layers: list[dict[str, Any]] = []
    models: list[dict[str, Any]] = []
    for pair in pairs:
        rows, whole = pair_tested(
            pair,
            measure(population, question.statistics, pair.rows),
            level=question.level,
            n_resamples=question.n_resamples,
            seed=question.seed,
            pairs=len(pairs),
        )
        layers, models = layers + rows, models + whole
    compared = np.unique(np.concatenate([pair.rows for pair in pairs]))
    attrs = {
        **question.values(),
        "networks": len(compared),
        "n": population.analyses[0].attrs.get("n"),
        "unit": "network",
        "versions": versions(),
        "notes": list(population.notes),
        "commands": _commands(population, question, groups, statistics),
    }
    if begun is not None:
        attrs["preregistered"] = begun.followed(question, population).as_dict()
    looked = list(dict.fromkeys([*population.headline, *question.statistics]))
    out = GroupComparison(
        question.by,
        _frame(layers),
        _frame(models),
        _frame([_pair_row(pair, 1 - (1 - question.level) / len(pairs)) for pair in pairs]),
        attrs,
        population,
        network_means(population, looked),
        folder,
    )
    if folder is not None:
        out.save(folder)
    return out


def asked_of(
    population: Population,
    *,
    by: str | None,
    groups: Sequence[Any] | None,
    statistics: Sequence[str] | None,
    level: float,
    n_resamples: int,
    seed: int,
) -> tuple[Question, list[Pair]]:
    """What is asked with nothing left open, and the pairs of groups with their units."""
    level = parameters.number(level, "level", call=CALL, above=0.5, below=1.0)
    n_resamples = parameters.whole(n_resamples, "n_resamples", call=CALL, low=99)
    seed = parameters.seed(seed, call=CALL)
    names = [str(name) for name in population.covariates.columns]
    if by is None:
        msg = (
            f"{CALL}: a population is compared by one of its covariates: by=COLUMN (--by COLUMN). "
            f"There are {', '.join(names) or 'none'}."
        )
        raise UsageError(msg)
    kinds, columns = _groups(population, by, groups)
    told = list(zip(population.names, columns, strict=True))
    question = Question(
        by=by,
        groups=tuple(kinds),
        members={kind: tuple(name for name, one in told if one == kind) for kind in kinds},
        statistics=tuple(_statistics(population, statistics)),
        configuration=tuple(population.configuration),
        level=level,
        n_resamples=n_resamples,
        seed=seed,
        design=population.design.to_spec(),
    )
    return question, _pairs(population, columns, kinds)


def _groups(
    population: Population, by: str, asked: Sequence[Any] | None
) -> tuple[list[str], list[str]]:
    """Names of the groups that are compared, and the group of every network."""
    column = population.column(by)
    columns = [_told(value) for value in column.tolist()]
    kinds = list(dict.fromkeys(columns))
    if asked is not None:
        if isinstance(asked, str):
            asked = [asked]
        wanted = [_told(one) for one in asked]
        for one in wanted:
            if one not in kinds:
                msg = f"{CALL}: groups: no network has {by}={one}. {near_matches(one, kinds)}"
                raise UsageError(msg)
        kinds = list(dict.fromkeys(wanted))
    if len(kinds) < 2:
        msg = (
            f"{CALL}: by={by!r}: {len(kinds)} group ({', '.join(kinds)}); needed are two or more. "
            "Compare by a covariate that varies."
        )
        raise UsageError(msg)
    if len(kinds) > MOST_GROUPS:
        msg = (
            f"{CALL}: by={by!r} has {len(kinds)} values ({', '.join(kinds[:4])}, ...); at most "
            f"{MOST_GROUPS} groups are compared. Name some with groups= (--groups); for a number "
            "such as a width use ts.stats.partial_correlation or ts.stats.cluster_regression."
        )
        raise UsageError(msg)
    return kinds, columns


def _statistics(population: Population, asked: Sequence[str] | None) -> list[Looked]:
    if asked is None:
        return list(population.headline)
    if isinstance(asked, str):
        asked = [asked]
    known: dict[str, list[Looked]] = {}
    for _, statistic, _, degree in population.analyses[0].rows:
        one = (str(statistic), None if degree is None else int(degree))
        if one not in known.setdefault(str(statistic), []):
            known[str(statistic)].append(one)
    for name in asked:
        if name not in known:
            msg = f"{CALL}: no statistic {name!r}. {near_matches(str(name), list(known))}"
            raise UsageError(msg)
    return [one for name in dict.fromkeys(asked) for one in known[name]]


def _pairs(population: Population, columns: Sequence[str], kinds: Sequence[str]) -> list[Pair]:
    told = population.configurations
    out = []
    for a, b in combinations(kinds, 2):
        rows = np.array([k for k, one in enumerate(columns) if one in (a, b)], dtype=np.intp)
        place = None
        if told is not None:
            mine = [told[k] for k in rows]
            number = {one: k for k, one in enumerate(dict.fromkeys(mine))}
            place = [number[one] for one in mine]
        units = exchange([columns[k] == b for k in rows], place)
        refuse_few(CALL, units, (a, b))
        out.append(Pair((a, b), rows, units))
    return out


def warn_too_few(pairs: Sequence[Pair], level: float, n_resamples: int) -> None:
    """Say that no layer could be found to differ, and what would be needed."""
    for pair in pairs:
        least = max(pair.units.smallest_p, 1 / (n_resamples + 1)) * len(pairs)
        if least > 1 - level + 1e-12:
            units = pair.units
            shared = f", and {len(pairs)} pairs share the level" if len(pairs) > 1 else ""
            warnings.warn(
                f"{CALL}: {pair.groups[0]} and {pair.groups[1]} have {units.n_a} and {units.n_b} "
                f"{units.unit}s{shared}: no p-value is below {least:.2g}, so no layer can be found "
                f"to differ at level {level:g}, however far apart. Train more: "
                f"{needed_text(units, level=1 - (1 - level) / len(pairs))}.",
                DesignWarning,
                stacklevel=4,
            )


def _pair_row(pair: Pair, level: float) -> dict[str, Any]:
    units = pair.units
    return {
        "group_a": pair.groups[0],
        "group_b": pair.groups[1],
        "unit": units.unit,
        "n_a": units.n_a,
        "n_b": units.n_b,
        "networks": units.networks,
        "configurations": units.configurations,
        "blocks": units.n_blocks if units.blocked else 0,
        "needed": fewest_units(units, level=level),
    }


def _told(value: Any) -> str:
    """A value of a covariate as the name of a group.

    >>> _told("relu"), _told(4.0), _told(True)
    ('relu', '4', 'True')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)


def _frame(rows: Sequence[dict[str, Any]]) -> Any:
    import pandas as pd

    out = pd.DataFrame(rows)
    if "homology_dimension" in out:
        out["homology_dimension"] = out["homology_dimension"].astype("Int64")
    return out


def _commands(
    population: Population,
    question: Question,
    groups: Sequence[Any] | None,
    statistics: Sequence[str] | None,
) -> list[str]:
    captured = dict.fromkeys(
        str(line) for one in population for line in one.attrs.get("commands") or ()
    )
    if population.folder is None:
        return list(captured)
    words = ["toposcope", "compare", str(population.folder), "--by", question.by]
    if groups is not None:
        words += ["--groups", ",".join(map(str, groups))]
    if statistics is not None:
        words += ["--statistics", ",".join(statistics)]
    if population.configuration:
        words += ["--configuration", ",".join(population.configuration)]
    words += ["--level", str(question.level), "--seed", str(question.seed)]
    return [*captured, shlex.join(words)]
