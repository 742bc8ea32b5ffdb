"""A few hundred stories of drivers that die, disks that fail and workers that vanish."""

from __future__ import annotations

import random

import pytest

from tests.simulation import Disk, KilledError, Story, tell_many, value


def test_no_fault_gives_a_wrong_value_or_loses_finished_work():
    faults, wrong, lost = tell_many(range(120))
    assert (wrong, lost) == (0, 0)
    kinds = {"full", "write error", "kill before", "kill after", "fsync error", "read error"}
    kinds |= {"bit at rest", "refused", "delivered twice", "died after its task"}
    assert kinds <= set(faults) and sum(faults.values()) > 1500, faults


def test_one_seed_is_one_story():
    one, two = (Story(7).tell() for _ in range(2))
    assert one.faults == two.faults and one == two
    assert Story(8).tell().faults != one.faults


def test_the_story_would_see_a_wrong_value(monkeypatch):
    """A ledger that took damaged parts for good ones would be found out."""
    monkeypatch.setattr(
        "toposcope.store.ledger.get_checked",
        lambda objects, name, *_, **__: objects.get(name),
    )
    with pytest.raises(AssertionError):
        tell_many(range(60))


def test_the_story_would_see_lost_work(monkeypatch):
    """A driver that did finished tasks again would be found out."""
    monkeypatch.setattr(
        "toposcope.execution.workbook.Workbook.todo", lambda self, tasks: list(tasks)
    )
    with pytest.raises(AssertionError):
        tell_many(range(60))


def test_the_simulated_disk_is_whole_or_not_at_all():
    disk = Disk(random.Random(0), rate=1.0)
    for x in range(200):
        try:
            disk.put(str(x), value(x))
        except (OSError, KilledError):
            continue
    assert set(disk.objects.values()) == {value(int(name)) for name in disk.objects}
    assert 0 < len(disk.objects) < 200
