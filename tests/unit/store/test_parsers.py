"""A short form of tests/faults/test_parsers.py."""

from __future__ import annotations

import pytest

from tests.fuzz_parsers import NAMES, fuzz


@pytest.mark.parametrize("name", NAMES)
def test_any_input_is_read_or_an_error_of_ours(name, tmp_path):
    assert fuzz(name, tmp_path / "files", seconds=0.1, seed=1) >= 50
