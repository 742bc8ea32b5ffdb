"""A good call of every public function, cheap, as keywords: what the walkers spoil one by one.

`functions()` finds what is public from the names of toposcope itself, so a new function without a
good call here fails `test_walk.py`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

import toposcope as ts

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 40, 3))
SMALL = RNG.normal(size=(12, 3))
D, E = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (SMALL, SMALL[::-1] * [1, 2, 3]))
IMAGE = RNG.normal(size=(5, 6))
GRID = np.linspace(0, 1, 5)
BARS = [np.sort(RNG.random((4, 2)), axis=1) for _ in range(4)]
A, B = BARS[:2]
LABELS = np.arange(40) % 2
P = RNG.dirichlet(np.ones(3), size=40)
U, V = RNG.normal(size=(2, 8))
TEST = {"n_resamples": 99}
NETWORKS = np.repeat(np.arange(8), 2)
FLAT = RNG.normal(size=8)[NETWORKS] + 0.3 * RNG.normal(size=16)
NOISY = RNG.normal(size=(20, 1)) + RNG.normal(size=(20, 4))
GROWN = np.linspace(0, 1, 20)
ACCURACIES = RNG.random((3, 6))


@cache
def activations(name: str = "net") -> ts.ActivationSet:
    rng = np.random.default_rng(len(name))
    layers = {layer: rng.normal(size=(48, 3)) for layer in ("a", "b")}
    return ts.from_arrays(layers, labels=np.arange(48) % 2, name=name)


@cache
def clouds() -> ts.CloudSet:
    return ts.clouds(activations(), points=12, replicates=4)


@cache
def small_clouds() -> ts.CloudSet:
    return ts.clouds(ts.from_arrays({"a": SMALL}), points=6, replicates=1)


@cache
def diagrams() -> ts.DiagramSet:
    return ts.rips(clouds(), jobs=1)


@cache
def analysis(name: str = "net") -> ts.Analysis:
    return ts.analyze(activations(name), points=12, replicates=4, null="none", jobs=0)


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name and function of everything public, classes left out; each once.

    Left out is what only other rooms call: functions that ask for the name of their caller, and
    those `INSIDE`.
    """
    seen: set[int] = set()
    for name in ts.__all__:
        value = getattr(ts, name)
        room = isinstance(value, types.ModuleType)
        offered = _offered(value) if room else [(name, value)]
        for inner, one in offered:
            if not callable(one) or inspect.isclass(one) or id(one) in seen:
                continue
            seen.add(id(one))
            caller = inspect.signature(one).parameters.get("call")
            title = f"{name}.{inner}" if room else inner
            if title in INSIDE or (caller is not None and caller.default is caller.empty):
                continue
            yield title, one


def _offered(room: types.ModuleType) -> list[tuple[str, Any]]:
    names = getattr(room, "__all__", None)
    if names is not None:
        return [(name, getattr(room, name)) for name in names]
    return [
        (name, value)
        for name, value in vars(room).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == room.__name__
    ]


_SMALL = {"X": SMALL}
_XY = {"X": X, "Y": Y}
_AB = {"a": A, "b": B}
_FY = {"F": X, "y": LABELS}
_PAIRS = {"pairs": A}
_BETTI = {"betti": RNG.integers(0, 9, size=(5, 2)).astype(float)}

GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "homology.distances": lambda: _SMALL,
    "homology.estimate_cost": lambda: {"n": 500, "d": 10},
    "homology.farthest_landmarks": lambda: {"X": SMALL, "count": 3},
    "homology.landmarks_in_blocks": lambda: {"blocks": [SMALL], "count": 3},
    "homology.random_landmarks": lambda: {"X": SMALL, "count": 3},
    "homology.geodesic_distances": lambda: {"X": SMALL, "k": 3},
    "homology.local_distances": lambda: _SMALL,
    "homology.longest_loops": lambda: _SMALL,
    "homology.nested_h0": lambda: {"D": D, "order": np.arange(12), "sizes": [4, 12]},
    "homology.nested_tree_sums": lambda: {"D": D, "order": np.arange(12), "sizes": [4, 12]},
    "homology.rips": lambda: _SMALL,
    "homology.rips_from_distances": lambda: {"D": D},
    "homology.sparse_rips": lambda: _SMALL,
    "homology.cubical": lambda: {"volume": IMAGE},
    "homology.betti_curves": lambda: {"volume": IMAGE},
    "homology.betti_numbers": lambda: {"volume": IMAGE, "thresholds": GRID},
    "homology.betti_numbers_batch": lambda: {"volumes": IMAGE[None], "thresholds": GRID, "jobs": 1},
    "homology.kernel_hash": dict,
    "homology.warm_up": dict,
    "diagrams.rips": lambda: {"clouds": small_clouds(), "jobs": 1},
    "diagrams.summarize": lambda: {"dgms": diagrams()},
    **{
        f"distances.{name}": lambda: _AB
        for name in (
            *("bottleneck", "wasserstein", "sliced_wasserstein"),
            *("landscape_distance", "betti_curve_distance"),
        )
    },
    "landscapes.landscape_corners": lambda: _PAIRS,
    "landscapes.mean_landscape": lambda: {"diagrams": BARS, "levels": 2, "grid": GRID},
    "landscapes.grid_gram": lambda: {"diagrams": BARS, "levels": 2, "grid": GRID},
    "landscapes.landscape_gram": lambda: {"diagrams": BARS, "others": BARS[:2]},
    "landscapes.mean_gram": lambda: {"gram": np.eye(3), "groups": list("aab")},
    "landscapes.gram_norms": lambda: {"gram": np.eye(3)},
    "landscapes.gram_distances": lambda: {"gram": np.eye(3)},
    "landscapes.landscape_test": lambda: {"a": BARS, "b": BARS[::-1], **TEST},
    **{
        f"summaries.{name}": lambda: _PAIRS
        for name in (
            *("finite", "by_birth", "cloud_statistics", "n_essential", "n_pairs", "lifespan_sum"),
            *("mean_persistence", "max_persistence", "total_persistence", "persistence_entropy"),
            *("normalized_entropy", "landscape_norm", "diagram_statistics"),
        )
    },
    "summaries.as_sublevel": lambda: {"pairs": A[:, ::-1]},
    "summaries.betti_curve": lambda: {"pairs": A, "grid": GRID},
    "summaries.landscape": lambda: {"pairs": A, "levels": 2, "grid": GRID},
    "summaries.landscape_inner": lambda: _AB,
    "summaries.undefined_reason": lambda: {"statistic": "persistence_entropy", "pairs": 0},
    "vectorize.persistence_image": lambda: {
        **{"pairs": A, "resolution": 4, "bandwidth": 0.1},
        **{"birth_range": (0, 1), "length_range": (0, 1)},
    },
    "vectorize.silhouette": lambda: {"pairs": A, "grid": GRID},
    "interchange.from_gudhi": lambda: {"persistence": [(0, (0.0, 1.0)), (1, (0.5, 0.75))]},
    "interchange.from_ripser": lambda: {"result": {"dgms": BARS[:2]}},
    "interchange.from_persim": lambda: {"diagrams": BARS[:2]},
    "interchange.from_giotto": lambda: {"diagrams": np.insert(np.stack(BARS), 2, 0, axis=2)},
    **{
        f"interchange.to_{name}": lambda: {"diagrams": BARS[:2]}
        for name in ("gudhi", "ripser", "persim")
    },
    "interchange.to_giotto": lambda: {"samples": [BARS[:2], BARS[2:]]},
    **{
        f"similarity.{name}": lambda: _XY
        for name in (
            *("angular", "procrustes", "cca", "pwcca", "svcca", "cka", "mutual_knn", "rsa"),
            "rtd_lite",
        )
    },
    "similarity.cka_matrix": lambda: {"layers": [X, Y], "others": [Y]},
    "similarity.calibrated": lambda: {**_XY, "shuffles": 19},
    "similarity.calibrated_matrix": lambda: {"layers": [X, Y], "others": [Y], "shuffles": 19},
    "similarity.cross_barcode": lambda: {"D": D, "E": E},
    "similarity.mtop_div": lambda: {"P": X, "Q": Y},
    "similarity.rtd": lambda: {**_XY, "points": 10, "replicates": 2},
    "similarity.rtd_draws": lambda: {**_XY, "points": 10, "replicates": 2},
    **{
        f"dimension.{name}": lambda: {"X": X}
        for name in (
            *("activation_norm", "covariance_eigenvalues", "effective_rank", "mle"),
            *("participation_ratio", "two_nn"),
        )
    },
    "dimension.ph_dimension": lambda: {"X": X, "replicates": 2},
    "dimension.ph_dimension_from_distances": lambda: {"D": np.abs(X[:, :1] - X[:, 0])},
    "calibration.cube_calibration": lambda: {
        **{"n": 30, "schedule": (8, 16, 30), "dimensions": (1, 2)},
        **{"clouds": 2, "replicates": 2},
    },
    "dimension.cube_of": lambda: {"value": 2.0, "n": 100, "estimator": "two_nn"},
    "dimension.cube_readings": lambda: {"estimator": "two_nn", "n": 100},
    "stats.cluster_regression": lambda: {
        **{"y": FLAT, "x": np.repeat([2.0, 2, 4, 4, 6, 6, 8, 8], 2), "configurations": NETWORKS}
    },
    "stats.disattenuated_correlation": lambda: {"x": NOISY, "y": NOISY.mean(axis=1) + GROWN},
    "stats.exchange": lambda: {"second": [0, 0, 0, 1, 1, 1]},
    "stats.mixed_model": lambda: {
        **{"values": FLAT, "x": np.repeat([0.0, 1.0], 8), "networks": NETWORKS}
    },
    "stats.network_means": lambda: {"values": FLAT, "networks": NETWORKS},
    "stats.partial_correlation": lambda: {"x": U, "y": V},
    "stats.reliability": lambda: {"values": NOISY},
    "stats.two_stage": lambda: {
        **{"values": FLAT, "groups": np.repeat([0, 1], 8), "networks": NETWORKS},
        **TEST,
    },
    "stats.variance_components": lambda: {"values": FLAT, "networks": NETWORKS},
    "stats.benjamini_hochberg": lambda: {"p": [0.1, 0.2]},
    "stats.holm": lambda: {"p": [0.1, 0.2]},
    "stats.bootstrap_interval": lambda: {"values": U, "n_resamples": 99},
    "stats.change_point": lambda: {
        **{"depth": np.arange(5) / 5, "values": RNG.normal(size=(8, 5))},
        **TEST,
    },
    "stats.difference_interval": lambda: {"a": U, "b": V},
    "stats.effects": lambda: {"contrasts": [ts.stats.Contrast(("a", "b"), "s", 0, U, V)]},
    "stats.linearized": lambda: {"values": U, "shares": V},
    "stats.mantel": lambda: {"a": D, "b": E, **TEST},
    "stats.margin_from": lambda: {"between_layer_distances": D},
    "stats.mean_interval": lambda: {"values": U},
    "stats.minimum_detectable": lambda: {"n_units": 8, "spread": 1.0},
    "stats.permanova": lambda: {"distances": D, "groups": np.arange(12) % 2, **TEST},
    "stats.permutation_test": lambda: {"a": U, "b": V, **TEST},
    "stats.permutation_test_gram": lambda: {
        **{"gram": np.eye(8), "groups": np.arange(8) % 2},
        **TEST,
    },
    "stats.power": lambda: {"n_units": 8, "effect": 1.0},
    "stats.prediction_test": lambda: {"value": 0.5, "others": U},
    "stats.proportion_interval": lambda: {"share": 0.5, "n": 100},
    "stats.standardized": lambda: {"statistics": RNG.normal(size=(8, 3))},
    "stats.step_down": lambda: {"statistics": RNG.normal(size=(8, 3))},
    "stats.target_of": lambda: {"unit": "draw"},
    "stats.tost": lambda: {"values": U, "margin": 1.0},
    "stats.trend": lambda: {"steps": np.arange(5.0), "values": RNG.normal(size=(4, 5)), **TEST},
    **{
        f"transfer.{name}": lambda: _FY
        for name in (
            *("gbc", "h_score", "knn", "linear_probe", "logme", "nleep", "parc", "sfda"),
            "transrate",
        )
    },
    "transfer.leep": lambda: {"P": P, "y": LABELS},
    "transfer.nce": lambda: {"P": P, "y": LABELS},
    "transfer.decay_polynomial": lambda: _BETTI,
    "transfer.theta": lambda: _BETTI,
    "transfer.lifetime_score": lambda: {"mean_lifetimes": [1.0, 0.5, 0.25]},
    "transfer.agreement": lambda: {"scores": U, "accuracies": np.abs(V) / 9, "n_resamples": 99},
    "transfer.compare_scores": lambda: {
        **{"a": U, "b": V, "accuracies": np.abs(V) / 9, "n_resamples": 99},
    },
    "transfer.evaluate_scores": lambda: {
        **{"scores": {"one": U, "two": V}, "accuracies": np.abs(V) / 9, "n_resamples": 99},
    },
    "transfer.regret": lambda: {"scores": U, "accuracies": np.abs(V) / 9},
    "transfer.chance_regret": lambda: {"accuracies": np.abs(V) / 9},
    "transfer.constant_ranking": lambda: {"accuracies": ACCURACIES},
    "transfer.noise_ceiling": lambda: {"accuracies": ACCURACIES, "n_resamples": 99},
    **{
        f"datasets.{name}": lambda: {"n": 8}
        for name in (
            *("annuli", "circle", "disks", "figure_eight", "klein_bottle", "linked_circles"),
            *("projective_plane", "sphere", "square_with_holes", "swiss_roll", "torus"),
            *("two_circles", "gaussian", "relu_clusters", "uniform_cube"),
        )
    },
    "nulls.gaussian_null": lambda: {"X": X},
    "nulls.shuffled": lambda: {"X": X, "seed": 0},
    "nulls.parse_nulls": lambda: {"null": "gaussian"},
    "pointclouds.draw_rows": lambda: {"n": 20, "points": 5, "replicates": 2, "seed": 0},
    "pointclouds.estimate_normalizer": lambda: {"X": X},
    "clouds": lambda: {"activations": activations(), "points": 12, "replicates": 2},
    "from_arrays": lambda: {
        **{"layers": {"a": X}, "labels": LABELS, "sample_ids": np.arange(40).astype(str)},
        **{"class_names": ["x", "y"]},
    },
}

INSIDE = {"landscapes.products", "nulls.null_of", "nulls.twin_cloud"}
"""Functions of public modules that take what other functions of toposcope made."""

WORKFLOWS = {
    *("analyze", "analyze_series", "capture", "capture_series", "compare", "describe", "export"),
    *("findings.against_nulls", "findings.look", "findings.look_at_population"),
    "findings.trends_of_trainings",
    *(
        "open",
        "open_series",
        "load_analysis",
        "preregister",
        "preregister_comparison",
        "rank",
        "report",
        "population",
        "zoo",
    ),
    *(
        "plots.plot_barcode",
        "plots.plot_betti_curve",
        "plots.plot_cloud",
        "plots.plot_depth",
        "plots.plot_diagram",
    ),
    *("plots.plot_landscape", "plots.plot_landscape_panel", "plots.plot_layer_distances"),
    *("landmarks", "store.save_arrays", "store.save_batches", "store.twin_of", "store.twins_of"),
    *(
        "studies.run",
        "studies.judge",
        "studies.trust_verdicts",
        "studies.validity",
        "studies.validity_verdicts",
    ),
}
"""Public functions on captures, analyses and folders, whose rooms test what they are handed."""
