"""Executors from outside: one in a few lines, and one that loses its workers."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np


class Threads:
    """An executor is this much: here on threads of the standard library."""

    died = ()

    def __init__(self, workers):
        self.workers, self._pool = workers, ThreadPoolExecutor(workers)

    def submit(self, function, /, *args):
        return self._pool.submit(function, *args)

    def renew(self):
        """Threads do not die alone."""

    def close(self):
        self._pool.shutdown()


class LostWorkerError(BaseException):
    """As for a real death, nothing that the work could catch as its own error."""


class Lossy:
    """Runs here and loses its workers at random, seeded: before, amid and after the work.

    A lost worker breaks the pool: `submit` raises until it is renewed. Now and then it does so
    before it takes anything.
    """

    workers = 2
    died = (LostWorkerError,)

    def __init__(self, seed, *, rate=0.5):
        self._random, self._rate = np.random.default_rng(seed), rate
        self._broken = False
        self.fates = []

    def submit(self, function, /, *args):
        lost = self._random.random() < self._rate
        fate = self._random.choice(["refused", "before", "amid", "after"]) if lost else "fine"
        if self._broken or fate == "refused":
            self._broken = True
            self.fates.append("refused")
            raise LostWorkerError
        self.fates.append(fate)
        future = Future()
        try:
            if fate == "before":
                raise LostWorkerError
            if fate == "amid":
                self._run_a_part_of(function, args)
            else:
                result = function(*args)
            if fate != "fine":
                raise LostWorkerError
            future.set_result(result)
        except LostWorkerError as death:
            self._broken = True
            future.set_exception(death)
        except Exception as error:
            future.set_exception(error)
        return future

    def _run_a_part_of(self, function, args):
        """Run, and stop dead at a random call that the function makes in our own files."""
        left = int(self._random.integers(1, 12))

        def stop(frame, event, argument):
            nonlocal left
            if event == "call" and "toposcope" in frame.f_code.co_filename:
                left -= 1
                if left == 0:
                    raise LostWorkerError

        before = sys.gettrace()
        sys.settrace(stop)
        try:
            function(*args)
        finally:
            sys.settrace(before)

    def renew(self):
        self._broken = False

    def close(self):
        """Nothing to end."""
