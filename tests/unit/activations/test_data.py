"""DATA arguments and the draw of samples."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Dataset, TensorDataset

from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import sample
from toposcope.errors import SpecError, TooFewSamplesError, UsageError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 6, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2] * 4)


@pytest.mark.parametrize(("x", "y"), [("image", "label"), ("images", "labels"), ("x", "y")])
def test_npz_with_the_usual_names(tmp_path, x, y):
    np.savez(tmp_path / "d.npz", **{x: IMAGES, y: LABELS})
    source = load_data(f"npz:{tmp_path / 'd.npz'}")
    assert (source.name, len(source), source.kind) == ("d", 12, "image")
    assert source.class_names == ("0", "1", "2")
    assert np.array_equal(source.batch(np.array([3, 1])), IMAGES[[3, 1]])
    assert source.labels is not None and source.labels.dtype == np.int64


def test_npz_with_other_names_and_named_classes(tmp_path):
    np.savez(
        tmp_path / "d.npz",
        features=RNG.normal(size=(12, 5)),
        kind=LABELS,
        class_names=np.array(["ant", "bee", "cat"]),
    )
    path = tmp_path / "d.npz"
    source = load_data(f"npz:{path}#x=features,y=kind")
    assert (source.kind, source.class_names) == ("feature", ("ant", "bee", "cat"))
    with pytest.raises(SpecError, match=r"has class_names, features, kind.*#x=KEY"):
        load_data(f"npz:{path}")
    with pytest.raises(SpecError, match="features"):
        load_data(f"npz:{path}#x=feature")
    with pytest.raises(SpecError, match="accepted: x=…, y=…"):
        load_data(f"npz:{path}#z=features")


def test_names_as_labels_become_classes(tmp_path):
    np.savez(tmp_path / "d.npz", x=IMAGES, y=np.array(["dog", "cat"] * 6))
    source = load_data(f"npz:{tmp_path / 'd.npz'}")
    assert source.class_names == ("cat", "dog")
    assert source.labels.tolist() == [1, 0] * 6


def packed(images):
    parts = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        parts.append(np.frombuffer(stream.getvalue(), np.uint8))
    return np.concatenate(parts), np.cumsum([0, *map(len, parts)])


def test_pictures_joined_in_bytes_and_offsets(tmp_path):
    data, offsets = packed(IMAGES)
    np.savez(tmp_path / "d.npz", bytes=data, offsets=offsets, label=LABELS)
    source = load_data(f"npz:{tmp_path / 'd.npz'}")
    assert np.array_equal(source.batch(np.array([5, 0])), IMAGES[[5, 0]])
    bad = data.copy()
    bad[offsets[4] : offsets[4] + 20] = 0
    np.savez(tmp_path / "bad.npz", bytes=bad, offsets=offsets, label=LABELS)
    with pytest.raises(SpecError, match="image 4 is not a readable image"):
        load_data(f"npz:{tmp_path / 'bad.npz'}").batch(np.arange(12))
    np.savez(tmp_path / "bad.npz", bytes=data, offsets=offsets + 5, label=LABELS)
    with pytest.raises(SpecError, match="'offsets' must rise"):
        load_data(f"npz:{tmp_path / 'bad.npz'}")


def test_damaged_and_hostile_files_are_named_with_the_reason(tmp_path):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=IMAGES, y=LABELS)
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SpecError, match=r"d\.npz cannot be read"):
        load_data(f"npz:{path}")
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SpecError, match=r"d\.npz cannot be read"):
        load_data(f"npz:{path}")
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SpecError, match="pickled Python objects, which are refused"):
        load_data(f"npz:{path}")
    np.save(tmp_path / "o.npy", np.array([None, 1], dtype=object))
    with pytest.raises(SpecError, match="refused"):
        load_data(f"npy:{tmp_path / 'o.npy'}")
    (tmp_path / "t.npy").write_bytes(b"nonsense")
    with pytest.raises(SpecError, match=r"t\.npy cannot be read"):
        load_data(f"npy:{tmp_path / 't.npy'}")


def test_npy_is_mapped_and_its_hash_follows_the_content(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    first = load_data(f"npy:{tmp_path / 'x.npy'}")
    assert (first.n, first.kind, first.labels) == (12, "image", None)
    np.save(tmp_path / "x.npy", IMAGES[::-1])
    assert load_data(f"npy:{tmp_path / 'x.npy'}").content != first.content


def test_imagefolder(tmp_path):
    for index, image in enumerate(IMAGES):
        folder = tmp_path / "pics" / f"class{index % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    source = load_data(f"imagefolder:{tmp_path / 'pics'}")
    assert (source.n, source.class_names) == (12, ("class0", "class1", "class2"))
    assert source.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert np.array_equal(source.batch(np.array([1])), IMAGES[[3]])
    Image.fromarray(np.zeros((9, 4, 3), np.uint8)).save(tmp_path / "pics" / "class0" / "zz.png")
    uneven = load_data(f"imagefolder:{tmp_path / 'pics'}")
    with pytest.raises(SpecError, match="#size=224"):
        uneven.batch(np.arange(5))
    cut = load_data(f"imagefolder:{tmp_path / 'pics'}#size=4")
    assert cut.batch(np.arange(5)).shape == (5, 4, 4, 3)
    (tmp_path / "pics" / "class0" / "zz.png").write_bytes(b"broken")
    with pytest.raises(SpecError, match=r"zz\.png is not a readable image"):
        load_data(f"imagefolder:{tmp_path / 'pics'}").batch(np.array([4]))


def test_digits_are_images_scaled_one_to_one():
    source = load_data("sklearn:digits")
    assert (source.n, source.kind, len(source.class_names)) == (1797, "image", 10)
    batch = source.batch(np.arange(1797))
    assert (batch.dtype, batch.shape) == (np.uint8, (1797, 8, 8))
    assert len(np.unique(batch)) == 17 and batch.max() == 255


class Items(Dataset):
    classes = ("even", "odd")

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return torch.full((3,), float(index)), index % 2


def test_arrays_pairs_and_torch_datasets():
    x = RNG.normal(size=(10, 3)).astype(np.float32)
    y = np.arange(10) % 2
    tensors = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    for data in ((x, y), (torch.from_numpy(x), torch.from_numpy(y)), tensors):
        source = load_data(data)
        assert np.array_equal(source.batch(np.array([4, 2])), x[[4, 2]])
        assert source.labels.tolist() == y.tolist()
    items = load_data(Items())
    assert items.class_names == ("even", "odd")
    assert items.batch(np.array([7])).tolist() == [[7.0] * 3]
    assert items.labels.tolist() == y.tolist()
    assert items.content.startswith("10 of 10 items:")
    assert load_data(x).labels is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("digits", "cannot be understood"),
        ("csvv:x.csv", "npz:FILE"),
        ("npz:nowhere.npz", "there is no nowhere.npz"),
        ("sklearn:iris", "sklearn:digits"),
        (42, "needed is an array"),
        (np.zeros((3,)), "needed is .n, ..."),
        (np.array([["a"]]), "needed are numbers"),
        (["a", 1], "item 1 is int and item 0 is text"),
        ((np.zeros((3, 2)), np.array([0, 0.5, 1])), "label 0.5 at position 1 is no whole number"),
        ((np.zeros((3, 2)), np.array([0, -2, 2])), "1 of 3 labels are negative, the first -2"),
        ((np.zeros((3, 2)), np.array([0, 1])), "one per sample"),
    ],
)
def test_what_cannot_be_data_says_so(data, says):
    with pytest.raises(SpecError, match=says):
        load_data(data)


def test_labels_outside_the_named_classes_are_refused(tmp_path):
    np.savez(tmp_path / "d.npz", x=IMAGES, y=LABELS, class_names=np.array(["a", "b"]))
    with pytest.raises(SpecError, match="0 to 1"):
        load_data(f"npz:{tmp_path / 'd.npz'}")


def test_samples_have_stable_ids_and_ascending_positions():
    source = load_data((IMAGES, LABELS))
    drawn = sample(source, n=6, seed=1)
    assert np.all(np.diff(drawn.indices) > 0)
    assert drawn.ids.tolist() == [f"array:{i}" for i in drawn.indices]
    assert np.array_equal(drawn.labels, LABELS[drawn.indices])
    assert np.bincount(drawn.labels).tolist() == [2, 2, 2]
    assert np.array_equal(sample(source, n=6, seed=1).indices, drawn.indices)
    assert not np.array_equal(sample(source, n=6, seed=2).indices, drawn.indices)
    assert sample(source).indices.tolist() == list(range(12))
    assert np.bincount(sample(source, per_class=3).labels).tolist() == [3, 3, 3]


def test_more_than_there_is():
    source = load_data((IMAGES[:7], LABELS[:7]))
    with pytest.raises(TooFewSamplesError, match=r"8 samples.* has 7"):
        sample(source, n=8)
    with pytest.raises(TooFewSamplesError, match=r"per_class=3.* '1'.* has 2"):
        sample(source, per_class=3)
    with pytest.raises(UsageError, match="pass one"):
        sample(source, n=3, per_class=1)
    with pytest.raises(UsageError, match="at least 1"):
        sample(source, n=0)
    with pytest.raises(UsageError, match="needs labels"):
        sample(load_data(IMAGES), per_class=1)


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    fraction=st.floats(0.01, 1.0),
    seed=st.integers(0, 2**31),
)
def test_strata_are_proportional_within_one(sizes, fraction, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = max(1, int(fraction * len(labels)))
    drawn = sample(load_data((np.zeros((len(labels), 1)), labels)), n=n, seed=seed)
    assert len(set(drawn.indices)) == n
    counts = np.bincount(drawn.labels, minlength=len(sizes))
    assert np.all(np.abs(counts - n * np.array(sizes) / len(labels)) < 1)


def test_files_that_are_called_alike_do_not_share_sample_ids(tmp_path):
    ids = set()
    for folder in ("mnist", "letters"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "train_jpeg.npz", x=np.zeros((2, 3)))
        np.save(tmp_path / folder / "data.npy", np.zeros((2, 3)))
        (tmp_path / folder / "test.csv").write_text("a,b\n1,2\n3,4\n")
        for spec in ("npz:{}/train_jpeg.npz", "npy:{}/data.npy", "csv:{}/test.csv#x=a+b"):
            source = load_data(spec.format(tmp_path / folder))
            assert source.split == {"npz": "train", "npy": "", "csv": "test"}[spec[:3]]
            ids |= set(sample(source).ids.tolist())
    assert len(ids) == 2 * 3 * 2
    assert "mnist/train_jpeg:0" in ids
    assert "letters/data:1" in ids
