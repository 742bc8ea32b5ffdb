"""One verdict per measure: each mark stands in the world where it is true, and in no other."""

import numpy as np
import pytest

from toposcope.words.compared import network_matrices
from toposcope.words.comparison import summarize_comparison
from toposcope.words.verdicts import (
    MARKS,
    Differs,
    comparison_answer,
    comparison_headline,
    verdict_table,
    verdicts,
)

from .comparison_worlds import (
    ALIKE,
    CKA,
    EQUAL,
    FOUND,
    GAP,
    LAST,
    MARGIN,
    NAN,
    ONE,
    STEP,
    WHOLE,
    compared_in,
    made,
)

SOME = {"equivalent": [True, False, True, True]}
WORLDS = {
    Differs.DIFFERENT: (FOUND, GAP),
    Differs.SMALL: (FOUND | EQUAL, GAP, MARGIN),
    Differs.NOT_FOUND: (ALIKE, WHOLE),
    Differs.RELATED: (CKA | {"adjusted_p": 1 / 128, "smallest_p": 1 / 128},),
    Differs.PARTLY: (CKA | {"adjusted_p": 0.4, "smallest_p": 1 / 128},),
    Differs.UNTESTED: ({"adjusted_p": NAN}, {"adjusted_p": NAN}),
    Differs.NO_VALUE: ({}, {"status": "failed", "reason": "no draws"}),
}


def world(mark):
    values = [dict(part) for part in WORLDS[mark]]
    measure = values[0].pop("measure", "wasserstein")
    return compared_in(*values, measure=measure)


@pytest.mark.parametrize("mark", Differs)
def test_each_verdict_stands_in_its_world(mark):
    assert {one.differs for one in verdicts(world(mark))} == {mark}
    assert MARKS[mark] in " ".join(verdict_table(world(mark))[1])


def test_different_but_small_needs_every_layer_equivalent():
    assert verdicts(compared_in(FOUND | SOME, GAP, MARGIN))[0].differs is Differs.DIFFERENT
    answer = " ".join(comparison_answer(world(Differs.SMALL)))
    assert "but little: all layers are equivalent within the margin" in answer
    assert "but little" not in " ".join(comparison_answer(world(Differs.DIFFERENT)))


def test_the_headline_says_whether_and_where_and_no_more():
    told = comparison_headline(compared_in(LAST, {**GAP, **STEP}))
    assert told.endswith("differ in 2 of 4 layers, from depth 0.75 on.")
    assert "differ, but little, in 4 of 4 layers" in comparison_headline(world(Differs.SMALL))
    assert "was found." in comparison_headline(world(Differs.NOT_FOUND))
    assert "was not tested." in comparison_headline(world(Differs.UNTESTED))
    assert "Sample by sample" in comparison_headline(world(Differs.RELATED))
    whole = comparison_headline(compared_in(ALIKE, {"adjusted_p": 0.01, "onset": "none"}))
    assert whole.endswith(" differ.")


def test_few_draws_are_not_told_as_no_difference():
    weak = compared_in({"smallest_p": 0.0625, "adjusted_p": 0.0625, "n": 5}, WHOLE)
    assert verdicts(weak)[0].differs is Differs.UNTESTED
    assert "was not tested, or cannot be with so few draws" in comparison_answer(weak)[0]
    assert (
        "; smaller ones than this design can find may be there"
        in (comparison_answer(world(Differs.NOT_FOUND))[0])
    )


def test_how_much_is_told_in_steps_and_from_where():
    (one,) = verdicts(compared_in(LAST, {**GAP, **STEP, "adjusted_p": 0.01}))
    assert one.size == "0.5 steps (2 [1, 3])" and one.onset == "0.75 [0.75, 0.75]"
    assert one.layers == "2 of 4 layers"
    (none,) = verdicts(compared_in(ONE, {"onset": "none", "gap_low": -1.0, "gap_high": 0.2}))
    assert none.onset == "" and none.size == "at most 0.2"
    (draws,) = verdicts(compared_in(ONE, {"onset": "none", "gap_low": -1.0, "gap_high": -0.2}))
    assert draws.size == "that of draws, or less"


def test_networks_that_differ_only_together_are_told_so():
    (one,) = verdicts(compared_in(ALIKE, {"adjusted_p": 0.01}))
    assert one.differs is Differs.DIFFERENT and one.layers == "all together, no single one"


def test_the_answer_is_three_sentences_of_two_networks_and_none_of_more():
    answer = comparison_answer(made())
    assert len(answer) == 3 and answer[-1].startswith("How sure: ")
    assert "not of training them again" in answer[-1]
    assert comparison_answer(made(3)) == []
    assert "CKA is 1 for equal layers" in answer[1]
    nothing = compared_in({"adjusted_p": NAN}, {"adjusted_p": NAN}, {"families": []})
    assert "nothing was tested" in comparison_answer(nothing)[-1]


def test_columns_that_say_nothing_are_left_out():
    header, *rows = verdict_table(world(Differs.NOT_FOUND))
    assert "equivalent" not in header and "" not in header
    assert all(len(row) == len(header) for row in rows)
    assert "" in verdict_table(made(3))[0]
    assert np.ndim(rows) == 2


@pytest.mark.parametrize("p", [0.4, 0.01])
@pytest.mark.parametrize("low", [-1.0, 0.2])
def test_one_gap_is_told_alike_wherever_it_stands(p, low):
    """Where the test finds none it is told as a bound, beside whatever interval."""
    from toposcope.reporting.comparison_page import _pairs

    world = compared_in(
        ALIKE | {"gap": 2.0, "gap_low": low}, GAP | {"adjusted_p": p, "gap_low": low}
    )
    ((_, table),) = network_matrices(world)
    told = [verdicts(world)[0].size, table[1][2], " ".join(summarize_comparison(world))]
    bounds = ["at most 3" in one or one == "≤ 3" for one in told]
    assert bounds == [p > 0.05] * 3, told
    (pair,) = _pairs(world, [("wasserstein", 0)])
    assert max(pair["gap_low"]) <= 0  # no layer is found to differ
