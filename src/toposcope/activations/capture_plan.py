"""Decide, before the first real batch, what a capture keeps and in which pieces."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from toposcope.activations.batches import Feed
from toposcope.activations.hooks import undisturbed
from toposcope.activations.layers import select_layers, with_blocks
from toposcope.activations.model_inputs import Inputs, call, mask_of, told
from toposcope.activations.models.class_order import accuracy_note, class_order
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.models.raw_batches import channel_axis, forward_parameters
from toposcope.activations.pools.plan import TOKEN_POOLS, PoolPlan, TokenAxis, plan_pool
from toposcope.activations.pools.volumes import FIRST, channels_of
from toposcope.activations.reasons import reason_of
from toposcope.activations.repeated_blocks import LayerInfo
from toposcope.activations.survey import Dependence, Survey, survey
from toposcope.errors import UsageError
from toposcope.execution.budgets import is_memory
from toposcope.types import LOGITS, MASK, PREDICTION, THUMBNAIL

log = logging.getLogger("toposcope")

CHUNK_ROWS = 8192
"""Most rows in a chunk: what a kill can cost, against what its many small files cost. Writers need
the interpreter too: with 2048 rows they slowed a ResNet-56 down by 3 %."""
SHARD_BYTES = 64 << 20
CHUNK_BYTES = 128 << 20
BATCH_BYTES = 1 << 30
"""Most bytes that one batch may keep; two chunks are in memory at a time."""
PROBE_ROWS = 3
THUMBNAIL_SIDE = 48
THUMBNAIL_SAMPLES = 20_000


@dataclass(frozen=True)
class Plan:
    """What is kept of every layer.

    Parameters
    ----------
    rows
        The chosen calls, in network order.
    pools
        Pool by address.
    layers
        Shape and dtype by address, pseudo-layers included: the layer plan of the store.
    chunk_rows
        Rows per chunk, a multiple of the batch size.
    class_order
        Label of the data for every logit, or None where positions are labels.
    top1_note
        Why there is no accuracy, or what to know of it; "" otherwise.
    scores
        Numbers that the model gives per sample, None without class scores.
    dependence
        The chosen calls whose output for a sample depends on chance or on its batch.
    """

    rows: list[LayerInfo]
    pools: dict[str, PoolPlan]
    layers: dict[str, dict[str, Any]]
    chunk_rows: int
    class_order: NDArray[np.int64] | None = None
    top1_note: str = ""
    scores: int | None = None
    dependence: Dependence = field(default_factory=Dependence)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Layer addresses, pseudo-layers left out."""
        return tuple(self.pools)

    def thumbnail_shape(self) -> tuple[int, ...] | None:
        """Shape of one thumbnail, or None when there are none."""
        entry = self.layers.get(THUMBNAIL)
        return None if entry is None else tuple(entry["shape"])


def make_plan(
    feed: Feed,
    layers: str | Sequence[str],
    pool: str,
    *,
    seed: int,
    dtype: str,
    pictures: bool,
    keep_logits: bool = False,
    channels: str = "auto",
) -> Plan:
    """Run a few samples through the model and plan what to keep of them.

    Parameters
    ----------
    feed
        Model and samples.
    layers, pool, seed, dtype, channels
        As in `capture`.
    pictures
        Whether to keep thumbnails of image samples.
    keep_logits
        Whether to keep the (n, classes) output, where the model has one.
    """
    raw, inputs = feed.batch(0, min(PROBE_ROWS, feed.n))
    model = feed.loaded.model
    seen = probe(feed.loaded, inputs)
    rows = select_layers(model, seen.rows, layers)
    dependence = seen.dependence.among(row.address for row in rows)
    tell_dependence(dependence)
    has_cls = _has_class_token(model)
    tokens = _token_axis(feed, inputs, pool)
    # Other pools do not care, so that a layer nobody can read does not stop them.
    maps = channels_of(model, rows, channels) if pool in ("auto", "gap", "volume") else {}
    pools = {
        row.address: _moved(
            plan_pool(
                pool,
                row.shape or (),
                address=row.address,
                seed=seed,
                has_cls=has_cls,
                channels=maps.get(row.address, FIRST),
                tokens=tokens or _ragged_axis(row, pool),
            ),
            row,
        )
        for row in rows
    }
    entries: dict[str, dict[str, Any]] = {
        address: {"shape": list(plan.shape), "dtype": dtype} for address, plan in pools.items()
    }
    if tokens is not None and pool == "tokens":
        entries[MASK] = {"shape": [tokens.longest], "dtype": "uint8"}
    logits = logits_of(seen.output)
    if keep_logits and logits is not None:
        entries[LOGITS] = {"shape": [logits.shape[1]], "dtype": "float32"}
    names = feed.samples.class_names if feed.samples.labels is not None else None
    scores = None if logits is None else logits.shape[1]
    scored, note = accuracy_note(names, scores, feed.loaded.classes)
    if scored:
        entries[PREDICTION] = {"shape": [], "dtype": "int64"}
    if pictures and feed.source.kind == "image" and feed.n <= THUMBNAIL_SAMPLES:
        entries[THUMBNAIL] = {"shape": list(_thumbnail_shape(raw.shape[1:])), "dtype": "uint8"}
    order = class_order(feed.loaded.classes, feed.samples.class_names)
    size = chunk_rows(entries, feed.batch_size)
    return Plan(rows, pools, entries, size, order, note, scores, dependence)


def _moved(plan: PoolPlan, row: LayerInfo) -> PoolPlan:
    """The plan, its law with what is done to the output before."""
    law = plan.law
    if row.batch_axis:
        law = f"samples from axis {row.batch_axis} to the front; {law}"
    if row.ragged:
        law = f"samples of other lengths filled up with zeros; {law}"
    return plan if law == plan.law else replace(plan, law=law)


def _ragged_axis(row: LayerInfo, pool: str) -> TokenAxis | None:
    """The token axis of a layer whose samples have lengths of their own, for pools over tokens."""
    if not row.ragged or row.shape is None or pool not in ("auto", *TOKEN_POOLS):
        return None
    if pool == "tokens":
        msg = (
            f"layer {row.address!r} gives samples of different lengths, and pool 'tokens' needs to "
            "know which tokens are real: let preprocess return them under the name "
            "'attention_mask' (True for real ones), or use 'mean_token', 'cls' or 'flatten'."
        )
        raise UsageError(msg)
    return TokenAxis(row.shape[0], row.shape[0])


def tell_dependence(dependence: Dependence) -> None:
    """Warn of outputs that are no function of their sample alone."""
    for addresses, why in (
        (
            dependence.chance,
            "changes from one pass to the next for the same samples, in evaluation mode: the "
            "network draws random numbers or remembers. The capture draws them from its seed",
        ),
        (
            dependence.batch,
            "depends on the other samples of its batch, in evaluation mode (batch statistics, an "
            "operation over the batch, a batch_first that does not fit what the module is fed): "
            "other batch sizes and samples give other values",
        ),
    ):
        if addresses:
            more = f" and of {len(addresses) - 1} more" if len(addresses) > 1 else ""
            log.warning("the output of %s%s %s", repr(addresses[0]), more, why)


def _token_axis(feed: Feed, inputs: Inputs, pool: str) -> TokenAxis | None:
    """Where the input has a mask: tokens of this batch, and of the longest sample of the RUN."""
    mask = mask_of(inputs)
    if mask is None:
        return None
    # Only the pool that keeps every token has to know; it costs a pass of the tokenizer.
    return TokenAxis(mask.shape[1], feed.longest() if pool == "tokens" else mask.shape[1])


def probe(loaded: LoadedModel, inputs: Inputs) -> Survey:
    """Every module call for a few samples; what the model cannot run is refused here, early."""
    try:
        seen = survey(loaded.model, inputs)
    except UsageError as error:
        error.add_note(f"model {loaded.name!r}")
        raise
    except Exception as error:
        raise UsageError(cannot_run(loaded, inputs, error)) from error
    return replace(seen, rows=with_blocks(loaded.model, seen.rows))


def cannot_run(loaded: LoadedModel, inputs: Inputs, error: Exception) -> str:
    """What a model was fed, what it said, and what to type next."""
    fed = f"It was fed {told(inputs)} (preprocessing: {loaded.provenance.get('preprocess')})"
    if is_memory(error):
        return (
            f"capture(): the model {loaded.name!r} has not enough memory for this data. {fed} and "
            f"raised {reason_of(error)}. Smaller samples need less, and so does another device."
        )
    try:
        with undisturbed(loaded.model):
            call(loaded.model, inputs)
    except Exception:
        asked = _arguments(loaded.model)
        return (
            f"capture(): the model {loaded.name!r} cannot run on this data. {fed} and raised "
            f"{reason_of(error)}. {asked}Put a function preprocess(batch) beside the factory, or "
            "on the model, that turns the raw batch into what the model takes."
        )
    return (
        f"capture(): the model {loaded.name!r} runs on this data, but not while its modules are "
        f"watched: that raised {reason_of(error)}. {fed}. Nothing is wrong with the data: a module "
        "inside cannot have hooks. Pass the network without it, or the part that can be watched."
    )


def _arguments(model: torch.nn.Module) -> str:
    """A sentence about a forward pass that needs more than one argument."""
    parameters = forward_parameters(model).values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [p.name for p in parameters if p.default is p.empty and p.kind in kinds]
    if len(needed) < 2:
        return ""
    return f"Its forward() needs {', '.join(needed)}: preprocess may return a dict of them. "


def logits_of(output: object) -> Tensor | None:
    """The (n, classes) logits in a model's output, or None when it holds none."""
    if isinstance(output, Mapping):
        output = output.get("logits")
    if isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point():
        return output
    return None


def chunk_rows(layers: Mapping[str, Mapping[str, Any]], batch_size: int) -> int:
    """Rows per chunk: a multiple of the batch, at most 64 MiB per shard and 128 MiB together.

    Parameters
    ----------
    layers
        Shape and dtype by address.
    batch_size
        Samples per forward pass.

    Raises
    ------
    UsageError
        When a single batch would keep more than 1 GiB.

    Examples
    --------
    >>> chunk_rows({"a": {"shape": [64], "dtype": "float32"}}, 128)
    8192
    >>> chunk_rows({"a": {"shape": [64, 32, 32], "dtype": "float32"}}, 128)
    256
    """
    sizes: dict[str, int] = {
        address: math.prod(entry["shape"]) * np.dtype(entry["dtype"]).itemsize
        for address, entry in layers.items()
    }
    widest, together = max(sizes, key=sizes.__getitem__), sum(sizes.values())
    if together * batch_size > BATCH_BYTES:
        msg = (
            f"capture(): one batch of {batch_size} samples would keep "
            f"{together * batch_size / 2**30:.1f} GiB ({widest!r} alone {sizes[widest]:,} bytes "
            "per sample). Use pool 'gap' or 'project:128', fewer layers, or a smaller batch_size."
        )
        raise UsageError(msg)
    most = min(CHUNK_ROWS, SHARD_BYTES // max(sizes[widest], 1), CHUNK_BYTES // max(together, 1))
    return max(1, most // batch_size) * batch_size


def make_spec(
    feed: Feed, plan: Plan, *, per_class: int | None, seed: int, dtype: str
) -> dict[str, Any]:
    """Everything that decides the values, JSON-able; a capture resumes only with an equal one."""
    provenance = dict(feed.loaded.provenance)
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    versions.update(provenance.pop("versions", {}))
    return {
        **provenance,
        "data": feed.source.spec,
        "data_name": feed.source.name,
        "data_kind": feed.source.kind,
        "data_content": feed.source.content,
        "data_split": feed.source.split,
        "data_columns": list(feed.source.columns),
        "data_revision": feed.source.revision,
        "class_names": list(feed.samples.class_names),
        "model_classes": list(feed.loaded.classes),
        "n": feed.n,
        "per_class": per_class,
        "seed": seed,
        "selected": list(plan.addresses),
        "pool": {address: pool.name for address, pool in plan.pools.items()},
        "pool_laws": {address: pool.law for address, pool in plan.pools.items()},
        **_extras(plan),
        "outputs": {row.address: row.address + row.path for row in plan.rows if row.path},
        "modules": {row.address: row.type for row in plan.rows},
        "why": {row.address: row.why for row in plan.rows if row.why},
        "batch_size": feed.batch_size,
        "dtype": dtype,
        "device": feed.device.type,
        "network_dtype": network_dtypes(feed.loaded.model),
        "versions": versions,
    }


def _extras(plan: Plan) -> dict[str, Any]:
    """What few networks have: left out where there is nothing to tell."""
    axes = {row.address: row.batch_axis for row in plan.rows if row.batch_axis}
    ragged = [row.address for row in plan.rows if row.ragged]
    return {
        **({"batch_axes": axes} if axes else {}),
        **({"ragged": ragged} if ragged else {}),
    }


def network_dtypes(model: torch.nn.Module) -> list[str]:
    """Types the network computes in: those of its parameters, and int8 where layers are quantized.

    Examples
    --------
    >>> network_dtypes(torch.nn.Linear(2, 2).bfloat16())
    ['bfloat16']
    """
    dtypes = {str(p.dtype).removeprefix("torch.") for p in model.parameters()}
    if any("quantized" in type(module).__module__ for module in model.modules()):
        dtypes.add("int8")
    return sorted(dtypes)


def _has_class_token(model: torch.nn.Module) -> bool:
    """Whether a parameter is named as class tokens are in timm, torchvision and transformers."""
    names = {name.rpartition(".")[2] for name, _ in model.named_parameters()}
    return bool(names & {"cls_token", "class_token", "class_embedding", "cls"})


def _thumbnail_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 3 and channel_axis(shape) == "first":
        shape = (*shape[1:], shape[0])
    height, width = shape[:2]
    scale = max(1.0, max(height, width) / THUMBNAIL_SIDE)
    small = (max(1, round(height / scale)), max(1, round(width / scale)))
    return (*small, 3) if len(shape) == 3 and shape[2] > 1 else small
