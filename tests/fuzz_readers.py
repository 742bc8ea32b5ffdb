"""A good file of every kind that strangers hand in, and what reads it.

What is packed is changed twice: the bytes of the package, and what is inside a sound package.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors.numpy import save

from toposcope.activations.candidates import read_candidates
from toposcope.activations.data.load import load_data
from toposcope.activations.data.pictures import decode
from toposcope.activations.models.checkpoints import find_checkpoints
from toposcope.activations.models.weight_files import read_weights
from toposcope.cli import main
from toposcope.cli.config import read_config
from toposcope.errors import UsageError
from toposcope.inputs.labels import read_labels

Reader = Callable[[bytes], object]
PICTURES = ("png", "jpg", "gif", "bmp", "tiff", "webp", "ppm")


def _saved(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    def write(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return _saved(write)


def _picture(form: str, size: tuple[int, int] = (6, 5)) -> bytes:
    kind = {"jpg": "jpeg"}.get(form, form)
    return _saved(lambda stream: Image.new("RGB", size, (9, 8, 7)).save(stream, kind))


def _data(spec: str) -> None:
    source = load_data(spec)
    batch = source.batch(np.arange(min(2, source.n)))
    assert len(batch) == min(2, source.n)
    if source.labels is not None:
        assert source.labels.shape == (source.n,)
        assert source.labels.min() >= -1 and source.labels.max() < len(source.class_names)


def _config(path: Path) -> None:
    command = main.commands["capture"]
    try:
        read_config(path, command, click.Context(command, info_name="capture"))
    except click.BadParameter as error:
        raise UsageError(error.message) from error


def readers(folder: Path) -> dict[str, tuple[bytes, Reader]]:
    """A good input and its reader for each kind; files are written below `folder`."""
    folder.mkdir(exist_ok=True)

    def by_file(name: str, read: Callable[[Path], object]) -> Reader:
        def call(data: bytes) -> object:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
            return read(folder / name)

        return call

    def table(kind: str, name: str, options: str = "") -> Reader:
        return by_file(name, lambda path: _data(f"{kind}:{path}{options}"))

    def inside(pack: Callable[[bytes], bytes], reader: Reader) -> Reader:
        return lambda data: reader(pack(data))

    x, y = np.arange(24.0).reshape(6, 4), np.arange(6) % 2
    npy = _saved(lambda stream: np.save(stream, x))
    names = _saved(lambda stream: np.save(stream, np.array(["cat", "dog"] * 3)))
    lines = "\n".join(json.dumps({"text": f"t{i}", "label": i % 2}) for i in range(6)).encode()
    numbers = ("a,b,label\n" + "\n".join(f"{i},{i / 3},{i % 2}" for i in range(6))).encode()
    texts = ("text,label\n" + "\n".join(f'"a, {i}",c{i % 2}' for i in range(6))).encode()
    frame = pa.table({"a": x[:, 0], "text": list("abcdef"), "label": y, "v": list(x)})
    parquet = _saved(lambda stream: pq.write_table(frame, stream))
    jpeg = np.frombuffer(_picture("jpg"), np.uint8)
    offsets = np.array([0, len(jpeg), 2 * len(jpeg)])
    joined = {
        "bytes": np.concatenate([jpeg, jpeg]),
        "offsets": offsets,
    }
    state = {"w": torch.ones(3)}
    new = _saved(lambda stream: torch.save(state, stream))
    old = _saved(lambda stream: torch.save(state, stream, _use_new_zipfile_serialization=False))
    with zipfile.ZipFile(io.BytesIO(new)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    program = next(name for name in members if name.endswith("data.pkl"))

    def repacked(data: bytes) -> bytes:
        return _zipped({**members, program: data})

    (folder / "one.safetensors").write_bytes(save({"w": np.ones(3, np.float32)}))
    index = json.dumps({"weight_map": {"w": "one.safetensors"}}).encode()
    models = b'[[model]]\nname = "a"\nmodel = "py:n:f"\n'
    settings = b'model = "timm:resnet18"\nn = 20\n[capture]\nlayers = ["a", "b"]\npool = "mean"\n'
    (folder / "classes" / "a").mkdir(parents=True, exist_ok=True)
    (folder / "classes" / "a" / "0.png").write_bytes(_picture("png"))
    (folder / "classes" / "b").mkdir(exist_ok=True)
    picture = folder / "classes" / "b" / "1.png"
    picture.write_bytes(_picture("png"))
    return {
        "npz": (_saved(lambda stream: np.savez(stream, x=x, y=y)), table("npz", "a.npz")),
        "npz packed": (
            _saved(lambda stream: np.savez_compressed(stream, x=x, y=y)),
            table("npz", "a.npz"),
        ),
        "npz, inside": (npy, inside(lambda data: _zipped({"x.npy": data}), table("npz", "a.npz"))),
        "npz, labels": (
            names,
            inside(lambda data: _zipped({"x.npy": npy, "y.npy": data}), table("npz", "a.npz")),
        ),
        "npz of JPEG": (_saved(lambda stream: np.savez(stream, **joined)), table("npz", "a.npz")),
        "npy": (npy, table("npy", "a.npy")),
        "csv": (numbers, table("csv", "a.csv")),
        "csv of text": (texts, table("csv", "a.csv")),
        "csv, columns named": (numbers, table("csv", "a.csv", "#x=a+b,y=label")),
        "csv.gz": (gzip.compress(numbers), table("csv", "a.csv.gz")),
        "csv.gz, inside": (numbers, inside(gzip.compress, table("csv", "a.csv.gz"))),
        "csv.bz2, inside": (texts, inside(bz2.compress, table("csv", "a.csv.bz2"))),
        "jsonl": (lines, table("jsonl", "a.jsonl")),
        "jsonl.gz": (gzip.compress(lines), table("jsonl", "a.jsonl.gz")),
        "jsonl.gz, inside": (lines, inside(gzip.compress, table("jsonl", "a.jsonl.gz"))),
        "parquet of text": (parquet, table("parquet", "a.parquet", "#x=text,y=label")),
        "parquet of vectors": (parquet, table("parquet", "a.parquet", "#x=v,y=label")),
        "imagefolder": (
            _picture("png"),
            by_file("classes/b/1.png", lambda path: _data(f"imagefolder:{path.parent.parent}")),
        ),
        **{
            form: (_picture(form), lambda data, form=form: decode(io.BytesIO(data), f"a.{form}"))
            for form in PICTURES
        },
        "labels": (
            b"cat\ndog\n-1\n3\n4.0\ncat",
            lambda data: read_labels(
                data.decode(errors="replace").split("\n"), data.count(b"\n") + 1, where="y"
            ),
        ),
        "pt": (new, by_file("a.pt", read_weights)),
        "pt of old": (old, by_file("a.pt", read_weights)),
        "pt, inside": (members[program], inside(repacked, by_file("a.pt", read_weights))),
        "safetensors": (
            save({"w": np.ones(3, np.float32)}),
            by_file("a.safetensors", read_weights),
        ),
        "safetensors index": (index, by_file("m.safetensors.index.json", read_weights)),
        "trainer_state.json": (
            b'{"global_step": 3}',
            by_file("step_1/trainer_state.json", lambda path: find_checkpoints([path.parent])),
        ),
        "models.toml": (models, by_file("models.toml", read_candidates)),
        "--config": (settings, by_file("config.toml", _config)),
    }


READERS = (
    *("npz", "npz packed", "npz, inside", "npz, labels", "npz of JPEG", "npy", "csv"),
    *("csv of text", "csv, columns named", "csv.gz", "csv.gz, inside", "csv.bz2, inside", "jsonl"),
    *("jsonl.gz", "jsonl.gz, inside", "parquet of text", "parquet of vectors", "imagefolder"),
    *(*PICTURES, "labels", "pt", "pt of old", "pt, inside", "safetensors", "safetensors index"),
    *("trainer_state.json", "models.toml", "--config"),
)
