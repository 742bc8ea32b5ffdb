"""Networks that workers build from words; one of them takes its process along."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn


def net(width: int) -> nn.Sequential:
    torch.manual_seed(width)
    (Path(os.environ["TRACES"]) / f"{width}-in-{os.getpid()}").touch()
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 10))


def narrow() -> nn.Sequential:
    return net(5)


def wide() -> nn.Sequential:
    return net(8)


def fatal() -> nn.Sequential:
    net(3)
    os.write(2, b"the last words of a network\n")
    os._exit(9)
