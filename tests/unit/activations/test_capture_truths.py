"""Truths of a capture that the other test files do not already hold."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from toposcope.activations.capture import capture
from toposcope.activations.hooks import record
from toposcope.errors import UsageError
from toposcope.training.networks import SmallCNN

RNG = np.random.default_rng(0)


class Recurrent(nn.Module):
    """One cell run n times."""

    def __init__(self, n):
        super().__init__()
        self.n, self.cell, self.tail = n, nn.Linear(4, 4), nn.ReLU()

    def forward(self, x):
        for _ in range(self.n):
            x = self.tail(self.cell(x))
        return x


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_module_used_n_times_gives_n_calls(n):
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    model = Recurrent(n)
    acts = capture(model, x, layers="cell")
    assert acts.layers == ("cell", *(f"cell@{i}" for i in range(1, n)))
    with torch.no_grad():
        step = torch.from_numpy(x)
        for layer in acts.layers:
            step = model.cell(step)
            assert np.array_equal(acts[layer], step.numpy())
            step = torch.relu(step)


def test_the_batch_size_is_part_of_the_provenance():
    x = RNG.normal(size=(6, 4)).astype(np.float32)
    for size in (2, 6):
        assert capture(Recurrent(1), x, layers="cell", batch_size=size).attrs["batch_size"] == size


@pytest.mark.parametrize("shape", [(4, 8, 8, 3), (4, 8), (4, 1)])
def test_images_of_another_shape_or_channel_count_are_refused_with_both_shapes(shape):
    # The small network takes one channel: three, or rows of numbers, are another kind of data.
    data = RNG.normal(size=shape).astype(np.float32)
    with pytest.raises(UsageError, match=r"cannot run on this data.*fed .*\(3, .*preprocess"):
        capture(SmallCNN(), data)


def test_an_error_half_way_leaves_modes_hooks_gradients_and_random_state():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.runs = nn.Linear(4, 4), 0

        def forward(self, x):
            self.runs += 1
            out = self.first(x) + torch.rand(1)
            if self.runs > 5:  # planning runs it four times; the second batch of the capture fails
                msg = "broken on the second batch"
                raise RuntimeError(msg)
            return out

    model = nn.Sequential(Fails(), nn.ReLU()).train()
    model[0].first.weight.requires_grad_(False)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="second batch"):
        capture(model, RNG.normal(size=(6, 4)).astype(np.float32), layers="*", batch_size=2)
    assert torch.equal(before, torch.get_rng_state())
    assert all(module.training for module in model.modules())
    assert all(not module._forward_hooks for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [False, True]
    assert torch.is_grad_enabled()
    with record(model, ["0.first"], lambda address, output: output):
        pass  # and it can be captured again


MEASURED = """
import resource, sys
import numpy as np, torch
from torch import nn
import toposcope as ts
from toposcope.activations import capture_plan

capture_plan.CHUNK_BYTES = capture_plan.SHARD_BYTES = 4 << 20  # two of them are held at a time
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 4096), nn.ReLU())
for n in (1500, 11_500):
    x = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    acts = ts.capture(net, x, layers="1", store=f"{sys.argv[1]}/{n}", batch_size=64)
    assert acts["1"].shape == (n, 4096) if n < 2000 else acts.n == n
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_what_is_captured(tmp_path):
    """24 MB of activations, then twenty times what may be held at once, 188 MB."""
    words = [sys.executable, "-c", MEASURED, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    few, many = (int(line) * 1024 for line in done.stdout.split())
    assert many - few < 0.08 * 10_000 * 4096 * 4
