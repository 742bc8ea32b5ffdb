"""The ranking page: what it says, and that names cannot break it."""

import html

import numpy as np
import pytest

from toposcope.reporting.entry import report
from toposcope.reporting.ranking_page import rank_rows, write_board
from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.words.ranking import ranking_answer

HOSTILE = "<script>alert('x')</script>\"{{7*7}}"


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=8) / 50

    def entry(level):
        return Entry(level + draws + rng.normal(size=8) / 500, points=100, seconds=0.1)

    gone = Entry(np.empty(0), status="failed", reason=f"broke on {HOSTILE}")
    entries = {
        "linear_probe": {"a": entry(0.9), "b": entry(0.7), HOSTILE: gone},
        "logme": {"a": entry(0.2), "b": entry(0.5), HOSTILE: gone},
        "knn": {"a": entry(0.8), "b": entry(0.8), HOSTILE: gone},
        "parameters": {"a": Entry(np.array([5.0])), "b": Entry(np.array([6.0])), HOSTILE: gone},
    }
    found = assemble(entries, dict.fromkeys(entries, (True, True, "n")))
    found.attrs = {
        "kind": "board",
        "candidates": ["a", "b", HOSTILE],
        "failures": [{"model": HOSTILE, "reason": "broke"}],
        "target": "npz:some/flowers.npz",
        "target_name": "flowers",
        "sensitivity": [],
        "replicates": 8,
        "points": 100,
        "images": 64,
        "threshold": 0.0,
        "level": 0.95,
        "seed": 0,
    }
    return found


def test_the_answer_names_the_best_by_the_plainest_score(table):
    first, votes, constants, _ = ranking_answer(table)
    assert first.startswith("a comes first by linear_probe")
    assert "8 disjoint draws of 100 samples" in first
    assert first.endswith("b can be told apart from it.")
    assert "logme (b)" in votes
    assert "parameters would choose b" in constants


def test_ranks_of_every_score(table):
    rows = {row["name"]: [cell["text"] for cell in row["cells"]] for row in rank_rows(table)}
    assert rows["a"][0] == "1" and rows["b"][0] == "2"
    assert rows[HOSTILE] == ["–"] * 4


def test_page_is_written_and_escapes_names(table, tmp_path):
    text = write_board(table, tmp_path / "board.html").read_text("utf-8")
    assert "script-src 'none'" in html.unescape(text)
    assert '<h1 class="small">Which model to fine-tune for flowers</h1>' in text
    assert "<script" not in text
    assert "&lt;script&gt;alert" in text
    assert "{{7*7}}" in text


def test_report_takes_a_board(table, tmp_path):
    assert report(table, to=tmp_path / "a.html").exists()
    assert report([table], to=tmp_path / "b.html").exists()


def test_the_choice_and_the_plain_baselines_come_first():
    from toposcope.reporting.ranking_page import in_reading_order
    from toposcope.transfer.ranking.board import Entry, assemble

    E = np.linspace(-1, 1, 8) / 10
    names = ("theta", "parameters", "logme", "knn", "linear_probe")
    scores = {name: {"a": Entry(2 + E), "b": Entry(1 - E)} for name in names}
    table = assemble(scores, dict.fromkeys(names, (True, True, "")))
    assert in_reading_order(table) == ["linear_probe", "knn", "theta", "logme", "parameters"]
