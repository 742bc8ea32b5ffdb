"""Hash of the sources that decide numbers: part of every job, so that edited code computes anew."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def source_hash(*rooms: str) -> str:
    """Hash of the names and bytes of all sources in rooms and files, 16 hex digits.

    Parameters
    ----------
    rooms
        Folders and files of the package, as "homology" or "diagrams/summaries.py".

    Raises
    ------
    FileNotFoundError
        When a room is not there or holds no source: what moved away would be watched by nobody.

    Examples
    --------
    >>> source_hash("errors.py") == source_hash("types.py")
    False
    """
    digest = hashlib.sha256()
    for room in rooms:
        for file in _sources(room):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _sources(room: str) -> list[Path]:
    path = ROOT / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        msg = (
            f"source_hash(): the package has no source {room!r}. Give the list that names it the "
            "room's new name."
        )
        raise FileNotFoundError(msg)
    return files
