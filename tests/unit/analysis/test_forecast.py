"""What an analysis will take is said before it starts, and is about what it takes."""

from __future__ import annotations

import io
import os
import re
import time
from dataclasses import replace

import numpy as np
import pytest

import toposcope as ts
from benchmarks.bench_forecast import Watch, activations
from toposcope.analysis import forecast as forecasts
from toposcope.analysis.design import Design
from toposcope.analysis.forecast import Corrected, forecast, refuse_a_full_disk, remaining
from toposcope.analysis.plan import plan_analysis, refuse_what_cannot_fit
from toposcope.analysis.probe import Trial, continued
from toposcope.analysis.run import analyze_design, run_plan
from toposcope.errors import UsageError
from toposcope.execution import progress
from toposcope.store import save_arrays
from toposcope.words.forecasts import forecast_line, forecast_numbers


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    arrays = {
        **activations(600, 6, 1),
        "wide": np.random.default_rng(1).normal(size=(600, 40)).astype(np.float32),
    }
    save_arrays(ts.from_arrays(arrays), path)
    return path


def plain(run, **changed):
    return plan_analysis(run, Design(**{"points": 100, "replicates": 3, "null": "none"} | changed))


def test_memory_of_a_worker_is_what_was_said(tmp_path):
    """12,000 points of H0 were said to take 248 MB, and took 3,708."""
    path = save_arrays(ts.from_arrays(activations(2400, 16, 1)), tmp_path / "run")
    plan = plain(path, points=2400, replicates=1, homology_dimensions=(0,))
    said = forecast(plan, 1, budget=0).worker_bytes
    with Watch() as watch:
        run_plan(plan, jobs=1)
    assert 0.8 <= said / watch.peak <= 2, (said, watch.peak)


def test_many_small_layers_are_no_matter_of_a_second(tmp_path):
    """3,000 tasks of 1,500 layers were said to take 1.5 s, and took 57."""
    arrays = {f"layer{i}": np.ones((20, 1)) * np.arange(20.0)[:, None] for i in range(300)}
    path = save_arrays(ts.from_arrays(arrays), tmp_path / "run")
    said = forecast(plain(path, points=10, replicates=2), 2, budget=0)
    assert 0.01 <= said.seconds / said.tasks <= 0.05


def test_a_probe_measures_every_kind_of_layer_and_leaves_nothing(run):
    before = sorted(run.rglob("*"))
    said = forecast(plain(run), 2, budget=1.0)
    assert sorted(run.rglob("*")) == before
    assert said.probed > 0 and len(said.task_seconds) == 6
    assert min(said.task_seconds) > 1e-3, "publishing alone takes longer"
    assert 50e6 < said.worker_bytes < 1e9 and said.disk_bytes > 6 * 2 * 4096
    assert "about" in forecast_line(said)
    assert forecast_numbers(said)["probe_seconds"] == round(said.probed, 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_run_that_cannot_be_written_to_can_be_forecast(run):
    run.chmod(0o500)
    try:
        assert forecast(plain(run), 1, budget=0.1).probed > 0
    finally:
        run.chmod(0o700)


@pytest.mark.parametrize("points_are", ["positions", "channels", "tokens"])
def test_a_probe_measures_other_kinds_of_points(points_are, tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 70, 80)).astype(np.float32)
    path = save_arrays(ts.from_arrays({"block": X}), tmp_path / "run")
    plan = plain(path, points=64, replicates=2, points_are=points_are)
    [rungs] = [forecasts._ladder(plan, "block")]
    assert [rung.size for rung in rungs] == [64]
    plan = plan_analysis(path, replace(plan.design, points=70))
    assert forecast(plan, 1, budget=0.2).probed > 0


def test_a_probe_measures_volumes(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 3, 4, 5)).astype(np.float32)
    path = save_arrays(ts.from_arrays({"block": X}), tmp_path / "run")
    plan = plan_analysis(path, Design(filtration=ts.Cubical(), replicates=12))
    assert forecast(plan, 1, budget=0.2).probed > 0
    assert plan.work.ways_out(plan.opened, [task.job for task in plan.todo], plan.design, 0) == []
    with_diagrams = Design(filtration=ts.Cubical(diagrams=True), replicates=12)
    plan = plan_analysis(path, with_diagrams)
    room = plan.worker_bytes - 1
    jobs = [task.job for task in plan.todo]
    [way, *_] = plan.work.ways_out(plan.opened, jobs, plan.design, room)
    assert way.without == ("--diagrams",) and not way.changes["filtration"].diagrams


def test_nothing_is_left_to_forecast_of_what_is_done(run):
    design = Design(points=60, replicates=2, null="none")
    told = []
    analyze_design(run, design, jobs=0, tell=told.append)
    assert [one.done for one in told] == [0] and told[0].probed == 0
    assert "roughly" in forecast_line(told[0])
    analyze_design(run, design, jobs=0, tell=told.append)
    assert len(told) == 1, "a finished analysis says nothing"
    more = plan_analysis(run, design)
    said = forecast(more, 2)
    assert (said.done, said.cpu_seconds, said.worker_bytes, said.disk_bytes) == (4, 0, 0, 0)


def test_what_cannot_fit_is_refused_at_once_with_numbers_and_ways_out(tmp_path):
    """150,000 points of H0 were started, and each task asked for 168 GiB."""
    path = save_arrays(ts.from_arrays({"a": np.zeros((150_000, 4))}), tmp_path / "run")
    plain(path, points=10)  # what is imported once
    begun = time.process_time()
    plan = plain(path, points=150_000, replicates=1, homology_dimensions=(0,))
    with pytest.raises(UsageError) as refused:
        refuse_what_cannot_fit(plan, 1)
    assert time.process_time() - begun < 1.0
    told = str(refused.value)
    assert re.search(r"would need about \d{3}\.\d GiB of memory; [\d.]+ GiB are available", told)
    assert "points=" in told and "homology.rips(" in told and "farthest_landmarks" in told
    assert len(refused.value.ways) == 3 and refused.value.needed > 100 << 30


def test_a_disk_without_room_is_refused(run):
    said = replace(forecast(plain(run), 2, budget=0), free_bytes=10)
    with pytest.raises(UsageError, match=r"results will take about .* are free"):
        refuse_a_full_disk(said, run)


def test_time_is_continued_by_its_own_power():
    def trials(power, fixed=0.0):
        return [
            Trial(n, t, t, t, 0, 0) for n in (50, 100, 200, 400) for t in [fixed + n**power * 1e-6]
        ]

    assert continued(trials(2), 400) == 1
    assert continued(trials(2), 1600) == pytest.approx(16)
    assert continued(trials(3), 800) == pytest.approx(8)
    assert continued(trials(9), 800) < 2**4, "no higher power than 3.5 is believed"
    flat = continued(trials(2, fixed=0.2), 800)
    assert flat == pytest.approx((0.2 + 0.64) / (0.2 + 0.16)), "what does not grow stays"
    assert continued(trials(2)[:1], 100) == 4, "nothing but the size is known"


def test_the_time_left_follows_what_tasks_took():
    assert remaining(60, 0, 0) == 60
    assert remaining(60, 60, 180) == pytest.approx(60 * 190 / 70)
    assert remaining(0, 60, 180) == 0


def test_the_time_left_is_told_beside_the_tasks(run, monkeypatch):
    monkeypatch.setattr("sys.stderr", told := io.StringIO())
    said = replace(
        forecast(plain(run), 1, budget=0), task_seconds=(100.0,) * 4 + (700.0,) * 2, tasks=6
    )
    with Corrected(progress.LogLines(), said).task("analyze", 6) as steps:
        steps.advance(0)
        for _ in range(6):
            steps.advance()
    lines = told.getvalue().splitlines()
    assert lines[0].startswith("analyze: 1/6, ") and lines[0].endswith(" left")
    assert lines[-1] == "analyze: 6/6"
    # The tasks took no time at all: what is left is believed less and less.
    with Corrected(None, said).task("analyze", 6) as steps:
        steps.advance()
