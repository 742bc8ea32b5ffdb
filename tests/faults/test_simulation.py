"""At least 100,000 faults in drivers, disks and workers that are simulated: `make test-faults`."""

from __future__ import annotations

import pytest

from tests.simulation import tell_many

PARTS, STORIES = 8, 1000


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(PARTS))
def test_thousands_of_faults_give_no_wrong_value_and_lose_nothing(part, record_property):
    first = 1000 + part * STORIES
    faults, wrong, lost = tell_many(range(first, first + STORIES))
    record_property("tries", sum(faults.values()))
    assert (wrong, lost) == (0, 0)
    assert sum(faults.values()) * PARTS >= 100_000, faults
