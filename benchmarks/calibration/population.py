"""Networks as units: groups of them, their variances and correlations, from values to sentences.

Whole paths run `ts.compare(population, by=)` and the changes over depth of `look_at_population` on
analyses whose tables are planted: a number of every layer and draw, made of its configuration, its
network and its draw (shared by all networks), neighboring layers correlated by 0.5. Statistics are
called by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

import toposcope as ts
from benchmarks.calibration.claims import add
from toposcope.findings.population import changes_over_depth
from toposcope.findings.trends import trends
from toposcope.stats import (
    cluster_regression,
    disattenuated_correlation,
    mixed_model,
    partial_correlation,
    two_stage,
    variance_components,
)
from toposcope.words.population import group_sentences

LAYERS, DRAWS = 3, 4
LAYER = tuple(f"l{k}" for k in range(LAYERS))

Array = np.ndarray[Any, Any]


@cache
def template(draws: int = DRAWS) -> ts.Analysis:
    """A small analysis whose table is filled anew for every network."""
    X = np.random.default_rng(0).normal(size=(10 * draws, 3))
    acts = ts.from_arrays({f"l{k}": X for k in range(LAYERS)})
    made = ts.analyze(acts, points=10, replicates=draws, jobs=0)
    table = made.table
    kept = table[(table["statistic"] == "lifespan_sum") & (table["homology_dimension"] == 0)]
    kept = kept[kept["cloud"] == "data"].sort_values(["depth", "replicate"])
    return replace(made, table=kept.reset_index(drop=True))


def correlated(rng: np.random.Generator, *shape: int) -> Array:
    """Normal numbers whose last axis is depth: neighbors correlate by 0.5."""
    out = rng.normal(size=shape)
    for k in range(1, shape[-1]):
        out[..., k] = 0.5 * out[..., k - 1] + np.sqrt(0.75) * out[..., k]
    return out


def planted(
    rng: np.random.Generator,
    place: Array,
    group: Array,
    *,
    shift: Array | float = 0.0,
    sds: tuple[float, float, float] = (1.0, 0.5, 0.5),
    told: bool = True,
    n_draws: int = DRAWS,
    same_samples: bool = True,
) -> ts.Population:
    """Networks in configurations and groups; the second group is shifted by layer.

    With `same_samples=False` draw r has other samples in every network, which no population has:
    it tells what of a rate is owed to draws that are shared.
    """
    k, g = len(place), int(place.max()) + 1
    values = 20 + sds[0] * correlated(rng, g, LAYERS)[place] + sds[1] * correlated(rng, k, LAYERS)
    values = values + np.where(group[:, None] == 1, shift, 0.0)
    draws = sds[2] * correlated(rng, k, n_draws, LAYERS)
    draws = draws + correlated(rng, *([] if same_samples else [k]), n_draws, LAYERS)
    numbers = values[:, None] + draws
    base, analyses = template(n_draws), {}
    for j in range(k):
        one = replace(base, table=base.table.assign(value=numbers[j].T.ravel()))
        # Where the values stand is the same in all of them, and found once.
        one.__dict__.update(rows=base.rows, units=numbers[j].T.ravel())
        analyses[f"net{j}"] = one
    columns = {"group": [f"g{x}" for x in group]} | ({"configuration": place} if told else {})
    return ts.population(analyses, columns)


DESIGNS = {
    "two": (np.repeat([0, 1], 5), np.repeat([0, 1], 5), "one configuration a group, 5 seeds each"),
    "nested": (
        np.repeat(np.arange(8), 3),
        np.repeat([0, 1], 12),
        "4 + 4 configurations of 3 seeds",
    ),
    "crossed": (
        np.repeat(np.arange(6), 4),
        np.tile([0, 0, 1, 1], 6),
        "6 configurations, 2 seeds of each group in each",
    ),
}


def sds_of(design: str) -> tuple[float, float, float]:
    """Of one configuration a group, that of configurations is a difference of the groups."""
    return (0.0 if design == "two" else 1.0, 0.5, 0.5)


def differs(found: ts.GroupComparison) -> bool:
    """Whether any sentence claims a difference."""
    return any(" differs between " in one for one in group_sentences(found))


def groups_null(rng: np.random.Generator, *, design: str) -> bool:
    place, group, _ = DESIGNS[design]
    world = planted(rng, place, group, sds=sds_of(design))
    return differs(ts.compare(world, by="group", n_resamples=999))


def groups_untold(rng: np.random.Generator) -> bool:
    """The same networks, without a word on which configuration each belongs to."""
    place, group, _ = DESIGNS["nested"]
    return differs(ts.compare(planted(rng, place, group, told=False), by="group", n_resamples=999))


def draws_as_units(rng: np.random.Generator, *, design: str) -> bool:
    """What was done before: the draws of all networks as units, Holm over layers."""
    place, group, _ = DESIGNS[design]
    population = planted(rng, place, group, sds=sds_of(design))
    rows = np.repeat(group, DRAWS)
    p = [
        two_stage(population.values(layer, "lifespan_sum", 0).ravel(), rows, n_resamples=999).pvalue
        for layer in population.layers
    ]
    return bool(ts.stats.holm(p).min() <= 0.05)


def groups_differ(rng: np.random.Generator, *, design: str) -> bool:
    """The last layer of the second group is shifted by 4 sd of a unit."""
    place, group, _ = DESIGNS[design]
    sds = sds_of(design)
    network = np.sqrt(sds[1] ** 2 + sds[2] ** 2 / DRAWS)
    unit = np.sqrt(sds[0] ** 2 + network**2 / 3) if design == "nested" else network
    world = planted(rng, place, group, shift=np.array([0, 0, 4 * unit]), sds=sds)
    found = ts.compare(world, by="group", n_resamples=999)
    return any("l2" in one and " differs between " in one for one in group_sentences(found))


def detectable(rng: np.random.Generator, *, design: str) -> bool:
    """The gap that a comparison calls detectable, planted in other networks of the same kind."""
    place, group, _ = DESIGNS[design]
    sds = sds_of(design)
    table = ts.compare(planted(rng, place, group, sds=sds), by="group", n_resamples=999).layers
    known = table[(table["status"] == "ok") & (table["layer"] == "l1")]
    ratio = float(known["detectable"].iloc[0] / known["spread"].iloc[0])
    network = np.sqrt(sds[1] ** 2 + sds[2] ** 2 / DRAWS)
    unit = np.sqrt(sds[0] ** 2 + network**2 / 3) if design == "nested" else network
    world = planted(rng, place, group, shift=np.array([0, ratio * unit, 0]), sds=sds)
    after = ts.compare(world, by="group", n_resamples=999).layers
    return bool((after[after["layer"] == "l1"]["adjusted_p"] <= 0.05).any())


def intervals_hold(rng: np.random.Generator, *, design: str) -> bool:
    """All intervals of a comparison together, of shifts by 0, 1 and 2."""
    place, group, _ = DESIGNS[design]
    sds = sds_of(design)
    world = planted(rng, place, group, shift=np.arange(LAYERS), sds=sds)
    table = ts.compare(world, by="group", n_resamples=99).layers
    table = table[table["status"] == "ok"]
    true = np.arange(LAYERS)
    return bool(((table["low"] <= true) & (true <= table["high"])).all())


def change_is_sure(
    rng: np.random.Generator, *, g: int, s: int, n_draws: int = DRAWS, steps: float = 0.0
) -> bool:
    """Whether any change is sure; the last layer is `steps` off, in sd of the mean change."""
    place = np.repeat(np.arange(g), s)
    sds = (0.0 if g == 1 else 1.0, 0.5, 0.5)
    error = sum(sd**2 / n for sd, n in zip(sds, (g, g * s, g * s * n_draws), strict=True))
    shift = np.array([0.0, 0.0, steps * np.sqrt(2 * 0.75 * (error + 1 / n_draws))])
    world = planted(rng, place, np.ones(g * s, dtype=int), shift=shift, sds=sds, n_draws=n_draws)
    return any(one.sure for one in changes_over_depth(world))


def networks_alone_sure(rng: np.random.Generator, *, same_samples: bool) -> bool:
    """What was done before: the means of networks over their draws, with their spread alone."""
    place = np.zeros(6, dtype=int)
    world = planted(rng, place, place, sds=(0.0, 0.5, 0.5), same_samples=same_samples)
    logs = [np.log(world.values(one, *k)).mean(axis=1) for k in world.headline for one in LAYER]
    logs = [one for one in logs if np.isfinite(one).all()]
    pairs = [(0, 1), (1, 2), (0, 2)]
    family = len(world.headline) * len(pairs)
    each = [ts.stats.mean_interval(logs[b] - logs[a], comparisons=family) for a, b in pairs]
    return any(not one.low <= 0 <= one.high for one in each)


def trainings(
    rng: np.random.Generator, count: int, *, n_draws: int, rise: float, steps: int = 4
) -> list[ts.Analysis]:
    """Analyses of the checkpoints of some trainings of one model, all on the same draws."""
    base, out = template(n_draws), []
    shared = 0.3 * rng.normal(size=(steps, LAYERS, n_draws))
    for k in range(count):
        for step in range(steps):
            values = 20 + rise * step + 0.15 * rng.normal(size=(LAYERS, 1)) + shared[step]
            values = values + 0.15 * rng.normal(size=values.shape)
            attrs = {**base.attrs, "step": step, "model": "py:net", "training": f"seed {k}"}
            table = base.table.assign(value=values.ravel())
            one = replace(base, table=table, attrs=attrs, name=f"{k} at {step}")
            one.__dict__.update(rows=base.rows, units=values.ravel())
            out.append(one)
    return out


def trend_stands(rng: np.random.Generator, *, count: int, n_draws: int, rise: float = 0.0) -> bool:
    found = trends(trainings(rng, count, n_draws=n_draws, rise=rise))
    return any(one.direction != "undecided" for one in found)


def rows_of(
    rng: np.random.Generator, g: int, s: int, draws: int, sds: tuple[float, float, float]
) -> tuple[Array, Array, Array]:
    place, network = np.repeat(np.arange(g), s * draws), np.repeat(np.arange(g * s), draws)
    y = sds[0] * rng.normal(size=g)[place] + sds[1] * rng.normal(size=g * s)[network]
    return y + sds[2] * rng.normal(size=len(y)), network, place


def component(
    rng: np.random.Generator, *, which: str, g: int, s: int, draws: int, sds: tuple[float, ...]
) -> bool:
    a, b, c = (sd**2 for sd in sds)
    truth = {
        "configuration": a,
        "network": b,
        "rest": c,
        "likeness": a / (a + b),
        "share_network": b / (a + b + c),
        "reliability": (a + b) / (a + b + c / draws),
    }[which]
    found = variance_components(*rows_of(rng, g, s, draws, sds), seed=rng)  # type: ignore[arg-type]
    interval = getattr(found, which)
    return bool(interval.low <= truth <= interval.high)


def pairs_of(rng: np.random.Generator, n: int, rho: float) -> Array:
    return rng.normal(size=(n, 2)) @ np.linalg.cholesky([[1, rho], [rho, 1]]).T


def partial_holds(rng: np.random.Generator, *, n: int, given: int, rho: float) -> bool:
    z, own = rng.normal(size=(n, given)), pairs_of(rng, n, rho)
    found = partial_correlation(own[:, 0] + z.sum(axis=1), own[:, 1] - z.sum(axis=1), z)
    return bool(found.low <= rho <= found.high)


def ranks_hold(rng: np.random.Generator, *, n: int, rho: float) -> bool:
    own = pairs_of(rng, n, rho)
    found = partial_correlation(own[:, 0], np.exp(own[:, 1]), method="spearman")
    return bool(found.low <= 6 / np.pi * np.arcsin(rho / 2) <= found.high)


def nested_holds(
    rng: np.random.Generator, *, g: int, s: int, rho: float, told: bool = True
) -> bool:
    place = np.repeat(np.arange(g), s)
    own = pairs_of(rng, g, rho)[place] + 0.5 * pairs_of(rng, g * s, rho)
    found = partial_correlation(*own.T, configurations=place if told else None)
    return bool(found.low <= rho <= found.high)


def slope_holds(rng: np.random.Generator, *, g: int, s: int, kind: str) -> bool:
    place = np.repeat(np.arange(g), s)
    x = rng.normal(size=g)[place] if kind == "number" else (place >= g // 3).astype(float)
    x = rng.normal(size=g * s) if kind == "network" else x
    y = 2 * x + rng.normal(size=g)[place] + 0.5 * rng.normal(size=g * s)
    found = cluster_regression(y, x, place)["x1"]
    return bool(found.low <= 2 <= found.high)


def attenuated_holds(
    rng: np.random.Generator, *, n: int, rho: float, noise: float, undone: bool = True
) -> bool | None:
    own = pairs_of(rng, n, rho)
    x = own[:, :1] + noise * rng.normal(size=(n, 4))
    if not undone:
        plain = partial_correlation(x.mean(axis=1), own[:, 1])
        return bool(plain.low <= rho <= plain.high)
    found, _, _ = disattenuated_correlation(x, own[:, 1], seed=rng)
    return None if np.isnan(found.value) else bool(found.low <= rho <= found.high)


def mixed_holds(rng: np.random.Generator, *, g: int, s: int) -> bool:
    y, network, place = rows_of(rng, g, s, 4, (1.0, 0.5, 0.5))
    x = (place >= g // 2).astype(float)
    found = mixed_model(y, x, network, place)["x1"]
    return bool(found.low <= 0 <= found.high)


for _name, (_, _, _world) in DESIGNS.items():
    add(
        f"population.groups_null_{_name}",
        partial(groups_null, design=_name),
        "any layer, or all together, differ between groups of networks",
        world=f"no group differs, {_world}",
        simulations={"crossed": 200}.get(_name, 400),
        at_most=0.05,
    )
add(
    "population.groups_untold",
    groups_untold,
    "the same, networks as units though they are nested (no configuration told)",
    world="no group differs, 4 + 4 configurations of 3 seeds",
    simulations=200,
)
for _name in ("two", "nested"):
    add(
        f"population.draws_as_units_{_name}",
        partial(draws_as_units, design=_name),
        "the same, draws as units (what ts.compare does not do)",
        world=f"no group differs, {DESIGNS[_name][2]}, 4 draws",
        simulations=100,
    )
for _name, (_, _, _world) in DESIGNS.items():
    add(
        f"population.groups_differ_{_name}",
        partial(groups_differ, design=_name),
        "the layer that differs is named",
        world=f"one of 3 layers is 4 sd of a unit apart, {_world}",
        simulations=100,
        at_least=0.8,
    )
for _name in ("two", "nested"):
    add(
        f"population.detectable_{_name}",
        partial(detectable, design=_name),
        "a difference called detectable is found (8 times in 10)",
        world=f"planted in one of 3 layers, {DESIGNS[_name][2]}",
        simulations=200,
        at_least=0.75,
        at_most=0.88,
    )
for _name, (_, _, _world) in DESIGNS.items():
    add(
        f"population.intervals_{_name}",
        partial(intervals_hold, design=_name),
        "95 % intervals of all differences of a comparison hold together",
        world=f"layers 0, 1 and 2 apart, {_world}",
        simulations=200,
        at_least=0.95,
    )
for _g, _s in ((1, 6), (8, 2), (8, 3)):
    for _draws in (3, 4, 8):
        add(
            f"population.change_null_{_g}_{_s}_{_draws}",
            partial(change_is_sure, g=_g, s=_s, n_draws=_draws),
            "a change over depth is sure over networks",
            world=f"no layer differs on average, {_g} configuration{'s' * (_g > 1)} of {_s} "
            f"networks, {_draws} draws",
            simulations=200,
            at_most=0.05,
        )
for _same in (True, False):
    add(
        f"population.networks_alone_{'same' if _same else 'other'}",
        partial(networks_alone_sure, same_samples=_same),
        "the same by the spread over networks alone (what is not done)",
        world="no layer differs on average, 1 configuration of 6 networks, 4 draws"
        + ("" if _same else " of other samples in each"),
    )
for _g, _s, _draws in ((1, 6, 8), (8, 2, 8), (8, 2, 4)):
    add(
        f"population.change_{_g}_{_s}_{_draws}",
        partial(change_is_sure, g=_g, s=_s, n_draws=_draws, steps=10.0),
        "a change over depth is sure over networks",
        world=f"the last layer is 10 standard errors off, {_g} configuration{'s' * (_g > 1)} of "
        f"{_s} networks, {_draws} draws",
        simulations=100,
        at_least=0.8,
    )
for _draws in (3, 8):
    add(
        f"population.trend_null_{_draws}",
        partial(trend_stands, count=7, n_draws=_draws),
        "a trend over trainings stands in any layer",
        world=f"no step differs on average, 7 trainings of 4 steps, {_draws} draws",
        simulations=200,
        at_most=0.05,
    )
add(
    "population.trend_8",
    partial(trend_stands, count=7, n_draws=8, rise=0.5),
    "a trend over trainings stands in any layer",
    world="every step is 0.5 higher, a draw's sd 0.3, 7 trainings of 4 steps, 8 draws",
    simulations=100,
    at_least=0.8,
)
for _which, _sds in (
    ("configuration", (1.0, 1.0, 1.0)),
    ("network", (1.0, 1.0, 1.0)),
    ("rest", (1.0, 1.0, 1.0)),
    ("likeness", (1.0, 1.0, 1.0)),
    ("share_network", (1.0, 1.0, 1.0)),
    ("reliability", (1.0, 1.0, 1.0)),
    ("configuration", (0.0, 1.0, 1.0)),
    ("likeness", (2.0, 0.3, 1.0)),
    ("network", (2.0, 0.3, 1.0)),
):
    add(
        f"population.{_which}_{'_'.join(f'{x:g}' for x in _sds)}",
        partial(component, which=_which, g=6, s=4, draws=5, sds=_sds),
        f"95 % interval of the variance component or share `{_which}`",
        world="6 configurations of 4 networks of 5 draws, sd " + ", ".join(f"{x:g}" for x in _sds),
        at_least=0.93,
    )
for _g in (4, 12):
    add(
        f"population.configuration_of_{_g}",
        partial(component, which="configuration", g=_g, s=3, draws=4, sds=(1.0, 0.5, 1.0)),
        "95 % interval of the variance component or share `configuration`",
        world=f"{_g} configurations of 3 networks of 4 draws, sd 1, 0.5, 1",
        at_least=0.93,
    )
for _n, _given, _rho in ((12, 2, 0.0), (12, 2, 0.6), (40, 3, 0.6), (100, 1, 0.9)):
    add(
        f"population.partial_{_n}_{_rho:g}",
        partial(partial_holds, n=_n, given=_given, rho=_rho),
        "95 % interval of a partial correlation",
        world=f"{_n} networks, {_given} confounds given, true value {_rho:g}",
        simulations=1000,
        at_least=0.93,
        at_most=0.97,
    )
for _n, _rho in ((12, 0.0), (20, 0.6), (60, 0.8)):
    add(
        f"population.ranks_{_n}_{_rho:g}",
        partial(ranks_hold, n=_n, rho=_rho),
        "95 % interval of Spearman's correlation",
        world=f"{_n} networks, normal scores correlated by {_rho:g}",
        simulations=1000,
        at_least=0.93,
        at_most=0.97,
    )
for _g, _rho in ((5, 0.0), (8, 0.0), (8, 0.6), (16, 0.6)):
    add(
        f"population.nested_{_g}_{_rho:g}",
        partial(nested_holds, g=_g, s=4, rho=_rho),
        "95 % interval of a correlation over configurations",
        world=f"{_g} configurations of 4 seeds, true value {_rho:g}",
        simulations=1000,
        at_least=0.93,
        at_most=0.97,
    )
add(
    "population.nested_untold",
    partial(nested_holds, g=8, s=4, rho=0.0, told=False),
    "the same, networks as units though they are nested",
    world="8 configurations of 4 seeds, true value 0",
    simulations=1000,
)
for _g, _kind in ((6, "number"), (10, "number"), (10, "group"), (8, "network")):
    add(
        f"population.slope_{_g}_{_kind}",
        partial(slope_holds, g=_g, s=4, kind=_kind),
        "95 % interval of a cluster-robust slope",
        world=f"{_g} configurations of 4 seeds, the column a {_kind}"
        + (" of the configuration" if _kind == "number" else ""),
        simulations=1000,
        at_least=0.93,
    )
for _n, _rho, _noise in ((12, 0.5, 1.0), (30, 0.5, 2.0), (60, 0.8, 2.0), (30, 0.0, 1.0)):
    add(
        f"population.attenuation_{_n}_{_rho:g}_{_noise:g}",
        partial(attenuated_holds, n=_n, rho=_rho, noise=_noise),
        "95 % interval of a correlation freed of the noise of 4 draws, where it is defined",
        world=f"{_n} networks, true value {_rho:g}, a draw's sd {_noise:g} times theirs",
        simulations=1000,
        at_least=0.93,
    )
add(
    "population.attenuation_left",
    partial(attenuated_holds, n=60, rho=0.8, noise=2.0, undone=False),
    "the same, the noise left in",
    world="60 networks, true value 0.8, a draw's sd 2 times theirs",
    simulations=1000,
)
for _g in (6, 12):
    add(
        f"population.mixed_{_g}",
        partial(mixed_holds, g=_g, s=3),
        "95 % interval of a group's effect in a mixed model",
        world=f"{_g} configurations of 3 networks of 4 draws, in two groups",
        simulations=100,
        at_least=0.93,
    )
