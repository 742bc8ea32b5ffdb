"""Blocks, `all` and heads of networks as people write them, and the axis that holds the samples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import toposcope as ts
from toposcope.activations.layer_table import describe_layers
from toposcope.activations.layers import list_layers, select_layers
from toposcope.cli import main
from toposcope.errors import LayerNotFoundError, UsageError

pytestmark = [
    pytest.mark.filterwarnings("ignore:enable_nested_tensor"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]


def chosen(model, x, layers="blocks"):
    return [row.address for row in select_layers(model, list_layers(model, x), layers)]


class Net(nn.Module):
    """`features`, then `classifier`, as torchvision and most tutorials write it."""

    def __init__(self, features, classifier):
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


VGG = {
    11: [4, "M", 8, "M", 8, 8, "M", 8, 8, "M"],
    16: [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 8, 8, 8, "M"],
    19: [4, 4, "M", 8, 8, "M", 8, 8, 8, 8, "M", 8, 8, 8, 8, "M"],
}


def vgg(depth, norm):
    parts, width = [], 3
    for entry in VGG[depth]:
        if entry == "M":
            parts.append(nn.MaxPool2d(2))
            continue
        parts.append(nn.Conv2d(width, entry, 3, padding=1))
        parts += [nn.BatchNorm2d(entry)] if norm else []
        parts.append(nn.ReLU(inplace=True))
        width = entry
    head = [nn.Linear(8, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(True)]
    return Net(nn.Sequential(*parts), nn.Sequential(*head, nn.Dropout(), nn.Linear(16, 10)))


@pytest.mark.parametrize("depth", VGG)
@pytest.mark.parametrize("norm", [False, True])
def test_blocks_of_a_vgg_are_its_activations(depth, norm):
    model = vgg(depth, norm)
    relus = [n for n, m in model.named_modules() if isinstance(m, nn.ReLU)]
    assert chosen(model, torch.randn(2, 3, 16, 16)) == relus
    assert len(relus) == sum(entry != "M" for entry in VGG[depth]) + 2


def conv(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())


def double(a, b):
    return nn.Sequential(*conv(a, b), *conv(b, b), nn.MaxPool2d(2))


TUTORIALS = {
    "alexnet": (
        nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU()
        ),
        nn.Sequential(nn.Dropout(), nn.Linear(200, 9), nn.ReLU(), nn.Linear(9, 5)),
        ["features.1", "features.4", "classifier.2"],
    ),
    "one conv": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Linear(196, 9), nn.ReLU(), nn.Linear(9, 5)),
        ["features.1", "classifier.1"],
    ),
    "layers of one convolution": (
        nn.Sequential(conv(3, 4), nn.MaxPool2d(2), conv(4, 4), conv(4, 2)),
        nn.Sequential(nn.Flatten(), nn.Linear(128, 5)),
        ["features.0", "features.2", "features.3"],
    ),
    "layers of two": (
        nn.Sequential(double(3, 4), double(4, 2)),
        nn.Sequential(nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 5), nn.Sigmoid()),
        ["features.0.2", "features.0.5", "features.1.2", "features.1.5", "classifier.1"],
    ),
    "mlp of layers": (
        nn.Sequential(nn.Flatten(), *(nn.Sequential(nn.Linear(768, 768), nn.ReLU()) for _ in "ab")),
        nn.Sequential(nn.Linear(768, 3)),
        ["features.1", "features.2"],
    ),
    "autoencoder": (
        nn.Sequential(nn.Flatten(), nn.Linear(768, 9), nn.ReLU(), nn.Linear(9, 4), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 768), nn.Sigmoid()),
        ["features.2", "features.4", "classifier.1"],
    ),
}


@pytest.mark.parametrize("name", TUTORIALS)
def test_blocks_of_tutorial_networks_never_are_the_scores(name):
    features, classifier, want = TUTORIALS[name]
    assert chosen(Net(features, classifier), torch.randn(2, 3, 16, 16)) == want


def test_a_last_layer_of_the_same_class_that_gives_the_scores_is_no_block():
    class Layer(nn.Module):
        def __init__(self, a, b, last=False):
            super().__init__()
            self.a, self.b = nn.Linear(a, b), nn.Linear(b, b)
            self.act = None if last else nn.GELU()

        def forward(self, x):
            y = self.b(self.a(x))
            return y if self.act is None else self.act(y)

    model = nn.Sequential(Layer(4, 8), Layer(8, 8), Layer(8, 3, last=True))
    assert chosen(model, torch.randn(2, 4)) == ["0", "1"]
    # An encoder without a head: its last block is a block.
    assert chosen(nn.Sequential(Layer(4, 8), Layer(8, 8)), torch.randn(2, 4)) == ["0", "1"]


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm", "old weight_norm"])
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("units", [2, 3, 8])
def test_layers_with_parametrized_weights_are_layers(norm, units):
    make = {
        "weight_norm": nn.utils.parametrizations.weight_norm,
        "spectral_norm": nn.utils.parametrizations.spectral_norm,
        "old weight_norm": nn.utils.weight_norm,
    }[norm]
    model = nn.Sequential(
        make(nn.Linear(8, units)), nn.ReLU(), make(nn.Linear(units, units)), nn.ReLU()
    )
    x = np.random.default_rng(0).normal(size=(7, 8)).astype(np.float32)
    acts = ts.capture(model, x, layers="all")
    assert acts.layers == ("0", "1", "2", "3")
    with torch.no_grad():
        assert np.allclose(acts["3"], model.eval()(torch.from_numpy(x)).numpy(), atol=1e-6)
    assert chosen(model, torch.zeros(3, 8)) == ["1", "3"]
    assert chosen(model, torch.zeros(3, 8), "type:Linear") == ["0", "2"]


class TimeFirst(nn.Module):
    """The body sees (tokens, batch, width); the data is (batch, tokens, width)."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        y = self.body(x.transpose(0, 1))
        return (y[0] if isinstance(y, tuple) else y).mean(0)


class Attend(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.mha = nn.MultiheadAttention(8, 2, **options)

    def forward(self, x):
        return self.mha(x, x, x)


def encoder(first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=first)
    return nn.TransformerEncoder(layer, 2)


@pytest.mark.parametrize("tokens", [2, 3, 5, 128])
@pytest.mark.parametrize("body", ["gru", "lstm", "encoder", "attention"])
def test_time_first_is_found_whatever_the_number_of_tokens(body, tokens):
    """Three samples and three tokens, and as many tokens as a batch, fit both readings."""
    make = {
        "gru": lambda: (nn.GRU(8, 8, 2), "body"),
        "lstm": lambda: (nn.LSTM(8, 8), "body"),
        "encoder": lambda: (encoder(False), "body.layers.1"),
        "attention": lambda: (Attend(), "body.mha"),
    }
    torch.manual_seed(0)
    inner, layer = make[body]()
    model = TimeFirst(inner).eval()
    x = np.random.default_rng(0).normal(size=(tokens, tokens, 8)).astype(np.float32)
    acts = ts.capture(model, x, layers=[layer], pool="tokens", batch_size=128)
    assert acts.attrs["batch_axes"] == {layer: 1}
    seen = []
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: seen.append(o))
    with torch.no_grad():
        model(torch.from_numpy(x))
    handle.remove()
    out = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
    np.testing.assert_allclose(acts[layer], out.transpose(0, 1).numpy(), atol=1e-6)
    # One sample alone gives the same rows: the axis is that of the samples.
    alone = ts.capture(model, x[:1], layers=[layer], pool="tokens")[layer]
    np.testing.assert_allclose(acts[layer][:1], alone, atol=1e-5)


def test_blocks_of_time_first_and_recurrent_networks():
    x = torch.randn(3, 3, 8)
    assert chosen(TimeFirst(encoder(False)), x) == ["body.layers.0", "body.layers.1"]
    assert chosen(TimeFirst(nn.LSTM(8, 8, 3)), x) == ["body"]
    assert "0.mha" in chosen(nn.Sequential(Attend(batch_first=True)), x, "all")


def test_what_goes_into_an_activation_is_no_hidden_state():
    """Its own linear layer does, where units are flat: it was joined as `hidden state 0`."""
    parts = [nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8), nn.GELU()]
    assert chosen(nn.Sequential(*parts), torch.randn(5, 4, 8)) == ["1", "3", "5"]


def test_an_axis_that_mixes_samples_is_refused_by_name():
    class Merge(nn.Module):
        def forward(self, x):
            return x.flatten(0, 1)

    class Similar(nn.Module):
        def forward(self, x):
            return x @ x.T

    with pytest.raises(UsageError, match="the batch is mixed with another axis"):
        chosen(nn.Sequential(nn.Identity(), Merge()), torch.randn(3, 2, 4), "1")
    with pytest.raises(UsageError, match="not one axis alone follows the batch"):
        chosen(nn.Sequential(nn.Identity(), Similar()), torch.randn(3, 4), "1")
    with pytest.raises(UsageError, match="runs on 3 samples and not on 2"):
        chosen(nn.Sequential(nn.Unflatten(0, (3, 1)), nn.Identity()), torch.randn(3, 4), "1")


@pytest.mark.parametrize("first", [True, False])
def test_heads_of_torchs_own_attention(first):
    torch.manual_seed(0)
    model = Attend(batch_first=first).eval()
    x = torch.randn(5, 4, 8)
    model.preprocess = torch.from_numpy
    holder = model if first else TimeFirst(model)
    holder.preprocess = torch.from_numpy
    acts = ts.capture(holder, x.numpy(), layers="heads", pool="tokens")
    name = "mha" if first else "body.mha"
    assert acts.layers == (f"{name}@head0", f"{name}@head1")
    joined = torch.cat([torch.from_numpy(acts[layer]) for layer in acts.layers], dim=-1)
    with torch.no_grad():
        want = model(x if first else x.transpose(0, 1))[0]
        got = model.mha.out_proj(joined)
    torch.testing.assert_close(got if first else got.transpose(0, 1), want, atol=1e-5, rtol=1e-4)
    assert not model.mha._forward_hooks


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = encoder(True)

    def forward(self, x, mask):
        return self.t(x, src_key_padding_mask=~mask)[:, 0]


def masked(lengths):
    model = Masked().eval()

    def preprocess(batch):
        keep = torch.arange(batch.shape[1]) < torch.from_numpy(batch[:, :1, 0]).long()
        return {"x": torch.from_numpy(batch), "mask": keep}

    model.preprocess = preprocess
    x = np.random.default_rng(0).normal(size=(len(lengths), 6, 8)).astype(np.float32)
    x[:, 0, 0] = lengths
    return model, x


def test_ragged_batches_are_filled_with_zeros_that_no_pool_counts():
    """The longest sample is in the last batch: the shape must not follow the first."""
    lengths = [2, 3, 1, 2, 4, 6]
    torch.manual_seed(0)
    model, x = masked(lengths)
    for pool in ("flatten", "auto", "cls", "max_token", "project:4"):
        acts = ts.capture(model, x, pool=pool, batch_size=2)
        assert acts.layers == ("t.layers.0", "t.layers.1")
        if pool == "flatten":
            whole = acts["t.layers.1"].reshape(6, 6, 8)
    for row, length in zip(whole, lengths, strict=True):
        assert np.abs(row[:length]).min() > 0
        assert not row[length:].any()
    mean = ts.capture(model, x, pool="mean_token", batch_size=3)["t.layers.1"]
    want = np.stack([row[:n].mean(0) for row, n in zip(whole, lengths, strict=True)])
    np.testing.assert_allclose(mean, want, atol=1e-5)
    with pytest.raises(UsageError, match="attention_mask"):
        ts.capture(model, x, pool="tokens")
    assert len(ts.capture(model, x, layers="all", pool="flatten")) > 4


def test_packed_sequences_are_ragged_batches_too():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(8, 5, batch_first=True)

        def forward(self, x):
            packed = pack_padded_sequence(x, [6, 2, 4][: len(x)], True, enforce_sorted=False)
            return self.rnn(packed)[1][-1]

    x = np.random.default_rng(0).normal(size=(3, 6, 8)).astype(np.float32)
    acts = ts.capture(Packed(), x, layers=["rnn"], pool="flatten")
    rows = acts["rnn"].reshape(3, 6, 5)
    assert [int(np.abs(row).sum(1).astype(bool).sum()) for row in rows] == [6, 2, 4]
    assert acts.attrs["ragged"] == ["rnn"]


def test_names_that_look_like_calls_have_addresses_of_their_own():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.r = nn.Linear(4, 4)
            for name in ("r@1", "r@1@0", "x@head2"):
                self.add_module(name, nn.Linear(4, 4))

        def forward(self, x):
            for name in ("r", "r", "r@1", "r@1@0", "r@1", "x@head2"):
                x = self._modules[name](x)
            return x

    model, x = Net().eval(), np.eye(4, dtype=np.float32)
    acts = ts.capture(model, x, layers="all")
    assert acts.layers == ("r", "r@1", "r@1@0", "r@1@0@0", "r@1@1", "x@head2@0")
    want, value = {}, torch.from_numpy(x)
    with torch.no_grad():
        for name, address in zip(
            ("r", "r", "r@1", "r@1@0", "r@1", "x@head2"), acts.layers, strict=True
        ):
            value = want[address] = model._modules[name](value)
    for address, values in want.items():
        np.testing.assert_allclose(acts[address], values.numpy(), atol=1e-6)
    named = nn.Sequential()
    named.add_module("@mask", nn.Linear(4, 4))
    with pytest.raises(UsageError, match="names that begin with '@'"):
        ts.capture(named, x, layers="all")


@pytest.mark.parametrize("layers", [0, [0], [np.int64(0)], ["0"], (0, "1")])
def test_numbers_name_modules_of_a_sequential(layers):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    acts = ts.capture(model, np.zeros((6, 4), np.float32), layers=layers)
    assert acts.layers[0] == "0"


@pytest.mark.parametrize("layers", [[], None, [1.5], {"0": 1}, [None], [True], 3.0, [nn.ReLU()]])
def test_other_selections_are_refused(layers):
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with pytest.raises(UsageError, match="needed are 'blocks', 'all'"):
        ts.capture(model, np.zeros((6, 4), np.float32), layers=layers)
    with pytest.raises(LayerNotFoundError, match="no layer matches '-7'"):
        ts.capture(model, np.zeros((6, 4), np.float32), layers=[-7])


def test_layers_lists_the_modules_where_nothing_repeats(tmp_path, capsys, monkeypatch):
    (tmp_path / "nets.py").write_text(
        "from torch import nn\ndef net(): return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))\n"
    )
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 4), np.float32))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as code:
        main(["layers", "py:nets:net", "--data", "npz:x.npz"])
    assert not code.value.code
    out = capsys.readouterr().out
    assert "0 of 2 would be captured (*): nothing repeats" in out and "Linear" in out
    with pytest.raises(SystemExit):
        main(["layers", "py:nets:net", "--data", "npz:x.npz", "--json"])
    assert len(json.loads(capsys.readouterr().out)["layers"]) == 2
    assert not any(row.selected for row in describe_layers("py:nets:net", "npz:x.npz"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_blocks_of_a_static_int8_network():
    from torch.ao import quantization as q

    torch.manual_seed(0)
    model = nn.Sequential(
        q.QuantStub(),
        *(m for _ in range(2) for m in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())),
        nn.Flatten(),
        nn.Linear(192, 4),
        q.DeQuantStub(),
    ).eval()
    fused = q.fuse_modules(model, [["1", "2"], ["3", "4"]])
    x = torch.randn(4, 3, 8, 8)
    for net, want in ((model, ["2", "4"]), (fused, ["1", "3"])):
        net.qconfig = q.get_default_qconfig("fbgemm")
        ready = q.prepare(net)
        ready(x)
        done = q.convert(ready)
        assert chosen(done, x) == want
        acts = ts.capture(done, x.numpy(), pool="gap")
        assert acts.layers == tuple(want) and acts[want[0]].dtype == np.float32
        assert acts[want[0]].std() > 0


def test_blocks_of_a_module_that_is_called_many_times():
    transformers = pytest.importorskip("transformers")
    config = transformers.AlbertConfig(
        vocab_size=20,
        embedding_size=8,
        hidden_size=8,
        num_attention_heads=2,
        intermediate_size=16,
        num_hidden_layers=4,
    )
    model = transformers.AlbertModel(config).eval()
    ids = {"input_ids": torch.randint(0, 20, (3, 5)), "attention_mask": torch.ones(3, 5).long()}
    blocks = [name for name in chosen(model, ids) if "albert_layer_groups" in name]
    assert len(blocks) == 4 and blocks[3].endswith("@3")


def test_programs_of_torch_export_are_refused_with_the_way_out():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval()
    program = torch.export.export(model, (torch.zeros(2, 4),))
    with pytest.raises(UsageError, match=r"program of torch\.export.*torch\.export\.unflatten"):
        ts.capture(program.module(), np.zeros((6, 4), np.float32), layers="all")


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.out = nn.Linear(8, 3), nn.Linear(8, 2)
        self.experts = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])

    def forward(self, x):
        chosen, y = self.gate(x).argmax(-1), torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            if (chosen == i).any():
                y[chosen == i] = expert(x[chosen == i])
        return self.out(y)


def test_experts_that_samples_are_routed_to_are_said_to_be_such():
    torch.manual_seed(0)
    told = {row.name: row.why for row in list_layers(Experts(), torch.randn(20, 8))}
    assert told["gate"] == told["out"] == ""
    whys = [why for name, why in told.items() if name.startswith("experts")]
    assert whys and all("routed to" in why for why in whys), whys
