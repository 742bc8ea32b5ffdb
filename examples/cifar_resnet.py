"""Residual networks for CIFAR-10 (He et al. 2015), with 20 to 56 layers.

The keys are those of the widely used weights by Yerlan Idelbayev. For example

    toposcope capture py:examples.cifar_resnet:resnet20 npz:cifar10.npz \
        --weights resnet20.safetensors --layers blocks --pool gap -n 4000 -o runs/r20

References
----------
He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016, section 4.2.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """RGB / 255, minus the ImageNet mean, divided by the ImageNet standard deviation."""
    if batch.ndim != 4 or batch.shape[3] != 3:
        # One channel would be broadcast to three by the mean below, without a word.
        raise ValueError(f"images must be (n, height, width, 3); got {batch.shape}")
    pixels = torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return ((pixels - mean) / std).contiguous()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (option A)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self._stride = stride
        self._padding = (channels - channels_in) // 2

    def shortcut(self, x: Tensor) -> Tensor:
        """Every second pixel where the stride is 2, and zero channels before and after."""
        if self._stride == 1 and self._padding == 0:
            return x
        pad = (0, 0, 0, 0, self._padding, self._padding)
        return F.pad(x[:, :, :: self._stride, :: self._stride], pad)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels, h / stride, w / stride)."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    """A stem and three stages of basic blocks with 16, 32 and 64 channels."""

    def __init__(self, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, blocks, stride=1)
        self.layer2 = self._stage(16, 32, blocks, stride=2)
        self.layer3 = self._stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(channels_in: int, channels: int, blocks: int, *, stride: int) -> nn.Sequential:
        first = BasicBlock(channels_in, channels, stride)
        return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 32, 32) -> (n, classes) logits."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def resnet20() -> CifarResNet:
    return CifarResNet(3)


def resnet32() -> CifarResNet:
    return CifarResNet(5)


def resnet44() -> CifarResNet:
    return CifarResNet(7)


def resnet56() -> CifarResNet:
    return CifarResNet(9)
