"""The random-init twin of a network: the same architecture with nothing learned.

What a layer of the twin shows too comes from the data and the architecture, not from training.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from toposcope.activations.models.load import state_hash
from toposcope.activations.models.model import LoadedModel

RESETS = ("reset_parameters", "_reset_parameters")
"""How PyTorch's own modules draw their first weights; attention has the name with underscore."""


def random_twin(loaded: LoadedModel, *, seed: int) -> LoadedModel:
    """A copy of a network with fresh weights; the network itself stays as it is.

    Modules draw their weights again by their own `reset_parameters` (Hugging Face models: by their
    `_init_weights`), batch statistics included. Parameters of modules that know no such method,
    such as a class token, have their entries permuted: the values stay, what they mean is gone.

    Parameters
    ----------
    loaded
        The network, as from `load_model`.
    seed
        Seed of the weights.

    Returns
    -------
    The twin; `provenance["twin"]` names the seed and which tensors were permuted.

    Examples
    --------
    >>> net = LoadedModel(nn.Linear(4, 2), lambda x: x, "net")
    >>> twin = random_twin(net, seed=0)
    >>> bool((twin.model.weight == net.model.weight).any()), twin.provenance["twin"]["permuted"]
    (False, [])
    """
    model = copy.deepcopy(loaded.model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        permuted = _reset(model)
    twin: dict[str, Any] = {"of": loaded.provenance.get("state"), "seed": seed}
    provenance = {
        **loaded.provenance,
        "weights": None,
        "twin": {**twin, "permuted": permuted},
        "state": state_hash(model),
    }
    return replace(loaded, model=model, name=f"{loaded.name} (random)", provenance=provenance)


def _reset(model: nn.Module) -> list[str]:
    """Draw all weights of a model again; returns the names of tensors that were permuted."""
    own_rule = getattr(model, "_init_weights", None)  # Hugging Face: by the root, per module
    done: set[int] = set()
    for module in model.modules():
        owned = list(module.parameters(recurse=False))
        reset = next(
            (getattr(module, n) for n in RESETS if callable(getattr(module, n, None))), None
        )
        if reset is not None:
            reset()
            done |= {id(p) for p in module.parameters()}
        elif owned and callable(own_rule):
            before = [p.clone() for p in owned]
            own_rule(module)
            done |= {id(p) for p, old in zip(owned, before, strict=True) if not p.equal(old)}
    permuted = []
    for name, parameter in model.named_parameters():
        if id(parameter) not in done:
            flat = parameter.reshape(-1)
            parameter.copy_(flat[torch.randperm(len(flat))].reshape(parameter.shape))
            permuted.append(name)
    return permuted
