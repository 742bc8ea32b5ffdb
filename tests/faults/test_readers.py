"""Every reader of data, weights and settings for a minute, or $TOPOSCOPE_FUZZ_SECONDS."""

from __future__ import annotations

import os

import pytest

from tests.fuzz_parsers import fuzz
from tests.fuzz_readers import READERS, readers

SECONDS = float(os.environ.get("TOPOSCOPE_FUZZ_SECONDS", "60"))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", READERS)
def test_any_change_of_a_file_is_an_error_of_ours(name, tmp_path, record_property):
    tries = fuzz(name, tmp_path / "files", kinds=readers, seconds=SECONDS, seed=7)
    record_property("tries", tries)
