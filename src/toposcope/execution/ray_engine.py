"""Ray as an executor: slices are native tasks, hands beside Ray's workers do the tasks in them.

As with Dask, a Ray worker only oversees (slices.oversee): no task can kill it or fill its memory,
and no result passes through Ray's object store. Ray repeats nothing (max_retries=0); a slice whose
worker or node was lost is given out again here. When the driver dies Ray ends the workers of its
job, and each hand ends a second after its worker.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from toposcope.errors import MissingExtraError, WorkersLostError
from toposcope.execution.fingerprint import differences, fingerprint
from toposcope.execution.hands import Hand
from toposcope.execution.slices import Receipt, Slice, SliceLostError, oversee

Result = TypeVar("Result")

LOCAL = "ray:local"
SCHEME = "ray:"

CONNECTS_WITHIN = 10.0
"""Seconds in which a head answers."""
LOOK_EVERY = 5.0
"""Seconds for which it is taken as known which nodes there are."""
IDLE = 30.0
"""Seconds after which a hand that has nothing to do is ended."""
STORE = 80 << 20
"""Bytes of the object store of a local Ray, the least it takes: receipts are all that is in it."""
PLAIN = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it would tell its makers
    "RAY_memory_monitor_refresh_ms": "0",  # budgets are kept by us; it would kill who oversees
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class Ray:
    """Workers of a Ray cluster, or of a Ray that is started here.

    Parameters
    ----------
    address
        "ray:local", or "ray:HOST:PORT" of a head that runs, from one of its nodes.
    workers
        For "ray:local": how many tasks run at once.

    Raises
    ------
    MissingExtraError
        Without the package.
    WorkersLostError
        When no head answers.
    """

    died: tuple[type[BaseException], ...] = ()
    slices = True

    def __init__(self, address: str, workers: int) -> None:
        for name, value in PLAIN.items():
            os.environ.setdefault(name, value)
        try:
            import ray
        except ImportError as error:
            msg = f"--executor {address} needs the ray package: pip install 'toposcope[ray]'"
            raise MissingExtraError(msg) from error
        self.address, self._ray = address, ray
        self._seen: tuple[float, dict[str, int]] = -LOOK_EVERY, {}
        self._open: set[Any] = set()
        self._own = not ray.is_initialized()
        if not self._own:  # the caller's, left as it is
            return
        head = address.removeprefix(SCHEME)
        where: dict[str, Any] = {"address": head}
        if address == LOCAL:
            where = {
                "address": "local",
                "num_cpus": max(workers, 1),
                "object_store_memory": STORE,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
            }
        try:
            if address != LOCAL:  # Ray itself tries for a minute and a half
                host, _, port = head.rpartition(":")
                socket.create_connection((host, int(port)), timeout=CONNECTS_WITHIN).close()
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            msg = (
                f"no Ray answers at {address} ({error}). Start one on this machine, ray start "
                "--head --port=6379, with ray start --address=HOST:6379 on every other one, and "
                "the same token everywhere (Ray's RAY_AUTH_MODE, ray get-auth-token)."
            )
            raise WorkersLostError(msg) from error

    def __repr__(self) -> str:
        return f"Ray({self.address!r})"

    @property
    def workers(self) -> int:
        """CPUs of all nodes that are there now; looked up every few seconds."""
        return max(sum(self._nodes().values()), 1)

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Run a function in a worker; its value travels back, so it should be small."""
        remote = self._ray.remote(max_retries=0, num_cpus=1)(function)
        reference = remote.remote(*args)
        ours: Future[Result] = Future()
        self._open.add(reference)

        def settle(theirs: Future[Any]) -> None:
            self._open.discard(reference)
            error = theirs.exception()
            if error is None:
                ours.set_result(theirs.result())
            else:
                ours.set_exception(self._told(error))

        reference.future().add_done_callback(settle)
        return ours

    def submit_slice(self, work: Slice) -> Future[list[Receipt]]:
        """Have a worker oversee the tasks of a slice."""
        import cloudpickle

        # As bytes, read beside the check of the code: unlike sources may not read it at all.
        return self.submit(_oversee, cloudpickle.dumps(work), fingerprint(), self._nodes())

    def renew(self) -> None:
        """Nothing to renew: Ray replaces its workers, and slices are lost alone."""

    def close(self) -> None:
        """Cancel what was given and is not done, and leave."""
        if not self._ray.is_initialized():
            return
        for reference in list(self._open):
            with suppress(Exception):  # it has just ended
                self._ray.cancel(reference, force=True)
        if self._own:
            self._ray.shutdown()

    def _nodes(self) -> dict[str, int]:
        """CPUs by node, as they were known last."""
        when, nodes = self._seen
        if time.monotonic() - when > LOOK_EVERY:
            nodes = {
                node["NodeID"]: int(node["Resources"].get("CPU", 0))
                for node in self._ray.nodes()
                if node["Alive"]
            }
            self._seen = time.monotonic(), nodes
        return nodes

    def _told(self, error: BaseException) -> BaseException:
        """What a task raised itself, or that its worker was lost."""
        cause = getattr(error, "cause", None)
        if isinstance(error, self._ray.exceptions.RayTaskError) and isinstance(cause, Exception):
            return cause
        if isinstance(error, self._ray.exceptions.RayError):
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            return SliceLostError(f"its Ray worker was lost: {said}")
        return error


_idle: list[Hand] = []
_guard = threading.Lock()


def _oversee(data: bytes, code: dict[str, str], nodes: dict[str, int]) -> list[Receipt]:
    """What a worker does of a slice: have the hand beside it do it."""
    import pickle

    import ray

    node = ray.get_runtime_context().get_node_id()
    told = differences(code, fingerprint())
    if told:
        msg = (
            f"a Ray worker on the node {node[:8]} runs another version of what decides numbers "
            f"({told}). Install there what the driver has, and run the same command."
        )
        raise WorkersLostError(msg)
    with _guard:
        hand = _idle.pop() if _idle else Hand()
    try:
        return oversee(pickle.loads(data), hand, workers=nodes.get(node, 1))
    finally:
        with _guard:
            _idle.append(hand)
        timer = threading.Timer(IDLE, _let_go, (hand,))
        timer.daemon = True
        timer.start()


def _let_go(hand: Hand) -> None:
    """End a hand that has nothing to do."""
    with _guard:
        idle = hand in _idle
        if idle:
            _idle.remove(hand)
    if idle:
        hand.close()
