"""Objects on disk: placed whole or not at all, hashed, locked, and read strictly.

`put` is the only write primitive of the project (tmp file, fsync, rename, fsync of the folder), so
that the layouts built on it survive a kill at any moment. `Objects` is what a layout asks of the
place it lies in, so that object storage can be such a place; `objects_in` opens a folder as one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError, RunLockedError, StoreError


class Objects(Protocol):
    """A place that holds whole objects under names such as "ledger/4f2a.json".

    Local folders are the first kind (`LocalObjects`); the contract that every kind passes is in
    tests/unit/store/test_objects.py. An object appears whole or not at all, and readers see the
    last one that was put. Picklable, so that workers read and write by reference, and hashable, so
    that what was read can be kept by place and name.
    """

    def __hash__(self) -> int: ...

    def put(self, name: str, *parts: Any) -> None:
        """Place an object, atomically and durably, replacing what was there."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes of an object; FileNotFoundError where there is none."""
        ...

    def map(self, name: str) -> NDArray[np.uint8]:
        """(bytes,) read-only view of an object, without reading all of it where that can be.

        FileNotFoundError where there is none.
        """
        ...

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        ...

    def size(self, name: str) -> int:
        """Number of bytes of an object; FileNotFoundError where there is none."""
        ...

    def list(self, prefix: str = "") -> list[str]:
        """Names that begin with `prefix`, sorted. What is true of a place never rests on it."""
        ...

    def lock(self) -> AbstractContextManager[Any]:
        """The one writer's lock of the place, held inside `with`.

        RunLockedError while somebody else has it. It ends with the process that holds it, however
        that ends.
        """
        ...

    def within(self, folder: str) -> Objects:
        """The place below a folder of this one: its own names, its own lock; "" is this one."""
        ...

    def where(self, name: str = "") -> str:
        """The place, or an object in it, as messages name it."""
        ...


@dataclass(frozen=True)
class LocalObjects:
    """Objects as files below a folder.

    Parameters
    ----------
    path
        The folder; made by the first `put` or `lock`.

    Examples
    --------
    >>> import tempfile
    >>> place = LocalObjects(Path(tempfile.mkdtemp()))
    >>> place.put("parts/a.txt", b"one ", b"whole")
    >>> place.get("parts/a.txt"), place.list(), place.exists("parts/b.txt")
    (b'one whole', ['parts/a.txt'], False)
    """

    path: Path

    def put(self, name: str, *parts: Any) -> None:
        """Place an object: tmp file, fsync, rename, fsync of the folder."""
        put(self._file(name), *parts)

    def get(self, name: str) -> bytes:
        """The bytes of an object."""
        with _folders_hold_nothing(self._file(name)) as file:
            return file.read_bytes()

    def map(self, name: str) -> NDArray[np.uint8]:
        """(bytes,) memory map of an object."""
        with _folders_hold_nothing(self._file(name)) as file:
            if file.stat().st_size:
                return np.memmap(file, dtype=np.uint8, mode="r")
        return np.frombuffer(b"", dtype=np.uint8)  # nothing cannot be mapped

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self._file(name).is_file()

    def size(self, name: str) -> int:
        """Number of bytes of an object."""
        if not self.exists(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.where(name))
        return self._file(name).stat().st_size

    def list(self, prefix: str = "") -> list[str]:
        """Names of all files that begin with `prefix`, hidden and temporary ones left out."""
        folder = self._file(prefix.rpartition("/")[0])
        names = (file.relative_to(self.path).as_posix() for file in folder.rglob("*"))
        return sorted(
            name
            for name in names
            if name.startswith(prefix)
            and not any(part.startswith(".") for part in name.split("/"))
            and (self.path / name).is_file()
        )

    def lock(self) -> IO[str]:
        """The writer's lock of the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        return lock_folder(self.path)

    def within(self, folder: str) -> LocalObjects:
        """The place in a folder of this one."""
        return LocalObjects(self._file(folder))

    def where(self, name: str = "") -> str:
        """Path of the folder, or of an object in it."""
        return str(self.path / name)

    def _file(self, name: str) -> Path:
        """Path of an object; names may come from files, and none leads out of the folder."""
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            msg = f"{name!r} is no name of an object in {self.path}: it leads out of that folder."
            raise StoreError(msg)
        return self.path / name


@contextmanager
def _folders_hold_nothing(file: Path) -> Iterator[Path]:
    """Objects know no folders: what is one, or would lie in a file, is simply not there."""
    try:
        yield file
    except (IsADirectoryError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file)) from error


Place = Path | str | Objects
"""How a place may be given: a folder by its path, or what holds its objects."""


def objects_in(place: Place) -> Objects:
    """What holds the objects of a place.

    Examples
    --------
    >>> objects_in("runs/r20")
    LocalObjects(path=PosixPath('runs/r20'))
    """
    return LocalObjects(Path(place)) if isinstance(place, (str, Path)) else place


def local_folder(objects: Objects) -> Path:
    """Path of a place, for what only works in a folder of this machine.

    Raises
    ------
    StoreError
        When the place is no such folder.
    """
    if isinstance(objects, LocalObjects):
        return objects.path
    msg = (
        f"{objects.where()} is no folder of this machine, and this step needs one. Copy it into a "
        "folder, or pass arrays: ts.from_arrays({layer: acts[layer] for layer in acts.layers})."
    )
    raise StoreError(msg)


def put(path: Path, *parts: Any) -> None:
    """Place a whole object at `path`, atomically and durably, replacing what was there.

    Parameters
    ----------
    path
        File to write.
    parts
        Its content: bytes and other buffers, written one after the other without being joined.
    """
    if path.is_dir():
        msg = f"{path} is a folder; name a file to write."
        raise IsADirectoryError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile: its files can be read by their owner only, and the rename would keep that.
    temporary = path.parent / f".tmp-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        size = sum(memoryview(part).nbytes for part in parts)
        error.add_note(
            f"put(): could not write {size:,} bytes to {path}. What was written before is "
            "intact; free space or choose another folder, then run the same command to continue."
        )
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def put_json(path: Path, value: object) -> None:
    """Place a JSON file."""
    put_json_at(LocalObjects(path.parent), path.name, value)


def read_json(path: Path) -> Any:
    """Read a JSON file; damage is an error that names it."""
    return get_json(LocalObjects(path.parent), path.name)


def put_json_at(objects: Objects, name: str, value: object) -> None:
    """Place a JSON object, keys sorted so that equal values give equal bytes."""
    objects.put(name, (json.dumps(value, sort_keys=True, indent=1) + "\n").encode())


def find_json(objects: Objects, name: str) -> Any:
    """Read a JSON object; None where there is none."""
    try:
        return get_json(objects, name)
    except FileNotFoundError:
        return None


def get_json(objects: Objects, name: str) -> Any:
    """Read a JSON object; damage is an error that names it."""
    try:
        return json.loads(objects.get(name))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        where = objects.where(name)
        msg = f"{where} is not readable JSON ({error}). Delete it and run the command again."
        raise DamagedError(msg) from error


def content_hash(*parts: Any) -> str:
    """Hash of anything with a buffer of bytes, for integrity (xxh3, 128 bits); parts as joined.

    Examples
    --------
    >>> content_hash(b"ab", b"c") == content_hash(b"abc")
    True
    """
    import xxhash

    digest = xxhash.xxh3_128()
    for part in parts:
        digest.update(part)
    return str(digest.hexdigest())


def get_checked(objects: Objects, name: str, expected: str, *, again: str) -> bytes:
    """The bytes of an object, held against the hash that was recorded of them.

    Parameters
    ----------
    objects, name
        Where it lies.
    expected
        Its recorded `content_hash`.
    again
        What to do about damage, as a sentence.

    Raises
    ------
    DamagedError
        When it is missing, or its bytes are others.
    """
    try:
        data = objects.get(name)
    except FileNotFoundError as error:
        msg = f"{objects.where(name)} is missing. {again}"
        raise DamagedError(msg) from error
    if content_hash(data) != expected:
        msg = f"{objects.where(name)} does not match its recorded hash. {again}"
        raise DamagedError(msg)
    return data


def lock_folder(path: Path) -> IO[str]:
    """Take the writer's lock of a RUN; the kernel gives it back however the process ends."""
    stream = (path / ".lock").open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        msg = f"another process is writing to {path}. Wait for it, or choose another folder."
        raise RunLockedError(msg) from error
    return stream
