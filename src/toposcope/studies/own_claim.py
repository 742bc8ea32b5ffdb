"""A claim of the user's own, read from a TOML file: what is claimed, over which units, which null.

    id = "D1"
    sentence = "The last layer is simpler than the first."
    statistic = "lifespan_sum"
    homology_dimension = 0
    where = "last_against_first"
    unit = "network"
    direction = "below"
    null = "depth_shuffled"

Everything that can be refused without a RUN is refused here, by the name of the file and the key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from toposcope.errors import UsageError
from toposcope.inputs.toml_files import read_toml
from toposcope.pointclouds.nulls import NULLS
from toposcope.stats import target_of
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.types import near_matches


class Where(StrEnum):
    """Which number every unit has."""

    LAYER = "layer"
    """The statistic at one layer (`layer`, or the one nearest to `depth`)."""
    LAST_AGAINST_FIRST = "last_against_first"
    """The last layer minus the first; with scale "log" the logarithm of their ratio."""
    SLOPE_OVER_DEPTH = "slope_over_depth"
    """Least squares over layers, per relative depth: the change from the input to the end."""
    SLOPE_OVER_STEPS = "slope_over_steps"
    """Least squares over the steps of a SERIES at one layer: from its first step to its last."""


DEPTH_SHUFFLED, STEPS_SHUFFLED = "depth_shuffled", "steps_shuffled"
COVARIATE_PERMUTED, SIGNS_FLIPPED, MARGIN = "covariate_permuted", "signs_flipped", "margin"

NULL_WORDS = {
    DEPTH_SHUFFLED: "layers in random order inside every unit",
    STEPS_SHUFFLED: "steps in random order inside every unit",
    COVARIATE_PERMUTED: "the covariate permuted over units",
    SIGNS_FLIPPED: "units on a random side of the threshold",
    MARGIN: "an effect as large as the margin (two one-sided tests)",
}
SCALES = ("plain", "log")
UNITS = (Unit.DRAW, Unit.NETWORK, Unit.CONFIGURATION)
MEDIAN, RANKS, PEARSON = "median of draws", "ranks", "pearson"


@dataclass(frozen=True)
class OwnClaim:
    """What a claim file says.

    Parameters
    ----------
    file
        Its name.
    id, sentence
        As in `Claim`.
    statistic, homology_dimension
        As in the table of an analysis: "lifespan_sum" and 0, "betti_number@0.5" and 1, a dimension
        and None.
    where, layer, depth
        See `Where`.
    unit
        draw, network or configuration.
    direction, threshold, least, level, fewest
        As in `Rule`; `margin` in the file is the threshold of "within".
    null
        A key of `NULL_WORDS`, or a null of the analysis ("shuffled", "copula", ...).
    scale
        "log" for relative differences.
    by, groups, given
        A covariate: the effect is then the rank correlation of the unit's number with it (beside
        the columns `given`), or the mean of the first of two groups minus that of the second.
    configuration
        Columns in which networks agree that differ by their seed.
    spread, expected
        Standard deviation between units, and effect, that the writer expects: for the power.
    """

    file: str
    id: str
    sentence: str
    statistic: str
    where: Where
    unit: Unit
    direction: Direction
    null: str
    homology_dimension: int | None = None
    layer: str | None = None
    depth: float | None = None
    threshold: float = 0.0
    least: float | None = None
    level: float = 0.95
    fewest: int = 8
    scale: str = "plain"
    by: str | None = None
    groups: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()
    spread: float | None = None
    expected: float | None = None

    @property
    def rule(self) -> Rule:
        """What decides."""
        return Rule(self.direction, self.threshold, self.least, self.level, self.fewest)

    @property
    def correlates(self) -> bool:
        """Whether the effect is a correlation."""
        return self.by is not None and not self.groups

    @property
    def cloud(self) -> str | None:
        """The null clouds it is held against; None where the null is an arrangement."""
        return None if self.null in NULL_WORDS else self.null

    @property
    def choices(self) -> tuple[str, ...]:
        """What is decided beside it."""
        out = [MEDIAN] if self.unit != Unit.DRAW else []
        free = self.threshold == 0 and self.least is None and self.cloud is None
        if self.by is None and self.where == Where.LAYER:
            return tuple(out)
        if free:
            out.append(SCALES[1 - SCALES.index(self.scale)])
            if self.by is None and self.where != Where.LAST_AGAINST_FIRST:
                out.append(RANKS)
        if self.correlates:
            out.append(PEARSON)
        return tuple(out)

    @property
    def measured(self) -> str:
        """The number of a unit, in words."""
        degree = "" if self.homology_dimension is None else f" H{self.homology_dimension}"
        name = f"{self.statistic}{degree}"
        place = f"layer {self.layer}" if self.layer is not None else f"depth {self.depth}"
        log = self.scale == "log"
        told = {
            Where.LAYER: f"{'log ' * log}{name} at {place}",
            Where.LAST_AGAINST_FIRST: f"{name}, {'log of ' * log}last layer "
            f"{'over' if log else 'minus'} first",
            Where.SLOPE_OVER_DEPTH: f"slope of {'log ' * log}{name} over relative depth",
            Where.SLOPE_OVER_STEPS: f"slope of {'log ' * log}{name} at {place} over training "
            "(first step to last)",
        }[self.where]
        if self.groups:
            return f"{told}: {self.by} {self.groups[0]} minus {self.groups[1]}"
        if self.by is None:
            return told
        beside = f" beside {', '.join(self.given)}" if self.given else ""
        return f"rank correlation of {told} with {self.by}{beside}"

    @property
    def claim(self) -> Claim:
        """As a study decides it."""
        null = NULL_WORDS.get(self.null, f"null clouds of the analysis: {self.null}")
        main = f"{self.file}; it speaks about {target_of(self.unit.value)}"
        if self.unit == Unit.DRAW:
            main += " only"
        return Claim(
            self.id,
            "own claim",
            self.sentence,
            self.unit,
            self.measured,
            self.rule,
            null,
            self.choices,
            main,
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything it says, as JSON holds it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


TEXT, NUMBER, WHOLE, TEXTS = "a text", "a number", "a whole number", "a list of texts"
KEYS = {
    **dict.fromkeys(("id", "sentence", "statistic", "where", "layer", "unit"), TEXT),
    **dict.fromkeys(("direction", "null", "scale", "by"), TEXT),
    **dict.fromkeys(
        ("depth", "threshold", "margin", "least", "level", "spread", "expected"), NUMBER
    ),
    **dict.fromkeys(("homology_dimension", "fewest"), WHOLE),
    **dict.fromkeys(("groups", "given", "configuration"), TEXTS),
}
NEEDED = ("id", "sentence", "statistic", "where", "unit", "direction", "null")
FITS: Mapping[str, Callable[[Any], bool]] = {
    TEXT: lambda v: isinstance(v, str) and bool(v.strip()) and v.isprintable(),
    NUMBER: lambda v: type(v) in (int, float) and math.isfinite(v),
    WHOLE: lambda v: type(v) is int and 0 <= v < 10**6,
    TEXTS: lambda v: isinstance(v, list) and all(isinstance(one, str) and one for one in v),
}


def is_claim_file(name: object) -> bool:
    """Whether a study is named by a claim file rather than by its name."""
    return str(name).endswith(".toml")


def read_claim(path: Path | str) -> OwnClaim:
    """The claim of a file.

    Raises
    ------
    UsageError
        Names the file and the key that does not do, and what to type.
    """
    file = Path(path)
    where = f"claim {file}"
    return claim_of(read_toml(file, where=where), where=where, file=file.name)


def claim_of(
    table: Mapping[str, Any], *, where: str = "claim", file: str = "claim.toml"
) -> OwnClaim:
    """The claim of the values of a file.

    Examples
    --------
    >>> simpler = claim_of({"id": "D1", "sentence": "Simpler at the end.", "unit": "network",
    ...     "statistic": "lifespan_sum", "homology_dimension": 0, "where": "last_against_first",
    ...     "direction": "below", "null": "depth_shuffled", "scale": "log"})
    >>> simpler.measured
    'lifespan_sum H0, log of last layer over first'
    """
    for key, value in table.items():
        if key not in KEYS:
            msg = f"{where}: unknown key {key!r}. {near_matches(key, list(KEYS))}"
            raise UsageError(msg)
        if not FITS[KEYS[key]](value):
            msg = f"{where}: {key} = {value!r} is not {KEYS[key]}."
            raise UsageError(msg)
    missing = [key for key in NEEDED if key not in table]
    if missing:
        msg = f"{where}: {missing[0]!r} is missing; needed are {', '.join(NEEDED)}."
        raise UsageError(msg)
    values = dict(table)
    values["where"] = Where(_one_of(where, table, "where", list(Where)))
    values["unit"] = Unit(_one_of(where, table, "unit", UNITS))
    values["direction"] = Direction(_one_of(where, table, "direction", list(Direction)))
    nulls = [*NULL_WORDS, *NULLS]
    _one_of(where, table, "null", nulls)
    if "scale" in table:
        _one_of(where, table, "scale", SCALES)
    for key in ("groups", "given", "configuration"):
        values[key] = tuple(table.get(key, ()))
    values["threshold"] = _threshold(where, values)
    values.pop("margin", None)
    own = OwnClaim(file=file, **values)
    _refuse_contradictions(where, own)
    try:
        _ = own.rule
    except UsageError as error:
        msg = f"{where}: {str(error).removeprefix('Rule(): ')}"
        raise UsageError(msg) from error
    return own


def _one_of(where: str, table: Mapping[str, Any], key: str, known: Any) -> str:
    value = table[key]
    names = [str(one) for one in known]
    if value not in names:
        msg = (
            f"{where}: {key} = {value!r} is unknown; needed is one of {', '.join(names)}. "
            f"{near_matches(value, names)}"
        )
        raise UsageError(msg)
    return str(value)


def _threshold(where: str, values: Mapping[str, Any]) -> float:
    within = values["direction"] == Direction.WITHIN
    if within and "margin" not in values:
        msg = (
            f"{where}: direction = 'within' needs margin = the largest effect that counts as none, "
            "in the units of the effect."
        )
        raise UsageError(msg)
    for key in ("threshold", "least") if within else ("margin",):
        if key in values:
            use = "margin" if within else "threshold"
            msg = f"{where}: {key} does not go with direction = {values['direction'].value!r}; "
            raise UsageError(msg + f"write {use} = ...")
    return float(values["margin"] if within else values.get("threshold", 0.0))


def _refuse_contradictions(where: str, own: OwnClaim) -> None:
    """Refuse keys that do not go together, each with the one to write."""
    at_layer = own.where in (Where.LAYER, Where.SLOPE_OVER_STEPS)
    told = [name for name in ("layer", "depth") if getattr(own, name) is not None]
    within = own.direction == Direction.WITHIN
    fitting = [*NULLS] if own.by is None else []
    if own.by is not None:
        fitting.append(MARGIN if within else COVARIATE_PERMUTED)
    elif within:
        fitting.append(MARGIN)
    else:
        fitting.append(SIGNS_FLIPPED)
        if own.where in (Where.LAST_AGAINST_FIRST, Where.SLOPE_OVER_DEPTH):
            fitting.append(DEPTH_SHUFFLED)
        if own.where == Where.SLOPE_OVER_STEPS:
            fitting.append(STEPS_SHUFFLED)
    numbers = own.correlates and (abs(own.threshold) >= 1 or abs(own.least or 0) >= 1)
    problems = [
        (at_layer and len(told) != 1, f"where = {own.where.value!r} needs layer or depth (one)"),
        (not at_layer and told, f"{told} does not go with where = {own.where.value!r}"),
        (not 0 <= (own.depth or 0) <= 1, f"depth = {own.depth}: needed is 0 to 1"),
        (
            own.null not in fitting,
            f"null = {own.null!r} cannot break this claim; it goes with null = "
            f"{', '.join(sorted(fitting))}",
        ),
        (own.groups and own.by is None, "groups needs by = COVARIATE"),
        (own.given and not own.correlates, "given needs by = COVARIATE of numbers, without groups"),
        (len(own.groups) not in (0, 2) or len(set(own.groups)) == 1, "groups needs two names"),
        (own.by in own.given, f"given holds {own.by!r} itself"),
        (
            own.by is not None and own.unit == Unit.DRAW,
            "by = COVARIATE needs unit = 'network' or 'configuration': draws share their network's",
        ),
        (own.unit == Unit.CONFIGURATION and not own.configuration, "unit = 'configuration' needs "
         "configuration = [COLUMNS]"),
        (numbers, "threshold, margin and least of a correlation lie between -1 and 1"),
        (own.spread is not None and not own.spread > 0, f"spread = {own.spread} is not above 0"),
        (own.expected is not None and within, "expected does not go with direction = 'within'"),
    ]  # fmt: skip
    for wrong, told_so in problems:
        if wrong:
            msg = f"{where}: {told_so}."
            raise UsageError(msg)
