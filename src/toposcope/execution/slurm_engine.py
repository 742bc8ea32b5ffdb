"""Slurm as an executor: arrays of jobs that take slices from a spool, a folder all machines see.

An element of an array is a worker: it starts once, takes one slice after the other and keeps the
budgets of tasks from outside. Slurm repeats nothing (--no-requeue): an element that vanishes, with
its node or by its time, costs one attempt of the tasks it was at, and another one is asked for. A
watcher process beats the driver's heart, and cancels all jobs when the driver ends in any way.

Written here rather than on submitit (1.5, MIT) or dask-jobqueue (0.9, BSD, last release 2024): the
former starts a process for every job and requeues it by itself, the latter needs a scheduler that
listens on the login node; neither keeps a task's memory and time from outside. Three commands of
Slurm are used, sbatch, squeue and scancel.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import secrets
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from toposcope.errors import MissingExtraError, WorkersLostError
from toposcope.execution.fingerprint import fingerprint
from toposcope.execution.hands import THREAD_VARIABLES
from toposcope.execution.slices import Receipt, Slice, SliceLostError
from toposcope.execution.spool import BEAT, BEGIN, Spool
from toposcope.store.objects import LocalObjects

Result = TypeVar("Result")
log = logging.getLogger("toposcope")

COMMANDS = ("sbatch", "squeue", "scancel")
WIDTH = 16
"""Elements at once where nobody says how many."""
ELSEWHERE = Path("~/.toposcope")
"""Where the spool is when the work is in no folder; homes are seen by all machines of a cluster."""
LARGEST_ARRAY = 1000
"""Elements of one array: what Slurm takes unless its MaxArraySize was raised."""
STEP = 0.1
"""Seconds between two looks into the spool."""
LOOK_EVERY = 10.0
"""Seconds between two questions to Slurm: its controller is shared by a whole cluster."""
LATE = 5.0
"""Seconds for which the last file of a job that is gone may stay unseen on other machines."""
SILENT = 600.0
"""Seconds for which Slurm may answer nothing: what runs goes on meanwhile."""
STARTS_LOST = 3
"""Elements in a row that end before they serve: the next ones would too."""
ANY, WHOLE = "0", "node"
"""Classes of memory: what the partition gives, and all of a node; else MiB."""
OVERHEAD = 512
"""MiB of an element beside its task's claim: the worker that oversees, libraries."""

ELEMENT = (
    "import json, sys; sys.path[:] = json.load(open(sys.argv[1] + '/begin.json'))['path']; "
    "from toposcope.execution.slurm_worker import serve; serve(*sys.argv[1:])"
)
WATCHER = """
import os, select, shutil, subprocess, sys, time
spool, name, beat = sys.argv[1:4]
count = 0
while True:
    count += 1
    try:
        with open(beat + ".new", "w") as file:
            file.write(str(count))
        os.replace(beat + ".new", beat)
    except OSError:
        pass
    if select.select([0], [], [], 1.0)[0]:
        break
for path in (beat, beat + ".new"):
    try:
        os.unlink(path)
    except OSError:
        pass
subprocess.run(["scancel", "--name", name], stdin=subprocess.DEVNULL)
for _ in range(20):
    shutil.rmtree(spool, ignore_errors=True)
    if not os.path.exists(spool):
        break
    time.sleep(0.5)
"""


class Slurm:
    """Jobs of a Slurm cluster.

    Parameters
    ----------
    partition
        Where they run; "" for the cluster's default.
    workers
        Elements at the same time; None for `WIDTH`.
    options
        More words for sbatch, as "--account=physics --time=8:00:00".

    Raises
    ------
    MissingExtraError
        Where Slurm's commands are not.
    """

    died: tuple[type[BaseException], ...] = ()
    slices = True

    def __init__(self, partition: str = "", workers: int | None = None, options: str = "") -> None:
        refuse_no_slurm()
        self.workers = max(workers or WIDTH, 1)
        self._options = [f"--partition={partition}"] if partition else []
        self._options += shlex.split(options)
        self._told = f"slurm:{partition}" if partition else "slurm"
        self._name = f"toposcope-{secrets.token_hex(4)}"
        self._guard = threading.Lock()
        self._futures: dict[int, Future[Any]] = {}
        self._given, self._closed = 0, False
        self._spool: Spool | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._loop: threading.Thread | None = None
        # Elements by class, with the time when each was last known to be there.
        self._elements: dict[str, dict[str, float]] = defaultdict(dict)
        self._asked = self._answered = time.monotonic()
        self._starts_lost = 0

    def __repr__(self) -> str:
        return f"Slurm({self._told!r})"

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run a function in a job; its value travels back in a file, so it should be small."""
        return self._put((function, *args), ANY, ELSEWHERE.expanduser())

    def submit_slice(self, work: Slice) -> Future[list[Receipt]]:
        """Have a job do the tasks of a slice."""
        folder = ELSEWHERE.expanduser()
        if isinstance(work.objects, LocalObjects):
            folder = work.objects.path.resolve()
        claims = [budget.bytes for budget in work.budgets if budget.bytes is not None]
        group = WHOLE if any(budget.alone for budget in work.budgets) else ANY
        if claims:
            group = str((max(claims) >> 20) + 1 + OVERHEAD)
        return self._put((work,), group, folder)

    def renew(self) -> None:
        """Nothing to renew: elements that are gone are replaced."""

    def close(self) -> None:
        """Cancel all jobs and take the spool away."""
        self._closed = True
        if self._loop is not None:
            self._loop.join()
        if self._watcher is not None:
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()
            with suppress(subprocess.TimeoutExpired):  # it goes on by itself
                self._watcher.wait(30)
        self._loop = self._watcher = self._spool = None
        self._elements.clear()
        self._closed = False

    def _put(self, work: tuple[Any, ...], group: str, folder: Path) -> Future[Any]:
        import cloudpickle

        spool = self._opened(folder)
        with self._guard:
            self._given += 1
            number, future = self._given, Future[Any]()
            self._futures[number] = future
        spool.add(number, group, cloudpickle.dumps(work))
        return future

    def _opened(self, folder: Path) -> Spool:
        if self._spool is None:
            # Hidden: no digest and no listing of the place knows it.
            spool = Spool(folder / f".{self._name}").made()
            here = [str(Path.cwd())] if "" in sys.path else []
            path = [entry for entry in sys.path if entry] + here
            spool.write(BEGIN, json.dumps({"code": fingerprint(), "path": path}).encode())
            self._watcher = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", WATCHER),
                    *(str(spool.path), self._name, str(spool.path / BEAT)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            while spool.beat() is None:
                time.sleep(0.01)
            self._spool = spool
            self._loop = threading.Thread(target=self._run, args=(spool,), daemon=True)
            self._loop.start()
        return self._spool

    def _run(self, spool: Spool) -> None:
        """Settle what ended, ask for elements, look for those that are gone; until closed."""
        while not self._closed:
            try:
                self._settle(spool)
                self._look(spool)
                self._ask(spool)
            except WorkersLostError as error:
                self._fail_all(error)
            except Exception as error:  # of a file system that fails now and then
                log.warning("the spool %s cannot be read: %s", spool.path, error)
                if not spool.path.exists():
                    self._fail_all(WorkersLostError(f"{spool.path} is gone: run the same again."))
                time.sleep(1.0)
            time.sleep(STEP)
        self._fail_all(WorkersLostError("the executor was closed"))

    def _settle(self, spool: Spool) -> None:
        for number, data in spool.ended().items():
            kind, value = pickle.loads(data)
            with self._guard:
                future = self._futures.pop(number, None)
            if future is None:
                continue
            if kind == "value":
                future.set_result(value)
            else:
                future.set_exception(value)

    def _ask(self, spool: Spool) -> None:
        """Ask for as many more elements as there is work that nobody will take."""
        waiting, busy = spool.waiting(), set(spool.taken().values())
        width = sum(map(len, self._elements.values()))
        for group, slices in waiting.items():
            free = len(set(self._elements[group]) - busy)
            # What needs more memory gets one element though the others, which end soon, are idle.
            room = max(self.workers - width, not self._elements[group])
            more = min(slices - free, room, LARGEST_ARRAY)
            if more > 0:
                self._submit_array(spool, group, more)
                width += more

    def _submit_array(self, spool: Spool, group: str, count: int) -> None:
        memory = {ANY: [], WHOLE: ["--mem=0"]}.get(group, [f"--mem={group}M"])
        words = [sys.executable, "-P", "-c", ELEMENT, str(spool.path), group]
        script = f"#!/bin/sh\nexec {shlex.join(words)}\n"
        command = [
            *("sbatch", "--parsable", "--ntasks=1", "--cpus-per-task=1", *self._options, *memory),
            # After the user's words: the last of an option counts.
            *("--no-requeue", f"--job-name={self._name}", f"--array=0-{count - 1}"),
            f"--output={spool.path / 'log'}/%A_%a",
        ]
        threads = dict.fromkeys(THREAD_VARIABLES, "1")
        done = _run(command, text=script, environment={**os.environ, **threads})
        job = done.stdout.strip().partition(";")[0]
        if done.returncode or not job:
            msg = (
                f"sbatch refused the jobs ({_last(done.stderr) or done.returncode}): it was given "
                f"{shlex.join(command[1:])}. Say what your cluster needs by --slurm-options, as "
                "--slurm-options '--account=NAME --time=8:00:00'."
            )
            raise WorkersLostError(msg)
        now = time.monotonic()
        self._elements[group].update({f"{job}_{i}": now for i in range(count)})

    def _look(self, spool: Spool) -> None:
        """Ask Slurm which elements there are, and settle what those that are gone were doing."""
        for worker in spool.names("refused"):
            told = (spool.path / "refused" / worker).read_text()
            msg = (
                f"the Slurm job {worker} runs another version of what decides numbers ({told}). "
                "Install there what is here, and run the same command."
            )
            raise WorkersLostError(msg)
        now = time.monotonic()
        if now - self._asked < LOOK_EVERY or not any(self._elements.values()):
            return
        self._asked = now
        done = _run(["squeue", "--noheader", "--array", "--format=%i", f"--name={self._name}"])
        if done.returncode:
            log.warning("squeue: %s", _last(done.stderr))
            if now - self._answered > SILENT:
                msg = (
                    f"Slurm has answered nothing for {SILENT:.0f} s ({_last(done.stderr)}). What "
                    "is done is kept: run the same command again."
                )
                raise WorkersLostError(msg)
            return
        self._answered, there = now, set(done.stdout.split())
        for elements in self._elements.values():
            for element, seen in list(elements.items()):
                if element in there:
                    elements[element] = now
                elif now - seen > LATE:
                    del elements[element]
                    self._gone(spool, element)

    def _gone(self, spool: Spool, element: str) -> None:
        """Lose what an element that is gone had taken, and count those that never served."""
        for number, worker in spool.taken().items():
            if worker == element and not (spool.path / "ended" / str(number)).exists():
                spool.forget(number)
                with self._guard:
                    future = self._futures.pop(number, None)
                if future is not None:
                    log.warning("the Slurm job %s is gone; its tasks are tried again", element)
                    future.set_exception(SliceLostError(f"the Slurm job {element} is gone"))
        if element in spool.names("began"):
            self._starts_lost = 0
            return
        self._starts_lost += 1
        if self._starts_lost >= STARTS_LOST:
            msg = (
                f"{self._starts_lost} Slurm jobs in a row ended before they could begin, the last "
                f"one {element} ({_tail(spool.path / 'log' / element)}). {sys.executable} and the "
                "folder of the run must be there on every node."
            )
            raise WorkersLostError(msg)

    def _fail_all(self, error: Exception) -> None:
        with self._guard:
            futures, self._futures = self._futures, {}
        for future in futures.values():
            future.set_exception(error)


def refuse_no_slurm() -> None:
    """Say so where Slurm's commands are not on the path.

    Raises
    ------
    MissingExtraError
        With the first one that is not.
    """
    for command in COMMANDS:
        if shutil.which(command) is None:
            msg = (
                f"--executor slurm needs Slurm's {command}, and there is none on the PATH: run it "
                "where your cluster's commands are (a login node), or with another --executor."
            )
            raise MissingExtraError(msg)


def _run(
    command: list[str], *, text: str | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _tail(file: Path) -> str:
    try:
        return _last(file.read_text(errors="replace")) or "it wrote nothing"
    except OSError:
        return "it wrote nothing"
