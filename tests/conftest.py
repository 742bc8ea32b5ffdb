"""Fixtures that several test folders share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import hypothesis  # noqa: F401 - its plugins ask who refers to what, which must not be frozen yet
import pytest

from tests.s3_server import S3Server

ROOT = Path(__file__).resolve().parent.parent

# Minutes to hours of damage, kills and fuzzing: `make test-faults` asks for them.
collect_ignore = [] if os.environ.get("TOPOSCOPE_FAULTS") else ["faults"]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without collecting garbage: 800,000 objects are made, and all of them stay.

    Going through them again and again took 12 of 51 CPU seconds in each process, and later each
    full collection went through them once more; frozen, they are left alone.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def pack() -> Path:
    """Folder with real weights and real data; tests that need it are skipped elsewhere."""
    folder = Path(os.environ.get("TOPOSCOPE_PACK", ROOT.parent / "shared" / "pack"))
    if not (folder / "weights").is_dir():
        pytest.skip(f"no pack of real weights and data at {folder}; set TOPOSCOPE_PACK")
    return folder


@pytest.fixture(scope="session")
def _s3_server(tmp_path_factory):
    """One S3 server for all tests of a process; it ends with them."""
    server = S3Server(tmp_path_factory.mktemp("s3") / "requests.log")
    yield server
    server.stop()


@pytest.fixture
def s3(_s3_server, monkeypatch):
    """The S3 server, with the environment of this process set to it."""
    for name, value in _s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return _s3_server
