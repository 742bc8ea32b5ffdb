"""The front door of capture: what is run on which samples, and what of it is kept where."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from toposcope.activations.batches import Feed, find_device, on_device
from toposcope.activations.capture_plan import make_plan, make_spec
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import excerpts, sample
from toposcope.activations.forward_passes import in_memory, on_disk
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.random_init import CALIBRATION, random_twin
from toposcope.errors import UsageError
from toposcope.execution.progress import Progress, ensure
from toposcope.pointclouds.nulls import TWINS
from toposcope.store.runs import twin_of
from toposcope.types import ActivationSet


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
    twin: bool | int = False,
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
        Number of random-init twins of the network to capture too, on the same samples, into
        STORE/twin, STORE/twin_2 and so on: the null model "random_init" of `analyze`. True is 5;
        one twin alone has no spread, so nothing is tested against it.

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
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU())
    >>> acts = capture(net, x, n=8)
    >>> acts.layers, acts["1"].shape
    (('1', '3'), (8, 3))
    """
    twins = _twins(twin)
    _check_options(batch_size, dtype, twins > 0 and store is None)
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
                *(["--twin", twins] if twins else []),
                "-o",
                store or "RUN",
            )
        spec.update(name=name or loaded.name, step=step, layers=layers, command=command)
        if step_unit != "step":
            spec["step_unit"] = step_unit
        if store is None:
            return in_memory(feed, plan, spec, ensure(progress))
        acts = on_disk(feed, plan, spec, Path(store), ensure(progress))
        fresh = [
            random_twin(loaded, seed=seed + number, run=partial(_some_batches, feed))
            for number in range(twins)
        ]
    for number, network in enumerate(fresh):
        capture(
            network,
            data,
            layers=layers,
            pool=pool,
            n=n,
            per_class=per_class,
            store=twin_of(store, number),
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


def _some_batches(feed: Feed, model: nn.Module) -> None:
    """Feed a model the first samples of a capture."""
    own = replace(feed, loaded=replace(feed.loaded, model=model))
    last = min(feed.n, CALIBRATION)
    for start in range(0, last, feed.batch_size):
        own.forward(own.batch(start, min(start + feed.batch_size, last))[1])


def _twins(twin: bool | int) -> int:
    """How many twins are asked for."""
    if isinstance(twin, bool):
        return TWINS if twin else 0
    if twin < 0:
        msg = f"capture(twin={twin}): needed is a number of twins, 0 or more."
        raise UsageError(msg)
    return twin


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
        msg = "capture(twin=True): twins are kept in STORE/twin; pass store=."
        raise UsageError(msg)
    if batch_size < 1:
        msg = f"capture(): batch_size is {batch_size}; at least 1 is needed."
        raise UsageError(msg)
    if dtype not in ("float32", "float16"):
        msg = f"capture(): dtype is {dtype!r}; needed is 'float32' or 'float16'."
        raise UsageError(msg)
