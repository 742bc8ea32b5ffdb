"""The frozen plan of a comparison: written from its arguments before anything is compared."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.analysis.design import Design
from toposcope.analysis.picking import pick
from toposcope.analysis.plan import draws_of
from toposcope.analysis.preregister import capture_hash, finished_analyses
from toposcope.comparison.asked import (
    DEFAULTS,
    refuse_margins,
    rules_of,
    split,
    too_few,
    unit_of_measures,
    warn_too_few,
)
from toposcope.comparison.families import DIFFER, EQUIVALENT, RELATED
from toposcope.comparison.judgement import NOISE, Rules, measured
from toposcope.comparison.layer_pairs import BETTI_NUMBERS, DIAGRAM_MEASURES
from toposcope.comparison.networks import Network, intended, of_volumes
from toposcope.comparison.opened import NETWORK, Item, Opened, each_named, opened
from toposcope.errors import UsageError
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked, whole_of
from toposcope.store.ledger import Ledger
from toposcope.store.objects import objects_in
from toposcope.store.preregistration import (
    Deviation,
    Family,
    Followed,
    Preregistration,
    refuse_other_kind,
    take_up,
)
from toposcope.store.runs import Run

Rows = Sequence[Mapping[str, Any]]

KIND = "comparison"
COPY = "preregistration.json"
"""Name of the copy of a plan in the folder of a comparison, whose plan.json records margins."""

BESIDE = ("null", "overlapping", "seed", "homology_dimensions")
"""Parameters of an analysis that decide no number of a comparison, or stand there under a name of
their own: what its seed draws is part of the plan itself."""


@dataclass(frozen=True)
class Asked:
    """What a comparison was asked to do, with nothing left open."""

    measures: Sequence[str]
    degrees: Sequence[int]
    design: Design
    rules: Rules
    calibrate: int
    equalize: bool
    draws: str | None
    """Hash of the samples drawn from the first network; None where samples are cut down first."""

    def values(self) -> dict[str, Any]:
        """Everything that decides the results, as plain values."""
        spec = {k: v for k, v in self.design.to_spec().items() if k not in BESIDE}
        if not any(name in DIAGRAM_MEASURES for name in self.measures):
            spec = {name: spec[name] for name in ("points", "replicates")}
        return {
            **spec,
            "measures": list(self.measures),
            "homology_dimensions": list(self.degrees),
            **asdict(self.rules),
            "draws": self.draws,
            "calibrate": self.calibrate,
            "equalize": self.equalize,
        }


@checked(
    a=NETWORK,
    b=NETWORK,
    others=NETWORK,
    level=parameters.level,
    homology_dimensions=parameters.degrees,
    n_resamples=whole_of(99),
)
def preregister_comparison(
    path: Path | str,
    a: Path | str,
    b: Path | str,
    *others: Path | str,
    measures: Sequence[str] | None = None,
    test: str = "permutation",
    homology_dimensions: Sequence[int] | None = None,
    points: int | None = None,
    replicates: int | None = None,
    normalize: str | None = None,
    level: float = 0.95,
    margin: float | Mapping[str, float] | None = None,
    margin_unit: str = NOISE,
    n_resamples: int = 9999,
    calibrate: int = 0,
    equalize: bool = False,
    analysis: str | Sequence[str | None] | None = None,
    step: float | None = None,
    seed: int = 0,
    note: str = "",
) -> Preregistration:
    """Write down what a comparison of some RUNs will test, before it is made.

    Parameters
    ----------
    path
        File to write; one that exists is refused.
    a, b, others
        RUN or SERIES folders.
    measures, test, homology_dimensions, points, replicates, normalize, level, margin, margin_unit
        As in `compare`. What is left open is taken as `compare` would take it now: from the
        analyses that the RUNs have in common, else from the defaults.
    n_resamples, calibrate, equalize, analysis, step, seed
        As in `compare`.
    note
        The question, and what is expected.

    Returns
    -------
    The plan. Follow it with `compare(..., plan=path)` and the same arguments: the comparison says
    whether that was done, and what was done otherwise.

    Raises
    ------
    UsageError
        For a file that exists, activations that lie in no RUN, and what `compare` refuses.
    """
    call = "preregister_comparison()"
    diagram, paired = split(measures)
    rules = rules_of(
        test, level, margin, margin_unit, n_resamples, parameters.seed(seed, call=call)
    )
    asked = {
        "homology_dimensions": homology_dimensions and tuple(homology_dimensions),
        "points": points,
        "replicates": replicates,
        "normalize": normalize,
    }
    options = {name: value for name, value in asked.items() if value is not None}
    given: list[Item] = [a, b, *others]
    names = each_named([analysis] if isinstance(analysis, str) else list(analysis or ()), given)
    items = [opened(item, name, step) for item, name in zip(given, names, strict=True)]
    runs = [_run_of(one, call) for one in items]
    unit = None if measures is None else unit_of_measures(diagram)
    design = _intended(items, options, unit)
    if measures is None:
        diagram, paired = split((BETTI_NUMBERS,) if of_volumes(design) else DEFAULTS)
    refuse_margins(rules, [*diagram, *paired])
    degrees = design.homology_dimensions if diagram else ()
    drawn = _draws(items[0], design)
    # A plan is made before results exist: what its draws cannot show has to be said here.
    own = drawn_hash(drawn)
    for same in sorted({equalize or drawn_hash(_draws(one, design)) == own for one in items[1:]}):
        if too_few(len(drawn), paired=same, rules=rules):
            warn_too_few(len(drawn), paired=same, rules=rules)
    if not diagram:
        design = Design(points=len(drawn[0]), replicates=len(drawn))
    draws = None if equalize else drawn_hash(drawn)
    chosen = Asked([*diagram, *paired], degrees, design, rules, calibrate, equalize, draws)
    plan = Preregistration(
        kind=KIND,
        parameters=chosen.values(),
        families=tuple(_families(items, chosen)),
        networks={str(run.path): capture_hash(run) for run in runs},
        earlier=tuple(name for run in runs for name in finished_analyses(run.objects)),
        command=_command(given, chosen, options, step, names, path),
        version=version("toposcope"),
        note=note,
    )
    plan.write(path)
    return plan


@dataclass(frozen=True)
class Begun:
    """A comparison that was begun under a plan."""

    plan: Preregistration
    when: str
    before: int

    def followed(self, asked: Asked, networks: Sequence[Network], families: Rows) -> Followed:
        """How the comparison stands to its plan, once it is made."""
        hashes = {
            net.name: ""
            if net.activations.run is None
            else capture_hash(Run.open(net.activations.run))
            for net in networks
        }
        changed = self.plan.deviations(asked.values(), hashes)
        planned = {one.about: one.tests for one in self.plan.families}
        changed += [
            Deviation(f"tests: {one['name']}", planned.get(one["name"], 0), one["tests"])
            for one in families
            if one["tests"] > planned.get(one["name"], 0)
        ]
        return Followed(self.plan, self.when, self.before, tuple(changed))


def begin(path: Path | str, folder: Path) -> Begun:
    """Read a plan and keep a copy in the folder of the comparison.

    What was compared in that folder before counts as done before the plan.
    """
    plan = Preregistration.read(path)
    refuse_other_kind(plan, KIND, where=str(path))
    before = len(Ledger(objects_in(folder)).tried())
    return Begun(plan, *take_up(folder, plan, before=before, name=COPY))


def drawn_hash(draws: Sequence[NDArray[np.str_]]) -> str:
    """Hash of the ids of the samples of each draw."""
    lines = "\n".join("\t".join(ids.tolist()) for ids in draws)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _draws(one: Opened, design: Design) -> list[NDArray[np.str_]]:
    """Ids of the samples of each draw, as `compare` will draw them."""
    drawn = draws_of(one.activations, design).draws
    return [
        one.activations.sample_ids[
            np.concatenate([draw.rows for draw in drawn if draw.replicate == replicate])
        ]
        for replicate in sorted({draw.replicate for draw in drawn})
    ]


def _intended(items: Sequence[Opened], options: Mapping[str, Any], unit: str | None) -> Design:
    """The design that `compare` would take for these items now."""
    candidates = [one.known for one in items]
    wanted = unit or None
    base = pick(candidates, options, unit=wanted).design or pick(candidates, {}, unit=wanted).design
    return intended(items[0].activations, base, options)


def _run_of(one: Opened, call: str) -> Run:
    if one.activations.run is None:
        msg = (
            f"{call}: {one.activations!r} lies in memory, so no hash can hold the plan to it. Save "
            "it first: ts.store.save_arrays(activations, folder), and pass the folder."
        )
        raise UsageError(msg)
    return Run.open(one.activations.run)


def _families(items: Sequence[Opened], asked: Asked) -> Iterator[Family]:
    """What will be tested, with how many tests at most."""
    parts = 1
    labels = items[0].activations.labels
    if asked.design.per_class and labels is not None:
        parts += len(np.unique(labels[labels >= 0]))
    layers = [len(one.activations.layers) for one, _ in combinations(items, 2)]
    whole = sum(n + (n > 1) for n in layers) * parts
    keys = list(measured(asked.measures, asked.degrees))
    differ = tuple(f"{name} H{k}" for name, k in keys if k is not None)
    related = tuple(name for name, k in keys if k is None)
    rules = asked.rules
    step_down, holm = "step-down maximum", "Holm"
    if rules.test and differ:
        yield Family(DIFFER, differ, whole * len(differ), step_down, rules.level)
    if rules.test and related:
        yield Family(RELATED, related, sum(layers) * parts * len(related), step_down, rules.level)
    if rules.margin is not None:
        named = rules.margin if isinstance(rules.margin, Mapping) else dict.fromkeys(asked.measures)
        judged = tuple(name if k is None else f"{name} H{k}" for name, k in keys if name in named)
        yield Family(EQUIVALENT, judged, sum(layers) * parts * len(judged), holm, rules.level)


def _command(
    given: Sequence[Item],
    asked: Asked,
    options: Mapping[str, Any],
    step: float | None,
    names: Sequence[str | None],
    path: Path | str,
) -> str:
    """The command line that follows the plan."""
    rules = asked.rules
    words = ["toposcope", "compare", *map(str, given), "--measures", ",".join(asked.measures)]
    words += [] if rules.test else ["--test", "none"]
    for name in names if any(names) else ():
        words += ["--analysis", str(name)]
    words += [] if step is None else ["--step", f"{step:g}"]
    for name, value in options.items():
        flag = "--homology" if name == "homology_dimensions" else f"--{name}"
        words += [flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    words += ["--level", f"{rules.level:g}", "--seed", str(rules.seed)]
    if rules.margin is not None:
        named = rules.margin.items() if isinstance(rules.margin, Mapping) else ()
        text = ",".join(f"{name}={value:g}" for name, value in named) or f"{rules.margin:g}"
        words += ["--margin", text, "--margin-unit", rules.margin_unit]
    words += ["--calibrate", str(asked.calibrate)] if asked.calibrate else []
    words += ["--equalize"] if asked.equalize else []
    return shlex.join([*words, "--plan", str(path)])
