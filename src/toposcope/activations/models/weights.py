"""Load a file of weights into a model, strictly: every key and shape must fit.

Files are untrusted: safetensors, or pickles through torch's weights_only reader. There is no
fallback to full unpickling, since that would run code from the file.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from toposcope.errors import WeightsError

PICKLES = (".pt", ".pth", ".th", ".bin", ".ckpt")
WRAPPERS = ("state_dict", "model_state_dict")
STRIPPED = ("module.", "_orig_mod.")
"""Prefixes that DataParallel and torch.compile put before every key."""


def load_weights(model: nn.Module, path: Path) -> dict[str, Any]:
    """Load weights into a model in place.

    Parameters
    ----------
    model
        The network; its own floating-point type is kept, so float16 files are converted.
    path
        `.safetensors`, or a `.pt`/`.pth`/`.th`/`.ckpt` state dict, bare or under "state_dict" as
        Lightning keeps it, or the index (`.index.json`) of several files.

    Returns
    -------
    Record of what was done: file, sha256, format, notes.

    Raises
    ------
    WeightsError
        When the file cannot be read, holds code, or does not fit: lists missing and unexpected
        keys and other shapes. Only `num_batches_tracked` and tied parameters may be missing.
    """
    notes: list[str] = []
    state = _unwrap(read_state(path), path, notes)
    state = _strip(state, model, notes)
    _refuse_misfit(model, state, path)
    own = model.state_dict()
    types = {str(v.dtype) for k, v in state.items() if v.dtype != own[k].dtype}
    if types:
        notes.append(f"converted from {', '.join(sorted(types))} to the model's types")
    # strict=False only lets the missing step counters pass; everything else was checked above.
    model.load_state_dict(state, strict=False)
    kind = "safetensors" if path.suffix == ".safetensors" else "torch, weights_only"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"file": path.name, "sha256": sha256, "format": kind, "notes": notes}


def read_state(path: Path) -> Any:
    """What a file of weights holds, without running anything that it says.

    Raises
    ------
    WeightsError
        When it cannot be read, or holds more than tensors.
    """
    if path.name.endswith(".index.json") and path.is_file():
        return _read_parts(path)
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        have = f" The folder holds {', '.join(beside[:8])}." if beside else ""
        msg = f"no weights file {path}.{have}"
        raise WeightsError(msg)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            msg = f"{path} is not a readable safetensors file: {error}."
            raise WeightsError(msg) from error
    if path.suffix not in PICKLES:
        msg = f"{path}: unknown kind of weights {path.suffix!r}; accepted are .safetensors, " + (
            ", ".join(PICKLES) + "."
        )
        raise WeightsError(msg)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"{path} was refused: it holds more than tensors, and opening that could run code from "
            "the file. Save the weights alone: torch.save(model.state_dict(), ...), better as "
            f"safetensors. ({str(error).strip().splitlines()[0]})"
        )
        raise WeightsError(msg) from error
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, IndexError) as error:
        msg = f"{path} is not a readable PyTorch file: {type(error).__name__}: {error}."
        raise WeightsError(msg) from error


def _read_parts(path: Path) -> dict[str, Any]:
    """The files that an index of Hugging Face lists, together."""
    try:
        names = sorted(set(json.loads(path.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg = f"{path} is not a readable index of weights: {error}."
        raise WeightsError(msg) from error
    odd = [name for name in names if Path(str(name)).name != name]
    if odd:
        msg = f"{path} points outside its folder ({odd[0]!r}), which is refused."
        raise WeightsError(msg)
    together: dict[str, Any] = {}
    for name in names:
        together |= read_state(path.parent / name)
    return together


def _unwrap(value: Any, path: Path, notes: list[str]) -> dict[str, Tensor]:
    for key in WRAPPERS:
        if isinstance(value, Mapping) and isinstance(value.get(key), Mapping):
            value = value[key]
            notes.append(f"taken from the entry {key!r}")
            break
    if not isinstance(value, Mapping) or not value:
        msg = f"{path} holds {type(value).__name__}; needed is a state dict (name -> tensor)."
        raise WeightsError(msg)
    odd = [str(key) for key, tensor in value.items() if not isinstance(tensor, Tensor)]
    if odd:
        msg = (
            f"{path}: the entries {', '.join(odd[:8])} are not tensors; needed is a state dict, "
            f"bare or under one of {', '.join(WRAPPERS)}."
        )
        raise WeightsError(msg)
    return {str(key): tensor for key, tensor in value.items()}


def _strip(state: dict[str, Tensor], model: nn.Module, notes: list[str]) -> dict[str, Tensor]:
    own = model.state_dict()
    for prefix in STRIPPED:
        wrapped = all(key.startswith(prefix) for key in state)
        if wrapped and not all(key in own for key in state):
            state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
            notes.append(f"prefix {prefix!r} removed from every key")
    return _strip_attribute(state, own, notes)


def _strip_attribute(
    state: dict[str, Tensor], own: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    """A LightningModule keeps its network under an attribute: `net.conv1.weight`."""
    if any(key in own for key in state):
        return state
    needed = {key for key in own if not key.endswith("num_batches_tracked")}
    for prefix in dict.fromkeys(key.partition(".")[0] + "." for key in state):
        inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if needed and needed <= inside.keys():
            aside = len(state) - len(inside)
            left = f", {aside} entries beside it left out" if aside else ""
            notes.append(f"taken from under {prefix!r}{left}")
            return inside
    return state


def _refuse_misfit(model: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    own = model.state_dict()
    # Tied parameters are one tensor with several names; files keep one of them.
    given = {own[key].data_ptr() for key in state if key in own and own[key].numel()}
    missing = [
        key
        for key, tensor in own.items()
        if key not in state
        and not key.endswith("num_batches_tracked")
        and tensor.data_ptr() not in given
    ]
    unexpected = [key for key in state if key not in own]
    reshaped = [
        f"{key} is {tuple(state[key].shape)}, the model has {tuple(own[key].shape)}"
        for key in state
        if key in own and state[key].shape != own[key].shape
    ]
    if not (missing or unexpected or reshaped):
        return
    parts = [
        f"missing in the file: {_some(missing)}",
        f"unexpected in the file: {_some(unexpected)}",
        f"other shapes: {_some(reshaped)}",
    ]
    msg = (
        f"{path.name} does not fit {type(model).__name__}: {'; '.join(parts)}. Use the factory "
        "these weights were made with, or rename the keys."
    )
    raise WeightsError(msg)


def _some(items: list[str], limit: int = 6) -> str:
    if not items:
        return "none"
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return f"{', '.join(items[:limit])}{more} ({len(items)})"
