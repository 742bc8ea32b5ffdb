"""A hand: one worker process that does one call at a time, watched from outside.

Whoever has a hand learns how each call ended: with a value, with an error, or because the process
was lost with it (it died, ran out of its time, took more memory than its claim). The next call has
a fresh process then, and no other hand notices. Calls and answers travel through two pipes; what
the process writes to stderr is passed on, and its tail is told with a loss.

`serve` is what the process does. It imports nothing of the folder it is started in before it knows
the driver's path, has one BLAS thread, and ends within two seconds of the process that started it.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toposcope.errors import WorkersLostError
from toposcope.execution.budgets import (
    Budget,
    held_bytes,
    set_claim,
    set_data_limit,
    timeout_reason,
)
from toposcope.inputs.memory import gib

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
SAFE_PATH = "PYTHONSAFEPATH"

DIED, TIMEOUT, MEMORY = "died", "timeout", "memory"

REFUSALS_ALLOWED = 10
"""Workers that die this often before they take a task will not live the next time either."""
BEGINS_WITHIN = 300.0
"""Seconds in which a process starts and imports what a call needs."""
LOOK_EVERY = 0.1
"""Seconds between two looks at a worker; a look takes 40 us."""
TAIL = 4000
"""Characters of stderr that are kept of a lost worker."""
BEGIN = f"""
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
from {__name__} import serve
serve(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
"""


class LostError(Exception):
    """The process of a call was lost before it answered.

    Parameters
    ----------
    kind
        DIED, TIMEOUT or MEMORY.
    reason
        What is known of it, in one line.
    tail
        The end of what it wrote to stderr.
    """

    def __init__(self, kind: str, reason: str, tail: str = "") -> None:
        super().__init__(kind, reason, tail)
        self.kind, self.reason, self.tail = kind, reason, tail

    def __str__(self) -> str:
        return self.reason


class StoppedError(Exception):
    """Nobody waits any longer for what a hand was doing."""


class TaskError(Exception):
    """Stands for an exception that cannot travel between processes; says what it said.

    Parameters
    ----------
    reason, trace
        Its type and message, and where.
    """

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason, trace)
        self.reason, self.trace = reason, trace


@dataclass
class _Process:
    popen: subprocess.Popen[bytes]
    calls: int
    answers: int
    lines: deque[bytes]
    reader: threading.Thread


class Hand:
    """One worker process; it starts with the first call.

    Examples
    --------
    >>> hand = Hand()
    >>> hand.run(abs, -2)
    2
    >>> hand.close()
    """

    def __init__(self) -> None:
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        """The process, None while there is none."""
        return None if self._process is None else self._process.popen.pid

    def run(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        budget: Budget | None = None,
        title: str = "",
        stop: Callable[[], bool] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Any:
        """What the function returns or raises.

        Parameters
        ----------
        function, args
            A module-level function, or one of `__main__`, of picklable arguments.
        budget
            What it may take; time runs from the moment when the process has read the call.
        title
            Its name for `say`.
        stop
            Asked while it runs: True when nobody waits for it any longer.
        say
            Told once that it takes long.

        Raises
        ------
        LostError
            When its process was lost with it.
        StoppedError
            When `stop` said so.
        WorkersLostError
            When no process lives long enough to take it.
        """
        import cloudpickle

        budget = budget or Budget()
        call = cloudpickle.dumps((function, args, budget.bytes))
        said = ""
        for _ in range(REFUSALS_ALLOWED):
            if stop is not None and stop():
                raise StoppedError
            if self._process is None or self._process.popen.poll() is not None:
                self._end()
                self._process = _start()
            try:
                _write(self._process.calls, call)
            except OSError:
                begun = False
            else:
                begun = self._begins(stop)
            if begun:
                break
            said = self._lose()
        else:
            msg = (
                f"{REFUSALS_ALLOWED} times in a row a worker process died before a task could "
                f"begin ({said}). What is done is kept: run the same again with jobs=0 (--jobs 0)."
            )
            raise WorkersLostError(msg)
        answer = self._wait(budget.seconds, budget, title, stop, say)
        if answer is None:
            raise self._lost(DIED, "")
        kind, value, trace = pickle.loads(answer)
        if kind == "value":
            return value
        value.__cause__ = TaskTrace(trace)
        raise value

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._end()

    def kill(self) -> None:
        """End the process from another thread than the one that waits for it."""
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.popen.pid, signal.SIGKILL)

    def _begins(self, stop: Callable[[], bool] | None) -> bool:
        """Whether the process says that it has read the call."""
        try:
            return self._wait(BEGINS_WITHIN, Budget(), "", stop, None) is not None
        except LostError:
            self._process = _start()  # that one was ended: `_lose` finds a live one
            return False

    def _wait(
        self,
        seconds: float | None,
        budget: Budget,
        title: str,
        stop: Callable[[], bool] | None,
        say: Callable[[str], None] | None,
    ) -> bytes | None:
        """The next answer; None when the process ended without one."""
        assert self._process is not None
        began, process, killed = time.monotonic(), self._process, _kernel_kills()
        told, asked = say is None, began
        while True:
            ready, _, _ = select.select([process.answers], [], [], LOOK_EVERY)
            if ready:
                answer = _read(process.answers)
                if answer is None and _kernel_kills() > killed:
                    raise self._lost(MEMORY, "the system had no memory left and killed it")
                return answer
            now = time.monotonic()
            if seconds is not None and now - began > seconds:
                # Where it is, on its stderr: written by a signal handler in C, whatever holds it.
                with suppress(ProcessLookupError):
                    process.popen.send_signal(signal.SIGUSR1)
                with suppress(subprocess.TimeoutExpired):  # a stopped one answers no signal
                    process.popen.wait(0.3)
                raise self._lost(TIMEOUT, timeout_reason(budget))
            if budget.bytes is not None:
                held = held_bytes(process.popen.pid)
                if held > budget.bytes:
                    raise self._lost(MEMORY, f"it held {gib(held)} of {gib(budget.bytes)}")
            if seconds is not None and not told and now - began > seconds / 2:
                told = True
                assert say is not None
                say(f"{title} has run for {now - began:,.0f} of its {seconds:,.0f} seconds")
            if stop is not None and now - asked > 0.5:
                asked = now
                if stop():
                    self._end()
                    raise StoppedError

    def _lost(self, kind: str, reason: str) -> LostError:
        """What to raise after the process was lost, which is ended here."""
        assert self._process is not None
        lines = self._process.lines
        how = self._lose()
        tail = b"".join(lines).decode(errors="replace")[-TAIL:]
        return LostError(kind, reason or how, tail)

    def _lose(self) -> str:
        """End what is left of the process; how it ended."""
        assert self._process is not None
        popen = self._process.popen
        if popen.poll() is None:  # its pipe is closed: it is ending
            with suppress(subprocess.TimeoutExpired):
                popen.wait(0.5)
        code = popen.poll()
        self._end()
        if code is None:
            return "it answered no more"
        if code >= 0:
            return f"it left with exit code {code}"
        try:
            return f"it was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"it was ended by signal {-code}"

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # All that it started too: the group is its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.popen.pid, signal.SIGKILL)
        process.popen.wait()
        for descriptor in (process.calls, process.answers):
            os.close(descriptor)
        process.reader.join(1.0)  # longer where something that it started holds its stderr


class TaskTrace(Exception):
    """Where an exception was raised in another process."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def portable(error: BaseException) -> Exception:
    """The exception, or what it says where it would not survive being pickled.

    One with two arguments in its constructor and one in `args` cannot be read.
    """
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:  # its own code may raise anything
        again = None
    # What is no Exception would end the thread, or the engine's worker, that reads it.
    if isinstance(error, Exception) and type(again) is type(error) and str(again) == str(error):
        return error
    trace = "".join(traceback.format_exception(error))
    return TaskError(f"{type(error).__name__}: {error}", trace)


def _start() -> _Process:
    """Start a process that serves."""
    import json

    calls_in, calls = os.pipe()
    answers, answers_out = os.pipe()
    here = str(Path.cwd())
    # A folder that is on the path because one works there may add modules, and replace none.
    path = [entry for entry in sys.path if entry] + ([here] if "" in sys.path else [])
    try:
        popen = subprocess.Popen(
            [
                *(sys.executable, "-P", "-c", BEGIN),
                *(json.dumps(path), str(calls_in), str(answers_out), str(os.getpid())),
            ],
            pass_fds=(calls_in, answers_out),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), SAFE_PATH: "1"},
            process_group=0,
        )
    except OSError as error:
        for descriptor in (calls, answers):
            os.close(descriptor)
        msg = (
            f"no worker process can be started ({error}): there must be room for one more. Pass "
            "jobs=0 (--jobs 0) to work without them."
        )
        raise WorkersLostError(msg) from error
    finally:
        for descriptor in (calls_in, answers_out):
            os.close(descriptor)
    lines: deque[bytes] = deque(maxlen=200)
    reader = threading.Thread(target=_pass_on, args=(popen.stderr, lines), daemon=True)
    reader.start()
    return _Process(popen, calls, answers, lines, reader)


def _pass_on(stream: Any, lines: deque[bytes]) -> None:
    """Keep the last lines of a process and show all of them."""
    with stream:
        for line in stream:
            lines.append(line[-TAIL:])
            # Closed at the end of the program, or replaced by what takes text only.
            with suppress(ValueError, OSError, AttributeError):
                sys.stderr.write(line.decode(errors="replace"))
                sys.stderr.flush()


def _kernel_kills() -> int:
    """How many processes the system has killed for want of memory since it started."""
    try:
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _write(descriptor: int, data: bytes) -> None:
    """Write one message: its length, then its bytes."""
    view = memoryview(struct.pack("<Q", len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int) -> bytes | None:
    """Read one message; None at the end."""
    head = _exactly(descriptor, 8)
    return None if head is None else _exactly(descriptor, struct.unpack("<Q", head)[0])


def _exactly(descriptor: int, size: int) -> bytes | None:
    parts, left = [], size
    while left:
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def serve(calls: int, answers: int, parent: int) -> None:
    """What the process does: one call after the other until the pipe is closed.

    Parameters
    ----------
    calls, answers
        Descriptors of the two pipes.
    parent
        The process that gives the calls: this one ends with it.
    """
    for descriptor in (calls, answers):
        os.set_inheritable(descriptor, False)
    end_with_parent(parent)
    faulthandler.enable()
    # It ends with the dump: a call that the signal interrupted must not go on as if it were done.
    faulthandler.register(signal.SIGUSR1, all_threads=True, chain=True)
    while (call := _read(calls)) is not None:
        _write(answers, _answer(call, answers))
    os._exit(0)


def _answer(call: bytes, answers: int) -> bytes:
    """Do one call; "begun" is said when it is read, since reading it imports what it needs."""
    before, begun = None, False
    try:
        try:
            function, args, claim = pickle.loads(call)
        finally:
            _write(answers, b"begun")
            begun = True
        if claim is not None:
            before = set_claim(claim)
        return pickle.dumps(("value", function(*args), ""))
    except BaseException as error:  # whatever it is, the driver is told
        if not begun:  # the driver has gone
            raise
        trace = "".join(traceback.format_exception(error))
        return pickle.dumps(("error", portable(error), trace))
    finally:
        if before is not None:
            set_data_limit(before)


def end_with_parent(parent: int) -> None:
    """End this worker with its driver, and only with it.

    Ctrl-C reaches the whole group of processes; the driver answers for all of them. After a kill -9
    of the driver nobody would tell its workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        if os.getpgrp() == os.getpid():  # and with all that it started
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
