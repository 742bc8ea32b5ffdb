"""Jobs of a comparison: all that decides a number is in the key, and where things lie is not."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

import toposcope as ts
from toposcope.comparison.layer_pairs import CROSS, FLOOR, SAME, measure_pairs
from toposcope.comparison.networks import gather
from toposcope.comparison.plan import plan_tasks
from toposcope.execution.tasks import identity
from toposcope.similarity import cka

RNG = np.random.default_rng(0)
A, B = ({f"layer{k}": RNG.normal(size=(60, 3)) for k in range(2)} for _ in range(2))


def planned(folder, a=A, b=B, **changed):
    options = {"points": 12, "replicates": 4, "homology_dimensions": (0,)}
    options |= {k: changed.pop(k) for k in list(changed) if k in (*options, "seed")}
    networks = gather(
        [ts.from_arrays(a, name="a"), ts.from_arrays(b, name="b")],
        options,
        unit="points",
        analyses=(),
        step=None,
        equalize=False,
        store=folder,
        jobs=0,
        progress=None,
    )
    plan = {"measures": ["wasserstein"], "paired_measures": ["cka"], "homology_dimensions": (0,)}
    return networks, *plan_tasks(networks, folder, **plan | changed)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return planned(tmp_path_factory.mktemp("comparison"))


def test_every_field_of_a_job_and_of_what_is_in_it_is_in_its_identity(plan):
    job = plan[1][0].job
    for one in fields(job.side):
        side = replace(job.side, **{one.name: "another"})
        assert identity(replace(job, side=side)) != identity(job), one.name
    first, *rest = job.others
    for name, other in (
        ("side", replace(first.side, content="another")),
        ("full", not first.full),
        ("paired", not first.paired),
    ):
        others = (replace(first, **{name: other}), *rest)
        assert identity(replace(job, others=others)) != identity(job), name
    assert {one.name for one in fields(first)} == {"side", "full", "paired"}
    for one in fields(job):
        assert identity(replace(job, **{one.name: "another"})) != identity(job), one.name


def test_the_same_layers_have_the_same_keys_in_another_folder(plan, tmp_path):
    _, tasks, inputs = planned(tmp_path)
    assert [task.key for task in tasks] == [task.key for task in plan[1]]
    assert inputs != plan[2]
    assert len({task.key for task in tasks}) == len(tasks) == 4


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"points": 13},
        {"replicates": 3},
        {"measures": ["bottleneck"]},
        {"paired_measures": ["rsa"]},
        {"homology_dimensions": (0, 1)},
        {"b": B | {"layer1": B["layer1"] + 1e-9}},
    ],
)
def test_whatever_is_asked_otherwise_is_another_job(plan, tmp_path, changed):
    _, tasks, _ = planned(tmp_path, **changed)
    assert not {task.key for task in tasks} & {task.key for task in plan[1] if "a, " in task.title}


def test_a_layer_meets_itself_and_all_that_come_after_it(plan):
    met = [[(o.side.place, o.full, o.paired) for o in task.job.others] for task in plan[1]]
    assert [[place for place, _, _ in others] for others in met] == [
        [(0, 0), (0, 1), (1, 0), (1, 1)],
        [(0, 1), (1, 0), (1, 1)],
        [(1, 0), (1, 1)],
        [(1, 1)],
    ]
    assert [full for _, full, _ in met[0]] == [True, True, True, False]
    assert all(paired for others in met for _, _, paired in others)


def test_a_part_holds_the_numbers_of_the_array_functions(plan):
    networks, tasks, inputs = plan
    rows = json.loads(measure_pairs(tasks[0].job, inputs))
    values = {tuple(row[:-1]): row[-1] for row in rows}
    a, b = networks
    apart = ts.distances.wasserstein(
        *(net.analysis.diagrams.pairs("layer0", 0, replicate=r) for net, r in ((a, 1), (b, 2)))
    )
    assert values[2, "wasserstein", 0, CROSS, 1, 2] == apart
    X, Y, Z = (net[f"layer{k}"][a.draws[r]] for net, k, r in ((A, 0, 3), (B, 0, 3), (B, 0, 0)))
    assert values[2, "cka", None, SAME, 3, 3] == pytest.approx(cka(X, Y))
    assert values[2, "cka", None, FLOOR, 3, 0] == pytest.approx(cka(X, Z))
    # A layer is not paired with itself, and distant layers have no floor.
    assert not any(key[:2] == (0, "cka") or (key[0] == 3 and key[3] == FLOOR) for key in values)


def test_a_value_that_is_not_there_has_its_reason_in_the_part(tmp_path):
    _, tasks, inputs = planned(tmp_path, b=B | {"layer0": np.ones((60, 3))})
    rows = json.loads(measure_pairs(tasks[0].job, inputs))
    reasons = {row[-1] for row in rows if row[:2] == [2, "cka"]}
    assert reasons and all(isinstance(reason, str) and reason for reason in reasons)
