"""`rank --evaluate`: accuracies from a file against a board or against anybody's scores."""

import numpy as np
import pytest

from toposcope.errors import SpecError, TooFewSamplesError, UsageError
from toposcope.transfer.ranking.accuracies import judge, read_accuracies
from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.transfer.ranking.targets import judge_targets, read_grid
from toposcope.words.ranking import judgement_text, targets_text

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
    path = tmp_path / "accuracies.csv"
    path.write_text(TEXT)
    return path


def row(found, score, accuracy="accuracy", statistic="kendall"):
    wanted = (score, accuracy, statistic)
    return next(r for r in found["rows"] if (r["score"], r["accuracy"], r["statistic"]) == wanted)


class TestFile:
    def test_repeats_and_scores_are_told_apart(self, file):
        found = read_accuracies(file)
        assert found.models == ("a", "b", "c", "d", "e")
        assert found.truths["accuracy"].shape == (2, 5)
        assert set(found.truths) == {"accuracy", "accuracy_probe"}
        assert found.scores["mine"].tolist() == [5, 4, 3, 2, 1]
        assert "seed" not in found.scores

    def test_named_columns(self, file):
        assert set(read_accuracies(file, ["mine"]).truths) == {"mine"}

    @pytest.mark.parametrize(
        ("text", "accuracy", "message"),
        [
            ("name,accuracy\na,1\n", (), "no column 'model'"),
            ("model,top1\na,1\n", (), "--accuracy COLUMN"),
            ("model,accuracy\na,1\n", ("acuracy",), "Near matches: accuracy"),
            ("model,accuracy\na,high\n", (), "no numbers"),
            ("model,accuracy\na,\n", (), "no numbers"),
        ],
    )
    def test_bad_files(self, tmp_path, text, accuracy, message):
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(SpecError, match=message):
            read_accuracies(tmp_path / "x.csv", accuracy)

    def test_no_file(self, tmp_path):
        with pytest.raises(SpecError, match="not a readable CSV"):
            read_accuracies(tmp_path / "none.csv")


class TestOwnTable:
    def test_directions(self, file):
        found = judge(read_accuracies(file), lower_is_better=["theta"])
        assert row(found, "mine")["value"] == 1.0
        assert row(found, "theta")["value"] == 1.0
        assert row(judge(read_accuracies(file)), "theta")["value"] == -1.0

    def test_other_accuracies_are_another_truth(self, file):
        found = judge(read_accuracies(file))
        assert row(found, "mine", "accuracy_probe")["value"] == pytest.approx(0.8)
        assert found["between"] == [
            {"a": "accuracy", "b": "accuracy_probe", "kendall": pytest.approx(0.8)}
        ]

    def test_ceiling_comes_from_repeats(self, file):
        (one, other) = judge(read_accuracies(file))["ceilings"]
        assert one["repeats"] == 2 and 0.9 < one["value"] <= 1.0
        assert other["value"] == 1.0  # repeats without spread

    def test_q_is_over_everything_tested(self, file):
        found = judge(read_accuracies(file))
        assert row(found, "mine")["qvalue"] >= row(found, "mine")["pvalue"]

    def test_three_models_are_refused(self, tmp_path):
        (tmp_path / "x.csv").write_text("model,accuracy,mine\na,1,1\nb,2,2\nc,3,3\n")
        with pytest.raises(TooFewSamplesError, match="at least 4"):
            judge(read_accuracies(tmp_path / "x.csv"))

    def test_without_scores_there_is_nothing_to_judge(self, tmp_path):
        (tmp_path / "x.csv").write_text("model,accuracy\na,1\nb,2\nc,3\nd,4\n")
        with pytest.raises(UsageError, match=r"no score columns .* --board FOLDER"):
            judge(read_accuracies(tmp_path / "x.csv"))

    def test_text(self, file):
        text = judgement_text(judge(read_accuracies(file), lower_is_better=["theta"]))
        assert "kendall with accuracy, 5 models" in text
        assert "a perfect score would reach" in text
        assert "agree by kendall +0.80" in text


def board_of(values):
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
        found = judge(read_accuracies(file), table)
        assert row(found, "theta")["value"] == 1.0  # lower is better: known from the registry
        assert row(found, "theta")["draws"] == 2
        (contest,) = [c for c in found["contests"] if c["accuracy"] == "accuracy"]
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
        assert {r["score"] for r in found["rows"]} == {"knn"}
        (subset,) = found["subsets"]
        assert subset["models"] == ["a", "b", "d", "e"]
        assert {r["score"] for r in subset["rows"]} == {"knn", "leep"}
        assert row(subset, "leep")["value"] == 1.0 and row(subset, "leep")["n"] == 4
        assert found["left_out"] == [{"score": "nce", "reason": "values for 2 models only"}]
        assert "4 models (a, b, d, e)" in judgement_text(found)


class TestTargets:
    def table(self, tmp_path, scores):
        lines = ["target,model,accuracy," + ",".join(scores)]
        rng = np.random.default_rng(0)
        for t in range(6):
            for m in range(5):
                accuracy = 0.5 + m / 10 + rng.normal() / 50
                values = [f(accuracy, t, m) for f in scores.values()]
                lines.append(f"t{t},m{m},{accuracy}," + ",".join(map(str, values)))
        path = tmp_path / "targets.csv"
        path.write_text("\n".join(lines))
        return path

    def test_a_constant_list_that_is_right_cannot_be_beaten(self, tmp_path):
        path = self.table(tmp_path, {"oracle": lambda a, t, m: a, "bad": lambda a, t, m: -a})
        found = judge_targets(read_grid(path), lower_is_better=["bad"])
        rows = {row["score"]: row for row in found["rows"]}
        assert rows["oracle"]["value"] == rows["bad"]["value"] == 1.0
        assert rows["constant list"]["value"] > 0.9
        assert rows["oracle"]["pvalue"] > 0.05
        assert "6 targets, 5 models" in targets_text(found)

    def test_a_score_that_misses_values_is_said(self, tmp_path):
        path = self.table(tmp_path, {"s": lambda a, t, m: "" if (t, m) == (2, 3) else a})
        found = judge_targets(read_grid(path))
        assert "1 of 30 values are missing" in found["rows"][0]["reason"]
        assert "1 of 30" in targets_text(found)

    def test_a_model_that_is_not_everywhere_is_left_out(self, tmp_path):
        path = self.table(tmp_path, {"s": lambda a, t, m: a})
        path.write_text(path.read_text() + "\nt0,extra,0.9,0.9")
        assert read_grid(path).left_out == ("extra",)

    def test_a_file_without_targets_is_none(self, file):
        assert read_grid(file) is None

    def test_one_target_is_refused(self, tmp_path):
        path = tmp_path / "x.csv"
        path.write_text(
            "target,model,accuracy,s\n" + "\n".join(f"t,m{i},{i},{i}" for i in range(5))
        )
        with pytest.raises(TooFewSamplesError, match="1 targets"):
            judge_targets(read_grid(path))
