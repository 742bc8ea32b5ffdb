"""Tasks and their ledger: what is to be done, what is done, and what could not be.

A task is a job with a title. The job is a frozen dataclass that holds everything that decides the
answer and nothing else, and it enters the task's key whole: there is no second list of what counts.
Where inputs lie and where the answer goes is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from toposcope.store.objects import Objects, get_json, put_json_at

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Job = TypeVar("Job", bound=DataclassInstance, covariant=True)
else:
    Job = TypeVar("Job", covariant=True)

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Task(Generic[Job]):
    """One unit of work.

    Parameters
    ----------
    job
        Frozen dataclass of everything that decides the answer: values that JSON can hold, in it or
        in dataclasses, tuples and mappings inside it.
    title
        Shown for it, as "layer2.0, replicate 3".
    """

    job: Job
    title: str

    @cached_property
    def key(self) -> str:
        """Identity of the task."""
        return identity(self.job)


def identity(job: DataclassInstance) -> str:
    """Hash of a job: its kind and every field of it, and so of every dataclass inside.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Square:
    ...     x: float
    >>> identity(Square(2)) == identity(Square(2)), identity(Square(2)) == identity(Square(3))
    (True, False)
    """
    return spec_hash(_plain(job))


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; two kinds of dataclass with equal fields stay two."""
    if is_dataclass(value):
        inside = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        return {"job": type(value).__qualname__, **inside}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def spec_hash(spec: Any) -> str:
    """sha256 of the canonical JSON of plain values, 32 hex digits.

    Examples
    --------
    >>> spec_hash({"b": 1, "a": 2}) == spec_hash({"a": 2, "b": 1})
    True
    """
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Failure:
    """A task that could not be done.

    Parameters
    ----------
    task
        Its title.
    reason
        What went wrong, in one line.
    traceback
        Where; "" when the worker died.
    """

    task: str
    reason: str
    traceback: str = ""


class Ledger:
    """One small object per finished task below `ledger/`: done, or failed with the reason."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def entry(self, key: str) -> dict[str, Any] | None:
        """What is recorded of a task, or None."""
        name = _name(key)
        return dict(get_json(self.objects, name)) if self.objects.exists(name) else None

    def done(self, key: str) -> bool:
        """Whether the task was finished with a result."""
        entry = self.entry(key)
        return entry is not None and entry["status"] == DONE

    def tick(self, key: str, *, part: str) -> None:
        """Record a finished task with the hash of its part, which must be in place already."""
        put_json_at(self.objects, _name(key), {"status": DONE, "part": part})

    def fail(self, key: str, failure: Failure) -> None:
        """Record a task that could not be done."""
        put_json_at(self.objects, _name(key), {"status": FAILED, **asdict(failure)})

    def failure(self, key: str) -> Failure | None:
        """Why a task could not be done; None when it was, or was not tried yet."""
        entry = self.entry(key)
        if entry is None or entry["status"] != FAILED:
            return None
        return Failure(entry["task"], entry["reason"], entry["traceback"])


def _name(key: str) -> str:
    return f"ledger/{key}.json"
