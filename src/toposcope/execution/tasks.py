"""Tasks: what is to be done, and the identity of each.

A task is a job with a title. The job is a frozen dataclass that holds everything that decides the
answer and nothing else, and it enters the task's key whole: there is no second list of what counts.
Where inputs lie and where the answer goes is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Job = TypeVar("Job", bound=DataclassInstance, covariant=True)
else:
    Job = TypeVar("Job", covariant=True)


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


_ATOMS = {int, float, str, bool, type(None)}


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; two kinds of dataclass with equal fields stay two."""
    if is_dataclass(value):
        inside = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"job": type(value).__qualname__, "fields": inside}
    if isinstance(value, Mapping):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:  # JSON would make 1 and "1" one key
            msg = f"a job holds a mapping with the key {odd[0]!r}; needed are strings as keys."
            raise TypeError(msg)
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        if set(map(type, value)) <= _ATOMS:  # the rows of a draw: 150,000 take half a second else
            return list(value)
        return [_plain(entry) for entry in value]
    return value


# One encoder for all: `json.dumps` makes a new one for every call with options, 5 us of 15.
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def spec_hash(spec: Any) -> str:
    """sha256 of the canonical JSON of plain values, 32 hex digits.

    Examples
    --------
    >>> spec_hash({"b": 1, "a": 2}) == spec_hash({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(_canonical(spec).encode()).hexdigest()[:32]
