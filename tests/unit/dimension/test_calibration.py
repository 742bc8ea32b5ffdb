"""Translated PH-dimensions of cubes are right; of other clouds nearer than the raw estimate."""

import numpy as np
import pytest

from toposcope import homology
from toposcope.dimension import ph_dimension_from_distances
from toposcope.dimension.calibration import cube_ruler
from toposcope.errors import UsageError

DIMENSIONS = (1, 2, 3, 5, 8, 12, 17, 24)


@pytest.fixture(scope="module")
def ruler():
    return cube_ruler(400, dimensions=DIMENSIONS)


def estimate(X):
    return ph_dimension_from_distances(homology.distances(X), seed=0)[0]


@pytest.mark.parametrize("d", [2, 5, 12])
def test_cubes_it_has_not_seen_are_translated_to_their_dimension(ruler, d):
    rng = np.random.default_rng(100 + d)
    raw = [estimate(rng.random((400, d))) for _ in range(8)]
    corrected = np.mean([ruler(value) for value in raw])
    assert corrected == pytest.approx(d, rel=0.06)
    assert d < 5 or abs(corrected - d) < abs(np.mean(raw) - d)


def test_the_ruler_increases_and_has_ends(ruler):
    assert (np.diff(ruler.readings) >= 0).all() and (ruler.spread >= 0).all()
    assert ruler(ruler.readings[3]) == pytest.approx(DIMENSIONS[3])
    assert np.isnan(ruler(0.2)) and np.isnan(ruler(500.0))


def test_it_is_measured_once():
    assert cube_ruler(400, dimensions=DIMENSIONS) is cube_ruler(400, dimensions=DIMENSIONS)


@pytest.mark.parametrize("bad", [{"dimensions": (3,)}, {"dimensions": (3, 2)}, {"clouds": 1}])
def test_a_ruler_without_marks_is_refused(bad):
    with pytest.raises(UsageError, match="increasing"):
        cube_ruler(100, **bad)
