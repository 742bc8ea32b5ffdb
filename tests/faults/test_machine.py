"""Hundreds of stories of real stores that are killed, filled, spoiled and shared."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine import TOLD, Stores


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(4))
def test_stores_are_what_the_model_says(part, record_property):
    TOLD.clear()
    many = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(part)(Stores), settings=many)
    record_property("tries", TOLD["calls"])
    assert all(TOLD[f"fault: {kind}"] for kind in ("killed", "full", "broken", "a bit")), TOLD
