"""The picture of the data: planes, what joins points, the samples behind them; each told once."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import toposcope as ts
from toposcope.errors import StoreError
from toposcope.reporting import clouds, samples
from toposcope.reporting.samples import Gallery, sheet_uri
from toposcope.similarity.planes import principal_plane

from .report_fixture import LAYERS, analysis, checkpoints, per_class


def unpacked(text):
    return np.frombuffer(base64.b64decode(text), "<u2").astype(int).reshape(-1, 2)


def plane_of(cloud, layer):
    return (2 * unpacked(cloud["layers"][layer]["xy"]) / clouds.STEPS - 1) * cloud["half"]


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    ring = np.column_stack([np.cos(X[:, 0] * 3), np.sin(X[:, 0] * 3), 0.05 * X[:, 1:3]])
    acts = ts.from_arrays({"ring": ring, "flat": X * [3, 1, 0.1, 0.1, 0.1]}, labels=X[:, 0] > 0)
    return ts.analyze(acts, points=40, replicates=3, jobs=0, null="none")


def pictured(*analyses):
    gallery = Gallery()
    return clouds.pictured(analyses, gallery), gallery


@pytest.mark.parametrize("normalize", ["mean_distance", "zscore", "minmax", "none", "max_distance"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_bars_and_points_belong_together(measured, normalize, metric):
    found = ts.analyze(
        measured.activations, points=40, replicates=3, jobs=0, null="none",
        normalize=normalize, metric=metric,
    )  # fmt: skip
    ((cloud,),), _ = pictured(found)
    (draw,) = clouds._draws(found)
    for layer in found.layers:
        X = ts.clouds(measured.activations, points=40, replicates=3, normalize=normalize).cloud(
            layer, draw
        )
        D = ts.homology.distances(X, metric=metric)
        a, b = unpacked(cloud["layers"][layer]["tree"]).T
        deaths = found.diagrams.pairs(layer, 0, replicate=0)[:, 1]
        # The rank joins a bar of H0 and the edge that ends it.
        assert D[a, b] == pytest.approx(np.sort(deaths[np.isfinite(deaths)])[::-1], rel=1e-9)
        bars = found.diagrams.pairs(layer, 1, replicate=0)
        bars = bars[np.argsort(bars[:, 0] - bars[:, 1])]
        loops = cloud["layers"][layer]["loops"]
        assert len(loops) == min(len(bars), clouds.REPRESENTATIVES)
        for (birth, death, points), bar in zip(loops, bars, strict=False):
            assert [birth, death] == pytest.approx(list(bar), rel=1e-6)
            assert D[points, np.roll(points, 1)].max() == pytest.approx(birth, rel=1e-6)


def test_every_layer_is_turned_onto_the_one_before_and_nothing_else(measured):
    ((cloud,),), _ = pictured(measured)
    (draw,) = clouds._draws(measured)
    for layer in measured.layers:
        plane, shares = principal_plane(measured.activations.rows(layer, draw.rows))
        shown = plane_of(cloud, layer)
        inside = (abs(shown) < cloud["half"] * 0.999).all(axis=1)
        ratio = pdist(shown[inside]) / pdist(plane[inside])
        assert np.ptp(ratio) / ratio.mean() < 0.02 * 10  # quantized to 1 / 65,535 of the side
        assert np.median(abs(ratio / np.median(ratio) - 1)) < 1e-3
        assert cloud["layers"][layer]["share"] == pytest.approx(list(shares), abs=1e-4)


def test_a_plane_says_how_little_it_holds():
    rng = np.random.default_rng(1)
    acts = ts.from_arrays({"round": rng.normal(size=(80, 30)), "flat": rng.normal(size=(80, 2))})
    found = ts.analyze(acts, points=40, replicates=2, jobs=0, null="none")
    layers = pictured(found)[0][0][0]["layers"]
    assert sum(layers["round"]["share"]) < 0.35 and layers["round"]["agreement"] < 0.7
    assert sum(layers["flat"]["share"]) == pytest.approx(1) and layers["flat"]["agreement"] == 1


def test_checkpoints_share_their_samples_and_turn_to_the_last_one():
    found, gallery = pictured(*checkpoints()[:3])
    assert len({cloud["samples"] for run in found for cloud in run}) == 1
    assert len(gallery.entries) == len(gallery.sheets) == 1
    first, _, last = (plane_of(run[0], LAYERS[0]) for run in found)
    # Turned onto it, no rotation of the first checkpoint lies nearer to the last one.
    near = np.linalg.norm(first - last)
    for angle in np.linspace(0.2, 6, 20):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert np.linalg.norm(first @ turn - last) > near - 0.05


def test_one_damaged_layer_is_told_and_all_others_are_shown(measured):
    def read(layer, rows):
        if layer == "ring":
            raise StoreError("shard 0 of 'ring' is damaged. Capture it again.")
        return measured.activations.read(layer, rows)

    broken = replace(measured, activations=replace(measured.activations, read=read))
    layers = pictured(broken)[0][0][0]["layers"]
    assert "damaged" in layers["ring"]["why"] and "xy" not in layers["ring"]
    assert len(unpacked(layers["flat"]["xy"])) == 40


def test_classes_of_draws_have_clouds_of_their_own(measured):
    found = ts.analyze(
        measured.activations, points=12, replicates=2, jobs=0, null="none", per_class=True
    )
    (run,), gallery = pictured(found)
    labels = [one["label"] for one in run]
    assert len(labels) == 2 and all(one["shown"] == 12 for one in run)
    for one in run:
        entry = gallery.entries[one["samples"]]
        assert {entry["names"][c] for c in entry["classes"]} == {one["label"]}


def test_draws_that_cannot_be_read_again_are_told():
    (run,), _ = pictured(per_class())  # 30 points of classes of 40 samples, four times
    assert {one["shown"] for one in run} == {0}
    assert "160" not in (why := run[0]["layers"][LAYERS[0]]["why"]) and "disjoint draws" in why


def test_large_clouds_show_fewer_points_and_keep_their_bars(monkeypatch, measured):
    monkeypatch.setattr(clouds, "SHOWN", 10)
    ((cloud,),), gallery = pictured(measured)
    assert cloud["shown"] == len(plane_of(cloud, "ring")) == 10
    assert len(unpacked(cloud["layers"]["ring"]["tree"])) == 39
    assert len(gallery.entries[cloud["samples"]]["rows"]) == 40


def test_volumes_have_no_cloud():
    maps = np.random.default_rng(0).normal(size=(6, 2, 4, 4))
    found = ts.analyze(
        ts.from_arrays({"a": maps}), filtration=ts.Cubical((0.0,)), replicates=6, jobs=0
    )
    assert pictured(found)[0] == [[]]


def test_a_sheet_holds_every_picture_in_its_place():
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 255, (7, 5, 4, 3), dtype=np.uint8)
    uri = sheet_uri(images, 3, 10**6)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert sheet.shape == (15, 12, 3)
    for i in range(7):
        top, left = 5 * (i // 3), 4 * (i % 3)
        assert (sheet[top : top + 5, left : left + 4] == images[i]).all()


def test_pictures_beyond_the_budget_are_compressed_then_left_out(monkeypatch):
    one = analysis(points=20)
    monkeypatch.setattr(samples, "LOSSLESS", 100)
    gallery = Gallery()
    entry = gallery.entries[gallery.add(one, range(40))]
    assert gallery.sheets[0].startswith("data:image/webp") and not entry["left_out"]
    tight = Gallery(left=50)
    entry = tight.entries[tight.add(one, range(40))]
    assert entry["sheet"] is None and entry["left_out"] and entry["classes"]


def test_names_of_classes_are_counted_as_people_count():
    one = analysis(class_names=("10", "9", "cat", "2"))
    gallery = Gallery()
    entry = gallery.entries[gallery.add(one, range(4))]
    assert entry["names"] == ["2", "9", "10", "cat"]
    assert [entry["names"][c] for c in entry["classes"]] == ["10", "9", "cat", "2"]


def test_a_damaged_picture_of_a_run_costs_its_pictures_alone(tmp_path):
    """One byte of the stored pictures is another: every number and figure is shown, and why."""
    import html

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, size=(40, 6, 6), dtype=np.uint8)
    acts = ts.from_arrays({"a": rng.normal(size=(40, 3)), "@thumbnail": pictures})
    run = ts.store.save_arrays(acts, tmp_path / "run")
    ts.analyze(run, points=12, replicates=3, null="none", jobs=0)
    whole = ts.report(run, to=tmp_path / "whole.html").read_text("utf-8")
    (shard,) = (path for path in run.rglob("*.safetensors") if "thumbnail" in str(path))
    raw = bytearray(shard.read_bytes())
    raw[-1] ^= 1
    shard.write_bytes(raw)
    page = ts.report(run, to=tmp_path / "page.html").read_text("utf-8")
    assert "data:image/png;base64" in whole and "data:image/png;base64" not in page
    told = html.unescape(page)
    assert "pictures or texts of samples are not shown" in told
    assert "does not match its recorded hash" in told
    assert "are not shown" not in whole
