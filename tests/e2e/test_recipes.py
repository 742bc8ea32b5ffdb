"""The recipes of docs/extending.md, followed as they stand: plug-ins from outside the package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = (ROOT / "docs" / "extending.md").read_text("utf-8")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the package `toy` as `pip install` would leave it: sources and entry points."""
    folder = tmp_path_factory.mktemp("site")
    for name, code in re.findall(r"```python\n# (toy/\w+\.py)\n(.*?)```", RECIPES, re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code)
    (folder / "toy" / "__init__.py").touch()
    points = re.findall(r'\[project\.entry-points\."([\w.]+)"\]\n(.*?)```', RECIPES, re.DOTALL)
    info = folder / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    lines = [f"[{group}]\n{line}".replace('"', "") for group, line in points]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(installed: Path, code: str) -> str:
    """What a fresh process prints in which the package `toy` is installed."""
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ANALYZE = """
import json
import numpy as np
import toposcope as ts

X = np.random.default_rng(0).normal(size=(120, 4))
analysis = ts.analyze(ts.from_arrays({"block": X}), points=30, replicates=4, jobs=1)
for statistic in ("longest_share", "lifespan_sum"):
    rows = analysis.intervals.query("statistic == @statistic and cloud == 'data'")
    print(json.dumps(rows[["homology_dimension", "mean", "low", "high"]].to_dict("records")))
pairs = [ts.summaries.finite(p) for k, p in analysis.diagrams
         if k.cloud == "data" and k.homology_dimension == 0]
lengths = [p[:, 1] - p[:, 0] for p in pairs]
print(np.mean([one.max() / one.sum() for one in lengths]))
"""


@pytest.fixture(scope="module")
def analyzed(installed):
    """What ANALYZE prints: a statistic of the plug-in, one of our own, the first by hand."""
    return run(installed, ANALYZE).splitlines()


def test_a_statistic_is_measured_in_workers(analyzed):
    rows, _, expected = analyzed
    h0, h1 = json.loads(rows)
    assert (h0["homology_dimension"], h1["homology_dimension"]) == (0, 1)
    assert h0["mean"] == pytest.approx(float(expected))
    assert h0["low"] < h0["mean"] < h0["high"]


FILTER = """
import numpy as np
from click.testing import CliRunner
import toposcope as ts
from toposcope.cli import main
from toposcope.store.arrays import save_arrays

X = np.random.default_rng(0).normal(size=(120, 4))
acts = ts.from_arrays({"block": X})
run = save_arrays(acts, FOLDER)
words = "--complex reachability --density-neighbors 8 --points 30 --replicates 4 --jobs 1"
done = CliRunner().invoke(main, ["analyze", str(run), *words.split()])
assert done.exit_code == 0, done.output
from toposcope.analysis.run import load_analysis
found = load_analysis(run)
print(found.design.filtration)
cloud = ts.clouds(acts, points=30, replicates=4)
cloud = cloud.cloud("block", cloud.draws[0])
by_hand = ts.homology.rips(
    found.design.filtration.distances(cloud, ts.homology.distances(cloud)), metric="precomputed"
)
print(all(np.array_equal(by_hand[k], found.diagrams.pairs("block", k)) for k in (0, 1)))
"""


def test_a_filtration_is_a_flag_and_is_measured_in_workers(installed, tmp_path):
    code = FILTER.replace("FOLDER", repr(str(tmp_path / "run")))
    assert run(installed, code).splitlines() == ["Reachability(density_neighbors=8)", "True"]


RANK = """
import json
import numpy as np
import torch
from torch import nn
import toposcope as ts

torch.manual_seed(0)  # both units of the last ReLU are dead in some draws of the weights
rng = np.random.default_rng(0)
y = np.arange(80) % 2
x = (rng.normal(size=(80, 6)) + y[:, None]).astype(np.float32)
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2), nn.ReLU())
models = [{"name": "net", "model": net, "layers": "all"}]
board = ts.rank(models, (x, y), scores=["spread", "knn"], points=20, replicates=4, jobs=1)
print(json.dumps(board.set_index("score")["value"].to_dict()))
"""


def test_a_score_stands_on_the_board(installed):
    values = json.loads(run(installed, RANK))
    assert 0 < values["spread"] < 1 and 0 <= values["knn"] <= 1


STUDY = """
import json
import numpy as np
from click.testing import CliRunner
import toposcope as ts
from toposcope.cli import main
from toposcope.store.arrays import save_arrays

X = np.random.default_rng(0).normal(size=(20, 4))
told = {}
for scale, folder in FOLDERS:
    run = str(save_arrays(ts.from_arrays({"first": X, "second": scale * X}), folder))
    told[scale] = [ts.studies.run("growing-norms", run).verdicts[0].decision]
    ways = ["--help"], ["growing-norms", run, "--json"], ["growing-norms", run], ["nothing"]
    for words in ways:
        done = CliRunner().invoke(main, ["study", *words])
        told[scale].append([done.exit_code, done.stdout, done.stderr])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def studied(installed, tmp_path_factory):
    """What the study of the recipe says of growing and of shrinking norms, by their factor."""
    place = tmp_path_factory.mktemp("studied")
    folders = [(scale, str(place / f"run{scale}")) for scale in (2.0, 0.5)]
    return json.loads(run(installed, STUDY.replace("FOLDERS", repr(folders))))


@pytest.mark.parametrize(("scale", "decision"), [(2.0, "holds"), (0.5, "fails")])
def test_a_study_is_listed_and_run(studied, scale, decision):
    first, listed, as_json, as_text, unknown = studied[str(scale)]
    assert first == decision
    for name in ("validity", "growing-norms"):
        assert name in listed[1] and name in unknown[2]
    assert unknown[0] == 2 and "Do activations grow with depth?" in unknown[2]
    value = json.loads(as_json[1])
    (verdict,) = value["verdicts"]
    assert (as_json[0], value["study"], verdict["decision"]) == (0, "growing-norms", decision)
    assert verdict["norms"][1] == pytest.approx(scale * verdict["norms"][0])
    assert as_text[1].startswith(f"{decision.upper():<15}mean norms by depth: ")


CLASH = """
from toposcope.errors import UsageError
from toposcope.execution.plugins import Registry
try:
    Registry("toposcope.statistics", {"longest_share": len})["longest_share"]
except UsageError as error:
    print(error)
"""


def test_a_name_that_is_taken_is_refused(installed):
    told = run(installed, CLASH)
    assert "longest_share" in told and "taken" in told


def test_without_plugins_there_are_none():
    code = "from toposcope.execution.plugins import plugin_hash; print(repr(plugin_hash()))"
    assert run(Path(os.devnull), code).strip() == "''"


def test_the_hash_follows_the_sources(installed):
    code = "from toposcope.execution.plugins import plugin_hash; print(plugin_hash())"
    before = run(installed, code)
    source = installed / "toy" / "statistic.py"
    text = source.read_text()
    source.write_text(text + "\n# edited\n")
    after = run(installed, code)
    source.write_text(text)
    assert before.strip() and before != after and run(installed, code) == before


def test_no_number_changes_where_a_plugin_joins(analyzed):
    joined = json.loads(analyzed[1])
    without, own, _ = run(Path(os.devnull), ANALYZE).splitlines()
    assert json.loads(own) == joined and json.loads(without) == []
