"""Forged and damaged stores: whatever they hold, a reader's error is one of ours and names a file.

The archives of earlier versions carry no hashes, so that every value in them reaches its parser.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import every_kind
from toposcope.cli.inspecting import describe, progress_of
from toposcope.errors import ToposcopeError
from toposcope.store.verify import verify
from toposcope.transfer.ranking.kept import load_board

ARCHIVES = Path(__file__).parents[1] / "archives"
STORES = {
    "run_v1": "run",
    "study_v1": "run",
    "series_v1": "series",
    "comparison_v2": "comparison",
    "ranking_v1": "ranking",
}
ODD: list[Any] = [
    *(None, True, -1, 0, 10**30, 1.5, float("nan"), "", "x", "../../etc", "\0", "a" * 10_000),
    *([], {}, [[]], [None], {"a": None}, [1, "2", [3]], {"schema": 1}),
]
DEEP = b"[" * 100_000 + b"]" * 100_000
RAW = [b"", b"null", b"[]", b"{", b"\xff\xfe{}", DEEP, b'{"a": ' + b"9" * 5000 + b"}", b"\0" * 64]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a JSON value."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*at, number))


def changed(value: Any, at: tuple[Any, ...], rng: random.Random) -> Any:
    """The value with one entry replaced, removed or renamed."""
    if not at:
        return rng.choice(ODD)
    value = json.loads(json.dumps(value))
    inside = value
    for step in at[:-1]:
        inside = inside[step]
    if rng.random() < 0.2:
        del inside[at[-1]]
    else:
        inside[at[-1]] = rng.choice(ODD)
    return value


def read_everything(store: str, folder: Path) -> None:
    """All readers of a folder, each by itself; only errors of ours are taken."""
    kind = STORES[store]
    readers = [lambda: every_kind.read_all(kind, folder), lambda: verify(folder)]
    if kind in ("run", "series"):
        readers += [lambda: describe(folder), lambda: progress_of(folder)]
    if kind == "ranking":
        readers.append(lambda: load_board(folder))
    for reader in readers:
        try:
            reader()
        except ToposcopeError:
            continue


def fuzz(store: str, where: Path, *, tries: int, seed: int) -> int:
    """Try to break the readers of one archive; returns how many changes were tried."""
    rng = random.Random(f"{store} {seed}")
    whole, folder = ARCHIVES / store, where / store
    shutil.copytree(whole, folder)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    marks = [f for f in files if f.suffix == ".json" and f.parent.name != "ledger"]
    values = {f: json.loads((whole / f).read_bytes()) for f in files if f.suffix == ".json"}
    for number in range(tries):
        name = rng.choice(marks if number % 3 else files)
        data = (whole / name).read_bytes()
        how = rng.random()
        if name.suffix == ".json" and how < 0.75:
            at = rng.choice(list(places(values[name])))
            new = json.dumps(changed(values[name], at, rng)).encode()
        elif how < 0.85:
            new = rng.choice(RAW)
        else:
            broken = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
            new = bytes(broken[: rng.randint(0, len(broken))] if rng.random() < 0.3 else broken)
        (folder / name).write_bytes(new)
        try:
            read_everything(store, folder)
        except Exception as error:
            error.add_note(f"{store}, try {number} of seed {seed}: {name} held {new[:300]!r}")
            raise
        finally:
            (folder / name).write_bytes(data)
    return tries
