"""What a comparison of groups asks, and how it stands to a plan that was frozen before it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.analysis.draw_values import Looked
from toposcope.analysis.population import Population
from toposcope.analysis.preregister import capture_hash
from toposcope.comparison.families import GROUPS_DIFFER
from toposcope.errors import UsageError
from toposcope.store.folders import GROUPS, MARKS
from toposcope.store.preregistration import (
    Family,
    Followed,
    Preregistration,
    refuse_other_kind,
    take_up,
)
from toposcope.store.runs import Run

KIND = "comparison of groups"
COPY = "preregistration.json"
"""Name of the copy of a plan beside the results."""


@dataclass(frozen=True)
class Question:
    """What is asked of a population, with nothing left open.

    Parameters
    ----------
    by, groups
        The covariate that tells groups, and its values in their order.
    members
        Names of the networks of each group.
    statistics
        What is looked at, with its degree.
    configuration
        Columns in which networks agree that differ by their seed.
    level, n_resamples, seed
        Of the tests.
    design
        That of the analyses, as plain values.
    """

    by: str
    groups: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]
    statistics: tuple[Looked, ...]
    configuration: tuple[str, ...]
    level: float
    n_resamples: int
    seed: int
    design: Mapping[str, Any]

    def values(self) -> dict[str, Any]:
        """Everything that decides the results, as plain values; what a folder is asked for."""
        return {
            **self.design,
            "by": self.by,
            "groups": list(self.groups),
            "level": self.level,
            "n_resamples": self.n_resamples,
            "seed": self.seed,
            "statistics": [list(one) for one in self.statistics],
            "configuration": list(self.configuration),
        }

    def planned(self) -> dict[str, Any]:
        """The same with who is in which group: a network that changes its group is another plan."""
        return {**self.values(), "members": {k: list(v) for k, v in self.members.items()}}

    def family(self, layers: int, pairs: int) -> Family:
        """The tests that are corrected together: single layers, and all layers of a statistic."""
        each = layers + (layers > 1)
        names = tuple(name if k is None else f"{name} H{k}" for name, k in self.statistics)
        tests = pairs * len(names) * each
        return Family(GROUPS_DIFFER, names, tests, "step-down maximum", self.level)

    def words(self, folder: Path, plan: Path | str, named: Sequence[str] | None) -> str:
        """The command line that follows a plan; `named` are the statistics that were named."""
        words = ["toposcope", "compare", str(folder), "--by", self.by]
        words += ["--groups", ",".join(self.groups)]
        words += [] if named is None else ["--statistics", ",".join(named)]
        if self.configuration:
            words += ["--configuration", ",".join(self.configuration)]
        words += ["--level", f"{self.level:g}", "--seed", str(self.seed), "--plan", str(plan)]
        return shlex.join(words)


def captures(population: Population, members: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Hash of the capture of every network that is compared, by its name.

    Raises
    ------
    UsageError
        For networks that lie in no RUN.
    """
    compared = {name for group in members.values() for name in group}
    out = {}
    for name, analysis in zip(population.names, population.analyses, strict=True):
        if name not in compared:
            continue
        if analysis.run is None:
            msg = (
                f"preregister_comparison(): the network {name!r} lies in memory, so no hash can "
                "hold the plan to it. Save it first: ts.store.save_arrays(activations, folder)."
            )
            raise UsageError(msg)
        out[name] = capture_hash(Run.open(analysis.run))
    return out


@dataclass(frozen=True)
class Begun:
    """A comparison of groups that was begun under a plan."""

    plan: Preregistration
    when: str
    before: int

    def followed(self, question: Question, population: Population) -> Followed:
        """How the comparison stands to its plan."""
        used = captures(population, question.members)
        changed = self.plan.deviations(question.planned(), used)
        return Followed(self.plan, self.when, self.before, tuple(changed))


def begin(path: Path | str, folder: Path) -> Begun:
    """Read a plan and keep a copy; what was compared in that folder counts as done before it."""
    plan = Preregistration.read(path)
    refuse_other_kind(plan, KIND, where=str(path))
    before = int((folder / MARKS[GROUPS]).exists())
    return Begun(plan, *take_up(folder, plan, before=before, name=COPY))
