"""What a study says: a claim, whether it holds here, the numbers behind it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

HOLDS, IN_PART, FAILS, UNDECIDED, NOT_CHECKED = (
    "holds",
    "holds in part",
    "fails",
    "undecided",
    "not checked",
)
VERDICTS = (HOLDS, IN_PART, FAILS, UNDECIDED, NOT_CHECKED)


@dataclass(frozen=True)
class Number:
    """One measured number of a study.

    Parameters
    ----------
    what, where
        Which number, and of what: a layer, a condition, a pair.
    value, low, high
        The number with its interval; NaN where there is none.
    n
        Number of independent units behind it (disjoint draws, networks).
    word
        What it means for the claim: "stable", "falls", "too concentrated"; "" where nothing.
    """

    what: str
    where: str
    value: float
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    word: str = ""

    def __str__(self) -> str:
        interval = f" [{self.low:.3g}, {self.high:.3g}]" if np.isfinite(self.low) else ""
        return f"{self.value:.3g}{interval}"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check or hypothesis.

    Parameters
    ----------
    name
        Of the check: "outliers".
    claim
        What would be good to know, as a statement: "Outliers do not decide the numbers."
    verdict
        One of `VERDICTS`.
    text
        Why, in a sentence or two with the decisive numbers.
    advice
        What to do; "" when nothing.
    rule
        How the verdict follows from the numbers, fixed before looking.
    numbers
        Everything that was weighed.
    """

    name: str
    claim: str
    verdict: str
    text: str
    advice: str = ""
    rule: str = ""
    numbers: Sequence[Number] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; numbers that are not finite become None."""
        plain = asdict(self)
        plain["numbers"] = [
            {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in one.items()}
            for one in plain["numbers"]
        ]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The verdict that `as_dict` wrote."""
        numbers = []
        for one in plain["numbers"]:
            values: dict[str, Any] = {k: np.nan if v is None else v for k, v in one.items()}
            numbers.append(Number(**values))
        return cls(**{**plain, "numbers": tuple(numbers)})


def plain_text(verdicts: Sequence[Verdict]) -> str:
    """Verdicts for a terminal: one paragraph each.

    >>> print(plain_text([Verdict("x", "All is well.", "holds", "5 of 5 layers.")]))
    HOLDS          All is well.
                   5 of 5 layers.
    """
    import textwrap

    lines = []
    for one in verdicts:
        lines.append(f"{one.verdict.upper():<15}{one.claim}")
        for text in (one.text, one.advice):
            lines += textwrap.wrap(text, 84, initial_indent=" " * 15, subsequent_indent=" " * 15)
    return "\n".join(lines)
