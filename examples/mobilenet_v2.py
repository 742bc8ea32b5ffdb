"""MobileNetV2 for ImageNet, with batch norm folded into the convolutions.

    toposcope capture py:examples.mobilenet_v2:mobilenet_v2 'npz:images.npz#y=class_index' \
        --weights mobilenet_v2.safetensors --layers blocks --pool gap -n 200 -o runs/mobilenet

The weights were trained in TensorFlow: SAME padding, and a class "background" before the 1000 of
ImageNet. It stays in the weights and is left out of the logits, so that column i is ImageNet
class i, as in the labels.

References
----------
Sandler et al.: MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from examples.same_padding import SameConv2d

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, number of blocks, stride of the first (table 2 of the paper)."""


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """RGB minus 128, divided by 128."""
    pixels = torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float()
    return ((pixels - 128) / 128).contiguous()


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1 without an activation."""

    def __init__(self, channels_in: int, channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = expansion * channels_in
        if expansion > 1:
            self.expand = SameConv2d(channels_in, hidden, 1)
        self.depthwise = SameConv2d(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = SameConv2d(hidden, channels, 1)
        self._widened = expansion > 1
        self._residual = stride == 1 and channels_in == channels

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels, h / stride, w / stride)."""
        y = F.relu6(self.expand(x)) if self._widened else x
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self._residual else y


class MobileNetV2(nn.Module):
    """A stem, 17 inverted residuals, a 1x1 head and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks: list[nn.Module] = []
        width = 32
        for expansion, channels, count, stride in STAGES:
            for index in range(count):
                first = stride if index == 0 else 1
                blocks.append(InvertedResidual(width, channels, expansion, first))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv2d(width, 1280, 1)
        self.classifier = nn.Linear(1280, 1001)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 224, 224) -> (n, 1000) logits."""
        x = F.relu6(self.head(self.blocks(F.relu6(self.stem(x)))))
        return self.classifier(x.mean(dim=(2, 3)))[:, 1:]


def mobilenet_v2() -> MobileNetV2:
    return MobileNetV2()
