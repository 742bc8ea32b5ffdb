"""What is cut into tasks gives the same digest on every engine: comparisons and studies too."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.execution.executors import Workers
from toposcope.store.verify import verify
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given

from ..studies.test_frame import TOY  # noqa: TID252 - no package
from .test_slurm import slurm as slurm

X = np.random.default_rng(0).normal(size=(60, 5))
PAIR = [
    ts.from_arrays({f"l{k}": np.tanh(X @ np.full((5, 3), k + s)) for k in range(2)}, name=f"n{s}")
    for s in (1.0, 2.0)
]
HOW = {"measures": ["cka", "rsa"], "points": 15, "replicates": 4, "test": "none"}


def digests(folder, jobs):
    """Of a comparison and of a study."""
    ts.compare(*PAIR, store=folder / "C", jobs=jobs, **HOW)
    run_definition(TOY, Given(), quick=True, out=folder / "S", jobs=jobs)
    held = [verify(folder / name) for name in "CS"]
    assert [(one.problems, one.parts) for one in held] == [((), 4), ((), 10)]
    return [one.digest for one in held]


@pytest.fixture(scope="module")
def with_loky(tmp_path_factory):
    return digests(tmp_path_factory.mktemp("loky"), Workers(1, "loky"))


@pytest.mark.parametrize("engine", ["dask:local", "slurm"])
def test_a_comparison_and_a_study_are_those_of_loky(engine, with_loky, tmp_path, request):
    if engine == "slurm":
        request.getfixturevalue("slurm")
    else:
        pytest.importorskip("distributed")
    assert digests(tmp_path, Workers(1, engine)) == with_loky


def test_groups_of_a_population_are_one_task_and_say_so(tmp_path):
    for name in "ab":
        ts.store.save_arrays(PAIR[0], tmp_path / name)
    (tmp_path / "population.csv").write_text("run,width\na,1\nb,2\n")
    line = ["compare", str(tmp_path), "--by", "width", "--executor", "loky"]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 2 and "as one task" in done.output
