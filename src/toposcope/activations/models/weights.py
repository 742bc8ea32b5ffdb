"""Load a file of weights into a model, strictly: every key and shape must fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from toposcope.activations.models.state_dicts import find_entry
from toposcope.activations.models.weight_files import read_weights, split_entry
from toposcope.activations.reasons import reason_of
from toposcope.errors import UsageError, WeightsError


def load_weights(model: nn.Module, path: Path | str) -> dict[str, Any]:
    """Load weights into a model in place.

    Parameters
    ----------
    model
        The network; its own floating-point type is kept, so float16 files are converted.
    path
        `.safetensors`, or `.pt`/`.pth`/`.th`/`.bin`/`.ckpt`/`.pth.tar`: a state dict, bare or under
        any names; the index (`.index.json`) of several files, or their folder. `FILE#ENTRY` says
        which entry is meant where several fit: `last.ckpt#teacher`.

    Returns
    -------
    Record of what was done: file, entry where one was chosen, sha256, format, notes.

    Raises
    ------
    WeightsError
        When the file cannot be read, holds code, does not fit, or fits in several ways: see
        `find_entry`. Only counters of steps and tied parameters may be missing.
    """
    file, wanted = split_entry(path)
    read = read_weights(file)
    try:
        entry = find_entry(read.content, model, file=file.name, wanted=wanted)
    except WeightsError as error:
        if not read.unopened:
            raise
        msg = (
            f"{error} Not opened, since that could run code from the file: {_some(read.unopened)}. "
            "If the weights are in there, save them alone where the training runs: "
            "torch.save(model.state_dict(), ...)."
        )
        raise WeightsError(msg) from error
    own = model.state_dict()
    meta = any(tensor.is_meta for tensor in own.values() if isinstance(tensor, Tensor))
    # Keys and shapes are those of the network as it is now, and so is their version: quantized
    # layers take a state without one for that of an older torch.
    state: OrderedDict[str, Any] = OrderedDict(entry.state)
    state._metadata = getattr(own, "_metadata", None)  # type: ignore[attr-defined]
    notes = list(entry.notes)
    types = set()
    for key, tensor in state.items():
        target = own[key]
        if isinstance(tensor, Tensor) and not is_lazy(target) and tensor.dtype != target.dtype:
            types.add(str(tensor.dtype))
            state[key] = tensor.to(target.dtype)
    odd = [k for k, one in state.items() if isinstance(one, Tensor) and not _finite(one)]
    if odd:
        notes.append(f"{len(odd)} of {len(state)} tensors hold NaN or inf: {_some(odd)}")
    if read.unopened:
        notes.append(f"read as nothing: {_some(read.unopened)}")
    if types:
        notes.append(f"converted from {', '.join(sorted(types))} to the model's types")
    try:
        # strict=False only lets missing step counters pass; everything else was checked above.
        # A network on the meta device has no memory to copy into: it takes the file's tensors.
        model.load_state_dict(state, strict=False, assign=meta)
    except Exception as error:  # a hook of the network's own
        msg = f"{file.name} cannot be loaded into {type(model).__name__}: {reason_of(error)}."
        raise WeightsError(msg) from error
    record = {"file": file.name, "sha256": read.sha256, "format": read.kind, "notes": notes}
    return record if entry.name == "." and not wanted else {**record, "entry": entry.name}


def refuse_valueless(model: nn.Module, name: str) -> None:
    """Raise where a network has parameters or buffers without values.

    Raises
    ------
    UsageError
        For lazy modules that never ran, and for tensors on the meta device.
    """
    lazy = [key for key, tensor in _tensors(model) if is_lazy(tensor)]
    if lazy:
        msg = (
            f"MODEL {name!r} has lazy modules without weights yet: {_some(lazy)}. Run one batch "
            "through it before: model(batch) in your code, or in the factory before it returns."
        )
        raise UsageError(msg)
    meta = [key for key, tensor in _tensors(model) if tensor.is_meta]
    if meta:
        msg = (
            f"MODEL {name!r} has tensors on the meta device, shapes without values: {_some(meta)}. "
            "Build it on the CPU, or pass weights= (--weights) that hold them."
        )
        raise UsageError(msg)


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 6} more" if len(keys) > 6 else ""
    return ", ".join(keys[:6]) + more
