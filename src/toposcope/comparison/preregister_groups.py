"""Write down what a comparison of groups will test, before it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec

from toposcope.analysis.population import Population
from toposcope.analysis.preregister import finished_analyses
from toposcope.comparison.groups_plan import KIND, captures
from toposcope.comparison.population import asked_of, warn_too_few
from toposcope.comparison.preregister import preregister_comparison as of_networks
from toposcope.errors import UsageError
from toposcope.inputs.signatures import checked, texts
from toposcope.store.objects import objects_in
from toposcope.store.preregistration import Preregistration

P = ParamSpec("P")


def _also_of_populations(networks: Callable[P, Preregistration]) -> Callable[P, Preregistration]:
    """The same call, which takes a population too."""

    @wraps(networks)
    def preregister_comparison(*args: Any, **given: Any) -> Preregistration:
        if len(args) > 1 and isinstance(args[1], Population):
            if len(args) > 2:
                msg = (
                    "preregister_comparison(): a population is compared with itself, group against "
                    f"group; got {len(args) - 1} items. Pass it alone, with by='COLUMN'."
                )
                raise UsageError(msg)
            return preregister_groups(*args, **given)
        return networks(*args, **given)

    return preregister_comparison


preregister_comparison = _also_of_populations(of_networks)


@checked("preregister_comparison", statistics=texts)
def preregister_groups(
    path: Path | str,
    population: Population,
    *,
    by: str | None = None,
    groups: Sequence[Any] | None = None,
    statistics: Sequence[str] | None = None,
    level: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
    note: str = "",
) -> Preregistration:
    """Write down what `compare(population, by=)` will test; `preregister_comparison` calls it.

    Parameters
    ----------
    path
        File to write; one that exists is refused.
    population
        Networks with covariates; who is in which group is part of the plan.
    by, groups, statistics, level, n_resamples, seed
        As in `compare` of a population.
    note
        The question, and what is expected.

    Returns
    -------
    The plan. Follow it with `compare(population, ..., plan=path)`.

    Raises
    ------
    UsageError
        For a file that exists, networks that lie in no RUN, and what `compare` refuses.
    """
    question, pairs = asked_of(
        population,
        by=by,
        groups=groups,
        statistics=statistics,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )
    warn_too_few(pairs, question.level, question.n_resamples)
    networks = captures(population, question.members)
    runs = [objects_in(one.run) for one in population.analyses if one.run is not None]
    plan = Preregistration(
        kind=KIND,
        parameters=question.planned(),
        families=(question.family(len(population.layers), len(pairs)),),
        networks=networks,
        earlier=tuple(name for run in runs for name in finished_analyses(run)),
        command=question.words(population.folder or Path("POPULATION"), path, statistics),
        version=version("toposcope"),
        note=note,
    )
    plan.write(path)
    return plan
