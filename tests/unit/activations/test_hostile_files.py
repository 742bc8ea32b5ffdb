"""Weights and data of strangers: sizes are looked at first, and errors of ours name the file."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import struct
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from toposcope.activations.candidates import read_candidates
from toposcope.activations.data.load import load_data
from toposcope.activations.models.checkpoints import find_checkpoints
from toposcope.activations.models.weight_files import read_weights
from toposcope.errors import SpecError, ToposcopeError, UsageError, WeightsError

MIB = 1 << 20


def zeros_npz(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as f,
    ):
        header = {"descr": "<f4", "fortran_order": False, "shape": (200 * MIB // 4, 1)}
        np.lib.format.write_array_header_1_0(f, header)
        for _ in range(200):
            f.write(bytes(MIB))


def huge_header_npz(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.npy", "w") as f:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 10)}
        np.lib.format.write_array_header_1_0(f, header)
        f.write(bytes(80))


def jsonl_gz(path: Path) -> None:
    with gzip.open(path, "wb") as stream:
        for _ in range(150):
            stream.write(b'{"text": "' + b"a" * MIB + b'"}\n')


def one_line_gz(path: Path) -> None:
    with gzip.open(path, "wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(150):
            stream.write(b"a" * MIB)


def csv_gz(path: Path) -> None:
    with gzip.open(path, "wb") as stream:
        stream.write(b"a,b\n")
        for _ in range(150):
            stream.write(b"0,0\n" * (MIB // 4))


def csv_bz2(path: Path) -> None:
    path.write_bytes(bz2.compress(b"a,b\n" + b"0,0\n" * (20 * MIB)))


def wide_parquet(path: Path) -> None:
    column = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(20_000_000, dtype=np.int32)), pa.array(["a"])
    )
    pq.write_table(pa.table({"text": column}), path)


BOMBS = {
    "npz:zeros.npz": zeros_npz,
    "npz:header.npz": huge_header_npz,
    "jsonl:many.jsonl.gz": jsonl_gz,
    "jsonl:one.jsonl.gz": one_line_gz,
    "csv:many.csv.gz": csv_gz,
    "csv:many.csv.bz2": csv_bz2,
    "parquet:wide.parquet": wide_parquet,
}


@pytest.mark.parametrize("spec", BOMBS)
def test_bombs_are_refused_before_they_unpack(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = spec.partition(":")[2]
    BOMBS[spec](tmp_path / name)
    assert (tmp_path / name).stat().st_size < 2 * MIB
    with pytest.raises(UsageError, match=name) as told:
        load_data(spec)
    assert "TOPOSCOPE_MAX" in str(told.value) or "header says" in str(told.value)


def test_a_limit_that_is_in_the_way_is_raised_by_the_name_it_tells(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 30)).save("a.png")
    monkeypatch.setenv("TOPOSCOPE_MAX_PIXELS", "1000")
    from toposcope.activations.data.pictures import decode

    with pytest.raises(UsageError, match=r"a\.png: it has 1,200 pixels.*TOPOSCOPE_MAX_PIXELS=1200"):
        decode(io.BytesIO(Path("a.png").read_bytes()), "a.png")
    monkeypatch.setenv("TOPOSCOPE_MAX_PIXELS", "1200")
    assert decode(io.BytesIO(Path("a.png").read_bytes()), "a.png").shape == (30, 40, 3)
    monkeypatch.setenv("TOPOSCOPE_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match="TOPOSCOPE_MAX_PIXELS='many'"):
        decode(io.BytesIO(Path("a.png").read_bytes()), "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.eps"])
def test_no_program_is_started_for_a_picture(tmp_path, name, monkeypatch):
    from PIL import UnidentifiedImageError

    from toposcope.activations.data.pictures import decode

    started = []  # whatever is raised here, the reader would take for a damaged picture

    def start(*args: object, **kwargs: object) -> None:
        started.append(args)
        raise OSError("no program")

    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)  # asked once a process
    monkeypatch.setattr(subprocess, "check_call", start)
    monkeypatch.setattr(subprocess, "Popen", start)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) show\nshowpage\n"
    for data in (eps, b"%PDF-1.4\n", b"FPX", b"\x00\x01wmf"):
        with pytest.raises(SpecError, match="is not a readable image") as caught:
            decode(io.BytesIO(data), name)
        # Not opened at all, rather than stopped by something on the way to the program.
        assert isinstance(caught.value.__cause__, UnidentifiedImageError)
    assert started == []


CANDIDATES = {
    "name = 5": "model 1 has name = 5; needed is text",
    'source_accuracy = "high"': "needed is a number from 0 to 1",
    "layers = [1, 2]": "needed is a name, or a list of names",
    "weights = 7": "needed is the path of a file",
    "batch_size = 0": "needed is a whole number from 1",
    "batch_size = true": "needed is a whole number from 1",
    "model = [1]": "needed is a MODEL argument",
    "pool = 1.5": "needed is a name",
    'name = "../../x"\nweigths = "a"': "unknown key 'weigths'",
}


@pytest.mark.parametrize("line", CANDIDATES)
def test_every_key_of_a_models_toml_has_its_type(line, tmp_path):
    key = line.partition(" ")[0]
    lines = {"name": 'name = "a"', "model": 'model = "py:nets:small"', key: line}
    (tmp_path / "models.toml").write_text("[[model]]\n" + "\n".join(lines.values()))
    with pytest.raises(SpecError, match=r"models\.toml") as told:
        read_candidates(tmp_path / "models.toml")
    assert CANDIDATES[line] in str(told.value)


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "a = " + "9" * 5000, "\x00", "[[model]]\nname = '\ud800'", "a" * 100],
)
def test_hostile_toml_is_an_error_of_ours(text, tmp_path):
    (tmp_path / "models.toml").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SpecError, match=r"models\.toml"):
        read_candidates(tmp_path / "models.toml")


def test_safetensors_headers_that_lie_are_refused(tmp_path):
    def header(value: object, size: int | None = None, body: bytes = b"\0" * 8) -> bytes:
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        return struct.pack("<Q", len(text) if size is None else size) + text + body

    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    hostile = [
        header({"a": one}, size=2**63),
        header({"a": one}, size=200 * MIB),
        header({"a": one, "b": one}),
        header({"a": {**one, "data_offsets": [4, 12]}}),
        header({"a": {**one, "shape": [2**40, 2**40]}}),
        header({"a": {**one, "dtype": "Q9"}}),
        header({"a": {**one, "shape": [-2]}}),
        header(b"[" * 10_000),
        header([1]),
        b"",
    ]
    for number, data in enumerate(hostile):
        (tmp_path / "w.safetensors").write_bytes(data)
        with pytest.raises(WeightsError, match=r"w\.safetensors"):
            read_weights(tmp_path / "w.safetensors")
            raise AssertionError(number)


def seeds(folder: Path) -> dict[str, bytes]:
    """One small good file of every kind that strangers hand in."""
    x, y = np.arange(24.0).reshape(6, 4), np.arange(6) % 2
    np.savez(folder / "a.npz", x=x, y=y)
    np.savez_compressed(folder / "b.npz", x=x, y=y)
    np.save(folder / "a.npy", x)
    text = "\n".join(json.dumps({"text": f"t{i}", "label": i % 2}) for i in range(6))
    (folder / "a.jsonl").write_text(text)
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    table = "a,b,label\n" + "\n".join(f"{i},{i / 3},{i % 2}" for i in range(6))
    (folder / "a.csv").write_text(table)
    (folder / "a.csv.gz").write_bytes(gzip.compress(table.encode()))
    pq.write_table(pa.table({"a": x[:, 0], "label": y}), folder / "a.parquet")
    torch.save({"w": torch.ones(3)}, folder / "a.pt")
    torch.save({"w": torch.ones(3)}, folder / "b.pt", _use_new_zipfile_serialization=False)
    from safetensors.numpy import save_file

    save_file({"w": np.ones(3, np.float32)}, folder / "a.safetensors")
    (folder / "m.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"w": "a.safetensors"}})
    )
    (folder / "models.toml").write_text('[[model]]\nname = "a"\nmodel = "py:n:f"\n')
    for form in ("png", "jpg", "gif", "bmp", "tiff", "webp"):
        Image.new("RGB", (6, 5), (9, 8, 7)).save(folder / f"a.{form}")
    (folder / "step_1").mkdir()
    (folder / "step_1" / "trainer_state.json").write_text('{"global_step": 3}')
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read_one(path: Path) -> None:
    """What reads a file of this kind."""
    from toposcope.activations.data.pictures import decode

    name = path.name
    if name == "models.toml":
        read_candidates(path)
    elif name == "trainer_state.json":
        find_checkpoints([path.parent])
    elif name.endswith((".pt", ".safetensors", ".index.json")):
        read_weights(path)
    elif name.endswith((".png", ".jpg", ".gif", ".bmp", ".tiff", ".webp")):
        decode(io.BytesIO(path.read_bytes()), name)
    else:
        kind = next(k for k in ("npz", "npy", "jsonl", "csv", "parquet") if f".{k}" in name)
        source = load_data(f"{kind}:{path}")
        source.batch(np.arange(min(2, source.n)))


RAW = (
    b"",
    b"PK\x03\x04",
    b"\x80\x02",
    b"\x93NUMPY\x01\x00",
    b"{" * 3000,
    b"[" * 100_000,
    b"\0" * 99,
)


def fuzz_files(folder: Path, *, tries: int, seed: int) -> int:
    """Change bytes of good files; only errors of ours may come out."""
    rng = random.Random(seed)
    good = seeds(folder)
    names = sorted(good)
    for number in range(tries):
        name = names[number % len(names)]
        data = bytearray(good[name])
        how = rng.random()
        if how < 0.1:
            data = bytearray(rng.choice(RAW))
        elif how < 0.3:
            data = data[: rng.randrange(len(data))]
        else:
            for _ in range(rng.randint(1, 6)):
                place = rng.randrange(len(data))
                if how < 0.7:
                    data[place] = rng.choice([rng.randrange(256), 0, 255, ord("9"), ord("-")])
                else:
                    data[place:place] = rng.choice([b"9" * 9, b"\xff", b'"', b"[", bytes(8)])
        (folder / name).write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PIL and NumPy warn of what they then refuse
                read_one(folder / name)
        except ToposcopeError:
            pass
        except Exception as error:
            error.add_note(f"{name}, try {number} of seed {seed}: {bytes(data)[:200]!r}")
            raise
        finally:
            (folder / name).write_bytes(good[name])
    return tries


def test_any_change_of_a_file_is_an_error_of_ours(tmp_path):
    assert fuzz_files(tmp_path, tries=300, seed=1) == 300


def test_bombs_take_no_memory(tmp_path):
    """In a process of its own: the peak is what loading the package takes, and a little."""
    zeros_npz(tmp_path / "zeros.npz")
    jsonl_gz(tmp_path / "many.jsonl.gz")
    script = textwrap.dedent(
        """
        import resource
        from toposcope.activations.data.load import load_data
        from toposcope.errors import UsageError
        import pyarrow.csv
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for spec in ("npz:zeros.npz", "jsonl:many.jsonl.gz"):
            try:
                load_data(spec)
            except UsageError:
                print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    taken = [int(line) for line in done.stdout.split()]
    assert len(taken) == 2 and max(taken) < 120, taken
