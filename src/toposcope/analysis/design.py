"""`Design` and `Filtration`: the parameters of an analysis, and the one of them that is a family.

Each parameter is declared once. A filtration is a value too, with parameters of its own; the two
know each other, since a design says what is filtered and a filtration what goes with it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from toposcope.analysis.parameters import (
    checked,
    command_words,
    from_keywords,
    parameter,
    parameters,
)
from toposcope.analysis.registry import POINTS, in_order, is_own, known
from toposcope.errors import StoreError, UsageError
from toposcope.inputs import parameters as inputs

if TYPE_CHECKING:
    from toposcope.types import ActivationSet

MOST_POINTS = 500
"""Points of a cloud where no number is asked for and there are enough samples."""
METRIC = ("euclidean", "cosine", "correlation")
NORMALIZE = (
    "mean_distance",
    "median_distance",
    "quantile_distance",
    "max_distance",
    "zscore",
    "minmax",
    "rms",
    "none",
)
NULL = (
    "gaussian",
    "copula",
    "shuffled",
    "random_init",
    "permuted_labels",
    "shuffled_voxels",
    "none",
)
"""Names that the command line offers; tests hold them equal to the registries, which are heavy."""
BESIDE = ("homology_dimensions", "null")
"""Parameters that add numbers beside others and change none of those."""


class Filtration(ABC):
    """What is filtered, with its parameters: a frozen dataclass, so a plain value.

    A filtration of points is a `PointFiltration`, which needs no more than its distances. This
    class is for other kinds: it says all that an analysis asks of what it filters, and its `unit`
    names the `Work` that measures it.
    """

    name: ClassVar[str]
    """In tables and specs, and for `--complex`: the name of the class in small letters."""
    unit: ClassVar[str]
    """POINTS, VOLUMES, or another one with a `Work` of its own."""
    defaults: ClassVar[Mapping[str, Any]]
    """What None stands for in a design: its `normalize`, `replicates` and `null`."""
    unused: ClassVar[Sequence[str]] = ()
    """Parameters of a design that mean nothing here."""
    source: ClassVar[str | None] = ""
    """Hash of the source files of a class from outside the package; None when it has none."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Name the class."""
        super().__init_subclass__(**options)
        cls.name = cls.__name__.lower()

    def __post_init__(self) -> None:
        """Check the parameters."""
        checked(self, call=type(self).__name__)

    @abstractmethod
    def check(self, design: Design) -> None:
        """Refuse what does not go together, before any work; see `refuse_unknown`."""

    def resolve(self, design: Design, n: int) -> Design:
        """The design with nothing left open, for n samples."""
        opened = {k: v for k, v in self.defaults.items() if getattr(design, k) is None}
        return replace(design, **opened)

    @property
    @abstractmethod
    def headline(self) -> Sequence[tuple[str, int | None]]:
        """Statistics that layers are compared in, each with its degree."""

    @abstractmethod
    def describe(self) -> str:
        """The filtration in words, for reports."""

    @abstractmethod
    def conventions(self, design: Design) -> dict[str, str]:
        """What has to be said beside its numbers, by keyword."""

    @abstractmethod
    def reservations(self, design: Design, activations: ActivationSet) -> list[str]:
        """What a reader has to know before anything is concluded."""

    def value_unit(self) -> str:
        """What a filtration value counts, where the normalization does not say it."""
        return ""

    def to_spec(self) -> dict[str, Any]:
        """The parameters as they are stored."""
        values = {name: getattr(self, name) for name in parameters(type(self))}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def plain() -> Filtration:
    """The filtration of a design that names none: the metric as it is."""
    made: Filtration = known()["rips"]()
    return made


@dataclass(frozen=True)
class Design:
    """The parameters of an analysis that decide its numbers, with their defaults.

    What each one means stands in `toposcope.analyze`. None is filled in from the filtration's
    defaults by `resolved`.

    Raises
    ------
    UsageError
        For a value outside its limits, and for parameters that do not go together.

    Examples
    --------
    >>> Design(points=100).differs(Design(points=200, seed=1))
    ('points', 'seed')
    """

    filtration: Filtration = parameter(factory=plain, flag="--complex")  # noqa: RUF009
    homology_dimensions: Sequence[int] = parameter(
        (0, 1), "Degrees: 0 pieces, 1 loops, 2 voids.", flag="--homology"
    )
    points: int | None = parameter(
        None, "Points of each cloud.", low=1, shown="500, or as many as there are for each draw"
    )
    replicates: int | None = parameter(
        None, "Disjoint draws; cubical: images.", low=1, shown="8; cubical: 100"
    )
    normalize: str | None = parameter(
        None,
        "What lengths are divided by.",
        named=NORMALIZE,
        shown="mean_distance; cubical: none, the other there is rms",
    )
    metric: str = parameter("euclidean", "Distance between points.", named=METRIC)
    per_class: bool = parameter(False, "Clouds inside each class instead of pooled.")
    overlapping: bool = parameter(False, "Let draws share samples (wider intervals).")
    null: str | Sequence[str] | None = parameter(
        None,
        "Clouds to hold the data against, several with commas.",
        named=NULL,
        several=True,
        shown="gaussian,copula; cubical: none, the other there is shuffled_voxels",
    )
    max_edge_length: float = parameter(
        math.inf, "Longest edge that is looked at, in normalized units.", rare=True
    )
    coeff: int = parameter(2, "Prime field.", rare=True)
    seed: int = parameter(0, "Of the draws and nulls.", low=0)
    points_are: str = parameter(
        "samples",
        "What a point is; all but samples need --pool volume or tokens.",
        choices=("samples", "positions", "channels", "tokens"),
        rare=True,
    )
    samples: int | None = parameter(None, "Samples of a cloud of tokens.", low=1, shown="up to 64")

    def __post_init__(self) -> None:
        """Check every value, then what goes together."""
        from toposcope.pointclouds.nulls import parse_nulls

        refuse_unfit(self.filtration, call="analyze", taken=parameters(type(self)))
        # Records hold numbers: of a generator, one that is drawn from it now.
        object.__setattr__(self, "seed", inputs.seed(self.seed, call="analyze()"))
        checked(self, call="analyze")
        # As `rips` checks them, without the half second that its kernels take to import.
        degrees = inputs.degrees(self.homology_dimensions, call="analyze()")
        inputs.number(
            self.max_edge_length, "max_edge_length", call="analyze()", low=0.0, finite=False
        )
        inputs.prime(self.coeff, call="analyze()")
        if len(set(degrees)) != len(degrees):
            msg = f"analyze(): homology_dimensions={degrees} names a degree twice."
            raise UsageError(msg)
        if self.null is not None:
            object.__setattr__(self, "null", ",".join(parse_nulls(self.null)) or "none")
        self.filtration.check(self)

    @property
    def nulls(self) -> tuple[str, ...]:
        """Names of the null clouds measured beside the data."""
        from toposcope.pointclouds.nulls import parse_nulls

        return parse_nulls(self.null or "none")

    @property
    def size(self) -> int:
        """Points of each cloud, of a resolved design."""
        assert self.points is not None, "resolved"
        return self.points

    def resolved(self, n: int, *, room: int | None = None) -> Design:
        """The design with nothing left open, for n samples.

        Points are `MOST_POINTS`, or as many as each draw can have where that is fewer.

        Parameters
        ----------
        n
            Number of samples.
        room
            Points there are for one draw; default: n shared out among the draws. `plan.opened`
            knows it for clouds inside classes and for other kinds of points than samples.

        Examples
        --------
        >>> Design().resolved(1000).points, Design(replicates=4).resolved(1000).points
        (125, 250)
        """
        opened = self.filtration.resolve(self, n)
        if opened.points is not None:
            return opened
        if room is None:
            room = n if opened.overlapping else n // (opened.replicates or 1)
        if opened.filtration.unit != POINTS:
            room = MOST_POINTS
        # Below two points there is no cloud: then the draws say what would fit.
        return replace(opened, points=max(min(MOST_POINTS, room), 2))

    def differs(self, other: Design, *, but: Sequence[str] = ()) -> tuple[str, ...]:
        """Names of the parameters that differ, except some."""
        return tuple(
            one.name
            for one in fields(self)
            if one.name not in but and getattr(self, one.name) != getattr(other, one.name)
        )

    def to_spec(self) -> dict[str, Any]:
        """The design as it is stored: plain values, the filtration as its name and parameters."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **values,
            "complex": self.filtration.name,
            "filtration": self.filtration.to_spec(),
            "homology_dimensions": list(self.homology_dimensions),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Self:
        """The design of a stored analysis; other entries of the spec are none of its business.

        Raises
        ------
        StoreError
            When the filtration is not registered here.
        """
        filtration = filtration_of(spec.get("complex", "rips"), spec.get("filtration") or {})
        known = parameters(cls).keys() & spec.keys() - {"filtration"}
        return cls(filtration=filtration, **{name: spec[name] for name in known})

    def command_words(self) -> list[str]:
        """The design as flags of `toposcope analyze`."""
        return [
            *("--complex", self.filtration.name),
            *command_words(self.filtration),
            *command_words(self, leave_out=("filtration", *self.filtration.unused)),
        ]


def refuse_unfit(filtration: object, *, call: str, taken: Iterable[str]) -> None:
    """Refuse what is no registered filtration, or has parameters that a design has."""
    names = ", ".join(f"ts.{cls.__name__}()" for cls in in_order() if is_own(cls))
    if not isinstance(filtration, Filtration):
        msg = f"{call}(filtration={filtration!r}): needed is a filtration, one of {names}."
        raise UsageError(msg)
    cls = type(filtration)
    if known().get(cls.name) is not cls:
        msg = (
            f"{call}(filtration={filtration!r}): {cls.__name__} is not registered. Write @register "
            "(from toposcope.analysis.filtrations) above its @dataclass(frozen=True)."
        )
        raise UsageError(msg)
    if cls.source is None:
        msg = (
            f"{call}(filtration={filtration!r}): {cls.__name__} has no source file to tell its "
            "versions apart. Write it into a module and import it."
        )
        raise UsageError(msg)
    twice = sorted(parameters(cls).keys() & set(taken))
    if twice:
        msg = (
            f"{call}(filtration={filtration!r}): every design has a parameter "
            f"{', '.join(twice)} already. Give that of {cls.__name__} another name."
        )
        raise UsageError(msg)


def refuse_unknown(design: Design, choices: Mapping[str, Sequence[str]]) -> None:
    """Refuse values that are not among the names known for a parameter."""
    for name, names in choices.items():
        value = getattr(design, name)
        if value is not None and value not in names:
            msg = f"analyze({name}={value!r}): it is unknown; choose one of {', '.join(names)}."
            raise UsageError(msg)


def filtration_named(name: str, given: Mapping[str, Any]) -> Filtration:
    """The filtration of a name with some parameters; those of others are refused.

    Examples
    --------
    >>> filtration_named("geodesic", {"neighbors": 5})
    Geodesic(neighbors=5, weighted=False)
    """
    if name not in known():
        names = ", ".join(cls.name for cls in in_order())
        msg = f"analyze --complex {name}: it is unknown; choose one of {names}."
        raise UsageError(msg)
    cls = known()[name]
    own = parameters(cls)
    foreign = [key for key in given if key not in own]
    if foreign:
        flags = ", ".join(parameter.flag for parameter in own.values())
        msg = (
            f"analyze --complex {name}: --{', --'.join(foreign)} belongs to another complex; this "
            f"one takes {flags or 'no parameters of its own'}."
        )
        raise UsageError(msg)
    made: Filtration = cls(**given)
    return made


def filtration_of(name: str, spec: Mapping[str, Any]) -> Filtration:
    """The filtration of a stored analysis.

    Raises
    ------
    StoreError
        When it is not registered: nothing is imported on the word of a file.
    """
    if name not in known():
        msg = (
            f"the analysis is of the filtration {name!r}, which is not registered here. Import the "
            f"module with its class, a PointFiltration called {name.capitalize()!r} or so under "
            "@register (toposcope.analysis.filtrations), then open the RUN again."
        )
        raise StoreError(msg)
    made: Filtration = from_keywords(known()[name], spec, call=f"filtration {name!r}")
    return made
