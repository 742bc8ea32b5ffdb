"""What stands out in a population, with networks or configurations as units."""

import numpy as np
import pytest

import toposcope as ts
from benchmarks.calibration.population import (
    DRAWS,
    LAYERS,
    change_is_sure,
    networks_alone_sure,
    planted,
    template,
    trend_stands,
)
from toposcope.findings import look, look_at_population, trends_of_trainings
from toposcope.words.population import population_sentences


def some(g, s, *, slope=0.0, seed=0, **how):
    """g configurations of s networks whose numbers change by `slope` a layer."""
    place = np.repeat(np.arange(g), s)
    group = np.ones(g * s, dtype=int)
    return planted(
        np.random.default_rng(seed), place, group, shift=slope * np.arange(LAYERS), **how
    )


def test_a_change_over_depth_has_networks_as_units():
    found = look_at_population(some(1, 6, slope=5.0))
    top = found.changes[0]
    assert (top.n, found.unit) == (6, "network") and top.low > 0
    assert (top.where.layer, top.where.against) == ("l2", "l0")
    said = population_sentences(found)
    assert "6 networks)" in said[0] and "rising: H0 lifespan sum" in said[0]
    assert "about training this configuration again" in said[-1]
    flat = population_sentences(look_at_population(some(1, 6, seed=1, sds=(0.0, 0.5, 0.5))))
    assert flat[0].startswith("No change over depth is sure")


def test_an_interval_of_two_networks_is_not_told_to_its_last_digit():
    """It reached from −100 % to ×2.21e+39."""
    two = population_sentences(look_at_population(some(1, 2, sds=(0.0, 2.0, 0.5))))[0]
    six = population_sentences(look_at_population(some(1, 6, seed=1, sds=(0.0, 0.5, 0.5))))[0]
    open_ended = "interval from below a tenth to above ten times"
    assert open_ended in two and "e+" not in two
    assert open_ended not in six and " % to +" in six


def test_five_configurations_are_units_and_fewer_are_told_one_by_one():
    many = look_at_population(some(6, 2, slope=5.0))
    assert many.unit == "configuration" and {one.n for one in many.changes} == {6}
    assert (
        "Unit: configuration (6 of them, the means of 12 networks)"
        in population_sentences(many)[-1]
    )
    few = look_at_population(some(2, 4, slope=5.0))
    assert few.unit == "network" and {one.where.run for one in few.changes} == {"0", "1"}
    assert {one.n for one in few.changes} == {4}
    assert "told one by one" in population_sentences(few)[-1]
    assert few.changes[0].looked_at == 2 * 6 * 3


def test_draws_are_no_units_however_many():
    """Layers differ in single networks, not on average; draws as units would be sure of it."""
    sure = draws_sure = 0
    for seed in range(12):
        world = some(1, 4, sds=(0.0, 2.0, 0.01), seed=seed)
        sure += any(x.low > 0 or x.high < 0 for x in look_at_population(world).changes)
        draws = world.values("l2", "lifespan_sum", 0) - world.values("l0", "lifespan_sum", 0)
        draws_sure += abs(draws.mean()) / (draws.std(ddof=1) / np.sqrt(draws.size)) > 2.13
    assert sure <= 1 and draws_sure >= 3


def test_draws_that_all_networks_share_are_no_noise_between_them():
    """The spread over networks does not hold them, and is sure of layers that are all alike."""
    generators = [np.random.default_rng([1, seed]) for seed in range(30)]
    alone = sum(networks_alone_sure(rng, same_samples=True) for rng in generators)
    crossed = {
        (g, s, draws): sum(
            change_is_sure(np.random.default_rng([2, seed]), g=g, s=s, n_draws=draws)
            for seed in range(15)
        )
        for g, s, draws in ((1, 6, 3), (1, 6, 8), (8, 2, 4))
    }
    assert alone >= 3 and max(crossed.values()) <= 2
    for draws in (4, 8):
        found = [
            change_is_sure(np.random.default_rng(seed), g=1, s=6, n_draws=draws, steps=15.0)
            for seed in range(5)
        ]
        assert sum(found) >= 4


def test_trends_of_trainings_that_share_their_draws():
    found = [trend_stands(np.random.default_rng(k), count=7, n_draws=3) for k in range(12)]
    assert sum(found) <= 2
    assert trend_stands(np.random.default_rng(0), count=7, n_draws=8, rise=0.5)


def test_the_sentence_says_whether_it_holds_on_other_samples():
    assert (
        "on other samples too (all networks see the same 4 draws"
        in (population_sentences(look_at_population(some(1, 6)))[-1])
    )
    single = population_sentences(look_at_population(some(1, 6, n_draws=1, slope=5.0)))
    assert "on these samples alone" in single[-1] and "1 of them" not in single[-1]


def test_variances_say_where_the_spread_is_and_what_draws_drown():
    clear = look_at_population(some(8, 4, sds=(3.0, 1.0, 0.3)))
    one = clear.components[("lifespan_sum", 0), "l1"]
    assert one.share_configuration.value > 0.6 and one.reliability.low > 0.9
    assert len(clear.variances) == LAYERS and clear.variances["likeness"].notna().all()
    assert not any("noise of their draws" in said for said in population_sentences(clear))
    noise = look_at_population(some(1, 5, sds=(0.0, 0.0, 1.0), told=False))
    assert any("3 of 3 numbers networks are not shown" in x for x in population_sentences(noise))
    assert noise.components[("lifespan_sum", 0), "l1"].configuration is None


def trainings(count, rise, *, seed=0, steps=4):
    """Analyses of the checkpoints of some trainings of one model, rising by step or not."""
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    base = template()
    out = []
    for k in range(count):
        for step in range(steps):
            values = 20 + rise * step + 0.3 * rng.normal(size=(LAYERS, 1))
            values = values + 0.05 * rng.normal(size=(LAYERS, DRAWS))
            attrs = {**base.attrs, "step": step, "model": "py:net", "training": f"seed {k}"}
            table = base.table.assign(value=values.ravel())
            out.append(replace(base, table=table, attrs=attrs, name=f"{k} at {step}"))
    return out


def test_look_takes_several_trainings_as_units_by_itself():
    rising = look(trainings(6, 1.0))
    assert {one.trend.unit for one in rising.trends} == {"network"}
    assert {one.trend.n for one in rising.trends} == {6}
    assert all(one.direction == "rising" for one in rising.trends)
    told = ts.describe(rising)
    assert "of 6 trainings" in told and "3 stand" in told
    flat = look(trainings(6, 0.0))
    assert all(one.direction == "undecided" for one in flat.trends)
    pair = look(trainings(2, 1.0))
    assert {one.trend.unit for one in pair.trends} == {"draw"}


def test_trends_of_a_population_of_series():
    each = trainings(7, 1.0)
    series = [tuple(each[4 * k : 4 * k + 4]) for k in range(7)]
    last = {f"n{k}": one[-1] for k, one in enumerate(series)}
    from dataclasses import replace

    world = replace(ts.population(last), trainings=tuple(series))
    found = look_at_population(world)
    assert {(one.trend.unit, one.trend.n) for one in found.trends} == {("network", 7)}
    assert {one.trend.draws for one in found.trends} == {DRAWS}
    assert any("of 7 trainings" in said for said in population_sentences(found))
    assert any(f"the {DRAWS} draws that all of them" in x for x in population_sentences(found))
    other = [
        tuple(replace(a, attrs={**a.attrs, "seed": k}) for a in one) for k, one in enumerate(series)
    ]
    own = trends_of_trainings(other)
    assert {(one.trend.n, one.trend.draws) for one in own} == {(7, 0)}
    nested = replace(
        ts.population(last, {"configuration": [0, 0, 1, 2, 3, 4, 4]}), trainings=tuple(series)
    )
    found = look_at_population(nested)
    assert {(one.trend.unit, one.trend.n) for one in found.trends} == {("configuration", 5)}
    assert any("5 configurations (means of trainings)" in x for x in population_sentences(found))
    assert not look_at_population(ts.population(last)).trends


def test_describe_takes_populations():
    world = some(1, 5)
    assert ts.describe(world) == ts.describe(look_at_population(world))
    with pytest.raises(ts.errors.UsageError, match=r"ts\.compare"):
        ts.describe(3)
