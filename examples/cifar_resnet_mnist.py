"""The residual network of CIFAR-10 fine-tuned on MNIST: how digits are fed to it.

    toposcope capture py:examples.cifar_resnet_mnist:resnet20 npz:mnist.npz \
        --weights final.safetensors --layers blocks --pool gap -n 2000 -o runs/r20_mnist

The network is that of cifar_resnet.py; weights before the fine-tuning load into it as well, which
shows what the digits look like to a network that has never seen one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from examples import cifar_resnet

BORDER = 2


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """28 x 28 zero-padded to 32 x 32, grey copied to RGB, then as for CIFAR-10."""
    padded = np.pad(batch, ((0, 0), (BORDER, BORDER), (BORDER, BORDER)))
    return cifar_resnet.preprocess(np.repeat(padded[..., None], 3, axis=3))


def resnet20() -> cifar_resnet.CifarResNet:
    return cifar_resnet.resnet20()
