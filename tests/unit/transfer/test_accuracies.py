"""`rank --evaluate`: what a table is taken for, and what is said of one target."""

import numpy as np
import pytest

from toposcope.errors import SpecError, TooFewSamplesError, UsageError
from toposcope.transfer.ranking.accuracies import judge
from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.transfer.ranking.tables import read_accuracies

TEXT = """model,seed,accuracy,accuracy_probe,mine,theta
a,0,0.90,0.7,5,1
a,1,0.92,0.7,5,1
b,0,0.80,0.8,4,2
b,1,0.82,0.8,4,2
c,0,0.70,0.6,3,3
c,1,0.69,0.6,3,3
d,0,0.60,0.5,2,4
d,1,0.61,0.5,2,4
e,0,0.50,0.4,1,5
e,1,0.52,0.4,1,5
"""


@pytest.fixture
def file(tmp_path):
    return written(tmp_path, TEXT)


def written(tmp_path, text):
    path = tmp_path / "accuracies.csv"
    path.write_text(text)
    return path


def part(found, accuracy="accuracy", **where):
    return next(
        p
        for p in found["parts"]
        if p["accuracy"] == accuracy and where.items() <= {**p["protocol"], **p}.items()
    )


def row(part_, score, statistic="kendall"):
    return next(r for r in part_["rows"] if (r["score"], r["statistic"]) == (score, statistic))


class TestFile:
    def test_repeats_and_scores_are_told_apart(self, file):
        table = read_accuracies(file)
        first, second = table.measured
        assert first.models == ("a", "b", "c", "d", "e") and first.targets == ("",)
        assert first.repeats.shape == (2, 1, 5)
        assert (first.accuracy, second.accuracy) == ("accuracy", "accuracy_probe")
        assert first.scores["mine"].tolist() == [[5, 4, 3, 2, 1]]
        assert table.scores == ("mine", "theta") and table.reading["repeats"] == "seed"

    def test_named_columns(self, file):
        (one,) = read_accuracies(file, ["mine"]).measured
        assert one.accuracy == "mine"

    @pytest.mark.parametrize(
        ("text", "accuracy", "message"),
        [
            ("name,accuracy\na,1\n", (), "no column 'model'"),
            ("model,top1\na,1\n", (), "--accuracy COLUMN"),
            ("model,accuracy\na,1\n", ("acuracy",), "Near matches: accuracy"),
            ("model,accuracy\na,high\n", (), "no numbers"),
            ("model,accuracy\na,\n", (), "no numbers"),
            ("model,accuracy\n,0.5\na,0.5\n", (), "1 of 2 rows .* name no model"),
            ("model,accuracy\n", (), "has no rows"),
            ("model,seed,accuracy\na,0,1\na,0,2\n", (), "1 rows .*model a, seed 0.*'protocol'"),
        ],
    )
    def test_bad_files(self, tmp_path, text, accuracy, message):
        with pytest.raises(SpecError, match=message):
            read_accuracies(written(tmp_path, text), accuracy)

    def test_no_file(self, tmp_path):
        with pytest.raises(SpecError, match="not a readable CSV"):
            read_accuracies(tmp_path / "none.csv")

    def test_protocols_are_kept_apart_whatever_they_are_called(self, tmp_path):
        for name, first, second in (
            ("protocol", "probe", "full"),
            ("train", "500", "5000"),
            ("how", "frozen", "tuned"),
        ):
            text = f"model,{name},accuracy,s\n" + "".join(
                f"{m},{how},{i if how == first else -i},{i}\n"
                for i, m in enumerate("abcd")
                for how in (first, second)
            )
            table = read_accuracies(written(tmp_path, text))
            assert table.reading["kept_apart"] == [name]
            found = judge(table)
            values = [row(p, "s")["value"] for p in found["parts"]]
            assert values == [1.0, -1.0], name  # their mean would be no ranking at all

    def test_columns_that_are_nothing_are_left_out_and_said(self, tmp_path):
        text = "Unnamed: 0,model,family,note,empty,row,accuracy,s\n" + "".join(
            f"{i + 5},{m},{'cnn' if i < 2 else 'vit'},{'best' if i == 1 else ''},,{i},{i},{i}\n"
            for i, m in enumerate("abcd")
        )
        table = read_accuracies(written(tmp_path, text))
        assert table.scores == ("s",)
        assert set(table.reading["ignored"]) == {"Unnamed: 0", "family", "note", "empty", "row"}
        assert table.reading["kept_apart"] == []

    def test_empty_cells_are_holes_and_what_else_is_there_is_used(self, tmp_path):
        text = TEXT.replace("a,1,0.92,0.7", "a,1,,0.7").replace("e,1,0.52,0.4,1", "e,1,0.52,0.4,")
        table = read_accuracies(written(tmp_path, text))
        assert np.isnan(table.measured[0].repeats).sum() == 1
        assert table.measured[0].truth[0, 0] == 0.90
        assert table.measured[0].scores["mine"].tolist() == [[5, 4, 3, 2, 1]]
        assert (table.reading["without_accuracy"], table.reading["without_score"]) == (1, 1)


class TestOwnTable:
    def test_directions(self, file):
        found = judge(read_accuracies(file), lower_is_better=["theta"])
        assert row(part(found), "mine")["value"] == 1.0
        assert row(part(found), "theta")["value"] == 1.0
        assert row(part(judge(read_accuracies(file))), "theta")["value"] == -1.0
        with pytest.raises(UsageError, match="names thta; score columns are mine, theta"):
            judge(read_accuracies(file), lower_is_better=["thta"])

    def test_other_accuracies_are_another_truth(self, file):
        found = judge(read_accuracies(file))
        assert row(part(found, "accuracy_probe"), "mine")["value"] == pytest.approx(0.8)
        (between,) = found["between"]
        assert between["kendall"] == pytest.approx(0.8) and between["models"] == 5

    def test_accuracy_columns_may_have_their_own_models(self, tmp_path):
        text = TEXT.replace(",0.92,0.7,", ",,0.7,").replace(",0.90,0.7,", ",,0.7,")
        found = judge(read_accuracies(written(tmp_path, text)))
        assert part(found)["models"] == ["b", "c", "d", "e"]
        assert part(found, "accuracy_probe")["models"] == ["a", "b", "c", "d", "e"]
        assert found["between"][0]["models"] == 4

    def test_ceilings_come_from_repeats_by_both_spreads(self, file):
        pooled, own = part(judge(read_accuracies(file)))["ceilings"]
        assert (pooled["spread"], own["spread"]) == ("pooled", "own")
        assert pooled["repeats"] == [2, 2] and 0.9 < pooled["value"] <= 1.0
        assert pooled["sds"] == pytest.approx([0.01 / np.sqrt(2), 0.02 / np.sqrt(2)])

    def test_equal_repeats_are_no_ceiling(self, file):
        """A linear probe is the same in every seed: that shows no noise, not that there is none."""
        for one in part(judge(read_accuracies(file)), "accuracy_probe")["ceilings"]:
            assert "repeats of every model are equal" in one["reason"] and "value" not in one

    def test_unequal_repeats(self, tmp_path):
        text = TEXT.replace("c,1,0.69,0.6,3,3\n", "") + "a,2,0.97,0.7,5,1\n"
        found = part(judge(read_accuracies(written(tmp_path, text))))
        pooled, own = found["ceilings"]
        assert pooled["repeats"] == [1, 3] and pooled["value"] > 0.8
        assert "1 of 5 models have one repeat" in own["reason"]

    def test_q_is_over_everything_tested(self, file):
        found = judge(read_accuracies(file))
        p, q = (row(part(found), "mine")[k] for k in ("pvalue", "qvalue"))
        assert q >= p

    def test_three_models_are_refused(self, tmp_path):
        text = "model,accuracy,mine\na,1,1\nb,2,2\nc,3,3\n"
        with pytest.raises(TooFewSamplesError, match="At least 4"):
            judge(read_accuracies(written(tmp_path, text)))

    def test_protocols_too_small_to_judge_say_what_kept_them_apart(self, tmp_path):
        text = "model,lr,accuracy,s\n" + "".join(f"{m},{i},{i},{i}\n" for i, m in enumerate("abcd"))
        with pytest.raises(TooFewSamplesError, match="Rows are kept apart by lr"):
            judge(read_accuracies(written(tmp_path, text)))

    def test_without_scores_there_is_nothing_to_judge(self, tmp_path):
        text = "model,accuracy\na,1\nb,2\nc,3\nd,4\n"
        with pytest.raises(UsageError, match=r"no score columns .* --board FOLDER"):
            judge(read_accuracies(written(tmp_path, text)))

    def test_a_score_with_holes_is_judged_where_it_has_values_beside_the_baselines(self, tmp_path):
        text = "model,accuracy,full,holes,source_accuracy\n" + "".join(
            f"{m},{i},{i},{'' if m == 'c' else -i},{i % 3}\n" for i, m in enumerate("abcdef")
        )
        found = judge(read_accuracies(written(tmp_path, text)))
        whole, subset = found["parts"]
        assert {r["score"] for r in whole["rows"]} == {"full", "source_accuracy"}
        assert subset["subset"] and subset["models"] == list("abdef")
        assert row(subset, "holes")["value"] == -1.0 and row(subset, "holes")["n"] == 5
        assert {r["score"] for r in subset["rows"]} == {"holes", "source_accuracy"}

    def test_every_constant_is_a_contest_with_interval_test_and_q(self, tmp_path):
        rng = np.random.default_rng(0)
        text = "model,accuracy,s,source_accuracy,parameters\n" + "".join(
            f"m{i},{i},{i + rng.normal():g},{rng.normal():g},{rng.normal():g}\n" for i in range(9)
        )
        contests = part(judge(read_accuracies(written(tmp_path, text))))["contests"]
        assert [(c["score"], c["baseline"]) for c in contests] == [
            ("s", "source_accuracy"),
            ("s", "parameters"),
        ]
        for one in contests:
            assert -2 <= one["low"] <= one["difference"] <= one["high"] <= 2
            assert one["pvalue"] <= one["qvalue"] <= 1 and one["n"] == 9


def board_of(values, **attrs):
    entries = {
        score: {
            m: Entry(np.asarray(v, float), status="ok" if v else "failed")
            for m, v in by_model.items()
        }
        for score, by_model in values.items()
    }
    table = assemble(entries, dict.fromkeys(entries, (True, True, "")))
    models = list(next(iter(values.values())))
    table.attrs = {
        "candidates": models,
        "failures": [],
        "draws": {s: {m: list(v) for m, v in by.items()} for s, by in values.items()},
        **attrs,
    }
    return table


class TestBoard:
    def test_joined_by_name_with_the_boards_directions(self, file):
        order = {"e": 5.0, "a": 1.0, "b": 2.0, "d": 4.0, "c": 3.0}
        table = board_of(
            {
                "theta": {m: [v, v + 0.1] for m, v in order.items()},
                "source_accuracy": {m: [-v] for m, v in order.items()},
            }
        )
        found = part(judge(read_accuracies(file), table))
        assert row(found, "theta")["value"] == 1.0  # lower is better: known from the registry
        assert row(found, "theta")["draws"] == 2
        (contest,) = found["contests"]
        assert contest["difference"] == pytest.approx(0.0)

    def test_names_that_are_not_on_the_board(self, file):
        table = board_of({"knn": {"ResNet": [0.5], "ViT": [0.6]}})
        with pytest.raises(UsageError, match=r"none of the models a, .* it has ResNet, ViT"):
            judge(read_accuracies(file), table)

    def test_a_score_without_all_models_is_judged_on_its_own(self, file):
        table = board_of(
            {
                "knn": {m: [0.5 + i / 10] for i, m in enumerate("edcba")},
                "leep": {m: [] if m == "c" else [0.5 + i / 10] for i, m in enumerate("edcba")},
                "nce": {m: [1.0] if m in "ab" else [] for m in "edcba"},
            }
        )
        found = judge(read_accuracies(file), table)
        whole, subset = (p for p in found["parts"] if p["accuracy"] == "accuracy")
        assert {r["score"] for r in whole["rows"]} == {"knn"} and not whole["subset"]
        assert subset["subset"] and subset["models"] == ["a", "b", "d", "e"]
        assert {r["score"] for r in subset["rows"]} == {"knn", "leep"}
        assert row(subset, "leep")["value"] == 1.0 and row(subset, "leep")["n"] == 4
        assert {one["score"] for one in found["left_out"]} == {"nce"}

    def test_a_file_of_several_targets_is_read_at_the_boards_own(self, tmp_path):
        text = "target,model,accuracy\n" + "".join(
            f"{t},{m},{i if t == 'x' else -i}\n" for t in "xy" for i, m in enumerate("abcde")
        )
        table = read_accuracies(written(tmp_path, text))
        values = {"knn": {m: [0.5 + i / 10] for i, m in enumerate("abcde")}}
        for name, sign in (("x", 1.0), ("y", -1.0)):
            found = judge(table, board_of(values, target_name=name, target="npz:x.npz"))
            assert row(part(found), "knn")["value"] == sign
        other = board_of(values, target_name="z", target="npz:z.npz")
        with pytest.raises(UsageError, match=r"z or npz:z.npz.* targets x, y.* --target x"):
            judge(table, other)
        assert row(part(judge(table, other, target="y")), "knn")["value"] == -1.0
        with pytest.raises(UsageError, match="--target w is not in the file; it has x, y"):
            judge(table, other, target="w")
