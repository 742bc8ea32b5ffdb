"""Translated PH-dimensions of cubes are right; of other clouds nearer than the raw estimate."""

import numpy as np
import pytest

from toposcope import homology
from toposcope.dimension import ph_dimension_from_distances
from toposcope.dimension.calibration import cube_calibration
from toposcope.errors import UsageError

DIMENSIONS = (1, 2, 3, 5, 8, 12, 17, 24)


@pytest.fixture(scope="module")
def calibration():
    return cube_calibration(400, dimensions=DIMENSIONS)


def estimate(X):
    return ph_dimension_from_distances(homology.distances(X), seed=0)[0]


@pytest.mark.parametrize("d", [2, 5, 12])
def test_cubes_it_has_not_seen_are_translated_to_their_dimension(calibration, d):
    rng = np.random.default_rng(100 + d)
    raw = [estimate(rng.random((400, d))) for _ in range(8)]
    corrected = np.mean([calibration(value) for value in raw])
    assert corrected == pytest.approx(d, rel=0.06)
    assert d < 5 or abs(corrected - d) < abs(np.mean(raw) - d)


def test_the_ruler_increases_and_has_ends(calibration):
    assert (np.diff(calibration.readings) >= 0).all() and (calibration.spread >= 0).all()
    assert calibration(calibration.readings[3]) == pytest.approx(DIMENSIONS[3])
    assert np.isnan(calibration(0.2)) and np.isnan(calibration(500.0))


def test_it_is_measured_once():
    assert cube_calibration(400, dimensions=DIMENSIONS) is cube_calibration(
        400, dimensions=DIMENSIONS
    )


@pytest.mark.parametrize("bad", [{"dimensions": (3,)}, {"dimensions": (3, 2)}, {"clouds": 1}])
def test_a_ruler_without_marks_is_refused(bad):
    with pytest.raises(UsageError, match=r"cube_calibration\(\): .*needed"):
        cube_calibration(100, **bad)
