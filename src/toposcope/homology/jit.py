"""Compiled kernels: one decorator, and an on-disk cache that cannot serve stale machine code.

Numba's own cache looks only at the file of the function it compiles, so a kernel keeps its old
machine code when a kernel it calls in *another* file changes. Here the cache folder is named by
the hash of every file that holds kernels, hence any edit starts a fresh folder.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

from toposcope.homology.kernel_files import CheckedFiles, why_not_private

logger = logging.getLogger(__name__)

_KEPT_FOLDERS = 4
_KEPT_SECONDS = 7 * 24 * 3600.0

Function = TypeVar("Function", bound=Callable[..., Any])


@cache
def kernel_hash() -> str:
    """Hex sha256 of the sources of all numerical kernels; part of task keys.

    Covers every Python file of `toposcope.homology`: kernels live nowhere else.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _user_cache() -> Path:
    """`$TOPOSCOPE_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("TOPOSCOPE_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "toposcope"


@cache
def cache_folder() -> Path:
    """Folder of the compiled kernels, created on first use.

    A folder that cannot be written, or that others can write to, is replaced by a temporary one
    with a logged warning: kernels are then compiled once per process instead of once per machine.
    """
    name = f"kernels-{kernel_hash()[:16]}-numba{numba.__version__}"
    try:
        parent = _user_cache()
        folder = parent / name
        new = not folder.exists()
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        reason = why_not_private(parent) or why_not_private(folder)
        if reason:
            raise PermissionError(reason)
        os.utime(folder)
        # mkdir succeeds on a folder that exists but is read-only; only a write tells.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: Path.home() without a home
        fallback = Path(tempfile.mkdtemp(prefix="toposcope-"))
        atexit.register(shutil.rmtree, fallback, ignore_errors=True)
        logger.warning(
            "kernel cache cannot be used (%s); compiling into %s for this process only. "
            "Set TOPOSCOPE_CACHE to a writable folder of your own.",
            error,
            fallback,
        )
        return fallback
    if new:
        _prune(folder.parent)
    return folder


def _prune(parent: Path) -> None:
    """Remove kernel folders of other versions that nobody has used for a week.

    The newest `_KEPT_FOLDERS` stay in any case. A process that still works with an old version
    has touched its folder when it started.
    """
    folders = []
    for path in parent.glob("kernels-*-numba*"):
        with suppress(FileNotFoundError):  # another process prunes at the same time
            folders.append((path.stat().st_mtime, path))
    now = time.time()
    for used, path in sorted(folders, reverse=True)[_KEPT_FOLDERS:]:
        if now - used > _KEPT_SECONDS:
            # A folder that cannot be removed costs some megabytes and harms nobody.
            shutil.rmtree(path, ignore_errors=True)


def kernel(function: Function) -> Function:
    """Compile a function with Numba on first call: no GIL, cached on disk, strict arithmetic.

    `fastmath` stays off: the kernels compare filtration values for equality, and reassociated
    sums would make results depend on the machine.
    """
    # Numba reads CACHE_DIR while decorating; other libraries must not inherit ours.
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        compiled: Any = numba.njit(cache=True, nogil=True)(function)
        compiled._cache._cache_file = CheckedFiles.instead_of(compiled._cache._cache_file)
    finally:
        numba.config.CACHE_DIR = before
    return compiled  # type: ignore[no-any-return]
