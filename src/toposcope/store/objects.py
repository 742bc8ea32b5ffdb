"""Objects on disk: placed whole or not at all, hashed, locked, and read strictly.

`put` is the only write primitive of the project (tmp file, fsync, rename, fsync of the folder), so
that the layouts built on it survive a kill at any moment and would work on object storage.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError, RunLockedError

MAX_HEADER_BYTES = 1 << 20
"""A safetensors header of one tensor takes under 200 bytes; a larger one is not ours."""


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
    """Place a JSON object, keys sorted so that equal values give equal bytes."""
    put(path, (json.dumps(value, sort_keys=True, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON object; damage is an error that names the file."""
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not readable JSON ({error}). Delete it and run the command again."
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


def shard_header(values: NDArray[Any]) -> bytes:
    """What stands before the values in a safetensors file of the one tensor `rows`.

    Written by hand because `safetensors.numpy.save` copies the values: half of the processor time
    of storing feature volumes.

    Examples
    --------
    >>> from safetensors.numpy import load
    >>> values = np.arange(6.0).reshape(2, 3)
    >>> bool((load(shard_header(values) + values.tobytes())["rows"] == values).all())
    True
    """
    code = next(name for name, kept in DTYPES.items() if np.dtype(kept) == values.dtype)
    entry = {"dtype": code, "shape": list(values.shape), "data_offsets": [0, values.nbytes]}
    text = json.dumps({"rows": entry}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


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


def map_shard(path: Path, expected: str) -> NDArray[Any]:
    """Strictly read a safetensors file of one tensor as a memory map."""
    try:
        raw = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        msg = f"shard {path} cannot be read ({error}). Capture again into a new folder."
        raise DamagedError(msg) from error
    if content_hash(raw.data) != expected:
        msg = f"shard {path} does not match its recorded hash: its bytes were changed or cut."
        raise DamagedError(msg)
    (size,) = struct.unpack("<Q", raw[:8].tobytes())
    if size > MAX_HEADER_BYTES:
        msg = f"shard {path} has a header of {size:,} bytes; ours are below 1 MiB."
        raise DamagedError(msg)
    entry = json.loads(raw[8 : 8 + size].tobytes())["rows"]
    dtype = np.dtype(DTYPES[entry["dtype"]])
    begin, end = entry["data_offsets"]
    body = raw[8 + size + begin : 8 + size + end]
    return body.view(dtype).reshape(entry["shape"])


DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1"}
STORED_TYPES = tuple(np.dtype(code) for code in DTYPES.values())
