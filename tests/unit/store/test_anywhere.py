"""RUNs, SERIES and workbooks lie in any place that holds objects, here in a dictionary."""

import numpy as np
import pytest

import toposcope as ts
from toposcope.cli.inspecting import describe, progress_of
from toposcope.errors import DamagedError, RunLockedError, StoreError, UsageError
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.store.ledger import Failure
from toposcope.store.objects import LocalObjects, put_json_at
from toposcope.store.runs import Run, open_run
from toposcope.store.samples import Samples
from toposcope.store.seals import put_seal
from toposcope.store.series import (
    Member,
    begin_series,
    is_series,
    open_series,
    put_series,
    with_failure,
    with_member,
)
from toposcope.store.tables import TABLES, Rows, compact, part_bytes, read_table, table_of
from toposcope.store.verify import verify

from ..execution.test_workbook import Around, make, square, values  # noqa: TID252 - no package
from .memory_objects import MemoryObjects

X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
TEXTS = tuple(f"text {i}" for i in range(10))
SAMPLES = Samples(
    np.array([f"s:{i}" for i in range(10)]), np.arange(10), np.arange(10) % 2, ("a", "b"), TEXTS
)
# Layers may have any name, that of a folder of ours too.
PLAN = {name: {"shape": [3], "dtype": "float32"} for name in ("block", "ledger", "run.json")}
SPEC = {"model": "m", "seed": 0, "class_names": ["a", "b"], "n": 10}


def write(place, *, shift=0.0, finish=True):
    with Run.begin(place, spec=SPEC, samples=SAMPLES, layers=PLAN, chunk_rows=4) as run:
        for number, layer in enumerate(PLAN):
            for index, start, stop in run.chunks:
                if not run.has_chunk(layer, index):
                    run.write_chunk(layer, index, X[start:stop] + np.float32(shift + number))
        if finish:
            run.finish({"n": 10, "top1": None})
    return run


@pytest.fixture
def memory():
    return MemoryObjects()


def test_a_run_reads_back_as_it_was_written(memory):
    write(memory)
    acts = open_run(memory)
    assert acts.layers == tuple(PLAN)
    for number, layer in enumerate(PLAN):
        np.testing.assert_array_equal(acts[layer], X + np.float32(number))
    rows = np.array([9, 0, 5])
    np.testing.assert_array_equal(acts.rows("block", rows), X[rows])
    assert acts.sample_ids.tolist() == SAMPLES.ids.tolist() and acts.class_names == ("a", "b")
    assert acts.labels.tolist() == [0, 1] * 5
    assert Run.open(memory).texts([7, 0]) == ["text 7", "text 0"]


def test_its_objects_are_those_of_a_folder_byte_for_byte(memory, tmp_path):
    write(memory)
    write(tmp_path)
    local = LocalObjects(tmp_path)
    assert memory.list() == local.list() and len(memory.list()) == 3 * 3 * 2 + 3
    assert all(memory.get(name) == local.get(name) for name in memory.list())
    assert verify(memory) == verify(tmp_path) and verify(memory).digest


def test_it_resumes_locks_and_refuses_like_a_folder(memory):
    write(memory, finish=False)
    memory.held.pop("acts/0/block/000001.json")
    with pytest.raises(StoreError, match="memory: is not complete"):
        open_run(memory)
    assert progress_of(memory)["capture"] == "8 of 9 shards"
    write(memory)
    assert progress_of(memory)["capture"] == "complete"
    with (
        Run.begin(memory, spec=SPEC, samples=SAMPLES, layers=PLAN, chunk_rows=4),
        pytest.raises(RunLockedError),
    ):
        write(memory)
    memory.put("acts/0/block/000001.safetensors", b"damaged")
    with pytest.raises(DamagedError, match=r"memory:acts/0/block/000001\.safetensors"):
        open_run(memory)["block"]
    assert verify(memory).digest == "" and "000001" in verify(memory).problems[0]


def test_what_needs_a_folder_of_this_machine_says_so_or_treats_it_as_arrays(memory):
    write(memory)
    with pytest.raises(StoreError, match="is no folder of this machine"):
        _ = Run.open(memory).path
    acts = open_run(memory)
    assert acts.run is None
    analysis = ts.analyze(acts, points=5, replicates=2, jobs=0, null="none")
    assert analysis.layers == tuple(PLAN) and analysis.failures == []


def test_a_place_that_is_no_run_says_how_to_make_one(memory):
    for call in (Run.open, verify, open_series):
        with pytest.raises(StoreError, match=r"memory: is a folder without \w+\.json.*Make one"):
            call(memory)
    memory.put("comparison.json", b"{}")
    with pytest.raises(StoreError, match="is a comparison folder, not a RUN"):
        Run.open(memory)
    with pytest.raises(UsageError, match="is a comparison already"):
        write(memory)


def test_a_series_holds_runs_anywhere(memory):
    series = begin_series(memory, "step")
    for step in (20, 3):
        write(memory.within(f"step_{step}"), shift=step)
        series = put_series(with_member(series, Member(step, f"step_{step}")))
    put_series(with_failure(series, None, "odd.pt", "no step"))
    again = open_series(memory)
    assert is_series(memory) and again.steps == (3, 20) and len(again.failures) == 1
    np.testing.assert_array_equal(again.at(20)["block"], X + np.float32(20))
    assert [acts["block"][0, 0] for acts in again] == [X[0, 0] + np.float32(s) for s in (3, 20)]
    whole = verify(memory)
    assert whole.problems == () and whole.shards == 18 and whole.digest
    assert [each["run"] for each in describe(memory)["checkpoints"]] == ["step_3", "step_20"]
    write(memory.within("step_7"), finish=False)
    assert [each["member"] for each in progress_of(memory)["runs"]] == [
        "step_3",
        "step_20",
        "step_7",
    ]
    with pytest.raises(UsageError, match="counts its members in steps"):
        begin_series(memory, "epoch")
    with pytest.raises(StoreError, match="is no folder of this machine"):
        _ = again.path


class TestVerify:
    """Every folder with a ledger of tasks is checked by the same rule."""

    @pytest.mark.parametrize("mark", ["comparison.json", "board.json"])
    def test_of_any_kind(self, memory, tmp_path, mark):
        memory.put(mark, b"{}")
        workbook = Workbook(memory, suffix=".txt")
        workbook.run(square, make(), Around(tmp_path), jobs=0, title="square")
        workbook.ledger.fail("f" * 32, Failure("square 99", "MemoryError"))
        write(memory.within("candidates/net/features"))
        whole = verify(memory)
        assert (whole.parts, whole.shards, whole.problems) == (12, 9, ()) and whole.digest
        first, second = make(2)
        memory.put(f"parts/{first.key}.txt", b"changed")
        memory.held.pop(f"parts/{second.key}.txt")
        broken = verify(memory)
        assert broken.digest == "" and broken.parts == 10
        assert sorted(problem.split(". ")[0].split(" ", 1)[1] for problem in broken.problems) == [
            "does not match its recorded hash",
            "is missing",
        ]

    def test_a_digest_is_of_values_and_of_no_key(self, tmp_path):
        digests = set()
        for order in (1, -1):
            memory = MemoryObjects()
            memory.put("comparison.json", b"{}")
            workbook = Workbook(memory, suffix=".txt")
            tasks = [Task(task.job, f"titled {order}") for task in make()[::order]]
            workbook.run(square, tasks, Around(tmp_path), jobs=0, title="square")
            digests.add(verify(memory).digest)
        workbook.run(square, make(13), Around(tmp_path), jobs=0, title="square")
        assert len(digests) == 1 and verify(memory).digest not in digests

    def test_studies_and_analyses_inside_a_run(self, memory, tmp_path):
        write(memory)
        bare = verify(memory).digest
        study = Workbook(memory.within("studies/validity/4f2a"), suffix=".txt")
        study.run(square, make(), Around(tmp_path), jobs=0, title="square")
        assert verify(memory).parts == 12 and values(study, make())[3] == 9
        # Its digest stays that of the RUN and its analyses, as it was before studies were checked.
        assert verify(memory).digest == bare
        folder = memory.within("results/77aa")
        folder.put("spec.json", b"{}")
        assert "results/77aa is not complete" in verify(memory).problems[0]
        seal_analysis(folder)
        put_json_at(memory, "results/current.json", {"analysis": "77aa"})
        assert verify(memory).analyses == 1 and verify(memory).digest not in ("", bare)
        folder.put("table.parquet", b"changed")
        assert "table.parquet does not match its recorded hash" in verify(memory).problems[0]
        tick = f"studies/validity/4f2a/ledger/{make()[0].key}.json"
        memory.put(tick, b'{"status": "done"}')
        assert len(verify(memory).problems) == 2  # a tick that names no hash vouches for nothing


def seal_analysis(place):
    digest = compact(place, [some_part()])
    names = [f"{name}.parquet" for name in TABLES]
    return put_seal(
        place, [*names, *(["spec.json"] if place.exists("spec.json") else [])], digest=digest
    )


def some_part():
    rows = Rows(layer="block", depth=0.5, label="", cloud="data", replicate=0, points=3, check=None)
    rows.value("n_pairs", 2.0, homology_dimension=0)
    rows.diagram(np.array([[0.0, 1.5]]), 0)
    return part_bytes(rows.rows)


def test_tables_go_through_any_place(memory, tmp_path):
    digests = {compact(place, iter([some_part()])) for place in (memory, tmp_path)}
    assert len(digests) == 1
    assert memory.list() == LocalObjects(tmp_path).list()
    for place in (memory, tmp_path):
        assert read_table(place, "table.parquet")["value"].to_pylist() == [2.0]
        with pytest.raises(DamagedError, match="does not match its recorded hash"):
            read_table(place, "table.parquet", "0" * 32)
        with pytest.raises(DamagedError, match=r"nothing\.parquet is missing"):
            read_table(place, "nothing.parquet", "0" * 32)
        with pytest.raises(DamagedError, match=r"nothing\.parquet cannot be read"):
            read_table(place, "nothing.parquet")
    memory.put("cut.parquet", some_part()[:-9])
    with pytest.raises(DamagedError, match=r"cut\.parquet is no readable table"):
        read_table(memory, "cut.parquet")
    assert table_of(some_part()).num_rows == 2
