"""Every harm to every file, and all pairs of files of a folder swapped: `make test-faults`."""

from __future__ import annotations

import itertools
import random

import pytest

from tests import every_kind
from tests.unit.store.test_every_file import files_of, stores, swap_all, try_all

__all__ = ["stores"]

FLIPS = 20
PAIRS = 250


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", every_kind.KINDS)
def test_every_harm_to_every_file(stores, kind, tmp_path, record_property):
    whole, other = stores[1][kind], stores[2][kind]
    tries, unsaid, used = try_all(kind, whole, other, tmp_path / "copy", count=FLIPS, every=1)
    record_property("tries", tries)
    assert unsaid == [] and used == []


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", every_kind.KINDS)
def test_all_pairs_of_files_swapped(stores, kind, tmp_path, record_property):
    pairs = list(itertools.combinations(files_of(stores[1][kind]), 2))
    random.Random(0).shuffle(pairs)
    tries, unsaid, used = swap_all(kind, stores[1][kind], tmp_path / "copy", pairs[:PAIRS])
    record_property("tries", tries)
    assert unsaid == [] and used == []
