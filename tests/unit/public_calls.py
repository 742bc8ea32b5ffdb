"""Calls every public function of topology once per engine, then tells what was loaded for it.

Run by `test_licences` in a process of its own: `python public_calls.py FOLDER` writes
FOLDER/report.json.
"""

import inspect
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np

import toposcope as ts
from toposcope import diagrams, dimension, homology, similarity
from toposcope.cli import main
from toposcope.diagrams import (
    distances,
    estimators,
    interchange,
    landscapes,
    summaries,
    vectorize,
)
from toposcope.store import save_arrays

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = RNG.normal(size=(40, 3))
D = homology.distances(X)
APART = np.kron(np.eye(2), np.ones((20, 20)))  # two groups that are never joined
IMAGE = RNG.normal(size=(6, 7))
VOLUME = RNG.normal(size=(4, 5, 6))
GRID = np.linspace(0, 1, 5)
A, B = np.sort(RNG.random((2, 6, 2)), axis=2)
BARS = [A, B, A + 0.1]
FROM_ZERO = (np.array([[0.0, 1.0], [0.0, 2.0]]), np.array([[0.0, 1.5]]))
CLOUDS = ts.clouds(ts.from_arrays({"a": X, "b": Y}), points=20, replicates=2, seed=0)

CALLS = [
    homology.kernel_hash,
    homology.warm_up,
    partial(homology.distances, X),
    partial(homology.estimate_cost, 500, 10),
    partial(homology.farthest_landmarks, X, 5),
    partial(homology.landmarks_in_blocks, [X], 5),
    partial(homology.random_landmarks, X, 5),
    partial(homology.geodesic_distances, X),
    partial(homology.geodesic_distances, X, weighted=True),
    partial(homology.local_distances, X),
    partial(homology.longest_loops, X),
    partial(homology.nested_h0, D, np.arange(40), [10, 40]),
    partial(homology.nested_tree_sums, D, np.arange(40), [10, 40]),
    *(partial(homology.rips, X, homology_dimensions=(0, 1, 2, 3), coeff=p) for p in (2, 3)),
    partial(homology.rips, np.where(APART, D, np.inf), metric="precomputed"),
    partial(homology.rips, X, homology_dimensions=(2,), max_edge_length=1.0),
    partial(homology.rips_from_distances, D, homology_dimensions=(0, 1, 2)),
    *(partial(homology.sparse_rips, X, homology_dimensions=(0, 1, 2), coeff=p) for p in (2, 3)),
    *(
        partial(homology.cubical, volume, construction=construction, sublevel=sublevel)
        for volume in (IMAGE, VOLUME)
        for construction in "VT"
        for sublevel in (True, False)
    ),
    *(partial(homology.betti_curves, volume) for volume in (IMAGE, VOLUME)),
    *(partial(homology.betti_numbers, volume, GRID) for volume in (IMAGE, VOLUME)),
    partial(homology.betti_numbers_batch, VOLUME, GRID),
    partial(diagrams.rips, CLOUDS, homology_dimensions=(0, 1, 2)),
    partial(diagrams.summarize, ts.rips(CLOUDS)),
    *(partial(distances.bottleneck, *pair) for pair in ((A, B), FROM_ZERO)),
    *(
        partial(distances.wasserstein, *pair, order=order, relative_error=error)
        for pair in ((A, B), FROM_ZERO)
        for order in (1.0, 2.0)
        for error in (0.0, 0.1)
    ),
    partial(distances.sliced_wasserstein, A, B),
    partial(distances.landscape_distance, A, B),
    partial(distances.landscape_distance, A, B, order=1),
    partial(distances.betti_curve_distance, A, B),
    partial(landscapes.landscape_corners, A),
    partial(landscapes.mean_landscape, BARS, 2, GRID),
    partial(landscapes.landscape_gram, BARS),
    partial(landscapes.grid_gram, BARS, 2, GRID),
    partial(landscapes.mean_gram, np.eye(3), list("aab")),
    partial(landscapes.landscape_test, BARS, BARS[::-1], n_resamples=99),
    partial(landscapes.gram_norms, np.eye(3)),
    partial(landscapes.gram_distances, np.eye(3)),
    partial(landscapes.exact_landscapes, BARS, cutoff=None, call="here"),
    partial(landscapes.products, *[landscapes.exact_landscapes(BARS, cutoff=None, call="")] * 2),
    partial(summaries.finite, A),
    partial(summaries.ended, A, None, call="here"),
    partial(summaries.by_birth, A),
    partial(summaries.betti_curve, A, GRID),
    partial(summaries.as_sublevel, [[3.0, 1.0]]),
    partial(summaries.cloud_statistics, A),
    partial(summaries.corners_of, A, None, call="here"),
    partial(summaries.n_essential, A),
    partial(summaries.n_pairs, A),
    partial(summaries.lifespan_sum, A),
    partial(summaries.mean_persistence, A),
    partial(summaries.max_persistence, A),
    partial(summaries.total_persistence, A),
    partial(summaries.persistence_entropy, A),
    partial(summaries.normalized_entropy, A),
    partial(summaries.landscape, A, 2, GRID),
    partial(summaries.top_landscape, A, 2, GRID, None, call="here"),
    partial(summaries.landscape_inner, A, B),
    partial(summaries.landscape_norm, A),
    partial(summaries.diagram_statistics, A),
    partial(summaries.undefined_reason, "persistence_entropy", 0),
    partial(vectorize.persistence_image, A, bandwidth=0.1, birth_range=(0, 1), length_range=(0, 1)),
    partial(vectorize.silhouette, A, GRID),
    partial(interchange.from_gudhi, [(0, (0.0, 1.0))]),
    partial(interchange.from_ripser, {"dgms": BARS}),
    partial(interchange.from_persim, BARS),
    partial(interchange.from_giotto, [[[0.0, 1.0, 0.0]]]),
    *(
        partial(to, BARS)
        for to in (interchange.to_gudhi, interchange.to_ripser, interchange.to_persim)
    ),
    partial(interchange.to_giotto, [BARS]),
    *(partial(measure, X, Y) for measure in (similarity.angular, similarity.procrustes)),
    *(partial(cca, X, Y) for cca in (similarity.cca, similarity.pwcca, similarity.svcca)),
    *(partial(similarity.cka, X, Y, kernel=kernel) for kernel in similarity.KERNELS),
    partial(similarity.cka_matrix, [X, Y]),
    partial(similarity.calibrated, X, Y, shuffles=19),
    partial(similarity.calibrated_matrix, [X], [Y], shuffles=19),
    partial(similarity.cross_barcode, D, homology.distances(Y)),
    partial(similarity.mtop_div, X, Y),
    partial(similarity.mutual_knn, X, Y),
    partial(similarity.rsa, X, Y),
    partial(similarity.rtd, X, Y, points=20, replicates=2),
    partial(similarity.rtd_draws, X, Y, points=20, replicates=2),
    partial(similarity.rtd_lite, X, Y),
    partial(dimension.activation_norm, X),
    partial(dimension.covariance_eigenvalues, X),
    partial(dimension.cube_calibration, 40, dimensions=(1, 2), clouds=2, replicates=2),
    partial(dimension.cube_of, 3.0, 40, estimator="mle"),
    partial(dimension.cube_readings, "two_nn", 40),
    partial(dimension.effective_rank, X),
    partial(dimension.mle, X),
    partial(dimension.participation_ratio, X),
    partial(dimension.ph_dimension, X, replicates=2),
    partial(dimension.ph_dimension_from_distances, D, replicates=2),
    partial(dimension.two_nn, X),
]

ROOMS = (diagrams, dimension, homology, similarity)
MODULES = (distances, estimators, interchange, landscapes, summaries, vectorize)


def public(module):
    """Names of what a module offers: of what its `__all__` lists, else of what it defines."""
    listed = getattr(module, "__all__", None)
    for name in listed or [name for name in vars(module) if not name.startswith("_")]:
        value = getattr(module, name)
        if callable(value) and (listed or value.__module__ == module.__name__):
            yield value


def title(function):
    return f"{function.__module__}.{function.__qualname__}"


def analyze(folder):
    """A tiny analysis with every complex, by the command."""
    maps = RNG.normal(size=(40, 2, 4, 5)).astype(np.float32)
    run = str(save_arrays(ts.from_arrays({"maps": maps}), folder / "run"))
    points = ["--points", "20", "--replicates", "2"]
    images = ["--thresholds", "0", "--diagrams", "--replicates", "5"]
    sizes = {"rips": points, "geodesic": points, "local": points, "cubical": images}
    for name, size in sizes.items():
        options = ["--complex", name, *size, "--homology", "0,1", "--jobs", "0"]
        failures = main(["analyze", run, *options], standalone_mode=False)
        assert not failures, name


def licenses():
    """Every loaded module that names its license."""
    named = {name: getattr(module, "__license__", None) for name, module in sys.modules.items()}
    return {name: str(license) for name, license in named.items() if license}


if __name__ == "__main__":
    functions = {
        function
        for module in (*ROOMS, *MODULES)
        for function in public(module)
        if not inspect.isclass(function)
    }
    called = set()
    for call in CALLS:
        call()
        called.add(getattr(call, "func", call))
    for transformer in public(estimators):
        transformer().fit_transform(BARS)
    folder = Path(sys.argv[1])
    analyze(folder)
    maps = Path("/proc/self/maps")
    report = {
        "missing": sorted(map(title, functions - called)),
        "licenses": licenses(),
        "modules": sorted(sys.modules),
        "libraries": sorted({line.split("/")[-1] for line in maps.read_text().splitlines()})
        if maps.exists()
        else [],
    }
    (folder / "report.json").write_text(json.dumps(report))
