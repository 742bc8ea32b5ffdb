"""What a check says: a decision, and the numbers it rests on. Sentences are in `words.validity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

import numpy as np


class Decision(StrEnum):
    """Whether what one would like to be true is."""

    HOLDS = "holds"
    IN_PART = "holds in part"
    FAILS = "fails"
    UNDECIDED = "undecided"
    NOT_CHECKED = "not checked"


class Quantity(StrEnum):
    """What a number of a verdict is."""

    DRIFT = "drift"
    """A statistic at `size` points, relative to all points."""
    UNEQUAL_N = "unequal_n"
    """Distance of diagrams of n to 2 n points, over that of n to n."""
    GROWTH = "growth"
    """Exponent with which a sum grows from `size` to all points; 1 is an infinite dimension."""
    PREDICTION = "prediction"
    """A sum at all points over what its growth up to `size` points leads to, less 1."""
    ORDER = "order"
    """Share of the `pairs` of layers told apart that are so, the same way, at `size` points."""
    SHIFT = "shift"
    """What leaving out outliers moves beyond random points, over the distance of two draws."""
    OUTLIER_SHARE = "outlier_share"
    """Share of the points that LOF flags."""
    DIAGRAM_SHIFT = "diagram_shift"
    """The same of diagrams: their distance over that of two draws without outliers."""
    TREND = "trend"
    """Spearman's rho of a statistic with depth, under a normalization."""
    CONTRAST = "contrast"
    """Coefficient of variation of the distances between directions: norms are divided out."""
    RAW_CONTRAST = "raw_contrast"
    """The same of the distances as they are, which heavy tails alone can raise."""
    GAUSSIAN_CONTRAST = "gaussian_contrast"
    """That of a Gaussian of the same covariance."""
    NEAREST = "nearest"
    """Mean over nearest distance."""
    AGREEMENT = "agreement"
    """Spearman's rho between layer curves of two draws, under two metrics."""
    REPEATS = "repeats"
    """The same under one metric: whether there is an order at all."""


class Meaning(StrEnum):
    """What a number says of the claim."""

    NOTHING = ""
    STABLE = "stable"
    NOT_STABLE = "not stable"
    ORDER_KEPT = "order kept"
    ORDER_CHANGES = "order changes"
    BELOW_NOISE = "below the noise"
    ABOVE_NOISE = "above the noise"
    UNDECIDED = "undecided"
    RISES = "rises"
    FALLS = "falls"
    NO_TREND = "no clear trend"
    REPEATED = "repeats"
    NO_ORDER = "no clear order"
    CLEAR = "clear"
    BETWEEN = "between"
    CONCENTRATED = "too concentrated"
    AGREES = "agrees"
    IN_PART = "in part"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True)
class Number:
    """One number that was weighed.

    Parameters
    ----------
    quantity
        What it is.
    value, low, high
        The number with its interval; NaN where there is none.
    n
        Number of independent units behind it (disjoint draws).
    meaning
        What it says of the claim.
    layer, statistic, degree, condition
        Of which layer, of which statistic in which degree of homology, and under which condition
        of `analysis.validity_checks`; "" and None where that is no question.
    size
        Number of points, where clouds of several sizes are compared.
    pairs
        Number of pairs of layers, where those are counted.
    """

    quantity: Quantity
    value: float
    low: float = np.nan
    high: float = np.nan
    n: int = 0
    meaning: Meaning = Meaning.NOTHING
    layer: str = ""
    statistic: str = ""
    degree: int | None = None
    condition: str = ""
    size: int | None = None
    pairs: int | None = None

    def __str__(self) -> str:
        interval = f" [{self.low:.3g}, {self.high:.3g}]" if np.isfinite(self.low) else ""
        return f"{self.value:.3g}{interval}"


@dataclass(frozen=True)
class Part:
    """The decision on one degree of homology.

    Parameters
    ----------
    degree
        Of homology; None where a check is not about diagrams.
    decision
        Whether the claim holds there.
    shown, refuted, count
        Numbers that were shown to be as the claim says, and not to be; of how many.
    """

    degree: int | None
    decision: Decision
    shown: int
    refuted: int
    count: int


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    Parameters
    ----------
    name
        Of the check: one of `analysis.validity_checks.CHECKS`.
    decision
        Whether its claim holds.
    numbers
        Everything that was weighed.
    measured
        Whether there are any measurements.
    reasons
        Why some layers have none: reason -> layers.
    normalization
        The normalization of the analysis that is judged.
    parts
        The decision by degree of homology. What one form of a check says is compared with what
        another says part by part.
    points
        Points of the largest clouds it is about.
    """

    name: str
    decision: Decision
    numbers: Sequence[Number] = field(default=(), repr=False)
    measured: bool = True
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    normalization: str = ""
    parts: Sequence[Part] = ()
    points: int = 0

    def of(self, *quantities: Quantity) -> list[Number]:
        """The numbers of some quantities, in their order."""
        return [number for number in self.numbers if number.quantity in quantities]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; numbers that are not finite become None."""
        plain = asdict(self)
        plain["numbers"] = [
            {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in one.items()}
            for one in plain["numbers"]
        ]
        plain["reasons"] = {reason: list(layers) for reason, layers in self.reasons.items()}
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The verdict that `as_dict` wrote."""
        numbers = []
        for one in plain["numbers"]:
            ends = {k: np.nan if one[k] is None else one[k] for k in ("value", "low", "high")}
            kinds = {
                "quantity": Quantity(one["quantity"]),
                "meaning": Meaning(one["meaning"]),
            }
            numbers.append(Number(**{**one, **ends, **kinds}))
        parts = [Part(**{**one, "decision": Decision(one["decision"])}) for one in plain["parts"]]
        read = {"decision": Decision(plain["decision"]), "numbers": tuple(numbers)}
        return cls(**{**plain, **read, "parts": tuple(parts)})
