"""What an error of somebody else's code said, in one plain line for a message of ours."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def reason_of(error: BaseException, *, limit: int = 300) -> str:
    r"""Kind of an error and the first line of what it says, without colors of a terminal.

    Examples
    --------
    >>> reason_of(ValueError("\x1b[1mtoo small\x1b[0m: 3\nmore"))
    'ValueError: too small: 3'
    >>> reason_of(AssertionError())
    'AssertionError, without a message'
    """
    kind = type(error).__name__
    text = _ESCAPES.sub("", str(error)).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return f"{kind}, without a message"
    first = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
    return f"{kind}: {first[:limit].rstrip('.')}"
