"""`Filtration`: what an analysis filters, and all that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from toposcope.analysis.parameters import checked, parameters
from toposcope.errors import UsageError

if TYPE_CHECKING:
    from toposcope.analysis.design import Design
    from toposcope.analysis.jobs import Job
    from toposcope.pointclouds.cloudset import CloudSet
    from toposcope.store.runs import Run
    from toposcope.types import ActivationSet

POINTS, VOLUMES = "points", "volumes"
"""Units: clouds of points, or the volume of each image."""


class Filtration(ABC):
    """What is filtered, with its parameters: a frozen dataclass, so a plain value.

    A filtration of points is a `PointFiltration`, which needs no more than its distances. This
    class is for other kinds: it says everything that an analysis asks of what it filters.
    """

    name: ClassVar[str]
    """In tables and specs, and for `--complex`: the name of the class in small letters."""
    unit: ClassVar[str]
    """POINTS or VOLUMES."""
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

    @abstractmethod
    def draw(self, activations: ActivationSet, design: Design) -> CloudSet:
        """Which samples make which replicate."""

    @abstractmethod
    def jobs(self, run: Run, draws: CloudSet, design: Design, code: str) -> Sequence[Job]:
        """What there is to measure, in the order it should start."""

    @abstractmethod
    def predict(self, run: Run, jobs: Sequence[Job], design: Design) -> tuple[float, int]:
        """CPU seconds of some jobs, and the peak memory of a worker in bytes."""

    @abstractmethod
    def slimmer(self, design: Design, share: float) -> str:
        """What to type when only a share of the memory needed is there; completes "Pass ..."."""

    @abstractmethod
    def warm_up(self) -> None:
        """Compile or load the kernels, once, before workers start."""

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


def refuse_unknown(design: Design, choices: Mapping[str, Sequence[str]]) -> None:
    """Refuse values that are not among the names known for a parameter."""
    for name, names in choices.items():
        value = getattr(design, name)
        if value is not None and value not in names:
            msg = f"analyze({name}={value!r}): it is unknown; choose one of {', '.join(names)}."
            raise UsageError(msg)
