"""Kernels are compiled once: warm_up covers them all, and a second process compiles nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from toposcope import homology

SOURCE = Path(homology.__file__).parents[1]

COUNT = """
import sys
from numba.core import event

class Compiled(event.Listener):
    names = []
    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__qualname__ + str(event.data["args"]))
    def on_end(self, event):
        pass

from toposcope.homology import warm_up
"""

EVERYTHING = """
import numpy as np
from toposcope import distances, homology as h, summaries
from toposcope.homology.neighbors import nearest

rng = np.random.default_rng(3)
cloud = rng.normal(size=(40, 5))
D = h.distances(cloud)
for X in (cloud, cloud.astype(np.float32), cloud[:, ::2], np.asfortranarray(cloud)):
    for metric in ("euclidean", "cosine", "correlation"):
        h.rips(X, metric=metric)
    h.longest_loops(X)
    h.geodesic_distances(X, 4)
    h.farthest_landmarks(X, 4)
    h.random_landmarks(X, 4)
    h.sparse_rips(X, epsilon=0.3)
    h.rips(h.local_distances(X, quantile=0.5), metric="precomputed")
    nearest(np.asarray(X, dtype=np.float64), 3)
for matrix in (D, D.astype(np.float32), D.T, np.rint(D)):
    h.rips(matrix, metric="precomputed", max_edge_length=2.0)
    h.nested_h0(matrix, rng.permutation(40), [5, 20])
large = rng.normal(size=(600, 8))
h.rips(large)
h.rips(large, homology_dimensions=(0,))
h.rips(large[:70], homology_dimensions=(0, 1, 2))
for dtype in (bool, np.uint8, np.float16, np.float32, np.float64):
    for shape in ((6, 7), (3, 6, 7)):
        volume = (9 * rng.random(shape)).astype(dtype)
        for construction in "VT":
            for sublevel in (True, False):
                options = {"construction": construction, "sublevel": sublevel}
                h.betti_numbers(volume, [3.0], **options)
                h.betti_numbers(volume, np.arange(20.0), **options)
                h.betti_numbers_batch(volume[None], [3.0], **options)
                h.betti_curves(volume, **options)
                h.cubical(volume, homology_dimensions=(0, len(shape) - 1), **options)
h0, h1 = (d[np.isfinite(d[:, 1])] for d in h.rips(large[:100]))
g0, g1 = (d[np.isfinite(d[:, 1])] for d in h.rips(large[100:200]))
for a, b in ((h0, g0), (h1, g1)):
    for order in (1, 2.0, 3):
        for p in (1, 2, np.inf):
            distances.wasserstein(a, b, order=order, internal_p=p)
        distances.landscape_distance(a, b, order=order)
    distances.bottleneck(a, b)
    summaries.landscape_inner(a, b)
    summaries.landscape(a, 5, np.linspace(0, 2, 9))
"""


def run_python(code: str) -> str:
    words = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_warm_up_compiles_all_that_is_ever_called_and_a_second_process_nothing() -> None:
    homology.warm_up()  # this process fills the cache, which the other one reads
    listening = 'with event.install_listener("numba:compile", Compiled()):\n    '
    assert run_python(COUNT + listening + "warm_up()\nprint(Compiled.names)") == "[]"
    body = EVERYTHING.strip().replace("\n", "\n    ")
    assert run_python(COUNT + listening + body + "\nprint(Compiled.names)") == "[]"


def test_kernels_live_where_the_cache_key_sees_them() -> None:
    compiled = re.compile(r"^@(kernel|numba\.|njit|jit)", re.MULTILINE)
    outside = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if compiled.search(path.read_text()) and SOURCE / "homology" not in path.parents
    ]
    assert outside == []


def test_what_was_compiled_is_not_loaded_where_workers_alone_need_it(tmp_path) -> None:
    listening = "import toposcope.homology.precompile as p\n"
    body = (
        "calls = []\np._rips = p._others = lambda rng: calls.append(1)\n"
        "p._any_compiled = lambda: True\np.warm_up(load=False)\np.warm_up(load=False)\n"
        "(p.cache_folder() / 'x').touch()\nprint(len(calls))\np.warm_up()\nprint(len(calls))"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent), "TOPOSCOPE_CACHE": str(tmp_path)}
    words = [sys.executable, "-c", listening + body]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["2", "4"]
