"""Comparisons kept by an earlier version: what was called cka then is the biased one."""

import json

import numpy as np
import pytest

import toposcope as ts
from toposcope.similarity import cka


def test_a_comparison_of_schema_1_is_read_under_the_names_of_now(tmp_path):
    rng = np.random.default_rng(0)
    a, b = (ts.from_arrays({"layer": rng.normal(size=(40, 30))}) for _ in range(2))
    made = ts.compare(
        a, b, measures=("cka", "cka_biased"), points=40, replicates=1, jobs=0, store=tmp_path
    )
    value, biased = (made.matrix(m).iloc[0, 1] for m in ("cka", "cka_biased"))
    X, Y = (side.read("layer", None) for side in (a, b))
    assert value == pytest.approx(cka(X, Y)) and abs(value) < 0.1
    assert biased == pytest.approx(cka(X, Y, debiased=False)) and biased > 0.3
    stored = tmp_path / "comparison.json"
    rest = json.loads(stored.read_text())
    assert rest.pop("schema") == 2
    old = {"cka": "cka_debiased", "cka_biased": "cka"}
    for one in rest["matrices"]:
        one["measure"] = old[one["measure"]]
    stored.write_text(json.dumps(rest))
    loaded = ts.Comparison.load(tmp_path)
    assert loaded.matrix("cka").iloc[0, 1] == value
    assert loaded.matrix("cka_biased").iloc[0, 1] == biased
