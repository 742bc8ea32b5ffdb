"""Claims of users' own: confirmed where they are true, and not where they are not.

Tables are made as a claim reads them from analyses; from the table to the verdict nothing is
simulated. Places of one network are alike by a correlation of 0.5 between neighbors, draws have
noise of their own.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.claims import add
from toposcope.studies import Decided, Unit, judge
from toposcope.studies.own_claim import OwnClaim, Where, claim_of
from toposcope.studies.own_claim_decision import ahead_of, own_evidence

PLACES, DRAWS, NETWORKS = 6, 4, 10

BASE: dict[str, Any] = {
    "id": "U1",
    "sentence": "of a user",
    "statistic": "lifespan_sum",
    "homology_dimension": 0,
    "unit": "network",
}
LAST, SLOPE = {"where": "last_against_first"}, {"where": "slope_over_depth"}
AT = {"where": "layer", "depth": 0.5}
SHUFFLED, PERMUTED = {"null": "depth_shuffled"}, {"null": "covariate_permuted", "by": "accuracy"}


def planted_table(
    rng: np.random.Generator,
    own: OwnClaim,
    effect: float,
    *,
    networks: int = NETWORKS,
    draws: int = DRAWS,
    seeds: int = 1,
) -> pd.DataFrame:
    """A table in which the claim's number is `effect` standard deviations of units, or has it as
    its correlation; `seeds` networks in a row share a configuration and most of their numbers."""
    draw_units = own.unit == Unit.DRAW
    position = (np.arange(1 if own.where == Where.LAYER else PLACES) + 1) / PLACES
    weights = _unit_weights(own.where, position)
    values = _values(rng, draw_units, len(position), networks, draws, seeds)
    kinds = np.arange(networks) // seeds
    spread = _spread(draw_units, own.where, draws, seeds)
    if draw_units:
        networks, kinds = 1, np.zeros(1, dtype=int)
    accuracy = rng.normal(size=networks)
    group = np.where(np.arange(networks) % 2, "tanh", "relu")
    width = rng.normal(size=networks)
    shape = weights / (weights @ weights)
    if own.groups:
        push = np.where(group == own.groups[0], 0.5, -0.5) * effect * spread
    elif own.by is not None:
        both = 2.0 * width if own.given else 0.0  # the confound moves both
        accuracy = accuracy + both
        own_part = accuracy - both
        push = spread * (effect / np.sqrt(1 - effect**2) * own_part + both)
    else:
        push = np.full(networks, effect * spread)
    values = values + push[:, None, None] * shape
    k, d, p = np.indices(values.shape).reshape(3, -1)
    value = values.ravel()
    return pd.DataFrame(
        {
            "network": np.char.add("net", k.astype(str)),
            "configuration": np.char.add("kind", kinds[k].astype(str)),
            "place": p,
            "position": position[p],
            "draw": d,
            "cloud": "data",
            "value": np.exp(0.1 * value) if own.scale == "log" else value,
            "accuracy": accuracy[k],
            "activation": group[k],
            "width": width[k],
        }
    )


def _values(
    rng: np.random.Generator, draw_units: bool, places: int, networks: int, draws: int, seeds: int
) -> np.ndarray[Any, Any]:
    """(networks, draws, places) numbers in which nothing is planted."""
    if draw_units:  # one network: its layers differ by what is planted alone
        return 3.0 + _along(rng, 1, networks, places)
    base = _along(rng, networks, places)
    if seeds > 1:
        base = 0.3 * base + _along(rng, networks // seeds, places)[np.arange(networks) // seeds]
    return np.asarray(base[:, None] + 0.5 * _along(rng, networks, draws, places))


@cache
def _spread(draw_units: bool, where: Where, draws: int, seeds: int) -> float:
    """Standard deviation of the number of a unit where nothing is planted."""
    places = 1 if where == Where.LAYER else PLACES
    weights = _unit_weights(where, (np.arange(places) + 1) / PLACES)
    many = _values(np.random.default_rng(0), draw_units, places, 8000, draws, seeds) @ weights
    numbers = many.ravel() if draw_units else many.mean(axis=1)
    return float(np.std(numbers.reshape(-1, seeds).mean(axis=1)))


def _along(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    """Normal numbers, neighbors on the last axis correlated by 0.5."""
    out = rng.normal(size=shape)
    for k in range(1, shape[-1]):
        out[..., k] = 0.5 * out[..., k - 1] + np.sqrt(0.75) * out[..., k]
    return out


def _unit_weights(where: Where, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if where == Where.LAYER:
        return np.ones(1)
    if where == Where.LAST_AGAINST_FIRST:
        out = np.zeros(len(x))
        out[0], out[-1] = -1.0, 1.0
        return out
    centered = x - x.mean()
    return np.asarray(centered / (centered**2).sum())


def _confirmed(own: OwnClaim, effect: float, how: dict[str, Any], rng: np.random.Generator) -> bool:
    evidence = own_evidence(own, planted_table(rng, own, effect, **how))
    assert evidence is not None
    return judge(own.claim, evidence).decision == Decided.CONFIRMED


def worlds(
    name: str, said: str, terms: dict[str, Any], *, true: float, null: float = 0.0, **how: Any
) -> None:
    """Both worlds of a claim: the effect planted in each, in deviations or as a correlation."""
    own = claim_of({**BASE, **terms})
    count = how.get("networks", NETWORKS) // how.get("seeds", 1)
    size = "correlation" if own.correlates else "deviations of a unit"
    for world, effect in (("true", true), ("null", null)):
        add(
            f"studies_own.{name}.{world}",
            partial(_confirmed, own, effect, how),
            f"own claim confirmed: {said}",
            world=f"{world}: {count} {own.unit.value}s, effect {effect:g} ({size})",
            simulations=120,
            **({"at_least": 0.8} if world == "true" else {"at_most": 0.05}),
        )


def at_power(terms: dict[str, Any], n: int | tuple[int, int], *, beyond: float = 0.0) -> float:
    """A little more than what is said to be found with power 0.8."""
    return beyond + 1.1 * ahead_of(claim_of({**BASE, **terms}), n).detectable


UP, DOWN = {"direction": "above"}, {"direction": "below"}
FALLS = {**LAST, **SHUFFLED, **DOWN, "scale": "log"}
worlds("falls", "the last layer is below the first, depth shuffled", FALLS, true=-1.25)
RISES = {**SLOPE, **SHUFFLED, **UP}
worlds("rises", "a slope over depth, depth shuffled", RISES, true=at_power(RISES, NETWORKS))
DRAW = {**FALLS, "unit": "draw"}
worlds("draws", "the same of 10 draws of one network", DRAW, true=-1.25)
LEVEL = {**AT, **UP, "null": "signs_flipped"}
worlds("level", "a layer's number above 0, signs flipped", LEVEL, true=at_power(LEVEL, NETWORKS))
CORRELATED = {**AT, **UP, **PERMUTED}
worlds("correlated", "rank correlation with accuracy", CORRELATED, true=0.65, networks=24)
BESIDE = {**CORRELATED, "given": ["width"]}
worlds("beside", "the same beside a width that moves both", BESIDE, true=0.7, networks=24)
GROUPS = {**LAST, **UP, **PERMUTED, "by": "activation", "groups": ["relu", "tanh"]}
worlds("groups", "two groups differ", GROUPS, true=at_power(GROUPS, (8, 8)), networks=16)
NESTED = {**LEVEL, "unit": "configuration", "configuration": ["kind"]}
worlds("nested", "a layer above 0, configurations", NESTED, true=1.2, networks=40, seeds=4)


SPREAD = _spread(False, Where.LAYER, DRAWS, 1)
WITHIN = {**AT, "direction": "within", "null": "margin", "margin": 1.0}
MARGIN = at_power(WITHIN, NETWORKS)
INSIDE = {**WITHIN, "margin": MARGIN * SPREAD}
worlds("within", "a layer's number within a margin of 0", INSIDE, true=0.0, null=MARGIN)
