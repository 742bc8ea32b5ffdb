"""A claim as a value: what a paper says, over which units, and the rule that decides it.

A rule is written down in code before its data are looked at. It asks two things: the interval of
the effect over units lies beyond a threshold in the claimed direction, and the null, a world in
which nothing of the claim is true, does not do as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from toposcope.errors import UsageError
from toposcope.inputs import parameters


class Unit(StrEnum):
    """What is independent: what another sample of the study would draw anew."""

    DRAW = "draw"
    NETWORK = "network"
    IMAGE = "image"
    PAIR = "pair"
    CONFIGURATION = "configuration"
    """Networks that differ in nothing but their seed, together."""
    SEED = "seed"
    """Networks of one seed that differ in one thing, together."""


class Direction(StrEnum):
    """Where the effect lies if the claim is true."""

    ABOVE = "above"
    """Above the threshold."""
    BELOW = "below"
    """Below the threshold."""
    WITHIN = "within"
    """Between -threshold and threshold: equivalence; the threshold is the margin."""


@dataclass(frozen=True)
class Rule:
    """When a claim is confirmed, and when it is refuted.

    Confirmed: the whole interval lies beyond `threshold` in the direction of the claim, it still
    reaches `least`, and the test against the null gives p <= 1 - level. Refuted: the interval lies
    short of `least` as a whole, or the null does more. Undecided otherwise.

    Parameters
    ----------
    direction
        Where the effect lies if the claim is true.
    threshold
        What the interval has to be beyond; the margin for `Direction.WITHIN`.
    least
        The smallest effect that would be what the claim says; None for the threshold itself.
    level
        Coverage of the intervals of all claims of a study together; 1 - level is the size of all
        of its tests together.
    fewest
        Fewer units than this are refused before anything is measured.
    beyond
        How the null is held against the data: True asks that the mean of the units lies beyond
        that of their nulls, False only reports it (for claims of a share, whose null is a rate).
    """

    direction: Direction = Direction.ABOVE
    threshold: float = 0.0
    least: float | None = None
    level: float = 0.95
    fewest: int = 8
    beyond: bool = True

    def __post_init__(self) -> None:
        parameters.level(self.level, call="Rule()")
        parameters.whole(self.fewest, "fewest", call="Rule()", low=3)
        within = self.direction == Direction.WITHIN
        if within and not self.threshold > 0:
            msg = f"Rule(): the margin of an equivalence is above 0; got threshold={self.threshold}"
            raise UsageError(msg)
        if within and self.least is not None:
            msg = "Rule(): an equivalence has a margin (threshold=) and no least effect."
            raise UsageError(msg)
        if self.least is not None and self.sign * (self.least - self.threshold) < 0:
            msg = (
                f"Rule(): least={self.least} lies short of threshold={self.threshold}: an effect "
                "could be confirmed and too small at once."
            )
            raise UsageError(msg)

    @property
    def sign(self) -> int:
        """1 when larger effects speak for the claim, -1 when smaller ones do."""
        return -1 if self.direction == Direction.BELOW else 1

    @property
    def needed(self) -> float:
        """The smallest effect that would be what the claim says."""
        return self.threshold if self.least is None else self.least


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper that can be true or false.

    Parameters
    ----------
    id
        Short name, such as "W1".
    paper
        Where it is said.
    sentence
        As claimed.
    unit
        The unit of replication.
    statistic
        The number that every unit has, in words.
    rule
        What decides.
    null
        The world in which it must not come out, in words.
    choices
        Names of the variants that are decided beside the main one: those that could flip it.
    main
        What the main variant takes for those choices, in words.
    """

    id: str
    paper: str
    sentence: str
    unit: Unit
    statistic: str
    rule: Rule
    null: str
    choices: tuple[str, ...] = ()
    main: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The claim that `as_dict` wrote."""
        rule = {**plain["rule"], "direction": Direction(plain["rule"]["direction"])}
        kept = {**plain, "unit": Unit(plain["unit"]), "choices": tuple(plain["choices"])}
        return cls(**{**kept, "rule": Rule(**rule)})
