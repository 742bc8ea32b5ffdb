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
from toposcope.activations.models.class_order import NO_SCORES, scored
from toposcope.activations.outputs import dense
from toposcope.activations.pools.tokens import real_first
from toposcope.activations.shard_writer import CHUNKS_IN_FLIGHT, Chunk, ShardWriter
from toposcope.activations.survey import seed_everything
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
            # From the stored predictions: those of an interrupted run count too.
            predictions = run.read(PREDICTION) if PREDICTION in plan.layers else None
            whole = all(len(layers) == len(plan.layers) for layers in missing.values())
            run.finish(_summary(feed, plan, predictions, nonfinite, all_run=whole))
    return open_run(path)


def in_memory(feed: Feed, plan: Plan, spec: dict[str, Any], progress: Progress) -> ActivationSet:
    """Capture all rows as one chunk, without a folder."""
    began = time.perf_counter()
    with (
        progress.task(f"capture {feed.loaded.name}", feed.n) as steps,
        record(feed.loaded.model, plan.addresses, pool_of(feed, plan)) as recorder,
    ):
        chunk = _compute(feed, plan, recorder, 0, feed.n, steps, seed=spec["seed"])
        feed.clock.hooks = recorder.seconds
    feed.clock.total = time.perf_counter() - began
    acts = from_arrays(
        {layer: chunk[layer] for layer in (*plan.addresses, MASK) if layer in chunk},
        labels=feed.samples.labels,
        sample_ids=feed.samples.ids,
        class_names=feed.samples.class_names,
    )
    summary = _summary(feed, plan, chunk.get(PREDICTION), _nonfinite(plan, chunk))
    return replace(acts, attrs={**spec, **summary})


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
        record(feed.loaded.model, plan.addresses, pool_of(feed, plan)) as recorder,
    ):
        for index, start, stop in run.chunks:
            if missing[index]:
                chunk = _compute(feed, plan, recorder, start, stop, steps, seed=run.spec["seed"])
                writer.submit(index, {layer: chunk[layer] for layer in missing[index]})
            else:
                rows = np.arange(start, stop)
                chunk = {layer: run.read(layer, rows) for layer in plan.addresses}
                steps.advance(stop - start)
            nonfinite.update(_nonfinite(plan, chunk))
        feed.clock.hooks = recorder.seconds
    feed.clock.total = time.perf_counter() - began
    return nonfinite


def pool_of(feed: Feed, plan: Plan) -> Any:
    """The pooling function for `record`: each layer's own pool, in the stored type."""
    types = {address: getattr(torch, plan.layers[address]["dtype"]) for address in plan.addresses}
    axes = {row.address: row.batch_axis for row in plan.rows}

    def pool(address: str, output: Tensor) -> Tensor:
        output, real = dense(output, feed.width)
        if axes[address]:
            output = output.movedim(axes[address], 0)
        if output.element_size() < 4:
            output = output.float()  # so that means are not rounded to three digits
        mask = feed.mask if real is None else real
        return plan.pools[address].apply(output, mask).to(types[address])

    return pool


def _compute(
    feed: Feed, plan: Plan, recorder: Recorder, start: int, stop: int, steps: Steps, *, seed: int
) -> Chunk:
    """Rows `start` to `stop` of everything planned."""
    chunk = {
        layer: np.empty((stop - start, *entry["shape"]), dtype=entry["dtype"])
        for layer, entry in plan.layers.items()
    }
    for first in range(start, stop, feed.batch_size):
        last = min(first + feed.batch_size, stop)
        raw, inputs = feed.batch(first, last)
        if plan.dependence.chance:
            # A stream for every batch, so that a capture that continues draws the same numbers.
            state = np.random.SeedSequence([seed, first]).generate_state(1)
            seed_everything(int(state[0]))
        output = feed.forward(inputs)
        began = time.perf_counter()
        rows = slice(first - start, last - start)
        for layer, values in recorder.take().items():
            _put_rows(chunk[layer], rows, values, layer)
        if PREDICTION in chunk or LOGITS in chunk:
            logits = logits_of(output)
            assert logits is not None, "the probe gave logits"
            if PREDICTION in chunk:
                chunk[PREDICTION][rows] = _classes(feed, plan, logits)
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


def _classes(feed: Feed, plan: Plan, logits: Tensor) -> NDArray[np.int64]:
    """The label of the largest score of every sample; `NO_SCORES` where one of them is NaN."""
    largest = logits.amax(dim=1, keepdim=True)
    feed.tied += int(((logits == largest).sum(dim=1) > 1).sum())
    classes = logits.argmax(dim=1).cpu().numpy()
    found = classes if plan.class_order is None else plan.class_order[classes]
    return np.where(logits.isnan().any(dim=1).cpu().numpy(), NO_SCORES, found)


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


def _summary(
    feed: Feed,
    plan: Plan,
    predictions: NDArray[np.int64] | None,
    nonfinite: dict[str, int],
    *,
    all_run: bool = True,
) -> dict[str, Any]:
    """What `finish` seals; `all_run`: whether every batch ran now, none in a capture before."""
    for layer, count in nonfinite.items():
        log.warning("layer %r has %d values that are NaN or infinite; others go on", layer, count)
    top1, note = None, plan.top1_note
    labels = feed.samples.labels
    if predictions is not None and labels is not None and (labels >= 0).any():
        known = labels >= 0  # -1 is no label
        # Positions say which class is meant only where the model names none.
        scores = plan.scores if plan.class_order is None else None
        top1, why = scored(
            predictions[known], labels[known], len(feed.samples.class_names), scores, feed.tied
        )
        note = "; ".join(part for part in (note, why) if part)
        if why:
            log.warning("accuracy: %s", why)
    summary: dict[str, Any] = {
        "n": feed.n,
        "top1": top1,
        "top1_note": note,
        "nonfinite": dict(nonfinite),
        "overhead": feed.clock.report(),
        **count_unlabelled(feed.samples.labels),
    }
    if plan.dependence:
        found = {"chance": plan.dependence.chance, "batch": plan.dependence.batch}
        summary["depends_on"] = {key: list(value) for key, value in found.items() if value}
    cut = feed.truncated(all_run=all_run)
    if cut is None:
        return summary
    if cut[0]:
        log.warning("%d of %d texts are longer than %d tokens and were cut", cut[0], feed.n, cut[1])
    return {**summary, "truncated": cut[0], "token_limit": cut[1]}
