"""What a worker imports, and what it says when it cannot go on."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from toposcope.errors import WorkersLostError
from toposcope.execution.executors import Loky, Processes
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import LocalObjects

NAMES = ("loky", "random", "queue", "signal", "types", "token", "select", "copy", "pickle", "json")
NAMES += ("argparse", "struct", "socket", "toposcope", "numpy")


@dataclass(frozen=True)
class Number:
    value: int


class TwoArguments(Exception):
    """Cannot be unpickled: `args` holds one."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} at {where}")


def breaks(job: Number, inputs: None) -> bytes:
    if job.value == 1:
        raise TwoArguments("the disk", "row 7")
    if job.value == 2:
        error = ValueError("no such thing")
        error.add_note("look at row 8")
        raise error
    if job.value == 3:

        class Local(Exception):
            """Cannot be pickled."""

        msg = "of a local class"
        raise Local(msg)
    return b"done"


@pytest.mark.parametrize("jobs", [0, 1])
def test_the_reason_of_a_failure_survives_whatever_class_it_has(tmp_path, jobs):
    workbook = Workbook(LocalObjects(tmp_path), suffix=".txt")
    tasks = [Task(Number(i), f"number {i}") for i in range(5)]
    workbook.run(breaks, tasks, None, jobs=jobs, title="t")
    reasons = {task.title: failure.reason for task, failure in workbook.failures(tasks)}
    assert reasons == {
        "number 1": "TwoArguments: the disk at row 7",
        "number 2": "ValueError: no such thing (look at row 8)",
        "number 3": "Local: of a local class",
    }
    traces = [failure.traceback for _, failure in workbook.failures(tasks)]
    assert all("breaks" in trace for trace in traces)


def test_workers_import_nothing_of_the_folder_they_are_started_in(tmp_path):
    """A stranger's loky.py in the RUN that is analyzed, or a user's own random.py."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r} + chr(10))\n"
        )
    script = textwrap.dedent(
        """
        import sys
        assert "" not in sys.path and not any("planted" in p for p in sys.path)
        from toposcope.execution.executors import Processes
        if __name__ == "__main__":
            pool = Processes(2)
            print(sorted(pool.submit(abs, -i).result() for i in range(4)))
            pool.close()
        """
    )
    folder = tmp_path.parent / f"{tmp_path.name}-script"
    folder.mkdir()
    (folder / "run.py").write_text(script)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, "-P", str(folder / "run.py")],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "[0, 1, 2, 3]", done.stderr
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()
    assert os.environ.get("PYTHONSAFEPATH") == environment.get("PYTHONSAFEPATH")


@pytest.mark.parametrize("kind", [Processes, Loky])
def test_the_environment_is_as_before(kind, monkeypatch):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    pool = kind(1)
    assert pool.submit(os.getenv, "PYTHONSAFEPATH").result() == "1"
    pool.close()
    assert "PYTHONSAFEPATH" not in os.environ


def test_loky_without_shared_memory_says_what_to_do(tmp_path, monkeypatch):
    def refuse(self: Loky) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Loky, "_start", refuse)
    workbook = Workbook(LocalObjects(tmp_path), suffix=".txt")
    with pytest.raises(WorkersLostError, match=r"/dev/shm.*--executor"):
        workbook.run(breaks, [Task(Number(0), "number 0")], None, jobs="loky", title="t")
    assert Path(tmp_path).is_dir()


def test_where_no_process_can_be_started_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    workbook = Workbook(LocalObjects(tmp_path), suffix=".txt")
    with pytest.raises(WorkersLostError, match=r"can be started.*nowhere.*--jobs 0"):
        workbook.run(breaks, [Task(Number(0), "number 0")], None, jobs=1, title="t")
