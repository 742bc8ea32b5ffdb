"""Record what modules return while a model runs, and leave the model exactly as it came.

The pool runs inside the hook and its result is a new tensor, so that an in-place operation later
in the forward pass cannot change what was recorded. What is recorded, under which address and
from which modules, is decided in layers.py; what a pool computes, in pools/.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from toposcope.activations.attention_heads import SIGN, Heads, find_heads, head_address
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.types import near_matches

Pool = Callable[[str, Tensor], Tensor]
"""(address, output of shape (batch, ...)) -> what is kept of it, (batch, ...)."""


def address_of(name: str, call: int) -> str:
    """Address of one call of a module: the first is its name, the second reads `name@1`.

    Examples
    --------
    >>> address_of("layer1.0", 0), address_of("relu", 2)
    ('layer1.0', 'relu@2')
    """
    return name if call == 0 else f"{name}@{call}"


def tensor_of(output: object, address: str) -> tuple[Tensor, str]:
    """The tensor a module's output stands for, and the path that leads to it.

    One rule, the same for every module: a tensor is itself (path ""); a tuple or list stands for
    its element 0, which must be a tensor (path "[0]"); a mapping, as the outputs of Hugging Face
    models are, stands for its `last_hidden_state` (path ".last_hidden_state").

    Parameters
    ----------
    output
        What the module returned.
    address
        Address of the call, for the message.

    Returns
    -------
    The tensor and the path.

    Raises
    ------
    UsageError
        When no rule applies; the first tensor found somewhere inside would be a guess.

    Examples
    --------
    >>> tensor_of((torch.zeros(2, 3), None), "lstm")[1]
    '[0]'
    """
    if isinstance(output, Tensor):
        return output, ""
    if isinstance(output, Mapping):
        state = output.get("last_hidden_state")
        if isinstance(state, Tensor):
            return state, ".last_hidden_state"
        holds = f"a mapping with the keys {sorted(map(str, output))}"
    elif isinstance(output, tuple | list):
        if output and isinstance(output[0], Tensor):
            return output[0], "[0]"
        first = type(output[0]).__name__ if output else "nothing"
        holds = f"a {type(output).__name__} that begins with {first}"
    else:
        holds = type(output).__name__
    msg = (
        f"layer {address!r} returns {holds}; needed is a tensor, a tuple that begins with one, or "
        "a mapping with 'last_hidden_state'. Choose a layer inside it: 'toposcope layers' lists "
        "them."
    )
    raise UsageError(msg)


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

    Restores the training flag of every submodule and the random state of every device. Gradients
    and `requires_grad` are never touched. `no_grad` rather than `inference_mode`: a tensor that
    the model caches under inference mode could never be trained with again.
    """
    modes = [(module, module.training) for module in model.modules()]
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
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)


class Recorder:
    """Pooled outputs of the forward pass that is running or has just ended.

    `take()` hands them over and makes ready for the next pass. `seconds` is the time spent inside
    hooks so far, `paths` the rule of `tensor_of` that applied to each address.
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

    def head_hook(self, heads: Heads) -> Callable[[nn.Module, Any], None]:
        """Forward pre-hook of the output projection of an attention module."""

        def observe(module: nn.Module, inputs: Any) -> None:
            began = time.perf_counter()
            call = address_of(heads.attention, self._calls[heads.attention])
            for number, head in enumerate(heads.split(inputs[0])):
                address = head_address(call, number)
                if address in self._wanted:
                    self._keep(address, head)
            self.seconds += time.perf_counter() - began

        return observe

    def _keep(self, address: str, output: object) -> None:
        tensor, path = tensor_of(output, address)
        try:
            kept = self._pool(address, tensor.detach())
        except Exception as error:
            error.add_note(f"in layer {address!r}, output of shape {tuple(tensor.shape)}")
            raise
        if kept.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr():
            # A view: an in-place ReLU after this module would write into what we keep.
            kept = kept.clone()
        self.paths[address] = path
        self._outputs[address] = kept


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
            handles.extend(modules[n].register_forward_hook(recorder.hook(n)) for n in names)
            for heads in split:
                projection = modules[heads.projection]
                handles.append(projection.register_forward_pre_hook(recorder.head_hook(heads)))
            yield recorder
        finally:
            for handle in handles:
                handle.remove()


def _module_name(address: str, modules: Mapping[str, nn.Module]) -> str:
    """Name of the module an address belongs to."""
    if address in modules:
        return address
    call_address, sign, head = address.rpartition(SIGN)
    if sign and head.isdigit():
        return _module_name(call_address, modules)
    name, at, call = address.rpartition("@")
    if at and call.isdigit() and name in modules:
        return name
    msg = f"the model has no module {address!r}. " + near_matches(address, list(modules))
    raise LayerNotFoundError(msg)
