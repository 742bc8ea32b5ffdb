"""The tables of docs/guarantees.md name tests that are there, and what was found has one each."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("guarantees", ROOT / "docs" / "guarantees.py")
guarantees = importlib.util.module_from_spec(spec)
spec.loader.exec_module(guarantees)


@pytest.mark.parametrize("node", guarantees.nodes())
def test_the_test_behind_a_promise_is_there(node):
    file, _, name = node.partition("::")
    text = (ROOT / file).read_text("utf-8")
    assert not name or re.search(rf"^\s*def {name}\(", text, re.M), node


def test_everything_found_from_outside_has_a_row():
    numbers = [int(what.split()[0].removeprefix("D")) for what in guarantees.FOUND]
    assert numbers == list(range(1, 23)) and all(guarantees.FOUND.values())


def test_all_thirty_tests_of_the_fault_model_have_a_row():
    assert [int(what.split()[0]) for what in guarantees.MODEL] == list(range(1, 31))
    assert all(guarantees.MODEL.values())


REPORT = """<testsuites><testsuite>
<testcase classname="tests.faults.test_fuzz" name="test_y[a]">
<properties><property name="tries" value="300"/></properties></testcase>
<testcase classname="tests.faults.test_fuzz" name="test_y[b]">
<failure message="Failed: Timeout (&gt;3.0s) from pytest-timeout."/></testcase>
<testcase classname="x" file="tests/faults/test_parsers.py" name="test_x[c]">
<failure message="AssertionError"/></testcase></testsuite></testsuites>"""


def test_counts_are_read_from_reports_and_a_time_limit_is_told_as_one(tmp_path):
    first, second = tmp_path / "a.xml", tmp_path / "b.xml"
    first.write_text(REPORT)
    counts = guarantees.from_reports([first])
    assert set(counts) == {"tests/faults/test_fuzz.py", "tests/faults/test_parsers.py"}
    fuzz = counts["tests/faults/test_fuzz.py"]
    assert fuzz == {"times": 301, "failures": 1, "skipped": 0, "stopped": 1}
    assert "| 301 | 1 (1 by a time limit)" in guarantees.told(["tests/faults/test_fuzz.py"], counts)
    second.write_text(REPORT.replace('<failure message="AssertionError"/>', ""))
    counts = guarantees.from_reports([first, second])
    assert counts["tests/faults/test_parsers.py"]["failures"] == 0, "the later report holds"


def test_a_test_without_a_report_was_ended(monkeypatch):
    """A process that its time limit ends writes none."""
    monkeypatch.setattr(guarantees.subprocess, "run", lambda *_, **__: None)
    assert guarantees.run("tests/unit/test_house.py")["stopped"] == 1


def test_the_page_holds_the_counts():
    counts = json.loads(guarantees.COUNTS.read_text("utf-8"))
    page = guarantees.PAGE.read_text("utf-8")
    for table in guarantees.tables(counts).values():
        assert table in page, "run `python docs/guarantees.py none`"
    assert sum(one["failures"] for one in counts.values()) == 0
