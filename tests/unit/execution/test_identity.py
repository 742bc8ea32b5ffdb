"""The key of a task is of everything that decides its answer, and of nothing else."""

import os
import subprocess
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toposcope.execution.tasks import identity


@dataclass(frozen=True)
class Ball:
    """One of two kinds with the same fields."""

    size: float


@dataclass(frozen=True)
class Cube:
    """The other kind."""

    size: float


@dataclass(frozen=True)
class Many:
    """A job with a field of every kind that a job can have."""

    code: str
    count: int
    level: float
    per_class: bool
    label: str | None
    degrees: tuple[int, ...]
    shape: Ball | Cube
    pools: dict[str, str]
    nested: tuple[Ball | Cube, ...]


NUMBERS = st.floats(allow_nan=False)
SHAPES = st.one_of(st.builds(Ball, NUMBERS), st.builds(Cube, NUMBERS))
FIELDS = {
    "code": st.text(max_size=5),
    "count": st.integers(),
    "level": NUMBERS,
    "per_class": st.booleans(),
    "label": st.none() | st.text(max_size=3),
    "degrees": st.lists(st.integers(0, 3), max_size=3).map(tuple),
    "shape": SHAPES,
    "pools": st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
    "nested": st.lists(SHAPES, max_size=2).map(tuple),
}


EXAMPLE = Many(
    "c0de", 3, 0.95, True, None, (0, 1), Cube(2.0), {"b": "gap", "a": "cls"}, (Ball(1.0),)
)


def test_every_field_is_tried():
    assert set(FIELDS) == {each.name for each in fields(Many)}


@given(data=st.data(), name=st.sampled_from(sorted(FIELDS)))
def test_it_changes_with_any_field(data, name):
    job = data.draw(st.builds(Many, **FIELDS))
    other = data.draw(FIELDS[name].filter(lambda value: value != getattr(job, name)))
    assert identity(replace(job, **{name: other})) != identity(job)


@given(job=st.builds(Many, **FIELDS))
def test_equal_jobs_have_one(job):
    turned = dict(reversed(job.pools.items()))
    again = replace(job, pools=turned, shape=replace(job.shape))
    assert again == job and identity(again) == identity(job)


def test_kinds_with_the_same_fields_have_two():
    assert identity(Ball(1.0)) != identity(Cube(1.0))


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_it_is_the_same_in_every_process(seed):
    code = (
        "from tests.unit.execution.test_identity import Ball, Cube, Many\n"
        "from toposcope.execution.tasks import identity\n"
        f"print(identity({EXAMPLE!r}))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == identity(EXAMPLE)


def test_what_json_would_blur_is_refused():
    for pools in ({1: "gap"}, {("a", "b"): "gap"}):
        with pytest.raises(TypeError, match="needed are strings as keys"):
            identity(replace(EXAMPLE, pools=pools))
    with pytest.raises(TypeError, match="not JSON serializable"):
        identity(replace(EXAMPLE, degrees={0, 1}))
