"""Which layers `blocks` finds, by structure, and what a selection matches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toposcope.activations.layers import list_layers, select_layers
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.training.networks import SmallCNN, SmallViT


def chosen(model, x, layers="blocks"):
    return [row.address for row in select_layers(model, list_layers(model, x), layers)]


class Norm(nn.Sequential):
    """A class of its own, as torchvision's Conv2dNormActivation."""


def conv_norm(a, b):
    return Norm(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.body = nn.Sequential(conv_norm(a, b), conv_norm(b, b))
        self.skip = nn.Sequential(nn.Conv2d(a, b, 1), nn.BatchNorm2d(b))

    def forward(self, x):
        return self.body(x) + self.skip(x)


class Stage(nn.Module):
    """A stage as timm writes them: a module that holds its blocks."""

    def __init__(self, a, b, depth):
        super().__init__()
        self.blocks = nn.Sequential(*(Residual(a if i == 0 else b, b) for i in range(depth)))

    def forward(self, x):
        return self.blocks(x)


def test_residual_blocks_across_sequential_stages():
    assert chosen(SmallCNN(), torch.zeros(2, 1, 8, 8)) == [
        "stage1.0",
        "stage1.1",
        "stage2.0",
        "stage2.1",
    ]


def test_transformer_blocks_not_their_attention():
    want = [f"blocks.{i}" for i in range(4)]
    assert chosen(SmallViT(), torch.zeros(2, 1, 8, 8)) == want


def test_stages_with_one_block_each():
    model = nn.Sequential(
        nn.Sequential(Residual(3, 4)), nn.Sequential(Residual(4, 6)), nn.Sequential(Residual(6, 8))
    )
    assert chosen(model, torch.zeros(2, 3, 8, 8)) == ["0.0", "1.0", "2.0"]


def test_blocks_inside_stage_modules_not_the_stages():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Stage(4, 4, 2), Stage(4, 8, 2))
    assert chosen(model, torch.zeros(2, 3, 8, 8)) == [
        "1.blocks.0",
        "1.blocks.1",
        "2.blocks.0",
        "2.blocks.1",
    ]


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_torch_encoder_and_decoder_layers():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    assert chosen(encoder, torch.randn(2, 5, 8)) == ["layers.0", "layers.1", "layers.2"]

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            one = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
            self.stack = nn.TransformerDecoder(one, 2)

        def forward(self, x):
            return self.stack(x, x)

    # A decoder layer holds two attentions of one class and is a unit all the same.
    assert chosen(Decoder(), torch.randn(2, 5, 8)) == ["stack.layers.0", "stack.layers.1"]


def vgg(inplace):
    parts: list[nn.Module] = []
    for a, b in ((3, 4), (4, 4), (4, 8)):
        parts += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=inplace)]
        parts += [nn.MaxPool2d(2)]
    return nn.Sequential(nn.Sequential(*parts), nn.Flatten(), nn.Linear(8, 10))


def test_flat_stack_gives_one_unit_per_convolution_and_activation():
    rows = list_layers(vgg(inplace=True), torch.zeros(2, 3, 8, 8))
    assert [row.address for row in rows if row.selected] == ["0.2", "0.6", "0.10"]
    assert "activation after Conv2d 0.0" in next(r.why for r in rows if r.address == "0.2")


def test_one_shared_activation_module_gives_a_unit_per_call():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.act = nn.Linear(3, 4), nn.Linear(4, 5), nn.Tanh()

        def forward(self, x):
            return self.act(self.b(self.act(self.a(x))))

    rows = list_layers(Shared(), torch.zeros(2, 3))
    assert [r.address for r in rows if r.selected] == ["act", "act@1"]
    assert [(r.address, r.shape, r.calls) for r in rows if r.name == "act"] == [
        ("act", (4,), 2),
        ("act@1", (5,), 2),
    ]


def test_convolution_norm_sequentials_are_units_when_nothing_larger_repeats():
    model = nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(3)))
    assert chosen(model, torch.zeros(2, 3, 4, 4)) == ["0", "1", "2"]


def test_nothing_repeats_is_an_error_that_lists_what_exists():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(UsageError, match=r"no repeated unit.*0 \(Linear\), 1 \(ReLU\), 2 \(Linear"):
        chosen(model, torch.zeros(2, 3))
    assert not any(row.selected for row in list_layers(model, torch.zeros(2, 3)))


def test_table_has_shapes_sizes_and_parameters():
    rows = {row.address: row for row in list_layers(vgg(False), torch.zeros(2, 3, 8, 8))}
    assert rows["0.0"].shape == (4, 8, 8)
    assert rows["0.0"].bytes_per_sample == 4 * 8 * 8 * 4
    assert rows["0.0"].params == 3 * 4 * 9 + 4
    assert rows["0.0"].leaf and not rows["0"].leaf
    assert "" not in rows


def test_selections_are_unions_in_network_order():
    model, x = vgg(False), torch.zeros(2, 3, 8, 8)
    assert chosen(model, x, "0.?") == [f"0.{i}" for i in range(10)]
    assert chosen(model, x, ["2", "type:ReLU"]) == ["0.2", "0.6", "0.10", "2"]
    assert chosen(model, x, "all")[-2:] == ["1", "2"]
    assert chosen(SmallCNN(), torch.zeros(2, 1, 8, 8), "stage?.*.conv1") == [
        f"stage{s}.{b}.conv1" for s in (1, 2) for b in (0, 1)
    ]


def test_globs_take_all_calls_unless_one_is_named():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.Tanh()

        def forward(self, x):
            return self.act(self.act(x))

    model, x = Shared(), torch.zeros(2, 3)
    assert chosen(model, x, "act") == ["act", "act@1"]
    assert chosen(model, x, "act@1") == ["act@1"]
    assert chosen(model, x, "act@0") == ["act"]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("stage1.conv1", "stage1.0.conv1"),
        ("type:Conv2", "Conv2d"),
        ("zzz*", "None is near; there are "),
    ],
)
def test_an_unknown_layer_lists_near_matches(pattern, says):
    with pytest.raises(LayerNotFoundError, match=says):
        chosen(SmallCNN(), torch.zeros(2, 1, 8, 8), pattern)


def test_a_module_that_is_never_called_says_so():
    model = SmallCNN()
    model.unused = nn.Linear(3, 3)
    with pytest.raises(LayerNotFoundError, match="never calls"):
        chosen(model, torch.zeros(2, 1, 8, 8), "unused")


def test_an_output_without_the_batch_first_says_why():
    class Total(nn.Module):
        def forward(self, x):
            return x.sum()

    model = nn.Sequential(nn.Linear(3, 3), Total())
    with pytest.raises(UsageError, match=r"\(\) for 2 samples and \(\) for 3; no axis follows"):
        chosen(model, torch.zeros(2, 3), "1")


def test_listing_leaves_the_model_as_it_came():
    model = SmallCNN().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    list_layers(model, torch.randn(2, 1, 8, 8))
    assert model.training and model.stage1[0].bn1.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
