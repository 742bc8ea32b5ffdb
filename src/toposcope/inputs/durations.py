"""How long something takes, as people read it."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """A time as people read it.

    >>> clock(0.4), clock(48.2), clock(250), clock(9000)
    ('1 s', '48 s', '4 min', '2.5 h')
    """
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(44), duration(150), duration(5400)
    ('44 s', '2.5 min', '1.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400 else f"{seconds / 3600:.2g} h"
