"""VGG19 with batch norm for CIFAR-10, all widths divided by four.

    toposcope capture py:examples.vgg:vgg19_slim npz:cifar10.npz \
        --weights final.safetensors --layers blocks --pool gap -n 2000 -o runs/vgg

The 16 convolutions are numbered as in torchvision's `vgg19_bn`; `blocks` takes the ReLU behind each
of them. The ReLUs work in place, as they do there: what is captured of them is a copy.

References
----------
Simonyan and Zisserman: Very deep convolutional networks for large-scale image recognition, ICLR
2015.
"""

from __future__ import annotations

from torch import Tensor, nn

from examples.cifar_resnet import preprocess as preprocess

WIDTHS = (16, 16, 0, 32, 32, 0, 64, 64, 64, 64, 0, 128, 128, 128, 128, 0, 128, 128, 128, 128, 0)
"""Channels of each convolution; 0 is a 2x2 max pool."""


class Vgg(nn.Module):
    """Convolutions and pools from 32x32 to 1x1, and one linear classifier."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, classes: int = 10) -> None:
        super().__init__()
        features: list[nn.Module] = []
        channels = 3
        for width in widths:
            if width == 0:
                features.append(nn.MaxPool2d(2))
                continue
            conv = nn.Conv2d(channels, width, 3, padding=1)
            features += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 32, 32) -> (n, classes) logits."""
        return self.classifier(self.features(x).flatten(1))


def vgg19_slim() -> Vgg:
    return Vgg()
