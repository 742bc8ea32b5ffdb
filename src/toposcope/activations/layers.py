"""Which layers a model has, and which of them to capture.

Layers are found by running the model once, never by tracing its code, so that any model that runs
can be listed. Addresses are in the order in which outputs come into being during that run; for
modules inside each other the inner one comes first.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from toposcope.activations import model_inputs as fed
from toposcope.activations.attention_heads import SIGN, Heads, find_heads, head_address
from toposcope.activations.hooks import address_of, refuse_wrapped, tensor_of, undisturbed
from toposcope.activations.repeated_blocks import LayerInfo, find_blocks
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.types import near_matches


def list_layers(model: nn.Module, example_input: fed.Inputs) -> list[LayerInfo]:
    """Every call of every module, in network order, with what `blocks` would take and why.

    Parameters
    ----------
    model
        Any `nn.Module`. It is run once and left as it came.
    example_input
        A batch as the model takes it (after preprocessing): (batch, ...), or named tensors.

    Returns
    -------
    One `LayerInfo` per call. The root is left out unless it is the only module.

    Examples
    --------
    >>> import torch
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU())
    >>> [(row.address, row.shape, row.selected) for row in list_layers(net, torch.ones(2, 4))]
    [('0', (3,), False), ('1', (3,), True), ('2', (3,), False), ('3', (3,), True)]
    """
    rows = _trace(model, example_input)
    try:
        chosen = find_blocks(model, rows)
    except UsageError:
        chosen = {}
    return [
        replace(row, selected=True, why=chosen[row.address]) if row.address in chosen else row
        for row in rows
    ]


def select_layers(
    model: nn.Module, rows: Sequence[LayerInfo], layers: str | Sequence[str] = "blocks"
) -> list[LayerInfo]:
    """The rows that a selection asks for, in network order.

    Parameters
    ----------
    model
        The model the rows were listed from.
    rows
        What `list_layers` returned.
    layers
        "blocks": the repeated units, for transformers with their embeddings. "all": every module
        without submodules. "heads": every attention head, before the output projection; one of
        them is `NAME@head3`. "type:Conv2d": by class name. Otherwise globs over names, where `*`
        also matches dots; `relu` takes all calls of that module, `relu@0` only the first. A
        sequence is the union of its members.

    Returns
    -------
    Rows whose output can be captured, at least one.

    Raises
    ------
    LayerNotFoundError
        When a glob or type matches nothing; lists near matches.
    UsageError
        When a layer asked for by its exact name has an output that cannot be captured.
    """
    wanted = [layers] if isinstance(layers, str) else list(layers)
    if not wanted:
        msg = "select_layers(): no layers were asked for. Pass 'blocks', 'all' or globs."
        raise UsageError(msg)
    chosen: set[str] = set()
    for pattern in wanted:
        chosen.update(_match(model, rows, pattern))
    return [row for row in rows if row.address in chosen]


def _match(model: nn.Module, rows: Sequence[LayerInfo], pattern: str) -> list[str]:
    if pattern == "blocks":
        return list(find_blocks(model, rows))
    if pattern == "all":
        return [row.address for row in rows if row.leaf and row.shape is not None]
    if pattern == "heads":
        matching = [row for row in rows if row.head is not None]
        if not matching:
            msg = "'heads' found no attention module with an output projection and a head count."
            raise LayerNotFoundError(msg)
        return [row.address for row in matching]
    if pattern.startswith("type:"):
        kind = pattern.removeprefix("type:")
        matching = [row for row in rows if row.type == kind]
        known = sorted({row.type for row in rows})
    else:
        matching = [row for row in rows if _named(row, pattern)]
        known = [row.address for row in rows if row.head is None or SIGN in pattern]
    usable = [row.address for row in matching if row.shape is not None]
    if usable:
        return usable
    if matching:
        msg = f"layer {matching[0].address!r} cannot be captured: {matching[0].why}"
        raise UsageError(msg)
    uncalled = [name for name, _ in model.named_modules() if name and fnmatchcase(name, pattern)]
    if uncalled:
        msg = (
            f"{pattern!r} names {uncalled[0]!r}, which the forward pass never calls as a module, "
            f"so it has no output to capture. " + near_matches(pattern, known)
        )
    else:
        msg = f"no layer matches {pattern!r}. {near_matches(pattern, known)} 'toposcope layers' "
        msg += "lists all of them."
    raise LayerNotFoundError(msg)


def _named(row: LayerInfo, pattern: str) -> bool:
    if row.head is not None and SIGN not in pattern:
        return False
    first = f"{row.name}@0" if row.address == row.name else row.address
    names = (row.address, first) if "@" in pattern else (row.name,)
    # Equality first: a module name may hold characters that mean something in a glob.
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


@dataclass
class _Trace:
    """What is seen during one forward pass."""

    batch: int
    rows: list[LayerInfo] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    _origin: dict[int, tuple[str, Any]] = field(default_factory=dict)
    _sources: dict[str, str] = field(default_factory=dict)

    def before(self, name: str) -> Callable[[nn.Module, Any], None]:
        """Hook that notes which call gave the first argument."""

        def observe(module: nn.Module, inputs: Any) -> None:
            # Looked up before the module runs: a dropout inside gives its input back as its own.
            address, known = self._origin.get(id(inputs[0]), ("", None)) if inputs else ("", None)
            if known is not None and known() is inputs[0]:
                self._sources[address_of(name, self.calls[name])] = address

        return observe

    def after(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """Hook that notes the output."""

        def observe(module: nn.Module, inputs: Any, output: Any) -> None:
            address = address_of(name, self.calls[name])
            self.calls[name] += 1
            shape, size, why, path = _describe(output, name, self.batch)
            if isinstance(output, Tensor):
                self._origin[id(output)] = (address, weakref.ref(output))
            row = LayerInfo(
                address=address,
                name=name,
                type=type(module).__name__,
                shape=shape,
                bytes_per_sample=size,
                calls=0,
                params=sum(p.numel() for p in module.parameters()),
                leaf=not list(module.children()),
                why=why,
                path=path,
                source=self._sources.get(address, ""),
            )
            self.rows.append(row)

        return observe

    def heads(self, heads: Heads) -> Callable[[nn.Module, Any], None]:
        """Hook of an output projection: its input is the heads side by side."""

        def observe(module: nn.Module, inputs: Any) -> None:
            if not inputs or not heads.fits(inputs[0], self.batch):
                return
            call = address_of(heads.attention, self.calls[heads.attention])
            for number, head in enumerate(heads.split(inputs[0])):
                row = LayerInfo(
                    address=head_address(call, number),
                    name=heads.attention,
                    type="AttentionHead",
                    shape=tuple(head.shape[1:]),
                    bytes_per_sample=math.prod(head.shape[1:]) * head.element_size(),
                    calls=0,
                    params=0,
                    leaf=False,
                    head=number,
                )
                self.rows.append(row)

        return observe


def _trace(model: nn.Module, example_input: fed.Inputs) -> list[LayerInfo]:
    refuse_wrapped(model)
    trace = _Trace(fed.rows(example_input))
    modules = dict(model.named_modules())
    handles = []
    with undisturbed(model):
        try:
            for name, module in modules.items():
                if name or not list(model.children()):
                    handles.append(module.register_forward_pre_hook(trace.before(name)))
                    handles.append(module.register_forward_hook(trace.after(name)))
            for heads in find_heads(model).values():
                projection = modules[heads.projection]
                handles.append(projection.register_forward_pre_hook(trace.heads(heads)))
            fed.call(model, example_input)
        finally:
            for handle in handles:
                handle.remove()
    return [replace(row, calls=trace.calls[row.name]) for row in trace.rows]


def _describe(
    output: object, name: str, batch: int
) -> tuple[tuple[int, ...] | None, int, str, str]:
    """(shape per sample, bytes per sample, why it cannot be captured, path)."""
    try:
        tensor, path = tensor_of(output, name)
    except UsageError as error:
        return None, 0, str(error), ""
    shape = tuple(tensor.shape)
    if not tensor.is_floating_point():
        return None, 0, f"its output is {tensor.dtype}, not floating point", path
    if len(shape) < 2 or shape[0] != batch:
        why = f"its output has shape {shape}; the first axis must be the batch ({batch} samples)"
        return None, 0, why, path
    return shape[1:], math.prod(shape[1:]) * tensor.element_size(), "", path
