"""What an element of a Slurm array does: take slices from the spool until nobody gives any.

Each task runs in a hand beside it (slices.oversee), so that no task can kill it. It ends when the
driver's heart is gone or still, when there was nothing to do for a while, or its time is nearly up.
"""

from __future__ import annotations

import json
import os
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from toposcope.execution.budgets import SHARE
from toposcope.execution.fingerprint import differences, fingerprint
from toposcope.execution.hands import Hand, StoppedError, portable
from toposcope.execution.slices import Slice, oversee
from toposcope.execution.spool import BEGIN, Spool

SILENT = 60.0
"""Seconds without a beat after which the driver's machine is taken for lost; where the driver alone
died its watcher takes the heart away, and this worker ends within a second."""
IDLE = 30.0
"""Seconds without work after which the place is given back."""
LOOK_EVERY = 0.5
"""Seconds between two looks for work, and at the heart."""
LAST_MINUTES = 120.0
"""Seconds before the end of the job's time in which no work is begun."""


def serve(folder: str, group: str) -> None:
    """Do what is in the spool.

    Parameters
    ----------
    folder
        The spool.
    group
        Class of the work that fits into this job's memory.
    """
    spool = Spool(Path(folder))
    worker = "_".join(os.environ[f"SLURM_ARRAY_{name}_ID"] for name in ("JOB", "TASK"))
    told = differences(json.loads((spool.path / BEGIN).read_bytes())["code"], fingerprint())
    if told:
        spool.write(f"refused/{worker}", told.encode())
        return
    hand = Hand()
    heart = _Heart(spool, hand)
    spool.write(f"began/{worker}", b"")
    idle = time.monotonic()
    try:
        while time.monotonic() - idle < IDLE and not heart.still() and _time_is_left():
            claimed = spool.take(group, worker)
            if claimed is None:
                time.sleep(LOOK_EVERY)
                continue
            number, data = claimed
            spool.end(number, _answer(data, hand, heart.still))
            idle = time.monotonic()
    except StoppedError:
        pass
    finally:
        hand.close()


def _answer(data: bytes, hand: Hand, stop: Callable[[], bool]) -> bytes:
    """Do one piece of work, a slice or a function; how it ended."""
    try:
        function, *args = pickle.loads(data)
        if isinstance(function, Slice):
            value: Any = oversee(_claimed(function), hand, stop=stop)
        else:
            value = hand.run(function, *args, stop=stop)
        return pickle.dumps(("value", value))
    except StoppedError:
        raise
    except Exception as error:  # the driver is told, whatever it is
        return pickle.dumps(("error", portable(error)))


def _claimed(work: Slice) -> Slice:
    """The slice with what Slurm gave this job as the claim of tasks for which nobody named one.

    Not every cluster enforces it by a group of processes, and a job that takes more is ended whole.
    """
    given = int(os.environ.get("SLURM_MEM_PER_NODE") or 0) << 20
    if not given:
        return work
    own = int(SHARE * given)
    return replace(
        work,
        budgets=tuple(b if b.bytes is not None else replace(b, bytes=own) for b in work.budgets),
    )


def _time_is_left() -> bool:
    """Whether there is time for more work in this job."""
    end = os.environ.get("SLURM_JOB_END_TIME", "")
    return not end.isdigit() or int(end) - time.time() > LAST_MINUTES


class _Heart:
    """Looks at the driver's heart in a thread; ends everything when it is gone."""

    def __init__(self, spool: Spool, hand: Hand) -> None:
        self._spool, self._hand = spool, hand
        self._last, self._when = spool.beat(), time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def still(self) -> bool:
        """Whether nobody waits any longer."""
        now = self._spool.beat()
        if now != self._last:
            self._last, self._when = now, time.monotonic()
        # The clock of this machine alone: those of two machines need not agree.
        return now is None or time.monotonic() - self._when > SILENT

    def _watch(self) -> None:
        while not self.still():
            time.sleep(LOOK_EVERY)
        self._hand.kill()
        os._exit(0)
