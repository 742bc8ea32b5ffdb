"""The capture itself: run a model over samples and keep its pooled activations.

Memory is constant in the number of samples: rows are collected in chunks of bounded size, and
background threads write a chunk to the RUN folder while the next one is computed. Batches never
cross a chunk boundary, so that a resumed run computes the very same batches and hence the same
bits.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.batches import Feed, find_device, on_device, thumbnails_of
from toposcope.activations.capture_plan import CHUNK_ROWS, Plan, logits_of, make_plan, make_spec
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import excerpts, sample
from toposcope.activations.hooks import Recorder, record
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.pools.tokens import real_first
from toposcope.activations.random_init import random_twin
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, Steps, ensure
from toposcope.store.arrays import from_arrays
from toposcope.store.runs import Run, open_run, twin_of
from toposcope.types import LOGITS, MASK, PREDICTION, THUMBNAIL, ActivationSet

log = logging.getLogger("toposcope")

WRITERS = 2
"""Threads that write shards: one waits for the disk while the other copies. Eight took the cores
from a fast network, 3 to 4 % of its processor time."""
CHUNKS_IN_FLIGHT = 2
"""Chunks of whole volumes on their way to the disk: while the last flushes of one are awaited, the
next streams. Pooled layers do not keep a disk busy: one is enough, and memory stays flatter."""

Chunk = dict[str, NDArray[Any]]
"""Rows of one chunk by address."""


def capture(
    model: str | nn.Module | LoadedModel,
    data: Any,
    *,
    layers: str | Sequence[str] = "blocks",
    pool: str = "auto",
    n: int | None = None,
    per_class: int | None = None,
    store: Path | str | None = None,
    weights: Path | str | None = None,
    batch_size: int = 128,
    device: str = "cpu",
    seed: int = 0,
    dtype: str = "float32",
    channels: str = "auto",
    max_tokens: int | None = None,
    thumbnails: bool = True,
    logits: bool = False,
    progress: Progress | None = None,
    name: str | None = None,
    step: float | None = None,
    step_unit: str = "step",
    command: str | None = None,
    twin: bool = False,
) -> ActivationSet:
    """Run a model over samples and keep the pooled activations of some layers.

    Parameters
    ----------
    model
        `py:module:factory`, `hf:ID-or-folder`, `timm:NAME`, `torchvision:NAME`, or an `nn.Module`:
        see `load_model`.
        It runs in evaluation mode without gradients and is left exactly as it came.
    data
        `npz:FILE` and other specs, arrays, a pair (x, y) or a torch Dataset: see `load_data`.
    layers
        "blocks", "all", "heads", "type:Conv2d", or globs: see `select_layers`.
    pool
        "auto", "flatten", "gap", "volume", "cls", "mean_token", "last_token", "max_token",
        "tokens" or "project:K": see `plan_pool`.
    n, per_class
        Number of samples in all, or of each class; None takes all of them.
    store
        RUN folder to write to; an interrupted capture with the same parameters continues there.
        None keeps the activations in memory.
    weights
        File of weights for the model.
    batch_size
        Samples per forward pass. It changes the last digits, so it is part of the provenance.
    device
        "cpu", a torch device such as "cuda" or "mps", or "auto": CUDA where there is one, else
        MPS, else the CPU. The model is moved there and back.
    seed
        Seed of the draw of samples, of random projections and of untrained factories.
    dtype
        "float32" or "float16": how activations are kept, whatever type the network computes in.
        Networks in bfloat16 or float16 are pooled in float32; NumPy has no bfloat16.
    channels
        Where layers with maps have their channels: "first", "last", or "auto" to ask the modules
        of each layer; what was found stands in `attrs["pool_laws"]`.
    max_tokens
        For `hf:` models of text: longer texts are cut. None takes the model's own limit.
    thumbnails
        Keep small pictures of image samples, or the beginnings of texts, for the report (only with
        `store`).
    logits
        Keep the (n, classes) output of a classifier too, as the pseudo-layer `@logits`.
    progress
        Where to tell how far it is; None is silent.
    name
        Name for tables and reports; default: the model's.
    step
        Training step of the checkpoint, if it is one of a series.
    step_unit
        What `step` counts: "step" or "epoch".
    command
        The command line to show as the one that continues this capture.
    twin
        Capture the random-init twin of the network too, on the same samples, into STORE/twin: the
        null model "random_init" of `analyze`.

    Returns
    -------
    The activations, in network order. `attrs` holds the provenance, `top1` (fraction of samples
    whose largest logit is their label; None where `top1_note` says why), `nonfinite` (layer ->
    number of values that are NaN or infinite), `overhead` (seconds by part) and, for text,
    `truncated` (number of texts longer than `token_limit`).

    Raises
    ------
    UsageError
        For everything that can be refused before the work starts, with its subclasses.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU())
    >>> acts = capture(net, x, n=8)
    >>> acts.layers, acts["1"].shape
    (('1', '3'), (8, 3))
    """
    _check_options(batch_size, dtype, twin and store is None)
    place = find_device(device)
    loaded = load_model(model, weights, seed=seed, max_tokens=max_tokens)
    source = load_data(data)
    samples = sample(source, n, per_class, seed=seed)
    if source.kind == "text" and thumbnails and store is not None:
        samples = replace(samples, texts=excerpts(source, samples))
    feed = Feed(loaded, source, samples, batch_size, place)
    with on_device(loaded.model, place):
        # Pictures are read by the report, from a folder; in memory nothing asks for them.
        pictures = thumbnails and store is not None
        plan = make_plan(
            feed,
            layers,
            pool,
            seed=seed,
            dtype=dtype,
            pictures=pictures,
            keep_logits=logits,
            channels=channels,
        )
        spec = make_spec(feed, plan, per_class=per_class, seed=seed, dtype=dtype)
        if command is None and isinstance(model, str) and isinstance(data, str):
            command = command_line(
                model,
                data,
                *_flags(layers=layers, pool=pool, n=n, per_class=per_class, weights=weights),
                *_flags(batch_size=batch_size, device=device, seed=seed, name=name, step=step),
                *_flags(dtype=None if dtype == "float32" else dtype),
                *_flags(max_tokens=max_tokens),
                *_flags(channels=None if channels == "auto" else channels),
                *(["--twin"] if twin else []),
                "-o",
                store or "RUN",
            )
        spec.update(name=name or loaded.name, step=step, layers=layers, command=command)
        if step_unit != "step":
            spec["step_unit"] = step_unit
        if store is None:
            return _in_memory(feed, plan, spec, ensure(progress))
        acts = _on_disk(feed, plan, spec, Path(store), ensure(progress))
    if twin:
        capture(
            random_twin(loaded, seed=seed),
            data,
            layers=layers,
            pool=pool,
            n=n,
            per_class=per_class,
            store=twin_of(store),
            batch_size=batch_size,
            device=device,
            seed=seed,
            dtype=dtype,
            channels=channels,
            thumbnails=False,
            progress=progress,
            command=command,
        )
    return acts


def _flags(**options: Any) -> list[str]:
    """Options of the command line that are set, as words."""
    words = []
    for key, value in options.items():
        flag = "-n" if key == "n" else "--" + key.replace("_", "-")
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [word for v in values if v is not None for word in (flag, str(v))]
    return words


def command_line(*words: object) -> str:
    """The `toposcope capture` that does the same as a call from Python."""
    return shlex.join(["toposcope", "capture", *map(str, words)])


def _check_options(batch_size: int, dtype: str, twin_in_memory: bool) -> None:
    if twin_in_memory:
        msg = "capture(twin=True): the twin is kept in STORE/twin; pass store=."
        raise UsageError(msg)
    if batch_size < 1:
        msg = f"capture(): batch_size is {batch_size}; at least 1 is needed."
        raise UsageError(msg)
    if dtype not in ("float32", "float16"):
        msg = f"capture(): dtype is {dtype!r}; needed is 'float32' or 'float16'."
        raise UsageError(msg)


def _on_disk(
    feed: Feed, plan: Plan, spec: dict[str, Any], path: Path, progress: Progress
) -> ActivationSet:
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
        _Writer(run, feed, CHUNKS_IN_FLIGHT if plan.chunk_rows < CHUNK_ROWS else 1) as writer,
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


def _in_memory(feed: Feed, plan: Plan, spec: dict[str, Any], progress: Progress) -> ActivationSet:
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
                found = logits.argmax(dim=1).cpu().numpy()
                order = plan.class_order
                chunk[PREDICTION][rows] = found if order is None else order[found]
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
    return None if labels is None else float(np.mean(predictions == labels))


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
    }
    cut = feed.truncated(all_run=all_run)
    if cut is None:
        return summary
    if cut[0]:
        log.warning("%d of %d texts are longer than %d tokens and were cut", cut[0], feed.n, cut[1])
    return {**summary, "truncated": cut[0], "token_limit": cut[1]}


@dataclass
class _Writer:
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

    def __enter__(self) -> _Writer:
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
