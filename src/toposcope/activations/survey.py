"""Run a network on a few samples: which modules run, where their outputs keep the batch, and
whether the output of a sample depends on anything but that sample.

Shapes alone cannot tell the batch axis: with as many tokens as samples, both readings fit. So the
network runs on two batch sizes, and the batch is the one axis that follows. The same passes hold
some samples in other company and with other random numbers, so that a network whose output depends
on chance or on the rest of its batch is seen at no further cost; only then it runs again.
"""

from __future__ import annotations

import math
import random
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from toposcope.activations import model_inputs as fed
from toposcope.activations.attention_heads import Heads, find_heads, head_address, watch_heads
from toposcope.activations.hooks import address_of, refuse_wrapped, undisturbed
from toposcope.activations.outputs import dense, tensor_of
from toposcope.activations.reasons import reason_of
from toposcope.activations.repeated_blocks import LayerInfo
from toposcope.activations.threads import of_this_thread
from toposcope.errors import UsageError

SAMPLED = 1024
"""Values of a sample and call that are compared: evenly spaced over its output."""
ROUNDING = 1e-3
"""Largest difference, relative to the largest value, taken for rounding of other batch sizes:
well above float32 through some fifty layers, chosen and not measured."""
HALF_ROUNDING = 5e-2
"""The same for float16 and bfloat16."""
AGAIN = 4
"""Further passes of a network that draws random numbers, until a difference shows."""
OUTPUT = "the output"


@dataclass(frozen=True)
class Dependence:
    """Calls whose output for a sample depends on more than the sample, in network order.

    Parameters
    ----------
    chance
        Other values each time for the same batch.
    batch
        Other values for the same samples in another batch.
    """

    chance: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chance or self.batch)

    def among(self, addresses: Iterable[str]) -> Dependence:
        """Restricted to some calls and the output of the network."""
        wanted = {*addresses, OUTPUT}
        return Dependence(
            tuple(one for one in self.chance if one in wanted),
            tuple(one for one in self.batch if one in wanted),
        )


@dataclass(frozen=True)
class Survey:
    """What a few samples tell about a network.

    Parameters
    ----------
    rows
        One `LayerInfo` per call, in network order.
    output
        What the network returned for the samples.
    dependence
        Calls that depend on chance or on the batch.
    """

    rows: list[LayerInfo]
    output: Any
    dependence: Dependence


def survey(model: nn.Module, inputs: fed.Inputs) -> Survey:
    """Every call of every module, in network order, and what their outputs depend on.

    Parameters
    ----------
    model
        Any `nn.Module`; it is left as it came.
    inputs
        A batch as the model takes it (after preprocessing): (batch, ...), or named tensors.

    Examples
    --------
    >>> class Centered(nn.Module):
    ...     def forward(self, x):
    ...         return x - x.mean(0)
    >>> found = survey(nn.Sequential(nn.Identity(), Centered()), torch.randn(3, 4))
    >>> [(row.address, row.shape) for row in found.rows], found.dependence.batch
    ([('0', (4,)), ('1', (4,))], ('1', 'the output'))
    """
    refuse_wrapped(model)
    whole = list(range(fed.rows(inputs)))
    # Two rows of one sample, of the last and of the first: a largest value over the batch lies in
    # one row, and one of the two passes leaves it out. Batches of one are special for many networks
    # and are not tried.
    others = [[whole[-1]] * 2, [0] * 2] if len(whole) != 2 else [[1] * 3, [0] * 3]
    with undisturbed(model):
        first = _run(model, inputs, whole, seed=0)
        passes = []
        for number, rows in enumerate(others):
            try:
                passes.append(_run(model, inputs, rows, seed=1 + number))
            except UsageError:
                raise
            except Exception as error:
                msg = (
                    f"capture(): the network runs on {len(whole)} samples and not on {len(rows)} "
                    f"({reason_of(error)}). A capture needs one that takes any number of samples, "
                    "of which each gives its own output."
                )
                raise UsageError(msg) from error
        calls = first.rows(passes[0])
        axes = {row.address: row.batch_axis for row in calls if row.shape is not None}
        axes[OUTPUT] = 0
        found = _dependence(model, inputs, first, passes, others, axes)
    return Survey(calls, first.output, found)


def _dependence(
    model: nn.Module,
    inputs: fed.Inputs,
    first: _Pass,
    passes: Sequence[_Pass],
    others: Sequence[Sequence[int]],
    axes: Mapping[str, int],
) -> Dependence:
    """Compare the same samples over the passes; run again only where they differ."""
    whole = list(range(fed.rows(inputs)))
    differing: set[str] = set()
    for one, rows in zip(passes, others, strict=True):
        differing |= first.differing(one, [(row, place) for place, row in enumerate(rows)], axes)
    drew = first.drew or any(one.drew for one in passes)
    if not differing and not drew:
        return Dependence()
    same = [(row, row) for row in whole]
    chance: set[str] = set()
    for number in range(AGAIN):
        again = _run(model, inputs, whole, seed=1 + len(others) + number)
        chance |= first.differing(again, same, axes)
        if chance or differing:
            break
    order = [*(call.address for call in first.calls), OUTPUT]
    return Dependence(
        tuple(one for one in order if one in chance),
        tuple(one for one in order if one in differing - chance),
    )


@dataclass
class _Call:
    """What was seen of one call in one pass."""

    address: str
    name: str
    type: str
    params: int
    leaf: bool
    source: str = ""
    head: int | None = None
    path: str = ""
    why: str = ""
    full: tuple[int, ...] = ()
    ragged: bool = False
    itemsize: int = 4
    final: bool = False
    values: dict[int, Tensor] = field(default_factory=dict)
    """Evenly spaced values per sample, (samples, at most SAMPLED), by possible batch axis."""


@dataclass
class _Pass:
    """One forward pass: its calls in network order, the output, and whether it drew numbers."""

    batch: int
    calls: list[_Call]
    output: Any
    drew: bool
    rounding: float

    def rows(self, other: _Pass) -> list[LayerInfo]:
        """What a pass with another number of samples makes of the calls."""
        beside = {call.address: call for call in other.calls}
        counts = Counter(call.name for call in self.calls if call.head is None)
        return [
            self._row(call, beside.get(call.address), other.batch, counts[call.name])
            for call in self.calls
        ]

    def _row(self, call: _Call, other: _Call | None, batch: int, calls: int) -> LayerInfo:
        axis, why = (0, call.why) if call.why else self._batch_axis(call, other, batch)
        shape = None if why else call.full[:axis] + call.full[axis + 1 :]
        return LayerInfo(
            address=call.address,
            name=call.name,
            type=call.type,
            shape=shape,
            bytes_per_sample=0 if shape is None else math.prod(shape) * call.itemsize,
            calls=0 if call.head is not None else calls,
            params=call.params,
            leaf=call.leaf,
            why=why,
            path=call.path,
            source=call.source,
            head=call.head,
            batch_axis=axis,
            ragged=call.ragged,
            final=call.final,
        )

    def _batch_axis(self, call: _Call, other: _Call | None, batch: int) -> tuple[int, str]:
        """The axis that has as many entries as samples in both passes, or why there is none."""
        if other is None or other.why:
            why = "calls that depend on the samples (experts they are routed to, early exits)"
            return 0, f"it did not run in the same way for {batch} samples: {why} have no rows"
        if call.ragged:
            return 0, ""
        pairs = list(zip(call.full, other.full, strict=False))
        moved = [axis for axis, (a, b) in enumerate(pairs) if a != b]
        seen = f"its output has shape {call.full} for {self.batch} samples and {other.full} for "
        seen += str(batch)
        if len(call.full) != len(other.full) or len(moved) != 1:
            followed = "no axis follows" if not moved else "not one axis alone follows"
            return 0, f"{seen}; {followed} the batch"
        if any(size % n for size, n in zip(pairs[moved[0]], (self.batch, batch), strict=True)):
            why = "it runs on some of the samples only, as experts that they are routed to"
            return 0, f"{seen}: {why}; take the layer that joins them"
        if pairs[moved[0]] != (self.batch, batch):
            return 0, f"{seen}; the batch is mixed with another axis"
        if len(call.full) < 2:
            return 0, f"{seen}: one number per sample is no layer"
        return moved[0], ""

    def differing(
        self, other: _Pass, rows: Sequence[tuple[int, int]], axes: Mapping[str, int]
    ) -> set[str]:
        """Calls in which a sample has other values: pairs of its row here and its row there."""
        beside = {call.address: call.values for call in other.calls}
        beside[OUTPUT] = _values_of_output(other.output, other.batch)
        mine = {call.address: call.values for call in self.calls}
        mine[OUTPUT] = _values_of_output(self.output, self.batch)
        here, there = [a for a, _ in rows], [b for _, b in rows]
        out = set()
        for address, axis in axes.items():
            a, b = mine.get(address, {}).get(axis), beside.get(address, {}).get(axis)
            if a is not None and b is not None and _differ(a[here], b[there], self.rounding):
                out.add(address)
        return out


def _differ(a: Tensor, b: Tensor, rounding: float) -> bool:
    if a.shape != b.shape:
        return False  # of ragged outputs, filled up to other lengths
    finite = a.isfinite() & b.isfinite()
    if not bool(finite.all()):
        if bool((a.isnan() != b.isnan()).any() or (a.isinf() != b.isinf()).any()):
            return True
        a, b = a[finite], b[finite]
    if not a.numel():
        return False
    largest = max(float(a.abs().max()), float(b.abs().max()))
    return float((a - b).abs().max()) > rounding * largest


def _values(tensor: Tensor, batch: int) -> dict[int, Tensor]:
    """Evenly spaced values of every sample, for each axis that may be the batch."""
    out = {}
    for axis, size in enumerate(tensor.shape):
        if size == batch and tensor.numel():
            flat = tensor.movedim(axis, 0).flatten(1) if tensor.ndim > 1 else tensor[:, None]
            step = -(-flat.shape[1] // SAMPLED)
            out[axis] = flat[:, ::step].detach().to("cpu", torch.float64, copy=True)
    return out


def _values_of_output(output: object, batch: int) -> dict[int, Tensor]:
    values = list(output.values()) if isinstance(output, Mapping) else [output]
    if isinstance(output, tuple | list):
        values = list(output)
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point():
            return _values(dense(value)[0], batch)
    return {}


def _run(model: nn.Module, inputs: fed.Inputs, rows: Sequence[int], *, seed: int) -> _Pass:
    """One forward pass of some rows of the input, watched."""
    batch = fed.take(inputs, rows)
    seed_everything(seed)
    before = _random_states()
    trace = _Trace(len(rows), fed.width(batch))
    hidden = _hidden(model)
    modules = {n: m for n, m in model.named_modules(remove_duplicate=True) if n not in hidden}
    handles: list[Any] = []
    try:
        every = dict(model.named_modules())
        handles.extend(watch_heads(every, h, trace.heads(h)) for h in find_heads(model).values())
        for name, module in modules.items():
            if name or len(modules) == 1:
                handles.append(
                    module.register_forward_pre_hook(
                        of_this_thread(trace.before(name)), with_kwargs=True
                    )
                )
                handles.append(module.register_forward_hook(of_this_thread(trace.after(name))))
        output = fed.call(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    trace.mark_final(output)
    half = any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters())
    drew = _random_states() != before
    return _Pass(len(rows), trace.calls, output, drew, HALF_ROUNDING if half else ROUNDING)


def _hidden(model: nn.Module) -> set[str]:
    """Names of modules that compute weights, not activations: parametrizations and all inside."""
    out = set()
    for name, module in model.named_modules():
        if is_parametrized(module):
            start = f"{name}.parametrizations" if name else "parametrizations"
            out |= {n for n, _ in model.named_modules() if n == start or n.startswith(start + ".")}
    return out


def seed_everything(seed: int) -> None:
    """Seed torch, NumPy's old interface and Python, wherever a network may draw from."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)


def _random_states() -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    _, numbers, place, *_ = np.random.get_state()  # noqa: NPY002
    states = [torch.get_rng_state(), *cuda]
    return (
        *(s.numpy().tobytes() for s in states),
        np.asarray(numbers).tobytes(),
        place,
        random.getstate(),
    )


@dataclass
class _Trace:
    """What is seen during one forward pass."""

    batch: int
    width: int
    calls: list[_Call] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _running: list[list[Any]] = field(default_factory=list)
    _origin: dict[int, tuple[str, Any]] = field(default_factory=dict)
    _tensors: list[tuple[_Call, Any]] = field(default_factory=list)
    _sources: dict[str, str] = field(default_factory=dict)

    def before(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """Hook that notes which call gave the first argument, and that a module runs inside."""

        def observe(module: nn.Module, args: Any, kwargs: Any) -> None:
            # Looked up before the module runs: a dropout inside gives its input back as its own.
            first = next(iter((*args, *kwargs.values())), None)
            address, known = self._origin.get(id(first), ("", None))
            if known is not None and known() is first:
                self._sources[address_of(name, self._counts[name])] = address
            for frame in self._running:
                frame[1] = True
            self._running.append([name, False])

        return observe

    def after(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        """Hook that notes the output."""

        def observe(module: nn.Module, inputs: Any, output: Any) -> None:
            address = address_of(name, self._counts[name])
            self._counts[name] += 1
            inner = self._leave(name)
            call = _Call(
                address=address,
                name=name,
                type=type_before_parametrizations(module).__name__,
                params=sum(p.numel() for p in module.parameters()),
                leaf=not inner,
                source=self._sources.get(address, ""),
            )
            self._describe(call, output)
            first = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(first, Tensor):
                self._origin[id(first)] = (address, weakref.ref(first))
                self._tensors.append((call, weakref.ref(first)))
            self.calls.append(call)

        return observe

    def _leave(self, name: str) -> bool:
        """Whether other modules ran inside; frames above belong to modules that raised."""
        while self._running:
            frame = self._running.pop()
            if frame[0] == name:
                return bool(frame[1])
        return False

    def _describe(self, call: _Call, output: object) -> None:
        try:
            tensor, call.path = tensor_of(output, call.name)
            call.ragged = bool(tensor.is_nested)
            call.itemsize = tensor.element_size()
            if not tensor.is_floating_point() and not tensor.is_quantized:
                call.why = f"its output is {tensor.dtype}, not floating point"
                return
            filled, _ = dense(tensor, self.width)
        except UsageError as error:
            call.why = str(error)
            return
        except Exception as error:  # a kind of tensor that nobody foresaw must not stop the network
            call.why = f"its output cannot be read: {reason_of(error)}"
            return
        call.full = tuple(filled.shape)
        call.values = _values(filled, self.batch)

    def heads(self, heads: Heads) -> Callable[[Tensor], None]:
        """What to do with the heads of an attention module, side by side."""

        def observe(value: Tensor) -> None:
            address = address_of(heads.attention, self._counts[heads.attention])
            for number, head in enumerate(heads.split(value)):
                call = _Call(
                    address=head_address(address, number),
                    name=heads.attention,
                    type="AttentionHead",
                    params=0,
                    leaf=False,
                    head=number,
                    full=tuple(head.shape),
                    itemsize=head.element_size(),
                    values=_values(head, self.batch),
                )
                self.calls.append(call)

        return observe

    def mark_final(self, output: object) -> None:
        """Mark the calls whose output is that of the network, as it is."""
        values = list(output.values()) if isinstance(output, Mapping) else output
        ends = values if isinstance(values, tuple | list) else [values]
        for call, reference in self._tensors:
            tensor = reference()
            call.final = tensor is not None and any(tensor is end for end in ends)
