"""Scores do not know the unit of the features, and collapsed features are no accident of scipy."""

from functools import partial

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import ToposcopeError

SCORES = {
    "nleep": ts.transfer.nleep,
    "logme": ts.transfer.logme,
    "h_score": ts.transfer.h_score,
    "h_score, regularized": partial(ts.transfer.h_score, regularized=True),
    "sfda": ts.transfer.sfda,
    "gbc": ts.transfer.gbc,
}


def features(seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], 40)
    return rng.normal(size=(120, 8)) + 2 * np.eye(3, 8)[y], y


@pytest.mark.parametrize("unit", [1e-150, 1e-3, 1e6, 1e150])
@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_the_same_in_every_unit(name, unit):
    F, y = features()
    score = SCORES[name]
    assert score(F * unit, y) == pytest.approx(score(F, y), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("width", [3, 5])
def test_features_that_are_equal_within_classes_have_a_score_or_a_reason(name, width):
    y = np.repeat([0, 1, 2], 20)
    try:
        found = SCORES[name](np.eye(3, width)[y], y)
    except ToposcopeError as error:
        assert name.partition(",")[0] in str(error)
    else:
        assert not np.isnan(found)
        collapsed = np.isclose(found, 1.0) if name == "sfda" else True
        assert collapsed


def test_numbers_to_predict_have_one_score():
    F, _ = features()
    target = F @ np.arange(8.0) + 0.1
    noise = np.random.default_rng(1).normal(size=120)
    assert ts.transfer.logme(F, target, regression=True) > ts.transfer.logme(
        F, noise, regression=True
    )
    with pytest.raises(ToposcopeError, match="regression=True"):
        ts.transfer.h_score(F, target)
