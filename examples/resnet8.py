"""ResNet-8 for CIFAR-10, the image classifier of the MLPerf Tiny benchmark.

    toposcope capture py:examples.resnet8:resnet8 npz:cifar10.npz \
        --weights resnet8.safetensors --layers blocks --pool gap -n 4000 -o runs/r8

The network was trained in Keras: batch norm with epsilon 1e-3, TensorFlow's SAME padding, and
pixels that are fed as they are, 0 to 255.

References
----------
Banbury et al.: MLPerf Tiny benchmark, NeurIPS 2021 datasets and benchmarks.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from examples.same_padding import SameConv2d

EPSILON = 1e-3


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """RGB from 0 to 255, unscaled."""
    return torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float().contiguous()


class Stack(nn.Module):
    """Two 3x3 convolutions and a shortcut: a 1x1 convolution where the shape changes."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SameConv2d(channels_in, channels, 3, stride=stride)
        self.bn1 = nn.BatchNorm2d(channels, eps=EPSILON)
        self.conv2 = SameConv2d(channels, channels, 3)
        self.bn2 = nn.BatchNorm2d(channels, eps=EPSILON)
        self.shortcut = (
            SameConv2d(channels_in, channels, 1, stride=stride) if stride > 1 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet8(nn.Module):
    """A stem, three stacks with 16, 32 and 64 channels, and a linear classifier."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        stem = OrderedDict(conv=SameConv2d(3, 16, 3), bn=nn.BatchNorm2d(16, eps=EPSILON))
        self.stem = nn.Sequential(stem)
        self.stack1 = Stack(16, 16, stride=1)
        self.stack2 = Stack(16, 32, stride=2)
        self.stack3 = Stack(32, 64, stride=2)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 32, 32) -> (n, classes) logits."""
        x = self.stack3(self.stack2(self.stack1(F.relu(self.stem(x)))))
        return self.fc(x.mean(dim=(2, 3)))


def resnet8() -> ResNet8:
    return ResNet8()
