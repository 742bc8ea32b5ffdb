"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Minutes to hours of damage, kills and fuzzing: `make test-faults` asks for them.
collect_ignore = [] if os.environ.get("TOPOSCOPE_FAULTS") else ["faults"]


@pytest.fixture(scope="session")
def pack() -> Path:
    """Folder with real weights and real data; tests that need it are skipped elsewhere."""
    folder = Path(os.environ.get("TOPOSCOPE_PACK", ROOT.parent / "shared" / "pack"))
    if not (folder / "weights").is_dir():
        pytest.skip(f"no pack of real weights and data at {folder}; set TOPOSCOPE_PACK")
    return folder
