"""Diagrams go to GUDHI, Ripser.py, giotto-tda and persim and come back as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import toposcope as ts
from toposcope.diagrams import interchange
from toposcope.errors import DegenerateCloudError, UsageError

X = np.random.default_rng(0).normal(size=(25, 3))
TURN = np.linspace(0, 2 * np.pi, 16, endpoint=False)
RING = np.column_stack([np.cos(TURN), np.sin(TURN)])


def ours(points=X, degrees=(0, 1)):
    return ts.homology.rips(points, homology_dimensions=degrees)


def same(a, b, tolerance=0.0):
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        one, other = (d[np.lexsort((d[:, 1], d[:, 0]))] for d in (one, other))
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=0, atol=tolerance)


finite = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda p: (p[0] / 4, (p[0] + p[1]) / 4)),
    max_size=5,
).map(lambda pairs: np.array(pairs, float).reshape(-1, 2))


@given(st.lists(finite, max_size=3))
def test_every_form_gives_back_what_it_took(diagrams):
    same(interchange.from_ripser(interchange.to_ripser(diagrams)), diagrams)
    same(interchange.from_persim(interchange.to_persim(diagrams)), diagrams)
    back = interchange.from_gudhi(interchange.to_gudhi(diagrams))
    same([*back, *[np.empty((0, 2))] * (len(diagrams) - len(back))], diagrams)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=4))
def test_giotto_pads_and_the_pads_are_dropped(samples):
    array = interchange.to_giotto(samples)
    assert array.shape[0] == len(samples) and array.shape[2] == 3
    for got, given_ in zip(interchange.from_giotto(array), samples, strict=True):
        same(got, given_)
    same(interchange.from_giotto(array[0])[0], samples[0])


def test_ripser_py_computes_and_reads_the_same():
    ripser = pytest.importorskip("ripser")
    theirs = interchange.from_ripser(ripser.ripser(X))
    same(theirs, ours(), 1e-6)
    assert set(interchange.to_ripser(ours())) == {"dgms"}


def test_persim_takes_what_it_is_given():
    persim = pytest.importorskip("persim")
    a, b = interchange.to_persim(ours()), interchange.to_persim(ours(X * 1.1))
    told = persim.bottleneck(a[1], b[1])
    assert told == pytest.approx(ts.distances.bottleneck(a[1], b[1]), abs=1e-6)


def test_gudhi_computes_and_reads_the_same():
    gudhi = pytest.importorskip("gudhi")
    tree = gudhi.RipsComplex(points=X).create_simplex_tree(max_dimension=2)
    same(interchange.from_gudhi(tree), ours(), 1e-9)
    same(interchange.from_gudhi(tree.persistence()), ours(), 1e-9)
    listed = interchange.to_gudhi(ours())
    assert listed[0][0] == 1 and {type(one) for one in listed} == {tuple}
    life = [death - birth for degree, (birth, death) in listed if degree == 1]
    assert life == sorted(life, reverse=True)


@pytest.mark.parametrize(
    ("call", "given_", "says"),
    [
        (interchange.from_gudhi, np.zeros((3, 2)), "persistence"),
        (interchange.from_gudhi, [(-1, (0, 1))], "degrees are whole numbers from 0"),
        (interchange.from_gudhi, 3, "from_gudhi"),
        (interchange.from_ripser, {"diagrams": []}, "no 'dgms'"),
        (interchange.from_ripser, [np.zeros((2, 3))], "diagrams"),
        (interchange.from_giotto, np.zeros((3, 2)), "births, deaths and degrees"),
        (interchange.from_giotto, [[[0.0, 1.0, 0.5]]], "whole numbers from 0"),
        (interchange.to_giotto, [[[[0.0, np.inf]]]], "summaries.finite"),
        (interchange.to_gudhi, [[[1.0, 0.0]]], "no later than deaths"),
    ],
)
def test_other_forms_are_refused_with_the_call(call, given_, says):
    with pytest.raises(UsageError, match=says) as caught:
        call(given_)
    assert call.__name__ in str(caught.value)


def test_clouds_become_diagrams_in_a_pipeline():
    rng = np.random.default_rng(0)
    rings = [RING * (1 + 0.05 * rng.normal(size=(16, 1))) for _ in range(6)]
    blobs = [0.5 * rng.normal(size=(16, 2)) for _ in range(6)]
    y = [0] * 6 + [1] * 6
    model = make_pipeline(
        ts.estimators.RipsPersistence(1, n_jobs=2),
        ts.estimators.PersistenceLandscape(2, 20),
        LogisticRegression(C=100),
    )
    assert clone(model).fit(rings + blobs, y).score(rings + blobs, y) == 1.0
    alone = ts.estimators.RipsPersistence(1).fit_transform(rings)
    for got, cloud in zip(alone, rings, strict=True):
        same([got], [ours(cloud, (1,))[0]])


def test_every_parameter_of_the_transformer_changes_something():
    D = ts.homology.distances(RING)
    plain = ts.estimators.RipsPersistence(1).fit_transform([RING])[0]
    given_ = ts.estimators.RipsPersistence(1, metric="precomputed").fit_transform([D])[0]
    same([given_], [plain], 1e-12)
    short = ts.estimators.RipsPersistence(1, max_edge_length=1.0).fit_transform([RING])[0]
    assert np.isinf(short[:, 1]).all()
    assert len(ts.estimators.RipsPersistence(0).fit_transform([RING])[0]) == 16
    with pytest.raises(UsageError, match="coeff"):
        ts.estimators.RipsPersistence(1, coeff=4).fit([RING])
    with pytest.raises(UsageError, match=r"RipsPersistence.fit\(\).*homology_dimension"):
        ts.estimators.RipsPersistence(-1).fit([RING])
    with pytest.raises(DegenerateCloudError) as caught:
        ts.estimators.RipsPersistence(1).fit_transform([RING, RING * np.nan])
    assert caught.value.__notes__ == ["cloud 1 of 2"]
