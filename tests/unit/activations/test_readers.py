"""Pictures of any depth, folders, tables, items and ids: right, or refused with what to type."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import ConcatDataset, Subset

import toposcope as ts
from toposcope.activations.data.load import load_data
from toposcope.errors import SpecError, UsageError

RNG = np.random.default_rng(0)
RAMP = np.linspace(0, 65535, 256).reshape(16, 16)


def folder(root, *names, picture=None):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (picture or Image.new("RGB", (8, 8))).save(path)
    return f"imagefolder:{root}"


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_deep_pictures_are_scaled_or_refused(tmp_path, ending):
    deep = folder(tmp_path / "f", f"a/1.{ending}", picture=Image.fromarray(RAMP.astype("u2")))
    assert abs(load_data(deep).batch([0]).mean() - 127.5) < 0.1
    twelve = Image.fromarray((RAMP / 16).astype("u2"))
    spec = folder(tmp_path / "g", f"a/1.{ending}", picture=twelve)
    with pytest.raises(SpecError, match="#bits=12"):
        load_data(spec).batch([0])
    assert abs(load_data(f"{spec}#bits=12").batch([0]).mean() - 127.5) < 0.1


def test_palettes_orientation_and_frames(tmp_path):
    colors = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)).quantize(8)
    assert np.array_equal(load_data([colors] * 2).batch([0])[0], np.asarray(colors.convert("RGB")))
    turned = Image.Exif()
    turned[0x112] = 6
    (tmp_path / "a").mkdir()
    Image.new("RGB", (8, 4)).save(tmp_path / "a" / "1.jpg", exif=turned)
    assert load_data(f"imagefolder:{tmp_path}").batch([0]).shape == (1, 8, 4, 3)
    two = [Image.new("L", (4, 4)), Image.new("L", (4, 4), 9)]
    two[0].save(tmp_path / "a" / "2.tif", save_all=True, append_images=two[1:])
    with pytest.raises(SpecError, match="2 frames"):
        load_data(f"imagefolder:{tmp_path}").batch([1])


def test_folders_say_what_they_leave_out(tmp_path):
    spec = folder(tmp_path / "f", "a/1.png", "b/2.png", ".git/3.png", "a/._1.png", "cover.png")
    (tmp_path / "f" / "c").mkdir()
    source = load_data(spec)
    assert (source.class_names, source.labels.tolist()) == (("a", "b"), [0, 1])
    assert source.left_out == {
        "hidden pictures": 2,
        "other files": [],
        "pictures beside the folders of classes": 1,
        "folders without a picture": ["c"],
    }
    assert (load_data(f"{spec}#y=").n, load_data(f"{spec}#y=").labels) == (3, None)
    with pytest.raises(SpecError, match=r"splits train \(1\), val \(1\)"):
        load_data(folder(tmp_path / "s", "train/a/1.png", "val/a/1.png"))
    (tmp_path / "f" / "a" / "x.png").write_bytes(b"no")
    (tmp_path / "f" / "b" / "y.png").write_bytes(b"no")
    with pytest.raises(SpecError, match=r"Of 4 pictures 2 cannot be used: x\.png, y\.png"):
        load_data(spec).batch([1])


@pytest.mark.parametrize(
    ("text", "options", "shape"),
    [
        (",f1,f2,label\n0,1,2,0\n1,3,4,1\n", "", (2, 2)),
        ("Unnamed: 0,f1,label\n7,1,0\n2,3,1\n", "", (2, 1)),
        ("id,f1,label\n7,1,0\n2,3,1\n", "", (2, 1)),
        ("f1,name,label\n1,bob,0\n2,al,1\n", "", (2, 1)),
        ("f1,label,target\n1,a,0\n2,b,1\n", "", (2, 1)),
        ("f1,label\n1,0.5\n2,0.7\n", "#y=", (2, 1)),
        (".1,.2\n.3,.4\n", "#header=no", (2, 2)),
        ("0,1\n.3,.4\n", "", (1, 2)),
    ],
)
def test_tables_take_what_is_a_feature(tmp_path, text, options, shape):
    (tmp_path / "t.csv").write_text(text)
    source = load_data(f"csv:{tmp_path / 't.csv'}{options}")
    assert source.batch(np.arange(source.n)).shape == shape


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,?\n2,3\n4,5\n", "'b' holds numbers and 1 cells that are none, such as '[?]'"),
        ('a,b\n1,"0,5"\n2,"1,5"\n', "decimal comma"),
        (".1,.2\n.3,.4\n", "#header=no"),
        ("great film,1\nbad,0\n", "#header=no"),
        ("a,a\n1,2\n", "stands 2 times"),
        ("a,b\n1e300,1\n", "beyond float32"),
    ],
)
def test_tables_that_cannot_be_read_right_say_so(tmp_path, text, says):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SpecError, match=says):
        load_data(f"csv:{tmp_path / 't.csv'}")


def test_columns_of_lists():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    for kind in (pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 2)):
        source = load_data(pa.table({"x": pa.array(rows, kind), "label": [0, 1]}))
        assert source.batch([0, 1]).tolist() == rows
    with pytest.raises(SpecError, match="2 lengths"):
        load_data(pa.table({"x": [[1.0], [1.0, 2.0]]}))
    views = pa.table({"text": pa.array(["a", "b"], pa.string_view())})
    assert load_data(views).kind == "text"


class Items(list):
    """A Dataset of what is in the list."""


def test_items_of_a_dataset():
    x = [np.full(3, i, np.float32) for i in range(6)]
    for items in (
        [(one, i % 2, i) for i, one in enumerate(x)],
        [{"image": one, "label": i % 2} for i, one in enumerate(x)],
        [(one, np.array([i % 2])) for i, one in enumerate(x)],
        [(one, torch.tensor(i % 2)) for i, one in enumerate(x)],
        [(one, float(i % 2)) for i, one in enumerate(x)],
    ):
        assert load_data(items).labels.tolist() == [0, 1] * 3
    assert load_data((np.stack(x), None)).labels is None
    with pytest.raises(SpecError, match="no whole number"):
        load_data([(one, 0.2) for one in x])
    named, other = (Items((one, i % 2) for i, one in enumerate(x)) for _ in range(2))
    named.classes, other.classes = ["c", "d"], ["e", "f"]
    named.targets = [1] * 6  # says something else than the items: not believed
    nested = Subset(Subset(ConcatDataset([named, named]), [0, 1, 7]), [1, 2])
    assert (load_data(nested).class_names, load_data(nested).labels.tolist()) == (
        ("c", "d"),
        [1, 1],
    )
    assert load_data(named).labels.tolist() == [0, 1] * 3
    with pytest.raises(SpecError, match="differently"):
        load_data(ConcatDataset([named, other]))


@pytest.mark.parametrize(
    ("shape", "channels", "first"),
    [
        ((1, 8, 8), 1, True),
        ((3, 8, 6), 3, True),
        ((8, 6, 3), 3, False),
        ((13, 8, 6), 13, True),
        ((8, 6, 13), 13, False),
        ((3, 8, 1), 1, False),
        ((3, 8, 1), 3, True),
    ],
)
def test_channels_arrive_where_they_are(shape, channels, first):
    x = RNG.integers(0, 256, (4, *shape), dtype=np.uint8)
    same = nn.Conv2d(channels, channels, 1, bias=False)
    with torch.no_grad():
        same.weight.copy_(torch.eye(channels)[..., None, None])
    net = nn.Sequential(same, nn.Flatten(), nn.Identity())
    planes = x if first else np.moveaxis(x, -1, 1)
    got = ts.capture(net, x, layers=["2"])["2"]
    np.testing.assert_allclose(got, planes.reshape(4, -1) / 255, atol=1e-6)


def test_channels_that_cannot_be_told_are_refused():
    x = np.zeros((4, 3, 8, 3), np.uint8)
    with pytest.raises(UsageError, match="cannot be told"):
        ts.capture(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()), x, layers=["1"])


def test_copies_of_pictures_are_paired_by_their_stems(tmp_path):
    from toposcope.cli.capturing import capture as command

    for i in range(12):
        pixels = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        for kind, ending in (("clean", "png"), ("lossy", "jpg")):
            folder(tmp_path / kind, f"{'ab'[i % 2]}/{i:02d}.{ending}", picture=pixels)
    assert "--ids" in [option for one in command.params for option in one.opts]
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    sets = {}
    for ids in ("stem", "position", None):
        sets[ids] = [
            ts.capture(net, f"imagefolder:{tmp_path / kind}", layers=["1"], n=8, ids=ids)
            for kind in ("clean", "lossy")
        ]
    for ids in ("stem", "position"):
        assert np.array_equal(sets[ids][0].sample_ids, sets[ids][1].sample_ids)
    assert not set(sets[None][0].sample_ids) & set(sets[None][1].sample_ids)
    options = {"measures": ("cka",), "points": 4, "replicates": 2, "test": "none", "jobs": 0}
    assert len(ts.compare(*sets["stem"], **options).layers)
    with pytest.raises(UsageError, match="share 0 of"):
        ts.compare(*sets[None], **options)
    with pytest.raises(UsageError, match="stands 12 times"):
        ts.capture(net, f"imagefolder:{tmp_path / 'clean'}", layers=["1"], ids=["x"] * 12)
