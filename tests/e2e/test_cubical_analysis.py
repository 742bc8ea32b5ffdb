"""analyze --complex cubical: Betti numbers of each image's feature volume, unit = image."""

from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.analysis.design import Design
from toposcope.analysis.opening import analyze_command
from toposcope.analysis.plan import plan_analysis
from toposcope.cli.analyzing import analyze as command
from toposcope.cli.design_options import take_design
from toposcope.errors import UsageError
from toposcope.store.arrays import save_arrays
from toposcope.store.verify import verify

RNG = np.random.default_rng(0)
DEEP = RNG.normal(size=(40, 4, 6, 5)).astype(np.float32)
LAYERS = {
    "before": DEEP,
    "relu": np.maximum(DEEP, 0),
    "vector": RNG.normal(size=(40, 7)).astype(np.float32),
}
VOLUMES = ts.Cubical((-0.5, 0.0, 0.5))
OPTIONS = {"filtration": VOLUMES, "replicates": 40, "jobs": 0}


@pytest.fixture
def run(tmp_path):
    return save_arrays(ts.from_arrays(LAYERS, labels=np.arange(40) % 2), tmp_path / "run")


def numbers(found, layer, statistic):
    """(images, degrees) values of one statistic."""
    table = found.table.query("layer == @layer and statistic == @statistic")
    return table.pivot(index="replicate", columns="homology_dimension", values="value").to_numpy()


def oracle(volume, t, construction="V", sublevel=True):
    """Betti numbers by GUDHI's persistence: births <= t < deaths."""
    import gudhi

    sign = 1.0 if sublevel else -1.0
    values = sign * volume.astype(np.float64)
    cells = "vertices" if construction == "V" else "top_dimensional_cells"
    complex_ = gudhi.CubicalComplex(**{cells: values})
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=0)
    pairs = [
        complex_.persistence_intervals_in_dimension(k).reshape(-1, 2) for k in range(volume.ndim)
    ]
    return [int(((p[:, 0] <= sign * t) & (sign * t < p[:, 1])).sum()) for p in pairs]


@pytest.mark.parametrize("construction", ["V", "T"])
@pytest.mark.parametrize("superlevel", [False, True])
def test_numbers_are_gudhis_image_by_image(run, construction, superlevel):
    found = ts.analyze(
        run,
        **OPTIONS
        | {"filtration": replace(VOLUMES, construction=construction, superlevel=superlevel)},
    )
    rows = [int(d.rows[0]) for d in ts.clouds(ts.open(run), points=1, replicates=40).draws]
    betti = numbers(found, "before", "betti_number@0.5")
    for image in (0, 7, 39):
        want = oracle(DEEP[rows[image]], 0.5, construction, not superlevel)
        assert betti[image].tolist() == want
    assert np.allclose(numbers(found, "before", "betti_per_voxel@0.5"), betti / 120)
    assert np.array_equal(numbers(found, "before", "betti_total@0.5")[:, 0], betti.sum(axis=1))


def test_a_relu_is_seen_below_zero_only_and_the_reader_is_told(run):
    found = ts.analyze(run, **OPTIONS)
    for t in ("0", "0.5"):
        name = f"betti_number@{t}"
        assert np.array_equal(numbers(found, "before", name), numbers(found, "relu", name))
    low = "betti_number@-0.5"
    assert not np.array_equal(numbers(found, "before", low), numbers(found, "relu", low))
    assert any("before and after a ReLU" in text for text in found.attrs["warnings"])


def test_intervals_are_over_images(run):
    found = ts.analyze(run, **OPTIONS)
    row = found.intervals.query("layer == 'before' and statistic == 'betti_total@0.5'").iloc[0]
    values = numbers(found, "before", "betti_total@0.5")[:, 0]
    half = 2.0227 * values.std(ddof=1) / np.sqrt(40)  # t with 39 degrees of freedom
    assert row["replicates"] == 40 and row["mean"] == pytest.approx(values.mean())
    assert row["high"] - row["mean"] == pytest.approx(half, rel=1e-3)


def test_layers_without_maps_get_a_status(run):
    found = ts.analyze(run, **OPTIONS)
    vector = found.table.query("layer == 'vector'")
    assert set(vector["status"]) == {"undefined"} and "--pool volume" in vector["reason"].iloc[0]
    assert set(vector["statistic"]) == set(found.table.query("layer == 'relu'")["statistic"])
    assert found.failures == []


def test_broken_images_are_named_and_the_others_measured(tmp_path):
    broken = DEEP.copy()
    broken[3, 0, 0, 0] = np.nan
    found = ts.analyze(ts.from_arrays({"layer": broken}), **OPTIONS)
    bad = found.table.query("status != 'ok'")
    assert set(bad["status"]) == {"nonfinite"} and bad["replicate"].nunique() == 1
    assert (found.table["status"] == "ok").sum() == 39 * len(bad)


def test_units_of_the_root_mean_square_are_free_of_scale():
    scaled = ts.from_arrays({"one": DEEP, "ten": 10 * DEEP})
    found = ts.analyze(scaled, **OPTIONS, normalize="rms")
    name = "betti_number@0.5"
    assert np.array_equal(numbers(found, "one", name), numbers(found, "ten", name))
    raw = ts.analyze(scaled, **OPTIONS)
    assert not np.array_equal(numbers(raw, "one", name), numbers(raw, "ten", name))


def test_maps_are_channels_by_themselves(run):
    found = ts.analyze(run, **OPTIONS | {"filtration": replace(VOLUMES, maps=True)})
    rows = [int(d.rows[0]) for d in ts.clouds(ts.open(run), points=1, replicates=40).draws]
    want = np.sum([oracle(channel, 0.5) for channel in DEEP[rows[0]]], axis=0)
    assert numbers(found, "before", "betti_number@0.5")[0].tolist() == want.tolist()


def test_diagrams_are_kept_when_asked_for(run):
    found = ts.analyze(
        run,
        filtration=replace(VOLUMES, diagrams=True),
        replicates=2,
        homology_dimensions=(0, 2),
        jobs=0,
    )
    assert found.diagrams.homology_dimensions == (0, 2)
    pairs = found.diagrams.pairs("before", 0, replicate=1)
    at_half = int(((pairs[:, 0] <= 0.5) & (pairs[:, 1] > 0.5)).sum())
    assert numbers(found, "before", "betti_number@0.5")[1, 0] == at_half
    assert ts.analyze(run, **OPTIONS).diagrams.keys == ()


def test_shuffled_voxels_keep_the_values_and_lose_the_arrangement():
    ramp = np.broadcast_to(np.linspace(-1, 1, 8), (30, 4, 6, 8)) + RNG.normal(
        0, 0.01, (30, 4, 6, 8)
    )
    white = RNG.normal(size=(30, 4, 6, 8))
    found = ts.analyze(
        ts.from_arrays({"ramp": ramp, "white": white}),
        **{**OPTIONS, "replicates": 30},
        null="shuffled_voxels",
    )
    null = found.intervals.query("cloud == 'shuffled_voxels' and statistic == 'betti_total@0'")
    data = found.intervals.query("cloud == 'data' and statistic == 'betti_total@0'")
    ramp_data, white_data = data["mean"]
    ramp_null, white_null = null["mean"]
    assert ramp_data == 1 and ramp_null > 10  # a half space is one component
    assert white_null == pytest.approx(white_data, rel=0.15)  # noise has no arrangement to lose
    norms = found.table.query("statistic == 'activation_norm' and layer == 'ramp'")
    by_cloud = norms.pivot(index="replicate", columns="cloud", values="value")
    assert np.allclose(by_cloud["data"], by_cloud["shuffled_voxels"])


def test_same_digest_for_any_jobs_and_nothing_done_twice(run):
    ts.analyze(run, **OPTIONS)
    first = verify(run).digest
    plan = plan_analysis(run, Design(**{k: v for k, v in OPTIONS.items() if k != "jobs"}))
    assert plan.done == len(plan.tasks) == 6  # 40 images of three layers, 32 to a task
    for file in (plan.folder / "ledger").iterdir():
        file.unlink()
    ts.analyze(run, **{**OPTIONS, "jobs": 2})
    assert verify(run).digest == first


def test_the_command_line_that_does_it_again(run):
    filtration = replace(VOLUMES, construction="T")
    found = ts.analyze(run, **OPTIONS | {"filtration": filtration})
    line = analyze_command("RUN", found.design)
    assert "--thresholds -0.5,0,0.5 --construction T" in line and "--points" not in line
    told = command.make_context("analyze", line.split()[2:]).params
    assert take_design(told).resolved(40) == found.design


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metric": "cosine"}, "belongs to clouds"),
        ({"normalize": "zscore"}, "none, rms"),
        ({"null": "gaussian"}, "'shuffled_voxels' or 'none'"),
        ({"filtration": ts.Rips(), "null": "shuffled_voxels"}, "does not go with"),
    ],
)
def test_bad_requests_say_what_to_do(run, options, says):
    with pytest.raises(UsageError, match=says):
        ts.analyze(run, **{**OPTIONS, **options})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"thresholds": ()}, "1 to 256"),
        ({"thresholds": (np.inf,)}, "finite"),
        ({"thresholds": (np.nan,)}, "each entry a number"),
        ({"construction": "W"}, "one of 'V', 'T'"),
        ({"maps": True, "diagrams": True}, "leave out one"),
    ],
)
def test_bad_parameters_say_what_is_needed(options, says):
    with pytest.raises(UsageError, match=says):
        ts.Cubical(**options)


def test_a_run_without_volumes_says_how_to_capture_them():
    with pytest.raises(UsageError, match="--pool volume"):
        ts.analyze(ts.from_arrays({"a": np.ones((5, 3))}), filtration=ts.Cubical(), jobs=0)


@pytest.mark.pack
def test_a_real_layer_agrees_with_gudhi(pack, tmp_path):
    data = pack / "data" / "cifar10" / "train_lossless_4000.npz"
    acts = ts.capture(
        "py:examples.cifar_resnet:resnet20",
        f"npz:{data}",
        weights=pack / "weights" / "cifar_resnet20" / "model.safetensors",
        layers=["layer1.2", "layer3.2"],
        pool="volume",
        n=6,
        store=tmp_path / "run",
    )
    found = ts.analyze(acts, filtration=ts.Cubical((0.0, 0.5)), replicates=6, jobs=0)
    rows = [int(d.rows[0]) for d in ts.clouds(acts, points=1, replicates=6).draws]
    for layer in acts.layers:
        for t in (0.0, 0.5):
            betti = numbers(found, layer, f"betti_number@{t:g}")
            for image in (0, 3):
                assert betti[image].tolist() == oracle(acts[layer][rows[image]], t)
