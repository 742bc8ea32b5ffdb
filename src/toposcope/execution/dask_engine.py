"""Dask distributed as an executor: slices go to a scheduler, hands beside its workers do the tasks.

A Dask worker only oversees (slices.oversee): no task can kill it, block it or fill its memory, and
no result passes through it. Dask repeats a slice whose worker was lost on another one, where what
is published already is skipped. When the driver dies, its scheduler cancels what it had given, and
each worker ends its hand within a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from toposcope.errors import MissingExtraError, WorkersLostError
from toposcope.execution.fingerprint import differences, fingerprint
from toposcope.execution.hands import Hand
from toposcope.execution.slices import Receipt, Slice, SliceLostError, oversee

Result = TypeVar("Result")

LOCAL = "dask:local"
SCHEME = "dask://"

CONNECTS_WITHIN = 30.0
"""Seconds in which a scheduler answers, the first time and after it was lost."""
WORKERS_WITHIN = 120.0
"""Seconds in which the first worker comes."""
LOOK_EVERY = 5.0
"""Seconds for which it is taken as known which workers there are."""
IDLE = 30.0
"""Seconds after which a hand that has nothing to do is ended: it holds what it had imported."""


class Dask:
    """The workers of a Dask scheduler, or threads of this process that Dask schedules.

    Parameters
    ----------
    address
        "dask:local", or "dask://HOST:PORT" of a scheduler that runs.
    workers
        For "dask:local": how many tasks run at once.

    Raises
    ------
    MissingExtraError
        Without the package.
    WorkersLostError
        When no scheduler answers, no worker comes, or one runs other code.
    """

    died: tuple[type[BaseException], ...] = ()
    slices = True

    def __init__(self, address: str, workers: int) -> None:
        try:
            import distributed
        except ImportError as error:
            msg = (
                f"--executor {address} needs the distributed package: pip install 'toposcope[dask]'"
            )
            raise MissingExtraError(msg) from error
        # Importing it turns its news on (INFO), which would be the command's own on stderr.
        self._log = logging.getLogger("distributed")
        self._level, quiet = self._log.level, address == LOCAL
        self._log.setLevel(logging.ERROR if quiet else logging.WARNING)
        self.address, self._asked, self._given = address, max(workers, 1), 0
        self._cluster: Any = None
        self._seen: tuple[float, dict[str, int]] = -LOOK_EVERY, {}
        if address == LOCAL:
            self._cluster = distributed.LocalCluster(
                n_workers=1,
                threads_per_worker=self._asked,
                processes=False,  # tasks run in hands, which are processes
                # Its pages are on this machine alone, on ports that are free.
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.ERROR,
            )
        try:
            self._client = distributed.Client(
                self._cluster or f"tcp://{address.removeprefix(SCHEME)}",
                timeout=CONNECTS_WITHIN,
                set_as_default=False,
            )
        except (OSError, TimeoutError, ValueError) as error:
            self.close()
            msg = (
                f"no Dask scheduler answers at {address} within {CONNECTS_WITHIN:.0f} s ({error}). "
                "Start one: dask scheduler --host 127.0.0.1, then workers: dask worker HOST:PORT"
            )
            raise WorkersLostError(msg) from error
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_WITHIN)
            self._check()
        except TimeoutError as error:
            self.close()
            msg = (
                f"the Dask scheduler at {address} has had no worker for {WORKERS_WITHIN:.0f} s. "
                f"Start some: dask worker {address.removeprefix(SCHEME)} --nthreads 1"
            )
            raise WorkersLostError(msg) from error
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Dask({self.address!r})"

    @property
    def workers(self) -> int:
        """Threads of all workers that are connected now; looked up every few seconds."""
        return max(sum(self._threads().values()), 1)

    @property
    def window(self) -> int:
        """How many slices are given at once: a worker that is done finds another one there."""
        return 2 * self.workers

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run a function in a thread of a worker; its value travels back, so it should be small."""
        self._refuse_lost()
        self._given += 1
        theirs = self._client.submit(
            function,
            *args,
            key=f"toposcope-{self._given}-{time.monotonic_ns()}",
            pure=False,
            retries=0,
            priority=-self._given,
        )
        ours: Future[Result] = Future()
        theirs.add_done_callback(lambda done: _settle(done, ours))
        return ours

    def submit_slice(self, work: Slice) -> Future[list[Receipt]]:
        """Have a worker oversee the tasks of a slice."""
        import cloudpickle

        # As bytes, read beside the check of the code: unlike sources may not read it at all.
        return self.submit(_oversee, cloudpickle.dumps(work), fingerprint(), self._per_host())

    def renew(self) -> None:
        """Nothing to renew: Dask replaces its workers, and slices are lost alone."""

    def close(self) -> None:
        """Leave the scheduler; what it had been given and was not done is canceled."""
        for one in (getattr(self, "_client", None), self._cluster):
            if one is not None:
                one.close()
        self._log.setLevel(self._level)

    def _threads(self) -> dict[str, int]:
        """Threads by address of a worker, as they were known last."""
        when, threads = self._seen
        if time.monotonic() - when > LOOK_EVERY:
            with suppress(OSError, TimeoutError):  # `_refuse_lost` says so where it is for good
                threads = dict(self._client.nthreads())
            self._seen = time.monotonic(), threads
        return threads

    def _per_host(self) -> dict[str, int]:
        """Threads of all workers of each host: they share its memory."""
        if self.address == LOCAL:
            return {}
        threads = Counter[str]()
        for address, count in self._threads().items():
            threads[_host(address)] += count
        return dict(threads)

    def _refuse_lost(self) -> None:
        """Wait for a scheduler that was lost, or say that it does not come back."""
        until = time.monotonic() + CONNECTS_WITHIN
        while self._client.status != "running":
            if time.monotonic() > until or self._client.status == "closed":
                msg = (
                    f"the Dask scheduler at {self.address} answers no more. What is done is kept: "
                    "start it again and run the same command, or leave --executor out."
                )
                raise WorkersLostError(msg)
            time.sleep(0.2)

    def _check(self) -> None:
        """Refuse workers that run other code, or none."""
        try:
            theirs = self._client.run(_their_fingerprint, on_error="return")
        except (ImportError, AttributeError) as error:
            theirs = {self.address: error}
        for address, found in theirs.items():
            if isinstance(found, BaseException):
                msg = (
                    f"the Dask worker {address} cannot run toposcope ({type(found).__name__}: "
                    f"{found}). Install there what is here: pip install toposcope"
                )
                raise WorkersLostError(msg)
            _refuse_other(found, address)


def _refuse_other(theirs: dict[str, str], where: str) -> None:
    told = differences(fingerprint(), theirs)
    if told:
        msg = (
            f"the worker {where} runs another version of what decides numbers ({told}). Install "
            "there what is here, start the worker again, and run the same command."
        )
        raise WorkersLostError(msg)


def _their_fingerprint() -> dict[str, str]:
    return fingerprint()


_hands: dict[int, Hand] = {}
_guard = threading.Lock()


def _oversee(data: bytes, code: dict[str, str], per_host: dict[str, int]) -> list[Receipt]:
    """What a worker does of a slice: have the hand of this thread do it."""
    import pickle

    from distributed import get_worker

    worker = get_worker()
    told = differences(code, fingerprint())
    if told:
        msg = (
            f"the worker {worker.address} runs another version of what decides numbers ({told}). "
            "Install there what the driver has, start the worker again, and run the same command."
        )
        raise WorkersLostError(msg)
    key = worker.get_current_task()

    def stop() -> bool:
        # Canceled by the scheduler when the driver has gone, or this worker is leaving.
        state = worker.state.tasks.get(key)
        return state is None or state.state == "cancelled"

    thread = threading.get_ident()
    with _guard:
        hand = _hands.pop(thread, None) or Hand()
    try:
        sharing = per_host.get(_host(worker.address), worker.state.nthreads)
        return oversee(pickle.loads(data), hand, workers=sharing, stop=stop)
    finally:
        with _guard:
            _hands[thread] = hand
        timer = threading.Timer(IDLE, _let_go, (thread, hand))
        timer.daemon = True
        timer.start()


def _let_go(thread: int, hand: Hand) -> None:
    """End a hand that still has nothing to do."""
    with _guard:
        idle = _hands.get(thread) is hand
        if idle:
            del _hands[thread]
    if idle:
        hand.close()


def _settle(theirs: Any, ours: Future[Any]) -> None:
    """Carry the end of Dask's future over to ours."""
    try:
        if theirs.status == "finished":
            ours.set_result(theirs.result())
        elif theirs.status == "error":
            error = theirs.exception()
            lost = type(error).__name__ in ("KilledWorker", "NoValidWorkerError")
            ours.set_exception(SliceLostError(f"its Dask worker died: {error}") if lost else error)
        else:
            ours.set_exception(SliceLostError(f"Dask says that it was {theirs.status}"))
    except Exception as error:  # the scheduler was lost amid the answer
        ours.set_exception(SliceLostError(f"{type(error).__name__}: {error}"))
    finally:
        theirs.release()  # the scheduler need not remember it


def _host(address: str) -> str:
    return address.rsplit("://", 1)[-1].rsplit(":", 1)[0]
