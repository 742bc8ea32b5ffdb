"""Objects on disk: placed whole or not at all, hashed, locked, and read strictly.

`put` is the only write primitive of the project (tmp file, fsync, rename, fsync of the folder), so
that the layouts built on it survive a kill at any moment. `Objects` is what a layout asks of the
place it lies in: a folder here, object storage in remote.py; `objects_in` opens either.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError, RunLockedError, StoreError, UsageError
from toposcope.inputs import parameters
from toposcope.inputs.limits import limit, refuse_larger
from toposcope.inputs.signatures import having
from toposcope.inputs.urls import local_path, url_of
from toposcope.store import checked_json
from toposcope.store.remote import RemoteObjects, path_of

LONGEST = 255
"""Bytes of a file's name that every file system of Linux and macOS takes."""
LEFT_BEHIND = 60.0
"""Seconds since its last byte after which a temporary file of a dead process is garbage."""


class Objects(Protocol):
    """A place that holds whole objects under names such as "ledger/4f2a.json".

    Local folders are the first kind (`LocalObjects`), URLs the second (`RemoteObjects`); the
    contract that every kind passes is in tests/unit/store/test_objects.py. An object appears whole
    or not at all, and readers see the last one that was put. Picklable, so that workers read and
    write by reference, and hashable, so that what was read can be kept by place and name.
    """

    @property
    def joins(self) -> bool:
        """Whether the tick of a task and its part are one object here (store/ledger.py)."""
        ...

    def __hash__(self) -> int: ...

    def put(self, name: str, *parts: Any) -> None:
        """Place an object, atomically and durably, replacing what was there."""
        ...

    def get(self, name: str, first: int | None = None) -> bytes:
        """The bytes of an object, or the first of them; FileNotFoundError where there is none."""
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
    joins: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _refuse_url(self.path)

    def put(self, name: str, *parts: Any) -> None:
        """Place an object: tmp file, fsync, rename, fsync of the folder."""
        put(self._file(name), *parts)

    def get(self, name: str, first: int | None = None) -> bytes:
        """The bytes of an object, or the first of them."""
        with _folders_hold_nothing(self._file(name)) as file:
            return _read_regular(file, first)

    def map(self, name: str) -> NDArray[np.uint8]:
        """(bytes,) memory map of an object."""
        with _folders_hold_nothing(self._file(name)) as file:
            _refuse_irregular(file, file.stat())
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
        return lock_folder(self.path)

    def within(self, folder: str) -> LocalObjects:
        """The place in a folder of this one."""
        return LocalObjects(self._file(folder))

    def where(self, name: str = "") -> str:
        """Path of the folder, or of an object in it."""
        return str(self.path / name)

    def _file(self, name: str) -> Path:
        """Path of an object; names may come from files, and none leads out of the folder."""
        # In texts: with paths it took 90 us, of 1,000 that the driver spends on a task.
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            msg = f"{name!r} is no name of an object in {self.path}: it leads out of that folder."
            raise StoreError(msg)
        if any(len(part) > LONGEST // 4 and _is_too_long(part) for part in parts):
            msg = f"{name[:60]!r}… is no name of an object in {self.path}: it is too long."
            raise StoreError(msg)
        here = str(self.path)
        for part in parts:
            here = f"{here}/{part}"
            if os.path.islink(here):  # noqa: PTH114
                self._refuse_link_out(here)
        return self.path / name

    def _refuse_link_out(self, link: str) -> None:
        """A link may lead elsewhere in its folder; a stranger's must not make us write outside."""
        root = os.path.realpath(self.path)
        target = os.path.realpath(link)
        if target != root and not target.startswith(root.rstrip("/") + "/"):
            msg = (
                f"{link} is a link that leads out of {self.path}, to {target}: it is neither read "
                "nor written through. Put the files in its place, or link the whole folder."
            )
            raise StoreError(msg)


def _is_too_long(part: str) -> bool:
    return len(part.encode(errors="replace")) > LONGEST


@contextmanager
def _folders_hold_nothing(file: Path) -> Iterator[Path]:
    """Objects know no folders: what is one, or would lie in a file, is simply not there."""
    try:
        yield file
    except (IsADirectoryError, NotADirectoryError) as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file)) from error


Place = Path | str | Objects
"""How a place may be given: a folder by its path, a URL, or what holds its objects."""


def checked_place(value: object, name: str, *, call: str) -> Any:
    """A place as it was given: a path, or objects in a store of their own."""
    if isinstance(value, str | os.PathLike):
        return parameters.path(value, name, call=call, url=True)
    needed = "the path of a folder, a URL, or objects of a store (docs/storage.md)"
    return having("where", needed)(value, name, call=call)


def objects_in(place: Place) -> Objects:
    """What holds the objects of a place.

    Examples
    --------
    >>> objects_in("runs/r20"), objects_in("s3://bucket/runs/r20")
    (LocalObjects(path=PosixPath('runs/r20')), RemoteObjects(url='s3://bucket/runs/r20'))
    """
    if not isinstance(place, (str, Path)):
        return place
    url = url_of(place)
    if url is None:
        return LocalObjects(Path(place))
    folder = local_path(url, call="opening a place")
    return RemoteObjects(url) if folder is None else LocalObjects(folder)


def path_to(objects: Objects) -> Path | None:
    """What `objects_in` reads back: the path of a folder, or a URL in a path; None for others."""
    return objects.path if isinstance(objects, LocalObjects) else path_of(objects)


def _refuse_url(path: Path) -> None:
    """Nothing is ever read from or written to a folder named "s3:"."""
    if ":" in str(path) and url_of(path) is not None:
        msg = (
            f"{url_of(path)} is a URL, and this step works in folders of this machine only. Pass "
            "the path of a folder; what takes URLs stands in docs/howto/stores.md."
        )
        raise UsageError(msg)


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
    _refuse_url(path)
    if path.is_dir():
        msg = f"{path} is a folder; name a file to write."
        raise IsADirectoryError(msg)
    # Not tempfile: its files can be read by their owner only, and the rename would keep that.
    temporary = path.parent / f".tmp-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink(missing_ok=True)
        size = sum(memoryview(part).nbytes for part in parts)
        error.add_note(
            f"put(): could not write {size:,} bytes to {path}. What was written before is "
            "intact; free space or choose another folder, then run the same command to continue."
        )
        raise


def put_json(path: Path, value: object) -> None:
    """Place a JSON file, in a folder or behind a URL."""
    put_json_at(objects_in(path.parent), path.name, value)


def read_json(path: Path) -> Any:
    """Read a JSON file; damage is an error that names it."""
    return get_json(objects_in(path.parent), path.name)


def put_json_at(objects: Objects, name: str, value: object) -> None:
    """Place a JSON object with the hash of itself; equal values give equal bytes."""
    objects.put(name, checked_json.pack(name, value))


def find_json(objects: Objects, name: str) -> Any:
    """Read a JSON object; None where there is none."""
    try:
        return get_json(objects, name)
    except FileNotFoundError:
        return None


def get_json(objects: Objects, name: str) -> Any:
    """Read a JSON object; damage is an error that names it."""
    where, most = objects.where(name), limit("JSON")
    try:
        data = objects.get(name, first=most + 1)  # one request, however large it is
    except DamagedError as error:
        if objects.exists(name):
            raise
        raise FileNotFoundError(errno.ENOENT, "No such file", where) from error  # but a pipe
    if len(data) > most:
        refuse_larger(objects.size(name), "JSON", what=where)
    return checked_json.unpack(name, data, where=where)


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
    """Take the writer's lock of a folder; the kernel gives it back however the process ends.

    Who has it removes what killed writers left behind.
    """
    _refuse_url(path)
    lock = path / ".lock"
    try:
        path.mkdir(parents=True, exist_ok=True)
        # A link would be followed to create a file elsewhere.
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        what = "is a link; delete it" if lock.is_symlink() else "cannot be written"
        error.add_note(f"the lock of {path}, {lock}, {what}, or choose another folder.")
        raise
    stream = os.fdopen(descriptor, "a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        msg = f"another process is writing to {path}. Wait for it, or choose another folder."
        raise RunLockedError(msg) from error
    except OSError as error:
        stream.close()
        error.add_note(f"the file system of {path} gives no locks; choose a folder on another one.")
        raise
    remove_leftovers(path)
    return stream


def remove_leftovers(path: Path) -> int:
    """Remove temporary files of dead processes below a folder; returns how many there were.

    They are never read, and up to 64 MiB each. A process that lives keeps its own: workers of a
    study write below a RUN whose lock another process holds.
    """
    now, removed = time.time(), 0
    for folder, below, files in os.walk(path):
        for name in files:
            match = re.fullmatch(r"\.tmp-([0-9]+)-[0-9a-f]+", name)
            if match and not _lives(int(match[1])):
                file = Path(folder, name)
                with suppress(OSError):
                    if now - file.lstat().st_mtime > LEFT_BEHIND:
                        file.unlink()
                        removed += 1
        for name in [name for name in below if name.startswith(".rehearsal-")]:
            below.remove(name)
            if now - Path(folder, name).lstat().st_mtime > LEFT_BEHIND:
                shutil.rmtree(Path(folder, name), ignore_errors=True)
                removed += 1
    return removed


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _read_regular(file: Path, first: int | None = None) -> bytes:
    """Bytes of a regular file: to open a pipe would wait for ever."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        _refuse_irregular(file, status)
        size = status.st_size
        # Never a buffer for more than there is: a limit can be larger than the memory.
        return stream.read() if first is None else stream.read(min(first, size))


def _refuse_irregular(file: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not stat.S_ISREG(status.st_mode):
        msg = f"{file} is no file but a pipe, a socket or a device: it is not read."
        raise DamagedError(msg)
