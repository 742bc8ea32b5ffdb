"""Sentences about boards and judgements, each once in a world where it would be false."""

import numpy as np
import pytest

from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.words.judgement import (
    above_sentence,
    between_sentence,
    ceiling_sentences,
    contest_sentence,
    judgement_text,
    left_out_sentences,
    part_table,
    part_title,
    reading_sentences,
)
from toposcope.words.ranking import (
    board_text,
    choice_text,
    leading_score,
    missing_text,
    ranking_answer,
    ranking_headline,
)

E = np.linspace(-1, 1, 8)
GONE = Entry(np.empty(0), status="failed", reason="broke")


def board(entries, **attrs):
    table = assemble(entries, dict.fromkeys(entries, (True, True, "")))
    table.attrs = {"replicates": 8, "level": 0.95, "failures": []} | attrs
    return table


def near(*means, sign=1):
    """Candidates a, b, ...: equal means are tied, others are apart."""
    return {
        name: Entry(mean + E * (sign if i % 2 else -sign) / 10, points=100)
        for i, (name, mean) in enumerate(zip("abcdef", means, strict=False))
    }


class TestAnswer:
    def test_the_first_and_who_cannot_be_told_from_it(self):
        apart = ranking_answer(board({"knn": near(9, 5, 1)}))[0]
        assert "a comes first by knn, the plainest use of the labels: 9.000" in apart
        assert "All 2 other candidates with a value can be told apart from it." in apart
        tied = ranking_answer(board({"knn": near(9, 9, 1)}))[0]
        assert "It cannot be told apart from b." in tied and "All 2" not in tied

    def test_the_choice_and_who_is_not_told_apart_stand_in_one_line(self):
        assert choice_text(board({"knn": near(9, 5, 1)})) == (
            "choice: a, told apart from all others (by knn)"
        )
        tied = choice_text(board({"knn": near(9, 9, 1)}))
        assert tied.endswith(", not told apart from b (by knn)") or "a and b, which" in tied
        alone = board({"knn": near(9) | {"b": GONE}})
        assert "the only candidate with a value" in choice_text(alone)
        assert choice_text(board({"knn": {"a": GONE}})) == ""

    def test_the_headline_says_what_to_take(self):
        assert ranking_headline(board({"knn": near(9, 5, 1)})) == "Take a."
        tied = board({"knn": {"a": Entry(1 + E / 10), "b": Entry(1.001 - E / 10)}})
        assert ranking_headline(tied) == "Take b, or a, which it is not told apart from."
        assert "No candidate has a value" in ranking_headline(board({"knn": {"a": GONE}}))

    def test_candidates_without_a_value_are_not_told_apart(self):
        """It said "every other candidate" of those that had failed, too."""
        two = ranking_answer(board({"knn": near(9, 5) | {"c": GONE}}))[0]
        assert two.endswith("b can be told apart from it.")
        alone = ranking_answer(board({"knn": near(9) | {"b": GONE}}))[0]
        assert alone.endswith("No other candidate has a value to compare with.")

    def test_another_score_leads_where_there_is_no_baseline(self):
        first = ranking_answer(board({"theta": near(9, 5), "parameters": near(1, 2)}))[0]
        assert "a comes first by theta: 9.000" in first and "plainest" not in first
        both = board({"theta": near(9, 5), "knn": near(1, 2)})
        assert leading_score(both) == "knn"
        assert leading_score(board({"parameters": near(1, 2)})) is None

    def test_votes_count_who_is_sure(self):
        table = board(
            {"knn": near(9, 5), "logme": near(9, 9.0), "parc": near(9, 1), "gbc": near(1, 9)}
        )
        assert ranking_answer(table)[1] == (
            "1 of 3 other scores put a first, told apart from every other; not so logme (a and b, "
            "which are equal) and gbc (b)."
        )
        table = board({"knn": near(9, 5), "parc": near(9.001, 9), "gbc": near(9, 1)})
        assert "2 of 2 other scores put a first, 1 of them told apart" in ranking_answer(table)[1]
        table = board({"knn": near(9, 5), "parc": near(9.001, 9)})
        assert "1 of 1 other scores put a first, not told apart" in ranking_answer(table)[1]
        only = board({"knn": near(9, 5)})
        assert not any("other scores" in sentence for sentence in ranking_answer(only))

    def test_equal_constants_are_not_told_apart(self):
        one, two = Entry(np.array([5.0])), Entry(np.array([6.0]))
        equal = ranking_answer(board({"parameters": {"a": one, "b": one}}))
        assert "parameters would choose a and b, which are equal" in equal[0]
        other = ranking_answer(board({"parameters": {"a": one, "b": two}}))
        assert "parameters would choose b." in other[0]


class TestBoardText:
    def test_best_first_with_ranks_intervals_and_ties(self):
        text = board_text(board({"theta": near(1, 9, 5), "knn": near(1, 9, 9) | {"d": GONE}}))
        first, rest = text.split("\n\n")
        lines = [line.split() for line in first.splitlines()]
        assert lines[0][:3] == ["rank", "candidate", "knn"]
        assert [line[:2] for line in lines[1:]] == [["1-2", "b"], ["1-2", "c"], ["3", "a"]]
        assert lines[1][-1] == "c" and lines[3][-1].endswith("]")
        assert "theta" in rest and rest.splitlines()[1].split() == ["theta", "b"]

    def test_scores_that_choose_alike_share_a_line(self):
        table = board({n: near(9, 5) for n in ("knn", "logme", "parc")} | {"gbc": near(9, 9.0)})
        rest = board_text(table).split("\n\n")[1].splitlines()
        assert [line.split("  ")[0] for line in rest] == ["other scores", "logme, parc", "gbc"]
        assert rest[2].endswith("a = b")
        near_ties = board_text(board({"knn": near(9, 5), "gbc": near(9.001, 9.0)}))
        assert near_ties.splitlines()[-1].endswith("a ~ b")

    def test_every_score_in_a_line(self):
        text = board_text(board({"knn": near(9, 9.001, 1) | {"d": GONE}}), every_score=True)
        last = text.splitlines()[-1]
        assert last.startswith("knn    b 9") and " ~ a 9" in last and " > c 1" in last
        assert last.endswith("no value: d")
        one = Entry(np.array([5.0]))
        equal = board_text(board({"parameters": {"a": one, "b": one}}), every_score=True)
        assert equal.splitlines()[-1].endswith("a 5 = b 5")

    def test_missing(self):
        assert missing_text(board({"knn": near(9, 5)})) == ""
        assert missing_text(board({"knn": {"a": GONE}})) == "no value: knn of a: broke"


CEILING = {
    "spread": "pooled",
    "repeats": [3, 3],
    "sds": [0.01, 0.07],
    "reason": "",
    "value": 0.9,
    "low": 0.7,
    "high": 0.95,
}


def contest(score="s", baseline="parameters", **changed):
    made = {"difference": 0.5, "low": 0.1, "high": 0.9, "pvalue": 0.01, "qvalue": 0.02}
    made |= {"unit": "model", "n": 8, "reason": ""}
    return {"score": score, "baseline": baseline} | made | changed


class TestContests:
    def test_better_and_worse(self):
        better = contest_sentence("parameters", [contest()])
        assert better.startswith("s agrees better than parameters (q at most 0.05, over 8 models).")
        worse = contest(difference=-0.5, low=-0.9, high=-0.1)
        assert contest_sentence("parameters", [worse]).startswith("s agrees worse than parameters")
        both = contest_sentence(
            "parameters", [contest("a"), contest("b"), worse, contest("d", low=-1)]
        )
        assert both.startswith("a and b agree better than parameters and s agrees worse than")
        assert "of the other 1 this cannot be said" in both

    @pytest.mark.parametrize("changed", [{"qvalue": 0.06}, {"low": -0.01}])
    def test_neither_interval_nor_test_alone_is_enough(self, changed):
        told = contest_sentence("parameters", [contest(**changed)])
        assert told.startswith("s cannot be told from parameters: +0.50")
        several = contest_sentence("parameters", [contest(**changed), contest("r", low=-1)])
        assert several.startswith("None of 2 scores can be told from parameters; the largest")

    def test_units_too_few_to_tell_anything(self):
        few = contest_sentence("parameters", [contest(n=5)])
        assert few.startswith(
            "5 models cannot tell any score from parameters: p is never below 0.0"
        )
        assert "cannot tell any" not in contest_sentence("parameters", [contest(n=6)])
        assert "cannot tell any" in contest_sentence("parameters", [contest(n=6)], level=0.99)

    def test_nothing_to_compare(self):
        broken = contest(reason="every model has the score 5")
        assert contest_sentence("parameters", [broken]) == (
            "Nothing could be compared with parameters: every model has the score 5"
        )


class TestCeilings:
    def test_both_spreads_are_said_with_which_is_which(self):
        own = CEILING | {"spread": "own", "value": 0.99, "low": 0.93, "high": 1.0}
        (text,) = ceiling_sentences([CEILING, own], 0.95)
        assert (
            "means of 3 fine-tunes by 0.90 [0.70, 0.95] if all models vary alike, by 0.99" in text
        )
        assert "if each varies as its own repeats do (sd 0.01 to 0.07); ranges of 95 %" in text

    def test_what_cannot_be_said(self):
        own = CEILING | {"spread": "own", "reason": "1 of 8 models have one repeat."}
        first, second = ceiling_sentences([CEILING | {"repeats": [1, 3]}, own], 0.95)
        assert "means of 1 to 3 fine-tunes" in first and "own repeats" not in first
        assert second == "No ceiling from own spreads: 1 of 8 models have one repeat."
        none = [one | {"reason": "equal."} for one in (CEILING, own)]
        assert ceiling_sentences(none, 0.95) == ["No ceiling: equal."]
        assert ceiling_sentences([], 0.95) == []

    def test_above_the_range_only_what_is_above_both(self):
        row = {"statistic": "kendall", "status": "ok", "score": "s", "value": 0.96}
        part = {"ceilings": [CEILING], "rows": [row, row | {"score": "t", "value": 0.95}]}
        assert above_sentence(part).startswith("s agrees better than that range")
        part["rows"].append(row | {"score": "u"})
        assert above_sentence(part).startswith("s and u agree better")
        part["ceilings"] = [CEILING, CEILING | {"spread": "own", "high": 1.0}]
        assert above_sentence(part) is None
        assert above_sentence(part | {"ceilings": []}) is None


READING = {
    "rows": 24,
    "models": ["a", "b"],
    "targets": [],
    "accuracies": ["accuracy"],
    "scores": [],
    "repeats": None,
    "kept_apart": [],
    "ignored": {},
    "without_accuracy": 0,
    "without_score": 0,
}


class TestParts:
    def test_reading(self):
        assert reading_sentences(READING) == ["read 24 rows: 2 models; accuracy: accuracy."]
        more = READING | {
            "targets": ["x"],
            "scores": ["s"],
            "repeats": "seed",
            "kept_apart": ["lr"],
            "ignored": {"note": "it is empty"},
            "without_score": 3,
        }
        first, empty, left = reading_sentences(more)
        assert ", 1 target;" in first and "scores: s; repeats numbered by seed" in first
        assert first.endswith("rows kept apart by lr.")
        assert empty == "empty: 0 cells of accuracies, 3 of scores."
        assert left == "column note was left out: it is empty."

    def test_titles(self):
        one = {"kind": "models", "accuracy": "accuracy", "protocol": {}, "target": "", "subset": 0}
        one |= {"models": list("abcd"), "ceilings": []}
        assert part_title(one) == "kendall with accuracy, 4 models, 1 fine-tune each"
        other = one | {"protocol": {"lr": "0.1"}, "target": "pets", "subset": 1}
        other["ceilings"] = [CEILING | {"repeats": [1, 3]}]
        assert part_title(other) == (
            "kendall with accuracy (lr 0.1) on pets, 4 models (a, b, c, d), 1 to 3 fine-tunes each"
        )
        grid = one | {"kind": "targets", "targets": ["x", "y"], "holes": 0}
        assert part_title(grid) == "mean kendall with accuracy over 2 targets, 4 models"
        assert "(3 of 8 not measured" in part_title(grid | {"holes": 3})

    def test_the_best_agreement_stands_first_and_reasons_last(self):
        row = {"statistic": "kendall", "status": "ok", "low": -0.1, "high": 1.0, "targets": 3}
        rows = [
            row | {"score": "bad", "value": -0.5},
            row | {"score": "good", "value": 0.9},
            {"score": "none", "statistic": "kendall", "status": "failed", "reason": "constant"},
        ]
        lines = part_table({"kind": "targets", "rows": rows}).splitlines()
        assert [line.split()[0] for line in lines] == ["score", "good", "bad", "none:"]
        assert lines[1].split()[1:] == ["+0.90", "[-0.10,", "+1.00]", "3"]

    def test_between_and_left_out(self):
        one = {"a": "x", "b": "y", "kendall": -0.5, "models": 5, "protocol": {}, "target": "pets"}
        assert between_sentence(one) == (
            "the accuracies x and y agree by kendall -0.50 (5 models, pets)"
        )
        gone = {"score": "s", "protocol": {}, "target": "", "reason": "2 models"}
        assert left_out_sentences([gone, gone | {"score": "r"}]) == ["not judged: s, r: 2 models"]
        assert left_out_sentences([]) == []

    def test_a_judgement_from_end_to_end(self, tmp_path):
        from toposcope.transfer.ranking.accuracies import judge
        from toposcope.transfer.ranking.tables import read_accuracies

        rng = np.random.default_rng(0)
        text = "model,seed,accuracy,s,parameters\n" + "".join(
            f"m{i},{seed},{i + rng.normal() / 9:.3f},{i},{i % 3}\n"
            for i in range(8)
            for seed in range(3)
        )
        (tmp_path / "x.csv").write_text(text)
        told = judgement_text(judge(read_accuracies(tmp_path / "x.csv")))
        assert "read 24 rows: 8 models; accuracy: accuracy; scores: s, parameters" in told
        assert "kendall with accuracy, 8 models, 3 fine-tunes each:" in told
        assert "A perfect score would agree with means of 3 fine-tunes by" in told
        assert "s agrees better than parameters" in told
