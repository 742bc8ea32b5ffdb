"""Similarity against shuffled samples: how often unrelated layers stand out, how often related do.

Simulated through `similarity.calibrated` and `similarity.calibrated_matrix`.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.calibration.claims import add, claim
from toposcope.similarity import calibrated, calibrated_matrix
from toposcope.stats import mean_interval

SHUFFLES = 199


def _noise(rng: np.random.Generator, n: int, d: int, kind: str = "gaussian") -> np.ndarray:
    if kind == "relu":  # correlated units, rectified, with a few samples far out
        mixed = rng.normal(size=(n, 8)) @ rng.normal(size=(8, d)) / 3 + rng.normal(size=(n, d))
        return np.maximum(mixed, 0) * rng.lognormal(sigma=0.7, size=(n, 1))
    return rng.normal(size=(n, d))


def _stands_out(
    rng: np.random.Generator, *, measure: str, n: int, d: int, kind: str = "gaussian"
) -> bool:
    X, Y = (_noise(rng, n, d, kind) for _ in range(2))
    one = calibrated(X, Y, measure=measure, shuffles=SHUFFLES, seed=rng)
    return one.pvalue.item() <= 0.05


_WORLDS = (
    ("cka", 50, 8, "gaussian", 4000),
    ("cka", 50, 2048, "gaussian", 1000),
    ("cka", 300, 64, "gaussian", 4000),
    ("cka", 1000, 2048, "gaussian", 500),
    ("cka", 100, 64, "relu", 4000),
    ("cka_biased", 50, 8, "gaussian", 4000),
    ("cka_rbf", 50, 64, "relu", 1000),
    ("rsa", 50, 64, "relu", 4000),
    ("mutual_knn", 50, 64, "relu", 4000),
    ("procrustes", 50, 8, "gaussian", 400),
    ("cca", 50, 8, "gaussian", 400),
    ("rtd_lite", 50, 8, "gaussian", 400),
)
for _measure, _n, _d, _kind, _simulations in _WORLDS:
    add(
        f"similarity.{_measure}_{_n}_{_d}_{_kind}",
        partial(_stands_out, measure=_measure, n=_n, d=_d, kind=_kind),
        f"p ≤ 5 % of `{_measure}`",
        world=f"two unrelated layers, n = {_n}, {_d} units"
        + (", rectified, heavy-tailed norms" if _kind == "relu" else ""),
        simulations=_simulations,
        at_most=0.05,
        at_least=0.04 if _measure != "mutual_knn" else 0.03,
    )


def _networks(rng: np.random.Generator, shared: float) -> tuple[list[np.ndarray], ...]:
    """Two networks of 6 layers, each layer made from the one before; `shared` in layers 3 on."""
    common = rng.normal(size=(100, 2))
    sides = []
    for _ in range(2):
        x, layers = rng.normal(size=(100, 16)), []
        for depth, width in enumerate((8, 16, 32, 64, 128, 256)):
            x = np.maximum(x @ rng.normal(size=(x.shape[1], width)) / np.sqrt(x.shape[1]), 0)
            if depth == 3:
                x = x + shared * common @ rng.normal(size=(2, width))
            layers.append(x)
        sides.append(layers)
    return tuple(sides)


@claim(
    "p ≤ 5 % of the best of 36 pairs (`best_pvalue`)",
    world="two unrelated networks of 6 layers, n = 100",
    simulations=4000,
    at_most=0.05,
    at_least=0.04,
)
def best_of_36(rng: np.random.Generator) -> bool:
    """The largest effect, judged as the largest."""
    found = calibrated_matrix(*_networks(rng, 0.0), shuffles=SHUFFLES, seed=rng)
    return found.best_pvalue <= 0.05


@claim(
    "some pair has `adjusted` ≤ 5 %",
    world="two unrelated networks of 6 layers, n = 100",
    simulations=4000,
    at_most=0.05,
    at_least=0.04,
)
def any_adjusted(rng: np.random.Generator) -> bool:
    """Each of 36 pairs, corrected together."""
    found = calibrated_matrix(*_networks(rng, 0.0), shuffles=SHUFFLES, seed=rng)
    return found.adjusted.min() <= 0.05


@claim(
    "some pair has `pvalue` ≤ 5 %: what a search without correction finds",
    world="two unrelated networks of 6 layers, n = 100",
    simulations=1000,
)
def any_uncorrected(rng: np.random.Generator) -> bool:
    """Describes why the two rows above are needed."""
    found = calibrated_matrix(*_networks(rng, 0.0), shuffles=SHUFFLES, seed=rng)
    return found.pvalue.min() <= 0.05


def _mean_effect_holds_0(rng: np.random.Generator, *, n: int, d: int, best: bool) -> bool:
    """Whether the 95 % interval of the mean effect over 30 comparisons holds 0."""
    effects = []
    for _ in range(30):
        if best:
            both = _networks(rng, 0.0)
            effects.append(calibrated_matrix(*both, shuffles=SHUFFLES, seed=rng).best_effect)
        else:
            X, Y = (_noise(rng, n, d) for _ in range(2))
            found = calibrated(X, Y, measure="cka_biased", shuffles=SHUFFLES, seed=rng)
            effects.append(found.effect.item())
    mean = mean_interval(np.array(effects), level=0.95)
    return mean.low <= 0 <= mean.high


for _n, _d, _best in ((50, 8, False), (50, 256, False), (100, 0, True)):
    add(
        f"similarity.mean_effect_{_n}_{_d}",
        partial(_mean_effect_holds_0, n=_n, d=_d, best=_best),
        f"95 % interval of the mean {'`best_effect`' if _best else '`effect` of `cka_biased`'} "
        "holds 0",
        world="30 comparisons of unrelated "
        + ("networks of 6 layers, n = 100" if _best else f"layers, n = {_n}, {_d} units"),
        simulations=200,
        at_least=0.93,
    )


@claim(
    "p ≤ 5 % of `cka`: related layers stand out",
    world="2 of 64 directions shared, of the size of each other one, n = 100",
    simulations=1000,
    at_least=0.5,
)
def power_of_one(rng: np.random.Generator) -> bool:
    """A weak relation between two layers."""
    common = rng.normal(size=(100, 2))
    X, Y = (np.hstack([common, rng.normal(size=(100, 62))]) for _ in range(2))
    return calibrated(X, Y, shuffles=SHUFFLES, seed=rng).pvalue.item() <= 0.05


@claim(
    "the best of 36 pairs is below 5 % and lies where something is shared",
    world="networks of 6 layers, two directions shared from layer 4 on, n = 100",
    simulations=1000,
    at_least=0.8,
)
def power_of_a_search(rng: np.random.Generator) -> bool:
    """A relation between deep layers, searched among all."""
    found = calibrated_matrix(*_networks(rng, 0.7), shuffles=SHUFFLES, seed=rng)
    return found.best_pvalue <= 0.05 and min(found.best) >= 3
