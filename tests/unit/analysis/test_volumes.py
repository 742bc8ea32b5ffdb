"""Feature volumes: whole, in the order (C, H, W), whatever order the network has."""

import numpy as np
import pytest
import torch
from torch import nn

from toposcope.activations.capture import capture
from toposcope.errors import UsageError
from toposcope.training.networks import SmallCNN

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 8, 8), dtype=np.uint8)
FLOATS = RNG.normal(size=(6, 3, 10, 8)).astype(np.float32)


class ChannelsLast(nn.Module):
    """A block as in Swin transformers: (height, width, channels), norm and linear at the end."""

    def __init__(self, width):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x):
        return x + self.mlp(self.norm(x))


class Swin(nn.Module):
    """A convolution in front, then blocks with channels last."""

    def __init__(self, width=6):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)
        self.blocks = nn.Sequential(ChannelsLast(width), ChannelsLast(width))

    def forward(self, x):
        return self.blocks(self.stem(x).permute(0, 2, 3, 1))


class Excited(nn.Module):
    """A convolution with a squeeze-and-excitation gate as wide as the map."""

    def __init__(self):
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(3, 6, 1), nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x):
        y = self.conv(x)
        return y * self.up(self.down(y.mean((2, 3))))[:, :, None, None]


def test_a_volume_is_what_the_module_gave_and_survives_the_disk(tmp_path):
    torch.manual_seed(0)
    model = SmallCNN()
    acts = capture(model, IMAGES, pool="volume", store=tmp_path / "run", batch_size=5)
    outputs = []
    handle = model.stage2[0].register_forward_hook(lambda m, i, o: outputs.append(o.detach()))
    with torch.no_grad():
        model.eval()(torch.from_numpy(IMAGES[:5]).float().unsqueeze(1) / 255)
    handle.remove()
    assert acts["stage2.0"].shape == (12, *outputs[0].shape[1:])
    assert np.array_equal(acts["stage2.0"][:5], outputs[0].numpy())
    assert "channels first, as a " in acts.attrs["pool_laws"]["stage2.0"]


def test_channels_last_are_found_moved_and_said():
    torch.manual_seed(0)
    model = Swin().eval()
    with torch.no_grad():
        want = model(torch.from_numpy(FLOATS)).numpy()  # (6, 10, 8, 6)
    whole = capture(model, FLOATS, pool="volume", layers="blocks.1")
    assert whole["blocks.1"].shape == (6, 6, 10, 8)
    assert np.allclose(whole["blocks.1"], want.transpose(0, 3, 1, 2), atol=1e-6)
    law = whole.attrs["pool_laws"]["blocks.1"]
    assert "channels last, as a LayerNorm of 6 inside it counts them" in law
    pooled = capture(model, FLOATS, pool="gap", layers=["stem", "blocks.1"])
    assert np.allclose(pooled["blocks.1"], want.mean((1, 2)), atol=1e-6)
    assert pooled["stem"].shape == (6, 6)


def test_a_gate_of_linear_layers_does_not_turn_the_channels():
    acts = capture(nn.Sequential(Excited()), FLOATS, pool="gap", layers="0")
    assert acts["0"].shape == (6, 6)


def test_what_cannot_be_known_is_asked_for():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 1), nn.LayerNorm(8)

        def forward(self, x):
            return self.norm(self.conv(x))

    model = nn.Sequential(Both())
    with pytest.raises(UsageError, match=r"Conv2d of 8 and a LayerNorm of 8.*--channels"):
        capture(model, FLOATS, pool="gap", layers="0")
    acts = capture(model, FLOATS, pool="gap", layers="0", channels="first")
    assert acts["0"].shape == (6, 8)
    # Pools that do not care are not stopped.
    assert capture(model, FLOATS, pool="flatten", layers="0").n == 6


def test_a_vector_is_no_volume():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU())
    with pytest.raises(UsageError, match=r"'volume' needs .* layer '1' gives \(3,\)"):
        capture(net, np.ones((4, 4), np.float32), pool="volume")
