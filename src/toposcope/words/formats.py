"""How numbers, names and steps are written: each in one way, everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from toposcope.findings.places import Step
from toposcope.stats.intervals import agreeing

MISSING = "–"
MOST_DIGITS = 6
"""Digits that are shown of a number at most: beyond them float32 activations have none."""
VAGUE = ("model", "models", "final", "best", "last", "checkpoint", "checkpoints", "snapshot")
"""Last folders of a path that say nothing about the model; the one above is shown too."""


def percent(change: float) -> str:
    """A relative change, in ASCII: -35 %, +0.4 %, x12 for more than tenfold.

    >>> percent(-0.35), percent(0.004), percent(11.0)
    ('-35 %', '+0.4 %', 'x12')

    What is small keeps a digit that is not 0; nothing, or rounding of the arithmetic, has no sign:

    >>> percent(-0.0002), percent(1e-8), percent(-1e-15)
    ('-0.02 %', 'under 0.0001 %', '0 %')
    """
    if math.isinf(change):
        return "∞"
    if change >= 9.0:
        return f"x{change + 1:.3g}"
    size = abs(100 * change)
    if size < 1e-7:
        return "0 %"
    if size < 1e-4:
        return "under 0.0001 %"
    if size < 0.05:
        return f"{100 * change:+.1g} %"
    digits = 0 if size >= 9.95 else 1
    return f"{100 * change:+.{digits}f} %"


def signed(change: float) -> str:
    """A relative change with a true minus sign.

    >>> signed(-0.5), signed(float("nan"))
    ('−50 %', '∞')
    """
    if not math.isfinite(change):
        return "∞"
    return minus(percent(change)).replace("x", "×")


def plus(value: float, decimals: int = 2) -> str:
    """A number with its sign, in ASCII; what would round to 0 keeps a digit, and 0 has no sign.

    >>> plus(0.333), plus(-0.004), plus(-1.0, 1), plus(-1e-17)
    ('+0.33', '-0.004', '-1.0', '0.00')
    """
    text = f"{value:+.{decimals}f}"
    if text.strip("+-0."):
        return text
    return f"{value:+.1g}" if abs(value) >= 1e-4 else text[1:]


def minus(text: str) -> str:
    """Numbers with true minus signs.

    >>> minus("-0.5 [-1, 2]")
    '−0.5 [−1, 2]'
    """
    return text.replace("-", "−")


def share(value: float, decimals: int = 0) -> str:
    """A share of the whole, in percent.

    >>> share(0.354), share(0.3333, 1)
    ('35 %', '33.3 %')
    """
    return f"{100 * value:.{decimals}f} %"


def level_text(level: float) -> str:
    """A coverage, as exactly as it is given.

    >>> level_text(0.95), level_text(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * level:g} %"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and a true minus sign.

    >>> number(-0.12345), number(float("nan"))
    ('−0.123', '–')
    """
    return minus(f"{value + 0.0:.{digits}g}") if math.isfinite(value) else MISSING  # no -0


def upper(value: float, digits: int = 3) -> str:
    """A number rounded up, for what is said to lie at or below it.

    >>> upper(1 / 128, 2), upper(0.05, 2), upper(-1.234, 2)
    ('0.0079', '0.05', '−1.2')
    """
    return _bound(value, digits, 1)


def lower(value: float, digits: int = 3) -> str:
    """A number rounded down, for what is said to lie at or above it.

    >>> lower(0.9983, 2), lower(1 / 128, 2), lower(1.0, 2)
    ('0.99', '0.0078', '1')
    """
    return _bound(value, digits, -1)


def _bound(value: float, digits: int, side: int) -> str:
    if not math.isfinite(value) or value == 0:
        return number(value, digits)
    rounded = float(f"{value:.{digits}g}")
    if side * (value - rounded) > 1e-12 * abs(value):
        rounded += side * 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    return number(rounded, digits)


def with_interval(
    value: float, low: float, high: float, digits: int = 3, *, differs: bool | None = None
) -> str:
    """A number with its interval, where it has one.

    `differs` is what a test beside it says of 0, None where there is none: the interval then
    includes 0 exactly where the test does not reject it.

    >>> with_interval(0.12345, 0.1, 0.2), with_interval(300, float("nan"), float("nan"))
    ('0.123 [0.1, 0.2]', '300')

    Ends that differ are written so that they do:

    >>> with_interval(0.99976, 0.99971, 0.99981)
    '0.9998 [0.9997, 0.9998]'

    An end at 0 that the test beside it excludes is open:

    >>> with_interval(6.4, -0.8, 13.7, differs=True), with_interval(6.4, 0.8, 13.7, differs=False)
    ('6.4 (0, 13.7]', '6.4 [0, 13.7]')
    """
    if differs is not None:
        low, high = agreeing(value, low, high, rejects=differs)
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high)):
        return number(value, digits)
    while low < high and digits < MOST_DIGITS and number(low, digits) == number(high, digits):
        digits += 1
    left = "(" if differs and low == 0 else "["
    right = ")" if differs and high == 0 else "]"
    return f"{number(value, digits)} {left}{number(low, digits)}, {number(high, digits)}{right}"


def count(value: int | None) -> str:
    """A whole number with thousands separated; empty when it is not known.

    >>> count(4000), count(None)
    ('4,000', '')
    """
    return "" if value is None else f"{int(value):,}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows aligned in columns.

    >>> print(columns([["score", "tau"], ["knn", "+0.8"]]))
    score  tau
    knn    +0.8
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def all_of(names: Sequence[str]) -> str:
    """All names.

    >>> all_of(["a"]), all_of(["a", "b"]), all_of(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    if len(names) <= 2:
        return " and ".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def few(names: Iterable[str], *, shown: int = 3) -> str:
    """The first names and how many more, each once.

    >>> few(["a", "b", "a", "c", "d"])
    'a, b, c and 1 more'
    """
    distinct = list(dict.fromkeys(names))
    rest = len(distinct) - shown
    return ", ".join(distinct[:shown]) + (f" and {rest} more" if rest > 0 else "")


def runs_of(names: Sequence[str], order: Sequence[str], *, shown: int = 4) -> str:
    """Some of an ordered set of names: short, and without hiding any exception.

    Parameters
    ----------
    names, order
        Those meant, in the order of all.
    shown
        So many are named one by one; more become "all but", or stretches from one to another.

    Examples
    --------
    >>> order = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    >>> runs_of(["b", "d"], order), runs_of(order, order)
    ('b, d', 'all')
    >>> runs_of(["a", "b", "c", "e", "f", "g", "h", "i"], order)
    'all but d'
    >>> runs_of(["a", "b", "c", "e", "h"], order)
    'a to c, e, h'
    """
    chosen = set(names)
    if len(names) <= min(shown, len(order) - 1):
        return ", ".join(names)
    left = [name for name in order if name not in chosen]
    if not left:
        return "all"
    if len(left) <= 3:
        return f"all but {', '.join(left)}"
    stretches: list[list[str]] = [[]]
    for name in order:
        if name in chosen:
            stretches[-1].append(name)
        elif stretches[-1]:
            stretches.append([])
    return ", ".join(
        f"{one[0]} to {one[-1]}" if len(one) > 2 else ", ".join(one) for one in stretches if one
    )


def short_name(model: str) -> str:
    """What people call a model: the last part of its spec that says something.

    >>> short_name("py:examples.cifar_resnet:resnet20"), short_name("hf:nets/minilm/model")
    ('resnet20', 'minilm/model')
    """
    last = model.rpartition(":")[2] or model
    parts = [part for part in last.split("/") if part not in ("", ".", "..")]
    if not parts:
        return last
    stem = parts[-1].partition("@")[0].lower()
    vague = stem in VAGUE or stem.isdigit() or stem.startswith("checkpoint-")
    return "/".join(parts[-2:] if vague else parts[-1:])


def step_number(step: Step | None) -> str:
    """The number of a step; empty without one.

    >>> step_number(Step(1200.0)), step_number(Step(0.25, "epoch")), step_number(None)
    ('1,200', '0.25', '')
    """
    if step is None:
        return ""
    return f"{int(step.value):,}" if step.value.is_integer() else repr(step.value)


def step_text(step: Step | None) -> str:
    """A step with its unit; empty without one.

    >>> step_text(Step(1200.0)), step_text(Step(0.25, "epoch"))
    ('step 1,200', 'epoch 0.25')
    """
    return "" if step is None else f"{step.unit} {step_number(step)}"


def step_cell(step: Step | None) -> str:
    """A step in a column of steps: its unit only where that is another one.

    >>> step_cell(Step(1200.0)), step_cell(Step(0.25, "epoch"))
    ('1,200', 'epoch 0.25')
    """
    return step_number(step) if step is None or step.unit == "step" else step_text(step)
