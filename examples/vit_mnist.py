"""A vision transformer for MNIST: width 64, 6 layers, patches of 4 x 4 pixels.

    toposcope capture py:examples.vit_mnist:vit npz:mnist.npz \
        --weights vit_mnist.safetensors --layers blocks --pool cls -n 2000 -o runs/vit

The keys are those of weights by Shubham Garg (researchase/vit-mnist-explorations).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

MEAN, STD = 0.1307, 0.3081
PATCH = 4


def preprocess(batch: NDArray[np.uint8]) -> Tensor:
    """Grey / 255, minus 0.1307, divided by 0.3081."""
    pixels = torch.from_numpy(np.ascontiguousarray(batch)).float() / 255
    return ((pixels - MEAN) / STD)[:, None]


class Patches(nn.Module):
    """The pixels of each patch as one token, patches row by row."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n, tokens, 16)."""
        return F.unfold(x, PATCH, stride=PATCH).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention with 4 heads of size 64."""

    def __init__(self, width: int, heads: int = 4, size: int = 64) -> None:
        super().__init__()
        self.to_qkv = nn.Linear(width, 3 * heads * size, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * size, width))
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        n, tokens, _ = x.shape
        parts = self.to_qkv(x).view(n, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.to_out(mixed.transpose(1, 2).reshape(n, tokens, -1))


class FeedForward(nn.Module):
    """Linear, ReLU, linear, with the two dropouts of the training."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, width),
            nn.Dropout(0.1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        return self.net(x)


class PreNorm(nn.Module):
    """A layer norm before a function."""

    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        return self.fn(self.norm(x))


class Layer(nn.Module):
    """Attention ("0") and feed-forward ("1"), each beside a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.add_module("0", PreNorm(width, Attention(width)))
        self.add_module("1", PreNorm(width, FeedForward(width, 2 * width)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        for part in self.children():
            x = x + part(x)
        return x


class Transformer(nn.Module):
    """A chain of layers."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Layer(width) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> (n, tokens, width)."""
        return self.layers(x)


class VisionTransformer(nn.Module):
    """Patches, a class token, position embeddings, layers and a head on the class token."""

    def __init__(self, width: int = 64, depth: int = 6, classes: int = 10) -> None:
        super().__init__()
        self.to_patch_embedding = nn.Sequential(Patches(), nn.Linear(PATCH * PATCH, width))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, 50, width))
        self.transformer = Transformer(width, depth)
        self.mlp_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, 28, 28) -> (n, classes) logits."""
        patches = self.to_patch_embedding(x)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1)
        return self.mlp_head(self.transformer(tokens + self.pos_embedding)[:, 0])


def vit() -> VisionTransformer:
    return VisionTransformer()
