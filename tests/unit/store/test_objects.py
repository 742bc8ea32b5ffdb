"""Every kind of place for objects keeps one contract; folders of this machine keep more."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest

from toposcope.errors import DamagedError, RunLockedError, StoreError
from toposcope.store.objects import (
    LocalObjects,
    find_json,
    get_json,
    local_folder,
    objects_in,
    put,
    put_json_at,
)

from .memory_objects import MemoryObjects

PLACES = {
    "folder": lambda path, name: LocalObjects(path / "place"),
    "dictionary": lambda path, name: MemoryObjects(),
    "memory": lambda path, name: objects_in(f"memory://contract/{name}"),
    "s3": lambda path, name: objects_in(f"s3://bucket/contract/{name}"),
}


@pytest.fixture(params=PLACES)
def objects(request, tmp_path):
    """An empty place of each kind."""
    if request.param == "s3":
        request.getfixturevalue("s3")
    return PLACES[request.param](tmp_path, uuid.uuid4().hex)


class TestContract:
    """What every kind of place must do."""

    def test_what_was_put_is_there_whole(self, objects):
        objects.put("a.txt", b"one ", memoryview(b"and "), np.frombuffer(b"two", dtype=np.uint8))
        assert objects.get("a.txt") == b"one and two"
        assert objects.exists("a.txt") and objects.list() == ["a.txt"]
        assert objects.size("a.txt") == 11
        assert [objects.get("a.txt", first=n) for n in (3, 11, 99)] == [
            b"one",
            b"one and two",
            b"one and two",
        ]

    def test_an_object_may_be_empty(self, objects):
        objects.put("empty")
        assert objects.get("empty") == objects.get("empty", first=8) == b"" and objects.map(
            "empty"
        ).shape == (0,)

    def test_the_last_put_counts(self, objects):
        objects.put("a", b"a longer first version")
        before = objects.map("a")
        objects.put("a", b"second")
        assert objects.get("a") == b"second"
        # A view taken before goes on showing the object it was taken of, never a mixture.
        assert before.tobytes() == b"a longer first version"

    def test_readers_see_one_whole_version_while_another_replaces_it(self, objects):
        versions = [bytes([value]) * 200_000 for value in range(2)]
        objects.put("a", versions[0])
        stop = threading.Event()

        def replace():
            while not stop.is_set():
                for version in versions:
                    objects.put("a", version)

        writer = threading.Thread(target=replace)
        writer.start()
        try:
            seen = {objects.get("a") for _ in range(200)}
        finally:
            stop.set()
            writer.join()
        assert seen <= set(versions)

    def test_names_have_slashes_and_folders_are_no_objects(self, objects):
        objects.put("acts/0/layer1.0/000000.json", b"tick")
        assert objects.get("acts/0/layer1.0/000000.json") == b"tick"
        assert not objects.exists("acts/0") and not objects.exists("acts/0/")

    @pytest.mark.parametrize("name", ["nothing", "below/nothing", "acts", "acts/a/inside"])
    def test_what_is_not_there_is_a_file_not_found(self, objects, name):
        objects.put("acts/a", b"x")
        assert not objects.exists(name)
        for read in (objects.get, objects.map, objects.size):
            with pytest.raises(FileNotFoundError, match=name):
                read(name)

    def test_a_map_is_a_read_only_view_of_the_bytes(self, objects):
        objects.put("a", bytes(range(256)))
        view = objects.map("a")
        assert view.dtype == np.uint8 and view.tolist() == list(range(256))
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1

    def test_list_is_by_prefix_and_sorted(self, objects):
        for name in ["b/2", "b/10", "b/1/x", "bb", "a", "b.json"]:
            objects.put(name, b"")
        assert objects.list() == ["a", "b.json", "b/1/x", "b/10", "b/2", "bb"]
        assert objects.list("b/") == ["b/1/x", "b/10", "b/2"]
        assert objects.list("b/1") == ["b/1/x", "b/10"]
        assert objects.list("c/") == objects.list("a/") == []

    def test_hidden_names_are_never_listed(self, objects):
        for name in [".hidden", "a/.b/c", "a/.tmp-1", "a/seen"]:
            objects.put(name, b"")
        assert objects.list() == objects.list("a/") == ["a/seen"]
        assert objects.exists(".hidden")

    def test_a_place_within_has_its_own_names_and_its_own_lock(self, objects):
        inner = objects.within("results/4f2a")
        inner.put("ledger/1.json", b"{}")
        assert objects.list() == ["results/4f2a/ledger/1.json"] and inner.list() == [
            "ledger/1.json"
        ]
        assert objects.within("results").within("4f2a").get("ledger/1.json") == b"{}"
        assert inner.where("ledger/1.json") == objects.where("results/4f2a/ledger/1.json")
        with objects.lock(), inner.lock():
            pass
        assert objects.within("") == objects

    def test_one_writer_at_a_time(self, objects):
        with objects.lock():
            with pytest.raises(RunLockedError), objects.lock():
                pytest.fail("the place was locked twice")
            objects.put("a", b"written under the lock")
        with objects.lock():  # it is free again
            assert objects.list() == ["a"]

    def test_an_error_gives_the_lock_back(self, objects):
        with pytest.raises(RuntimeError, match="in between"), objects.lock():
            msg = "in between"
            raise RuntimeError(msg)
        with objects.lock():
            pass

    def test_a_place_can_be_a_key(self, objects):
        assert len({objects, objects.within("a"), objects}) == 2

    def test_json_goes_through(self, objects):
        put_json_at(objects, "a.json", {"b": [1, None], "a": "ü"})
        assert (
            get_json(objects, "a.json")
            == find_json(objects, "a.json")
            == {"b": [1, None], "a": "ü"}
        )
        assert find_json(objects, "b.json") is None
        with pytest.raises(FileNotFoundError):
            get_json(objects, "b.json")
        objects.put("a.json", b'{"b": ')
        with pytest.raises(DamagedError, match=r"a\.json is not readable JSON"):
            find_json(objects, "a.json")


class TestLocalObjects:
    """What folders of this machine do beyond the contract."""

    def test_they_are_pickled_by_reference(self, tmp_path):
        objects = LocalObjects(tmp_path).within("below")
        again = pickle.loads(pickle.dumps(objects))
        objects.put("a", b"x")
        assert again == objects and again.get("a") == b"x"

    def test_files_are_where_they_say(self, tmp_path):
        objects = objects_in(str(tmp_path))
        objects.put("a/b", b"x")
        assert (tmp_path / "a" / "b").read_bytes() == b"x"
        assert objects.where("a/b") == str(tmp_path / "a" / "b")
        assert local_folder(objects) == tmp_path and objects_in(objects) is objects

    @pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/hostname"])
    def test_no_name_leads_out_of_the_folder(self, tmp_path, name):
        objects = LocalObjects(tmp_path / "place")
        (tmp_path / "outside").write_text("secret")
        for call in (objects.get, objects.put, objects.exists, objects.map, objects.within):
            with pytest.raises(StoreError, match="leads out of that folder"):
                call(name)

    def test_temporary_files_of_a_killed_writer_are_never_listed(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / ".tmp-17-c0ffee").write_bytes(b"half of")
        LocalObjects(tmp_path).put("a/b", b"whole")
        assert LocalObjects(tmp_path).list() == ["a/b"]

    def test_the_parts_of_an_object_are_written_one_after_the_other(self, tmp_path, monkeypatch):
        """No copy that joins them: a shard takes no memory beyond the chunk it is made of."""
        header, body = b"head", np.arange(1 << 20, dtype=np.uint8)
        written, opened = [], Path.open

        def spied(path, mode):
            stream = opened(path, mode)
            write = stream.write
            stream.write = lambda part: (written.append(part), write(part))
            return stream

        monkeypatch.setattr(Path, "open", spied)
        LocalObjects(tmp_path).put("a", header, body)
        assert written[0] is header and written[1] is body

    def test_putting_over_a_folder_is_refused(self, tmp_path):
        LocalObjects(tmp_path).put("a/b", b"x")
        with pytest.raises(IsADirectoryError, match="name a file"):
            put(tmp_path / "a", b"x")

    def test_the_lock_refuses_a_second_process_and_ends_with_a_killed_one(self, tmp_path):
        code = (
            "import sys, time; from pathlib import Path\n"
            "from toposcope.store.objects import LocalObjects\n"
            "with LocalObjects(Path(sys.argv[1])).lock():\n"
            "    print('locked', flush=True); time.sleep(60)\n"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(RunLockedError, match="another process is writing"):
                LocalObjects(tmp_path).lock()
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait(timeout=30)
        with LocalObjects(tmp_path).lock():
            assert LocalObjects(tmp_path).list() == []  # the lock's own file is hidden


def test_what_needs_a_folder_of_this_machine_says_so():
    with pytest.raises(StoreError, match=r"memory:.*is no folder of this machine.*from_arrays"):
        local_folder(MemoryObjects())
