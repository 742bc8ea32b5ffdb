"""Every parser of files, changed at random for longer: `make test-faults`."""

from __future__ import annotations

import pytest

from tests.faults.fuzz_stores import STORES, fuzz
from tests.unit.activations.test_hostile_files import fuzz_files


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("store", STORES)
def test_any_change_of_a_store_is_an_error_of_ours(store, tmp_path, record_property):
    record_property("tries", fuzz(store, tmp_path, tries=300, seed=7))


@pytest.mark.timeout(3000)
def test_any_change_of_a_file_is_an_error_of_ours(tmp_path, record_property):
    record_property("tries", fuzz_files(tmp_path, tries=6000, seed=7))
