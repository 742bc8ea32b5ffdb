"""Which entry of a file of weights fits a network, told by keys and shapes, never by order.

Trainings wrap a state dict in many ways: under `state_dict`, `model`, `net` or any other name, for
several networks side by side (student and teacher, a copy averaged over steps), and with prefixes
of DataParallel (`module.`), torch.compile (`_orig_mod.`) or a LightningModule (`net.`) before every
key. No list of names is kept here: every mapping of the file in which some prefix gives all keys of
the network in their shapes is an answer, and if there are two with other numbers the user decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from toposcope.errors import WeightsError

WRAPPERS = frozenset(["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
"""Parts of keys that DataParallel, torch.compile and others put in, at any depth."""
COUNTERS = ("num_batches_tracked", "n_averaged")
"""Entries that count steps and decide no output: they may be missing or left over."""
DEEPEST = 4
"""Mappings inside each other that are looked into."""
RENAMED = (
    ("weight_g", "parametrizations.weight.original0"),
    ("weight_v", "parametrizations.weight.original1"),
    ("weight_orig", "parametrizations.weight.original"),
    ("weight_u", "parametrizations.weight.0._u"),
    ("weight_v", "parametrizations.weight.0._v"),
)
"""Names of weight_norm and spectral_norm before and after they became parametrizations."""


@dataclass(frozen=True)
class Entry:
    """One reading of a file: a part of it under the keys of the network.

    Parameters
    ----------
    name
        Where it stands: `state_dict.teacher`; "." for the whole file.
    state
        Tensors under the network's own keys where they have one, else under the file's.
    missing, unexpected, reshaped
        What does not fit: keys, keys, and sentences about shapes or types.
    matched
        Number of keys that the network has too.
    notes
        What was done to the keys.
    """

    name: str
    state: dict[str, Tensor]
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]
    matched: int
    notes: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether every key and shape fits."""
        return not (self.missing or self.unexpected or self.reshaped)


def find_entry(content: Any, model: nn.Module, *, file: str, wanted: str = "") -> Entry:
    """The one part of a file's content that fits a network.

    Parameters
    ----------
    content
        What the file holds.
    model
        The network; it is not changed.
    file
        Name of the file, for messages.
    wanted
        Entry that the user asked for, whole (`state_dict.teacher`) or a part of it (`teacher`).

    Raises
    ------
    WeightsError
        When none fits: lists missing and unexpected keys and other shapes of the nearest one. When
        several fit and differ: lists them.

    Examples
    --------
    >>> state = {"module.weight": torch.ones(2, 3), "module.bias": torch.ones(2)}
    >>> entry = find_entry({"ema": state, "epoch": 3}, nn.Linear(3, 2), file="w.pt")
    >>> entry.name, sorted(entry.state)
    ('ema', ['bias', 'weight'])
    """
    own = model.state_dict()
    mappings = dict(_mappings(content))
    top = [str(key) for key in content] if isinstance(content, Mapping) else []
    entries = [
        entry for path, found in mappings.items() for entry in _readings(path, found, own, top)
    ]
    if not entries:
        raise WeightsError(_nothing(content, file))
    if wanted:
        entries = _asked_for(entries, wanted, file)
    fitting = [entry for entry in entries if entry.fits]
    if not fitting:
        best = max(entries, key=lambda e: (e.matched, -len(e.unexpected)))
        raise WeightsError(_misfit(best, model, file))
    different = [fitting[0]]
    for one in fitting[1:]:
        if not any(_same(one.state, known.state) for known in different):
            different.append(one)
    if len(different) > 1:
        names = [entry.name for entry in different]
        msg = (
            f"{file} holds {len(names)} sets of weights that fit {type(model).__name__} and "
            f"differ: {', '.join(names)}. Say which: weights='{file}#{names[0]}' "
            f"(--weights '{file}#{names[0]}')."
        )
        raise WeightsError(msg)
    return fitting[0]


def _mappings(
    value: Any, path: tuple[str, ...] = (), depth: int = 0
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every mapping inside that holds tensors under names, with its place."""
    if isinstance(value, Mapping):
        named = {str(key): one for key, one in value.items()}
    elif isinstance(value, (list, tuple)) and len(value) <= 64:
        named = {str(key): one for key, one in enumerate(value)}
    else:
        return
    if isinstance(value, Mapping) and any(isinstance(one, Tensor) for one in named.values()):
        yield path, named
    if depth < DEEPEST:
        for key, one in named.items():
            yield from _mappings(one, (*path, key), depth + 1)


def _readings(
    path: tuple[str, ...], mapping: Mapping[str, Any], own: Mapping[str, Tensor], top: list[str]
) -> list[Entry]:
    """The mapping as it is, or the parts of it that have the keys of the network."""
    tensors = {key: one for key, one in mapping.items() if isinstance(one, Tensor)}
    # Extra states, and the packed weights of quantized layers.
    extra = {k: one for k, one in mapping.items() if k in own and not isinstance(own[k], Tensor)}
    plain_own = _plain(own)
    groups = _groups(tensors)
    needed = [key for key in plain_own if not key.endswith((*COUNTERS, "_extra_state"))]
    out = []
    for prefix in _prefixes(groups, needed):
        start = f"{prefix}." if prefix else ""
        for variant, keys in groups.items():
            inside = {
                plain.removeprefix(start): original
                for plain, original in keys.items()
                if plain.startswith(start)
            }
            if not inside:
                continue
            state = {plain_own.get(plain, plain): tensors[key] for plain, key in inside.items()}
            state = _renamed(state, own)
            notes = _told(path, prefix, inside, own, mapping, top)
            name = ".".join((*path, *([variant] if variant else []), *([prefix] if prefix else [])))
            out.append(_compared(name or ".", {**state, **extra}, own, notes))
    return out


def _plain(keys: Mapping[str, Any]) -> dict[str, str]:
    """Key without wrappers -> key, where that stays unique; else every key as it is."""
    plain = {_unwrapped(key): key for key in keys}
    return plain if len(plain) == len(keys) else {key: key for key in keys}


def _unwrapped(key: str) -> str:
    *parts, last = key.split(".")
    return ".".join([part for part in parts if part not in WRAPPERS] + [last])


def _groups(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, str]]:
    """Keys without wrappers -> keys; several tables where `module.a` stands beside `a`."""
    plain = {_unwrapped(key): key for key in tensors}
    if len(plain) == len(tensors):
        return {"": plain}
    groups: dict[str, dict[str, str]] = {}
    for key in tensors:
        first = key.partition(".")[0]
        groups.setdefault(first if first in WRAPPERS else "", {})[_unwrapped(key)] = key
    return groups


def _prefixes(groups: Mapping[str, Mapping[str, str]], needed: list[str]) -> list[str]:
    """Prefixes under which the keys of the network may stand, the empty one first."""
    found = {"": 0}
    table = [key for keys in groups.values() for key in keys]
    known = set(table)
    for anchor in needed[:1]:
        for key in table:
            for name in (anchor, *_old_names(anchor)):
                if key.endswith("." + name):
                    prefix = key[: -len(name) - 1]
                    found[prefix] = sum(f"{prefix}.{k}" in known for k in needed)
    most = max(found.values())
    return [p for p, count in found.items() if not p or 2 * count >= max(most, 1)]


def _old_names(key: str) -> list[str]:
    names = []
    for old, new in RENAMED:
        for a, b in ((old, new), (new, old)):
            if key == a or key.endswith("." + a):
                names.append(key.removesuffix(a) + b)
    return names


def _renamed(state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight norm and spectral norm under the names that the network has for them."""
    out = {}
    for key, tensor in state.items():
        names = [] if key in own else [name for name in _old_names(key) if name in own]
        out[names[0] if len(names) == 1 else key] = tensor
    return out


def _told(
    path: tuple[str, ...],
    prefix: str,
    inside: Mapping[str, str],
    own: Mapping[str, Tensor],
    mapping: Mapping[str, Any],
    top: list[str],
) -> list[str]:
    notes = []
    if path:
        rest = [key for key in top if key != path[0]]
        beside = f", beside it left out: {_parts(rest)}" if rest else ""
        notes.append(f"taken from the entry {'.'.join(path)!r}{beside}")
    if prefix:
        tensors = [key for key, one in mapping.items() if isinstance(one, Tensor)]
        left = [key for key in tensors if key not in set(inside.values())]
        beside = f", {len(left)} entries beside it left out: {_parts(left)}" if left else ""
        notes.append(f"taken from under {prefix + '.'!r}{beside}")
    used = {part for key in inside.values() for part in key.split(".") if part in WRAPPERS}
    kept = {part for key in own for part in key.split(".") if part in WRAPPERS}
    for part in sorted(used - kept):
        every = all(key.startswith(part + ".") for key in inside.values())
        notes.append(
            f"prefix {part + '.'!r} removed from {'every key' if every else 'keys that have it'}"
        )
    others = [k for k, one in mapping.items() if not isinstance(one, Tensor) and k not in own]
    if others:
        count = len(others)
        notes.append(f"{count} entries beside the tensors left out: {_parts(others)}")
    return notes


def _parts(keys: list[str]) -> str:
    """What many keys begin with, wrappers aside: `teacher.*, queue`."""
    starts: dict[str, bool] = {}
    for key in keys:
        first, dot, _ = _unwrapped(key).partition(".")
        starts[first] = starts.get(first, False) or bool(dot)
    shown = [f"{name[:40]}.*" if inner else name[:40] for name, inner in starts.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def _compared(name: str, state: dict[str, Any], own: Mapping[str, Tensor], notes: Any) -> Entry:
    counters = [key for key in state if key not in own and key.endswith(COUNTERS)]
    state = {key: one for key, one in state.items() if key not in counters}
    # Tied parameters are one tensor with several names; files keep one of them.
    given = {_place(own[key]) for key in state if key in own} - {0}
    missing = [
        key
        for key, tensor in own.items()
        if key not in state and not key.endswith(COUNTERS) and _place(tensor) not in given
    ]
    unexpected = [key for key in state if key not in own]
    shared = [key for key in state if key in own and isinstance(own[key], Tensor)]
    reshaped = [told for key in shared if (told := _other(key, state[key], own[key]))]
    if not (missing or unexpected or reshaped):
        reshaped = _torn(state, own)
    left = [f"step counters left out: {', '.join(counters)}"] if counters else []
    return Entry(name, state, missing, unexpected, reshaped, len(shared), [*notes, *left])


def _place(value: object) -> int:
    """Address of a tensor's memory, 0 where it has none."""
    if not isinstance(value, Tensor) or is_lazy(value) or value.is_meta or not value.numel():
        return 0
    return int(value.data_ptr())


def _other(key: str, file: Tensor, own: Tensor) -> str:
    """How a tensor of the file cannot become that of the network; "" when it can."""
    if is_lazy(own):
        return ""
    if file.shape != own.shape:
        return f"{key} is {tuple(file.shape)}, the model has {tuple(own.shape)}"
    if file.is_meta:
        return f"{key} is on the meta device: a shape without values"
    if file.layout != own.layout or file.is_quantized != own.is_quantized:
        return f"{key} is {_form(file)}, the model has {_form(own)}"
    numbers = own.is_floating_point() and not file.is_floating_point()
    if numbers or (file.is_complex() and not own.is_complex()):
        # Quantized weights are whole numbers without their scale, complex ones lose a half.
        return f"{key} is {file.dtype}, the model has {own.dtype}"
    if file.dtype != own.dtype and not own.is_quantized and not own.is_meta:
        kept = file.to(own.dtype)
        if own.is_floating_point():
            lost = bool((kept.isinf() & ~file.to(torch.float64).isinf()).any())
        else:
            lost = not torch.equal(kept.to(file.dtype), file)
        if lost:
            return f"{key} is {file.dtype} with values that {own.dtype}, the model's, cannot hold"
    return ""


def _form(tensor: Tensor) -> str:
    return "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")


def _torn(state: Mapping[str, Any], own: Mapping[str, Tensor]) -> list[str]:
    """Names that are one tensor in the network and several different ones in the file."""
    first: dict[int, str] = {}
    out = []
    for key in state:
        place = _place(own[key]) if key in own else 0
        one = first.setdefault(place, key) if place else key
        same_shape = own[one].shape == own[key].shape if one != key else False
        if same_shape and not _equal(state[one], state[key]):
            out.append(f"{one} and {key} are one tensor in the model, two different ones here")
    return out


def _same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    keys = {key for key in a if not key.endswith(COUNTERS)}
    return keys == {key for key in b if not key.endswith(COUNTERS)} and all(
        a[key] is b[key]
        or (isinstance(a[key], Tensor) and a[key].dtype == b[key].dtype and _equal(a[key], b[key]))
        for key in keys
    )


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)))


def _asked_for(entries: list[Entry], wanted: str, file: str) -> list[Entry]:
    exact = [entry for entry in entries if entry.name == wanted and entry.fits]
    near = exact or [entry for entry in entries if f".{wanted}." in f".{entry.name}."]
    near = near or [entry for entry in entries if entry.name == wanted]
    plain = ".".join(part for part in wanted.split(".") if part not in WRAPPERS)
    if near:
        return near
    if plain and plain != wanted:  # names are told without the wrappers that keys may have
        return _asked_for(entries, plain, file)
    names = list(dict.fromkeys(entry.name for entry in entries if entry.name != "."))
    if not names:
        msg = f"{file} has no entries: its weights stand bare. Leave out '#{wanted}'."
        raise WeightsError(msg)
    msg = f"{file} has no entry {wanted!r}; it has {', '.join(names[:12])}."
    raise WeightsError(msg)


def _nothing(content: Any, file: str) -> str:
    if isinstance(content, nn.Module) or not isinstance(content, Mapping):
        return f"{file} holds {type(content).__name__}; needed is a state dict (name -> tensor)."
    if not content:
        return f"{file} is empty; needed is a state dict (name -> tensor)."
    names = ", ".join([str(key) for key in content][:8])
    return (
        f"{file}: the entries {names} are not tensors, nor do they hold any under names; needed is "
        "a state dict (name -> tensor), bare or as an entry: torch.save(model.state_dict(), ...)."
    )


def _misfit(entry: Entry, model: nn.Module, file: str) -> str:
    where = "" if entry.name == "." else f" (entry {entry.name!r})"
    parts = [
        f"missing in the file: {_some(entry.missing)}",
        f"unexpected in the file: {_some(entry.unexpected)}",
        f"other shapes or types: {_some(entry.reshaped)}",
    ]
    return (
        f"{file}{where} does not fit {type(model).__name__}: {'; '.join(parts)}. Use the factory "
        "these weights were made with, or rename the keys."
    )


def _some(items: list[str], limit: int = 6) -> str:
    if not items:
        return "none"
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return f"{', '.join(items[:limit])}{more} ({len(items)})"
