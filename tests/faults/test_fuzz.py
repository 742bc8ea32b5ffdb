"""Every file of a store, changed at random for longer: `make test-faults`."""

from __future__ import annotations

import pytest

from tests.faults.fuzz_stores import STORES, fuzz


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("store", STORES)
def test_any_change_of_a_store_is_an_error_of_ours(store, tmp_path, record_property):
    record_property("tries", fuzz(store, tmp_path, tries=300, seed=7))
