"""The first line: what changes, as far as it is sure, in words that need no topology."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.findings import look
from toposcope.reporting.terms import explained, terms_in
from toposcope.stats.turns import Course
from toposcope.words.dictionary import PLAIN_WORDS, SECTIONS, glossary
from toposcope.words.headline import Sureness, brief, headline
from toposcope.words.plain import PLAIN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4))
RING = np.column_stack([np.cos(X[:, 0] * 3), np.sin(X[:, 0] * 3), 0.02 * X[:, 1], 0.02 * X[:, 2]])


def found(layers, **options):
    made = {"points": 40, "replicates": 4, "jobs": 0, "null": "none"} | options
    return look([ts.analyze(ts.from_arrays(layers, name="net"), **made)])


@pytest.fixture(scope="module")
def shapes():
    return found({"round": X, "ring": RING}, null="gaussian")


def test_a_change_beyond_its_nulls_leads(shapes):
    told = headline(shapes, "images")
    assert told.sureness is Sureness.BEYOND and shapes.changes[0].exceeds_nulls
    assert (
        told.sentence.startswith("Inside net, ") and "more than comparable random" in told.sentence
    )
    assert "gaussian" in told.mark
    order = [effect.exceeds_nulls for effect in shapes.changes]
    assert order == sorted(order, reverse=True)


def test_the_answer_in_brief_is_for_everybody_then_in_numbers_then_how_sure(shapes):
    plain, numbers, sure = brief(shapes, "images")
    assert plain == headline(shapes, "images").sentence
    assert numbers.startswith("The clearest of ") and "95 % interval" in numbers
    assert sure.startswith("How sure: sure, and beyond the null gaussian (") and sure[-2:] == ")."
    assert len(brief(found({"a": X}))) == 2


def test_what_a_null_does_too_is_never_said_to_exceed_it():
    # A Gaussian that is flattened: everything that changes is in its covariance.
    told = headline(found({"round": X, "thin": X * [1, 1, 0.01, 0.01]}, null="gaussian"))
    assert told.sureness is not Sureness.BEYOND
    assert "more than" not in told.sentence


def test_without_nulls_that_is_said():
    told = headline(found({"round": X, "thin": X * [1, 1, 0.01, 0.01]}))
    assert told.sureness is Sureness.NO_NULL and "no null" in told.mark


def test_nothing_sure_is_said_to_be_so():
    same = found({"a": X, "b": X[:, ::-1] + 0.0})
    told = headline(same)
    assert told.sureness is Sureness.UNSURE
    assert told.sentence.startswith("No change is sure")


def test_one_layer_has_nothing_to_compare():
    assert headline(found({"a": X})).sureness is Sureness.NOTHING


def test_the_course_is_told_only_where_the_change_is_part_of_it(shapes):
    top = shapes.changes[0]
    wrong = Course((0, 1), top.change < 0, 2, 0.95)
    told = headline(replace(shapes, course=wrong)).sentence
    assert "from the first layer to the last" not in told and "from round to ring" in told
    right = Course((0, 1), top.change > 0, 2, 0.95)
    assert "from the first layer to the last" in headline(replace(shapes, course=right)).sentence


@pytest.mark.parametrize("key", list(PLAIN))
def test_every_plain_name_makes_a_sentence(shapes, key):
    top = replace(shapes.changes[0], statistic=key[0], homology_dimension=key[1])
    told = headline(replace(shapes, changes=(top,)), "texts").sentence
    assert "{" not in told and told.endswith(".") and not re.search(r"\bH[012]\b", told)


def test_the_glossary_is_made_of_the_dictionary():
    page = Path(__file__).parents[3] / "docs" / "glossary.md"
    assert page.read_text("utf-8") == glossary(), (
        "python -m toposcope.words.dictionary > docs/glossary.md"
    )
    words = [word for rows in SECTIONS.values() for word, _, _ in rows]
    assert len(words) == len(set(words))


def test_terms_are_explained_once_and_escaped():
    text = str(explained('An H1 & <i>, H1 again, and "interval".'))
    assert text.count("<dfn") == 2 and "&lt;i&gt;" in text and PLAIN_WORDS["H1"] in text
    assert "H10" in str(explained("H10")) and "<dfn" not in str(explained("H10 pre-H1 x_H1"))


def test_terms_of_a_text_are_those_it_uses():
    assert [word for word, _ in terms_in("H1 landscapes of draws")] == ["H1", "landscape", "draw"]
