"""One engine, one cloud, one process: CPU seconds, wall seconds and memory as JSON.

Called by `bench_rips` and `bench_h0`; peers under the GPL or AGPL are imported only here.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Engine = Callable[[np.ndarray, int], list]


def toposcope_matrix(D: np.ndarray, maxdim: int) -> list:
    from toposcope.homology import rips

    return rips(D, metric="precomputed", homology_dimensions=range(maxdim + 1))


def toposcope_points(X: np.ndarray, maxdim: int) -> list:
    from toposcope.homology import rips

    return rips(X, homology_dimensions=range(maxdim + 1))


def ripser_matrix(D: np.ndarray, maxdim: int) -> list:
    from ripser import ripser

    return ripser(D, maxdim=maxdim, distance_matrix=True)["dgms"]


def ripser_points(X: np.ndarray, maxdim: int) -> list:
    from ripser import ripser

    return ripser(X, maxdim=maxdim)["dgms"]


def gudhi_dense(D: np.ndarray, maxdim: int) -> list:
    from gudhi._ripser_ext import _full

    return _full(D, maxdim, np.inf, 2)


def gudhi_radius(D: np.ndarray, maxdim: int) -> list:
    from gudhi._ripser_ext import _full

    return _full(D, maxdim, float(D.max(axis=1).min()), 2)


def gudhi_collapse(D: np.ndarray, maxdim: int) -> list:
    from gudhi._ripser_ext import _sparse
    from gudhi.flag_filtration.edge_collapse import reduce_graph
    from scipy.sparse import coo_matrix

    first, second = np.nonzero(np.triu(D.max(axis=1).min() >= D, k=1))
    graph = reduce_graph(coo_matrix((D[first, second], (first, second)), shape=D.shape), 1)
    return _sparse(graph.row, graph.col, graph.data, len(D), maxdim, np.inf, 2)


def gudhi_sklearn_matrix(D: np.ndarray, maxdim: int) -> list:
    return _gudhi_sklearn(D, maxdim, "full distance matrix")


def gudhi_sklearn_points(X: np.ndarray, maxdim: int) -> list:
    return _gudhi_sklearn(X, maxdim, "point cloud")


def _gudhi_sklearn(data: np.ndarray, maxdim: int, kind: str) -> list:
    from gudhi.sklearn import RipsPersistence

    engine = RipsPersistence(range(maxdim + 1), input_type=kind, homology_coeff_field=2)
    return engine.fit_transform([data])[0]


def giotto_matrix(D: np.ndarray, maxdim: int) -> list:
    from gph import ripser_parallel

    return ripser_parallel(D, maxdim=maxdim, metric="precomputed", n_threads=1)["dgms"]


def giotto_points(X: np.ndarray, maxdim: int) -> list:
    from gph import ripser_parallel

    return ripser_parallel(X, maxdim=maxdim, n_threads=1)["dgms"]


def run(name: str, path: str, maxdim: int, repeats: int) -> dict[str, float]:
    """Least CPU and wall seconds over the repeats, and the growth of the peak memory."""
    engine: Engine = globals()[name]
    data = np.load(path)
    # A small cloud first: imports and compilation are not what is measured.
    small = data[:200, :200] if name.endswith(("matrix", "dense", "radius", "collapse")) else None
    engine(np.ascontiguousarray(small if small is not None else data[:200]), maxdim)
    if name.startswith("toposcope"):
        from toposcope.homology import warm_up

        warm_up()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    cpu, wall, result = [], [], []
    for _ in range(repeats):
        started, clock = time.perf_counter(), time.process_time()
        result = engine(data, maxdim)
        cpu.append(time.process_time() - clock)
        wall.append(time.perf_counter() - started)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    last = np.asarray(result[maxdim], dtype=float).reshape(-1, 2)
    lengths = last[:, 1] - last[:, 0]
    return {
        "cpu": min(cpu),
        "wall": min(wall),
        "bytes": peak - before,
        # What must agree between engines, up to their float32.
        "persistence": float(lengths[np.isfinite(lengths)].sum()),
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
