"""What a capture will take, and the refusal of one that cannot fit, before its first batch.

Room on disk and in memory follow from the sizes of what is kept; time and the memory of the forward
pass from real batches, run twice and thrown away.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from toposcope.activations.batches import Feed
from toposcope.activations.capture_plan import Plan
from toposcope.activations.forward_passes import pool_of
from toposcope.activations.hooks import record
from toposcope.errors import DoesNotFitError, StoreError, WayOut
from toposcope.execution.forecasts import BLOCK, Forecast, free_room, peak_memory
from toposcope.inputs.memory import available_memory, gib
from toposcope.store.runs import Run

CHUNKS_HELD = 3
"""Chunks in memory at a time: one that is filled, two that are written."""
WRITTEN = 400e6
"""Bytes a second that hashing, writing and syncing take at least, on a plain disk."""
PROJECTED = 4 * 128
"""Bytes that pool project:128 keeps of a sample."""


def bytes_per_sample(plan: Plan, *, layers: bool = False) -> int:
    """Bytes that are kept of a sample; `layers` leaves pictures, labels and scores out."""
    return sum(
        math.prod(entry["shape"]) * np.dtype(entry["dtype"]).itemsize
        for name, entry in plan.layers.items()
        if not (layers and name.startswith("@"))
    )


def refuse_what_cannot_fit(feed: Feed, plan: Plan, *, store: Path | None, networks: int) -> None:
    """Refuse what does not fit on the disk, or in memory where nothing is written.

    Parameters
    ----------
    feed, plan
        The samples, and what is kept of each.
    store
        RUN to write; None keeps everything in memory.
    networks
        The network and its twins.

    Raises
    ------
    DoesNotFitError
        With what is needed, what there is, and ways out that fit.
    """
    begun = 0 if store is None else _there(plan, store)
    needed = networks * (feed.n - begun) * bytes_per_sample(plan)
    room = available_memory() if store is None else free_room(store)
    if needed <= room:
        return
    where = "memory" if store is None else f"the disk of {store}"
    is_are = f"{gib(room)} {'is' if room < 2**30 else 'are'} available"
    # What was begun goes on with the parameters it has.
    ways = [] if begun else _ways_out(feed, plan, room / networks)
    place = (
        "store= (-o), which keeps no more than a few chunks in memory"
        if store is None
        else "a store on another disk (-o)"
    )
    msg = (
        f"capture(): {feed.n:,} samples of {len(plan.addresses)} layers take {gib(needed)} in "
        f"{where}; {is_are}. Pass {', or '.join([*map(str, ways), place])}."
    )
    raise DoesNotFitError(msg, needed=needed, available=room, ways=ways)


def _ways_out(feed: Feed, plan: Plan, room: float) -> list[WayOut]:
    """What to pass instead, of each of which it is known that it fits."""
    row, kept = bytes_per_sample(plan), bytes_per_sample(plan, layers=True)
    rest, ways = row - kept, []
    if fitting := int(0.95 * room / row):
        ways.append(WayOut({"n": fitting}, ("-n", str(fitting))))
    sizes = {one: math.prod(plan.layers[one]["shape"]) for one in plan.addresses}
    if min(sizes.values()) >= 128 and feed.n * (rest + PROJECTED * len(sizes)) < room:
        ways.append(WayOut({"pool": "project:128"}, ("--pool", "project:128")))
    wide = [one for one in plan.addresses if plan.layers[one]["dtype"] != "float16"]
    if len(wide) == len(plan.addresses) and feed.n * (rest + kept / 2) < room:
        ways.append(WayOut({"dtype": "float16"}, ("--dtype", "float16")))
    narrow = min(sizes, key=lambda one: sizes[one])
    of_one = sizes[narrow] * np.dtype(plan.layers[narrow]["dtype"]).itemsize
    if len(sizes) > 1 and feed.n * (rest + of_one) < room:
        ways.append(
            WayOut(
                {"layers": narrow},
                ("--layers", narrow),
                told=f"fewer layers, such as layers={narrow!r}",
            )
        )
    return ways


def capture_forecast(feed: Feed, plan: Plan, *, store: Path | None, networks: int) -> Forecast:
    """What a capture will take, from its first batch, run twice.

    Parameters
    ----------
    feed, plan, networks
        As in `refuse_what_cannot_fit`; its forward passes leave the clock of the feed as it is.
    store
        RUN to write, of which a part may be there.
    """
    begun = time.perf_counter()
    left = networks * (feed.n - (0 if store is None else _there(plan, store)))
    size = min(feed.batch_size, feed.n)
    seconds = _batch_seconds(feed, plan, size)
    row = bytes_per_sample(plan)
    held = min(CHUNKS_HELD * plan.chunk_rows, left) if store is not None else feed.n
    batches = -(-left // size)
    each = seconds + size * row / WRITTEN
    files = len(plan.layers) * -(-left // plan.chunk_rows)
    return Forecast(
        tasks=networks * -(-feed.n // size),
        done=networks * -(-feed.n // size) - batches,
        workers=1,
        cpu_seconds=batches * each,
        seconds=batches * each,
        worker_bytes=peak_memory() + held * row,
        mapped_bytes=0,
        disk_bytes=0 if store is None else left * row + 2 * BLOCK * files,
        available_bytes=available_memory(),
        free_bytes=2**63 - 1 if store is None else free_room(store),
        probed=time.perf_counter() - begun,
        task_seconds=(each,) * batches,
    )


def _batch_seconds(feed: Feed, plan: Plan, size: int) -> float:
    """Seconds of a batch with its hooks, once what is done once is done."""
    spent = vars(feed.clock).copy()
    try:
        with record(feed.loaded.model, plan.addresses, pool_of(feed, plan)) as recorder:

            def once() -> float:
                begun = time.perf_counter()
                _, inputs = feed.batch(0, size)
                feed.forward(inputs)
                for values in recorder.take().values():
                    values.cpu()
                return time.perf_counter() - begun

            once()
            return once()
    finally:
        vars(feed.clock).update(spent)


def _there(plan: Plan, store: Path) -> int:
    """Samples that an earlier call has written; 0 where there is no RUN that can be read."""
    try:
        run = Run.open(store)
    except StoreError:
        return 0
    return sum(
        stop - start
        for index, start, stop in run.chunks
        if all(run.has_chunk(layer, index) for layer in plan.layers)
    )
