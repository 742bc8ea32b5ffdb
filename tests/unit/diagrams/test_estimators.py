"""Transformers of diagrams: scikit-learn's own checks, pipelines, learned grids, refused input."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from toposcope.diagrams import estimators, landscapes, summaries, vectorize
from toposcope.errors import UsageError

EMPTY = np.empty((0, 2))
ALL = [
    estimators.PersistenceLandscape(levels=2, resolution=6),
    estimators.Silhouette(resolution=6),
    estimators.BettiCurve(resolution=6),
    estimators.PersistenceImage((3, 4)),
    estimators.LandscapeKernel(),
]
IDS = [type(e).__name__ for e in ALL]


def some(seed: int, n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    births = rng.random(n)
    return np.stack([births, births + rng.random(n)], axis=1)


DIAGRAMS = [some(seed, 5 + seed) for seed in range(8)]


class OnRows:
    """Reads rows of numbers: neighbors are a birth and a death."""

    def _read(self, X: object, *, reset: bool) -> np.ndarray:
        # A last column of zeros: rows of one number are diagrams too.
        rows = np.pad(validate_data(self, X, reset=reset, dtype=np.float64), ((0, 0), (0, 1)))
        return np.sort(np.stack([rows[:, :-1], rows[:, 1:]], axis=2), axis=2)

    def fit(self, X: object, y: object = None) -> object:
        return super().fit(self._read(X, reset=True), y)

    def transform(self, X: object) -> np.ndarray:
        check_is_fitted(self)
        return super().transform(self._read(X, reset=False))

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class LandscapeOnRows(OnRows, estimators.PersistenceLandscape):
    pass


class SilhouetteOnRows(OnRows, estimators.Silhouette):
    pass


class BettiCurveOnRows(OnRows, estimators.BettiCurve):
    pass


class ImageOnRows(OnRows, estimators.PersistenceImage):
    pass


class KernelOnRows(OnRows, estimators.LandscapeKernel):
    pass


READERS = [
    LandscapeOnRows(levels=2, resolution=6),
    SilhouetteOnRows(resolution=6),
    BettiCurveOnRows(resolution=6),
    ImageOnRows((3, 4)),
    KernelOnRows(),
]


@parametrize_with_checks(READERS)
def test_scikit_learns_own_checks(estimator, check) -> None:
    """None is expected to fail; array-API inputs are skipped unless SciPy's support is on."""
    check(estimator)


@pytest.mark.parametrize("estimator", ALL, ids=IDS)
def test_contract_on_diagrams(estimator) -> None:
    fresh = clone(estimator)
    with pytest.raises(NotFittedError):
        fresh.transform(DIAGRAMS)
    before = [d.copy() for d in DIAGRAMS]
    rows = fresh.fit_transform(DIAGRAMS)
    for old, new in zip(before, DIAGRAMS, strict=True):
        np.testing.assert_array_equal(old, new)
    assert rows.shape == (8, len(fresh.get_feature_names_out()))
    np.testing.assert_allclose(fresh.transform(DIAGRAMS[3:5]), rows[3:5])
    np.testing.assert_allclose(pickle.loads(pickle.dumps(fresh)).transform(DIAGRAMS), rows)
    assert fresh.transform([EMPTY]).tolist() == [[0.0] * rows.shape[1]]
    assert fresh.transform([]).shape == (0, rows.shape[1])
    table = clone(estimator).set_output(transform="pandas").fit_transform(DIAGRAMS)
    np.testing.assert_array_equal(table.to_numpy(), rows)
    with pytest.raises(UsageError, match=r"fit\(\): at least one diagram"):
        clone(estimator).fit([])


def test_columns_are_the_array_functions() -> None:
    grid = np.linspace(0, 2, 9)
    rows = estimators.PersistenceLandscape(3, grid=grid).fit_transform(DIAGRAMS)
    np.testing.assert_array_equal(rows[2], summaries.landscape(DIAGRAMS[2], 3, grid).ravel())
    rows = estimators.Silhouette(2.0, grid=grid).fit_transform(DIAGRAMS)
    np.testing.assert_array_equal(rows[2], vectorize.silhouette(DIAGRAMS[2], grid, power=2.0))
    rows = estimators.BettiCurve(grid=grid).fit_transform(DIAGRAMS)
    np.testing.assert_array_equal(rows[2], summaries.betti_curve(DIAGRAMS[2], grid))
    gram = estimators.LandscapeKernel().fit_transform(DIAGRAMS)
    np.testing.assert_allclose(gram, landscapes.landscape_gram(DIAGRAMS), rtol=1e-12)
    cosines = estimators.LandscapeKernel(normalize=True).fit_transform(DIAGRAMS)
    np.testing.assert_allclose(np.diagonal(cosines), 1)
    root = np.sqrt(np.diagonal(gram))
    np.testing.assert_allclose(cosines, gram / np.outer(root, root))


def test_learned_ranges_hold_the_training_diagrams() -> None:
    fitted = estimators.PersistenceLandscape(resolution=7).fit(DIAGRAMS)
    values = np.concatenate(DIAGRAMS)
    assert fitted.grid_[0] == values.min() and fitted.grid_[-1] == values.max()
    image = estimators.PersistenceImage().fit(DIAGRAMS)
    sums = image.transform(DIAGRAMS).sum(axis=1)
    lengths = [float((d[:, 1] - d[:, 0]).sum()) for d in DIAGRAMS]
    # Short bars lose the half of their mass that lies below the axis.
    np.testing.assert_allclose(sums, lengths, rtol=0.03)
    flat = [np.stack([np.zeros(4), np.arange(1.0, 5)], axis=1)]  # H0: all births 0
    assert estimators.PersistenceImage().fit(flat).birth_range_ == pytest.approx((-0.6, 0.6))
    given = {"bandwidth": 0.2, "birth_range": (0.0, 1.0), "length_range": (0.0, 3.0)}
    assert estimators.PersistenceImage(**given).fit([EMPTY]).bandwidth_ == 0.2


def test_essential_classes_are_refused_or_ended() -> None:
    lasting = [np.vstack([d, [0.0, np.inf]]) for d in DIAGRAMS]
    for estimator in ALL:
        ended = clone(estimator).set_params(cutoff=3.0).fit_transform(lasting)
        by_hand = [np.where(np.isinf(d), 3.0, d) for d in lasting]
        np.testing.assert_allclose(ended, clone(estimator).fit_transform(by_hand))
        if isinstance(estimator, estimators.BettiCurve):
            assert (clone(estimator).fit_transform(lasting)[:, -1] >= 1).all()
        else:
            with pytest.raises(UsageError, match="never die"):
                clone(estimator).fit(lasting).transform(lasting)


def test_grid_search_over_a_kernel_machine() -> None:
    rng = np.random.default_rng(0)
    diagrams = [some(s) * (1 + s % 2) for s in rng.integers(0, 10**6, 24)]
    labels = np.array([float(d.max()) > 2 for d in diagrams])
    pipe = make_pipeline(estimators.LandscapeKernel(), SVC(kernel="precomputed"))
    search = GridSearchCV(pipe, {"landscapekernel__normalize": [False, True]}, cv=3)
    assert search.fit(diagrams, labels).best_score_ > 0.9


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: estimators.PersistenceLandscape().fit([EMPTY]), "Pass grid="),
        (lambda: estimators.PersistenceLandscape(grid=[1, 0]).fit(DIAGRAMS), "non-decreasing"),
        (lambda: estimators.BettiCurve(1).fit(DIAGRAMS), "resolution=1; needed"),
        (lambda: estimators.PersistenceImage().fit([EMPTY]), "Pass bandwidth="),
        (lambda: estimators.PersistenceImage().fit([[[1.0, 1.0]]]), "length 0"),
        (
            lambda: estimators.LandscapeKernel(normalize=True).fit([DIAGRAMS[0], EMPTY]),
            "1 of 2 diagrams have no pair",
        ),
    ],
)
def test_wrong_arguments_are_named(call, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        call()
