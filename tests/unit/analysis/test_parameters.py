"""A parameter is declared once; what is checked, told and typed follows from the declaration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.design import Design
from toposcope.analysis.parameters import command_words, from_keywords, parameter, parameters
from toposcope.errors import UsageError


@dataclass(frozen=True)
class Told:
    """Parameters as a command line tells them."""

    neighbors: int = parameter(12)
    share: float = parameter(0.5, flag="--part")
    weighted: bool = parameter(False)
    scaled: bool = parameter(True)
    levels: Sequence[float] = parameter((0.0, 0.5))
    seed: int | None = parameter(None)
    coeff: int = parameter(2, rare=True)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: ts.Geodesic(0), r"Geodesic\(neighbors=0\): needed is a whole number of 1 or more"),
        (lambda: ts.Geodesic("12"), r"neighbors='12'\).*whole number.*Pass neighbors=12 \(--neigh"),
        (lambda: ts.Geodesic(True), r"neighbors=True\).*whole number"),
        (lambda: ts.Geodesic(3.0), r"neighbors=3.0\).*whole number"),
        (lambda: ts.Geodesic(np.array([3, 4])), "whole number"),
        (lambda: ts.Geodesic(weighted=1), r"weighted=1\): needed is True or False"),
        (lambda: ts.Local(0), r"quantile=0\): needed is a number above 0 and at most 1"),
        (lambda: ts.Local(math.nan), r"quantile=nan\): needed is a number"),
        (lambda: ts.Cubical("0.5"), r"thresholds='0.5'\): needed is a sequence"),
        (lambda: ts.Cubical((0, "a")), "each entry a number"),
        (lambda: ts.Cubical(construction="W"), "needed is one of 'V', 'T'.*--construction V"),
        (lambda: Design(points=0), r"analyze\(points=0\): needed is a whole number of 1 or more"),
        (lambda: Design(replicates=2.5), r"replicates=2.5\).*\(--replicates\), or leave it out"),
        (lambda: Design(points_are="pixels"), "'positions', 'channels'.*--points-are"),
        (lambda: Design(per_class="no"), "True or False"),
        (lambda: Design(metric="manhattan"), "metric='manhattan'.*euclidean, cosine, correlation"),
        (lambda: Design(normalize="meen"), "normalize='meen'.*mean_distance"),
        (lambda: Design(coeff=4), "prime"),
        (lambda: Design(homology_dimensions=(0, 0)), "names a degree twice"),
        (lambda: Design(filtration="geodesic"), r"one of ts.Rips\(\), ts.Geodesic\(\)"),
        (lambda: Design(filtration=ts.Geodesic), r"needed is a filtration.*ts.Local\(\)"),
        (lambda: Design(filtration=ts.Local(), metric="cosine"), "Local.*not 'cosine'"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_needed(made, says):
    with pytest.raises(UsageError, match=says):
        made()


def test_numbers_of_numpy_are_numbers():
    made = ts.Geodesic(np.int64(5), weighted=np.True_)
    assert made == ts.Geodesic(5, weighted=True) and type(made.neighbors) is int
    assert ts.Local(np.float64(0.25)) == ts.Local(0.25) and type(ts.Local(1).quantile) is float
    assert ts.Cubical(np.array([0.5, 0.0, 0.5])).thresholds == (0.0, 0.5)
    design = Design(points=np.int32(7), homology_dimensions=np.arange(2), seed=np.uint8(3))
    assert design == Design(points=7, homology_dimensions=(0, 1), seed=3)
    assert Design(null=("gaussian", "shuffled")) == Design(null="gaussian, shuffled")


def test_values_as_words_of_a_command_line():
    told = "--neighbors 12 --part 0.5 --scaled --levels 0,0.5"
    assert command_words(Told()) == told.split()
    changed = Told(3, 1 / 3, True, False, (-1.0,), 7, 5)
    told = "--part 0.3333333333333333 --weighted --no-scaled --levels -1 --seed 7 --coeff 5"
    assert command_words(changed, leave_out=("neighbors",)) == told.split()


def test_a_name_that_is_no_parameter_is_refused_with_its_neighbors():
    with pytest.raises(UsageError, match=r"call\(\): there is no parameter 'pionts'.*points"):
        from_keywords(Design, {"pionts": 3}, call="call()")
    assert from_keywords(Told, {"neighbors": 3}, call="call()") == Told(3)


def test_flags_follow_from_names():
    flags = {name: told.flag for name, told in parameters(Design).items()}
    assert flags["points_are"] == "--points-are" and flags["homology_dimensions"] == "--homology"
