"""Whatever is done to whichever file of whichever kind of folder: it is said, and never used.

No list of files: the folders are walked. `make test-faults` does the same with hundreds of flips a
file and all pairs of files (tests/faults/test_integrity.py).
"""

from __future__ import annotations

import itertools
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import every_kind
from toposcope.errors import ToposcopeError
from toposcope.store.verify import verify


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Path]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few draws on purpose
        return {
            seed: every_kind.make_all(tmp_path_factory.mktemp(f"stores{seed}"), seed)
            for seed in (1, 2)
        }


def files_of(folder: Path) -> list[Path]:
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in found if not path.name.startswith("."))


def said(folder: Path) -> bool:
    """Whether `verify` finds something; a folder that lost its mark is no folder of ours."""
    try:
        return bool(verify(folder).problems)
    except ToposcopeError:
        return True


def unused(kind: str, folder: Path, before: object) -> bool:
    """Whether a reader refuses, or gives what was there before."""
    try:
        return every_kind.read_all(kind, folder) == before
    except ToposcopeError:
        return True


def flips(path: Path, count: int, seed: int) -> Iterator[Callable[[Path], object]]:
    data = path.read_bytes()
    rng = random.Random(f"{seed} {path.name}")
    places = {0, 8 * len(data) - 1, *(rng.randrange(8 * len(data)) for _ in range(count))}
    for bit in sorted(places):

        def flip(file: Path, bit: int = bit) -> None:
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            file.write_bytes(changed)

        yield flip


def harms(
    whole: Path, name: Path, other: Path, count: int
) -> Iterator[tuple[str, Callable[[Path], object]]]:
    """(what it is, what is done to the file) of everything that may happen to one file."""
    data = (whole / name).read_bytes()
    for number, flip in enumerate(flips(whole / name, count, 0)):
        yield f"flip {number}", flip
    yield "deleted", lambda file: file.unlink()
    yield "empty", lambda file: file.write_bytes(b"")
    yield "cut", lambda file: file.write_bytes(data[: len(data) // 2])
    yield "longer", lambda file: file.write_bytes(data + b" ")
    if (other / name).is_file() and (other / name).read_bytes() != data:
        yield "of another folder", lambda file: shutil.copy(other / name, file)


def try_all(
    kind: str, whole: Path, other: Path, folder: Path, *, count: int, every: int
) -> tuple[int, list[tuple[str, str]], list[tuple[str, str]]]:
    """Tries, what `verify` did not say, and what was used; each `every`-th harm of a file."""
    shutil.copytree(whole, folder)
    before, tries = every_kind.read_all(kind, folder), 0
    unsaid, used = [], []
    for number, name in enumerate(files_of(whole)):
        for what, harm in list(harms(whole, name, other, count))[number % every :: every]:
            harm(folder / name)
            tries += 1
            if not said(folder):
                unsaid.append((str(name), what))
            if not unused(kind, folder, before):
                used.append((str(name), what))
            shutil.copy(whole / name, folder / name)
    assert not said(folder)
    return tries, unsaid, used


def swap_all(
    kind: str, whole: Path, folder: Path, pairs: list[tuple[Path, Path]]
) -> tuple[int, list[tuple[str, str]], list[tuple[str, str]]]:
    """The same of files that change places."""
    shutil.copytree(whole, folder)
    before, tries = every_kind.read_all(kind, folder), 0
    unsaid, used = [], []
    for one, two in pairs:
        if (whole / one).read_bytes() == (whole / two).read_bytes():
            continue
        shutil.copy(whole / one, folder / two)
        shutil.copy(whole / two, folder / one)
        tries += 1
        if not said(folder):
            unsaid.append((str(one), str(two)))
        if not unused(kind, folder, before):
            used.append((str(one), str(two)))
        shutil.copy(whole / one, folder / one)
        shutil.copy(whole / two, folder / two)
    return tries, unsaid, used


@pytest.mark.parametrize("kind", every_kind.KINDS)
def test_every_file_is_under_a_hash_and_nothing_damaged_is_used(stores, kind, tmp_path):
    whole, other = stores[1][kind], stores[2][kind]
    verified = verify(whole)
    files = files_of(whole)
    assert not verified.problems and not verified.notes and verified.files == len(files)
    every = 8 if kind == "run" else 4
    tries, unsaid, used = try_all(kind, whole, other, tmp_path / "copy", count=2, every=every)
    assert tries >= len(files) and unsaid == [] and used == []


@pytest.mark.parametrize("kind", every_kind.KINDS)
def test_two_files_that_changed_places_are_found(stores, kind, tmp_path):
    files = files_of(stores[1][kind])
    neighbors = list(itertools.pairwise(files))[::5]
    tries, unsaid, used = swap_all(kind, stores[1][kind], tmp_path / "copy", neighbors)
    assert tries and unsaid == [] and used == []
