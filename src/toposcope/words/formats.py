"""How lists, shares, changes and counts read in a sentence: one home for each."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.stats import percent


def few(names: Sequence[str], *, shown: int = 3) -> str:
    """A few names and how many more.

    >>> few(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def first_to_last(names: Sequence[str], *, shown: int = 4) -> str:
    """Names in an order: all of them, or the first two and the last.

    >>> first_to_last(["a", "b"]), first_to_last(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b … e')
    """
    if len(names) <= shown:
        return ", ".join(names)
    return f"{', '.join(names[:2])} … {names[-1]}"


def all_of(names: Sequence[str]) -> str:
    """All names, the last after "and".

    >>> all_of(["a"]), all_of(["a", "b"]), all_of(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def share(value: float) -> str:
    """A share of the whole, in whole percent.

    >>> share(0.354)
    '35 %'
    """
    return f"{100 * value:.0f} %"


def level_text(level: float) -> str:
    """A coverage.

    >>> level_text(0.95), level_text(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * level:g} %"


def signed(change: float) -> str:
    """A relative change with a real minus sign; a factor above tenfold.

    >>> signed(0.5), signed(-0.5), signed(11.0)
    ('+50 %', '−50 %', '×12')
    """
    return minus(percent(change)).replace("x", "×")


def minus(text: str) -> str:
    """Text with real minus signs.

    >>> minus("-1 [-2, 0]")
    '−1 [−2, 0]'
    """
    return text.replace("-", "−")


def count(value: int | None) -> str:
    """A whole number with thousands separated; empty when it is not known.

    >>> count(4000), count(None)
    ('4,000', '')
    """
    return "" if value is None else f"{int(value):,}"
