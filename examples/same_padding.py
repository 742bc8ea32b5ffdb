"""The padding of TensorFlow, for networks that were trained there."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: ceil(size / stride) outputs.

    At stride 2 and even size a 3x3 kernel needs one extra pixel; TensorFlow adds it at the right
    and the bottom, where `padding=1` of PyTorch adds one on each side and so reads other pixels.

    Examples
    --------
    >>> import torch
    >>> SameConv2d(1, 1, 3, stride=2)(torch.zeros(1, 1, 32, 32)).shape
    torch.Size([1, 1, 16, 16])
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels_in, h, w) -> (n, channels, ceil(h / stride), ceil(w / stride))."""
        left_right_top_bottom: list[int] = []
        # F.pad takes the last axis first.
        for axis in (1, 0):
            size, kernel, stride = input.shape[axis + 2], self.kernel_size[axis], self.stride[axis]
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            left_right_top_bottom += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(input, left_right_top_bottom))
