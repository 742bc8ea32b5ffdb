"""The straightforward script with today's libraries, timed part by part."""

from __future__ import annotations

import time

import numpy as np
from gudhi.representations.vector_methods import BettiCurve, Landscape
from persim.persistent_entropy import persistent_entropy
from ripser import ripser
from sklearn.neighbors import NearestNeighbors

PARTS = [
    "homology",
    "scalars",
    "betti curves",
    "landscapes",
    "ph_dimension",
    "two_nn",
    "effective rank",
]


def measure_with_peers(cloud: np.ndarray, cpu: dict[str, float]) -> dict[str, float]:
    """All numbers of one cloud; adds the CPU seconds of each part to `cpu`."""
    clock = time.process_time()

    def lap(part: str) -> None:
        nonlocal clock
        now = time.process_time()
        cpu[part] += now - clock
        clock = now

    diagrams = ripser(cloud, maxdim=1)["dgms"]
    lap("homology")
    finite = [d[np.isfinite(d[:, 1])].astype(np.float64) for d in diagrams]
    out: dict[str, float] = {}
    for k, pairs in enumerate(finite):
        lengths = pairs[:, 1] - pairs[:, 0]
        out[f"n_pairs{k}"] = len(pairs)
        out[f"lifespan_sum{k}"] = float(lengths.sum())
        out[f"max_persistence{k}"] = float(lengths.max(initial=0.0))
        out[f"persistence_entropy{k}"] = float(persistent_entropy(pairs)[0])
        out[f"landscape_norm{k}"] = float(np.sqrt((lengths**3).sum() / 12))
    lap("scalars")
    BettiCurve(resolution=100, sample_range=[0, 2]).fit_transform(finite)
    lap("betti curves")
    Landscape(num_landscapes=5, resolution=100, sample_range=[0, 2]).fit_transform(finite)
    lap("landscapes")
    out["ph_dimension"] = ph_dimension(cloud)
    lap("ph_dimension")
    near = NearestNeighbors(n_neighbors=3).fit(cloud).kneighbors(cloud)[0]
    out["two_nn"] = float((len(cloud) - 1) / np.log(near[:, 2] / near[:, 1]).sum())
    lap("two_nn")
    values = np.linalg.svd(cloud - cloud.mean(axis=0), compute_uv=False) ** 2
    share = values[values > 0] / values.sum()
    out["effective_rank"] = float(np.exp(-(share * np.log(share)).sum()))
    lap("effective rank")
    return out


def ph_dimension(cloud: np.ndarray, replicates: int = 10) -> float:
    """Slope of log E0 against log n over the same sub-samples, with ripser's H0."""
    n = len(cloud)
    sizes = np.unique(np.rint(np.geomspace(n / 8, n, 8)).astype(int))
    rng = np.random.default_rng(0)
    orders = [rng.permutation(n) for _ in range(replicates)]
    x, y = [], []
    for size in sizes:
        logs = []
        for order in orders[:1] if size == n else orders:
            deaths = ripser(cloud[order[:size]], maxdim=0)["dgms"][0][:, 1]
            logs.append(np.log(deaths[np.isfinite(deaths)].sum()))
        x.append(np.log(size))
        y.append(np.mean(logs))
    return float(1 / (1 - np.polyfit(x, y, 1)[0]))
