"""The heads of attention modules: what each one gives before the output projection mixes them.

An attention module computes its heads side by side, (tokens, heads * width), and projects that
back to the width of the network. Head 3 of the module `layers.0.self_attn` is the fourth part of
the projection's input; its address is `layers.0.self_attn@head3`. torch's own attention projects
inside one function: there the heads are what it gives with the projection taken out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from toposcope.activations.threads import of_this_thread

SIGN = "@head"
PROJECTIONS = ("o_proj", "out_proj", "c_proj", "out_lin", "output.dense", "proj", "dense", "wo")
"""Names of output projections inside attention modules, in transformers and timm."""
COUNTS = ("num_attention_heads", "num_heads", "n_heads", "n_head")


@dataclass(frozen=True)
class Heads:
    """The heads of one attention module.

    Parameters
    ----------
    attention
        Name of the attention module.
    projection
        Name of the module that takes the heads side by side; "" for torch's own attention, which
        never calls it as a module.
    count
        Number of heads.
    """

    attention: str
    projection: str
    count: int

    def split(self, value: Tensor) -> list[Tensor]:
        """(..., heads * width) -> one (..., width) per head."""
        return list(value.unflatten(-1, (self.count, -1)).unbind(dim=-2))

    def fits(self, value: object) -> bool:
        """Whether something may be the heads of a batch side by side."""
        return (
            isinstance(value, Tensor)
            and not value.is_nested
            and value.ndim == 3
            and value.shape[-1] % self.count == 0
        )


def head_address(call: str, head: int) -> str:
    """Address of one head of one call of an attention module.

    Examples
    --------
    >>> head_address("h.0.attn", 3)
    'h.0.attn@head3'
    """
    return f"{call}{SIGN}{head}"


def find_heads(model: nn.Module) -> dict[str, Heads]:
    """Attention modules with a known number of heads and a known output projection, by name.

    The innermost module that holds the projection counts, so that the module around it, whose name
    has "Attention" in it as well, is not taken twice.

    Examples
    --------
    >>> class TinyAttention(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.num_heads, self.out_proj = 2, nn.Linear(8, 8)
    >>> find_heads(nn.Sequential(TinyAttention()))
    {'0': Heads(attention='0', projection='0.out_proj', count=2)}
    """
    modules = dict(model.named_modules())
    heads_of: dict[str, Heads] = {}
    for name, module in modules.items():
        if isinstance(module, nn.MultiheadAttention):
            heads_of[name] = Heads(name, "", module.num_heads)
            continue
        if "attention" not in type(module).__name__.lower():
            continue
        start = f"{name}." if name else ""
        projection = next((start + p for p in PROJECTIONS if start + p in modules), None)
        count = _count(name, modules, model)
        if projection is not None and count is not None:
            outer = next(
                (n for n, heads in heads_of.items() if heads.projection == projection), None
            )
            if outer is not None:
                del heads_of[outer]
            heads_of[name] = Heads(name, projection, count)
    return heads_of


def _count(name: str, modules: Mapping[str, nn.Module], model: nn.Module) -> int | None:
    """Heads of an attention module: its own number, that of a module inside, the model's."""
    inside = [m for n, m in modules.items() if n == name or n.startswith(f"{name}.")]
    holders: list[object] = []
    for module in (*inside, model):
        holders += [module, getattr(module, "config", None)]
    for holder in holders:
        for attribute in COUNTS:
            count = getattr(holder, attribute, None)
            if isinstance(count, int) and count > 0:
                return count
    return None


def watch_heads(
    modules: Mapping[str, nn.Module], heads: Heads, observe: Callable[[Tensor], None]
) -> Any:
    """Call `observe` with the heads side by side at every call of an attention module.

    Parameters
    ----------
    modules
        The network's modules by name.
    heads
        The attention module.
    observe
        Function of a (batch, tokens, heads * width) tensor, or (tokens, batch, heads * width) where
        the network puts time first.

    Returns
    -------
    The handle of the hook.
    """
    if heads.projection:

        def before(module: nn.Module, inputs: Any) -> None:
            if inputs and heads.fits(inputs[0]):
                observe(inputs[0])

        return modules[heads.projection].register_forward_pre_hook(of_this_thread(before))
    attention = modules[heads.attention]
    assert isinstance(attention, nn.MultiheadAttention)
    bare = _without_projection(attention)

    def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        joined, _ = bare.forward(*args, **{**kwargs, "need_weights": False})
        if heads.fits(joined):
            observe(joined)

    return attention.register_forward_hook(of_this_thread(after), with_kwargs=True)


def _without_projection(attention: nn.MultiheadAttention) -> nn.MultiheadAttention:
    """The same module, weights shared, whose output projection changes nothing."""
    bare = copy.copy(attention)
    weight = attention.out_proj.weight
    same = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device, dtype=weight.dtype)
    with torch.no_grad():
        same.weight.copy_(torch.eye(len(weight)))
        same.bias.zero_()
    bare.__dict__["_modules"] = {**attention._modules, "out_proj": same.requires_grad_(False)}
    bare.__dict__["_forward_hooks"] = {}
    bare.eval()
    return bare
