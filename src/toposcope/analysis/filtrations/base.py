"""`Filtration`: what an analysis filters and all that follows from it, and the register of them."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from toposcope.analysis.parameters import checked, from_keywords, parameters
from toposcope.errors import StoreError, UsageError
from toposcope.execution.plugins import Registry

if TYPE_CHECKING:
    from toposcope.analysis.design import Design
    from toposcope.analysis.jobs import Job
    from toposcope.pointclouds.cloudset import CloudSet
    from toposcope.store.runs import Run
    from toposcope.types import ActivationSet

POINTS, VOLUMES = "points", "volumes"
"""Units: clouds of points, or the volume of each image."""

PACKAGE = Path(__file__).parents[2]


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


Registered = TypeVar("Registered", bound=type[Filtration])

FILTRATIONS: dict[str, type[Filtration]] = {}
"""The filtrations that are registered so far, by name; see `known`."""

_PLUGINS: Registry[type[Filtration]] = Registry("toposcope.filtrations", {})


def known() -> Mapping[str, type[Filtration]]:
    """Every filtration by name: ours, those registered, and those that installed packages add."""
    for cls in _PLUGINS.added.values():
        if FILTRATIONS.get(cls.name) is not cls:
            register(cls)
    return FILTRATIONS


def register(cls: Registered) -> Registered:
    """Make a filtration known under its name: stored analyses name it, `--complex` finds it.

    Written above `@dataclass(frozen=True)`. A class from outside the package is known once its
    module is imported; its source file is part of the identity of every number it makes.

    Raises
    ------
    UsageError
        For a class that is no frozen dataclass, or a name that another one has.

    Examples
    --------
    The filtration by distances squared, in full; now `ts.analyze(acts, filtration=Squared())`:

    >>> from dataclasses import dataclass
    >>> from toposcope.analysis.filtrations import PointFiltration
    >>> @register
    ... @dataclass(frozen=True)
    ... class Squared(PointFiltration):
    ...     def distances(self, cloud, distances):
    ...         return distances**2
    >>> FILTRATIONS.pop("squared")().describe()
    'Vietoris-Rips of the distances of Squared()'
    """
    frozen = is_dataclass(cls) and cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if not frozen or "__dataclass_fields__" not in vars(cls):
        msg = f"register({cls.__name__}): write @dataclass(frozen=True) below @register."
        raise UsageError(msg)
    other = FILTRATIONS.get(cls.name, cls)
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        msg = (
            f"register({cls.__name__}): {other.__module__}.{other.__qualname__} has the name "
            f"{cls.name!r} already. Give the class another name."
        )
        raise UsageError(msg)
    cls.source = _source_hash(cls)
    FILTRATIONS[cls.name] = cls
    return cls


def _source_hash(cls: type[Filtration]) -> str | None:
    """Hash of the files of a class and its bases outside the package, read as they are loaded."""
    digest = hashlib.sha256()
    for owner in cls.__mro__:
        if issubclass(owner, Filtration):
            try:
                file = Path(inspect.getfile(owner)).resolve()
                if not file.is_relative_to(PACKAGE):
                    digest.update(file.read_bytes())
            except (OSError, TypeError):  # typed in at a prompt
                return None
    empty = hashlib.sha256().hexdigest()
    return "" if digest.hexdigest() == empty else digest.hexdigest()[:16]


def refuse_unfit(filtration: object, *, call: str, taken: Iterable[str]) -> None:
    """Refuse what is no registered filtration, or has parameters that a design has."""
    names = ", ".join(f"ts.{cls.__name__}()" for cls in in_order() if _is_own(cls))
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
    return cls(**given)


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


def unit_of(attrs: Mapping[str, Any]) -> str:
    """POINTS or VOLUMES: what an analysis with these attributes measured."""
    cls = known().get(str(attrs.get("complex")))
    return POINTS if cls is None else cls.unit


def in_order() -> list[type[Filtration]]:
    """Registered filtrations: those of points first, and of them the plain one."""
    plain = known().get("rips")
    return sorted(known().values(), key=lambda cls: (cls.unit, cls is not plain, cls.name))


def _is_own(cls: type[Filtration]) -> bool:
    return cls.source == ""
