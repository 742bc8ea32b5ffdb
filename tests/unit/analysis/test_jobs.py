"""A job holds all that decides its numbers; its random stream does not follow the code."""

from dataclasses import fields, replace
from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
import pytest

import toposcope as ts
from toposcope.analysis import cloud_jobs
from toposcope.analysis import plan as planning
from toposcope.analysis.design import Design
from toposcope.analysis.jobs import Inputs, measure_job
from toposcope.analysis.plan import plan_analysis
from toposcope.execution.tasks import identity
from toposcope.store.arrays import save_arrays

RNG = np.random.default_rng(0)
DESIGN = Design(points=12, replicates=2, per_class=True, null="gaussian,permuted_labels")


@pytest.fixture
def run(tmp_path):
    layers = {"a": RNG.normal(size=(60, 3)), "maps": RNG.normal(size=(60, 2, 3, 3))}
    return save_arrays(ts.from_arrays(layers, labels=np.arange(60) % 2), tmp_path / "run")


def keys(run, design):
    return [task.key for task in plan_analysis(run, design).tasks]


def test_the_rows_of_permuted_labels_are_part_of_the_identity(run, monkeypatch):
    before = keys(run, DESIGN)
    mixed = cloud_jobs.permuted_rows

    def other(draws):
        return {place: rows[::-1] for place, rows in mixed(draws).items()}

    monkeypatch.setattr(cloud_jobs, "permuted_rows", other)
    assert not set(before) & set(keys(run, DESIGN))


@pytest.mark.parametrize(
    "design", [DESIGN, Design(filtration=ts.Cubical(), null="shuffled_voxels", replicates=4)]
)
def test_every_field_of_a_job_is_in_its_identity(run, design):
    job = plan_analysis(run, design).tasks[0].job
    other = {
        "design": replace(design.resolved(60), seed=9),
        "rows": (*job.rows[:-1], 59),
        "strangers": (0, 1),
        "images": (7,),
        "replicate": 7,
        "depth": 0.25,
    }
    for one in fields(job):
        changed = replace(job, **{one.name: other.get(one.name, "changed")})
        assert identity(changed) != identity(job), one.name


def test_filtrations_without_parameters_have_identities_of_their_own(run):
    job = plan_analysis(run, DESIGN).tasks[0].job
    rips, local = (replace(job.design, filtration=made) for made in (ts.Rips(), ts.Geodesic()))
    assert identity(replace(job, design=rips)) != identity(replace(job, design=local))


def values(job, run, cloud):
    table = pq.read_table(BytesIO(measure_job(job, Inputs(run)))).to_pandas()
    return table[table["cloud"] == cloud]["value"].to_numpy()


def test_null_clouds_do_not_move_with_the_code_and_move_with_the_stream(run, monkeypatch):
    job = plan_analysis(run, DESIGN).tasks[0].job
    monkeypatch.setattr(planning, "code_of", lambda filtration: "another")
    edited = plan_analysis(run, DESIGN).tasks[0].job
    assert identity(edited) != identity(job)
    assert np.array_equal(
        values(edited, run, "gaussian"), values(job, run, "gaussian"), equal_nan=True
    )
    other = replace(job, stream="0f" * 16)
    assert np.array_equal(values(other, run, "data"), values(job, run, "data"), equal_nan=True)
    assert not np.array_equal(
        values(other, run, "gaussian"), values(job, run, "gaussian"), equal_nan=True
    )


def test_every_job_has_a_stream_of_its_own(run):
    for design in (DESIGN, replace(DESIGN, seed=1), Design(ts.Cubical(), replicates=4)):
        tasks = plan_analysis(run, design).tasks
        assert len({task.job.stream for task in tasks}) == len(tasks)
    assert (
        plan_analysis(run, DESIGN).tasks[0].job.stream
        != plan_analysis(run, replace(DESIGN, seed=1)).tasks[0].job.stream
    )
