"""What is said of landmarks, in worlds where it is true and where it is false."""

import pytest

from toposcope.analysis.covering import Covering, LayerCover
from toposcope.words.covering import cover_sentence, cover_sentences

ONE = LayerCover("fc", 1_000_000, (0, 5, 9), 0.501, 4.0, {0: 2.0, 1: 1.0, 2: None})


def test_a_bar_is_certain_only_beyond_the_bound():
    told = cover_sentence(ONE, "farthest")
    assert "3 farthest-point landmarks stand for 1,000,000 samples" in told
    assert "within 0.501 of one (0.126 of their mean distance)" in told
    assert "longest bar in H0, 2, is longer than 1.01, so it stands for one of all" in told
    assert "longest bar in H1, 1, is not longer than 1.01: nothing says that all" in told
    assert "The landmarks have no bar in H2." in told


@pytest.mark.parametrize(("longest", "certain"), [(1.002, False), (1.0021, True)])
def test_the_bound_itself_is_not_beyond_it(longest, certain):
    one = LayerCover("fc", 10, (0, 5), 0.501, 4.0, {1: longest})
    assert one.certain(1) is certain
    assert ("stands for one" in cover_sentence(one, "random")) is certain
    assert ("nothing says" in cover_sentence(one, "random")) is not certain


def test_radii_are_never_rounded_down():
    one = LayerCover("fc", 10, (0, 5), 1.23456, 4.0, {})
    assert "within 1.24 of one (0.309 of" in cover_sentence(one, "random")
    assert "within 2.47 of theirs" in cover_sentence(one, "random")


def test_equal_landmarks_have_no_scale_and_a_layer_may_have_none():
    assert "mean distance" not in cover_sentence(
        LayerCover("fc", 9, (0, 1), 0.0, 0.0, {}), "random"
    )
    none = LayerCover("fc", 9, (), None, None, {0: None}, "nonfinite")
    covering = Covering((ONE, none), "random")
    assert cover_sentences(covering)[1] == "fc: no landmarks, since some values are not finite."
