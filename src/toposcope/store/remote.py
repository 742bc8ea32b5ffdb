"""Objects behind a URL: `s3://`, `gs://`, `az://` and `memory://`, through obstore.

One PUT places an object whole or not at all, so that it needs no temporary name. The one writer's
lock is a lease: an object put on the condition that there is none, renewed while its holder lives
and taken over, on the condition that nobody else was faster, when it is over. Listing is offered
as a convenience and decides nothing.

What is mapped (shards of activations) is fetched whole into a file without a name in the temporary
folder of this machine: its hash is over all of it, so that part of it could not be checked, and
the pages of a file can be given back where those of an array cannot.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import MissingExtraError, RunLockedError, StoreError, ToposcopeError
from toposcope.inputs.urls import refuse_unknown

log = logging.getLogger("toposcope")

LOCK = ".lock"
LEASE = 60.0
"""Seconds after its last renewal at which the lock of a dead writer ends."""
RETRIED = timedelta(seconds=30)
"""How long a request is tried again before it counts as failed."""


@dataclass(frozen=True)
class RemoteObjects:
    """Objects below a URL.

    Parameters
    ----------
    url
        Such as "s3://bucket/runs/r20". Credentials, region and endpoint are those of the
        environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on).

    Examples
    --------
    >>> place = RemoteObjects("memory://doctest/run")
    >>> place.put("parts/a.txt", b"one ", b"whole")
    >>> place.get("parts/a.txt"), place.get("parts/a.txt", first=3), place.where("b")
    (b'one whole', b'one', 'memory://doctest/run/b')
    """

    url: str
    joins: ClassVar[bool] = True
    """A tick and its part are one object: every put is a request that is paid."""

    def __post_init__(self) -> None:
        refuse_unknown(self.url, call="opening a place")

    def __reduce__(self) -> tuple[Any, ...]:
        if self.url.startswith("memory://"):
            msg = (
                f"{self.url} is held by this process, and no other one can read it. Pass jobs=0, "
                "or use a folder or a URL of a store."
            )
            raise StoreError(msg)
        return RemoteObjects, (self.url,)

    def put(self, name: str, *parts: Any) -> None:
        """Place an object with one request."""
        self._put(name, _joined(parts), "overwrite")

    def get(self, name: str, first: int | None = None) -> bytes:
        """The bytes of an object, or the first of them."""
        if first is None:
            return bytes(self._fetched(name).bytes().to_bytes())
        key, told = self._key(name), _obstore().exceptions
        with self._asking("read", name) as obstore:
            try:
                found = obstore.get(self._store, key, options={"range": (0, first)})
            except told.GenericError:
                if obstore.head(self._store, key)["size"]:
                    raise
                return b""  # of nothing no range can be had
            return bytes(found.bytes().to_bytes())

    def map(self, name: str) -> NDArray[np.uint8]:
        """(bytes,) memory map of a copy that ends with it."""
        found = self._fetched(name)
        with tempfile.TemporaryFile(prefix="toposcope-") as file, self._asking("read", name):
            for chunk in found.stream():
                file.write(chunk)
            file.flush()
            if not file.tell():
                return np.frombuffer(b"", dtype=np.uint8)
            return np.memmap(file, dtype=np.uint8, mode="r")

    def exists(self, name: str) -> bool:
        """Whether there is an object of this name."""
        try:
            self.size(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Number of bytes of an object."""
        with self._asking("look at", name) as obstore:
            return int(obstore.head(self._store, self._key(name))["size"])

    def list(self, prefix: str = "") -> list[str]:
        """Names of all objects that begin with `prefix`, hidden ones left out."""
        folder, above = prefix.rpartition("/")[0], self._key("")
        begin = "/".join(part for part in (above, folder) if part)
        with self._asking("list", prefix) as obstore:
            found = [
                str(one["path"])
                for chunk in obstore.list(self._store, prefix=begin or None)
                for one in chunk
            ]
        names = [one.removeprefix(f"{above}/" if above else "") for one in found]
        return sorted(
            name
            for name in names
            if name.startswith(prefix) and not any(part[:1] == "." for part in name.split("/"))
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The writer's lease of the place, renewed while it is held."""
        lease = _Lease(self)
        lease.take()
        try:
            yield
        finally:
            lease.give_back()
        lease.refuse_lost()

    def within(self, folder: str) -> RemoteObjects:
        """The place below a folder of this one."""
        self._key(folder)
        parts = [part for part in folder.split("/") if part]
        return RemoteObjects("/".join([self.url, *parts]))

    def where(self, name: str = "") -> str:
        """URL of the place, or of an object in it."""
        return f"{self.url}/{name}".rstrip("/")

    @property
    def _store(self) -> Any:
        scheme, _, rest = self.url.partition("://")
        return _opened(f"{scheme}://{rest.partition('/')[0]}")

    def _key(self, name: str) -> str:
        """Key of an object in its bucket; names may come from files, and none leads out."""
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\0" in name:
            msg = f"{name!r} is no name of an object in {self.url}: it leads out of that place."
            raise StoreError(msg)
        above = self.url.partition("://")[2].partition("/")[2]
        return "/".join(part for part in (above, *name.split("/")) if part not in ("", "."))

    def _put(self, name: str, data: Any, mode: Any) -> str:
        """Place an object under a condition; its e_tag."""
        with self._asking("write", name, found=False) as obstore:
            done = obstore.put(self._store, self._key(name), data, mode=mode, use_multipart=False)
            return str(done["e_tag"])

    def _fetched(self, name: str) -> Any:
        with self._asking("read", name) as obstore:
            return obstore.get(self._store, self._key(name))

    @contextmanager
    def _asking(self, verb: str, name: str, *, found: bool = True) -> Iterator[Any]:
        """Turn what a store answers into errors of the system that name the URL."""
        obstore = _obstore()
        told = obstore.exceptions
        try:
            yield obstore
        except FileNotFoundError as error:
            if found:
                raise FileNotFoundError(2, "No such object", self.where(name)) from error
            msg = f"cannot {verb} {self.where(name)}: there is no such bucket. Make it first."
            raise StoreError(msg) from error
        except (ToposcopeError, told.AlreadyExistsError, told.PreconditionError):
            raise
        except (told.BaseError, ValueError) as error:
            said = str(error).partition("\n")[0][:300]
            advice = "Check the credentials, the region and the endpoint in the environment."
            msg = f"cannot {verb} {self.where(name)}: {said}. {advice}"
            raise OSError(msg) from error


class _Lease:
    """The lock object of a place, and the thread that renews it."""

    def __init__(self, objects: RemoteObjects) -> None:
        self.objects, self.tag, self.lost = objects, "", False
        self.mine = {
            "owner": secrets.token_hex(8),
            "host": platform.node(),
            "process": os.getpid(),
        }
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def take(self) -> None:
        told = _obstore().exceptions
        try:
            self.tag = self._write("create")
        except told.AlreadyExistsError:
            found = self.objects._fetched(LOCK)
            tag = found.meta["e_tag"]
            held = json.loads(found.bytes().to_bytes())
            left = float(held["until"]) - time.time()
            if left > 0 and not _has_died(held):
                msg = (
                    f"another process is writing to {self.objects.where()} (process "
                    f"{held['process']} on {held['host']}). Wait for it, or choose another place. "
                    f"If it is dead, its lock ends in {left:.0f} s."
                )
                raise RunLockedError(msg) from None
            try:
                self.tag = self._write({"e_tag": tag})
            except told.PreconditionError as error:
                msg = f"another process has just begun to write to {self.objects.where()}."
                raise RunLockedError(msg) from error
        self.thread.start()

    def give_back(self) -> None:
        self.stop.set()
        self.thread.join()
        if not self.lost:
            self._try_to_write(ended=True)

    def refuse_lost(self) -> None:
        if self.lost:
            msg = (
                f"the lock of {self.objects.where()} was lost while this process wrote: it did not "
                f"reach the store for {LEASE:.0f} s, and another one went on. Nothing was torn; "
                "run the same command again to see what is there."
            )
            raise RunLockedError(msg)

    def _renew(self) -> None:
        while not self.lost and not self.stop.wait(LEASE / 3):
            self._try_to_write()

    def _try_to_write(self, *, ended: bool = False) -> None:
        try:
            self.tag = self._write({"e_tag": self.tag}, ended=ended)
        except _obstore().exceptions.PreconditionError:
            self.lost = True
        except (OSError, StoreError) as error:  # the next renewal may reach it
            log.warning("the lock of %s was not renewed: %s", self.objects.where(), error)

    def _write(self, mode: Any, *, ended: bool = False) -> str:
        until = 0.0 if ended else time.time() + LEASE
        return self.objects._put(LOCK, json.dumps({**self.mine, "until": until}).encode(), mode)


def _has_died(held: dict[str, Any]) -> bool:
    """Whether who holds a lease was a process of this machine that is gone."""
    if held["host"] != platform.node():
        return False
    try:
        os.kill(int(held["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _joined(parts: tuple[Any, ...]) -> bytes:
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else b"".join(parts)


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
    except ImportError as error:
        msg = "places behind URLs need the obstore package: pip install 'toposcope[stores]'"
        raise MissingExtraError(msg) from error
    return obstore


@lru_cache(maxsize=64)
def _opened(bucket: str) -> Any:
    """The bucket of a URL, one connection pool for each process."""
    _obstore()
    from obstore.store import MemoryStore, from_url

    if bucket.startswith("memory://"):
        return MemoryStore()
    try:
        return from_url(bucket, retry_config={"max_retries": 5, "retry_timeout": RETRIED})
    except Exception as error:
        msg = f"cannot open {bucket}: {str(error).partition(chr(10))[0][:300]}."
        raise StoreError(msg) from error


def path_of(objects: object) -> Path | None:
    """A URL in a path, as it is handed through calls; `objects_in` reads it back.

    >>> path_of(RemoteObjects("memory://a/run")).as_posix()
    'memory:/a/run'
    """
    return Path(objects.url) if isinstance(objects, RemoteObjects) else None
