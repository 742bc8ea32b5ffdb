"""The repeated units of a network, found by structure: what `--layers blocks` takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

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
        Whether no other module runs inside it.
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
    batch_axis
        Axis of the output that holds the samples: 1 for modules that put time first. `shape` is
        without it.
    ragged
        Whether samples have lengths of their own (nested tensors, packed sequences); `shape` is
        that of the longest, the others are filled up with zeros.
    final
        Whether its output is that of the network.
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
    batch_axis: int = 0
    ragged: bool = False
    final: bool = False


def find_blocks(model: nn.Module, rows: Sequence[LayerInfo]) -> dict[str, str]:
    """Addresses of the repeated units of a network, each with the reason, found by structure.

    Composite modules come first: classes of modules that hold at least two weight tensors and
    occur at least twice, the outermost of those inside each other (a transformer block, not its
    attention), but never a stage, that is a module that holds a chain of such units. Failing
    that, one such module that is called several times (ALBERT). Failing that, repeated composites
    with a single weight (convolution, norm, activation in one Sequential): Sequentials are of one
    kind when their weight and its activation are, so that `features` and `classifier` are not.
    Failing that, flat stacks: one unit per convolution or linear layer that is followed by an
    activation module, at the address of its last activation, and recurrent modules.

    What gives the class scores is no unit: the last call, where its output is that of the network
    and it ends otherwise than the units before it.

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
        or _called_again(model, rows)
        or _composite_units(model, rows, weights=1)
        or _flat_units(rows)
    )
    blocks = _without_scores(rows, blocks)
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
    if first.leaf and first.type not in _RECURRENT:
        return {}  # an activation: what goes into it is the linear layer of its own unit
    for row in rows:
        if row.address == first.source and row.shape == first.shape and len(row.shape or ()) == 2:
            return {row.address: "hidden state 0: what goes into the first block"}
    return {}


def _composite_units(
    model: nn.Module, rows: Sequence[LayerInfo], *, weights: int
) -> dict[str, str]:
    modules = dict(model.named_modules())
    candidates = _candidates(modules, rows, weights)
    stages = {type(m) for m in candidates.values() if _is_stage(m, weights)}
    kinds = {name: _kind(module) for name, module in candidates.items()}
    counts = Counter(kinds.values())
    units = {
        name
        for name, module in candidates.items()
        if counts[kinds[name]] > 1 and type(module) not in stages
    }
    outermost = {n for n in units if not any(parent in units for parent in _parents(n))}
    if len(outermost) < 2:
        return {}
    return _reasons(rows, outermost)


def _candidates(
    modules: Mapping[str, nn.Module], rows: Sequence[LayerInfo], weights: int
) -> dict[str, nn.Module]:
    """Composites that run, by name, with at least so many weight tensors."""
    out = {}
    for row in rows:
        module = modules[row.name]
        if not row.name or row.shape is None or not _children(module):
            continue
        plain = type(module) in CONTAINERS
        held = _weights(module)
        # A container of several weights is no unit: what repeats is inside it.
        fits = weights == held == 1 if plain else held >= weights
        if fits and not (weights == 1 and _holds_container(module)):
            out[row.name] = module
    return out


def _called_again(model: nn.Module, rows: Sequence[LayerInfo]) -> dict[str, str]:
    """The outermost composite that is called several times, each time on what it gave before."""
    modules = dict(model.named_modules())
    candidates = _candidates(modules, rows, 2)
    chained = {
        row.name
        for before, row in _successive(rows)
        if row.name in candidates and row.shape == before.shape and row.source == before.address
    }
    outermost = {n for n in chained if not any(parent in chained for parent in _parents(n))}
    return _reasons(rows, outermost)


def _successive(rows: Sequence[LayerInfo]) -> list[tuple[LayerInfo, LayerInfo]]:
    """Pairs of one call of a module and its next."""
    last: dict[str, LayerInfo] = {}
    pairs = []
    for row in rows:
        if row.name in last:
            pairs.append((last[row.name], row))
        last[row.name] = row
    return pairs


def _reasons(rows: Sequence[LayerInfo], names: set[str]) -> dict[str, str]:
    taken = [row for row in rows if row.name in names and row.shape is not None]
    kinds = Counter(row.type for row in taken)
    return {row.address: f"repeated unit: {kinds[row.type]} x {row.type}" for row in taken}


def _kind(module: nn.Module) -> object:
    """What two units share: their class; of plain containers the weight and the activation."""
    if type(module) not in CONTAINERS:
        return type(module)
    inside = [type_before_parametrizations(one).__name__ for one in module.modules()]
    weighted = next((name for name in inside if name in _WEIGHTED_NAMES), "")
    return weighted, any(name in ACTIVATION_NAMES for name in inside)


def _without_scores(rows: Sequence[LayerInfo], blocks: dict[str, str]) -> dict[str, str]:
    """The units without the one that gives the class scores."""
    last = next((row for row in reversed(rows) if row.address in blocks), None)
    if last is None or not last.final or len(last.shape or ()) != 1:
        return blocks
    ends = {address: _end(rows, address) for address in blocks}
    others = {end for address, end in ends.items() if address != last.address}
    # Linear layers and gates end what has no other end: sigmoids of class scores, a last Linear.
    scores = ends[last.address] in ("Linear", "Sigmoid", "LogSigmoid", "Softmax", "LogSoftmax")
    if scores and others and (others != {ends[last.address]} or ends[last.address] == "Sigmoid"):
        return {address: why for address, why in blocks.items() if address != last.address}
    return blocks


def _end(rows: Sequence[LayerInfo], address: str) -> str:
    """Type of the module that ran last inside a call, or of the call itself; dropouts left out."""
    place = next(i for i, row in enumerate(rows) if row.address == address)
    name = rows[place].name
    for row in reversed(rows[: place + 1]):
        if not (row.name == name or row.name.startswith(f"{name}.")):
            break
        if row.leaf and "Dropout" not in row.type and row.type not in ("Identity", "Flatten"):
            return row.type
    return rows[place].type


def _children(module: nn.Module) -> list[nn.Module]:
    """Modules inside that compute activations; parametrizations compute weights."""
    hidden = getattr(module, "parametrizations", None) if is_parametrized(module) else None
    return [child for child in module.children() if child is not hidden]


def _weights(module: nn.Module) -> int:
    """Number of weight tensors (two or more axes) in a module: 1 for convolution + norm.

    Weight norm and other parametrizations make one weight of several tensors; quantized modules
    keep theirs packed, where it is no parameter.
    """
    names = {
        _PARTS.sub(r"\1", name) for name, value in module.named_parameters() if value.ndim >= 2
    }
    packed = [m for m in module.modules() if _is_quantized(m) and hasattr(m, "weight")]
    return len(names) + len(packed)


def _is_quantized(module: nn.Module) -> bool:
    return "quantized" in type(module).__module__


_PARTS = re.compile(r"parametrizations\.(\w+)\..*$|(?<=weight)_(?:g|v|orig)$")


def _holds_container(module: nn.Module) -> bool:
    return any(_children(child) for child in _children(module))


def _is_stage(module: nn.Module, weights: int) -> bool:
    """Whether a module holds a chain of units: a container of composites of one class only.

    Xception's block fails this (its container mixes units with leaves), and so does a decoder
    layer with two attentions (they are attributes, not in a container).
    """
    containers = [module, *_children(module)]
    for container in containers:
        if not isinstance(container, CONTAINERS):
            continue
        children = list(container.children())
        heavy = Counter(type(c) for c in children if _children(c) and _weights(c) >= weights)
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
    recurrent = 0
    for row in rows:
        if not row.leaf:
            continue
        if row.type in _WEIGHTED_NAMES or row.type in _FUSED_NAMES or row.type in _RECURRENT:
            if weighted and last:
                units[last.address] = f"activation after {weighted.type} {weighted.address}"
            weighted, last = row, None
            if row.type in _FUSED_NAMES and row.shape is not None:
                last = row  # the activation was fused into it
            if row.type in _RECURRENT and row.shape is not None:
                units[row.address] = f"recurrent layer: the last states of a {row.type}"
                weighted, recurrent = None, recurrent + 1
        elif row.type in ACTIVATION_NAMES and row.shape is not None and weighted:
            last = row
    if weighted and last:
        units[last.address] = f"activation after {weighted.type} {weighted.address}"
    # A recurrent module repeats over time, and its layers inside where no hook reaches.
    return units if len(units) > 1 or recurrent else {}


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
        "QuantizedLinear",
        "QuantizedConv2d",
    ]
)
_FUSED_NAMES = frozenset(
    ["ConvReLU1d", "ConvReLU2d", "ConvReLU3d", "LinearReLU", "LinearLeakyReLU"]
)
"""Modules of quantized networks whose activation is part of them."""
_RECURRENT = frozenset(["RNN", "LSTM", "GRU"])
