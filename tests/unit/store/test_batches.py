"""RUNs that nobody held whole: the same bytes as from arrays, and batches that do not fit."""

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from toposcope.errors import StoreError, UsageError
from toposcope.store import arrays, runs
from toposcope.store import batches as module
from toposcope.store.objects import objects_in
from toposcope.store.shards import let_go

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 4)).astype(np.float32)
Y = RNG.integers(0, 9, size=(103, 2, 3))
LABELS = np.arange(103) % 3


def cut(size):
    return ({"first": X[i : i + size], "second": Y[i : i + size]} for i in range(0, 103, size))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Chunks of 16 rows, as if rows were large."""
    for place in (module, runs, arrays):
        monkeypatch.setattr(place, "CHUNK_BYTES", 16 * (4 * 4 + 8 * 6))


@pytest.mark.parametrize("size", [1, 7, 16, 50, 103, 500])
def test_it_is_the_run_of_the_arrays(size, tmp_path):
    whole = ts.from_arrays({"first": X, "second": Y}, labels=LABELS, class_names=list("abc"))
    made = ts.store.save_batches(
        tmp_path / "run", cut(size), n=103, labels=LABELS, class_names=list("abc")
    )
    acts = ts.open(made)
    for layer in whole.layers:
        np.testing.assert_array_equal(acts[layer], whole[layer])
        assert acts[layer].dtype == whole[layer].dtype
    assert acts.labels.tolist() == LABELS.tolist() and acts.class_names == ("a", "b", "c")
    assert acts.sample_ids.tolist() == whole.sample_ids.tolist()
    assert len([n for n in objects_in(made).list() if "first" in n and "safe" in n]) == 7


def test_its_numbers_are_those_of_the_arrays(tmp_path):
    """Nulls too, whose chance follows from how a layer is stored."""
    whole = ts.from_arrays({"first": X, "second": Y})
    made = ts.store.save_batches(tmp_path / "run", cut(16), n=103)
    saved = ts.store.save_arrays(whole, tmp_path / "saved")
    found = [ts.analyze(one, points=20, replicates=3, jobs=0).table for one in (made, saved)]
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize(
    ("batches", "n", "told"),
    [
        ([{"a": X[:50]}, {"a": X[50:]}], 104, r"end after 103 samples; n=104. Pass n=103"),
        ([{"a": X[:50]}, {"a": X[50:]}], 60, r"batches\[1\] goes past n=60: 103 samples"),
        ([{"a": X[:50]}, {"b": X[50:]}], 103, r"batches\[1\]: layer 'a' is not there"),
        ([{"a": X[:50]}, {"a": X[50:, :3]}], 103, r"'a' is float32 \(m, 3\), .*float32 \(m, 4\)"),
        ([{"a": X[:50]}, {"a": X[50:].astype(float)}], 103, r"is float64 \(m, 4\)"),
        ([{"a": X[:50], "b": X[:49]}], 103, r"batches\[0\] is .*one row for each sample"),
        ([{"a": X[:0]}], 103, r"batches\[0\] is .*one row for each sample"),
        ([{"a": X[:, 0]}], 103, r"batches\[0\] is .*one row for each sample"),
        ([], 103, r"batches\[0\] is .*names of layers with arrays"),
        (object(), 103, r"batches=.*needed is an iterable of mappings"),
        ({"a": X}, 103, r"batches=.*needed is an iterable of mappings"),
        ([X], 103, r"batches\[0\] is .*names of layers with arrays"),
        ([{"a": X[:50] * 1j}], 103, r"batches\[0\]\['a'\]"),
    ],
)
def test_batches_that_do_not_fit_are_named_and_leave_no_whole_run(batches, n, told, tmp_path):
    with pytest.raises(UsageError, match=told):
        ts.store.save_batches(tmp_path / "run", batches, n=n)
    with pytest.raises(StoreError):
        ts.open(tmp_path / "run")


def test_ids_and_labels_are_those_of_all_samples(tmp_path):
    with pytest.raises(UsageError, match="need 103 unique sample_ids"):
        ts.store.save_batches(tmp_path / "run", cut(50), n=103, sample_ids=["x"] * 103)
    with pytest.raises(UsageError, match="save_batches"):
        ts.store.save_batches(tmp_path / "run", cut(50), n=103, labels=LABELS[:9])
    assert not (tmp_path / "run").exists()


def test_pages_that_were_given_back_are_read_again(tmp_path):
    acts = ts.open(ts.store.save_batches(tmp_path / "run", cut(50), n=103))
    before = acts["first"].copy()
    run = runs.Run.open(tmp_path / "run")
    shard = run.shard("first", 0)
    let_go(shard)
    let_go(np.arange(3))
    np.testing.assert_array_equal(shard, before[: len(shard)])
