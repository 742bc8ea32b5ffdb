"""What a check says: a decision, the numbers that decide, and every number that was weighed.

No sentence stands here: `words.validity` writes them from these values, and nothing reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np


class Decision(StrEnum):
    """What a check says about its claim."""

    HOLDS = "holds"
    IN_PART = "holds in part"
    FAILS = "fails"
    UNDECIDED = "undecided"
    NOT_CHECKED = "not checked"


class Meaning(StrEnum):
    """What a number means for the claim."""

    NONE = ""
    STABLE = "stable"
    MOVES = "moves"
    BEYOND_ALL = "beyond_all"
    ORDER_KEPT = "order_kept"
    ORDER_CHANGES = "order_changes"
    BELOW_NOISE = "below_noise"
    ABOVE_NOISE = "above_noise"
    UNDECIDED = "undecided"
    RISES = "rises"
    FALLS = "falls"
    NO_TREND = "no_trend"
    CLEAR = "clear"
    BETWEEN = "between"
    CONCENTRATED = "concentrated"
    AGREES = "agrees"
    IN_PART = "in_part"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True)
class Number:
    """One measured number of a study.

    Parameters
    ----------
    statistic, degree
        Which number, and its degree of homology; None for a number that is not of a diagram.
    condition
        Under which condition of the check: "lof", "zscore", "cosine"; "" where there is one only.
    size
        Number of points it was measured on, where that is what varies; else 0.
    where
        The layer; "" for a number of the whole network.
    value, low, high
        The number with its interval; NaN where there is none.
    n
        Number of independent units behind it (disjoint draws, networks).
    cases
        Number of cases a share is over; 0 where the value is no share.
    meaning
        What it means for the claim.
    """

    statistic: str
    degree: int | None = None
    condition: str = ""
    size: int = 0
    where: str = ""
    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    cases: int = 0
    meaning: Meaning = Meaning.NONE


class Missing(StrEnum):
    """Why a check could not be made."""

    NOT_MEASURED = "not_measured"
    ONE_DRAW = "one_draw"
    FEW_LAYERS = "few_layers"
    NO_LAYER = "no_layer"


@dataclass(frozen=True)
class NotChecked:
    """Nothing decides.

    Parameters
    ----------
    why
        What is missing.
    reasons
        (layers, reason of the measurement) where layers have no number.
    """

    why: Missing
    reasons: tuple[tuple[tuple[str, ...], str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check or hypothesis.

    Parameters
    ----------
    name
        Of the check: "outliers".
    verdict
        The decision.
    basis
        The numbers that decide, as a frozen dataclass of the check's own; `words.validity` has one
        function per class, and other packages register theirs there.
    numbers
        Everything that was weighed.
    """

    name: str
    verdict: Decision
    basis: Any
    numbers: Sequence[Number] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; numbers that are not finite become None."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def not_checked(name: str, why: Missing, numbers: Sequence[Number] = ()) -> Verdict:
    """The verdict of a check that could not be made."""
    return Verdict(name, Decision.NOT_CHECKED, NotChecked(why), tuple(numbers))


def _plain(value: Any) -> Any:
    """Values as JSON has them."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
