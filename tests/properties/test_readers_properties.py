"""Readers of data, fuzzed: a right value or an error of ours, nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toposcope.activations.data.load import load_data
from toposcope.errors import ToposcopeError
from toposcope.inputs.labels import read_labels

FAST = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
CELLS = st.sampled_from(["1", "2.5", "", "?", "NA", "a", "b ", "-1", "0,5", '"x"', "é", "1e400"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3)
)


def tried(spec):
    """The source, read through once; None where it is refused."""
    try:
        source = load_data(spec)
        batch = source.batch(np.arange(source.n))
    except ToposcopeError:
        return None
    assert len(batch) == source.n
    if source.labels is not None:
        assert source.labels.shape == (source.n,)
        assert source.labels.min() >= -1 and source.labels.max() < len(source.class_names)
        assert len(set(source.class_names)) == len(source.class_names)
        assert "" not in source.class_names
    return source


@FAST
@given(st.lists(SCALARS, min_size=1, max_size=6))
def test_labels(values):
    try:
        labels, names = read_labels(values, len(values), where="y")
    except ToposcopeError:
        return
    for value, label in zip(values, labels, strict=True):
        if label >= 0:
            told = value.decode() if isinstance(value, bytes) else value
            assert names[label] == str(told) or int(names[label]) == told


@FAST
@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_csv(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text("f,label\n" + "\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    tried(f"csv:{path}")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "jsonl.gz", "parquet", "npz", "npy"])
@FAST
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind(tmp_path, ending, data):
    path = tmp_path / f"t.{ending}"
    path.write_bytes(data)
    tried(f"{ending.partition('.')[0]}:{path}")


@FAST
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["text", "label"]),
            SCALARS.filter(lambda one: not isinstance(one, bytes)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_lines_of_json(tmp_path, rows):
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tried(f"jsonl:{path}")


@FAST
@given(data=st.binary(max_size=40), cut=st.integers(0, 80))
def test_damaged_pictures(tmp_path, data, cut):
    from PIL import Image

    folder = tmp_path / "f" / "a"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(folder / "1.png")
    whole = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(whole[:cut] + data + whole[cut + len(data) :])
    tried(f"imagefolder:{tmp_path / 'f'}")


@FAST
@given(st.lists(st.one_of(SCALARS, st.tuples(st.just(np.zeros(2)), SCALARS)), max_size=4))
def test_items(items):
    tried(items)
