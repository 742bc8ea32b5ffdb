"""Weights and data of strangers: sizes are looked at first, and errors of ours name the file."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.fuzz_parsers import fuzz
from tests.fuzz_readers import READERS, readers
from toposcope.activations.candidates import read_candidates
from toposcope.activations.data.load import load_data
from toposcope.activations.models.weight_files import read_weights
from toposcope.errors import SpecError, UsageError, WeightsError

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
    # Streams one after the other are a file of bz2; one of 80 MB took 25 s to make.
    path.write_bytes(bz2.compress(b"a,b\n") + bz2.compress(b"0,0\n" * (MIB // 4)) * 80)


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


@pytest.mark.parametrize("name", READERS)
def test_any_change_of_a_file_is_an_error_of_ours(name, tmp_path):
    """A short form of tests/faults/test_readers.py."""
    assert fuzz(name, tmp_path / "files", kinds=readers, seconds=0, seed=1, least=25) == 25


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
