"""A spool: a folder through which a driver and workers of a batch system speak, in small files.

    begin.json          path and versions of the driver's code, before the first worker starts
    beat                a number that grows while the driver lives; removed when nobody waits
    todo/CLASS-NUMBER   work that waits, the smallest number first; a worker of its class takes it
    taken/NUMBER@WORKER the same file, renamed: one rename is one claim
    ended/NUMBER        how it ended
    began/WORKER, refused/WORKER   a worker that serves, or why it does not

Every file appears whole. Nothing here is a result: those go into the store. All machines see the
folder under one path; names alone are read from listings, so that a late one costs a moment only.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("todo", "taken", "ended", "began", "refused", "log")
BEAT = "beat"
BEGIN = "begin.json"


@dataclass(frozen=True)
class Spool:
    """The folder, as either side sees it.

    Parameters
    ----------
    path
        Absolute.

    Examples
    --------
    >>> import tempfile
    >>> spool = Spool(Path(tempfile.mkdtemp()) / "spool").made()
    >>> spool.add(7, "0", b"work")
    >>> spool.take("0", "job_1"), spool.take("0", "job_2")
    ((7, b'work'), None)
    >>> spool.end(7, b"done"); spool.ended()
    {7: b'done'}
    """

    path: Path

    def made(self) -> Spool:
        """The same, with its folders; nobody else may write what workers would run."""
        self.path.mkdir(mode=0o700, parents=True)
        for name in FOLDERS:
            (self.path / name).mkdir()
        return self

    def write(self, name: str, data: bytes) -> None:
        """Place a file whole."""
        temporary = self.path / f".{secrets.token_hex(4)}"
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # or another machine may see a name without its bytes
        temporary.rename(self.path / name)

    def add(self, number: int, group: str, data: bytes) -> None:
        """Put work down for workers of a class."""
        self.write(f"todo/{group}-{number:09d}", data)

    def waiting(self) -> dict[str, int]:
        """How much work waits, by class."""
        found: dict[str, int] = {}
        for name in self.names("todo"):
            group = name.rpartition("-")[0]
            found[group] = found.get(group, 0) + 1
        return found

    def take(self, group: str, worker: str) -> tuple[int, bytes] | None:
        """Claim the first work of a class; None where there is none."""
        for name in self.names("todo"):
            own, _, number = name.rpartition("-")
            if own != group:
                continue
            claimed = self.path / "taken" / f"{int(number)}@{worker}"
            with suppress(FileNotFoundError):  # somebody else was faster
                (self.path / "todo" / name).rename(claimed)
            # Looked at, not trusted to the call: a network file system may repeat a rename that it
            # had done, and say of the second that there is no such file.
            with suppress(FileNotFoundError):
                return int(number), claimed.read_bytes()
        return None

    def taken(self) -> dict[int, str]:
        """Who claimed what."""
        pairs = (name.partition("@") for name in self.names("taken"))
        return {int(number): worker for number, _, worker in pairs}

    def end(self, number: int, data: bytes) -> None:
        """Say how work ended."""
        self.write(f"ended/{number}", data)

    def ended(self) -> dict[int, bytes]:
        """What ended since the last look; it is taken away."""
        found = {}
        for name in self.names("ended"):
            file = self.path / "ended" / name
            found[int(name)] = file.read_bytes()
            file.unlink()
            self.forget(int(name))
        return found

    def forget(self, number: int) -> None:
        """Take the claims of work away."""
        for file in (self.path / "taken").glob(f"{number}@*"):
            file.unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Names in one of the folders, sorted; none where it is gone."""
        with suppress(FileNotFoundError):
            return sorted(os.listdir(self.path / folder))  # noqa: PTH208  (names alone)
        return []

    def beat(self) -> str | None:
        """What the driver's heart said last; None where it was taken away."""
        try:
            return (self.path / BEAT).read_text()
        except FileNotFoundError:
            return None
        except OSError:  # replaced amid the look, on a network file system
            return "unread"
