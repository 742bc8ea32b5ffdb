"""The image networks of the examples as candidates for any images: each resizes to its own input.

    toposcope rank examples/transfer.toml --target npz:mnist.npz -o runs/ranking

A network trained on 32 x 32 RGB images has nothing to say of the size or color of another data set;
whoever transfers it resizes. Here every candidate does so bilinearly to the size it was trained at
(the two ImageNet networks to 128 pixels, so that fine-tuning them takes minutes), copies grey to
three channels or mixes three to grey, then applies its own preprocessing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from examples import (
    cifar_resnet,
    mobilenet_v2,
    resnet8,
    squeezenet,
    vgg,
    vit_cifar10,
    vit_mnist,
)

GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Luma of RGB (ITU-R BT.601)."""
Images = NDArray[np.uint8]


def resized(batch: Images, side: int, channels: int) -> Images:
    """(n, side, side, 3), or (n, side, side) for one channel, of any uint8 images."""
    images = batch[..., None] if batch.ndim == 3 else batch
    if channels == 1 and images.shape[-1] == 3:
        images = np.rint(images.astype(np.float32) @ GREY[:, None]).astype(np.uint8)
    if channels == 3 and images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    if images.shape[1:3] != (side, side):
        planes = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        planes = F.interpolate(planes, (side, side), mode="bilinear", antialias=True)
        images = planes.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return images[..., 0] if channels == 1 else images


def _with_input(
    model: nn.Module, preprocess: Callable[[Images], Tensor], side: int, channels: int = 3
) -> nn.Module:
    def adapted(batch: Images) -> Tensor:
        return preprocess(resized(batch, side, channels))

    kind = "grey" if channels == 1 else "RGB"
    first = (preprocess.__doc__ or "").strip().splitlines()[0]
    adapted.__doc__ = f"Resized to {side} x {side} {kind}; then: {first}"
    model.preprocess = adapted  # type: ignore[assignment]
    return model


def resnet8_32() -> nn.Module:
    return _with_input(resnet8.resnet8(), resnet8.preprocess, 32)


def resnet20_32() -> nn.Module:
    return _with_input(cifar_resnet.resnet20(), cifar_resnet.preprocess, 32)


def resnet56_32() -> nn.Module:
    return _with_input(cifar_resnet.resnet56(), cifar_resnet.preprocess, 32)


def vgg19_32() -> nn.Module:
    return _with_input(vgg.vgg19_slim(), vgg.preprocess, 32)


def vit_cifar10_32() -> nn.Module:
    return _with_input(vit_cifar10.vit(), vit_cifar10.preprocess, 32)


def vit_mnist_28() -> nn.Module:
    return _with_input(vit_mnist.vit(), vit_mnist.preprocess, 28, channels=1)


def mobilenet_v2_128() -> nn.Module:
    return _with_input(mobilenet_v2.mobilenet_v2(), mobilenet_v2.preprocess, 128)


def squeezenet_128() -> nn.Module:
    return _with_input(squeezenet.squeezenet(), squeezenet_pixels, 128)


def squeezenet_pixels(batch: Images) -> Tensor:
    """BGR from 0 to 255 minus (104, 117, 123)."""
    pixels = torch.from_numpy(np.ascontiguousarray(batch[..., ::-1])).permute(0, 3, 1, 2).float()
    return (pixels - torch.tensor(squeezenet.MEAN_BGR).view(1, 3, 1, 1)).contiguous()
