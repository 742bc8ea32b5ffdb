"""A frozen plan: what will be tested and how, written down before results exist.

A plan is one JSON file with a hash of its own content. It holds every parameter of the work that
will follow it, the families of hypotheses with their corrections, margins, the RUNs by the hash of
their capture, the time, and which results of these RUNs existed already. Work done under a plan
keeps a copy, with what was done before it was taken up; `deviations` then says what was done
otherwise. The clock is that of the writer's machine: who has to convince others publishes the hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from toposcope.errors import DamagedError, UsageError
from toposcope.inputs.urls import place_text
from toposcope.store.objects import LocalObjects, find_json, objects_in, put_json_at, read_json
from toposcope.store.shapes import expect

SCHEMA = 1
NAME = "plan.json"
"""Name of the copy of a plan beside the results that were made under it."""


@dataclass(frozen=True)
class Family:
    """Hypotheses that are corrected together.

    Parameters
    ----------
    about
        What is tested: "change", "null copula", "difference wasserstein H0", "equivalence cka".
    statistics
        Names of the numbers looked at.
    tests
        How many at most.
    correction
        "simultaneous_intervals", "benjamini_hochberg", "max_t", "holm".
    level
        1 minus the probability, or the share, of false findings.
    """

    about: str
    statistics: tuple[str, ...]
    tests: int
    correction: str
    level: float


@dataclass(frozen=True)
class Deviation:
    """A parameter that was planned otherwise."""

    parameter: str
    planned: Any
    used: Any


@dataclass(frozen=True)
class Preregistration:
    """A plan as it was written.

    Parameters
    ----------
    kind
        "analysis", "comparison" or "comparison of groups".
    parameters
        Everything that decides the results, by name, as plain values.
    families
        What is tested, family by family.
    networks
        Name -> hash of the capture, of every RUN.
    earlier
        RUN/analysis that existed when the plan was written.
    command
        The command line that follows the plan.
    version
        Version of toposcope.
    written
        Time, UTC, ISO 8601.
    note
        What the writer had to say: the question, the expectation.
    """

    kind: str
    parameters: Mapping[str, Any]
    families: tuple[Family, ...]
    networks: Mapping[str, str]
    earlier: tuple[str, ...]
    command: str
    version: str
    written: str = field(default_factory=lambda: now())
    note: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the plan, the time included."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def write(self, path: Path | str) -> Path:
        """Keep the plan; a file that exists is never written over.

        Raises
        ------
        UsageError
            When there is such a file.
        """
        target = Path(path)
        if target.exists():
            msg = (
                f"plan {target}: it exists already, and a plan is written once. Follow it with "
                f"--plan {target} (plan=...), or choose another name."
            )
            raise UsageError(msg)
        target.parent.mkdir(parents=True, exist_ok=True)
        # With a hash of its own, over its values: a plan may be renamed and indented anew.
        text = json.dumps(self.as_dict(), sort_keys=True, indent=1)
        LocalObjects(target.parent).put(target.name, (text + "\n").encode())
        return target

    def as_dict(self) -> dict[str, Any]:
        """The content of its file: every value, and their hash."""
        return {**self._content(), "hash": self.hash}

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a plan.

        Raises
        ------
        DamagedError
            When its content is not what its hash says: it was edited.
        UsageError
            When there is none, or of a later version.
        """
        source = Path(path)
        if not source.is_file():
            msg = f"plan {source}: there is no such file. Write one with --preregister {source}."
            raise UsageError(msg)
        return cls.from_content(read_json(source), where=str(source))

    @classmethod
    def from_content(cls, content: object, *, where: str) -> Self:
        """A plan from the values of its file."""
        try:
            values = dict(content)  # type: ignore[call-overload]
            values.pop("checksum", None)
            schema, told = values.pop("schema"), values.pop("hash")
            if schema != SCHEMA:
                msg = f"plan {where}: it has schema {schema}; this version reads {SCHEMA}."
                raise UsageError(msg)
            families = tuple(
                Family(**{**one, "statistics": tuple(one["statistics"])})
                for one in values.pop("families")
            )
            plan = cls(families=families, earlier=tuple(values.pop("earlier")), **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, UsageError):
                raise
            msg = f"plan {where}: it is no plan of toposcope ({error})."
            raise DamagedError(msg) from error
        if plan.hash != told:
            msg = (
                f"plan {where}: it was changed after it was written on {plan.written} (hash "
                f"{plan.hash[:12]}, it says {str(told)[:12]}). Use the file as it was."
            )
            raise DamagedError(msg)
        return plan

    def deviations(self, used: Mapping[str, Any], networks: Mapping[str, str]) -> list[Deviation]:
        """What was done otherwise than planned.

        Parameters
        ----------
        used
            Parameters of the work, by name.
        networks
            Name -> hash of the capture, of the RUNs that were used.
        """
        plain = json.loads(json.dumps(dict(used)))
        planned = json.loads(json.dumps(dict(self.parameters)))
        changed = [
            Deviation(name, planned.get(name), plain.get(name))
            for name in sorted({*planned, *plain})
            if planned.get(name) != plain.get(name)
        ]
        known = set(self.networks.values())
        strangers = [name for name, capture in networks.items() if capture not in known]
        if strangers:
            changed.append(Deviation("networks", sorted(self.networks), strangers))
        return changed

    def _content(self) -> dict[str, Any]:
        values = json.loads(json.dumps(asdict(self)))
        return {"schema": SCHEMA, **values}


@dataclass(frozen=True)
class Followed:
    """How some work stands to its plan.

    Parameters
    ----------
    plan
        The plan as it was when the work began.
    begun
        Time at which the work was taken up under the plan, UTC.
    before
        Tasks of this work that were done before that.
    deviations
        What was done otherwise.
    """

    plan: Preregistration
    begun: str
    before: int
    deviations: tuple[Deviation, ...]

    @property
    def kept(self) -> bool:
        """Whether the plan was followed, and written before any of these results existed."""
        return not self.deviations and self.before == 0 and self.plan.written <= self.begun

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for results that hold their plan in themselves."""
        return {
            "plan": self.plan.as_dict(),
            "begun": self.begun,
            "before": self.before,
            "deviations": [asdict(one) for one in self.deviations],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> Self:
        """Read back what `as_dict` gave; a plan that was edited since is refused."""
        plan = Preregistration.from_content(values["plan"], where=where)
        changed = tuple(Deviation(**one) for one in values["deviations"])
        return cls(plan, str(values["begun"]), int(values["before"]), changed)


def take_up(
    folder: Path, plan: Preregistration, *, before: int, begun: str | None = None, name: str = NAME
) -> tuple[str, int]:
    """Put a copy of a plan beside the results that will be made under it.

    Returns
    -------
    When these results were begun under the plan, and how many tasks were done before: what was
    recorded the first time.

    Raises
    ------
    UsageError
        Where they were begun under another plan: a second one comes after results.
    """
    kept = find_json(objects_in(folder), name)
    if kept is None:
        kept = {"plan": plan.as_dict(), "begun": begun or now(), "before": before}
        put_json_at(objects_in(folder), name, kept)
    shape = {"plan": {"hash": str, "written": str}, "begun": str, "before": int}
    again = "Delete it: what is done then counts as done without a plan."
    first = expect(kept, shape, where=place_text(folder / name), again=again)["plan"]
    if first["hash"] != plan.hash:
        msg = (
            f"plan {plan.hash[:12]}, written {plan.written}: the results in {place_text(folder)} "
            f"were begun {kept['begun']} under another one ({str(first['hash'])[:12]}, written "
            f"{first['written']}), and a second plan is none. Leave --plan (plan=) away to read "
            "them as they stand to the first."
        )
        raise UsageError(msg)
    return str(kept["begun"]), int(kept["before"])


def followed(
    folder: Path, used: Mapping[str, Any], networks: Callable[[], Mapping[str, str]]
) -> Followed | None:
    """How the results in a folder stand to the plan they were made under; None without one.

    `networks` is asked only where there is one: it has to hash captures.
    """
    kept = find_json(objects_in(folder), NAME)
    if kept is None:
        return None
    shape = {"plan": dict, "begun": str, "before": int}
    expect(
        kept, shape, where=place_text(folder / NAME), again="Delete it: the plan is then not kept."
    )
    plan = Preregistration.from_content(kept["plan"], where=place_text(folder / NAME))
    changed = plan.deviations(used, networks())
    return Followed(plan, str(kept["begun"]), int(kept["before"]), tuple(changed))


def now() -> str:
    """Time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def refuse_other_kind(plan: Preregistration, kind: str, *, where: Path | str) -> None:
    """Refuse a plan of other work."""
    if plan.kind != kind:
        verb = {
            "analysis": "analyze",
            "comparison": "compare RUN RUN",
            "comparison of groups": "compare POPULATION --by COLUMN",
        }.get(plan.kind, plan.kind)
        msg = f"plan {where}: it is a plan for 'toposcope {verb}'. Follow it with that."
        raise UsageError(msg)
