"""A seed is a whole number or a generator, for every function that draws; nothing else gets in."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError

RNG = np.random.default_rng(0)
F, Y = RNG.normal(size=(60, 5)), np.arange(60) % 3
ACTS = ts.from_arrays({"x": RNG.normal(size=(160, 4))}, name="a")
OTHER = ts.from_arrays({"x": RNG.normal(size=(160, 4))}, name="b")
DESIGN = {"points": 20, "replicates": 8, "jobs": 0}

DRAWS = {
    "compare": lambda seed: ts.compare(ACTS, OTHER, **DESIGN, n_resamples=99, seed=seed),
    "analyze": lambda seed: ts.analyze(ACTS, **DESIGN, null="none", seed=seed),
    "clouds": lambda seed: ts.clouds(ACTS, points=20, replicates=2, seed=seed),
    "calibrated": lambda seed: ts.similarity.calibrated(F, F[:, :2], shuffles=19, seed=seed),
    "rtd": lambda seed: ts.similarity.rtd(F, F[:, :2], points=20, replicates=2, seed=seed),
    "shuffled": lambda seed: ts.nulls.shuffled(F, seed=seed),
    "gaussian_null": lambda seed: ts.nulls.gaussian_null(F).sample(5, seed=seed),
    "circle": lambda seed: ts.datasets.circle(10, noise=0.1, seed=seed),
    "permutation_test": lambda seed: ts.stats.permutation_test(F[:8, 0], F[8:16, 0], seed=seed),
    "bootstrap_interval": lambda seed: ts.stats.bootstrap_interval(F[:8, 0], seed=seed),
    "change_point": lambda seed: ts.stats.change_point(np.arange(5) / 5, F[:8], seed=seed),
    "nleep": lambda seed: ts.transfer.nleep(F, Y, seed=seed),
    "linear_probe": lambda seed: ts.transfer.linear_probe(F, Y, seed=seed),
    "noise_ceiling": lambda seed: ts.transfer.noise_ceiling(F[:3], seed=seed),
    "compare_scores": lambda seed: ts.transfer.compare_scores(
        F[:8, 0], F[:8, 1], F[:8, 2], seed=seed
    ),
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", [np.int64(1), np.uint8(1), np.random.default_rng(1)], ids=type)
def test_whole_numbers_of_numpy_and_generators_are_seeds(name, seed):
    DRAWS[name](seed)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, None], ids=repr)
def test_everything_else_is_refused_by_name(name, seed):
    with pytest.raises(UsageError, match="seed="):
        DRAWS[name](seed)


@pytest.mark.parametrize(
    "wrong", [{"level": "x"}, {"level": 1.5}, {"n_resamples": 0}, {"calibrate": -1}], ids=repr
)
def test_compare_refuses_numbers_that_are_none(wrong):
    with pytest.raises(UsageError, match=rf"compare\(\): {next(iter(wrong))}="):
        ts.compare(ACTS, OTHER, **DESIGN, **wrong)
    ts.compare(ACTS, OTHER, **DESIGN, level=np.float32(0.9), n_resamples=np.int64(99))
