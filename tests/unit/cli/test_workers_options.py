"""The options that say where tasks run: the same for every command that works."""

import re

import click
import pytest
from click.testing import CliRunner

from toposcope.cli import main
from toposcope.cli.workers_options import workers_options
from toposcope.execution.executors import Workers

FLAGS = ("--jobs", "--executor", "--task-timeout", "--task-memory", "--slurm-options")
WORKING = [
    *(["analyze"], ["compare"], ["rank"], ["demo"]),
    *(["study", "validity"], ["study", "all"], ["study", "wheeler-training"]),
]


@click.command()
@workers_options()
def one(jobs):
    """A command that shows what it got."""
    click.echo(repr(jobs))


def got(*words):
    return CliRunner().invoke(one, words)


@pytest.mark.parametrize("words", WORKING, ids=" ".join)
def test_every_command_that_works_has_them(words):
    told = CliRunner().invoke(main, [*words, "--help"]).stdout
    assert all(re.search(rf"^ +{flag} ", told, re.MULTILINE) for flag in FLAGS)


def test_alone_jobs_is_a_number_as_it_always_was():
    assert got().stdout == "None\n"
    assert got("--jobs", "3").stdout == "3\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--executor loky --jobs 2", Workers(2, "loky")),
        ("--jobs 2 --executor dask://127.0.0.1:8786", Workers(2, "dask://127.0.0.1:8786")),
        ("--task-timeout 90", Workers(task_timeout=90.0)),
        ("--task-timeout 1.5h --jobs 0", Workers(0, task_timeout=5400.0)),
        ("--task-timeout 15m", Workers(task_timeout=900.0)),
        ("--task-memory 2GiB", Workers(task_memory=2 << 30)),
        ("--task-memory 800M", Workers(task_memory=800 << 20)),
        ("--task-memory 1.5gb", Workers(task_memory=3 << 29)),
        ("--task-memory 123456789", Workers(task_memory=123456789)),
    ],
)
def test_together_they_are_workers(words, expected):
    assert got(*words.split()).stdout == f"{expected!r}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--jobs -1", "not in the range"),
        ("--executor dusk", "there is no such executor"),
        ("--executor dask://nowhere", "there is no such executor"),
        ("--task-timeout 0", "is no time; write 90s, 15m, 2h or 1d"),
        ("--task-timeout soon", "is no time"),
        ("--task-timeout -5", "is no time"),
        ("--task-memory all", "is no size of memory; write 800M or 2GiB"),
        ("--task-memory 0", "is no size of memory"),
        ("--executor slurm:", "there is no such executor"),
        ("--slurm-options --time=8:00:00", "these words are for sbatch"),
    ],
)
def test_what_cannot_be_read_is_refused(words, says):
    found = got(*words.split())
    assert found.exit_code == 2 and says in " ".join(found.stderr.replace("│", " ").split())


def test_slurm_where_it_is_not_and_where_it_is(tmp_path, monkeypatch):
    words = ("--executor", "slurm:short", "--slurm-options", "--time=8:00:00 --account=a")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = got(*words)
    told = " ".join(found.stderr.replace("│", " ").split())
    assert found.exit_code == 2 and "needs Slurm's sbatch" in told and "login node" in told
    for name in ("sbatch", "squeue", "scancel"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    expected = Workers(executor="slurm:short", slurm_options="--time=8:00:00 --account=a")
    assert got(*words).stdout == f"{expected!r}\n"
