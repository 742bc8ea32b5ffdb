"""A named executor captures the candidates of a ranking too."""

from __future__ import annotations

import os

import pandas as pd

import toposcope as ts
from toposcope.execution.executors import Processes

HERE = "py:tests.unit.analysis.models_of_a_zoo:"


def test_candidates_are_captured_in_a_worker_and_rank_as_they_do_here(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACES", str(tmp_path))
    models = [{"name": name, "model": HERE + name, "layers": "2"} for name in ("narrow", "wide")]
    how = {"scores": ["knn", "parameters"], "points": 20, "replicates": 3}
    workers = Processes(1)
    there = ts.rank(models, "sklearn:digits", jobs=workers, **how)
    workers.close()
    builders = {int(path.name.rpartition("-")[2]) for path in tmp_path.glob("*-in-*")}
    assert builders - {os.getpid()}, "all were built in this process"
    here = ts.rank(models, "sklearn:digits", jobs=0, **how)
    columns = ["model", "score", "value"]
    left, right = (
        table[columns].sort_values(columns).reset_index(drop=True) for table in (there, here)
    )
    pd.testing.assert_frame_equal(left, right)
