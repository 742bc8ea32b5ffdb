"""RUNs and SERIES behind URLs: the numbers of a folder, on a real S3 server and in this process."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import DamagedError, RunLockedError, StoreError, UsageError
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.inputs.urls import url_of
from toposcope.store import remote
from toposcope.store.ledger import joined_name
from toposcope.store.objects import LocalObjects, lock_folder, objects_in, put
from toposcope.store.series import Member, begin_series, put_series, with_member
from toposcope.store.verify import verify

from ..execution.test_workbook import Around, make, square  # noqa: TID252 - no package

X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
ACTS = ts.from_arrays({"first": X, "second": np.tanh(X)}, labels=np.arange(60) % 2)
DESIGN = {"points": 15, "replicates": 4, "null": "gaussian", "seed": 0}


@pytest.fixture(params=["memory", "s3"])
def place(request):
    """An empty place behind a URL, and how many workers can reach it."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        return f"s3://bucket/{uuid.uuid4().hex}/run", 1
    return f"memory://urls/{uuid.uuid4().hex}/run", 0


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same in a folder."""
    folder = tmp_path_factory.mktemp("local") / "run"
    ts.store.save_arrays(ACTS, folder)
    ts.analyze(folder, **DESIGN, jobs=0)
    return folder


def test_an_analysis_behind_a_url_is_that_of_a_folder(place, local, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url, jobs = place
    ts.store.save_arrays(ACTS, url)
    analysis = ts.analyze(url, **DESIGN, jobs=jobs)
    assert analysis.failures == [] and url_of(analysis.run) == url
    there, here = verify(url), verify(local)
    assert there.problems == there.notes == ()
    assert (there.digest, there.parts, there.shards) == (here.digest, here.parts, here.shards)
    assert ts.load_analysis(url).table.equals(ts.load_analysis(local).table)
    page = ts.report(url, to="report.html").read_text()
    assert url in page and url.replace("//", "/") not in page
    assert [one.name for one in Path().iterdir()] == ["report.html"]
    # Nothing is done again, and nothing is written.
    before = objects_in(url).get("results/current.json")
    again = ts.analyze(url, **DESIGN, jobs=jobs)
    assert again.table.equals(analysis.table)
    assert objects_in(url).get("results/current.json") == before


def test_a_bucket_and_a_folder_can_be_copied_into_each_other(local, tmp_path):
    url = f"memory://urls/{uuid.uuid4().hex}"
    bucket, copy = objects_in(url), LocalObjects(tmp_path / "copy")
    for source, target in ((objects_in(local), bucket), (bucket, copy)):
        for name in source.list():
            target.put(name, source.get(name))
        assert verify(target) == verify(source)
        # What is there is found in the form it has; a new design is added in the other one.
        path = target.where()
        assert ts.analyze(path, **DESIGN, jobs=0).table.equals(ts.load_analysis(local).table)
        ts.analyze(path, **{**DESIGN, "points": 14 - (target is copy)}, jobs=0)
    assert verify(tmp_path / "copy").problems == verify(url).problems == ()
    mixed = [name for name in objects_in(tmp_path / "copy").list() if name.endswith(".task")]
    assert len(mixed) == 8  # of the design that was added in the bucket


def test_a_finished_task_costs_one_put(s3, tmp_path):
    objects = objects_in(f"s3://bucket/puts-{uuid.uuid4().hex}")
    workbook, tasks = Workbook(objects, suffix=".txt"), make(60)
    workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
    workbook.seal([], tasks=tasks)
    asked = s3.requests(objects.url.removeprefix("s3://bucket/"))
    puts = [key for method, key, _ in asked if method == "PUT"]
    assert sum(key.endswith(".task") for key in puts) == 60
    assert len(puts) <= 1.1 * 60
    # Nothing was listed: what exists is known from the tasks.
    whole = s3.log.read_text()
    assert f"prefix={objects.url.removeprefix('s3://bucket/')}" not in whole
    assert [int(data) for _, data in workbook.parts(tasks)] == [job**2 for job in range(60)]


def test_what_is_damaged_behind_a_url_is_told(tmp_path):
    objects = objects_in(f"memory://urls/{uuid.uuid4().hex}")
    objects.put("comparison.json", b"{}")
    workbook, tasks = Workbook(objects, suffix=".txt"), make(6)
    workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
    workbook.seal(["comparison.json"], tasks=tasks)
    assert verify(objects).problems == ()
    name = joined_name(tasks[2].key)
    whole = objects.get(name)
    for where in (9, 60, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[where] ^= 4
        objects.put(name, bytes(flipped))
        assert verify(objects).digest == "" and verify(objects).problems
        with pytest.raises(DamagedError, match=r"\.task.*does not match its recorded hash"):
            list(workbook.parts(tasks))
    objects.put(name, whole[:30])
    with pytest.raises(DamagedError, match=r"\.task"):
        list(workbook.parts(tasks))
    objects.put(name, whole)
    assert verify(objects).problems == ()


DRIVER = """
import os, sys, threading, time
import toposcope as ts
from toposcope.execution import slices
from toposcope.store.ledger import Ledger
kept, done = Ledger.publish, []
def publish(self, *args):
    kept(self, *args)
    done.append(1)
    if len(done) == 3:
        print("three", flush=True)
        time.sleep(60)
Ledger.publish = publish
ts.analyze(sys.argv[1], points=15, replicates=4, null="gaussian", seed=0, jobs=0)
"""


def test_a_driver_killed_in_between_resumes_on_s3(s3, local):
    url = f"s3://bucket/{uuid.uuid4().hex}/run"
    ts.store.save_arrays(ACTS, url)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, url], stdout=subprocess.PIPE, text=True
    )
    with driver:
        assert driver.stdout.readline() == "three\n"
        with pytest.raises(RunLockedError, match=rf"process {driver.pid} on .* lock ends in"):
            ts.analyze(url, **DESIGN, jobs=0)
        driver.kill()
        driver.wait(timeout=30)
    prefix = url.removeprefix("s3://bucket/")
    before = [key for method, key, _ in s3.requests(prefix) if method == "PUT" and "task" in key]
    analysis = ts.analyze(url, **DESIGN, jobs=0)  # a dead process of this machine holds no lock
    puts = [key for method, key, _ in s3.requests(prefix) if method == "PUT" and "task" in key]
    assert len(before) == 3 and len(puts) == len(set(puts)) == 8
    assert analysis.table.equals(ts.load_analysis(local).table)
    assert verify(url).digest == verify(local).digest


class TestLease:
    """The one writer's lock of a URL."""

    @pytest.fixture
    def objects(self, s3, monkeypatch):
        monkeypatch.setattr(remote, "LEASE", 1.5)
        return objects_in(f"s3://bucket/{uuid.uuid4().hex}")

    def held(self, objects):
        return json.loads(objects.get(".lock"))

    def test_it_is_renewed_while_its_holder_lives(self, objects):
        with objects.lock():
            first = self.held(objects)["until"]
            time.sleep(2)
            assert self.held(objects)["until"] > first
            with pytest.raises(RunLockedError), objects.lock():
                pytest.fail("the place was locked twice")
        assert self.held(objects)["until"] == 0

    def test_of_a_dead_writer_elsewhere_it_ends_with_its_time(self, objects):
        dead = {"owner": "x", "host": "another machine", "process": 1}
        objects.put(".lock", json.dumps({**dead, "until": time.time() + 1}).encode())
        with pytest.raises(RunLockedError, match="its lock ends in"), objects.lock():
            pytest.fail("the lease was not over")
        time.sleep(1.1)
        with objects.lock():
            assert self.held(objects)["host"] != "another machine"

    def test_who_lost_it_says_so(self, objects):
        lost = pytest.raises(RunLockedError, match="was lost while this process wrote")
        with lost, objects.lock():
            objects.put(".lock", json.dumps({**self.held(objects), "owner": "y"}).encode())
            time.sleep(1)
        assert self.held(objects)["owner"] == "y"


def test_a_series_behind_a_url(place):
    url, _ = place
    series = begin_series(url, "step")
    for step in (20, 3):
        ts.store.save_arrays(ACTS, f"{url}/step_{step}")
        series = put_series(with_member(series, Member(step, f"step_{step}")))
    told = ts.open_series(url)
    assert told.steps == (3, 20) and url_of(told.runs[0]) == f"{url}/step_3"
    analysis = ts.analyze(told.runs[1], **DESIGN, jobs=0)
    assert url_of(analysis.run) == f"{url}/step_20" and verify(url).problems == ()


def test_a_url_that_cannot_be_reached_says_which_and_what_to_check(monkeypatch):
    monkeypatch.setattr(remote, "RETRIED", remote.timedelta(seconds=0))
    remote._opened.cache_clear()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"s3://nobody/run/run\.json.*endpoint in the environment"):
        ts.open("s3://nobody/run")
    remote._opened.cache_clear()


def test_a_bucket_that_is_not_there_is_told_by_who_writes(s3):
    with pytest.raises(StoreError, match=r"s3://missing/run/.*no such bucket"):
        ts.store.save_arrays(ACTS, "s3://missing/run")


def test_what_lies_in_this_process_is_not_given_to_others():
    url = f"memory://urls/{uuid.uuid4().hex}"
    ts.store.save_arrays(ACTS, url)
    with pytest.raises(StoreError, match=r"held by this process.*Pass jobs=0"):
        ts.analyze(url, **DESIGN, jobs=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda url: ts.compare(ACTS, ACTS, plan=url, points=15),
        lambda url: ts.rank(url, "x.npz"),
        lambda url: ts.report([ACTS], to=url),
        lambda url: ts.export(ACTS, to="npz", out=url),
        lambda url: ts.analyze(ACTS, **DESIGN, plan=url),
        lambda url: ts.preregister(url, "runs/x"),
        lambda url: ts.zoo(url, "x.npz", store="zoo"),
        lambda url: LocalObjects(Path(url)),
        lambda url: lock_folder(Path(url)),
        lambda url: put(Path(url) / "a", b""),
    ],
)
@pytest.mark.parametrize("url", ["s3://bucket/x", "https://host/x", "gs://bucket/x"])
def test_where_only_folders_will_do_a_url_is_refused(call, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"(bucket|host)/x"):
        call(url)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "url", ["https://host/run", "r2://a/run", "s3://", "memory://", "x3://a/b"]
)
def test_places_of_unknown_kinds_are_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (ts.open, ts.analyze, lambda one: ts.store.save_arrays(ACTS, one)):
        with pytest.raises(UsageError, match=r"are unknown|names no place"):
            call(url)
    assert list(Path().iterdir()) == []


def test_a_url_of_a_file_is_a_folder(tmp_path):
    ts.store.save_arrays(ACTS, (tmp_path / "run").as_uri())
    assert ts.open(tmp_path / "run").n == ts.open((tmp_path / "run").as_uri()).n == 60
    with pytest.raises(UsageError, match="after three slashes"):
        ts.open("file://somewhere/run")


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/hostname", "a\0b"])
def test_no_name_leads_out_of_a_url(name):
    objects = objects_in("memory://urls/inside")
    for call in (objects.get, objects.put, objects.exists, objects.map, objects.within):
        with pytest.raises(StoreError, match="leads out of that place"):
            call(name)


def test_tasks_are_sealed_by_what_was_planned():
    objects = objects_in(f"memory://urls/{uuid.uuid4().hex}")
    workbook, tasks = Workbook(objects, suffix=".txt"), make(3)
    for task in tasks[:2]:
        workbook.ledger.publish(task.key, b"1", ".txt")
    seal = workbook.seal([], tasks=[*tasks, Task(9, "never tried")])
    assert set(seal.tasks) == {task.key for task in tasks[:2]}
