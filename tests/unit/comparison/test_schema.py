"""Comparisons kept by an earlier version: what was called cka then is the biased one."""

import numpy as np
import pytest

import toposcope as ts
from tests.edits import as_before_hashes
from toposcope.similarity import cka
from toposcope.store.objects import content_hash, read_json


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
    rest = read_json(stored)
    assert rest.pop("schema") == 2
    old = {"cka": "cka_debiased", "cka_biased": "cka"}
    for one in rest["matrices"]:
        one["measure"] = old[one["measure"]]
    as_before_hashes(stored, rest)
    hashes = {
        name: content_hash((tmp_path / f"{name}.parquet").read_bytes())
        for name in ("layers", "models")
    }
    as_before_hashes(tmp_path / "done.json", {"files": hashes})
    loaded = ts.Comparison.load(tmp_path)
    assert loaded.matrix("cka").iloc[0, 1] == value
    assert loaded.matrix("cka_biased").iloc[0, 1] == biased
