"""A short form of tests/faults/test_machine.py."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine import TOLD, Stores


def test_a_few_stories_of_real_stores():
    TOLD.clear()
    few = settings(
        max_examples=4,
        stateful_step_count=10,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Stores, settings=few)
    assert TOLD["calls"] > 10 and sum(n for what, n in TOLD.items() if "fault" in what) > 4, TOLD
