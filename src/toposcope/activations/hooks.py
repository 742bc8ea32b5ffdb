"""Record what modules return while a model runs, and leave the model exactly as it came.

The pool runs inside the hook and its result is a new tensor, so that an in-place operation later
in the forward pass cannot change what was recorded. What is recorded, under which address and
from which modules, is decided in layers.py; what a pool computes, in pools/.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toposcope.activations.attention_heads import (
    SIGN,
    Heads,
    find_heads,
    head_address,
    watch_heads,
)
from toposcope.activations.outputs import tensor_of
from toposcope.activations.reasons import reason_of
from toposcope.activations.threads import alone_with, of_this_thread
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.types import near_matches

_SUFFIX = re.compile(r"@(?:head)?\d+$")

Pool = Callable[[str, Tensor], Tensor]
"""(address, output of shape (batch, ...)) -> what is kept of it, (batch, ...)."""


def address_of(name: str, call: int) -> str:
    """Address of one call of a module: the first is its name, the second reads `name@1`.

    A module whose own name ends like a call or a head gets the number of its first call as well, so
    that no two calls share an address.

    Examples
    --------
    >>> address_of("layer1.0", 0), address_of("relu", 2), address_of("relu@2", 0)
    ('layer1.0', 'relu@2', 'relu@2@0')
    """
    return name if call == 0 and not _SUFFIX.search(name) else f"{name}@{call}"


def refuse_wrapped(model: nn.Module) -> None:
    """Raise for wrappers whose inner modules do not run as named modules of this process."""
    reasons = {
        "DataParallel": "it splits each batch over replicas, so hooks see part of it. Pass "
        "model.module",
        "DistributedDataParallel": "each process sees its own share of the data. Pass model.module",
        "OptimizedModule": "torch.compile fuses modules, so their hooks may not run. Pass "
        "model._orig_mod",
    }
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, torch.jit.ScriptModule):
            reason = "TorchScript runs without calling Python hooks. Pass the original nn.Module"
        elif kind in reasons:
            reason = reasons[kind]
        elif any(kind.__name__ == "_StatefulGraphModule" for kind in type(module).__mro__):
            kind = "program of torch.export"
            reason = (
                "its layers are one flat graph and none of them is called as a module. Pass the "
                "nn.Module it was exported from, or torch.export.unflatten(program)"
            )
        elif getattr(module, "_compiled_call_impl", None) is not None:
            kind = f"{kind} compiled in place by .compile()"
            reason = "torch.compile fuses modules, so their hooks may not run. Capture before it"
        else:
            continue
        where = f"submodule {name!r}" if name else "the model"
        msg = f"capture(): {where} is a {kind}: {reason}."
        raise UsageError(msg)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, and everything as before when it ends, error or not.

    Restores the training flag and the buffers of every submodule and the random state of every
    device, of NumPy and of Python. Gradients and `requires_grad` are never touched. `no_grad`
    rather than `inference_mode`: a tensor that the model caches under inference mode could never be
    trained with again.
    """
    with alone_with(model):
        yield from _undisturbed(model)


def _undisturbed(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.clone(), buffer._version)
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for module, name, buffer, before, version in buffers:
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(before)
            if module._buffers.get(name) is not buffer:
                module._buffers[name] = buffer
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)


class Recorder:
    """Pooled outputs of the forward pass that is running or has just ended.

    It sees the passes of the thread that made it and of no other: a network may answer requests
    elsewhere meanwhile. `take()` hands them over and makes ready for the next pass. `seconds` is
    the time spent inside hooks so far, `paths` the rule of `tensor_of` that applied to each
    address.
    """

    def __init__(self, addresses: Sequence[str], pool: Pool) -> None:
        self.seconds = 0.0
        self.paths: dict[str, str] = {}
        self._wanted = dict.fromkeys(addresses)
        self._pool = pool
        self._calls: Counter[str] = Counter()
        self._outputs: dict[str, Tensor] = {}

    def take(self) -> dict[str, Tensor]:
        """Outputs of the last forward pass by address, in the order asked for."""
        outputs, self._outputs = self._outputs, {}
        self._calls.clear()
        missing = [address for address in self._wanted if address not in outputs]
        if missing:
            msg = (
                f"capture(): {', '.join(map(repr, missing))} did not run in this forward pass. A "
                "layer must run for every batch; leave out those that run only sometimes."
            )
            raise UsageError(msg)
        return {address: outputs[address] for address in self._wanted}

    def hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """Forward hook of the module called `name`."""

        def observe(module: nn.Module, inputs: Any, output: Any) -> None:
            began = time.perf_counter()
            address = address_of(name, self._calls[name])
            self._calls[name] += 1
            if address in self._wanted:
                self._keep(address, output)
            self.seconds += time.perf_counter() - began

        return observe

    def heads(self, heads: Heads) -> Callable[[Tensor], None]:
        """What to do with the heads of an attention module, side by side."""

        def observe(value: Tensor) -> None:
            began = time.perf_counter()
            call = address_of(heads.attention, self._calls[heads.attention])
            for number, head in enumerate(heads.split(value)):
                address = head_address(call, number)
                if address in self._wanted:
                    self._keep(address, head)
            self.seconds += time.perf_counter() - began

        return observe

    def _keep(self, address: str, output: object) -> None:
        tensor, path = tensor_of(output, address)
        try:
            kept = self._pool(address, tensor.detach())
        except UsageError:
            raise
        except Exception as error:
            shape = "a ragged batch" if tensor.is_nested else tuple(tensor.shape)
            msg = (
                f"capture(): the output of layer {address!r}, {tensor.dtype} {shape}, could not be "
                f"pooled: {reason_of(error)}. Leave the layer out with layers= (--layers), or use "
                "another pool."
            )
            raise UsageError(msg) from error
        if not tensor.is_nested and _memory(kept) == _memory(tensor):
            # A view: an in-place ReLU after this module would write into what we keep.
            kept = kept.clone()
        self.paths[address] = path
        self._outputs[address] = kept


def _memory(tensor: Tensor) -> int:
    """Address of a tensor's storage; 0 for layouts that have none, which are never views."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else 0


@contextmanager
def record(model: nn.Module, addresses: Sequence[str], pool: Pool) -> Iterator[Recorder]:
    """Record the pooled outputs of some modules for as long as the context is open.

    Parameters
    ----------
    model
        Any `nn.Module`; it runs in evaluation mode without gradients inside the context.
    addresses
        Addresses to record: `name` is the first call of the module `name`, `name@1` its second;
        `name@head3` is head 3 of an attention module.
    pool
        Function (address, output) -> what to keep. It runs inside the hook.

    Yields
    ------
    A `Recorder`: run the model, then `take()`.

    Raises
    ------
    LayerNotFoundError
        When no module has one of the names.
    UsageError
        For DataParallel, compiled or scripted models, whose hooks see part of the truth.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with record(model, ["0"], lambda address, output: output) as recorder:
    ...     _ = model(torch.ones(4, 2))
    >>> tuple(recorder.take()["0"].shape)
    (4, 3)
    """
    refuse_wrapped(model)
    modules = dict(model.named_modules())
    names = dict.fromkeys(_module_name(address, modules) for address in addresses)
    recorder = Recorder(addresses, pool)
    attentions = find_heads(model) if any(SIGN in address for address in addresses) else {}
    split = [attentions[name] for name in names if name in attentions]
    handles: list[Any] = []
    with undisturbed(model):
        try:
            # Heads first: their address has the number of the call, which the other hooks count.
            handles.extend(watch_heads(modules, heads, recorder.heads(heads)) for heads in split)
            handles.extend(
                modules[n].register_forward_hook(of_this_thread(recorder.hook(n))) for n in names
            )
            yield recorder
        finally:
            for handle in handles:
                handle.remove()


def _module_name(address: str, modules: Mapping[str, nn.Module]) -> str:
    """Name of the module an address belongs to."""
    call_address, sign, head = address.rpartition(SIGN)
    if sign and head.isdigit():
        return _module_name(call_address, modules)
    name, at, call = address.rpartition("@")
    if at and call.isdigit() and name in modules:
        return name
    if address in modules:
        return address
    msg = f"the model has no module {address!r}. " + near_matches(address, list(modules))
    raise LayerNotFoundError(msg)
