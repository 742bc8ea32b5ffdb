"""`rank --evaluate` over several targets: units, holes, constants."""

import numpy as np
import pytest

from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.transfer import compare_scores, constant_ranking
from toposcope.transfer.evaluation.correlations import kendall
from toposcope.transfer.evaluation.over_targets import mean_agreement, mean_difference
from toposcope.transfer.ranking.accuracies import judge
from toposcope.transfer.ranking.tables import read_accuracies


def written(tmp_path, scores, *, targets=6, models=5, skip=lambda t, m: False, repeats=1):
    rng = np.random.default_rng(0)
    lines = ["target,model,seed,accuracy," + ",".join(scores)]
    for t in range(targets):
        for m in range(models):
            accuracy = 0.5 + m / 10 + rng.normal() / 50
            for seed in range(repeats):
                noisy = accuracy + rng.normal() / 1000
                values = [f(accuracy, t, m) for f in scores.values()]
                if not skip(t, m):
                    lines.append(f"t{t},m{m},{seed},{noisy}," + ",".join(map(str, values)))
    path = tmp_path / "targets.csv"
    path.write_text("\n".join(lines))
    return path


def rows(part):
    return {row["score"]: row for row in part["rows"]}


def test_a_constant_list_that_is_right_cannot_be_beaten(tmp_path):
    path = written(tmp_path, {"oracle": lambda a, t, m: a, "bad": lambda a, t, m: -a})
    (part,) = judge(read_accuracies(path), lower_is_better=["bad"])["parts"]
    found = rows(part)
    assert part["kind"] == "targets" and found["oracle"]["targets"] == 6
    assert found["oracle"]["value"] == found["bad"]["value"] == 1.0
    assert found["constant list"]["value"] > 0.9
    contest = next(c for c in part["contests"] if c["score"] == "oracle")
    assert contest["pvalue"] > 0.05 and contest["unit"] == "target" and contest["n"] == 6


def test_targets_are_never_averaged(tmp_path):
    """A score right on every target, with accuracies of the targets in opposite orders."""
    lines = ["target,model,accuracy,s"]
    for t, sign in enumerate((1, -1, 1, -1)):
        lines += [f"t{t},m{m},{sign * m},{sign * m}" for m in range(5)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines))
    (part,) = judge(read_accuracies(path))["parts"]
    assert rows(part)["s"]["value"] == 1.0
    assert rows(part)["constant list"]["value"] < 0


def test_holes_do_not_drop_what_is_there(tmp_path):
    """Each model skips its own source: none is on every target, and all are judged."""
    path = written(tmp_path, {"s": lambda a, t, m: a}, skip=lambda t, m: t == m)
    (part,) = judge(read_accuracies(path))["parts"]
    found = rows(part)["s"]
    assert part["holes"] == 5 and len(part["models"]) == 5
    assert found["targets"] == 6 and found["value"] == 1.0
    assert sorted(one["models"] for one in found["each"].values()) == [4, 4, 4, 4, 4, 5]


def test_a_score_that_misses_values_is_judged_where_it_has_them(tmp_path):
    path = written(tmp_path, {"s": lambda a, t, m: "" if t == 2 or (t, m) == (1, 1) else a})
    (part,) = judge(read_accuracies(path))["parts"]
    found = rows(part)["s"]
    assert found["targets"] == 5 and "t2" not in found["each"]
    assert found["each"]["t1"]["models"] == 4


def test_baselines_of_the_file_are_contested_too(tmp_path):
    path = written(
        tmp_path,
        {
            "s": lambda a, t, m: a,
            "source_accuracy": lambda a, t, m: -m,
            "parameters": lambda a, t, m: m,
        },
        targets=8,
    )
    (part,) = judge(read_accuracies(path))["parts"]
    found = {c["baseline"]: c for c in part["contests"]}
    assert set(found) == {"constant list", "source_accuracy", "parameters"}
    assert found["source_accuracy"]["low"] > 0 and found["source_accuracy"]["pvalue"] < 0.01
    assert found["parameters"]["low"] < 0 < found["parameters"]["high"]


def test_one_target_is_judged_over_models(tmp_path):
    path = written(tmp_path, {"s": lambda a, t, m: a}, targets=1)
    (part,) = judge(read_accuracies(path))["parts"]
    assert part["kind"] == "models" and part["target"] == "t0"
    assert rows(part)["s"]["value"] == 1.0
    several = read_accuracies(written(tmp_path, {"s": lambda a, t, m: a}))
    (one,) = judge(several, target="t3")["parts"]
    assert one["kind"] == "models" and one["target"] == "t3"


def test_several_accuracy_columns_are_several_parts(tmp_path):
    path = written(tmp_path, {"s": lambda a, t, m: a, "accuracy_probe": lambda a, t, m: -a})
    first, second = judge(read_accuracies(path))["parts"]
    assert (first["accuracy"], second["accuracy"]) == ("accuracy", "accuracy_probe")
    assert rows(first)["s"]["value"] == 1.0 and rows(second)["s"]["value"] == -1.0
    (only,) = judge(read_accuracies(path, ["accuracy_probe"]))["parts"]
    assert only["accuracy"] == "accuracy_probe"


def test_too_few_models_everywhere(tmp_path):
    path = written(tmp_path, {"s": lambda a, t, m: a}, models=3)
    with pytest.raises(TooFewSamplesError, match=r"4 models .* two targets"):
        judge(read_accuracies(path))


class TestMeanAgreement:
    @pytest.mark.parametrize("models", [5, 8])
    @pytest.mark.parametrize("targets", [2, 3, 6])
    @pytest.mark.parametrize("rho", [0.0, 0.9])
    def test_covers_and_stays_inside(self, models, targets, rho):
        rng = np.random.default_rng([models, targets])
        y = rng.normal(size=(400, targets, models))
        x = rho * y + np.sqrt(1 - rho**2) * rng.normal(size=y.shape)
        truth = 2 / np.pi * np.arcsin(rho)
        found = [mean_agreement(each, [models] * targets) for each in kendall(x, y)]
        assert np.mean([one.low <= truth <= one.high for one in found]) > 0.92
        for one in found:
            assert -1 <= one.low <= one.value <= one.high <= 1 and one.low < one.high

    def test_one_target_has_no_interval(self):
        found = mean_agreement([0.5], [8])
        assert found.value == 0.5 and np.isnan(found.low)

    def test_more_perfect_targets_are_surer(self):
        lows = [mean_agreement([1.0] * t, [5] * t).low for t in (2, 3, 8)]
        assert lows == sorted(lows) and mean_agreement([-1.0] * 3, [5] * 3).high == -lows[1]

    def test_differences_stay_inside_and_have_a_width(self):
        found = mean_difference([2.0, 2.0, 2.0], [5, 5, 5])
        assert found.high == 2.0 and 1.0 < found.low < 2.0

    def test_bad_input(self):
        with pytest.raises(UsageError, match="one count of models per target"):
            mean_agreement([0.5, 0.5], [5])
        with pytest.raises(UsageError, match="finite"):
            mean_agreement([np.nan], [5])


class TestHoles:
    def test_constant_ranking_of_a_grid_with_holes(self):
        found = constant_ranking([[1.0, 2.0, np.nan], [1.0, np.nan, 2.0], [3.0, 2.0, 1.0]])
        # Of two models the lower has rank (1/2) 3/2 + 1/2 = 1.25 of 3, the higher 2.75 - 1/2.
        assert found[2] == pytest.approx([1.25, 2.75, 2.75])
        assert found[0] == pytest.approx([(1.25 + 3) / 2, 2.0, (2.75 + 1) / 2])

    def test_a_model_measured_once_is_in_no_list_but_the_others(self):
        found = constant_ranking([[1.0, 2.0, 3.0], [1.0, 2.0, np.nan]])
        assert np.isnan(found[0, 2]) and np.isfinite(found[1]).all()

    def test_comparison_uses_what_both_scores_have(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=(6, 7))
        a, b = y + rng.normal(size=y.shape) / 9, rng.normal(size=y.shape)
        whole = compare_scores(a, b, y)
        a[0, 3], b[1, 2], y[2, :4] = np.nan, np.nan, np.nan
        found = compare_scores(a, b, y)
        assert found.n == 5 and whole.n == 6  # three models are left on the third target
        with pytest.raises(TooFewSamplesError, match="0 of 2 targets"):
            compare_scores(a[:2, :3], b[:2, :3], y[:2, :3])
