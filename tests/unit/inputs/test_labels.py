"""Labels and class names: a missing label is never a class, a name stays with its class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import toposcope as ts
from toposcope.activations.data.load import load_data
from toposcope.errors import UsageError
from toposcope.inputs.labels import read_labels

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
MISSING = [
    [0.0, 1.0, np.nan] * 2,
    ["a", None, "b"] * 2,
    ["a", float("nan"), "b"] * 2,
    ["a", " ", "b"] * 2,
    ["a", "NA", "b"] * 2,
    pd.array([0, 1, pd.NA] * 2, dtype="Int64"),
    pd.Categorical(["b", None, "a"] * 2),
    np.ma.masked_array([0, 1, 2] * 2, mask=[0, 0, 1] * 2),
    np.array([b"a", b"", b"b"] * 2),
]


@pytest.mark.parametrize("labels", MISSING)
def test_missing_labels_are_refused_with_their_count_on_every_path(labels):
    for read in (
        lambda: ts.from_arrays({"a": X}, labels=labels),
        lambda: load_data((X, labels)),
        lambda: ts.transfer.logme(X, labels),
    ):
        with pytest.raises(UsageError, match="2 of 6 labels are missing"):
            read()


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (["b", "a"] * 3, [1, 0] * 3, ("a", "b")),
        ([b"b", b"a"] * 3, [1, 0] * 3, ("a", "b")),
        ([True, False] * 3, [1, 0] * 3, ("False", "True")),
        ([1.0, 0.0] * 3, [1, 0] * 3, ("0", "1")),
        (torch.tensor([1.0, 0.0] * 3, dtype=torch.bfloat16), [1, 0] * 3, ("0", "1")),
        (np.array([[1], [0]] * 3), [1, 0] * 3, ("0", "1")),
        (pd.Categorical(["b", "a"] * 3), [1, 0] * 3, ("a", "b")),
        ([-1, 0, 1] * 2, [-1, 0, 1] * 2, ("0", "1")),
    ],
)
def test_what_labels_may_be(labels, numbers, names):
    acts = ts.from_arrays({"a": X}, labels=labels)
    assert (acts.labels.tolist(), acts.class_names) == (numbers, names)
    source = load_data((X, labels))
    assert (source.labels.tolist(), source.class_names) == (numbers, names)


@pytest.mark.parametrize(
    ("labels", "names", "says"),
    [
        ([0.2, 0.7] * 3, (), "no whole number"),
        ([-1, 1] * 3, (), "pass labels > 0"),
        ([-1] * 6, (), "all 6 labels are negative"),
        ([-2, 0] * 3, (), "the first -2"),
        ([1, "a"] * 3, (), "one kind"),
        (["é".encode("latin-1")] * 6, (), "not UTF-8"),
        (["z", "a"] * 3, ["a", "b"], "not in class_names"),
        (["x", "y"] * 3, ["x", "x", "y"], "name of 2 classes"),
        ([0, 2] * 3, ["a"], "Name 3 classes"),
        ([0, 1] * 3, ["a", None], "None at position 1"),
        ([0, 1] * 3, "ab", "needed is a sequence of names"),
        (np.eye(6), (), "argmax"),
    ],
)
def test_what_is_no_class_is_refused(labels, names, says):
    with pytest.raises(UsageError, match=says):
        ts.from_arrays({"a": X}, labels=labels, class_names=names)


def test_names_stay_with_their_classes():
    words = ["b", "c", "a"] * 2
    acts = ts.from_arrays({"a": X}, labels=words, class_names=["c", "b", "a"])
    assert [acts.class_names[k] for k in acts.labels] == words
    # A class may be called None where its name is given.
    assert read_labels(["None", "b"], 2, ["b", "None"], where="y")[0].tolist() == [1, 0]
    cranes = ts.from_arrays({"a": X}, labels=[0, 1] * 3, class_names=["crane", "crane"])
    assert cranes.class_names == ("crane (0)", "crane (1)")


def test_unlabelled_samples_are_in_no_class():
    rows = np.random.default_rng(1).normal(size=(30, 2))
    acts = ts.from_arrays({"a": rows}, labels=np.repeat([-1, 0, 1], 10))
    assert acts.attrs["unlabelled"] == 10
    draws = ts.clouds(acts, points=5, replicates=2, per_class=True).draws
    assert [draw.label for draw in draws] == ["0", "0", "1", "1"]
    assert all((draw.rows >= 10).all() for draw in draws)


def test_activations_do_not_follow_later_changes_of_the_array():
    mine = X.copy()
    acts = ts.from_arrays({"a": mine})
    mine[:] = 9
    assert np.array_equal(acts["a"], X)
    with pytest.raises(UsageError, match="one name"):
        ts.from_arrays({1: X, "1": X})


def test_blanks_around_a_name_are_no_other_class(caplog):
    labels, names = read_labels(["a ", "b", "a", " b"], 4, where="y")
    assert (labels.tolist(), names) == ([0, 1, 0, 1], ("a", "b"))
    assert "2 names differ from others by blanks" in caplog.text
    caplog.clear()
    assert read_labels([" a", "b"], 2, [" a", "b"], where="y")[0].tolist() == [0, 1]
    assert read_labels(["a ", "b"], 2, ["a", "b"], where="y")[0].tolist() == [0, 1]
    assert not caplog.text
