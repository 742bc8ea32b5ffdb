"""The answer in three sentences says what the findings carry, and what they do not."""

import re
from dataclasses import replace

import pytest

from toposcope.findings import Place, look
from toposcope.stats import Beyond, Effect
from toposcope.words.analysis import methods, top1_text, trust_sentence
from toposcope.words.changes import change_sentence
from toposcope.words.nulls import null_sentence

from ..reporting.report_fixture import (  # noqa: TID252 - the tests are no installed package
    LAYERS,
    analysis,
)


@pytest.fixture(scope="module")
def one():
    return analysis(points=40, failures=True)


def effect(change=-0.35, low=-0.4, high=-0.3, looked_at=24):
    where = Place(0, "net", "py:nets:net", "b", "a")
    return Effect(where, "lifespan_sum", 1, change, low, high, looked_at, 0.95, 8)


def test_answer_names_change_interval_and_count():
    found = change_sentence([effect()])
    assert found == (
        "The clearest of 24 changes looked at: the H1 lifespan sum falls by 35 % (95 % interval "
        "−40 % to −30 %, corrected for all of them; 8 replicates) in net, b against a."
    )


def test_answer_admits_that_nothing_is_sure():
    found = change_sentence([effect(-0.1, -0.3, 0.1)])
    assert found.startswith(
        "No change is sure: the intervals of all 24 changes looked at contain zero; the nearest"
    )
    assert "No change could be compared" in change_sentence([])


def test_growth_beyond_tenfold_reads_as_a_factor():
    assert "grows 12-fold (" in change_sentence([effect(11.0, 10.0, 13.0)])


def test_a_change_that_a_null_shows_too_is_said_in_the_same_breath():
    same = Beyond("gaussian", -0.3, -0.02, -0.09, 0.06, 8)
    more = Beyond("random_init", 0.0, -0.33, -0.4, -0.2, 8)
    told = change_sentence([replace(effect(), nulls=(same, more))])
    assert "told from the change of the gaussian null: what is kept there may be all" in told
    assert "null" not in change_sentence([replace(effect(), nulls=(more,))])


def test_null_sentence_counts_layers(one):
    found = null_sentence(look([one]))
    below, above, rest, total = map(
        int,
        re.search(r"below at (\d+), above at (\d+) .* at (\d+) of (\d+) layers", found).groups(),
    )
    assert below + above + rest == total == len(LAYERS) - 1


def test_null_sentence_says_what_few_draws_cannot_show(one):
    alone = analysis(replicates=1)
    assert "One replicate has no spread" in null_sentence(look([alone]))
    assert "4 draws give no p below 0.028" in null_sentence(look([one]))


def test_null_sentence_without_null(one):
    bare = replace(one, table=one.table[one.table["cloud"] == "data"])
    assert null_sentence(look([bare])).startswith("No null model was drawn")


def test_trust_sentence_names_target_draws_and_gaps(one):
    found = trust_sentence([one])
    for words in (
        "4 disjoint draws of 40 points",
        "n = 400",
        "not about training",
        "1 task failed",
    ):
        assert words in found
    overlapping = replace(one, attrs=one.attrs | {"overlapping": True})
    assert "4 overlapping draws" in trust_sentence([overlapping])


def test_accuracy_has_a_wilson_interval(one):
    # 50 of 100 at 95 %: 0.404 to 0.596 (Brown, Cai & DasGupta 2001, table of intervals).
    half = replace(one, attrs=one.attrs | {"top1": 0.5, "n": 100})
    (accuracy,) = look([half]).accuracies
    assert top1_text(accuracy) == "50.0 % [40.4, 59.6]"
    (unknown,) = look([replace(one, attrs=one.attrs | {"top1": None})]).accuracies
    assert top1_text(unknown) == ""


def test_methods_that_differ_are_given_per_run():
    a, b = analysis("a", points=20), analysis("b", points=30)
    terms = dict(methods([a, b]))
    assert terms["Points per cloud"] == [("a", "20"), ("b", "30")]
    assert terms["Seed"] == [("", "0")]
