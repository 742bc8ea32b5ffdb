"""Numbers and names are written in one way."""

import math

import pytest

from toposcope.words.formats import few, number, percent, plus, signed, with_interval


@pytest.mark.parametrize(
    ("change", "text"), [(-0.35, "-35 %"), (0.004, "+0.4 %"), (11.0, "x12"), (0.0, "0 %")]
)
def test_percent(change, text):
    assert percent(change) == text


def test_what_is_no_number_is_no_text_of_one():
    assert with_interval(math.nan, math.nan, math.nan) == "–"
    assert with_interval(-1.0, math.nan, math.nan) == "−1"
    assert signed(math.inf) == "∞"


def test_a_name_that_stands_twice_is_told_once():
    assert few(["a", "a", "b", "c", "d", "d"]) == "a, b, c and 1 more"


@pytest.mark.parametrize("write", [percent, signed, plus, number])
def test_nothing_is_written_as_a_zero_with_a_sign(write):
    """A signed zero says neither that a number is small nor on which side of 0 it lies."""
    sizes = [0.0, 1e-300, 1e-17, *(m * 10.0**e for e in range(-12, 0) for m in (1, 4.9, 5, 9.96))]
    for value in (side * size for size in sizes for side in (1, -1)):
        text = write(value)
        signs = text[0] in "+-−"
        assert not signs or text.strip("+-−0. %"), (value, text)
        if signs:  # and the sign is the number's
            assert (text[0] == "+") == (value > 0), (value, text)
        if abs(value) >= 1e-4:
            assert signs or write is number, (value, text)
