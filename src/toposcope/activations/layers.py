"""Which layers a model has, and which of them to capture.

Layers are found by running the model once, never by tracing its code, so that any model that runs
can be listed. Addresses are in the order in which outputs come into being during that run; for
modules inside each other the inner one comes first.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from toposcope.activations import model_inputs as fed
from toposcope.activations.attention_heads import SIGN
from toposcope.activations.repeated_blocks import LayerInfo, find_blocks
from toposcope.activations.survey import survey
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.types import near_matches

log = logging.getLogger("toposcope")


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
    return with_blocks(model, survey(model, example_input).rows)


def with_blocks(model: nn.Module, rows: Sequence[LayerInfo]) -> list[LayerInfo]:
    """The rows, those that `blocks` would take marked, with the reason."""
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
        inside which no other module runs. "heads": every attention head, before the output
        projection; one of them is `NAME@head3`. "type:Conv2d": by class name. Numbers name the
        modules of a Sequential. Otherwise globs over names, where `*` also matches dots; `relu`
        takes all calls of that module, `relu@0` only the first. A sequence is the union of its
        members.

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
    wanted = as_patterns(layers)
    chosen: set[str] = set()
    for pattern in [wanted] if isinstance(wanted, str) else wanted:
        chosen.update(_match(model, rows, pattern))
    named = [address for address in chosen if address.startswith("@")]
    if named:
        msg = (
            f"layer {named[0]!r}: names that begin with '@' are kept for predictions, masks and "
            "pictures of a RUN. Rename that module."
        )
        raise UsageError(msg)
    return [row for row in rows if row.address in chosen]


def as_patterns(layers: Any) -> str | list[str]:
    """A selection as a word or a list of words; whole numbers name modules of a Sequential.

    Raises
    ------
    UsageError
        When it is something else, or empty.

    Examples
    --------
    >>> as_patterns("blocks"), as_patterns([0, "fc"])
    ('blocks', ['0', 'fc'])
    """
    if isinstance(layers, str):
        return str(layers)
    listed = [layers] if _is_number(layers) else layers
    try:
        words = [str(operator.index(one)) if _is_number(one) else one for one in listed]
    except TypeError:
        words = [listed]
    odd = [one for one in words if not isinstance(one, str)]
    if words and not odd and not isinstance(layers, dict):
        return [str(one) for one in words]
    got = f"{type(odd[0]).__name__} {odd[0]!r}"[:120] if odd else repr(layers)[:120]
    msg = (
        f"layers= has {got}; needed are 'blocks', 'all', 'heads', 'type:NAME', names or globs of "
        "modules, or the numbers of modules in a Sequential, as layers=['0', 'fc*']."
    )
    raise UsageError(msg)


def _is_number(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _match(model: nn.Module, rows: Sequence[LayerInfo], pattern: str) -> list[str]:
    if pattern == "blocks":
        return list(find_blocks(model, rows))
    if pattern == "all":
        return _all(rows)
    if pattern == "heads":
        matching = [row for row in rows if row.head is not None]
        if not matching:
            msg = (
                "'heads' found no attention module with an output projection and a head count "
                "whose heads come as (batch, tokens, width). Ragged batches of PyTorch's fast path "
                "hide them: torch.backends.mha.set_fastpath_enabled(False)."
            )
            raise LayerNotFoundError(msg)
        usable = [row.address for row in matching if row.shape is not None]
        if usable:
            return usable
        msg = f"{matching[0].address!r} cannot be captured: {matching[0].why}"
        raise UsageError(msg)
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


def _all(rows: Sequence[LayerInfo]) -> list[str]:
    """Every module inside which no other runs; what cannot be captured of them is told."""
    leaves = [row for row in rows if row.leaf and row.head is None]
    usable = [row.address for row in leaves if row.shape is not None]
    left = [row for row in leaves if row.shape is None]
    if not usable:
        why = "; ".join(f"{row.address!r}: {row.why}" for row in left[:3]) or "no module ran"
        msg = f"'all' found no layer that can be captured: {why}. 'toposcope layers' lists them."
        raise UsageError(msg)
    if left:
        log.warning(
            "layers='all' leaves out %d of %d, such as %r: %s",
            len(left),
            len(leaves),
            left[0].address,
            left[0].why,
        )
    return usable


def _named(row: LayerInfo, pattern: str) -> bool:
    if row.head is not None and SIGN not in pattern:
        return False
    first = f"{row.name}@0" if row.address == row.name else row.address
    names = (row.address, first, row.name) if "@" in pattern else (row.name,)
    # Equality first: a module name may hold characters that mean something in a glob.
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)
