"""SqueezeNet 1.0 for ImageNet, as it was trained in Caffe.

    toposcope capture py:examples.squeezenet:squeezenet 'npz:images.npz#y=class_index' \
        --weights squeezenet.safetensors --layers blocks --pool gap -n 200 -o runs/squeezenet

References
----------
Iandola et al.: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MEAN_BGR = (104.0, 117.0, 123.0)
SIDE = 227
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192)}
FIRES |= {8: (64, 256), 9: (64, 256)}
"""Squeezed channels, and channels of each of the two expansions."""
POOLED_AFTER = (4, 8)


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """BGR from 0 to 255 minus (104, 117, 123), resized to 227 x 227 (bilinear)."""
    if batch.ndim != 4 or batch.shape[3] != 3:
        raise ValueError(f"images must be (n, height, width, 3); got {batch.shape}")
    pixels = torch.from_numpy(np.ascontiguousarray(batch[..., ::-1])).permute(0, 3, 1, 2).float()
    if pixels.shape[2:] != (SIDE, SIDE):
        pixels = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    return (pixels - torch.tensor(MEAN_BGR).view(1, 3, 1, 1)).contiguous()


class Fire(nn.Module):
    """Squeeze by 1x1, then expand by 1x1 and by 3x3 side by side."""

    def __init__(self, channels_in: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels_in, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, 2 * expanded, h, w)."""
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNet(nn.Module):
    """A 7x7 stem, eight fire modules, and a convolution whose mean over positions is the logits."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        channels = 96
        for number, (squeezed, expanded) in FIRES.items():
            self.add_module(f"fire{number}", Fire(channels, squeezed, expanded))
            channels = 2 * expanded
        # Padding 1 around a 1x1 kernel, as in the Caffe file: the border sees the bias alone.
        self.conv_final = nn.Conv2d(channels, classes, 1, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 227, 227) -> (n, classes) logits."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 3, stride=2, ceil_mode=True)
        for number in FIRES:
            x = self.get_submodule(f"fire{number}")(x)
            if number in POOLED_AFTER:
                x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
        return F.relu(self.conv_final(x)).mean(dim=(2, 3))


def squeezenet() -> SqueezeNet:
    return SqueezeNet()
