"""Background threads that write what was captured while the next rows are computed."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from toposcope.activations.batches import Feed
from toposcope.store.runs import Run

WRITERS = 2
"""Threads that write shards: one waits for the disk while the other copies. Eight took the cores
from a fast network, 3 to 4 % of its processor time."""
CHUNKS_IN_FLIGHT = 2
"""Chunks of whole volumes on their way to the disk: while the last flushes of one are awaited, the
next streams. Pooled layers do not keep a disk busy: one is enough, and memory stays flatter."""

Chunk = dict[str, NDArray[Any]]
"""Rows of one chunk by address."""


@dataclass
class ShardWriter:
    """Background threads that write a chunk while the next one is computed.

    Writing waits for the disk, not for the processor: layers written side by side share the disk's
    flushes, which made a chunk of 27 layers three times faster.
    """

    run: Run
    feed: Feed
    in_flight: int = 1
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(WRITERS, "toposcope")
    )
    _pending: deque[list[Future[float]]] = field(default_factory=deque)

    def __enter__(self) -> ShardWriter:
        return self

    def submit(self, index: int, chunk: Chunk) -> None:
        """Hand a chunk over, once fewer than `in_flight` are waiting for the disk."""
        self._wait(self.in_flight - 1)
        self._pending.append(
            [self._pool.submit(self._write, layer, index, one) for layer, one in chunk.items()]
        )

    def _write(self, layer: str, index: int, values: NDArray[Any]) -> float:
        began = time.perf_counter()
        self.run.write_chunk(layer, index, values)
        return time.perf_counter() - began

    def _wait(self, left: int = 0) -> None:
        """Wait until at most `left` chunks are pending; an error of a thread is raised here."""
        began = time.perf_counter()
        while len(self._pending) > left:
            self.feed.clock.writer += sum(future.result() for future in self._pending.popleft())
        self.feed.clock.store += time.perf_counter() - began

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._pool.shutdown(wait=True)
