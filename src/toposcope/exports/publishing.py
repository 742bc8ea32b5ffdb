"""Where an export lands: whole or not at all, and never on what is there already."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toposcope.errors import UsageError
from toposcope.store.folders import folder_kind

CALL = "export()"


def free_place(out: Path) -> Path:
    """The place to write to; nothing may be there, and it may lie in no folder of ours.

    Raises
    ------
    UsageError
        When something is there: whose it is cannot be known, so nothing is overwritten.
    """
    if out.is_symlink() or (out.exists() and not _is_empty_folder(out)):
        raise UsageError(_taken(out))
    for above in out.absolute().parents:
        kind = folder_kind(above) if above.is_dir() else None
        if kind is not None:
            msg = f"{CALL}: out={str(out)!r} lies in {above}, a {kind}. Name a place outside it."
            raise UsageError(msg)
    return out


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """A place beside `out` to write a file or a folder to; it becomes `out` when all went well.

    Examples
    --------
    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with published(out) as place:
    ...     _ = place.write_text("1")
    ...     out.exists()
    False
    >>> out.read_text()
    '1'
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    within = out.parent / f".rehearsal-{os.getpid()}-{secrets.token_hex(6)}"
    within.mkdir()
    try:
        place = within / out.name
        yield place
        if place.is_dir():
            try:
                place.rename(out)  # onto nothing, or onto an empty folder
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise UsageError(_taken(out)) from error
                raise
        else:
            _link(place, out)
    finally:
        shutil.rmtree(within, ignore_errors=True)


def _link(place: Path, out: Path) -> None:
    """Give a file its name; a rename would replace what came there meanwhile, a link does not."""
    if _is_empty_folder(out):
        out.rmdir()
    try:
        os.link(place, out)
    except FileExistsError as error:
        raise UsageError(_taken(out)) from error
    except OSError:  # a file system without hard links
        if out.exists():
            raise UsageError(_taken(out)) from None
        place.rename(out)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _taken(out: Path) -> str:
    return f"{CALL}: out={str(out)!r} exists already. Pass another out, or move it away."
