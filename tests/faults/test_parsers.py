"""Every parser by itself for a minute, or $TOPOSCOPE_FUZZ_SECONDS: `make test-faults`."""

from __future__ import annotations

import os

import pytest

from tests.fuzz_parsers import NAMES, fuzz

SECONDS = float(os.environ.get("TOPOSCOPE_FUZZ_SECONDS", "60"))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", NAMES)
def test_any_input_is_read_or_an_error_of_ours(name, tmp_path, record_property):
    record_property("tries", fuzz(name, tmp_path / "files", seconds=SECONDS, seed=11))
