"""The repeated units of a network, found by structure: what `--layers blocks` takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from toposcope.errors import UsageError

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
    source
        Address of the call whose output is this call's first argument, "" where there is none.
    head
        Number of the attention head for rows that are one, else None.
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
    source: str = ""
    head: int | None = None


def find_blocks(model: nn.Module, rows: Sequence[LayerInfo]) -> dict[str, str]:
    """Addresses of the repeated units of a network, each with the reason, found by structure.

    Composite modules come first: classes of modules that hold at least two weight tensors and
    occur at least twice, the outermost of those inside each other (a transformer block, not its
    attention), but never a stage, that is a module that holds a chain of such units. Failing
    that, repeated composites with a single weight (convolution, norm, activation in one
    Sequential). Failing that, flat stacks: one unit per convolution or linear layer that is
    followed by an activation module, at the address of its last activation.

    Blocks of tokens are joined by what goes into the first of them (hidden state 0: embeddings),
    where a module gives exactly that.

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
    rows = [row for row in rows if row.head is None]
    blocks = (
        _composite_units(model, rows, weights=2)
        or _composite_units(model, rows, weights=1)
        or _flat_units(rows)
    )
    if blocks:
        return {**_embeddings(rows, blocks), **blocks}
    names = [f"{row.address} ({row.type})" for row in rows if row.shape is not None]
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    msg = (
        "'blocks' found no repeated unit in this model. It has "
        f"{shown or 'no layer with a tensor output'}. Choose layers by name or glob, or 'all'."
    )
    raise UsageError(msg)


def _embeddings(rows: Sequence[LayerInfo], blocks: Mapping[str, str]) -> dict[str, str]:
    """The call whose output, tokens by width, goes into the first block as it is."""
    first = next(row for row in rows if row.address in blocks)
    for row in rows:
        if row.address == first.source and row.shape == first.shape and len(row.shape or ()) == 2:
            return {row.address: "hidden state 0: what goes into the first block"}
    return {}


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
    units: dict[str, str] = {}
    weighted: LayerInfo | None = None
    last: LayerInfo | None = None
    for row in rows:
        if not row.leaf:
            continue
        if row.type in _WEIGHTED_NAMES:
            if weighted and last:
                units[last.address] = f"activation after {weighted.type} {weighted.address}"
            weighted, last = row, None
        elif row.type in ACTIVATION_NAMES and row.shape is not None and weighted:
            last = row
    if weighted and last:
        units[last.address] = f"activation after {weighted.type} {weighted.address}"
    return units if len(units) > 1 else {}


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
