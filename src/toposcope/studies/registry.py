"""The studies by name: ours, and those that installed packages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from toposcope.errors import UsageError
from toposcope.execution.plugins import Registry
from toposcope.studies.validity_study import validity
from toposcope.types import near_matches


class Outcome(Protocol):
    """What a study says of one claim; `str` of it is what people read of another package's."""

    @property
    def decision(self) -> str:
        """Whether the claim holds, as "holds", "fails" or "undecided"."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """The decision and the numbers behind it, as JSON can hold them."""
        ...


class Studied(Protocol):
    """What a study returns."""

    @property
    def verdicts(self) -> Sequence[Outcome]:
        """What holds, fails or is undecided, with the numbers behind it."""
        ...

    @property
    def failures(self) -> Sequence[dict[str, Any]]:
        """Tasks that could not be done: {"task", "reason"}."""
        ...


@dataclass(frozen=True)
class Study:
    """A claim or a question, and how it is measured.

    Parameters
    ----------
    question
        What it answers, in one sentence.
    run
        Function of a RUN folder, with keywords `jobs` and `progress` and options of its own.
    """

    question: str
    run: Callable[..., Studied] = field(repr=False)


STUDIES: Registry[Study] = Registry(
    "toposcope.studies",
    {
        "validity": Study(
            "Can the numbers of an analysis be trusted? Every validity check in full.", validity
        )
    },
)
"""Every study by name."""


def run(name: str, where: Path | str, **options: Any) -> Studied:
    """Run a study by name: `ts.studies.run("validity", "runs/r20")`.

    Parameters
    ----------
    name
        One of `STUDIES`.
    where
        A RUN folder.
    options
        Keywords of the study, such as `jobs`.

    Raises
    ------
    UsageError
        When there is no such study.
    """
    if name not in STUDIES:
        msg = f"studies.run(): there is no study {name!r}. {near_matches(name, tuple(STUDIES))}"
        raise UsageError(msg)
    return STUDIES[name].run(where, **options)
