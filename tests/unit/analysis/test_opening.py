"""Opening a finished analysis: the numbers one by one, held against hashes, made when asked for."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import toposcope as ts
from toposcope.analysis.result import frame, intervals
from toposcope.analysis.scale_error import POWERS, RULER, units_of
from toposcope.errors import DamagedError
from toposcope.pointclouds.nulls import null_of
from toposcope.stats import linearized, mean_interval
from toposcope.store.coded import Coded
from toposcope.store.objects import content_hash
from toposcope.store.tables import KEY_COLUMNS, compact, digest_of, parquet_bytes, read_table

from toposcope.store.tables import Rows, TABLES, part_bytes, table_of  # isort: skip
from toposcope.store.tidy import rows_by
from toposcope.store.verify import verify


def tidy(seed: int) -> pd.DataFrame:
    """A table with everything that tables have: classes, nulls, twins, gaps, other sizes."""
    rng = np.random.default_rng(seed)
    rows = [
        {"layer": layer, "depth": depth, "label": label, "cloud": cloud, "replicate": r,
         "homology_dimension": k, "statistic": statistic, "value": rng.normal(),
         "status": "ok", "reason": "", "points": 9}
        for layer, depth in (("b", 0.5), ("a", 1.0))
        for label in ("", "cat")
        for cloud in ("data", "gaussian", "random_init_0")
        for r in range(5)
        for statistic, k in (
            ("lifespan_sum", 0), ("lifespan_sum", 1), ("total_persistence", 0),
            ("n_pairs", 0), ("two_nn", None), (RULER, None),
        )
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    bad = rng.random(len(table)) < np.where(table["statistic"] == RULER, 0.03, 0.2)
    table.loc[bad, ["value", "status", "reason"]] = [np.nan, "undefined", "too few"]
    table = table[rng.random(len(table)) > 0.05].sample(frac=1.0, random_state=seed)
    table["homology_dimension"] = table["homology_dimension"].astype("Int64")
    return table.reset_index(drop=True)


def units_one_by_one(table: pd.DataFrame) -> np.ndarray:
    values = table["value"].to_numpy(np.float64).copy()
    place = ["layer", "label", "cloud", "replicate"]
    controls = table[(table["statistic"] == RULER) & (table["status"] == "ok")]
    shares = {tuple(row[place]): row["value"] for _, row in controls.iterrows()}
    fine = (table["status"] == "ok").to_numpy()
    columns = ["layer", "label", "cloud", "statistic", "homology_dimension"]
    for (layer, label, cloud, statistic, _), rows in rows_by(table, columns).items():
        good = rows[fine[rows]]
        if not POWERS.get(statistic) or null_of(cloud) in ("gaussian", "copula") or not len(good):
            continue
        ruler = cloud if null_of(cloud) == "random_init" else "data"
        own = [shares.get((layer, label, ruler, r)) for r in table["replicate"][good]]
        if None not in own:
            values[good] = linearized(values[good], np.array(own), power=POWERS[statistic])
    return values


@pytest.mark.parametrize("seed", range(3))
def test_many_at_once_are_bit_by_bit_those_one_by_one(seed):
    table, overlap = tidy(seed), (0.0, 0.3)[seed % 2]
    units = units_of(table)
    np.testing.assert_array_equal(units, units_one_by_one(table))
    assert (units != table["value"]).sum() > table["value"].isna().sum() + 20
    found = intervals(table, level=0.9, overlap=overlap, units=units)
    groups = rows_by(table, KEY_COLUMNS)
    assert len(found) == len(groups)
    seen = set()
    for (_, row), (key, rows) in zip(found.iterrows(), groups.items(), strict=True):
        assert tuple(None if pd.isna(one) else one for one in row[KEY_COLUMNS]) == key
        good = [i for i in rows if table["status"][i] == "ok"]
        assert row["replicates"] == len(good) and row["level"] == 0.9
        seen.add((row["status"], bool(row["reason"]), len(good) > 0))
        if good:
            one = mean_interval(units[good], level=0.9, overlap=overlap)
            ends = (row["mean"], row["low"], row["high"])
            np.testing.assert_array_equal(ends, (one.value, one.low, one.high))
        else:
            assert np.isnan([row["mean"], row["low"], row["high"]]).all()
        lacking = len(rows) - len(good)
        assert (f"{lacking} of {len(rows)} draws" in row["reason"]) == bool(lacking and good)
    assert {("ok", False, True), ("undefined", True, True)} <= seen


def test_no_rows_have_no_intervals():
    assert not len(intervals(tidy(0).iloc[:0])) and not len(units_of(tidy(0).iloc[:0]))


@pytest.fixture
def run(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    ts.store.save_arrays(ts.from_arrays({"b": X, "a": np.ones_like(X)}), tmp_path / "run")
    ts.analyze(tmp_path / "run", points=20, replicates=3, jobs=0)
    return tmp_path / "run"


def test_columns_as_numbers_are_the_table(run):
    (place,) = run.glob("results/*/table.parquet")
    table = frame(table_of(place.read_bytes()))
    coded = Coded.of_part(place.read_bytes(), where="a table")
    assert_frame_equal(coded.frame(), table, check_exact=True)
    some = np.array([5, 2, 7])
    again = table.iloc[some].reset_index(drop=True)
    assert_frame_equal(coded.frame(some), again, check_exact=True)
    assert coded.distinct("layer") == ["b", "a"] == list(ts.load_analysis(run).layers)


def test_what_is_made_when_asked_for_is_what_was_sealed(run):
    opened = ts.load_analysis(run)
    assert not {"table", "intervals", "diagrams", "loops", "validity"} & set(vars(opened))
    again = pickle.loads(pickle.dumps(opened))
    assert_frame_equal(again.intervals, opened.intervals)
    assert opened.table is opened.table and len(opened.diagrams) == len(opened.diagrams.pairs_list)
    assert not hasattr(opened, "tables")


@pytest.mark.parametrize("name", TABLES)
def test_nothing_damaged_is_opened_or_made_later(run, name):
    opened = ts.load_analysis(run)
    (file,) = run.glob(f"results/*/{name}.parquet")
    whole = file.read_bytes()
    for data in (whole[:-1], bytes([*whole[:99], whole[99] ^ 4, *whole[100:]])):
        file.write_bytes(data)
        with pytest.raises(DamagedError, match=name):
            ts.load_analysis(run)
        if name != "table":  # which is in memory, as it was held against its hash
            with pytest.raises(DamagedError, match=name):
                getattr(opened, name)
    file.write_bytes(whole)
    assert len(getattr(opened, name)) == len(getattr(ts.load_analysis(run), name))
    assert verify(run).problems == ()


def test_a_table_of_a_stranger_is_an_error_of_ours(run):
    """Forged with its hash: columns of other names and types, and diagrams that do not fit."""
    import json

    from toposcope.store import checked_json

    (place,) = run.glob("results/*/table.parquet")
    seal = place.with_name("done.json")
    table = table_of(place.read_bytes())
    whole = json.loads(seal.read_bytes())
    whole.pop("checksum")
    for column, values in (("layer", range(len(table))), ("odd", [""] * len(table))):
        others = table.drop_columns([column]) if column in table.column_names else table
        data = parquet_bytes(others.append_column(column, [list(values)]))
        place.write_bytes(data)
        files = whole["files"] | {"table.parquet": content_hash(data)}
        seal.write_bytes(checked_json.pack("done.json", whole | {"files": files}))
        with pytest.raises(DamagedError, match=r"table.parquet is damaged: its columns"):
            ts.load_analysis(run)


def test_opening_imports_nothing_that_measures(run):
    code = (
        "import sys, toposcope as ts; a = ts.load_analysis(sys.argv[1]); a.intervals; a.layers; "
        "print(sorted({'numba', 'torch', 'gudhi', 'sklearn'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(run)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_tables_do_not_depend_on_how_many_parts_are_read_at_once(tmp_path, monkeypatch):
    parts = []
    for i in range(7):
        rows = Rows(layer="b", depth=0.5, label="", cloud="data", replicate=i, points=3)
        rows.value("n_pairs", 2.0 + i, homology_dimension=0)
        rows.diagram(np.array([[0.0, 1.5], [0.0, np.inf]]), 0)
        parts.append(part_bytes(rows.rows))
    digests, files = set(), set()
    for batch in (1, 3, 500):
        monkeypatch.setattr("toposcope.store.tables.BATCH", batch)
        place = tmp_path / str(batch)
        digests.add(compact(place, iter(parts)))
        files.add(tuple((place / f"{name}.parquet").read_bytes() for name in TABLES))
    assert len(digests) == len(files) == 1
    assert digests == {digest_of(read_table(place, f"{name}.parquet") for name in TABLES)}
