"""What captures, comparisons and rankings will take is said before they start, and is about it."""

import json
import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import toposcope as ts
from benchmarks.bench_forecast import Watch
from toposcope.cli import main
from toposcope.errors import UsageError, WayOut
from toposcope.execution.forecasts import (
    Announced,
    Forecast,
    OnlyForecastError,
    free_room,
    peak_memory,
    refuse_beyond,
)
from toposcope.execution.progress import Silent


class Heard:
    """Who listens, and ends the call where it is told to."""

    def __init__(self, *, stop=False):
        self.told, self.stop = [], stop
        self.progress = Announced(Silent(), self.tell)

    def tell(self, name, expected):
        self.told.append((name, expected))
        if self.stop:
            raise OnlyForecastError


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))


X = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)


def test_a_capture_says_what_it_takes_and_takes_it(tmp_path):
    heard = Heard()
    acts = ts.capture(
        network(), X, layers="all", store=tmp_path / "run", batch_size=64, progress=heard.progress
    )
    [(name, said)] = heard.told
    assert name.startswith("capture") and (said.tasks, said.done) == (5, 0)
    written = sum(one.stat().st_size for one in (tmp_path / "run" / "acts").rglob("*.*"))
    assert 0.8 <= said.disk_bytes / written <= 4, (said.disk_bytes, written)
    assert 0.8 <= said.worker_bytes / peak_memory() <= 2 and said.probed > 0
    # The same activations as without anybody listening, and nothing left to do is nothing to take.
    again = ts.capture(network(), X, layers="all", batch_size=64)
    assert all(np.array_equal(acts[layer], again[layer]) for layer in again.layers)
    heard.told.clear()
    ts.capture(
        network(), X, layers="all", store=tmp_path / "run", batch_size=64, progress=heard.progress
    )
    [(_, said)] = heard.told
    assert (said.done, said.cpu_seconds, said.disk_bytes) == (5, 0, 0)


def test_a_capture_whose_forecast_ends_it_leaves_nothing(tmp_path):
    heard = Heard(stop=True)
    with pytest.raises(OnlyForecastError):
        ts.capture(network(), X, layers="all", store=tmp_path / "run", progress=heard.progress)
    assert not (tmp_path / "run").exists() and len(heard.told) == 1


def test_twins_are_in_the_forecast_of_a_capture_once(tmp_path):
    heard = Heard()
    options = {"layers": "all", "batch_size": 64, "progress": heard.progress}
    ts.capture(network(), X, store=tmp_path / "run", twin=2, **options)
    [(_, said)] = heard.told
    assert said.tasks == 15


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    place = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    for name in "ab":
        arrays = {f"layer{i}": rng.normal(size=(240, 4 + i)).astype(np.float32) for i in range(3)}
        ts.store.save_arrays(ts.from_arrays(arrays), place / name)
        ts.analyze(place / name, points=30, replicates=8, null="none", jobs=0)
    return place / "a", place / "b"


def test_a_comparison_says_what_it_takes_and_takes_it(pair, tmp_path):
    heard = Heard()
    with Watch() as watch:
        ts.compare(*pair, store=tmp_path / "kept", jobs=1, progress=heard.progress)
    [(name, said)] = heard.told
    assert (name, said.tasks, said.done, len(said.task_seconds)) == ("compare", 6, 0, 6)
    assert 0.8 <= said.worker_bytes / watch.peak <= 2, (said.worker_bytes, watch.peak)
    parts = sum(one.stat().st_size for one in (tmp_path / "kept" / "parts").iterdir())
    assert 0.5 <= said.disk_bytes / parts <= 20 and said.probed > 0
    ts.compare(*pair, store=tmp_path / "kept", jobs=0, progress=heard.progress)
    assert len(heard.told) == 1, "a finished comparison says nothing"


def test_a_comparison_of_what_is_not_analyzed_says_first_what_that_takes(tmp_path):
    arrays = {"layer": np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)}
    for name in "ab":
        ts.store.save_arrays(ts.from_arrays(arrays), tmp_path / name)
    heard = Heard(stop=True)
    with pytest.raises(OnlyForecastError):
        ts.compare(tmp_path / "a", tmp_path / "b", progress=heard.progress, jobs=0)
    assert [name for name, _ in heard.told] == ["analyze a"]
    assert not list(tmp_path.glob("*/results/*/done.json"))


def test_work_beyond_memory_is_done_by_fewer_workers():
    said = Forecast(9, 0, 4, 9.0, 9.0, 100, 0, 10, 250, 1000)
    with pytest.raises(UsageError, match=r"--jobs 2"):
        refuse_beyond(said, lambda room: [WayOut({"room": room})], call="f()", place=None)
    full = Forecast(9, 0, 1, 9.0, 9.0, 100, 0, 2000, 250, 1000)
    with pytest.raises(UsageError, match=r"free where here lies"):
        refuse_beyond(full, lambda room: [], call="f()", place="here")


def test_room_is_that_of_the_folder_that_will_be_made(tmp_path):
    assert free_room(tmp_path / "not" / "there") == pytest.approx(free_room(tmp_path), rel=0.1)
    assert free_room("s3://bucket/run") == 2**63 - 1


def test_rankings_say_what_their_captures_and_scores_take():
    heard = Heard()
    x = np.random.default_rng(0).normal(size=(80, 8)).astype(np.float32)
    models = [{"name": name, "model": network(), "layers": "all"} for name in ("one", "two")]
    ts.rank(
        models, (x, np.arange(80) % 2), scores=["knn"], points=20, replicates=4, jobs=0,
        progress=heard.progress,
    )  # fmt: skip
    names = [name.split()[0] for name, _ in heard.told]
    assert names.count("capture") >= 2 and names[-1] == "score"
    assert (heard.told[-1][1].tasks, len(heard.told[-1][1].task_seconds)) == (8, 8)
    assert heard.told[-1][1].worker_bytes > 50e6


def test_dry_runs_show_numbers_and_do_nothing(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["compare", *map(str, pair), "-o", str(out), "--dry-run", "--json"]
    )
    found = json.loads(done.stdout)
    assert (done.exit_code, found["work"], found["tasks"]) == (0, "compare", 6)
    assert found["predicted_bytes_per_worker"] > 50e6 and not out.exists()
    np.savez(tmp_path / "x.npz", x=X)
    (tmp_path / "dry_net.py").write_text(
        "from torch import nn\ndef net():\n    return nn.Sequential(nn.Linear(8, 4), nn.ReLU())\n"
    )
    words = ["py:dry_net:net", "npz:x.npz", "--layers", "all"]
    done = CliRunner().invoke(main, ["capture", *words, "-o", str(out), "--dry-run"])
    assert done.exit_code == 0 and "predicted_wall_seconds" in done.stdout, done.output
    assert not out.exists()
    done = CliRunner().invoke(main, ["capture", *words, "-o", str(out)])
    assert done.exit_code == 0 and re.search(r"capture \S+: 3 tasks, about", done.stderr)
