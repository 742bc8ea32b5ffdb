"""What stands out is found by the design of the runs, and corrected for all that was looked at."""

from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.findings import Place, Step
from toposcope.findings.changes import changes, contrasts
from toposcope.findings.looked_at import HEADLINE, checkpoints, replicate_values
from toposcope.reporting.entry import in_training_order
from toposcope.stats import Contrast, effects
from toposcope.store.arrays import from_arrays, save_arrays

RNG = np.random.default_rng(0)
OPTIONS = {"points": 30, "replicates": 4, "jobs": 0}


def network(path, step, spread, ids=None):
    """A 'network' of two layers whose second one collapses onto clusters as training goes on."""
    centers = np.repeat(RNG.normal(size=(4, 5)), 30, axis=0)
    layers = {"a": RNG.normal(size=(120, 5)), "b": centers + spread * RNG.normal(size=(120, 5))}
    acts = from_arrays(layers, sample_ids=ids, name="net")
    acts.attrs.update({"step": step, "name": f"net step {step}"})
    return ts.analyze(save_arrays(acts, path), **OPTIONS)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    return [network(folder / str(step), step, s) for step, s in ((0, 1.0), (9, 0.1), (5, 0.5))]


def test_checkpoints_are_ordered_by_step(series):
    assert [series[i].attrs["step"] for i in checkpoints(series)["net"]] == [0, 5, 9]


def test_training_is_looked_at_layer_by_layer_last_against_first(series):
    found = contrasts(series)
    assert len(found) == 2 * len(HEADLINE)
    steps = Step(9.0), Step(0.0)
    assert {c.where for c in found} == {Place(1, "net step 9", "net", x, x, *steps) for x in "ab"}
    largest = changes(series)[0]
    assert largest.where.layer == "b" and largest.high < -0.15
    assert largest.looked_at == len(found) and largest.n == 4


def test_a_report_shows_checkpoints_in_training_order(series):
    shown = in_training_order(series)
    assert [a.attrs["step"] for a in shown] == [0, 5, 9]
    assert in_training_order(shown[::-1]) == shown


def test_unpaired_checkpoints_are_no_series(series, tmp_path):
    other = network(tmp_path / "x", 20, 1.0, ids=np.arange(1000, 1120).astype(str))
    assert checkpoints([series[0], other]) == {}


def test_checkpoints_of_another_design_are_no_series(series, tmp_path):
    path = save_arrays(series[0].activations, tmp_path / "x")
    same, other = (ts.analyze(path, **OPTIONS, coeff=coeff) for coeff in (2, 3))
    for later in (same, other):
        later.attrs.update({"step": 20, "model": series[0].attrs["model"]})
    assert other.design.differs(same.design) == ("coeff",)
    assert len(checkpoints([series[0], same])) == 1
    assert checkpoints([series[0], other]) == {}


def test_one_network_is_looked_at_along_its_depth(series):
    found = contrasts(series[:1])
    assert {c.where for c in found} == {Place(0, "net step 0", "net", "b", "a")}
    assert changes(series[:1])[0].looked_at == len(HEADLINE)


def test_a_missing_replicate_takes_the_comparison_out(series):
    table = series[0].table.copy()
    one = (table["layer"] == "a") & (table["statistic"] == "two_nn") & (table["replicate"] == 1)
    assert one.sum() == 3  # data and both nulls
    assert len(replicate_values(series[0], "a", "two_nn", None)) == 4
    table.loc[one, "status"] = "failed"
    broken = replace(series[0], table=table)
    assert len(replicate_values(broken, "a", "two_nn", None)) == 0


def test_a_change_that_a_null_shows_too_is_not_beyond_it():
    before = np.array([1.0, 1.1, 0.9, 1.05])
    contrast = Contrast(
        "late against early",
        "lifespan_sum",
        0,
        before,
        2 * before,
        nulls={"gaussian": (3 * before, 6 * before), "shuffled": (before, before)},
    )
    gaussian, shuffled = effects([contrast])[0].nulls
    assert (gaussian.null, gaussian.change, gaussian.n) == ("gaussian", pytest.approx(1.0), 4)
    assert gaussian.beyond == pytest.approx(0.0) and shuffled.beyond == pytest.approx(1.0)
    assert shuffled.change == pytest.approx(0.0) and shuffled.low == pytest.approx(1.0)


def test_findings_stand_beside_every_null():
    rng = np.random.default_rng(0)
    layers = {"a": rng.normal(size=(160, 3)), "b": rng.normal(size=(160, 6))}
    found = ts.analyze(
        ts.from_arrays(layers), points=40, replicates=4, null="gaussian,shuffled", jobs=0
    )
    sums = [one for one in changes([found]) if one.statistic == "lifespan_sum"]
    top = next(one for one in sums if one.homology_dimension == 0)
    assert [one.null for one in top.nulls] == ["gaussian", "shuffled"]
    # Gaussian clouds: the dimension alone makes the sum grow, and both nulls share it.
    assert top.change > 0.3 and all(one.change > 0.3 for one in top.nulls)
    assert all(abs(one.beyond) < 0.15 and one.low < one.beyond < one.high for one in top.nulls)
