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
from toposcope.activations.data.in_memory import from_object
from toposcope.activations.data.load import load_data
from toposcope.errors import SpecError, ToposcopeError, UsageError

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
        ("t,b\n1700000000,1\n1700000060,2\n", "'t' varies by 60 .* wrong by up to 60"),
        ("t,b\n1.0000000001,1\n1.0000000003,2\n", "'t' varies by 2e-10"),
    ],
)
def test_tables_that_cannot_be_read_right_say_so(tmp_path, text, says):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SpecError, match=says):
        load_data(f"csv:{tmp_path / 't.csv'}")


def test_numbers_that_differ_stay_different_in_float32():
    """Constants and whole numbers that differ by more than their last digits are read."""
    columns = {"big": [1 << 24, (1 << 24) + 2**20, 5], "same": [(1 << 24) + 1] * 3, "x": [0.1] * 3}
    assert load_data(pa.table(columns)).batch([0, 1, 2]).shape == (3, 3)
    for offset in (1 << 60, -(1 << 40)):
        with pytest.raises(SpecError, match="'when' varies by 4"):
            load_data(pa.table({"when": [offset, offset + 4], "x": [1.0, 2.0]}))


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


def csv(path, text):
    (path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return f"csv:{path / 't.csv'}"


@pytest.mark.parametrize("name", ["Label", "LABEL", "Target", " class", "Y"])
def test_a_column_of_classes_is_no_feature_whatever_its_case(tmp_path, name):
    source = load_data(csv(tmp_path, f"a,b,{name}\n1,2,0\n3,4,1\n"))
    assert source.batch([0, 1]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert source.labels.tolist() == [0, 1]
    key = name.strip()
    source = load_data([{"Image": np.ones(2), key: 1}, {"Image": np.zeros(2), key: 0}])
    assert source.labels.tolist() == [1, 0]


@pytest.mark.parametrize("name", ["patient_id", "Image ID", "PassengerId", "Unnamed: 0.1", "UID"])
def test_columns_that_tell_rows_apart_are_no_features(tmp_path, name):
    source = load_data(csv(tmp_path, f"a,{name},label\n1,7,0\n3,9,1\n"))
    assert source.batch([0, 1]).tolist() == [[1.0], [3.0]]
    assert source.left_out["columns that number the rows"] == [name]
    # Said so, they are taken.
    assert load_data(f"{source.spec}#x=a+{name}").batch([0]).tolist() == [[1.0, 7.0]]


@pytest.mark.parametrize("name", ["humid", "Valid", "refractive_index", "covid"])
def test_names_that_only_end_like_ids_are_features(tmp_path, name):
    source = load_data(csv(tmp_path, f"a,{name},label\n1,7,0\n3,9,1\n"))
    assert source.batch([0]).tolist() == [[1.0, 7.0]]


@pytest.mark.parametrize("start", [0, 1])
def test_a_first_column_that_counts_the_rows_is_their_number(tmp_path, start):
    rows = "".join(f"{i + start},{i * i},{i % 2}\n" for i in range(6))
    source = load_data(csv(tmp_path, f"sample,f,label\n{rows}"))
    assert source.batch([0, 5]).tolist() == [[0.0], [25.0]]
    assert source.left_out["columns that number the rows"] == ["sample"]
    source = load_data(csv(tmp_path, f"sample,f,label\n{rows}9,9,0\n"))
    assert source.batch([6]).tolist() == [[9.0, 9.0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a;b\n1;2\n", r"sep=';'\)"),
        ("a;b\n1,5;2,5\n", r"sep=';', decimal=','\)"),
        ("a\tb\n1\t2\n", r"sep='\\t'"),
        ("a|b\n1|2\n", r"sep='\|'"),
        ("a b\n1 2\n", "parted by ' '"),
        ("sep=;\na;b\n1;2\n", "parted by ';'"),
        ("# made by hand\na,b\n1,2\n", "comment='#'"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "Excel"),
        (b"PAR1rest", "parquet:FILE"),
        ('a,b\n"1,000",2\n"2,500",3\n', "thousands"),
        ("a,b\n1_000,2\n", "written as text, such as '1_000'"),
    ],
)
def test_other_forms_of_tables_are_named(tmp_path, text, says):
    with pytest.raises(SpecError, match=says):
        load_data(csv(tmp_path, text))


def test_tables_of_pandas_with_labels_apart():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": [1.0, 2.0], "Label": [0, 1]})
    source = load_data((table, pd.Series(["u", "v"])))
    assert source.batch([0, 1]).tolist() == [[1.0], [2.0]]
    assert (source.labels.tolist(), source.class_names) == ([0, 1], ("u", "v"))
    assert load_data((table, [1, 0])).content != load_data((table, [0, 1])).content
    assert load_data((table, None)).labels is None
    with pytest.raises(SpecError, match=r"sparse\.to_dense"):
        load_data(pd.DataFrame({"a": pd.arrays.SparseArray([0, 1.0])}))
    with pytest.raises(SpecError, match=r"astype\(float\)"):
        load_data(pd.DataFrame({"a": ["1", "2"], "label": [0, 1]}))


@pytest.mark.parametrize(
    "names",
    [("training_set", "test_set"), ("seg_train", "seg_test"), ("train2017", "val2017")],
)
def test_splits_by_other_names_are_no_classes(tmp_path, names):
    with pytest.raises(SpecError, match="the splits"):
        load_data(folder(tmp_path, *[f"{name}/a/1.png" for name in names]))


def test_folders_in_folders_links_and_waste(tmp_path):
    spec = folder(tmp_path / "f", "images/cat/1.png", "images/dog/1.png")
    with pytest.raises(SpecError, match="f/images; or"):
        load_data(spec)
    assert load_data(f"{spec}/images").class_names == ("cat", "dog")
    (tmp_path / "g" / "cat").mkdir(parents=True)
    (tmp_path / "g" / "dog").symlink_to(tmp_path / "f" / "images" / "dog")
    (tmp_path / "g" / "dog" / "up").symlink_to(tmp_path / "g")
    (tmp_path / "g" / "cat" / "2.png").symlink_to(tmp_path / "gone.png")
    source = load_data(folder(tmp_path / "g", "cat/1.png", "lost+found/1.png"))
    assert (source.n, source.class_names) == (2, ("cat", "dog"))
    assert source.left_out["links that lead nowhere"] == 1
    assert load_data(folder(tmp_path / "h#1", "a/1.png")).n == 1
    for ending in ("pgm", "pbm", "jfif"):
        grey = Image.new("L" if ending == "pgm" else "1" if ending == "pbm" else "RGB", (8, 8))
        path = tmp_path / "p" / "a" / f"1.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey.save(path, format="JPEG" if ending == "jfif" else None)
    assert load_data(f"imagefolder:{tmp_path / 'p'}").n == 3


def deep_png(path, values, kind):
    """A PNG of 16 bits in channels, which PIL cannot write: kind 2 is color, 4 grey and alpha."""
    import struct
    import zlib

    def chunk(name, data):
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    channels = {2: 3, 4: 2}[kind]
    rows = np.repeat(values[..., None], channels, -1).astype(">u2")
    head = struct.pack(">IIBBBBB", *values.shape[::-1], 16, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


@pytest.mark.parametrize("kind", [2, 4])
def test_deep_color_is_scaled_or_refused(tmp_path, kind):
    deep_png(tmp_path / "f" / "a" / "1.png", RAMP, kind)
    assert abs(load_data(f"imagefolder:{tmp_path / 'f'}").batch([0]).mean() - 127.5) < 0.5
    deep_png(tmp_path / "g" / "a" / "1.png", RAMP // 16, kind)
    spec = f"imagefolder:{tmp_path / 'g'}"
    with pytest.raises(SpecError, match="12 bits or fewer"):
        load_data(spec).batch([0])
    with pytest.raises(SpecError, match="cannot be told apart"):
        load_data(f"{spec}#bits=12").batch([0])
    assert load_data(f"{spec}#bits=16").batch([0]).max() == 15


@pytest.mark.parametrize("error", [ZeroDivisionError, FileNotFoundError, AssertionError, OSError])
@pytest.mark.parametrize("late", [False, True])
def test_whatever_a_dataset_raises_is_typed(error, late):
    class Broken:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            if index >= 2 * late:
                raise error
            return np.ones(2), 0

    with pytest.raises(SpecError, match=error.__name__):
        load_data(Broken())


def test_other_things_in_memory():
    from scipy.sparse import csr_matrix
    from torch.utils.data import Dataset

    class Stream(Dataset):
        def __len__(self):
            raise TypeError

        def __getitem__(self, index):
            return np.ones(2), 0

    with pytest.raises(SpecError, match="no length"):
        load_data(Stream())
    for sparse in (csr_matrix(np.eye(3)), (csr_matrix(np.eye(3)), [0, 1, 0])):
        with pytest.raises(SpecError, match="toarray"):
            load_data(sparse)
    named = Items([(np.ones(2), 0), (np.ones(2), 1)])
    named.class_to_idx = {"b": 0, "a": 1}
    assert load_data(named).class_names == ("b", "a")


IDS = np.arange(12).reshape(4, 3)
MASKED = {
    "arrays": (IDS, np.ones_like(IDS)),
    "tensors": [torch.tensor(IDS), torch.ones(4, 3)],
    "with labels": (IDS, IDS > 1, np.arange(4) % 2),
    "a dict": {"input_ids": IDS, "attention_mask": np.ones_like(IDS)},
    "a data set": torch.utils.data.TensorDataset(torch.tensor(IDS), torch.ones(4, 3)),
}


@pytest.mark.parametrize("form", MASKED)
def test_an_attention_mask_is_no_label(form):
    with pytest.raises(SpecError, match=r"token ids beside a mask; needed are the ids alone"):
        from_object(MASKED[form], name="d", spec="d")


def test_samples_of_one_number_are_told_how_to_stand():
    for x in (np.arange(5.0), torch.randn(5), (torch.randn(5), torch.zeros(5))):
        with pytest.raises(SpecError, match=r"Samples of one number each are x\[:, None\]"):
            from_object(x, name="d", spec="d")


def test_text_of_numpy_2_names_classes():
    kind = np.dtypes.StringDType(na_object=None)
    x = np.ones((4, 3), np.float32)
    held = from_object((x, np.array(["b", "a", "b", "b"], dtype=kind)), name="d", spec="d")
    assert (held.class_names, held.labels.tolist()) == (("a", "b"), [1, 0, 1, 1])
    with pytest.raises(ToposcopeError, match="label"):
        from_object((x, np.array(["b", None, "b", "b"], dtype=kind)), name="d", spec="d")
