"""Recording: copies, repeated calls, outputs of every kind, and a model left as it came."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toposcope.activations.hooks import record, tensor_of
from toposcope.activations.pools.plan import plan_pool
from toposcope.activations.pools.projection import SignMatrix
from toposcope.errors import LayerNotFoundError, UsageError


def keep(address, output):
    return output


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(-self.relu(self.first(x)))


def test_an_in_place_op_after_the_layer_does_not_change_what_was_recorded():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True))
    x = torch.randn(5, 1, 6, 6)
    for pool in (keep, lambda a, t: t.flatten(1), lambda a, t: t[:, :1]):
        with record(model, ["0"], pool) as recorder:
            model(x)
            kept = recorder.take()["0"]
        assert kept.min() < 0
        with torch.no_grad():
            assert torch.equal(kept, pool("0", model[0](x)))


def test_a_module_called_twice_gives_two_addresses():
    model = Twice()
    with record(model, ["relu", "relu@1"], keep) as recorder:
        model(torch.randn(4, 3))
        first = recorder.take()
        model(torch.randn(4, 3))
        second = recorder.take()
    assert list(first) == ["relu", "relu@1"]
    assert (first["relu@1"] == 0).all()
    assert not torch.equal(first["relu"], second["relu"])


def test_recorded_values_and_logits_are_those_of_the_bare_model():
    torch.manual_seed(0)
    model = Twice().eval()
    x = torch.randn(4, 3)
    with torch.no_grad():
        want = model(x)
    with record(model, ["relu@1"], keep) as recorder:
        got = model(x)
        assert torch.equal(recorder.take()["relu@1"], want)
    assert torch.equal(got, want)


def snapshot(model):
    return (
        [module.training for module in model.modules()],
        [len(module._forward_hooks) for module in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [p.grad for p in model.parameters()],
        {key: value.clone() for key, value in model.state_dict().items()},
        torch.get_rng_state(),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_leaves_exactly_as_it_came(fails):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.ReLU())
    model.train()
    model[3].eval()
    model[0].weight.requires_grad_(False)
    before = snapshot(model)
    try:
        with record(model, ["1"], keep) as recorder:
            assert not torch.is_grad_enabled()
            torch.rand(3)
            model(torch.randn(4, 3))
            recorder.take()
            if fails:
                raise RuntimeError("boom")
    except RuntimeError:
        assert fails
    after = snapshot(model)
    assert after[:4] == before[:4]
    assert all(torch.equal(after[4][key], value) for key, value in before[4].items())
    assert torch.equal(after[5], before[5])
    assert torch.is_grad_enabled()


def test_an_error_in_the_forward_pass_removes_the_hooks():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError, match="shapes"), record(model, ["0"], keep):
        model(torch.randn(4, 5))
    assert not model[0]._forward_hooks


def test_tuples_and_model_outputs_have_one_rule():
    lstm = nn.LSTM(3, 4, batch_first=True)
    with record(lstm, [""], keep) as recorder:
        lstm(torch.randn(2, 5, 3))
        assert recorder.take()[""].shape == (2, 5, 4)
        assert recorder.paths == {"": "[0]"}
    hidden = torch.zeros(2, 3)
    assert tensor_of({"last_hidden_state": hidden, "x": 1}, "m") == (hidden, ".last_hidden_state")


@pytest.mark.parametrize("output", [None, (), (None, torch.ones(1)), {"a": torch.ones(1)}, "text"])
def test_other_outputs_are_refused_by_name(output):
    with pytest.raises(UsageError, match=r"layer 'odd' returns .*toposcope layers"):
        tensor_of(output, "odd")


def test_wrappers_are_refused_with_the_way_out():
    wrapped = nn.DataParallel(nn.Linear(2, 2))
    refused = pytest.raises(UsageError, match=r"DataParallel.*model\.module")
    with refused, record(wrapped, [], keep):
        pass


def test_an_unknown_address_lists_near_matches():
    with pytest.raises(LayerNotFoundError, match="first"), record(Twice(), ["frist"], keep):
        pass


def test_a_layer_that_did_not_run_is_an_error():
    model = Twice()
    with record(model, ["relu@2"], keep) as recorder:
        model(torch.randn(4, 3))
        with pytest.raises(UsageError, match="'relu@2' did not run"):
            recorder.take()


def test_pools_have_the_values_their_names_say():
    maps = torch.arange(2 * 3 * 2 * 2, dtype=torch.float32).reshape(2, 3, 2, 2)
    pooled = plan_pool("gap", (3, 2, 2), address="a").apply(maps, None)
    assert torch.equal(pooled[0], maps[0].mean((1, 2)))
    tokens = torch.randn(2, 5, 4)
    assert torch.equal(plan_pool("cls", (5, 4), address="a").apply(tokens, None), tokens[:, 0])
    assert torch.equal(
        plan_pool("mean_token", (5, 4), address="a").apply(tokens, None), tokens.mean(1)
    )
    assert plan_pool("flatten", (5, 4), address="a").apply(tokens, None).shape == (2, 20)


@pytest.mark.parametrize(
    ("shape", "has_cls", "name"),
    [
        ((3, 4, 4), False, "gap"),
        ((5, 4), True, "cls"),
        ((5, 4), False, "mean_token"),
        ((7,), False, "flatten"),
        ((3, 2, 4, 4), False, "gap"),
    ],
)
def test_auto_decides_by_shape(shape, has_cls, name):
    assert plan_pool("auto", shape, address="a", has_cls=has_cls).name == name


@pytest.mark.parametrize(
    ("pool", "shape", "says"),
    [
        ("gap", (5, 4), "mean_token"),
        ("cls", (3, 4, 4), "gap"),
        ("mean_token", (7,), "flatten"),
        ("mean", (7,), "unknown pool"),
        ("project:0", (7,), "from 1 to 7"),
        ("project:8", (7,), "from 1 to 7"),
        ("project:x", (7,), "project:128"),
    ],
)
def test_a_pool_that_does_not_fit_names_layer_and_shape(pool, shape, says):
    with pytest.raises(UsageError, match=says) as caught:
        plan_pool(pool, shape, address="body.3")
    assert "unknown" in says or "'body.3'" in str(caught.value)


def test_projection_is_seeded_and_keeps_distances():
    x = torch.randn(60, 2, 9000, generator=torch.Generator().manual_seed(0))
    first = plan_pool("project:256", (2, 9000), address="a", seed=3)
    again = plan_pool("project:256", (2, 9000), address="b", seed=3)
    other = plan_pool("project:256", (2, 9000), address="a", seed=4)
    assert "seed 3" in first.law and "18000 -> 256" in first.law
    assert torch.equal(first.apply(x, None), again.apply(x, None))
    assert not torch.equal(first.apply(x, None), other.apply(x, None))
    true, kept = torch.pdist(x.flatten(1)), torch.pdist(first.apply(x, None))
    # Relative deviation of a distance is about sqrt(2/k)/2 = 0.044.
    ratio = kept / true
    assert abs(ratio.mean() - 1) < 0.02
    assert 0.02 < ratio.std() < 0.07


def test_projection_is_the_same_whether_the_matrix_is_kept_or_not(monkeypatch):
    x = torch.randn(4, 40_000, generator=torch.Generator().manual_seed(1))
    kept = SignMatrix(40_000, 16, 0).apply(x)
    monkeypatch.setattr("toposcope.activations.pools.projection.CACHED_ENTRIES", 0)
    assert torch.equal(SignMatrix(40_000, 16, 0).apply(x), kept)
