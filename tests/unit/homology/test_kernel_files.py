"""Kernel files are private to their user, and nothing but what was written is loaded."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from toposcope import homology
from toposcope.homology.jit import cache_folder
from toposcope.homology.kernel_files import CheckedFiles, why_not_private

SOURCE = Path(homology.__file__).parents[2]


class Code:
    """Runs when it is read from a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def files(tmp_path):
    made = CheckedFiles.instead_of(IndexDataCacheFile(str(tmp_path), "kernel", "stamp"))
    made.save("float64", {"machine": b"code" * 100})
    return made


def test_what_was_kept_is_found_again(files):
    assert files.load("float64") == {"machine": b"code" * 100}
    assert files.load("float32") is None


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("harm", ["flip", "empty", "cut", "foreign", "gone", "pipe"])
def test_a_file_that_is_not_whole_is_none_and_is_written_again(
    files, tmp_path, suffix, harm, recwarn
):
    (path,) = tmp_path.glob(f"*{suffix}")
    data = bytearray(path.read_bytes())
    canary = tmp_path / "canary"
    if harm == "flip":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:-3])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "foreign":
        path.write_bytes(pickle.dumps(Code(canary)))
    else:
        path.unlink()
        if harm == "pipe":
            os.mkfifo(path)
    assert files.load("float64") is None and not canary.exists()
    if harm == "pipe":
        path.unlink()
    files.save("float64", {"machine": b"again"})
    assert files.load("float64") == {"machine": b"again"}


def test_a_full_disk_costs_the_cache_and_not_the_work(files, monkeypatch, caplog):
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_save_data", full)
    files.save("float32", {"machine": b"code"})
    assert "No space left" in caplog.text and "kernel" in caplog.text


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    code = (
        "from toposcope.homology.jit import cache_folder\n"
        "folder = cache_folder(); print(folder); assert folder.is_dir()"
    )
    environment = {**os.environ, "TOPOSCOPE_CACHE": str(shared), "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    chosen = Path(done.stdout.strip())
    assert shared not in chosen.parents and "chmod go-w" in done.stderr
    assert not chosen.exists(), "the fallback ends with its process"
    assert not any(path.is_file() for path in shared.rglob("*"))


def test_the_cache_that_is_used_is_private_and_every_file_in_it_is_checked():
    assert why_not_private(cache_folder()) == ""
    index = next(cache_folder().rglob("*.nbi"), None)
    assert index is None or not index.read_bytes().startswith(b"\x80")  # no bare pickle
