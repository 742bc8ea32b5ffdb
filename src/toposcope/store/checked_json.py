"""JSON that carries the hash of itself, as bytes: what every small file of a folder is.

The hash stands first and is over all bytes that follow and the name of the file, so that a flipped
bit, a cut and two files that changed places are found by whoever reads one of them, before a value
is used. It is no signature: who forges a file can forge the hash. Files of earlier versions have
none; they are read, and `verify` says that nothing vouches for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from toposcope.errors import DamagedError

CHECKSUM = re.compile(rb'\{\n "checksum": "xxh3:([0-9a-f]{32})"')
MARKS = (b'"checksum"', b'"xxh3:')
"""Either of them near the beginning tells that there was a hash; one flip does not reach both."""
LIST = "items"
"""A list is kept under this name, since a bare one has no place for a hash."""

AGAIN = "Delete it and run the command again."


def pack(name: str, value: object) -> bytes:
    """Bytes of a JSON file with its hash; keys sorted, so that equal values give equal bytes.

    Parameters
    ----------
    name
        Of the file: the last part counts, so that a folder can be moved.
    value
        A mapping or a list of plain values.

    Examples
    --------
    >>> data = pack("x/a.json", {"b": 1, "a": [2]})
    >>> unpack("a.json", data, where="a.json"), json.loads(data)["a"]
    ({'a': [2], 'b': 1}, [2])
    """
    if isinstance(value, list | tuple):
        value = {LIST: list(value)}
    elif not isinstance(value, Mapping) or "checksum" in value or set(value) == {LIST}:
        msg = f"{name}: a JSON file of a store holds a mapping or a list, got {type(value)}."
        raise TypeError(msg)
    body = json.dumps(dict(value), sort_keys=True, indent=1)[1:].encode() + b"\n"
    rest = (b"," if value else b"\n") + body
    return b'{\n "checksum": "xxh3:' + _hash(name, rest).encode() + b'"' + rest


def is_checked(data: bytes) -> bool:
    """Whether bytes carry a hash of themselves, or did before they were damaged.

    >>> is_checked(pack("a", {})), is_checked(b"{}")
    (True, False)
    """
    return any(mark in data[:96] for mark in MARKS)


def unpack(name: str, data: bytes, *, where: str, again: str = AGAIN) -> Any:
    """The value of a JSON file, its hash checked where it has one.

    Parameters
    ----------
    name, data
        Of the file.
    where, again
        For messages: its place, and what to do about damage.

    Raises
    ------
    DamagedError
        When the bytes are not those that were written, or no JSON.
    """
    match = CHECKSUM.match(data)
    if match is None:
        if is_checked(data):
            msg = f"{where} does not match its recorded hash: its bytes were changed. {again}"
            raise DamagedError(msg)
        return parse(data, where=where, again=again)
    rest = data[match.end() :]
    if _hash(name, rest).encode() != match[1]:
        msg = (
            f"{where} does not match its recorded hash: its bytes were changed, or it was swapped "
            f"with another file. {again}"
        )
        raise DamagedError(msg)
    value = parse(b"{" + rest.removeprefix(b","), where=where, again=again)
    return value[LIST] if isinstance(value, dict) and set(value) == {LIST} else value


def parse(data: bytes, *, where: str, again: str = AGAIN) -> Any:
    """JSON of any origin; what cannot be read is an error that names the file.

    Nesting deeper than Python's stack and numbers of thousands of digits are refused too.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # bad JSON and bad UTF-8 are ValueErrors
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        msg = f"{where} is not readable JSON ({what[:200]}). {again}"
        raise DamagedError(msg) from error


def _hash(name: str, rest: bytes) -> str:
    import xxhash

    digest = xxhash.xxh3_128(name.rpartition("/")[2].encode() + b"\0")
    digest.update(rest)
    return str(digest.hexdigest())
