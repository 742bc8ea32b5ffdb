"""RUN folders: nothing damaged is ever read, nothing finished is ever lost."""

import os
import shutil

import numpy as np
import pytest

from tests.edits import edit
from toposcope.errors import (
    DamagedError,
    LayerNotFoundError,
    ParameterMismatchError,
    RunLockedError,
    SchemaVersionError,
    StoreError,
    UsageError,
)
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.store.objects import put
from toposcope.store.runs import Run, folder_name, open_run
from toposcope.store.samples import Samples
from toposcope.store.verify import verify

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
IDS = np.array([f"digits:{i}" for i in range(10)])
SAMPLES = Samples(IDS, np.arange(10), np.arange(10) % 2, ("even", "odd"))
PLAN = {"block@1": {"shape": [3], "dtype": "float32"}}
SPEC = {"model": "m", "seed": 0, "class_names": ["even", "odd"]}


def begin(path, **changes):
    return Run.begin(
        path, **{"spec": SPEC, "samples": SAMPLES, "layers": PLAN, "chunk_rows": 4} | changes
    )


@pytest.fixture
def run(tmp_path):
    with begin(tmp_path / "run") as run:
        for index, start, stop in run.chunks:
            run.write_chunk("block@1", index, X[start:stop])
        run.finish({"n": 10, "top1": None})
    return tmp_path / "run"


def test_reads_back_what_was_written(run):
    acts = open_run(run)
    np.testing.assert_array_equal(acts["block@1"], X)
    rows = np.array([9, 0, 5])
    np.testing.assert_array_equal(acts.rows("block@1", rows), X[rows])
    assert acts.labels.tolist() == [0, 1] * 5 and acts.class_names == ("even", "odd")
    np.testing.assert_array_equal(acts.sample_ids, IDS)


def test_unknown_layer_lists_near_matches(run):
    with pytest.raises(LayerNotFoundError, match="block@1"):
        open_run(run)["blok"]


def test_resume_keeps_what_is_ticked_and_redoes_what_is_not(tmp_path):
    path = tmp_path / "run"
    with begin(path) as run:
        run.write_chunk("block@1", 0, X[:4])
        run.objects.put(run.shard_name("block@1", 1), b"a kill came between data and tick")
    with pytest.raises(StoreError, match="not complete"):
        open_run(path)
    with begin(path) as run:
        assert [run.has_chunk("block@1", i) for i in range(3)] == [True, False, False]
        for index, start, stop in run.chunks[1:]:
            run.write_chunk("block@1", index, X[start:stop])
        run.finish({"n": 10})
    np.testing.assert_array_equal(open_run(path)["block@1"], X)


def test_finish_refuses_an_incomplete_capture(tmp_path):
    with begin(tmp_path / "run") as run, pytest.raises(StoreError, match="no chunk 0"):
        run.finish({})


def test_other_parameters_are_refused_with_the_difference(run):
    with pytest.raises(ParameterMismatchError, match="seed: 0 -> 7"):
        begin(run, spec=SPEC | {"seed": 7})


def test_the_spelling_of_the_command_is_no_parameter(run):
    begin(run, spec=SPEC | {"command": "toposcope capture …"}).__exit__(None, None, None)


def test_two_writers_are_refused(tmp_path):
    with begin(tmp_path / "run"), pytest.raises(RunLockedError, match="another process"):
        begin(tmp_path / "run")
    begin(tmp_path / "run").__exit__(None, None, None)  # the lock is free again


def test_another_schema_version_is_refused(run):
    edit(run / "run.json", lambda plan: plan | {"schema": 99})
    with pytest.raises(SchemaVersionError, match="99"):
        open_run(run)


def test_a_folder_that_is_no_run_says_how_to_make_one(tmp_path):
    with pytest.raises(StoreError, match=r"a folder without run.json.*toposcope capture"):
        open_run(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(StoreError, match="is no folder"):
        open_run(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("mark", "kind", "type_next"),
    [
        ("series.json", "SERIES", "toposcope info"),
        ("comparison.json", "comparison", "toposcope report"),
        ("board.json", "ranking", "toposcope report"),
    ],
)
def test_a_folder_of_another_kind_is_neither_read_nor_written_as_a_run(
    tmp_path, mark, kind, type_next
):
    (tmp_path / mark).write_text("{}")
    with pytest.raises(StoreError, match=f"is a {kind} folder, not a RUN. Type {type_next}"):
        open_run(tmp_path)
    with pytest.raises(UsageError, match=f"is a {kind} already"):
        begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [mark]


def test_a_file_is_not_put_in_place_of_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        put(tmp_path, b"x")


@pytest.mark.parametrize("offset", [0, 9, 40, -1])
def test_every_flipped_byte_is_found(run, offset):
    shard = run / Run.open(run).shard_name("block@1", 1)
    data = bytearray(shard.read_bytes())
    data[offset] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DamagedError, match="000001"):
        open_run(run)["block@1"]
    assert any("000001" in problem for problem in verify(run).problems)


def test_truncated_missing_and_swapped_shards_are_found(run):
    opened = Run.open(run)
    first, second = (run / opened.shard_name("block@1", index) for index in (0, 1))
    whole = first.read_bytes()
    first.write_bytes(whole[:-8])
    with pytest.raises(DamagedError):
        open_run(run)["block@1"]
    first.unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        open_run(run)["block@1"]
    for suffix in (".safetensors", ".json"):
        shutil.copy(second.with_suffix(suffix), first.with_suffix(suffix))
    with pytest.raises(DamagedError, match="swapped with another file"):
        open_run(run)["block@1"]


def test_digest_is_of_values_only(run, tmp_path):
    again = tmp_path / "again"
    with begin(again, spec=SPEC | {"command": "x"}) as other:
        for index, start, stop in reversed(other.chunks):
            other.write_chunk("block@1", index, X[start:stop])
        other.finish({"n": 10, "overhead": 0.3})
    assert verify(run).digest == verify(again).digest != ""
    changed = tmp_path / "changed"
    with begin(changed) as other:
        for index, start, stop in other.chunks:
            other.write_chunk("block@1", index, X[start:stop] + 1)
        other.finish({"n": 10})
    assert verify(changed).digest != verify(run).digest


def test_wrong_shape_is_refused_at_the_door(tmp_path):
    with begin(tmp_path / "run") as run, pytest.raises(StoreError, match="changed shape"):
        run.write_chunk("block@1", 0, X[:3])


def test_a_full_disk_says_what_to_do_and_leaves_no_debris(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with begin(tmp_path / "run") as run:
        run.write_chunk("block@1", 0, X[:4])
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space") as caught:
            run.write_chunk("block@1", 1, X[4:8])
        monkeypatch.undo()
        assert any("free space" in note for note in caught.value.__notes__)
        assert not list(tmp_path.rglob(".tmp-*"))
        np.testing.assert_array_equal(run.shard("block@1", 0), X[:4])


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "", ".", "..", "x" * 300, "weiß é", "a\0b", "<img>"]
)
def test_hostile_layer_names_stay_inside_the_run(name):
    folder = folder_name(name)
    assert "/" not in folder and "\0" not in folder and folder not in ("", ".", "..")
    assert len(folder.encode()) < 255


def test_from_arrays_round_trips_through_a_run(tmp_path):
    acts = from_arrays(
        {"b": X, "a": X[:, :2].astype(np.float16)}, labels=np.array(list("xyxyxyxyxy"))
    )
    assert acts.layers == ("b", "a") and acts.class_names == ("x", "y")
    saved = open_run(save_arrays(acts, tmp_path / "run"))
    assert saved.layers == acts.layers
    np.testing.assert_array_equal(saved["a"], acts["a"])
    np.testing.assert_array_equal(saved.labels, acts.labels)


@pytest.mark.parametrize(
    "layers", [{}, {"a": np.zeros(3)}, {"a": np.zeros((3, 1)), "b": np.zeros((4, 1))}]
)
def test_from_arrays_refuses_what_does_not_fit(layers):
    with pytest.raises(UsageError, match="one row per sample"):
        from_arrays(layers)


def test_from_arrays_refuses_double_ids():
    with pytest.raises(UsageError, match="unique"):
        from_arrays({"a": np.zeros((3, 1))}, sample_ids=np.array(["1", "1", "2"]))


def test_to_xarray_keeps_odd_names_and_order():
    tree = from_arrays({"z/1": X, "a": X}, labels=np.arange(10)).to_xarray()
    nodes = sorted(tree.children.values(), key=lambda node: node.attrs["index"])
    assert [node.attrs["layer"] for node in nodes] == ["z/1", "a"]
    assert nodes[0]["activation"].shape == (10, 3)
