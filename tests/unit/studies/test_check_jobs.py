"""Jobs of the validity study: all that decides a number is in the key."""

from dataclasses import fields, replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.execution.executors import Inline
from toposcope.execution.tasks import identity
from toposcope.store.arrays import save_arrays
from toposcope.studies import validity_study
from toposcope.studies.validity_measure import CheckDesign, CheckJob, measure_check

DESIGN = CheckDesign(64, 4, 128, 4, (50, 64, 128), (0, 1), "mean_distance", "euclidean", 0)
JOB = CheckJob("code", DESIGN, "outliers", "layer", 0.5, "content", "labels")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 260, 3))


@pytest.mark.parametrize("name", [one.name for one in fields(CheckJob)])
def test_every_field_of_a_job_is_in_its_identity(name):
    assert identity(replace(JOB, **{name: "another"})) != identity(JOB)


@pytest.mark.parametrize("name", [one.name for one in fields(CheckDesign)])
def test_every_field_of_its_design_is_in_its_identity(name):
    changed = replace(JOB, design=replace(DESIGN, **{name: "another"}))
    assert identity(changed) != identity(JOB)


def tasks_of(folder, layers, labels=None, **design):
    """Jobs that a study of a RUN would plan, by title."""
    path = save_arrays(ts.from_arrays(layers, labels=labels), folder)
    activations, run = ts.open(path), validity_study.Run.open(path)
    tasks = validity_study._tasks(run, activations, replace(DESIGN, **design), ["metric"])
    return {task.title: task for task in tasks}


def test_layers_and_labels_of_a_run_decide_keys_and_its_folder_does_not(tmp_path):
    plain = tasks_of(tmp_path / "plain", {"a": X, "b": Y})
    moved = tasks_of(tmp_path / "moved", {"a": X, "b": Y})
    edited = tasks_of(tmp_path / "edited", {"a": X, "b": Y + 1e-9})
    labelled = tasks_of(tmp_path / "labelled", {"a": X, "b": Y}, np.arange(260) % 2)
    other = tasks_of(tmp_path / "other", {"a": X, "b": Y}, np.arange(260) // 130)
    assert {t: task.key for t, task in plain.items()} == {t: k.key for t, k in moved.items()}
    assert plain["metric of a"].key == edited["metric of a"].key
    assert plain["metric of b"].key != edited["metric of b"].key
    assert len({tasks["metric of a"].key for tasks in (plain, labelled, other)}) == 3


def test_labels_decide_the_draws(tmp_path):
    parts = []
    for name, labels in (("one", np.arange(260) % 2), ("other", np.arange(260) // 130)):
        task = tasks_of(tmp_path / name, {"a": X}, labels)["metric of a"]
        parts.append(measure_check(task.job, tmp_path / name))
    assert parts[0] != parts[1]


class Counting(Inline):
    """This process, with a count of what it was given."""

    def __init__(self):
        self.submitted = 0

    def submit(self, function, /, *args):
        self.submitted += 1
        return super().submit(function, *args)


def test_a_study_runs_by_name_on_any_executor(tmp_path):
    path = save_arrays(ts.from_arrays({"a": X, "b": Y}), tmp_path / "run")
    executor = Counting()
    options = {"points": 64, "replicates": 4, "checks": "concentration"}
    studied = ts.studies.run("validity", path, jobs=executor, **options)
    assert executor.submitted == 2 and not studied.failures
    again = ts.studies.validity(path, jobs=0, **options)
    assert again.measurements.equals(studied.measurements)
    with pytest.raises(UsageError, match=r"no study 'validty'. Near matches: validity"):
        ts.studies.run("validty", path)
