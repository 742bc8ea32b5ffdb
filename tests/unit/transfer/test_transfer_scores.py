"""Transfer scores: published numbers, hand computations, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.transfer import (
    SCORES,
    decay_polynomial,
    gbc,
    h_score,
    knn,
    leep,
    lifetime_score,
    linear_probe,
    logme,
    nce,
    nleep,
    parc,
    sfda,
    theta,
    transrate,
)
from toposcope.transfer.scores.inputs import left_coordinates

PUBLISHED = json.loads((Path(__file__).parents[2] / "data" / "suresh_cifar10.json").read_text())
NETWORKS = PUBLISHED["networks"]


def blobs(n=120, d=6, classes=3, apart=2.0, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, d)) + apart * rng.normal(size=(classes, d))[y], y


class TestTheta:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_published_networks(self, name):
        network = NETWORKS[name]
        assert theta(network["betti"]) == pytest.approx(network["theta"], abs=1e-5)

    def test_published_agreement_with_their_accuracies(self):
        scores = [theta(network["betti"]) for network in NETWORKS.values()]
        accuracies = [network["accuracy"] for network in NETWORKS.values()]
        assert kendalltau(scores, accuracies).statistic == pytest.approx(-0.7777778, abs=1e-6)
        assert pearsonr(scores, accuracies).statistic == pytest.approx(-0.81456, abs=1e-5)
        assert spearmanr(scores, accuracies).statistic == pytest.approx(-0.9, abs=1e-9)

    def test_choices_move_the_published_ranking(self):
        """The dossier's stress tests: what the score hangs on."""
        accuracies = [network["accuracy"] for network in NETWORKS.values()]

        def kendall(**choices):
            scores = [theta(network["betti"], **choices) for network in NETWORKS.values()]
            return kendalltau(scores, accuracies).statistic

        assert kendall(degree=1) == pytest.approx(0.0, abs=1e-9)
        assert kendall(degree=2) == pytest.approx(0.444, abs=1e-3)
        assert kendall(homology_dimensions=(1,)) == pytest.approx(-0.889, abs=1e-3)
        assert kendall(homology_dimensions=(0,)) == pytest.approx(0.222, abs=1e-3)
        assert kendall(depth="relative") == pytest.approx(-0.778, abs=1e-3)

    def test_coefficients_of_vgg16(self):
        found = decay_polynomial(NETWORKS["vgg16"]["betti"])[1:]
        assert found == pytest.approx([0.223079, -0.041208, 0.001842], abs=1e-6)

    def test_scale_of_counts_is_irrelevant_and_voxels_are_not(self):
        betti = np.array(NETWORKS["resnet18"]["betti"])
        assert theta(1000 * betti) == pytest.approx(theta(betti))
        sizes = np.linspace(1000, 10, len(betti))
        assert theta(betti, voxels=sizes) == pytest.approx(theta(betti / sizes[:, None]))

    @pytest.mark.parametrize(
        ("betti", "choices", "error", "message"),
        [
            (np.ones(5), {}, UsageError, "blocks, dims"),
            (np.ones((3, 3)), {}, TooFewSamplesError, "capture 4 blocks"),
            (np.zeros((6, 3)), {}, UsageError, "every Betti number is 0"),
            (np.full((6, 3), np.nan), {}, UsageError, "finite"),
            (np.ones((6, 3)), {"homology_dimensions": (3,)}, UsageError, "columns of betti"),
            (np.ones((6, 3)), {"depth": "log"}, UsageError, "index, relative"),
            (np.ones((6, 3)), {"voxels": [1, 2]}, UsageError, "one positive size per block"),
            (np.ones((6, 3)), {"degree": 0}, UsageError, "degree=0"),
        ],
    )
    def test_bad_input(self, betti, choices, error, message):
        with pytest.raises(error, match=message):
            theta(betti, **choices)


def test_lifetime_score_refuses_what_has_no_bars():
    assert lifetime_score([2.0, 2.0]) == 0.5
    with pytest.raises(UsageError, match="length 0"):
        lifetime_score([0.0, 0.0])


class TestHeads:
    def test_nce_by_hand(self):
        # Z = 0 for samples 0..2 with labels 0, 0, 1; Z = 1 for sample 3 with label 1.
        P = [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]
        expected = 0.5 * np.log(2 / 3) + 0.25 * np.log(1 / 3)
        assert nce(P, [0, 0, 1, 1]) == pytest.approx(expected)

    def test_leep_by_hand(self):
        P = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
        # P(y=0 | z) = (1.5 / 2, 0.5 / 2), P(y=1 | z) = (0.5 / 2, 1.5 / 2)
        first = np.log(P[:2] @ [0.75, 0.25])
        second = np.log(P[2:] @ [0.25, 0.75])
        assert leep(P, [0, 0, 1, 1]) == pytest.approx(np.concatenate([first, second]).mean())

    @pytest.mark.parametrize("score", [nce, leep])
    def test_labels_that_are_missing_or_alone(self, score):
        P = np.full((6, 2), 0.5)
        with pytest.raises(UsageError, match="no labels"):
            score(P, None)
        with pytest.raises(UsageError, match="2 of 6 labels are missing"):
            score(P, ["a", "b", None, "a", "b", None])
        with pytest.raises(TooFewSamplesError, match="class c has 1 of 6 samples; 2"):
            score(P, list("aabbbc"))

    def test_leep_is_at_most_nce_for_hard_predictions(self):
        P = np.eye(4)[np.random.default_rng(0).integers(4, size=50)]
        y = np.arange(50) % 3
        assert leep(P, y) == pytest.approx(nce(P, y))

    def test_renumbering_changes_nothing(self):
        P = np.random.default_rng(1).dirichlet(np.ones(5), size=60)
        y = np.arange(60) % 3
        assert leep(P, np.array([30, 7, 11])[y]) == pytest.approx(leep(P, y))

    def test_logits_are_refused(self):
        with pytest.raises(UsageError, match="add up to 1"):
            leep([[2.0, 1.0], [0.5, 0.1]], [0, 1])

    def test_nleep_grows_with_separation(self):
        far, y = blobs(apart=8.0)
        near, _ = blobs(apart=0.5)
        assert nleep(far, y) > nleep(near, y)


def full_evidence(F, y, alpha, beta):
    """log N(y; 0, I/beta + F F'/alpha): the evidence without any decomposition."""
    from scipy.stats import multivariate_normal

    covariance = np.eye(len(F)) / beta + F @ F.T / alpha
    return multivariate_normal(np.zeros(len(F)), covariance).logpdf(y)


class TestLogME:
    @pytest.mark.parametrize(("n", "d"), [(60, 5), (40, 90), (50, 50)])
    def test_maximum_of_the_full_evidence(self, n, d):
        from scipy.optimize import minimize

        rng = np.random.default_rng(n + d)
        y = np.arange(n) % 3
        F = rng.normal(size=(n, d)) + rng.normal(size=(3, d))[y]
        best = []
        for c in range(3):
            target = (y == c).astype(float)
            found = minimize(
                lambda log, target=target: -full_evidence(F, target, *np.exp(log)),
                np.zeros(2),
                method="Nelder-Mead",
                options={"xatol": 1e-6, "fatol": 1e-8},
            )
            best.append(-found.fun / n)
        assert logme(F, y) == pytest.approx(np.mean(best), abs=1e-4)

    def test_rank_deficient_features_are_no_better_than_their_span(self):
        F, y = blobs(n=80, d=4)
        again = np.hstack([F, F @ np.random.default_rng(0).normal(size=(4, 30)) * 1e-3])
        assert logme(again, y) == pytest.approx(logme(F, y), abs=0.05)

    def test_features_that_reproduce_the_labels_stay_finite(self):
        y = np.arange(30) % 2
        assert np.isfinite(logme(np.eye(2)[y], y))

    def test_zero_features(self):
        with pytest.raises(DegenerateCloudError, match="all 10 samples have the same features"):
            logme(np.zeros((10, 3)), np.arange(10) % 2)


class TestLeftCoordinates:
    @pytest.mark.parametrize("shape", [(90, 20), (20, 90), (40, 40)])
    def test_are_those_of_an_svd(self, shape):
        rng = np.random.default_rng(0)
        F = np.maximum(rng.normal(size=shape), 0) * np.geomspace(1, 1e-4, shape[1])
        Y = rng.normal(size=(shape[0], 3))
        U, s, _ = np.linalg.svd(F, full_matrices=False)
        sigma, along = left_coordinates(F, Y)
        assert len(sigma) == len(s)
        # The eigenvalues are accurate in units of the largest one.
        np.testing.assert_allclose(sigma, s**2, atol=1e-13 * s[0] ** 2)
        np.testing.assert_allclose(along**2, (U.T @ Y) ** 2, atol=1e-6)

    def test_leave_out_rounding(self):
        rng = np.random.default_rng(0)
        F = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 40))
        sigma, along = left_coordinates(F.astype(np.float32).astype(np.float64), F[:, :2])
        assert len(sigma) == len(along) <= 40
        assert len(left_coordinates(F, F[:, :1])[0]) == 5

    @pytest.mark.parametrize("factor", [1e-180, 1e180])
    def test_units_of_features_do_not_matter(self, factor):
        F, y = blobs(apart=1.0)
        assert logme(factor * F, y) == pytest.approx(logme(F, y), rel=1e-6)
        assert h_score(factor * F, y) == pytest.approx(h_score(F, y), rel=1e-9)


class TestScatter:
    def test_h_score_by_definition(self):
        F, y = blobs()
        covariance = np.cov(F.T, bias=True)
        means = np.array([F[y == c].mean(axis=0) for c in range(3)])[y]
        expected = np.trace(np.linalg.pinv(covariance) @ np.cov(means.T, bias=True))
        assert h_score(F, y) == pytest.approx(expected)

    def test_h_score_is_invariant_to_invertible_maps(self):
        F, y = blobs()
        A = np.random.default_rng(3).normal(size=(6, 6)) + 3 * np.eye(6)
        assert h_score(F @ A + 5, y) == pytest.approx(h_score(F, y))

    def test_h_score_refuses_more_dimensions_than_samples(self):
        F, y = blobs(n=20, d=30)
        with pytest.raises(TooFewSamplesError, match="regularized=True"):
            h_score(F, y)
        assert 0 < h_score(F, y, regularized=True) < 2

    def test_regularized_h_score_by_definition(self):
        from sklearn.covariance import LedoitWolf

        F, y = blobs(n=90, d=20)
        fitted = LedoitWolf().fit(F)
        means = np.array([F[y == c].mean(axis=0) for c in range(3)])[y]
        between = np.cov(means.T, bias=True)
        expected = (1 - fitted.shrinkage_) * np.trace(np.linalg.solve(fitted.covariance_, between))
        assert h_score(F, y, regularized=True) == pytest.approx(expected)

    @pytest.mark.parametrize("d", [4, 200])
    def test_transrate_by_definition(self, d):
        F, y = blobs(n=60, d=d)
        Z = F - F.mean(axis=0)
        Z = Z / np.linalg.norm(Z)

        def rate(part):
            return 0.5 * np.linalg.slogdet(np.eye(d) + part.T @ part / (len(part) * 1e-4))[1]

        expected = rate(Z) - np.mean([rate(Z[y == c]) for c in range(3)])
        assert transrate(F, y) == pytest.approx(expected)

    def test_gbc_spherical_by_hand(self):
        # Two classes on a line in the plane, variances 1 (two samples at -+1/sqrt(2)) per axis.
        half = np.sqrt(0.5)
        square = np.array([[half, half], [-half, -half], [half, -half], [-half, half]])
        F = np.concatenate([square, square + np.array([4.0, 0.0])])
        y = np.repeat([0, 1], 4)
        variance = 4 * 0.5 / 3
        assert gbc(F, y) == pytest.approx(-2 * np.exp(-16 / variance / 8))

    def test_gbc_counts_every_dimension_of_unequal_spheres(self):
        rng = np.random.default_rng(0)
        F = np.concatenate([rng.normal(size=(400, 5)), 3 * rng.normal(size=(400, 5))])
        y = np.repeat([0, 1], 400)
        expected = -2 * np.exp(-5 / 2 * np.log(5 / 3))
        assert gbc(F, y) == pytest.approx(expected, rel=0.05)

    def test_sfda_leaves_its_input_alone(self):
        F, y = blobs()
        before = F.copy()
        sfda(F, y)
        assert np.array_equal(F, before)

    def test_sfda_refuses_saturation(self):
        F, y = blobs(n=20, d=30)
        with pytest.raises(TooFewSamplesError, match="39 samples or more"):
            sfda(F, y)


class TestProbes:
    def test_knn_matches_scikit_learn(self):
        from sklearn.model_selection import LeaveOneOut, cross_val_score
        from sklearn.neighbors import KNeighborsClassifier

        F, y = blobs(n=60, apart=1.0)
        expected = cross_val_score(KNeighborsClassifier(1), F, y, cv=LeaveOneOut()).mean()
        assert knn(F, y, k=1) == pytest.approx(expected)

    def test_knn_tie_goes_to_the_nearest(self):
        assert knn([[0.0], [1.0], [-1.5], [50.0]], [0, 0, 1, 1], k=2) == 0.5

    def test_linear_probe_is_at_chance_for_noise(self):
        rng = np.random.default_rng(0)
        y = np.arange(200) % 2
        assert 0.35 < linear_probe(rng.normal(size=(200, 3)), y) < 0.65

    def test_parc_by_definition(self):
        from scipy.stats import spearmanr

        F, y = blobs(n=40, d=5)
        Z = F - F.mean(axis=0)
        axes = np.linalg.svd(Z, full_matrices=False)[2]
        axes *= np.sign(axes[np.arange(5), np.abs(axes).argmax(axis=1)])[:, None]
        Z = Z @ axes.T
        Z = Z / Z.std(axis=0)
        upper = np.triu_indices(40, 1)
        labels = 1 - np.corrcoef(np.eye(3)[y])[upper].round(6)
        expected = spearmanr(1 - np.corrcoef(Z)[upper], labels).statistic
        assert parc(F, y) == pytest.approx(expected)

    @pytest.mark.parametrize("shape", [(40, 300), (300, 40)])
    def test_parc_keeps_scikit_learns_signs(self, shape):
        from scipy.stats import spearmanr
        from sklearn.decomposition import PCA

        F, y = blobs(n=shape[0], d=shape[1])
        F = np.maximum(F, 0) * np.geomspace(1, 0.1, shape[1])
        Z = PCA(32, svd_solver="full").fit_transform(F)
        Z = Z / Z.std(axis=0)
        upper = np.triu_indices(len(y), 1)
        expected = spearmanr(1 - np.corrcoef(Z)[upper], y[upper[0]] != y[upper[1]]).statistic
        assert parc(F, y) == pytest.approx(expected, abs=1e-6)


FEATURE_SCORES = [name for name, score in SCORES.items() if score.needs == "features"]


@pytest.mark.parametrize("name", FEATURE_SCORES)
class TestEveryFeatureScore:
    def test_separation_is_better_than_noise(self, name):
        far, y = blobs(apart=3.0)
        near, _ = blobs(apart=0.0)
        score = SCORES[name]
        assert (score(far, y) > score(near, y)) == score.higher_is_better

    def test_one_class(self, name):
        with pytest.raises(TooFewSamplesError, match="two classes"):
            SCORES[name](np.ones((10, 2)), np.zeros(10, int))

    def test_labels_that_are_missing_or_alone(self, name):
        F, y = blobs()
        with pytest.raises(UsageError, match="no labels"):
            SCORES[name](F, None)
        with pytest.raises(TooFewSamplesError, match="class 7 has 1 of 120 samples"):
            SCORES[name](F, np.where(np.arange(120) == 3, 7, y))
        with pytest.raises(TooFewSamplesError, match="120 of 120 classes have too few"):
            SCORES[name](F, np.arange(120))

    def test_features_that_are_all_the_same(self, name):
        _, y = blobs()
        with pytest.raises(DegenerateCloudError, match="all 120 samples have the same"):
            SCORES[name](np.ones((120, 4)), y)

    def test_nonfinite(self, name):
        F, y = blobs()
        F[3, 1] = np.nan
        with pytest.raises(DegenerateCloudError, match="1 of 120 rows"):
            SCORES[name](F, y)

    def test_labels_that_do_not_fit(self, name):
        F, y = blobs()
        with pytest.raises(UsageError, match="one per sample"):
            SCORES[name](F, y[:-1])

    def test_order_of_samples_is_irrelevant(self, name):
        F, y = blobs()
        if name in ("nleep", "linear_probe"):  # their initialization and folds follow the order
            return
        order = np.random.default_rng(5).permutation(len(y))
        assert SCORES[name](F[order], y[order]) == pytest.approx(SCORES[name](F, y))
