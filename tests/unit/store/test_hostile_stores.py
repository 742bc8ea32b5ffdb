"""Folders that strangers made: errors name the file, nothing is followed, nothing hangs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from tests.edits import edit
from tests.faults.fuzz_stores import ARCHIVES, STORES, fuzz
from toposcope.cli.inspecting import describe
from toposcope.errors import DamagedError, StoreError, ToposcopeError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.store.commands import plain_command
from toposcope.store.objects import LocalObjects, lock_folder, read_json, remove_leftovers
from toposcope.store.runs import open_run
from toposcope.store.samples import SAMPLES
from toposcope.store.verify import verify


@pytest.fixture
def run(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 3))
    return save_arrays(from_arrays({"block": X}), tmp_path / "run")


@pytest.mark.parametrize("store", STORES)
def test_any_change_of_a_store_is_an_error_of_ours(store, tmp_path):
    assert fuzz(store, tmp_path, tries=12, seed=0) == 12


@pytest.mark.parametrize("store", STORES)
def test_stores_of_versions_before_say_what_nobody_vouches_for(store):
    whole = verify(ARCHIVES / store)
    assert whole.problems == () and whole.digest
    assert any("without a hash" in note for note in whole.notes)


def test_a_pipe_is_not_waited_for(run):
    (run / "capture.json").unlink()
    os.mkfifo(run / "capture.json")
    assert describe(run)["complete"] is False
    (run / SAMPLES).unlink()
    os.mkfifo(run / SAMPLES)
    with pytest.raises(DamagedError, match=r"samples\.parquet is no file but a pipe"):
        open_run(run)


@pytest.mark.parametrize("what", ["results", "results/x", "acts", ".lock", "twin"])
def test_links_that_lead_out_are_not_followed(run, tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = run / what
    if what == "acts":
        shutil.move(run / "acts", outside / "acts")
        link.symlink_to(outside / "acts")
        with pytest.raises(StoreError, match="a link that leads out"):
            open_run(run)["block"]
        return
    if what == "results/x":
        analysis = ts.analyze(run, points=10, replicates=2, null="none", jobs=0)
        folder = run / "results" / analysis.attrs["analysis"]
        shutil.move(folder, outside / folder.name)
        folder.symlink_to(outside / folder.name)
    elif link.exists():
        link.unlink()
        link.symlink_to(outside / "made")
    else:
        link.symlink_to(outside, target_is_directory=True)
    before = sorted(outside.rglob("*")), [p.stat().st_mtime_ns for p in outside.rglob("*")]
    if what == "twin":
        with pytest.raises((ToposcopeError, OSError)):
            LocalObjects(run).put("twin/run.json", b"{}")
    else:
        with pytest.raises((ToposcopeError, OSError), match=r"link"):
            ts.analyze(run, points=11, replicates=2, null="none", jobs=0)
            ts.analyze(run, points=10, replicates=2, null="none", jobs=0)
    after = sorted(outside.rglob("*")), [p.stat().st_mtime_ns for p in outside.rglob("*")]
    assert before == after


def test_links_inside_and_a_folder_that_is_a_link_are_fine(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    whole = open_run(run)["block"]
    np.testing.assert_array_equal(open_run(tmp_path / "link")["block"], whole)
    shutil.move(run / "acts", run / "kept")
    (run / "acts").symlink_to(run / "kept")
    np.testing.assert_array_equal(open_run(run)["block"], whole)


def test_what_a_killed_writer_left_is_removed_by_the_next(run):
    dead, lives = run / ".tmp-4194303-0123456789ab", run / f".tmp-{os.getpid()}-0123456789ab"
    below = run / "acts" / ".tmp-4194302-0123456789ab"
    young = run / ".tmp-4194301-0123456789ab"
    for file in (dead, lives, below, young):
        file.write_bytes(b"x" * 100)
        if file != young:
            os.utime(file, (0, 0))
    lock_folder(run).close()
    assert not dead.exists() and not below.exists() and lives.exists() and young.exists()
    assert remove_leftovers(run) == 0


def test_a_finished_analysis_of_a_read_only_run_is_returned(run, monkeypatch):
    from toposcope.analysis import run as module

    first = ts.analyze(run, points=10, replicates=2, null="none", jobs=0)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}

    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    for name in ("put_json_at", "compact"):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(LocalObjects, "lock", refuse)
    again = ts.analyze(run, points=10, replicates=2, null="none", jobs=0)
    assert again.table.equals(first.table)
    assert before == {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with pytest.raises(OSError, match="Read-only"):
        ts.analyze(run, points=10, replicates=2, null="none", jobs=0, level=0.9)


def test_the_level_of_an_analysis_may_change_without_its_numbers(run):
    wide, narrow = (
        ts.analyze(run, points=10, replicates=3, null="none", jobs=0, level=level)
        for level in (0.95, 0.5)
    )
    assert wide.table.equals(narrow.table)
    first, second = (one.intervals["high"] - one.intervals["low"] for one in (wide, narrow))
    known = first.notna()
    assert (second <= first)[known].all() and (second < first).any()
    assert verify(run).problems == ()
    spec = next((run / "results").glob("*/spec.json"))
    edit(spec, lambda old: {**old, "level": 0.55})
    with pytest.raises(DamagedError, match=r"spec\.json does not match"):
        ts.analyze(run, points=10, replicates=3, null="none", jobs=0, level=0.5)


def test_a_strangers_command_is_no_advice():
    assert plain_command("toposcope capture hf:m npz:a.npz -n 5 -o 'a b'").endswith("'a b'")
    for evil in ("rm -rf ~", "toposcope capture\x1b[2J x", "toposcope capture 'x", 5, None):
        assert plain_command(evil) == ""
    assert plain_command("toposcope capture a b; rm -rf ~").count("'") >= 2


def test_the_seal_of_an_analysis_names_the_run_it_was_made_from(run, tmp_path):
    X = np.random.default_rng(1).normal(size=(30, 3))
    other = save_arrays(from_arrays({"block": X}, name="other"), tmp_path / "other")
    for each in (run, other):
        ts.analyze(each, points=10, replicates=2, null="none", jobs=0)
    shutil.rmtree(run / "results")
    shutil.copytree(other / "results", run / "results")
    assert any("another RUN" in problem for problem in verify(run).problems)
    from toposcope.analysis.opening import load_analysis

    with pytest.raises(DamagedError, match="another RUN"):
        load_analysis(run)


def test_huge_numbers_and_deep_nesting_name_the_file(run):
    for data in (b'{"a": ' + b"9" * 5000 + b"}", b"[" * 200_000):
        Path(run / "run.json").write_bytes(data)
        with pytest.raises(DamagedError, match=r"run\.json is not readable JSON"):
            open_run(run)
    with pytest.raises(DamagedError):
        read_json(run / "run.json")
