"""Files of compiled kernels: private to their user, and held against their hash before loading.

Numba's index and data files are pickles: whoever can write them can run code in our name, and a
flipped bit in machine code crashes the process, or hangs it. It does not flush them either, so that
a power cut leaves an empty one, at which every later start would end. A file that is not whole, or
not ours, is none: its kernel is compiled again and written over it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import stat
from pathlib import Path
from typing import Any

from numba.core.caching import IndexDataCacheFile

logger = logging.getLogger(__name__)


def why_not_private(folder: Path) -> str:
    """Why others could put files into a folder; "" when they cannot.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> why_not_private(folder)
    ''
    >>> folder.chmod(0o777)
    >>> "chmod go-w" in why_not_private(folder)
    True
    """
    status = folder.stat()
    if status.st_uid not in (os.getuid(), 0):
        return f"{folder} belongs to another user"
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if open_to_others and not status.st_mode & stat.S_ISVTX:
        return f"others can write to {folder} (chmod go-w {folder})"
    return ""


class CheckedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """Numba's index and data files of one kernel, each behind the hash of its bytes."""

    @classmethod
    def instead_of(cls, files: IndexDataCacheFile) -> CheckedFiles:
        """The same files, checked."""
        checked = cls.__new__(cls)
        checked.__dict__.update(files.__dict__)
        return checked

    def save(self, key: Any, data: Any) -> None:
        """Keep a compiled kernel; where that is not possible it is compiled again next time."""
        try:
            super().save(key, data)
        except OSError as error:
            logger.warning("kernel %s cannot be kept: %s", self._index_path, error)

    def _load_index(self) -> Any:
        body = self._read(self._index_path)
        if body is None:
            return {}
        version, stamp, overloads = pickle.loads(body)
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: Any) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        body = self._read(self._data_path(name))
        if body is None:
            raise FileNotFoundError(name)  # which Numba takes for "not there yet"
        return pickle.loads(body)

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> bytes | None:
        """Bytes behind the hash of a file that is whole and nobody else's; None for any other."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as stream:
                status = os.fstat(descriptor)
                whole = stream.read() if stat.S_ISREG(status.st_mode) else b""
        except OSError:
            return None
        digest, body = whole[:32], whole[32:]
        ours = status.st_uid in (os.getuid(), 0) and not status.st_mode & stat.S_IWOTH
        if not ours or hashlib.sha256(body).digest() != digest:
            logger.warning("kernel file %s is damaged or not ours; it is compiled again", path)
            return None
        return body

    def _write(self, path: str, value: Any) -> None:
        body = self._dump(value)
        with self._open_for_write(path) as stream:
            stream.write(hashlib.sha256(body).digest() + body)
