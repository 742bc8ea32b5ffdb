"""Numbers and names are written in one way."""

import math

import pytest

from toposcope.words.formats import few, percent, signed, with_interval


@pytest.mark.parametrize(
    ("change", "text"), [(-0.35, "-35 %"), (0.004, "+0.4 %"), (11.0, "x12"), (0.0, "+0.0 %")]
)
def test_percent(change, text):
    assert percent(change) == text


def test_what_is_no_number_is_no_text_of_one():
    assert with_interval(math.nan, math.nan, math.nan) == "–"
    assert with_interval(-1.0, math.nan, math.nan) == "−1"
    assert signed(math.inf) == "∞"


def test_a_name_that_stands_twice_is_told_once():
    assert few(["a", "a", "b", "c", "d", "d"]) == "a, b, c and 1 more"
