"""One tensor as one object: safetensors, written without a copy and read strictly as a map."""

from __future__ import annotations

import json
import math
import mmap
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError
from toposcope.store.checked_json import parse
from toposcope.store.objects import Objects, content_hash
from toposcope.store.shapes import expect

MAX_HEADER_BYTES = 1 << 20
"""A safetensors header of one tensor takes under 200 bytes; a larger one is not ours."""

AGAIN = "Capture again into a new folder."
SHAPE = {"dtype": str, "shape": [int], "data_offsets": [int]}
DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1"}
STORED_TYPES = tuple(np.dtype(code) for code in DTYPES.values())


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


def map_shard(
    objects: Objects, name: str, expected: str, *, shape: tuple[int, ...], dtype: str
) -> NDArray[Any]:
    """Strictly read a safetensors object of one tensor of known sizes as a read-only map."""
    where = objects.where(name)
    try:
        raw = objects.map(name)
    except (OSError, ValueError) as error:
        msg = f"shard {where} cannot be read ({error}). Capture again into a new folder."
        raise DamagedError(msg) from error
    if content_hash(raw.data) != expected:
        msg = f"shard {where} does not match its recorded hash: its bytes were changed or cut."
        raise DamagedError(msg)
    values = tensor_in(raw, where=where)
    if values.shape != tuple(shape) or values.dtype != np.dtype(dtype):
        msg = f"{where} holds {values.dtype}{values.shape}, not {shape}."
        raise DamagedError(msg)
    return values


def let_go(values: NDArray[Any]) -> None:
    """Give the pages of a mapped file back; what is touched again is read again.

    Arrays that are no maps of files stay as they are.
    """
    memory: Any = values
    while isinstance(memory, np.ndarray) and not isinstance(memory, np.memmap):
        memory = memory.base
    mapped = getattr(memory, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def tensor_in(raw: NDArray[np.uint8], *, where: str) -> NDArray[Any]:
    """The one tensor `rows` of a safetensors file, as a view of its bytes.

    Raises
    ------
    DamagedError
        When the header is too long, says more than there is, or anything else than we write.

    Examples
    --------
    >>> values = np.arange(6.0).reshape(2, 3)
    >>> data = np.frombuffer(shard_header(values) + values.tobytes(), dtype=np.uint8)
    >>> tensor_in(data, where="a").tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    size = int.from_bytes(raw[:8].tobytes(), "little")
    if len(raw) < 8 or size > min(MAX_HEADER_BYTES, len(raw) - 8):
        msg = f"shard {where} has a header of {size:,} bytes; ours are below 1 MiB. {AGAIN}"
        raise DamagedError(msg)
    header = parse(raw[8 : 8 + size].tobytes(), where=f"the header of shard {where}", again=AGAIN)
    expect(header, {"rows": SHAPE}, where=f"the header of shard {where}", again=AGAIN)
    entry = header["rows"]
    dtype, (begin, end) = DTYPES.get(entry["dtype"]), (*entry["data_offsets"], 0, 0)[:2]
    room = len(raw) - 8 - size
    shape = entry["shape"]
    if (
        dtype is None
        or len(header) > 1
        or (begin, end) != (0, room)
        or any(one < 0 for one in shape)
        or math.prod(shape) * np.dtype(dtype).itemsize != room
    ):
        msg = f"shard {where} says {str(entry)[:200]} of {room:,} bytes of values. {AGAIN}"
        raise DamagedError(msg)
    return raw[8 + size :].view(np.dtype(dtype)).reshape(shape)
