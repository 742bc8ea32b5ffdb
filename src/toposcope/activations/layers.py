"""Which layers a model has, and which of them to capture.

Layers are found by running the model once, never by tracing its code, so that any model that runs
can be listed. Addresses are in the order in which outputs come into being during that run; for
modules inside each other the inner one comes first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from toposcope.activations import inputs as fed
from toposcope.activations.hooks import address_of, refuse_wrapped, tensor_of, undisturbed
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.types import near_matches

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ACTIVATION_NAMES = frozenset(
    [
        "CELU",
        "ELU",
        "GELU",
        "GLU",
        "Hardshrink",
        "Hardsigmoid",
        "Hardswish",
        "Hardtanh",
        "LeakyReLU",
        "LogSigmoid",
        "Mish",
        "PReLU",
        "QuickGELU",
        "ReLU",
        "ReLU6",
        "RReLU",
        "SELU",
        "Sigmoid",
        "SiLU",
        "Softplus",
        "Softsign",
        "Swish",
        "Tanh",
        "Threshold",
    ]
)
"""Class names of activation functions, those of torch.nn and two common own ones."""


@dataclass(frozen=True)
class LayerInfo:
    """One call of one module in the forward pass.

    Parameters
    ----------
    address
        `name`, or `name@1` for the second call of the module.
    name
        Name of the module.
    type
        Class of the module.
    shape
        Output shape per sample; None when it cannot be captured.
    bytes_per_sample
        Size of the unpooled output of one sample.
    calls
        Calls of the module in one forward pass.
    params
        Parameters of the module and all inside it.
    leaf
        Whether it has no submodules.
    selected
        Whether the preset `blocks` takes it.
    why
        The reason, or why the output cannot be captured.
    path
        Part of the output that is taken: "" for all of it, "[0]" for the first of a tuple.
    """

    address: str
    name: str
    type: str
    shape: tuple[int, ...] | None
    bytes_per_sample: int
    calls: int
    params: int
    leaf: bool
    selected: bool = False
    why: str = ""
    path: str = ""


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
        "blocks": the repeated units. "all": every module without submodules. "type:Conv2d": by
        class name. Otherwise globs over names, where `*` also matches dots; `relu` takes all calls
        of that module, `relu@0` only the first. A sequence is the union of its members.

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
    if pattern.startswith("type:"):
        kind = pattern.removeprefix("type:")
        found = [row for row in rows if row.type == kind]
        known = sorted({row.type for row in rows})
    else:
        found = [row for row in rows if _named(row, pattern)]
        known = [row.address for row in rows]
    usable = [row.address for row in found if row.shape is not None]
    if usable:
        return usable
    if found:
        msg = f"layer {found[0].address!r} cannot be captured: {found[0].why}"
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
    first = f"{row.name}@0" if row.address == row.name else row.address
    names = (row.address, first) if "@" in pattern else (row.name,)
    # Equality first: a module name may hold characters that mean something in a glob.
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


def _trace(model: nn.Module, example_input: fed.Inputs) -> list[LayerInfo]:
    refuse_wrapped(model)
    calls: Counter[str] = Counter()
    seen: list[tuple[str, nn.Module, int, Any]] = []
    batch = fed.rows(example_input)

    def observer(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def observe(module: nn.Module, inputs: Any, output: Any) -> None:
            seen.append((name, module, calls[name], _describe(output, name, batch)))
            calls[name] += 1

        return observe

    modules = [(n, m) for n, m in model.named_modules() if n or not list(model.children())]
    handles = []
    with undisturbed(model):
        try:
            for name, module in modules:
                handles.append(module.register_forward_hook(observer(name)))
            fed.call(model, example_input)
        finally:
            for handle in handles:
                handle.remove()
    return [
        LayerInfo(
            address=address_of(name, call),
            name=name,
            type=type(module).__name__,
            shape=shape,
            bytes_per_sample=size,
            calls=calls[name],
            params=sum(p.numel() for p in module.parameters()),
            leaf=not list(module.children()),
            why=why,
            path=path,
        )
        for name, module, call, (shape, size, why, path) in seen
    ]


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


def find_blocks(model: nn.Module, rows: Sequence[LayerInfo]) -> dict[str, str]:
    """Addresses of the repeated units of a network, each with the reason, found by structure.

    Composite modules come first: classes of modules that hold at least two weight tensors and
    occur at least twice, the outermost of those inside each other (a transformer block, not its
    attention), but never a stage, that is a module that holds a chain of such units. Failing
    that, repeated composites with a single weight (convolution, norm, activation in one
    Sequential). Failing that, flat stacks: one unit per convolution or linear layer that is
    followed by an activation module, at the address of its last activation.

    Parameters
    ----------
    model
        The model.
    rows
        Calls of its modules, in network order.

    Returns
    -------
    Address -> reason, in network order.

    Raises
    ------
    UsageError
        When nothing repeats; lists what exists.
    """
    found = (
        _composite_units(model, rows, weights=2)
        or _composite_units(model, rows, weights=1)
        or _flat_units(rows)
    )
    if found:
        return found
    names = [f"{row.address} ({row.type})" for row in rows if row.shape is not None]
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    msg = (
        "'blocks' found no repeated unit in this model. It has "
        f"{shown or 'no layer with a tensor output'}. Choose layers by name or glob, or 'all'."
    )
    raise UsageError(msg)


def _composite_units(
    model: nn.Module, rows: Sequence[LayerInfo], *, weights: int
) -> dict[str, str]:
    modules = dict(model.named_modules())
    candidates = {
        row.name: modules[row.name]
        for row in rows
        if row.name
        and row.shape is not None
        and not row.leaf
        and (weights == 1 or type(modules[row.name]) not in CONTAINERS)
        and _weights(modules[row.name]) >= weights
        and not (weights == 1 and _holds_container(modules[row.name]))
    }
    stages = {type(m) for m in candidates.values() if _is_stage(m, weights)}
    counts = Counter(type(m) for m in candidates.values())
    units = {n for n, m in candidates.items() if counts[type(m)] > 1 and type(m) not in stages}
    outermost = {n for n in units if not any(parent in units for parent in _parents(n))}
    kinds = Counter(type(modules[n]).__name__ for n in outermost)
    if len(outermost) < 2:
        return {}
    return {
        row.address: f"repeated unit: {kinds[row.type]} x {row.type}"
        for row in rows
        if row.name in outermost and row.shape is not None
    }


def _weights(module: nn.Module) -> int:
    """Number of weight tensors (two or more axes) in a module: 1 for convolution + norm."""
    return sum(p.ndim >= 2 for p in module.parameters())


def _holds_container(module: nn.Module) -> bool:
    return any(list(child.children()) for child in module.children())


def _is_stage(module: nn.Module, weights: int) -> bool:
    """Whether a module holds a chain of units: a container of composites of one class only.

    Xception's block fails this (its container mixes units with leaves), and so does a decoder
    layer with two attentions (they are attributes, not in a container).
    """
    containers = [module, *module.children()]
    for container in containers:
        if not isinstance(container, CONTAINERS):
            continue
        children = list(container.children())
        heavy = Counter(type(c) for c in children if list(c.children()) and _weights(c) >= weights)
        if sum(heavy.values()) == len(children) and heavy and max(heavy.values()) >= 2:
            return True
    return False


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def _flat_units(rows: Sequence[LayerInfo]) -> dict[str, str]:
    found: dict[str, str] = {}
    weighted: LayerInfo | None = None
    last: LayerInfo | None = None
    for row in rows:
        if not row.leaf:
            continue
        if row.type in _WEIGHTED_NAMES:
            if weighted and last:
                found[last.address] = f"activation after {weighted.type} {weighted.address}"
            weighted, last = row, None
        elif row.type in ACTIVATION_NAMES and row.shape is not None and weighted:
            last = row
    if weighted and last:
        found[last.address] = f"activation after {weighted.type} {weighted.address}"
    return found if len(found) > 1 else {}


_WEIGHTED_NAMES = frozenset(
    [
        "Linear",
        "Bilinear",
        "Conv1d",
        "Conv2d",
        "Conv3d",
        "ConvTranspose1d",
        "ConvTranspose2d",
        "ConvTranspose3d",
    ]
)
