"""The front door of capture: what is run on which samples, and what of it is kept where."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from toposcope.activations.batches import Feed, find_device, on_device
from toposcope.activations.capture_plan import make_plan, make_spec
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import excerpts, sample
from toposcope.activations.forecast import capture_forecast, refuse_what_cannot_fit
from toposcope.activations.forward_passes import in_memory, on_disk
from toposcope.activations.layers import as_patterns
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.random_init import CALIBRATION, random_twin
from toposcope.errors import UsageError
from toposcope.execution.forecasts import listener, unannounced
from toposcope.execution.progress import Progress, ensure
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, place, sample_ids
from toposcope.inputs.signatures import store as store_place
from toposcope.inputs.urls import place_text
from toposcope.pointclouds.nulls import TWINS
from toposcope.store.runs import twin_of
from toposcope.types import ActivationSet


def _number_of_twins(value: object, name: str, *, call: str) -> bool | int:
    return value if isinstance(value, bool) else given.whole(value, name, call=call, low=0)


@checked(weights=place, store=store_place, twin=_number_of_twins, ids=sample_ids)
def capture(
    model: str | nn.Module | LoadedModel,
    data: Any,
    *,
    layers: str | int | Sequence[str | int] = "blocks",
    pool: str = "auto",
    n: int | None = None,
    per_class: int | None = None,
    store: Path | str | None = None,
    weights: Path | str | None = None,
    batch_size: int = 128,
    device: str = "cpu",
    seed: int | np.random.Generator = 0,
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
    ids: str | Sequence[Any] | None = None,
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
        "blocks", "all", "heads", "type:Conv2d", globs, or numbers of modules of a Sequential: see
        `select_layers`.
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
        Seed of the draw of samples, of random projections, of untrained factories and of networks
        that draw random numbers; a NumPy generator gives one.
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
    ids
        What names a sample, so that rows of two captures are known to belong together: None for
        `name:position`, "position", "stem" (class folder and file name without its ending), the
        name of a column, or the (n,) ids themselves: see `sample`. Copies of one folder of
        pictures, such as adversarial ones, are paired by "stem".

    Returns
    -------
    The activations, in network order. `attrs` holds the provenance, `top1` (fraction of samples
    whose largest logit is their label; None where `top1_note` says why), `nonfinite` (layer ->
    number of values that are NaN or infinite), `depends_on` where the output of a sample depends on
    chance or on its batch (see `survey`), `overhead` (seconds by part) and, for text, `truncated`
    (number of texts longer than `token_limit`).

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
    if twins and store is None:
        msg = "capture(twin=True): twins are kept in STORE/twin; pass store=."
        raise UsageError(msg)
    given.choice(dtype, ("float32", "float16"), "dtype", call="capture()")
    batch_size = given.whole(batch_size, "batch_size", call="capture()", low=1)
    n = None if n is None else given.whole(n, "n", call="capture()", low=1)
    if per_class is not None:
        per_class = given.whole(per_class, "per_class", call="capture()", low=1)
    if max_tokens is not None:
        max_tokens = given.whole(max_tokens, "max_tokens", call="capture()", low=1)
    if step is not None and type(step) is not int:  # which is written as it is: --step 3
        step = given.number(step, "step", call="capture()")
    seed = given.seed(seed, call="capture()")
    layers = as_patterns(layers)
    place = find_device(device)
    loaded = load_model(model, weights, seed=seed, max_tokens=max_tokens)
    source = load_data(data)
    samples = sample(source, n, per_class, seed=seed, ids=ids)
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
                *_flags(ids=ids if isinstance(ids, str) else None),
                *(["--twin", twins] if twins else []),
                "-o",
                store or "RUN",
            )
        spec.update(name=name or loaded.name, step=step, layers=layers, command=command)
        if step_unit != "step":
            spec["step_unit"] = step_unit
        where = None if store is None else Path(store)
        refuse_what_cannot_fit(feed, plan, store=where, networks=1 + twins)
        if (tell := listener(progress)) is not None:
            tell(
                f"capture {feed.loaded.name}",
                capture_forecast(feed, plan, store=where, networks=1 + twins),
            )
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
            progress=unannounced(progress),
            command=command,
            ids=ids,
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
    told = (place_text(word) if isinstance(word, Path) else str(word) for word in words)
    return shlex.join(["toposcope", "capture", *told])
