"""What a study is, and what it returns.

A `Definition` has the parts of one file under studies/, in the order a reader thinks: claims,
design, measurement, decision, figure. `studies.running` does the rest, once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.errors import UsageError
from toposcope.execution.tasks import Task
from toposcope.inputs.urls import place_text
from toposcope.studies.claims import Claim
from toposcope.studies.figures import Figure
from toposcope.studies.verdicts import Evidence, Verdict, judge
from toposcope.types import Shown

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance

    from toposcope.studies.materials import Subject


@dataclass(frozen=True)
class Given:
    """What the user handed in; all empty when the study makes its own materials.

    Parameters
    ----------
    runs
        RUN or SERIES folders.
    models
        A MODELS.toml.
    data
        A DATA, as the command line writes it.
    """

    runs: tuple[Path, ...] = ()
    models: Path | None = None
    data: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether the study makes its own materials."""
        return not (self.runs or self.models or self.data)


@dataclass(frozen=True)
class Needs:
    """What a study needs of the networks that a user hands in; checked before anything runs.

    Parameters
    ----------
    networks
        The fewest networks.
    checkpoints
        The fewest moments of every network's training; 1 for trained networks alone.
    samples
        The fewest samples of every RUN.
    labels
        Whether samples need labels of two or more classes.
    layers
        The fewest layers.
    common_data
        Whether all RUNs have to be of the same samples.
    models
        Whether the networks themselves are needed, a MODELS.toml and DATA, in place of RUNs.
    volumes
        Whether feature volumes are looked at: how the networks of a MODELS.toml are captured.
    """

    networks: int = 1
    checkpoints: int = 1
    samples: int = 1
    labels: bool = False
    layers: int = 2
    common_data: bool = True
    models: bool = False
    volumes: bool = False


@dataclass(frozen=True)
class Definition:
    """One study: what it claims, how it measures, how it decides.

    Parameters
    ----------
    name
        As `toposcope study NAME`.
    question
        What it answers, in one sentence.
    claims
        All of them are decided together, as one family.
    quick, full
        Two designs: frozen dataclasses of everything that decides the measurement.
    materials
        (design, progress=) -> subjects: trains what is measured where nothing was handed in; what
        it trains is kept and used again (see `materials`).
    tasks
        (design, subjects) -> tasks. A job holds whatever decides its rows, `Subject.identity` and
        the hash of the sources (`code_of_study`) included.
    measure
        Module-level function job, subjects by name -> rows (dicts of plain values): the numbers
        of one task. Runs in worker processes: no torch or pandas at import.
    evidence
        (claim, table, design, choice) -> `Evidence`, or None where the choice was not measured; ""
        is the main one. A pure function, which the calibration feeds with simulated tables.
    figure
        (table, design) -> Figure.
    forecast
        design -> CPU seconds of making the materials (one process) and of all tasks, on the machine
        of `running.PROBE_SECONDS`; a probe brings them to the one it runs on.
    needs
        What handed-in networks must have; None when the study takes none.
    design_for
        (design, subjects) -> design: fits points and draws to what was handed in. Claims that are
        known beforehand not to be decided on that are the design's `left_out`, by id.
    sources
        Sources that decide the numbers, besides those of an analysis, its own file included.
    lacking
        Claims that not all handed-in networks can decide (by id), and what to bring for each. They
        have no verdict then, and it is said why.
    """

    name: str
    question: str
    claims: tuple[Claim, ...]
    quick: DataclassInstance
    full: DataclassInstance
    materials: Callable[..., Sequence[Subject]] = field(repr=False)
    tasks: Callable[[Any, Sequence[Subject]], Sequence[Task[Any]]] = field(repr=False)
    measure: Callable[[Any, Mapping[str, Subject]], list[dict[str, Any]]] = field(repr=False)
    evidence: Callable[[Claim, pd.DataFrame, Any, str], Evidence | None] = field(repr=False)
    figure: Callable[[pd.DataFrame, Any], Figure] = field(repr=False)
    forecast: Callable[[Any], tuple[float, float]] = field(repr=False)
    needs: Needs | None = None
    design_for: Callable[[Any, Sequence[Subject]], Any] | None = field(default=None, repr=False)
    sources: tuple[str, ...] = ()
    lacking: Mapping[str, str] = field(default_factory=dict)

    def decided(self, table: pd.DataFrame, design: Any) -> tuple[list[Verdict], dict[str, str]]:
        """All verdicts, and what is missing for the claims that have none.

        A claim may have none where `lacking` says what it needs: the design leaves it out, or its
        evidence is not among what was measured.
        """
        verdicts, untested = [], {}
        for claim in self.claims:
            known = claim.id in self.lacking
            out = known and claim.id in getattr(design, "left_out", ())
            if out or (known and self.evidence(claim, table, design, "") is None):
                untested[claim.id] = self.lacking[claim.id]
            else:
                verdicts.append(self.decide(claim, table, design))
        return verdicts, untested

    def decide(
        self, claim: Claim, table: pd.DataFrame, design: Any, *, choices: bool = True
    ) -> Verdict:
        """The verdict of one claim; without its other choices where those are not asked for."""
        main = self.evidence(claim, table, design, "")
        if main is None:
            msg = f"study {self.name}: there are no measurements for claim {claim.id}."
            raise UsageError(msg)
        others = {
            choice: self.evidence(claim, table, design, choice)
            for choice in (claim.choices if choices else ())
        }
        return judge(claim, main, {name: one for name, one in others.items() if one is not None})


@cache
def code_of(*sources: str) -> str:
    """Hash of all sources that decide the numbers of a study, its own among them; part of its jobs.

    Parameters
    ----------
    sources
        Paths below the package, beside those that decide the numbers of every analysis.
    """
    return code_hash((*SCIENCE, *sources))


@dataclass(frozen=True)
class OwnStudy:
    """A study that runs itself: a question, and a function that returns verdicts.

    Parameters
    ----------
    question
        What it answers, in one sentence.
    run
        Function of a RUN folder, with keywords `jobs` and `progress` and options of its own.
    claims
        What it decides, where those are claims.
    """

    question: str
    run: Callable[..., Any] = field(repr=False)
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, eq=False)
class Study(Shown):
    """What a study found.

    Parameters
    ----------
    name
        Of the study.
    verdicts
        One per claim.
    table
        Every number that was measured, one row each.
    figure
        What to show.
    failures
        Tasks that could not be done: {"task", "reason"}.
    folder
        Where it is kept; the same call again reads it from there.
    spec
        Design, materials and code that decide the numbers.
    seconds
        Forecast and measured wall time of this call: {"forecast", "took"}.
    untested
        Claims (by id) that what was handed in cannot decide, and what they need.
    """

    name: str
    verdicts: Sequence[Verdict]
    table: pd.DataFrame = field(repr=False)
    figure: Figure = field(repr=False)
    failures: list[dict[str, Any]]
    folder: Path
    spec: Mapping[str, Any] = field(repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict)
    untested: Mapping[str, str] = field(default_factory=dict)

    def verdict(self, claim: str) -> Verdict:
        """The verdict of one claim, by its id."""
        return next(one for one in self.verdicts if one.claim.id == claim)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "study": self.name,
            "verdicts": [one.as_dict() for one in self.verdicts],
            "claims": [one.claim.as_dict() for one in self.verdicts],
            "failures": list(self.failures),
            "folder": place_text(self.folder),
            "spec": dict(self.spec),
            "seconds": dict(self.seconds),
            "untested": dict(self.untested),
            "figure": asdict(self.figure),
        }
