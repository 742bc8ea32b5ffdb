"""The random-init twins of a network: the same architecture with nothing learned.

What a layer of the twins shows too comes from the data and the architecture, not from training. A
twin starts where a training would: its batch normalizations hold the statistics of the data, as
after the first steps of any training. With mean 0 and variance 1 instead, activations of deep
networks grow or fade layer by layer and the twin is a network nobody trains from (the last block of
ResNet-20: lifespan sum 72 instead of 107).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from toposcope.activations.models.load import state_hash
from toposcope.activations.models.model import LoadedModel

RESETS = ("reset_parameters", "_reset_parameters")
"""How PyTorch's own modules draw their first weights; attention has the name with underscore."""


CALIBRATION = 512
"""Samples whose statistics the batch normalizations of a twin hold."""


def random_twin(
    loaded: LoadedModel, *, seed: int, run: Callable[[nn.Module], object] | None = None
) -> LoadedModel:
    """A copy of a network with fresh weights; the network itself stays as it is.

    Modules draw their weights again by their own `reset_parameters` (Hugging Face models: by their
    `_init_weights`); running statistics are those of the data that `run` feeds. Parameters of
    modules that know no such method, such as a class token, have their entries permuted: the values
    stay, what they mean is gone.

    Parameters
    ----------
    loaded
        The network, as from `load_model`.
    seed
        Seed of the weights.
    run
        Function that feeds a model some batches of the data. None leaves running statistics at
        mean 0 and variance 1.

    Returns
    -------
    The twin; `provenance["twin"]` names the seed, which tensors were permuted, and how many modules
    had their running statistics calibrated.

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
        calibrated = 0 if run is None else _calibrate(model, run)
    twin: dict[str, Any] = {"of": loaded.provenance.get("state"), "seed": seed}
    provenance = {
        **loaded.provenance,
        "weights": None,
        "twin": {**twin, "permuted": permuted, "calibrated": calibrated},
        "state": state_hash(model),
    }
    return replace(loaded, model=model, name=f"{loaded.name} (random)", provenance=provenance)


def _calibrate(model: nn.Module, run: Callable[[nn.Module], object]) -> int:
    """Give running statistics those of some batches; returns how many modules have them.

    Those modules alone are in training mode meanwhile, so that dropout stays off; their momentum is
    None, which makes the statistics plain means over the batches.
    """
    modules = [
        module
        for module in model.modules()
        if getattr(module, "track_running_stats", False)
        and getattr(module, "running_mean", None) is not None
    ]
    if not modules:
        return 0
    before = [(module.training, module.momentum) for module in modules]
    for module in modules:
        module.reset_running_stats()  # type: ignore[operator]
        module.train()
        module.momentum = None  # type: ignore[assignment]
    try:
        run(model)
    finally:
        for module, (training, momentum) in zip(modules, before, strict=True):
            module.train(training)
            module.momentum = momentum
    return len(modules)


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
