"""The heads of attention modules: what each one gives before the output projection mixes them.

An attention module computes its heads side by side, (tokens, heads * width), and projects that
back to the width of the network. Head 3 of the module `layers.0.self_attn` is the fourth part of
the projection's input; its address is `layers.0.self_attn@head3`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

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
        Name of the module that takes the heads side by side.
    count
        Number of heads.
    """

    attention: str
    projection: str
    count: int

    def split(self, value: Tensor) -> list[Tensor]:
        """(batch, tokens, heads * width) -> one (batch, tokens, width) per head."""
        return list(value.unflatten(-1, (self.count, -1)).unbind(dim=-2))

    def fits(self, value: object, batch: int) -> bool:
        """Whether something is the heads of a batch side by side."""
        return (
            isinstance(value, Tensor)
            and value.ndim == 3
            and len(value) == batch
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
        # torch's own attention computes its projection without calling it as a module.
        if "attention" not in type(module).__name__.lower() or isinstance(
            module, nn.MultiheadAttention
        ):
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
