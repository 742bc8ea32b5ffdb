"""What an executor costs beside its tasks, and how soon a finished run knows that it is finished.

Run: python -m benchmarks.bench_executors. Tasks sleep half a second, so that a machine with other
work to do is no reason for a long one; each says when it began and ended. Slurm's commands are
those of the tests, which run arrays on this machine.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import toposcope
from toposcope.execution.executors import Workers
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import INDEX, Workbook
from toposcope.store.checked_json import pack
from toposcope.store.ledger import DONE, tick_name
from toposcope.store.objects import LocalObjects, put_json_at

SECONDS = 0.5
PORT = 18787


@dataclass(frozen=True)
class Nap:
    """A job: one of many."""

    number: int


def nap(job: Nap, seconds: float) -> bytes:
    """When it began and when it ended."""
    began = time.time()
    time.sleep(seconds)
    return f"{began} {time.time()}".encode()


def cost(folder: Path, jobs: Workers, tasks: int) -> tuple[float, float, float, float]:
    """Overhead between the first task and the last, start, end, and CPU of this process a task."""
    todo = [Task(Nap(number), f"nap {number}") for number in range(tasks)]
    workbook = Workbook(LocalObjects(folder), ".txt")
    called, cpu = time.time(), time.process_time()
    workbook.run(nap, todo, SECONDS, jobs=jobs, title="nap", forecast=lambda _: SECONDS)
    back, cpu = time.time(), time.process_time() - cpu
    times = [tuple(map(float, part.split())) for _, part in workbook.parts(todo)]
    assert len(times) == tasks
    first, last = min(began for began, _ in times), max(ended for _, ended in times)
    whole = sum(ended - began for began, ended in times)
    return 2 * (last - first) / whole - 1, first - called, back - last, cpu / tasks


@contextmanager
def surroundings(name: str, folder: Path) -> Iterator[None]:
    """What an executor needs around it."""
    if name.startswith("dask://"):
        words = [sys.executable, "-m", "dask"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        scheduler = [*words, "scheduler", "--host", "127.0.0.1", "--port", str(PORT)]
        worker = [*words, "worker", f"127.0.0.1:{PORT}", "--nthreads", "1", "--no-nanny"]
        processes = [
            subprocess.Popen([*command, "--no-dashboard"], **quiet)
            for command in (scheduler, worker, worker)
        ]
        time.sleep(20)  # both workers are there
        yield
        for process in processes:
            process.kill()
            process.wait()
    elif name == "slurm":
        from tests.unit.execution.fake_slurm import FakeSlurm

        before = os.environ["PATH"]
        os.environ["PATH"] = f"{FakeSlurm(folder / 'slurm').bin}:{before}"
        yield
        os.environ["PATH"] = before
    else:
        yield


def engines(tasks: int, repeats: int) -> None:
    """Print a table of all executors."""
    names = ["processes", "loky", "dask:local", f"dask://127.0.0.1:{PORT}", "slurm"]
    names += ["ray:local"] if find_spec("ray") else []
    print(
        f"{tasks} tasks of {SECONDS} s on 2 workers, median of {repeats}\n\n"
        "| executor | overhead, first task to last | start s | end s | CPU ms a task, driver |\n"
        "|---|---|---|---|---|"
    )
    for name in names:
        with tempfile.TemporaryDirectory() as folder, surroundings(name, Path(folder)):
            found = [cost(Path(folder, str(i)), Workers(2, name), tasks) for i in range(repeats)]
            share, start, end, cpu = map(statistics.median, zip(*found, strict=True))
        shown = re.sub(r"127.*", "HOST:PORT", name)
        print(
            f"| {shown} | {100 * share:.1f} % | {start:.1f} | {end:.1f} | {1000 * cpu:.1f} |",
            flush=True,
        )


def resumed(tasks: int, repeats: int) -> None:
    """Print how long it takes to see that all of many tasks are done."""
    todo = [Task(Nap(number), f"nap {number}") for number in range(tasks)]
    with tempfile.TemporaryDirectory() as folder:
        objects = LocalObjects(Path(folder))
        (Path(folder) / "ledger").mkdir()
        for key in (task.key for task in todo):  # a tick, without waiting for the disk each time
            value = {"status": DONE, "part": "0" * 32}
            (Path(folder) / tick_name(key)).write_bytes(pack(tick_name(key), value))
        # What the run that finished them would have left.
        put_json_at(objects, INDEX, {"done": sorted(task.key for task in todo)})
        walls, cpus = [], []
        for _ in range(repeats):
            began, cpu = time.perf_counter(), time.process_time()
            todo = [Task(Nap(number), f"nap {number}") for number in range(tasks)]
            assert Workbook(objects, ".txt").run(nap, todo, SECONDS, title="nap") == []
            walls.append(time.perf_counter() - began)
            cpus.append(time.process_time() - cpu)
    wall, spent = statistics.median(walls), statistics.median(cpus)
    print(
        f"a finished run of {tasks:,} tasks: nothing is left, decided in {wall:.1f} s "
        f"({spent:.1f} CPU s, median of {repeats})"
    )


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=["engines", "resumed"])
    args = parser.parse_args()
    paths = [str(Path(toposcope.__file__).parent.parent), str(Path.cwd())]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])
    if args.only != "resumed":
        engines(args.tasks, args.repeats)
    if args.only != "engines":
        resumed(args.finished, args.repeats)


if __name__ == "__main__":
    main()
