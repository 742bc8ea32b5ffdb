"""Worlds in which a sentence is true, and worlds in which it would be false.

Every entry names a function of `toposcope.words`, some words of a sentence of it, a call where they
have to stand and one where they must not. `test_sentences.py` holds that no function and
no template is left out.
"""

from dataclasses import dataclass
from functools import cache

from .analysis_worlds import analysis_worlds, inference_worlds
from .change_worlds import change_worlds, null_worlds, trend_worlds
from .comparison_worlds import calibration_worlds, comparison_worlds
from .page_worlds import (
    group_worlds,
    headline_worlds,
    population_worlds,
    rest_worlds,
    unit_worlds,
)
from .plan_worlds import dimension_worlds, plan_worlds
from .verdict_worlds import catalog_worlds, own_worlds, study_worlds, validity_worlds


@dataclass(frozen=True)
class World:
    """Some words of a function, where they are true and where they would be false."""

    function: str
    says: str
    true: str
    false: str


def as_text(told):
    """Whatever a function of words returns, as one text."""
    if isinstance(told, str):
        return told
    if told is None:
        return ""
    if isinstance(told, dict):
        return " ".join(map(as_text, told.values()))
    if isinstance(told, (list, tuple)):
        return " ".join(map(as_text, told))
    return as_text(list(told))


@cache
def all_worlds():
    """Every entry with what is said in either world."""
    found = []
    for part in (
        comparison_worlds,
        calibration_worlds,
        change_worlds,
        trend_worlds,
        null_worlds,
        plan_worlds,
        dimension_worlds,
        inference_worlds,
        analysis_worlds,
        validity_worlds,
        study_worlds,
        catalog_worlds,
        own_worlds,
        headline_worlds,
        group_worlds,
        unit_worlds,
        population_worlds,
        rest_worlds,
    ):
        for function, says, true, false in part():
            found.append(World(function, says, as_text(true()), as_text(false())))
    return tuple(found)
