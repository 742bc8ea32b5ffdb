"""Half precision, int8, wrappers and devices: captured truthfully, or refused with a reason."""

import numpy as np
import pytest
import torch
from torch import nn

import toposcope as ts
from toposcope.activations.batches import find_device
from toposcope.activations.capture import capture
from toposcope.activations.models.load import state_hash
from toposcope.errors import ParameterMismatchError, UsageError
from toposcope.training.networks import SmallCNN

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8)
ROWS = RNG.normal(size=(40, 8)).astype(np.float32)
OLD_QUANTIZATION = pytest.mark.filterwarnings("ignore:(?s).*deprecated and will be removed")
"""What dynamic int8 networks still are made with."""
CPU_CUDA_TOLERANCE = 1e-3
"""Of the layer's root mean square: CUDA convolutions may use TF32, with 10 bits of mantissa."""


def cnn():
    torch.manual_seed(0)
    return SmallCNN().eval()


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU()).eval()


def int8(model):
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("pool", ["gap", "volume", "project:4"])
def test_half_precision_networks_give_float32_near_the_full_ones(dtype, pool):
    full = capture(cnn(), IMAGES, pool=pool)
    model = cnn().to(dtype)
    half = capture(model, IMAGES, pool=pool)
    assert next(model.parameters()).dtype == dtype
    assert half.attrs["network_dtype"] == [str(dtype).removeprefix("torch.")]
    step = float(torch.finfo(dtype).eps)
    for layer in full:
        assert half[layer].dtype == np.float32 and np.isfinite(half[layer]).all()
        # A few roundings per layer; 16 of them are generous for four blocks.
        assert np.abs(half[layer] - full[layer]).max() < 16 * step * max(rms(full[layer]), 1.0)


def test_means_of_half_precision_are_taken_in_float32():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Identity()).bfloat16().eval()
    x = RNG.normal(size=(6, 1, 9, 9)).astype(np.float32)
    pooled = capture(model, x, pool="gap", layers="0")["0"]
    whole = capture(model, x, pool="volume", layers="0")["0"]
    assert np.allclose(pooled, whole.mean((2, 3)), rtol=1e-5, atol=1e-6)
    rounded = torch.from_numpy(pooled).bfloat16().float().numpy()
    assert not np.array_equal(pooled, rounded)


def test_stored_as_asked_and_analyzed_in_full_precision(tmp_path):
    acts = capture(cnn().bfloat16(), IMAGES, pool="gap", dtype="float16", store=tmp_path / "run")
    assert {acts[layer].dtype for layer in acts} == {np.dtype(np.float16)}
    found = ts.analyze(acts, points=20, replicates=2, null="none", jobs=0)
    assert (found.table["status"] == "ok").any() and found.failures == []
    chosen = ts.clouds(acts, points=20, replicates=2)
    assert chosen.cloud(acts.layers[0], chosen.draws[0]).dtype == np.float64


def test_a_float16_store_that_overflows_says_so(caplog):
    big = nn.Sequential(nn.Linear(8, 2), nn.ReLU())
    with torch.no_grad():
        big[0].bias.fill_(1e6)
    acts = capture(big, ROWS, layers="0", dtype="float16")
    assert acts.attrs["nonfinite"] == {"0": 80}
    assert capture(big, ROWS, layers="0").attrs["nonfinite"] == {}


@OLD_QUANTIZATION
def test_dynamic_int8_networks_are_captured_as_they_compute(tmp_path):
    model = int8(mlp())
    acts = capture(model, ROWS, layers="*", store=tmp_path / "run")
    with torch.no_grad():
        want = model(torch.from_numpy(ROWS)).numpy()
    assert np.array_equal(acts["3"], want)
    assert acts.attrs["network_dtype"] == ["int8"]
    assert np.abs(want - mlp()(torch.from_numpy(ROWS)).detach().numpy()).max() > 0
    # The weights of quantized layers are no parameters: they must count all the same.
    assert state_hash(model) != state_hash(int8(mlp(seed=1)))
    assert state_hash(model) == state_hash(int8(mlp()))
    with pytest.raises(ParameterMismatchError, match="state"):
        capture(int8(mlp(seed=1)), ROWS, layers="*", store=tmp_path / "run")


class Fourier(nn.Module):
    """A layer whose output has no order and no distance of its own."""

    def forward(self, x):
        return torch.fft.fft(x)


@OLD_QUANTIZATION
def test_outputs_that_are_no_floating_point_numbers_are_refused():
    from torch.ao.nn.quantized import DeQuantize, Quantize

    codes = nn.Sequential(Quantize(0.1, 64, torch.quint8), DeQuantize())
    inside = np.clip(ROWS, -6, 6)
    found = capture(codes, inside, layers="1", pool="flatten")["1"]
    # Quantized tensors stand for numbers: the codes are read with their scale and zero point.
    assert np.array_equal(capture(codes, inside, layers="0", pool="flatten")["0"], found)
    assert 0 < np.abs(found - inside).max() <= 0.05 + 1e-6  # half a step of 0.1
    with pytest.raises(UsageError, match=r"layer '0'.*torch\.complex64, not floating point"):
        capture(nn.Sequential(Fourier(), nn.Identity()), ROWS, layers="0", pool="flatten")


@pytest.mark.filterwarnings("ignore:`torch.jit.script")  # torch's own, when dynamo is loaded
@pytest.mark.parametrize("part", ["whole", "inside", "in place"])
def test_compiled_networks_are_refused_with_the_way_out(part):
    model = mlp()
    if part == "whole":
        model = torch.compile(model)
    elif part == "inside":
        model[2] = torch.compile(model[2])
    else:
        model.compile()
    with pytest.raises(UsageError, match=r"torch.compile fuses modules.*(_orig_mod|before it)"):
        capture(model, ROWS)


def test_data_parallel_wrappers_are_refused_and_their_module_is_not(tmp_path):
    from torch import distributed

    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model = mlp()
        for wrapped in (nn.DataParallel(model), nn.parallel.DistributedDataParallel(model)):
            with pytest.raises(UsageError, match=r"Pass model\.module"):
                capture(wrapped, ROWS)
            assert capture(wrapped.module, ROWS).n == 40
    finally:
        distributed.destroy_process_group()


def test_auto_is_the_best_device_there_is():
    want = "cuda" if torch.cuda.is_available() else "cpu"
    if torch.backends.mps.is_available():
        want = "mps"
    assert find_device("auto").type == want
    acts = capture(mlp(), ROWS, device="auto")
    assert acts.attrs["device"] == want


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:3", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(UsageError, match=r"cannot be used here.*'cpu' or 'auto'"):
        capture(mlp(), ROWS, device=device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("pool", ["gap", "volume"])
def test_cuda_agrees_with_the_cpu_and_the_model_comes_back(pool):
    model = cnn()
    before = torch.cuda.get_rng_state()
    here, there = (capture(model, IMAGES, pool=pool, device=d) for d in ("cpu", "cuda"))
    assert next(model.parameters()).device.type == "cpu"
    assert torch.equal(before, torch.cuda.get_rng_state())
    for layer in here:
        difference = np.abs(here[layer] - there[layer]).max()
        assert difference <= CPU_CUDA_TOLERANCE * max(rms(here[layer]), 1e-3)
    half = capture(model.half(), IMAGES, pool=pool, device="cuda")
    assert all(np.isfinite(half[layer]).all() for layer in half)
