"""A capture on a GPU: the numbers of the CPU within float32, and a network left as it came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from toposcope.activations.batches import find_device

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.Dropout(0.5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )


def images(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, n)


@pytest.mark.parametrize("pool", ["flatten", "gap"])
@pytest.mark.parametrize("device", DEVICES)
def test_a_capture_on_a_device_holds_the_numbers_of_the_cpu(
    tmp_path: Path, device: str, pool: str
) -> None:
    layers = ["0", "3", "5", "7"]
    how = {"layers": layers, "pool": pool, "batch_size": 64}
    found = ts.capture(network(), images(), device=device, store=tmp_path / "RUN", **how)
    expected = ts.capture(network(), images(), **how)
    for layer in expected.layers:
        ours, theirs = (np.asarray(run[layer]) for run in (found, expected))
        # A convolution in TF32 keeps 10 bits: 2e-3 of the largest value.
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * np.abs(theirs).max(), rtol=0)
    assert ts.open(tmp_path / "RUN").layers == found.layers


@pytest.mark.parametrize("device", DEVICES)
def test_the_network_and_the_generators_are_left_as_they_were(device: str) -> None:
    model = network().to(device).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    states = [torch.get_rng_state()]
    if device == "cuda":
        states.append(torch.cuda.get_rng_state())
    first, second = (ts.capture(model, images(), layers=["3"], device=device) for _ in range(2))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert {parameter.device.type for parameter in model.parameters()} == {device}
    assert torch.equal(torch.get_rng_state(), states[0])
    if device == "cuda":
        assert torch.equal(torch.cuda.get_rng_state(), states[1])
    layer = first.layers[0]
    np.testing.assert_array_equal(np.asarray(first[layer]), np.asarray(second[layer]))


@GPU
def test_auto_takes_the_gpu_and_a_network_of_the_cpu_goes_back_there() -> None:
    assert find_device("auto").type == "cuda"
    model = network()
    ts.capture(model, images(50), layers=["3"], device="auto")
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


@GPU
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("way", ["cast", "autocast", "channels_last"])
def test_reduced_precision_is_captured_as_plain_hooks_see_it(dtype: torch.dtype, way: str) -> None:
    class Reduced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network() if way == "autocast" else network().to(dtype)
            if way == "channels_last":
                self.inner = self.inner.to(memory_format=torch.channels_last)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if way == "autocast":
                with torch.autocast("cuda", dtype):
                    return self.inner(x)
            memory = torch.channels_last if way == "channels_last" else torch.contiguous_format
            return self.inner(x.to(dtype).contiguous(memory_format=memory))

    x, y = images(128)
    model = Reduced().cuda().eval()
    kept: dict[str, np.ndarray] = {}
    for name in ("inner.0", "inner.3", "inner.7"):
        model.get_submodule(name).register_forward_hook(
            lambda module, args, out, name=name: kept.update({name: out.float().cpu().numpy()})
        )
    with torch.no_grad():
        model(torch.from_numpy(x).cuda())
    run = ts.capture(
        model, (x, y), layers=list(kept), pool="flatten", batch_size=128, device="cuda"
    )
    for name, expected in kept.items():
        found = np.asarray(run[name], dtype=np.float32)
        np.testing.assert_array_equal(found.reshape(expected.shape), expected, name)


@GPU
def test_data_that_stand_on_the_gpu_are_taken() -> None:
    x, y = images(60)
    there = (torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda())
    found, expected = (
        ts.capture(network(), data, layers=["7"], device="cuda") for data in (there, (x, y))
    )
    np.testing.assert_array_equal(np.asarray(found["7"]), np.asarray(expected["7"]))
    np.testing.assert_array_equal(found.labels, expected.labels)
    arrays = ts.from_arrays({"a": there[0].flatten(1).cuda()}, labels=there[1])
    np.testing.assert_array_equal(np.asarray(arrays["a"]), x.reshape(60, -1))


class Hungry(nn.Module):
    """Asks for more memory than any device has once a batch is larger than `fits`."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.layer, self.fits = nn.Linear(64, 4), fits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.fits:
            torch.empty(1 << 45, device=x.device)
        return self.layer(x.flatten(1))


@pytest.mark.parametrize("device", DEVICES)
def test_a_network_that_outgrows_its_device_is_told_with_what_to_type(device: str) -> None:
    how = {"layers": ["layer"], "batch_size": 64, "device": device}
    with pytest.raises(ts.errors.NetworkError, match=r"batch_size \(--batch-size, now 64"):
        ts.capture(Hungry(fits=8), images(100), **how)
    with pytest.raises(ts.errors.UsageError, match="not enough memory for this data"):
        ts.capture(Hungry(fits=0), images(100), **how)
