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
    assert numbers == list(range(1, 23))


def test_all_thirty_tests_of_the_fault_model_have_a_row():
    assert [int(what.split()[0]) for what in guarantees.MODEL] == list(range(1, 31))
    assert all(guarantees.MODEL.values())


def test_the_page_holds_the_counts():
    counts = json.loads(guarantees.COUNTS.read_text("utf-8"))
    page = guarantees.PAGE.read_text("utf-8")
    for table in guarantees.tables(counts).values():
        assert table in page, "run `python docs/guarantees.py none`"
    assert sum(one["failures"] for one in counts.values()) == 0
