"""One tensor as one object: safetensors, written without a copy and read strictly as a map."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import DamagedError
from toposcope.store.objects import Objects, content_hash

MAX_HEADER_BYTES = 1 << 20
"""A safetensors header of one tensor takes under 200 bytes; a larger one is not ours."""

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


def map_shard(objects: Objects, name: str, expected: str) -> NDArray[Any]:
    """Strictly read a safetensors object of one tensor as a read-only map."""
    where = objects.where(name)
    try:
        raw = objects.map(name)
    except (OSError, ValueError) as error:
        msg = f"shard {where} cannot be read ({error}). Capture again into a new folder."
        raise DamagedError(msg) from error
    if content_hash(raw.data) != expected:
        msg = f"shard {where} does not match its recorded hash: its bytes were changed or cut."
        raise DamagedError(msg)
    (size,) = struct.unpack("<Q", raw[:8].tobytes())
    if size > MAX_HEADER_BYTES:
        msg = f"shard {where} has a header of {size:,} bytes; ours are below 1 MiB."
        raise DamagedError(msg)
    entry = json.loads(raw[8 : 8 + size].tobytes())["rows"]
    dtype = np.dtype(DTYPES[entry["dtype"]])
    begin, end = entry["data_offsets"]
    body = raw[8 + size + begin : 8 + size + end]
    return body.view(dtype).reshape(entry["shape"])
