"""The forward passes of a planned capture: rows, chunk by chunk, to a RUN folder or into memory.

Memory is constant in the number of samples: rows are collected in chunks of bounded size, and
background threads write a chunk to the RUN folder while the next one is computed. Batches never
cross a chunk boundary, so that a resumed run computes the very same batches and hence the same
bits.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from toposcope.activations.batches import Feed, thumbnails_of
from toposcope.activations.capture_plan import CHUNK_ROWS, Plan, logits_of
from toposcope.activations.hooks import Recorder, record
from toposcope.activations.pools.tokens import real_first
from toposcope.activations.shard_writer import CHUNKS_IN_FLIGHT, Chunk, ShardWriter
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, Steps
from toposcope.inputs.labels import count_unlabelled
from toposcope.store.arrays import from_arrays
from toposcope.store.runs import Run, open_run
from toposcope.types import LOGITS, MASK, PREDICTION, THUMBNAIL, ActivationSet

log = logging.getLogger("toposcope")


def on_disk(
    feed: Feed, plan: Plan, spec: dict[str, Any], path: Path, progress: Progress
) -> ActivationSet:
    """Capture into the RUN folder `path`, which may hold a part of it already."""
    with Run.begin(
        path, spec=spec, samples=feed.samples, layers=plan.layers, chunk_rows=plan.chunk_rows
    ) as run:
        missing = {
            index: [layer for layer in plan.layers if not run.has_chunk(layer, index)]
            for index, _, _ in run.chunks
        }
        if run.summary is None or any(missing.values()):
            nonfinite = _fill(feed, plan, run, missing, progress)
            top1 = None
            if PREDICTION in plan.layers:
                # From the stored predictions: those of an interrupted run count too.
                top1 = _accuracy(run.read(PREDICTION), feed.samples.labels)
            whole = all(len(layers) == len(plan.layers) for layers in missing.values())
            run.finish(_summary(feed, plan, top1, nonfinite, all_run=whole))
    return open_run(path)


def in_memory(feed: Feed, plan: Plan, spec: dict[str, Any], progress: Progress) -> ActivationSet:
    """Capture all rows as one chunk, without a folder."""
    began = time.perf_counter()
    with (
        progress.task(f"capture {feed.loaded.name}", feed.n) as steps,
        record(feed.loaded.model, plan.addresses, _pool_of(feed, plan)) as recorder,
    ):
        chunk = _compute(feed, plan, recorder, 0, feed.n, steps)
        feed.clock.hooks = recorder.seconds
    feed.clock.total = time.perf_counter() - began
    top1 = None
    if PREDICTION in chunk:
        top1 = _accuracy(chunk[PREDICTION], feed.samples.labels)
    acts = from_arrays(
        {layer: chunk[layer] for layer in (*plan.addresses, MASK) if layer in chunk},
        labels=feed.samples.labels,
        sample_ids=feed.samples.ids,
        class_names=feed.samples.class_names,
    )
    return replace(acts, attrs={**spec, **_summary(feed, plan, top1, _nonfinite(plan, chunk))})


def _fill(
    feed: Feed,
    plan: Plan,
    run: Run,
    missing: dict[int, list[str]],
    progress: Progress,
) -> Counter[str]:
    """Compute and write every chunk that is not complete; count non-finite values of all."""
    nonfinite: Counter[str] = Counter()
    began = time.perf_counter()
    with (
        progress.task(f"capture {feed.loaded.name}", feed.n) as steps,
        ShardWriter(run, feed, CHUNKS_IN_FLIGHT if plan.chunk_rows < CHUNK_ROWS else 1) as writer,
        record(feed.loaded.model, plan.addresses, _pool_of(feed, plan)) as recorder,
    ):
        for index, start, stop in run.chunks:
            if missing[index]:
                chunk = _compute(feed, plan, recorder, start, stop, steps)
                writer.submit(index, {layer: chunk[layer] for layer in missing[index]})
            else:
                rows = np.arange(start, stop)
                chunk = {layer: run.read(layer, rows) for layer in plan.addresses}
                steps.advance(stop - start)
            nonfinite.update(_nonfinite(plan, chunk))
        feed.clock.hooks = recorder.seconds
    feed.clock.total = time.perf_counter() - began
    return nonfinite


def _pool_of(feed: Feed, plan: Plan) -> Any:
    """The pooling function for `record`: each layer's own pool, in the stored type."""
    types = {address: getattr(torch, plan.layers[address]["dtype"]) for address in plan.addresses}

    def pool(address: str, output: Tensor) -> Tensor:
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()  # so that means are not rounded to three digits
        return plan.pools[address].apply(output, feed.mask).to(types[address])

    return pool


def _compute(
    feed: Feed, plan: Plan, recorder: Recorder, start: int, stop: int, steps: Steps
) -> Chunk:
    """Rows `start` to `stop` of everything planned."""
    chunk = {
        layer: np.empty((stop - start, *entry["shape"]), dtype=entry["dtype"])
        for layer, entry in plan.layers.items()
    }
    for first in range(start, stop, feed.batch_size):
        last = min(first + feed.batch_size, stop)
        raw, inputs = feed.batch(first, last)
        output = feed.forward(inputs)
        began = time.perf_counter()
        rows = slice(first - start, last - start)
        for layer, values in recorder.take().items():
            _put_rows(chunk[layer], rows, values, layer)
        if PREDICTION in chunk or LOGITS in chunk:
            logits = logits_of(output)
            assert logits is not None, "the probe gave logits"
            if PREDICTION in chunk:
                classes = logits.argmax(dim=1).cpu().numpy()
                order = plan.class_order
                chunk[PREDICTION][rows] = classes if order is None else order[classes]
            if LOGITS in chunk:
                chunk[LOGITS][rows] = logits.float().cpu().numpy()
        if MASK in chunk:
            assert feed.mask is not None, "the probe gave a mask"
            length = chunk[MASK].shape[1]
            chunk[MASK][rows] = real_first(feed.mask, length=length).cpu().numpy()
        shape = plan.thumbnail_shape()
        if shape is not None:
            chunk[THUMBNAIL][rows] = thumbnails_of(raw, shape)
        feed.clock.store += time.perf_counter() - began
        steps.advance(last - first)
    return chunk


def _put_rows(rows_of: NDArray[Any], rows: slice, values: Tensor, layer: str) -> None:
    target = rows_of[rows]
    if tuple(values.shape) != target.shape:
        msg = (
            f"capture(): layer {layer!r} gave {tuple(values.shape)} for this batch, planned was "
            f"{target.shape}. Its output must have one shape for all samples, batch first."
        )
        raise UsageError(msg)
    target[...] = values.cpu().numpy()


def _nonfinite(plan: Plan, chunk: Chunk) -> dict[str, int]:
    """Layers with NaN or infinite values, and how many."""
    counts = {}
    for layer in plan.addresses:
        # A sum is finite exactly when all values are, unless finite values overflow.
        wide = np.float32 if chunk[layer].dtype == np.float16 else None
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(chunk[layer].sum(dtype=wide)):
                continue
        bad = chunk[layer].size - int(np.isfinite(chunk[layer]).sum())
        if bad:
            counts[layer] = bad
    return counts


def _accuracy(predictions: NDArray[Any], labels: NDArray[np.int64] | None) -> float | None:
    """Share of the labelled samples that are predicted right; None where none is labelled."""
    if labels is None or not (labels >= 0).any():
        return None
    known = labels >= 0
    return float(np.mean(predictions[known] == labels[known]))


def _summary(
    feed: Feed,
    plan: Plan,
    top1: float | None,
    nonfinite: dict[str, int],
    *,
    all_run: bool = True,
) -> dict[str, Any]:
    """What `finish` seals; `all_run`: whether every batch ran now, none in a capture before."""
    for layer, count in nonfinite.items():
        log.warning("layer %r has %d values that are NaN or infinite; others go on", layer, count)
    summary = {
        "n": feed.n,
        "top1": top1,
        "top1_note": plan.top1_note,
        "nonfinite": dict(nonfinite),
        "overhead": feed.clock.report(),
        **count_unlabelled(feed.samples.labels),
    }
    cut = feed.truncated(all_run=all_run)
    if cut is None:
        return summary
    if cut[0]:
        log.warning("%d of %d texts are longer than %d tokens and were cut", cut[0], feed.n, cut[1])
    return {**summary, "truncated": cut[0], "token_limit": cut[1]}
