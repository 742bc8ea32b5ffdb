"""How much is read from a file before it is refused: looked at before anything is allocated.

A file of a megabyte can say that it unpacks to a terabyte. Every reader asks here first, by a name
that its message gives; a limit that is in the way is raised by the environment variable it names.
"""

from __future__ import annotations

import errno
import os

from toposcope.errors import UsageError

LIMITS = {
    "JSON": 1 << 28,
    "SAMPLES": 50_000_000,
    "ARRAY": 1 << 36,
    "TABLE": 1 << 34,
    "LINE": 1 << 26,
    "PIXELS": 100_000_000,
    "TOML": 1 << 24,
    "RATIO": 500,
}
"""By name: bytes of a JSON file; rows of samples.parquet; bytes of one array; bytes of a table when
unpacked; bytes of one line of text; pixels of a picture; bytes of a TOML file; how many times
larger than itself a compressed file of more than 64 MiB may become."""

UNITS = {"SAMPLES": "rows", "PIXELS": "pixels", "RATIO": "times its size"}
FREE = 1 << 26
"""What unpacks to less than this is never a bomb."""


def limit(name: str) -> int:
    """A limit: `LIMITS`, or what TOPOSCOPE_MAX_<name> says.

    Examples
    --------
    >>> limit("PIXELS")
    100000000
    """
    given = os.environ.get(f"TOPOSCOPE_MAX_{name}")
    if given is None:
        return LIMITS[name]
    try:
        value = int(float(given))
    except (ValueError, OverflowError):
        value = 0
    if value < 1:
        msg = f"TOPOSCOPE_MAX_{name}={given!r}: needed is a number of {unit(name)}, 1 or more."
        raise UsageError(msg)
    return value


def unit(name: str) -> str:
    """What a limit counts."""
    return UNITS.get(name, "bytes")


def refuse_larger(size: int, name: str, *, what: str) -> None:
    """Refuse what is larger than a limit.

    Raises
    ------
    UsageError
        With both numbers and how to raise the limit.

    Examples
    --------
    >>> refuse_larger(10**9, "PIXELS", what="picture a.png")
    Traceback (most recent call last):
        ...
    toposcope.errors.UsageError: picture a.png: it has 1,000,000,000 pixels, more than the limit \
of 100,000,000. If it is what you mean, set TOPOSCOPE_MAX_PIXELS=1000000000 in the environment.
    """
    most = limit(name)
    if size > most:
        msg = (
            f"{what}: it has {size:,} {unit(name)}, more than the limit of {most:,}. If it is what "
            f"you mean, set TOPOSCOPE_MAX_{name}={size} in the environment."
        )
        raise UsageError(msg)


def refuse_bomb(packed: int, unpacked: int, *, what: str) -> None:
    """Refuse a compressed file that becomes very many times larger than it is.

    Examples
    --------
    >>> refuse_bomb(10**6, 10**8, what="a.npz")
    """
    if unpacked > FREE:
        refuse_larger(unpacked // max(packed, 1), "RATIO", what=what)


def refuse_long(place: str | os.PathLike[str], *, what: str) -> None:
    """Refuse a name that is too long for the file system it would be looked up in.

    Parameters
    ----------
    place
        A path.
    what
        What it was given as, for the message.

    Examples
    --------
    >>> refuse_long("run", what="store=")
    >>> refuse_long("a" * 5000, what="store=")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    toposcope.errors.UsageError: store=: a name of 5,000 characters, aaaa...
    """
    try:
        os.lstat(place)
    except ValueError:  # a NUL, which is refused elsewhere
        return
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return
        text = os.fspath(place)
        msg = (
            f"{what}: a name of {len(text):,} characters, {text[:40]}..., is longer than any file "
            "has. Pass the name of a file or folder."
        )
        raise UsageError(msg) from error
