"""A refusal for want of room says what to pass instead, and each of those is then accepted.

The ways out are read from the error as values, passed to the call that was refused, and typed
behind its command, in machines as small as needs be.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from torch import nn

import toposcope as ts
from toposcope.activations import forecast as captures
from toposcope.analysis import forecast as forecasts
from toposcope.analysis import plan as plans
from toposcope.analysis import work
from toposcope.analysis.design import Design
from toposcope.cli import main
from toposcope.comparison import forecast as comparisons
from toposcope.comparison import measuring
from toposcope.errors import DoesNotFitError, WayOut
from toposcope.execution.forecasts import Announced, OnlyForecastError, Taken
from toposcope.execution.progress import Silent
from toposcope.inputs import memory
from toposcope.transfer.ranking import run as ranking
from toposcope.transfer.ranking import sizes_of_scores, whole_forecast

X = np.random.default_rng(0).normal(size=(640, 8)).astype(np.float32)


@dataclass
class Call:
    """A call in Python, its command, and who is asked how much room there is."""

    function: Any
    given: tuple[Any, ...]
    options: dict[str, Any]
    words: list[str]
    places: list[tuple[Any, str]]
    until: str = ""

    def told(self, name, expected):
        """Ends a call before its work, once it was found to fit."""
        if name.startswith(self.until):
            raise OnlyForecastError

    def small(self, monkeypatch, room):
        """There is so much room."""
        for module, name in self.places:
            monkeypatch.setattr(module, name, lambda *_, **__: room)

    def python(self, **changes):
        """Refused, or accepted: then ended before its work."""
        progress = Announced(Silent(), self.told)
        with pytest.raises(OnlyForecastError):
            self.function(*self.given, **{**self.options, **changes}, progress=progress)

    def typed(self, way):
        """The command with the flags of a way out."""
        words = [word for word in self.words if word not in way.without]
        for flag in way.flags[::2]:  # one that was typed already is typed anew
            if flag in words and flag != "--equalize":
                at = words.index(flag)
                words[at : at + 2] = []
        done = CliRunner().invoke(main, [*words, *way.flags, "--dry-run"])
        assert done.exit_code == 0, (way, done.output)

    def refused(self):
        """The error, and that of the command."""
        with pytest.raises(DoesNotFitError) as found:
            self.python()
        self.command()
        return found.value

    def command(self):
        """The command is refused as well, in the same words."""
        done = CliRunner().invoke(main, [*self.words, "--dry-run"])
        assert done.exit_code == 2 and "available" in done.stderr, done.output


def every_way_is_one(call, monkeypatch, rooms, least):
    """Tries all; returns the arguments that were changed."""
    tried = set()
    for room in rooms:
        call.small(monkeypatch, room)
        error = call.refused()
        assert error.needed > error.available == room
        own = [way for way in error.ways if not way.call]
        enough = len(own) >= least or "jobs" in own[0].changes
        assert enough, [str(way) for way in error.ways]
        assert all(str(way) in str(error) for way in error.ways)
        for way in own:
            call.python(**way.changes)
            if way.flags:
                call.typed(way)
            tried |= set(way.changes)
    return tried


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Forecasts without their probes: of those are other tests."""
    monkeypatch.setattr(forecasts, "forecast", partial(forecasts.forecast, budget=0))
    monkeypatch.setattr(measuring, "from_probe", lambda expected, *_: expected)


@pytest.mark.parametrize("jobs", [1, 3])
def test_of_an_analysis(tmp_path, monkeypatch, jobs):
    arrays = {"a": X, "b": np.repeat(X, 3, axis=1)}
    run = ts.store.save_arrays(ts.from_arrays(arrays), tmp_path / "run")
    options = {"points": 200, "replicates": 3, "homology_dimensions": (0, 1, 2)}
    options |= {"null": "gaussian", "jobs": jobs}
    words = f"analyze {run} --points 200 --replicates 3 --homology 0,1,2 --null gaussian"
    call = Call(
        ts.analyze, (run,), options, f"{words} --jobs {jobs}".split(), [(plans, "available_memory")]
    )
    design = Design(**{key: value for key, value in options.items() if key != "jobs"})
    each = plans.plan_analysis(run, design).worker_bytes
    rooms = [each - 1, each - 1_000_000, *([int(1.5 * each)] if jobs > 1 else [])]
    tried = every_way_is_one(call, monkeypatch, rooms, 3)
    assert tried >= {"points", "homology_dimensions", "null", *(["jobs"] if jobs > 1 else [])}


def test_the_calls_on_arrays_that_an_analysis_names_do_with_less(tmp_path, monkeypatch):
    cloud = np.random.default_rng(1).normal(size=(3000, 4))
    run = ts.store.save_arrays(ts.from_arrays({"a": cloud}), tmp_path / "run")
    design = Design(points=3000, replicates=1, homology_dimensions=(0, 1), null="none")
    plan = plans.plan_analysis(run, design)
    room = plan.worker_bytes - 100_000_000
    monkeypatch.setattr(plans, "available_memory", lambda: room)
    with pytest.raises(DoesNotFitError) as refused:
        plans.refuse_what_cannot_fit(plan, 1)
    others = [way for way in refused.value.ways if way.call]
    assert len(refused.value.ways) >= 3 and len(others) == 2
    monkeypatch.setattr(memory, "available_memory", lambda: room - work.WORKER_BYTES // 2)
    for way in others:
        given = dict(way.changes)
        rows = slice(None)
        if "count" in given:
            rows = ts.homology.farthest_landmarks(cloud, given.pop("count")).rows
        assert way.call == "ts.homology.rips()"
        assert len(ts.homology.rips(cloud[rows], **given)[0]) == len(cloud[rows])


def test_of_volumes(tmp_path, monkeypatch):
    volumes = np.random.default_rng(2).normal(size=(40, 3, 16, 16)).astype(np.float32)
    arrays = {"a": volumes, "b": volumes[:, :, :4, :4]}
    run = ts.store.save_arrays(ts.from_arrays(arrays), tmp_path / "run")
    filtration = ts.Cubical(diagrams=True)
    words = f"analyze {run} --complex cubical --diagrams --jobs 1"
    call = Call(
        ts.analyze,
        (run,),
        {"filtration": filtration, "jobs": 1},
        words.split(),
        [(plans, "available_memory")],
    )
    each = plans.plan_analysis(run, Design(filtration=filtration)).worker_bytes
    tried = every_way_is_one(call, monkeypatch, (each - 1,), 2)
    assert tried == {"filtration"}
    [way] = [way for way in call.refused().ways if way.call == "capture()"]
    assert way.changes == {"layers": ["b"]} and way.flags == ("--layers", "b")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    place = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    for name in "ab":
        arrays = {f"layer{i}": rng.normal(size=(240, 4 + i)).astype(np.float32) for i in range(3)}
        ts.store.save_arrays(ts.from_arrays(arrays), place / name)
        ts.analyze(place / name, points=30, replicates=8, null="none", jobs=0)
    return place / "a", place / "b"


@pytest.mark.parametrize("jobs", [1, 4])
def test_of_a_comparison(pair, monkeypatch, jobs):
    monkeypatch.setattr(comparisons, "WORKER_BYTES", 10_000)
    words = ["compare", *map(str, pair), "--jobs", str(jobs)]
    call = Call(ts.compare, pair, {"jobs": jobs}, words, [(comparisons, "available_memory")])
    # One worker takes 120 kB of activations and matrices here.
    rooms = [60_000, 80_000, *([250_000] if jobs > 1 else [])]
    tried = every_way_is_one(call, monkeypatch, rooms, 3)
    assert tried >= {"points", "replicates", "measures", *(["jobs"] if jobs > 1 else [])}


class Net(nn.Sequential):
    """Three layers of vectors."""

    def __init__(self):
        super().__init__(nn.Linear(8, 300), nn.ReLU(), nn.Linear(300, 130), nn.ReLU())


@pytest.mark.parametrize("stored", [True, False])
def test_of_a_capture(tmp_path, monkeypatch, stored):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", x=X)
    Path("ways_net.py").write_text("from tests.unit.execution.test_ways_out import Net\n")
    store = {"store": tmp_path / "run"} if stored else {}
    words = "capture py:ways_net:Net npz:x.npz --layers all -o run"
    name = "free_room" if stored else "available_memory"
    call = Call(
        ts.capture, (Net(), X), {"layers": "all", **store}, words.split(), [(captures, name)]
    )
    whole = 640 * 4 * (300 + 300 + 130 + 130)
    if not stored:  # the command has a store always
        monkeypatch.setattr(Call, "typed", lambda *_: None)
        monkeypatch.setattr(Call, "command", lambda *_: None)
    tried = every_way_is_one(call, monkeypatch, (whole - 1, whole * 3 // 4, whole // 2 + 9000), 3)
    assert tried >= {"n", "dtype", "layers", "pool"}


def test_a_capture_that_was_begun_goes_on_as_it_was(tmp_path, monkeypatch):
    """Other parameters would be refused there."""
    options = {"layers": "all", "store": tmp_path / "run", "batch_size": 64}
    ts.capture(Net(), X, **options)
    last = sorted((tmp_path / "run" / "acts").rglob("*.json"))[-1]
    last.with_suffix(".safetensors").unlink()
    last.unlink()
    (tmp_path / "run" / "capture.json").unlink()
    monkeypatch.setattr(captures, "_there", lambda *_: 64)
    monkeypatch.setattr(captures, "free_room", lambda _: 1000)
    with pytest.raises(DoesNotFitError, match=r"Pass a store on another disk \(-o\)\.$") as found:
        ts.capture(Net(), X, **options)
    assert found.value.ways == ()


CANDIDATES = """
[[model]]
name = "one"
model = "py:ways_net:Net"
layers = "all"
[[model]]
name = "two"
model = "py:ways_net:Net"
layers = "all"
"""


@pytest.fixture
def choice(tmp_path, monkeypatch):
    """A ranking of two networks; workers that take nothing, so that its arrays are what counts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sizes_of_scores, "WORKER_BYTES", 10_000)
    monkeypatch.setattr(sizes_of_scores, "WIDEST", 300)
    np.savez("x.npz", x=X, y=np.arange(640) % 2)
    Path("ways_net.py").write_text("from tests.unit.execution.test_ways_out import Net\n")
    Path("models.toml").write_text(CANDIDATES)
    options = {"scores": ("knn", "tau", "logme", "parameters"), "points": 150, "replicates": 4}
    words = "rank models.toml --target npz:x.npz --scores knn,tau,logme,parameters --points 150"
    return Call(
        ts.rank,
        ("models.toml", "npz:x.npz"),
        {**options, "jobs": 1},
        f"{words} --replicates 4 --jobs 1".split(),
        [(sizes_of_scores, "available_memory")],
        until="score",
    )


@pytest.mark.parametrize("jobs", [1, 3])
def test_of_a_ranking(choice, monkeypatch, jobs):
    choice.options["jobs"], choice.words[-1] = jobs, str(jobs)
    # What is known before any network is loaded, then with the widths of its layers.
    scores = choice.options["scores"]
    early = sizes_of_scores.DrawSizes(150).bytes(scores)
    late = sizes_of_scores.DrawSizes(150, 130, (300,)).bytes(scores)
    assert early < late - 10_000
    monkeypatch.setattr(ranking, "score_forecast", lambda *_: None)
    monkeypatch.setattr(whole_forecast, "probed", lambda *_, **__: [Taken(0.1, 1000, 1000)] * 6)
    monkeypatch.setattr(whole_forecast, "peak_memory", lambda: 1000)
    rooms = [late - 1, early - 1, *([int(1.6 * late)] if jobs > 1 else [])]
    tried = every_way_is_one(choice, monkeypatch, rooms, 2)
    assert tried >= {"points", "scores", *(["jobs"] if jobs > 1 else [])}


def test_a_ranking_is_refused_before_its_networks_are_loaded(choice, monkeypatch):
    monkeypatch.setattr(ranking, "_capture", lambda *_: pytest.fail("loaded"))
    choice.small(monkeypatch, 20_000)
    begun = time.process_time()
    with pytest.raises(DoesNotFitError, match=r"^rank\(\): one task at a time would need") as found:
        choice.python(store="kept")
    assert time.process_time() - begun < 1.0
    assert not Path("kept").exists() and found.value.needed > found.value.available


def test_a_disk_without_room_is_no_failure_of_a_candidate(choice, monkeypatch):
    """It was: and volumes that did not fit were volumes that the network does not have."""
    monkeypatch.setattr(captures, "free_room", lambda _: 1000)
    with pytest.raises(DoesNotFitError, match=r"what is captured of 'one' takes .* are free where"):
        choice.function(*choice.given, **choice.options, store="kept")


def test_an_error_keeps_its_numbers_on_the_way_from_a_worker():
    way = WayOut({"points": 3}, ("--points", "3"))
    sent = DoesNotFitError("no room", needed=5, available=3, ways=[way])
    come = pickle.loads(pickle.dumps(sent))
    assert (str(come), come.needed, come.available, come.ways) == ("no room", 5, 3, (way,))
    assert isinstance(come, ts.errors.UsageError)


def test_what_cannot_fit_is_refused_within_a_second_of_cpu(tmp_path, monkeypatch):
    """From the start of the call; docs/forecast.md has what whole commands take."""
    run = ts.store.save_arrays(ts.from_arrays({"a": np.zeros((20_000, 64))}), tmp_path / "run")
    options = {"points": 20_000, "replicates": 1, "homology_dimensions": (0, 1, 2)}
    call = Call(ts.analyze, (run,), options, [], [(plans, "available_memory")])
    call.small(monkeypatch, 8 << 30)
    begun = time.process_time()
    with pytest.raises(DoesNotFitError):
        call.python()
    assert time.process_time() - begun < 1.0
