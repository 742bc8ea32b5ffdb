"""Similarity of paired activations: published values, closed forms, refused input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from toposcope import similarity
from toposcope.errors import DegenerateCloudError, TooFewSamplesError, UsageError
from toposcope.homology import distances
from toposcope.similarity import MEASURES, LinearCKA
from toposcope.similarity.topology_divergence import draws

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)) + 3
Y = X[:, :3] ** 2 + RNG.normal(size=(60, 3))


def naive_cka(K: np.ndarray, L: np.ndarray, *, debiased: bool) -> float:
    """Textbook formulas: HSIC_0 with centering matrices, HSIC_1 of Song et al. term by term."""
    n = len(K)

    def hsic(A: np.ndarray, B: np.ndarray) -> float:
        if not debiased:
            H = np.eye(n) - 1 / n
            return float(np.trace(A @ H @ B @ H))
        A, B = A - np.diag(np.diag(A)), B - np.diag(np.diag(B))
        one = np.ones(n)
        both = (one @ A @ one) * (one @ B @ one) / ((n - 1) * (n - 2))
        total = np.trace(A @ B) + both - 2 / (n - 2) * (one @ A @ B @ one)
        return float(total / (n * (n - 3)))

    return hsic(K, L) / math.sqrt(hsic(K, K) * hsic(L, L))


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("width", [5, 90])  # by moments, and by Gram matrices
def test_linear_cka_is_the_textbook_formula(debiased: bool, width: int) -> None:
    wide = np.random.default_rng(1).normal(size=(60, width)) + X[:, :1]
    expected = naive_cka(wide @ wide.T, Y @ Y.T, debiased=debiased)
    assert similarity.cka(wide, Y, debiased=debiased) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("debiased", [False, True])
def test_rbf_cka_is_the_textbook_formula(debiased: bool) -> None:
    grams = []
    for cloud in (X, Y):
        D = distances(cloud)
        width = 0.5 * np.median(D[np.triu_indices(60, k=1)])
        grams.append(np.exp(-(D**2) / (2 * width**2)))
    value = similarity.cka(X, Y, kernel="rbf", bandwidth=0.5, debiased=debiased)
    assert value == pytest.approx(naive_cka(*grams, debiased=debiased), rel=1e-10)
    assert value != similarity.cka(X, Y, kernel="rbf", debiased=debiased)


def test_debiasing_removes_what_width_adds() -> None:
    rng = np.random.default_rng(2)
    unrelated = rng.normal(size=(50, 400)), rng.normal(size=(50, 400))
    assert similarity.cka(*unrelated, debiased=False) > 0.8
    assert abs(similarity.cka(*unrelated)) < 0.05


@pytest.mark.parametrize("debiased", [False, True])
def test_streaming_cka_is_the_same_for_any_batch_size(debiased: bool) -> None:
    rng = np.random.default_rng(3)
    layers = [rng.normal(size=(700, p)) + 1e4 for p in (4, 7, 1)]
    layers.append(np.tanh(layers[0] - 1e4)[:, :2])
    found = []
    for size in (7, 97, 256, 700):
        stream = LinearCKA()
        for start in range(0, 700, size):
            stream.update([layer[start : start + size] for layer in layers])
            if start == size:
                stream.matrix(debiased=debiased)  # looking in between changes nothing
        found.append(stream.matrix(debiased=debiased))
        assert stream.n == 700
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    for i in range(4):
        for j in range(4):
            K, L = (m @ m.T for m in (x - x[0] for x in (layers[i], layers[j])))
            expected = naive_cka(K, L, debiased=debiased)
            assert found[0][i, j] == pytest.approx(expected, abs=1e-9)


def test_streaming_cka_refuses_what_does_not_fit() -> None:
    stream = LinearCKA()
    stream.update([X[:3], Y[:3]])
    with pytest.raises(TooFewSamplesError, match=r"matrix\(\): 3 samples"):
        stream.matrix()
    with pytest.raises(UsageError, match=r"of widths \(5, 3\)"):
        stream.update([X, X])
    with pytest.raises(UsageError, match="same samples"):
        stream.update([X, Y[:4]])
    with pytest.raises(DegenerateCloudError, match=r"layer 1.*not finite"):
        stream.update([X[:1], [[np.nan] * 3]])
    stream = LinearCKA()
    stream.update([X, np.full((60, 2), 0.1)])
    with pytest.raises(DegenerateCloudError, match=r"layer 1.*constant"):
        stream.matrix()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("debiased", [False, True])
def test_matrix_of_all_pairs_is_the_pairs(kernel: str, debiased: bool) -> None:
    """300 samples are two tiles; 700 columns are too wide for moments, 9 are not."""
    rng = np.random.default_rng(17)
    cloud = rng.normal(size=(300, 6)) + 50
    wide = np.maximum(cloud @ rng.normal(size=(6, 700)), 0)
    layers = [cloud, np.tanh(cloud[:, :3] - 50)]
    options = {"kernel": kernel, "debiased": debiased}
    for others in ([wide], [1e150 * wide, cloud[:, 2:4].astype(np.float32)], None):
        found = similarity.cka_matrix(layers, others, **options)
        columns = layers if others is None else others
        assert found.shape == (2, len(columns))
        for i, left in enumerate(layers):
            for j, right in enumerate(columns):
                expected = similarity.cka(left, right, **options)
                assert found[i, j] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_matrix_of_all_pairs_reads_mapped_files_and_names_layers(tmp_path) -> None:
    wide = np.random.default_rng(18).normal(size=(60, 200)).astype(np.float32)
    np.save(tmp_path / "wide.npy", wide)
    mapped = np.load(tmp_path / "wide.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        similarity.cka_matrix([mapped, X]), similarity.cka_matrix([wide, X])
    )
    assert similarity.cka_matrix([], [X]).shape == (0, 1)
    hole = X.copy()
    hole[0, 0] = np.inf
    for layers, others, error, match in (
        ([X, hole], None, DegenerateCloudError, "layer 1: 1 of 300 values"),
        ([X], [0 * X], DegenerateCloudError, "other layer 0.*constant"),
        ([X, X[:50]], None, UsageError, r"same samples; got \[50, 60\]"),
        ([X[:3]], None, TooFewSamplesError, "3 samples"),
    ):
        with pytest.raises(error, match=rf"cka_matrix\(\).*{match}"):
            similarity.cka_matrix(layers, others)


def test_procrustes_is_the_nuclear_norm() -> None:
    unit = [c / np.linalg.norm(c) for c in (X - X.mean(axis=0), Y - Y.mean(axis=0))]
    nuclear = np.linalg.norm(unit[0].T @ unit[1], ord="nuc")
    assert similarity.procrustes(X, Y) == pytest.approx(math.sqrt(2 - 2 * nuclear), rel=1e-10)
    assert similarity.angular(X, Y) == pytest.approx(math.acos(nuclear), rel=1e-10)
    from scipy.spatial import procrustes

    # SciPy also scales after rotating: its disparity is the squared sine of the angle.
    padded = np.pad(Y, ((0, 0), (0, 2)))
    assert procrustes(X, padded)[2] == pytest.approx(math.sin(similarity.angular(X, Y)) ** 2)


def test_wide_layers_cost_no_more_than_samples() -> None:
    rng = np.random.default_rng(4)
    wide = rng.normal(size=(20, 3000))
    assert similarity.procrustes(wide, 3 * wide[:, ::-1] + 7) < 1e-12
    other = rng.normal(size=(20, 40))
    gram = np.linalg.norm((other - other.mean(0)).T @ (wide - wide.mean(0)), ord="nuc")
    gram /= np.linalg.norm(wide - wide.mean(0)) * np.linalg.norm(other - other.mean(0))
    assert similarity.angular(wide, other) == pytest.approx(math.acos(gram))


def test_rsa_is_a_correlation_of_distances() -> None:
    from scipy.spatial.distance import pdist
    from scipy.stats import pearsonr, spearmanr

    for metric in ("euclidean", "correlation"):
        left, right = pdist(X, metric), pdist(Y, metric)
        value = similarity.rsa(X, Y, metric=metric)
        assert value == pytest.approx(spearmanr(left, right).statistic, rel=1e-9)
        value = similarity.rsa(X, Y, metric=metric, correlation="pearson")
        assert value == pytest.approx(pearsonr(left, right).statistic, rel=1e-9)


def test_mutual_knn_counts_shared_neighbors() -> None:
    x = np.array([[0.0], [1.0], [2.1], [3.3], [4.6]])
    y = np.array([[0.0], [1.0], [2.1], [2.2], [9.0]])
    # Nearest in x: 1 0 1 2 3; in y: 1 0 3 2 3.
    assert similarity.mutual_knn(x, y, k=1) == 0.8
    assert similarity.mutual_knn(x, y, k=4) == 1
    rng = np.random.default_rng(5)
    unrelated = similarity.mutual_knn(rng.normal(size=(300, 3)), rng.normal(size=(300, 3)))
    assert unrelated == pytest.approx(10 / 299, abs=0.01)


def test_cca_of_known_correlation() -> None:
    rng = np.random.default_rng(6)
    shared, own = rng.normal(size=(2, 20000, 1))
    y = 0.6 * shared + 0.8 * own
    assert similarity.cca(shared, y) == pytest.approx(0.6, abs=0.02)
    repeated = np.hstack([X, X @ RNG.normal(size=(5, 3))])  # rank 5
    assert similarity.cca(repeated, Y) == pytest.approx(similarity.cca(X, Y), rel=1e-9)


def test_svcca_keeps_the_directions_of_most_variance() -> None:
    rng = np.random.default_rng(16)
    strong, weak, other = rng.normal(size=(3, 400, 2))
    left = np.hstack([100 * strong, weak])
    assert similarity.svcca(left, strong) == pytest.approx(1, abs=1e-6)
    assert similarity.svcca(left, weak) < 0.2 < 0.99 < similarity.cca(left, weak)
    assert similarity.svcca(left, other, variance=1.0) == similarity.cca(left, other)
    with pytest.raises(UsageError, match=r"svcca\(\): variance"):
        similarity.svcca(left, other, variance=1.5)


def test_pwcca_is_the_published_weighting() -> None:
    """By whitening with inverse square roots, as in the authors' code, instead of bases."""
    a, b = (c - c.mean(axis=0) for c in (X, Y))

    def inverse_root(cov: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(cov)
        return vectors @ np.diag(values**-0.5) @ vectors.T

    U, rho, _ = np.linalg.svd(inverse_root(a.T @ a) @ a.T @ b @ inverse_root(b.T @ b))
    variates = a @ inverse_root(a.T @ a) @ U[:, : len(rho)]
    weights = np.abs(variates.T @ a).sum(axis=1)
    assert similarity.pwcca(X, Y) == pytest.approx(weights @ rho / weights.sum(), rel=1e-9)


def test_rtd_of_the_readme() -> None:
    """The authors' printed value, with the generator and the order of draws of their code."""
    state = np.random.RandomState(7)
    P, Q = state.rand(1000, 2), state.rand(1000, 2)
    values = []
    for _ in range(10):
        rows = list(range(1000))
        state.shuffle(rows)
        values.append(similarity.rtd(P[rows[:500]], Q[rows[:500]]))
    # Their bars are float32.
    assert np.mean(values) == pytest.approx(35.55234398557805, rel=1e-7)


def test_rtd_orders_the_clusters_experiment() -> None:
    """60 groups of 5 points, moved onto k places of a circle: the more places, the farther."""
    state = np.random.RandomState(7)
    groups = [state.multivariate_normal(np.zeros(2), np.eye(2), 5) for _ in range(60)]
    counts = [2, 3, 4, 5, 6, 10, 12]
    base = np.concatenate(groups)
    found = {"rtd": [], "rtd_lite": [], "cka_biased": []}
    plain = []
    for k in counts:
        angle = 2 * np.pi * (np.arange(60) % k) / k
        places = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        split = base + np.repeat(places, 5, axis=0)
        for name, values in found.items():
            values.append(MEASURES[name].function(base, split))
        plain.append(similarity.rtd_lite(base, split, normalize=False))
    found["plain"] = plain
    tau = {name: kendalltau(counts, values).statistic for name, values in found.items()}
    assert tau["rtd"] == 1
    assert tau["cka_biased"] == pytest.approx(0.238, abs=5e-4)  # the published value
    # Degree 0 alone orders them the other way round: the 0.9 quantile is a distance between
    # clusters, so dividing by it shrinks few dense clusters most. In plain units it does not.
    assert tau["rtd_lite"] == -1
    assert tau["plain"] == 1


def test_rtd_grows_under_corruption() -> None:
    rng = np.random.default_rng(8)
    cloud = rng.normal(size=(120, 3))
    noise = rng.normal(size=(120, 3))
    for name in ("rtd", "rtd_lite"):
        values = [MEASURES[name].function(cloud, cloud + s * noise) for s in (0, 0.1, 0.3, 1)]
        assert values[0] == pytest.approx(0, abs=1e-9)
        assert (np.diff(values) > 0).all(), name


def test_rtd_draws_are_disjoint_where_n_allows() -> None:
    rows = draws(100, points=30, replicates=7, seed=1, call="test()")
    assert [len(set(r.tolist())) for r in rows] == [30] * 7
    assert len(np.unique(np.concatenate(rows[:3]))) == 90
    assert len(np.unique(np.concatenate(rows[3:6]))) == 90
    assert len(draws(30, points=30, replicates=7, seed=1, call="test()")) == 1
    one, two = (similarity.rtd_draws(X, Y, points=20, replicates=4, seed=s) for s in (0, 1))
    assert one.shape == (4, 2) and not np.array_equal(one, two)
    assert similarity.rtd(X, Y, points=20, replicates=4, seed=0) == one.mean()


def test_mtop_div_sees_what_is_missing() -> None:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    arc = circle[:20]
    assert similarity.mtop_div(circle, circle) == 0
    assert similarity.mtop_div(circle, arc) < 1e-9
    # From the arc, the other half is a loop around the gap.
    assert similarity.mtop_div(arc, circle) > 1
    with pytest.raises(UsageError, match="one space"):
        similarity.mtop_div(circle, X)


@pytest.mark.parametrize("name", MEASURES)
def test_degenerate_input_is_refused(name: str) -> None:
    function = MEASURES[name].function
    call = {"rsa_correlation": "rsa"}.get(name, "cka" if name.startswith("cka") else name)
    hole = X.copy()
    hole[3, 1] = np.nan
    for left, right, error, match in (
        (X, hole, DegenerateCloudError, "Y: 1 of 300 values are not finite"),
        (X, np.full((60, 3), 0.1), DegenerateCloudError, "Y: all 60 samples have the same"),
        (X, Y[:50], UsageError, "X has 60 samples and Y 50.*shared sample ids"),
        (X[:3], Y[:3], TooFewSamplesError, "3 samples; at least 4"),
        (X, Y.reshape(60, 3, 1), UsageError, r"shape \(n, d\) is needed"),
        (X, np.empty((0, 3)), DegenerateCloudError, "is empty"),
    ):
        with pytest.raises(error, match=rf"^{call}\(\).*{match}"):
            function(left, right)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: similarity.cka(X, Y, kernel="cosine"), "linear, rbf"),
        (
            lambda: similarity.cka(X, Y, bandwidth=0),
            "bandwidth=0; needed is a finite number above 0",
        ),
        (lambda: similarity.cka(np.r_[X[:9], 0 * X[9:]], Y, kernel="rbf"), "half of all pairs"),
        (lambda: similarity.mutual_knn(X, Y, k=60), "from 1 to 59"),
        (lambda: similarity.rsa(X, Y, correlation="kendall"), "choose one of spearman, pearson"),
        (lambda: similarity.rsa(X, Y, metric="taxi"), "'taxi' is unknown"),
        (lambda: similarity.rsa(np.eye(60), Y), "X are equally far apart"),
        (lambda: similarity.cka(np.eye(60), Y), r"cka\(\), X: debiased CKA is 0 / 0.*equally far"),
        (lambda: similarity.cca(RNG.normal(size=(60, 59)), Y), "60 samples of a layer of rank 59"),
        (lambda: similarity.rtd(X, Y, points=3), "points=3; needed"),
        (lambda: similarity.rtd(np.r_[X[:2], 0 * X[2:]], Y), "0.9 quantile"),
        (lambda: similarity.cross_barcode(np.zeros((2, 2)), np.zeros((3, 3))), "one shape"),
    ],
)
def test_wrong_arguments_are_named(call, match: str) -> None:
    with pytest.raises((UsageError, DegenerateCloudError, TooFewSamplesError), match=match):
        call()


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
def test_pairs_that_never_meet_do_not_move_the_threshold_of_others(unit):
    """inf is no length: a mean over it would make every finite distance count as 0."""
    apart, near = np.array([[0, 1, np.inf], [1, 0, np.inf], [np.inf, np.inf, 0]]), np.ones((3, 3))
    near = np.array([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    found = similarity.cross_barcode(apart * unit, near * unit)
    np.testing.assert_allclose(found, [[unit, np.inf]], rtol=1e-12)
