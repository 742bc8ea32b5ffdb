"""`compare`: gather networks, measure layer against layer, test."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.analysis.design import Design
from toposcope.analysis.run import versions
from toposcope.comparison.asked import (
    DEFAULTS,
    recorded,
    refuse_margins,
    rules_of,
    split,
    too_few,
    unit_of_measures,
    warn_of_limits,
    warn_too_few,
)
from toposcope.comparison.calibration import calibrate_networks
from toposcope.comparison.judgement import NOISE, Rules, measured
from toposcope.comparison.layer_pairs import BETTI_NUMBERS
from toposcope.comparison.measuring import measure_parts
from toposcope.comparison.networks import PAIRED, Network, gather, of_volumes, relation
from toposcope.comparison.opened import NETWORK, Item, design_of
from toposcope.comparison.plan import comparison_hash, depths
from toposcope.comparison.preregister import Asked, begin, drawn_hash
from toposcope.comparison.reservations import identity, reservations
from toposcope.comparison.result import SPEC, Comparison
from toposcope.comparison.tables import (
    Part,
    compare_layers,
    layer_frame,
    matrix_values,
    model_frame,
)
from toposcope.comparison.volume_values import (
    betti_degrees,
)
from toposcope.errors import UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked
from toposcope.inputs.signatures import store as store_or_url
from toposcope.inputs.urls import place_text
from toposcope.store.folders import COMPARISON, refuse_other_kind
from toposcope.store.objects import objects_in, put_json

TARGET = "these networks over data: the unit is a disjoint draw of samples, not a training"


@checked(
    a=NETWORK,
    b=NETWORK,
    others=NETWORK,
    homology_dimensions=parameters.degrees,
    store=store_or_url,
)
def compare(
    a: Item,
    b: Item,
    *others: Item,
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
    jobs: Jobs = None,
    seed: int = 0,
    store: Path | str | None = None,
    plan: Path | str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two or more networks, layer against layer, with tests over disjoint draws.

    Parameters
    ----------
    a, b, others
        RUN or SERIES folders, `ActivationSet` or `Analysis`. RUNs that are not analyzed yet are.
        Of each RUN that analysis is taken which agrees with the others, the newest such set.
    measures
        Between diagrams: "wasserstein", "bottleneck", "sliced_wasserstein", "landscape",
        "betti_curve"; between paired activations: any name in `toposcope.similarity.MEASURES`;
        between volumes of images (`Cubical`): "betti_numbers". None: "wasserstein" and "cka", of
        volumes "betti_numbers".
    test
        "permutation" or "none".
    homology_dimensions, points, replicates, normalize
        Design of the analysis, as in `analyze`; None takes what the analyses have in common, else
        the defaults of `analyze` (degrees 0 and 1).
    level
        Coverage of the intervals; 1 - level is the probability of any false finding in a family of
        tests.
    margin
        Gap below which layers count as equivalent, for all measures or {measure: margin}. None
        tests no equivalence: no margin suits every question. It is recorded in `store` before the
        networks are opened.
    margin_unit
        "noise": in units of what draws of one layer of the first network are apart (similarities:
        of the way from equal layers to unrelated samples). "absolute": a gap as it is.
    n_resamples
        Random arrangements of a test where all of them are too many to enumerate.
    calibrate
        Shuffles of the samples that paired measures are held against (999), for all pairs of layers
        and the search among them: `Comparison.calibration`. 0: none. At least 19.
    equalize
        Analyze anew, on the samples all networks share and with one design, what does not agree.
        Without it other samples, n, scales or filtrations are refused.
    analysis
        Name of the analysis to take: one for all RUNs, or one for each (None picks).
    step
        Checkpoint of each SERIES; None for its last one.
    jobs
        Worker processes, an executor, or None for one process per CPU; 0 for none. The numbers do
        not depend on it.
    seed
        Of the permutations, and of the draws of networks that are analyzed here.
    store
        Folder or URL of this comparison: kept there, a killed one continues. None keeps nothing.
    plan
        A plan written by `preregister_comparison`. The comparison says whether it was followed.
    progress
        See `toposcope.execution.progress`.

    Returns
    -------
    A `Comparison`. Pairs without a value have a status and a reason in its tables.

    Raises
    ------
    UsageError
        For designs that differ, samples that are neither the same nor disjoint, and paired
        measures of unpaired networks, with the count of shared samples.

    Examples
    --------
    A layer and the same layer turned around are equal for every measure:

    >>> import numpy as np
    >>> import toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(120, 4))
    >>> left, right = ts.from_arrays({"block": X}), ts.from_arrays({"block": X[:, ::-1]})
    >>> comparison = compare(left, right, points=20, replicates=6, jobs=0)
    >>> abs(comparison.layers.set_index("measure").loc["cka", "value"] - 1) < 1e-9
    np.True_
    """
    diagram, paired = split(measures)
    seed = parameters.seed(seed, call="compare()")
    calibrate = parameters.whole(calibrate, "calibrate", call="compare()", low=0)
    rules = rules_of(test, level, margin, margin_unit, n_resamples, seed)
    refuse_margins(rules, [*diagram, *paired] or [*DEFAULTS, BETTI_NUMBERS])
    if diagram and replicates is not None and too_few(replicates, paired=False, rules=rules):
        warn_too_few(replicates, paired=False, rules=rules)  # before anything is analyzed
    asked = {
        "homology_dimensions": homology_dimensions,
        "points": points,
        "replicates": replicates,
        "normalize": normalize,
    }
    options: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    if "homology_dimensions" in options:
        options["homology_dimensions"] = tuple(options["homology_dimensions"])
    with _folder(store) as folder:
        margins = (
            None if store is None else recorded(folder, [*diagram, *paired] or ["default"], rules)
        )
        begun = None if plan is None else begin(plan, folder)
        networks = gather(
            [a, b, *others],
            options,
            unit=None if measures is None else unit_of_measures(diagram),
            analyses=[analysis] if isinstance(analysis, str) else list(analysis or ()),
            step=step,
            equalize=equalize,
            store=folder,
            jobs=jobs,
            progress=progress,
        )
        if measures is None:
            made = networks[0].analysis
            images = made is not None and of_volumes(design_of(made))
            diagram, paired = split((BETTI_NUMBERS,) if images else DEFAULTS)
        _refuse_unpaired(networks, paired)
        refuse_margins(rules, [*diagram, *paired])
        if diagram:
            warn_of_limits(networks, rules)
        degrees = _degrees(networks, homology_dimensions, volumes=diagram == [BETTI_NUMBERS])
        parts, failures = measure_parts(
            networks,
            folder,
            diagram,
            paired,
            degrees,
            jobs=jobs,
            progress=progress,
        )
        calibration = (
            calibrate_networks(networks, paired, shuffles=calibrate, seed=seed) if calibrate else []
        )
        attrs = {
            **_design(networks[0]),
            "measures": [*diagram, *paired],
            "homology_dimensions": list(degrees),
            "test": test,
            **{k: v for k, v in asdict(rules).items() if k != "test"},
            "target": TARGET,
            "unit": "draw",
            **({"calibrate": calibrate, "calibration": calibration} if calibrate else {}),
            "plan": margins,
            "equalized": equalize,
            "code": comparison_hash(),
            "versions": versions(),
            "commands": _commands(
                networks,
                [*diagram, *paired],
                test,
                options | ({"calibrate": calibrate} if calibrate else {}),
                rules,
                store,
            ),
        }
        compared = _compared(networks, parts, rules, attrs)
        if begun is not None:
            done = _asked(networks, [*diagram, *paired], degrees, rules, calibrate, equalize)
            followed = begun.followed(done, networks, compared.attrs["families"])
            compared = replace(
                compared, attrs={**compared.attrs, "preregistered": followed.as_dict()}
            )
        comparison = replace(
            compared,
            failures=failures,
            folder=None if store is None else folder,
        )
        if store is not None:
            put_json(folder / SPEC, comparison.attrs)
            comparison.save(folder)
        return comparison


@contextmanager
def _folder(store: Path | str | None) -> Iterator[Path]:
    """The folder of a comparison, locked: the one that is kept, or a fleeting one."""
    with ExitStack() as stack:
        if store is None:
            store = stack.enter_context(tempfile.TemporaryDirectory(prefix="toposcope-"))
        folder = Path(store)
        refuse_other_kind(folder, COMPARISON, "compare()")
        stack.enter_context(objects_in(folder).lock())
        yield folder


def _compared(
    networks: Sequence[Network],
    parts: Mapping[str, Part],
    rules: Rules,
    attrs: dict[str, Any],
) -> Comparison:
    """Tables, matrices and places of networks whose layers have been measured."""
    measures, degrees = attrs["measures"], attrs["homology_dimensions"]
    layers, models, families = compare_layers(
        parts, rules, measures=measures, homology_dimensions=degrees
    )
    _, values = parts[""]
    between = {key: matrix_values(networks, values, *key) for key in measured(measures, degrees)}
    return Comparison(
        networks=tuple(network.name for network in networks),
        layers=layer_frame(layers),
        models=model_frame(models),
        matrices={key: matrix for key, (matrix, _) in between.items()},
        gaps={key: gaps for key, (_, gaps) in between.items()},
        places=tuple(
            (net.name, layer, float(depth))
            for net in networks
            for layer, depth in zip(net.layers, depths(net), strict=True)
        ),
        attrs={
            **attrs,
            "classes": [label for label in parts if label],
            "families": families,
            "paired": {
                f"{x.name} / {y.name}": relation(x, y) for x, y in combinations(networks, 2)
            },
            "networks": [identity(network) for network in networks],
            "warnings": reservations(networks, bool(attrs["equalized"])),
        },
    )


def _refuse_unpaired(networks: Sequence[Network], paired: Sequence[str]) -> None:
    analysis = networks[0].analysis
    if paired and analysis is not None and design_of(analysis).points_are != "samples":
        msg = (
            f"compare(): {', '.join(paired)} pair samples, and the clouds of {networks[0].name!r} "
            f"are made of {design_of(analysis).points_are}. Compare them by diagrams alone, "
            "measures=('wasserstein',) (--measures wasserstein), or by similarities alone."
        )
        raise UsageError(msg)
    for first, second in combinations(networks, 2):
        if relation(first, second) != PAIRED and paired:
            shared = np.intersect1d(first.activations.sample_ids, second.activations.sample_ids)
            msg = (
                f"compare(): {', '.join(paired)} pair the activations of one sample in both "
                f"networks; {first.name!r} and {second.name!r} share {len(shared):,} of "
                f"{first.activations.n:,} and {second.activations.n:,} samples, and none that "
                "both draw. Capture both on the same data (copies of it with one ids=, --ids), or "
                "pass measures=('wasserstein',) "
                "(--measures wasserstein)."
            )
            raise UsageError(msg)


def _degrees(
    networks: Sequence[Network], asked: Sequence[int] | None, *, volumes: bool
) -> list[int]:
    """Degrees that are compared: those asked for, else those that all analyses have."""
    if networks[0].analysis is None:
        return []
    if volumes:
        known = betti_degrees(networks)
    else:
        designs = [design_of(net.analysis) for net in networks if net.analysis is not None]
        known = [
            k
            for k in designs[0].homology_dimensions
            if all(k in one.homology_dimensions for one in designs)
        ]
    missing = sorted(set(asked or ()) - set(known))
    if missing:
        msg = (
            f"compare(): homology_dimensions={list(asked or ())} (--homology): not all analyses "
            f"have {', '.join(f'H{k}' for k in missing)}; they share {known}."
        )
        raise UsageError(msg)
    return [int(k) for k in (asked or known)]


def _asked(
    networks: Sequence[Network],
    measures: Sequence[str],
    degrees: Sequence[int],
    rules: Rules,
    calibrate: int,
    equalize: bool,
) -> Asked:
    """What was done, in the terms of a plan."""
    first = networks[0]
    design = (
        Design(points=len(first.draws[0]), replicates=len(first.draws))
        if first.analysis is None
        else design_of(first.analysis)
    )
    draws = None if equalize else drawn_hash([first.ids(r) for r in range(len(first.draws))])
    return Asked(measures, degrees, design, rules, calibrate, equalize, draws)


def _design(network: Network) -> dict[str, Any]:
    """What the report says of the design: of draws alone, or of diagrams."""
    drawn = {"points": len(network.draws[0]), "replicates": len(network.draws), "conventions": {}}
    if network.analysis is None:
        return drawn
    spec = design_of(network.analysis).to_spec()
    beside = ("homology_dimensions", "null", "seed", "overlapping")
    conventions = dict(network.analysis.attrs.get("conventions") or {})
    return {**{k: v for k, v in spec.items() if k not in beside}, "conventions": conventions}


def _commands(
    networks: Sequence[Network],
    measures: Sequence[str],
    test: str,
    options: Mapping[str, Any],
    rules: Rules,
    store: Path | str | None,
) -> list[str]:
    runs = [place_text(net.activations.run) for net in networks if net.activations.run is not None]
    if len(runs) < len(networks):
        return []
    words = ["toposcope", "compare", *runs, "--measures", ",".join(measures), "--test", test]
    for net in networks if networks[0].analysis is not None else ():
        assert net.analysis is not None, "all networks have analyses, or none has"
        words += ["--analysis", str(net.analysis.attrs.get("analysis"))]
    for name, value in options.items():
        flag = "--homology" if name == "homology_dimensions" else f"--{name}"
        text = ",".join(map(str, value)) if name == "homology_dimensions" else str(value)
        words += [flag, text]
    words += ["--level", str(rules.level), "--seed", str(rules.seed)]
    if rules.margin is not None:
        named = rules.margin.items() if isinstance(rules.margin, Mapping) else ()
        text = ",".join(f"{name}={value:g}" for name, value in named) or str(rules.margin)
        words += ["--margin", text, "--margin-unit", rules.margin_unit]
    words += ["-o", place_text(store)] if store is not None else []
    captured = [str(net.attrs["command"]) for net in networks if net.attrs.get("command")]
    return [*dict.fromkeys(captured), shlex.join(words)]
