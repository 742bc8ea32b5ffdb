"""`rank`: a board over real small networks, with failures, gaps, ties and resumption."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from toposcope.activations.candidate_capture import batch_statistics
from toposcope.activations.candidates import Candidate, as_candidates, read_candidates
from toposcope.activations.models.load import load_model
from toposcope.errors import (
    LayerNotFoundError,
    RunLockedError,
    SpecError,
    TooFewSamplesError,
    UsageError,
)
from toposcope.homology import betti_numbers
from toposcope.store.objects import lock_folder, read_json
from toposcope.store.runs import Run
from toposcope.store.verify import verify
from toposcope.transfer import SCORES, knn, theta
from toposcope.transfer.ranking.board import Entry, assemble, ties
from toposcope.transfer.ranking.kept import load_board, put_judgement
from toposcope.transfer.ranking.run import rank
from toposcope.transfer.ranking.sizes import check_sizes

CHEAP = ("theta", "tau", "class_persistence", "leep", "logme", "h_score", "knn", "parameters")
DESIGN = {"points": 40, "replicates": 4, "images": 8, "jobs": 0, "seed": 0}


class Convolutional(nn.Module):
    """Five blocks of feature volumes and a head: what every score can look at."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(1 if i == 0 else 4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
                )
                for i in range(5)
            )
        )
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.blocks(x).mean(dim=(2, 3)))


class Headless(nn.Module):
    """Vectors only, and no class scores."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(4))
        )

    def forward(self, x):
        return self.blocks(x.flatten(1))[:, :, None]


def convolutional():
    torch.manual_seed(1)
    return Convolutional()


def candidates():
    return [
        {"name": "conv", "model": convolutional(), "source_accuracy": 0.5},
        {"name": "flat", "model": Headless()},
        {"name": "broken", "model": "py:no_such_module:net"},
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranking")
    table = rank(candidates(), "sklearn:digits", scores=CHEAP, store=folder, **DESIGN)
    return table, folder


def cell(table, model, score):
    return table[(table.model == model) & (table.score == score)].iloc[0]


class TestRank:
    def test_one_failed_model_does_not_stop_the_others(self, kept):
        table, _ = kept
        assert [failure["model"] for failure in table.attrs["failures"]] == ["broken"]
        assert "no_such_module" in cell(table, "broken", "knn").reason
        assert cell(table, "conv", "knn").status == "ok"

    def test_what_a_candidate_cannot_give_is_said(self, kept):
        table, _ = kept
        assert "no spatial feature volumes" in cell(table, "flat", "theta").reason
        assert "source classifier" in cell(table, "flat", "leep").reason
        assert cell(table, "flat", "h_score").status == "too_few"
        assert cell(table, "flat", "knn").status == "ok"

    def test_scores_are_those_of_the_array_functions(self, kept):
        table, folder = kept
        run = Run.open(folder / "candidates" / "conv" / "features")
        layer, labels = run.addresses[-1], run.samples.labels
        from toposcope.pointclouds.draws import draw_rows

        draws = draw_rows(run.n, points=40, replicates=4, seed=0, labels=labels)
        values = [knn(run.read(layer, rows), labels[rows]) for rows in draws]
        assert cell(table, "conv", "knn").value == pytest.approx(np.mean(values))

    def test_theta_is_that_of_its_volumes(self, kept):
        table, folder = kept
        run = Run.open(folder / "candidates" / "conv" / "volumes")
        from toposcope.pointclouds.draws import draw_rows

        draws = draw_rows(8, points=2, replicates=4, seed=0, labels=run.samples.labels)
        values = []
        for images in draws:
            betti = [
                np.mean([betti_numbers(v, [0.0])[0] for v in run.read(layer, images)], axis=0)
                for layer in run.addresses
            ]
            values.append(theta(betti))
        assert cell(table, "conv", "theta").value == pytest.approx(np.mean(values))
        assert cell(table, "conv", "theta").points == 2

    def test_constants(self, kept):
        table, _ = kept
        parameters = sum(p.numel() for p in convolutional().parameters())
        assert cell(table, "conv", "parameters").value == parameters

    def test_sensitivity_names_every_choice(self, kept):
        table, _ = kept
        records = [
            r for r in table.attrs["sensitivity"] if (r["model"], r["score"]) == ("conv", "theta")
        ]
        knobs = {r["knob"] for r in records}
        assert knobs == {
            "as on the board",
            "degree",
            "depth",
            "homology dimension",
            "counts",
            "threshold",
            "batch norm",
        }
        published = next(r for r in records if r["knob"] == "as on the board")
        assert published["value"] == pytest.approx(cell(table, "conv", "theta").value)

    def test_sensitivity_of_tau(self, kept):
        table, _ = kept
        own = {
            (r["knob"], r["choice"]): r["value"]
            for r in table.attrs["sensitivity"]
            if (r["model"], r["score"]) == ("conv", "tau")
        }
        assert own["as on the board", ""] == pytest.approx(cell(table, "conv", "tau").value)
        assert len(own) == 4 and len(set(own.values())) == 4

    def test_nothing_is_done_twice(self, kept):
        table, folder = kept
        ticks = {p: p.stat().st_mtime_ns for p in (folder / "ledger").glob("*.json")}
        again = rank(candidates(), "sklearn:digits", scores=CHEAP, store=folder, **DESIGN)
        assert {p: p.stat().st_mtime_ns for p in (folder / "ledger").glob("*.json")} == ticks
        columns = ["model", "score", "value", "low", "high", "status"]
        assert again[columns].equals(table[columns])

    def test_board_is_read_back(self, kept):
        table, folder = kept
        stored = load_board(folder)
        assert stored["value"].equals(table["value"])
        assert stored["rank"].equals(table["rank"])
        assert stored.attrs["failures"] == table.attrs["failures"]

    def test_workers_give_the_same_numbers(self, kept, tmp_path):
        table, _ = kept
        two = [
            {"name": "conv", "model": "py:tests.unit.transfer.test_ranking:convolutional"},
            {"name": "flat", "model": Headless()},
        ]
        design = {**DESIGN, "jobs": 2}
        other = rank(two, "sklearn:digits", scores=["knn"], store=tmp_path, **design)
        assert cell(other, "conv", "knn").value == cell(table, "conv", "knn").value

    def test_a_target_without_labels(self, tmp_path):
        x = np.random.default_rng(0).integers(0, 255, size=(80, 8, 8), dtype=np.uint8)
        design = {**DESIGN, "points": 20}
        one = [{"name": "conv", "model": convolutional()}]
        table = rank(one, x, scores=["theta", "knn"], store=tmp_path, **design)
        assert cell(table, "conv", "theta").status == "ok"
        assert "no labels" in cell(table, "conv", "knn").reason


class TestTimesAndLocks:
    def test_the_digest_is_the_same_whenever_it_is_computed(self, kept, tmp_path):
        _, folder = kept
        rank(candidates(), "sklearn:digits", scores=CHEAP, store=tmp_path, **DESIGN)
        digests = [verify(place).digest for place in (folder, tmp_path)]
        assert digests[0] == digests[1] != ""
        boards = [(place / "board.json").read_bytes() for place in (folder, tmp_path)]
        assert boards[0] == boards[1]
        parts = [
            sorted(p.read_bytes() for p in (f / "parts").iterdir()) for f in (folder, tmp_path)
        ]
        assert parts[0] == parts[1]

    def test_seconds_are_kept_apart(self, kept):
        table, folder = kept
        assert b"seconds" not in (folder / "board.json").read_bytes()
        assert cell(table, "conv", "knn").seconds > 0
        stored = load_board(folder)
        assert cell(stored, "conv", "knn").seconds == cell(table, "conv", "knn").seconds
        assert np.isnan(cell(stored, "conv", "parameters").seconds)

    def test_a_folder_in_use_is_left_alone(self, tmp_path):
        with lock_folder(tmp_path):
            with pytest.raises(RunLockedError, match="another process is writing"):
                rank(candidates()[:1], "sklearn:digits", scores=["knn"], store=tmp_path, **DESIGN)
            with pytest.raises(RunLockedError):
                put_judgement(tmp_path, {"schema": 2})
        assert not (tmp_path / "board.json").exists()

    def test_a_capture_in_use_is_no_failure_of_the_candidate(self, kept):
        """It was a failed candidate once, and the good board was replaced by one without it."""
        _, folder = kept
        before = (folder / "board.json").read_bytes()
        with (
            lock_folder(folder / "candidates" / "conv" / "features"),
            pytest.raises(RunLockedError),
        ):
            again = {**DESIGN, "seed": 1}
            rank(candidates(), "sklearn:digits", scores=CHEAP, store=folder, **again)
        assert (folder / "board.json").read_bytes() == before

    def test_a_board_of_an_earlier_version_has_rank_intervals(self, kept, tmp_path):
        table, folder = kept
        old = read_json(folder / "board.json")
        for row in old["rows"]:
            del row["rank_low"], row["rank_high"]
            row["seconds"] = 1.0
        (tmp_path / "board.json").write_text(json.dumps(old))
        (tmp_path / "evaluation.json").write_text(json.dumps({"rows": [], "ceilings": []}))
        found = load_board(tmp_path)
        for name in ("model", "score", "rank", "rank_low", "rank_high", "value"):
            assert found[name].equals(table[name]), name
        assert "evaluation" not in found.attrs
        assert found.attrs["evaluation_of_an_earlier_version"]


class TestSizes:
    """What a target is too small for is refused before any model is loaded; the advice works."""

    @pytest.mark.parametrize(
        "asked",
        [
            {"n": 2062},
            {"n": 5000},
            {"points": 5000},
            {"points": 1},
            {"replicates": 1},
            {"n": 30, "points": 10},
            {"images": 2},
            {"images": 5000},
            {"replicates": 900, "points": 2},
            {"n": 1790, "points": 100, "replicates": 18},
        ],
    )
    def test_every_advice_passes(self, asked, tmp_path):
        there = 1797
        design = {"n": None, "points": 500, "replicates": 8, "images": 64} | asked
        with pytest.raises(UsageError) as caught:
            rank(["py:no_such_module:net"], "sklearn:digits", store=tmp_path / "x", **asked)
        assert not (tmp_path / "x").exists() and "no_such_module" not in str(caught.value)
        with pytest.raises(UsageError):
            check_sizes(there, name="digits", **design)
        followed = advised(str(caught.value), design)
        assert followed, str(caught.value)
        for one in followed:
            fits_once_more(one, there)

    @pytest.mark.parametrize("asked", [{}, {"n": 1062}])
    def test_what_nobody_asked_for_fits_by_itself(self, asked, tmp_path):
        with pytest.raises(UsageError, match="no_such_module"):
            rank(["py:no_such_module:net"], "sklearn:digits", store=tmp_path / "x", **asked)

    def test_there_is_no_advice_for_what_cannot_be(self):
        with pytest.raises(TooFewSamplesError, match="bring more samples"):
            check_sizes(3, name="three", n=None, points=2, replicates=2, images=None)

    def test_images_are_not_asked_for_without_theta(self):
        check_sizes(100, name="x", n=None, points=10, replicates=8, images=None)

    def test_a_level_outside_0_to_1_is_refused_before_any_work(self):
        with pytest.raises(UsageError, match="level="):
            rank(["py:no_such_module:net"], "sklearn:digits", level=95)


def advised(message, design):
    """Designs that follow each way a message names, by its keywords and by its flags."""
    advice = re.split(r"[Pp]ass ", message)[-1]
    without_n = "Leave out n" in message
    ways = []
    for way in advice.split(", "):
        named = dict(re.findall(r"(\w+)=(\d+)", way))
        flags = dict(re.findall(r"-{1,2}(\w+) (\d+)", way))
        assert named == flags, way
        changed = {key: int(value) for key, value in named.items()}
        if changed:
            ways.append(design | ({"n": None} if without_n else {}) | changed)
    return ways


def fits_once_more(design, there, rounds=3):
    """A design passes, perhaps after the advice about another of its numbers is followed too."""
    try:
        check_sizes(there, name="digits", **design)
    except UsageError as error:
        assert rounds, error
        for one in advised(str(error), design):
            fits_once_more(one, there, rounds - 1)


class TestRefusals:
    def test_unknown_score(self):
        with pytest.raises(UsageError, match=r"no score 'logmee'.*logme"):
            rank(candidates(), "sklearn:digits", scores=["logmee"])

    def test_more_draws_than_images(self):
        with pytest.raises(UsageError, match="images=2"):
            rank(candidates(), "sklearn:digits", images=2, points=20)

    def test_too_few_samples(self, tmp_path):
        with pytest.raises((TooFewSamplesError, UsageError), match="1797"):
            rank(candidates()[:1], "sklearn:digits", points=500, store=tmp_path, jobs=0)

    def test_a_target_that_no_candidate_can_read_is_said_once(self, tmp_path):
        with pytest.raises(UsageError) as caught:
            rank(candidates()[:2], "npz:nowhere.npz", store=tmp_path, points=20, jobs=0)
        assert str(caught.value).count("there is no nowhere.npz") == 1

    def test_all_candidates_fail(self, tmp_path):
        with pytest.raises(UsageError, match="no candidate could be captured"):
            rank(candidates()[2:], "sklearn:digits", store=tmp_path, points=20, jobs=0)

    def test_a_feature_layer_must_be_one_layer(self, tmp_path):
        one = [{"name": "conv", "model": convolutional(), "features": "blocks.*"}]
        with pytest.raises((LayerNotFoundError, UsageError), match="is a pattern"):
            rank(one, "sklearn:digits", scores=["knn"], store=tmp_path, **DESIGN)


class TestCandidates:
    def test_weights_are_looked_for_beside_the_file(self, tmp_path):
        (tmp_path / "w.safetensors").write_bytes(b"")
        text = (
            '[[model]]\nname = "a"\nmodel = "py:x:y"\nweights = "w.safetensors"\nlayers = ["b*"]\n'
        )
        (tmp_path / "models.toml").write_text(text)
        (one,) = read_candidates(tmp_path / "models.toml")
        assert one == Candidate(
            "a", "py:x:y", weights=str(tmp_path / "w.safetensors"), layers=("b*",)
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[[model]\n", "is not TOML"),
            ("x = 1\n", r"no \[\[model\]\]"),
            ('[[model]]\nname = "a"\n', "no 'model'"),
            ('[[model]]\nname = "a"\nmodel = "m"\nwieghts = "w"\n', "wieghts.*weights"),
            ('[[model]]\nname = "a"\nmodel = "m"\nsource_accuracy = 91.7\n', "0 to 1"),
        ],
    )
    def test_bad_files(self, tmp_path, text, message):
        (tmp_path / "models.toml").write_text(text)
        with pytest.raises(SpecError, match=message):
            read_candidates(tmp_path / "models.toml")

    def test_missing_file(self, tmp_path):
        with pytest.raises(SpecError, match="no readable"):
            read_candidates(tmp_path / "nothing.toml")

    def test_names_that_would_share_a_folder(self):
        with pytest.raises(SpecError, match="too much alike"):
            as_candidates([{"name": "a b", "model": "m"}, {"name": "a/b", "model": "m"}])


class TestBoard:
    def test_direction_decides_the_rank(self):
        low, high = Entry(np.array([1.0, 1.1, 0.9])), Entry(np.array([5.0, 5.1, 4.9]))
        for higher, first in ((True, "b"), (False, "a")):
            table = assemble({"s": {"a": low, "b": high}}, {"s": (higher, True, "")})
            assert table.model.tolist()[0] == first

    def test_ties_use_the_pairing(self):
        """Draws move both alike: their difference is sure although the intervals overlap."""
        shared = np.array([0.0, 3.0, 1.0, 2.0, 5.0])
        values = {"a": shared, "b": shared + 0.1 + 0.001 * np.arange(5)}
        assert ties(values) == {"a": [], "b": []}

    def test_family_wise_error_of_ties(self):
        """Five equal candidates: all ten pairs stay tied in 95 % of boards, at least 0.93."""
        rng = np.random.default_rng(0)
        clean = 0
        for _ in range(400):
            values = {name: rng.normal(size=8) for name in "abcde"}
            clean += all(len(others) == 4 for others in ties(values).values())
        assert clean / 400 > 0.93

    def test_equal_constants_are_tied(self):
        one, two = (Entry(np.array([v])) for v in (5.0, 6.0))
        table = assemble({"parameters": {"a": one, "b": one, "c": two}}, DECLARED)
        assert table["tied_with"].tolist() == [[], ["b"], ["a"]]
        assert table["rank"].tolist() == [1, 2, 2]
        assert table["rank_low"].tolist() == [1, 2, 2] and table["rank_high"].tolist() == [1, 3, 3]

    def test_rank_intervals_are_those_that_ties_leave(self):
        e = np.linspace(-1, 1, 8)
        entries = {"a": Entry(9 + e), "b": Entry(5 - e), "c": Entry(5 + e), "d": Entry(1 + e)}
        table = assemble({"knn": entries}, {"knn": (True, True, "")})
        assert table[["rank_low", "rank_high"]].values.tolist() == [[1, 1], [2, 3], [2, 3], [4, 4]]

    def test_rounding_is_no_difference(self):
        values = np.array([0.1, 0.2, 0.3])
        assert ties({"a": values, "b": values * (1 + 1e-15)}) == {"a": ["b"], "b": ["a"]}

    def test_the_same_step_twice_is_no_certainty(self):
        """Two draws of 20 samples, where one more is right in both: the spread seen is 0."""
        a = np.array([0.60, 0.75])
        assert ties({"a": a, "b": a + 0.05}) == {"a": ["b"], "b": ["a"]}
        a = np.array([0.60, 0.75, 0.65, 0.70])
        assert ties({"a": a, "b": a + 0.35}) == {"a": [], "b": []}


DECLARED = {"parameters": (True, False, "")}


def test_batch_statistics_are_those_of_each_image():
    loaded = load_model(convolutional())
    own = batch_statistics(loaded)
    x = torch.rand(1, 1, 8, 8)
    block = own.model.blocks[0].eval()
    raw = block[0](x)
    expected = (raw - raw.mean(dim=(2, 3), keepdim=True)) / (
        raw.var(dim=(2, 3), keepdim=True, unbiased=False) + 1e-5
    ).sqrt()
    assert torch.allclose(block[1](raw), expected, atol=1e-5)
    assert loaded.model.blocks[0][1].running_mean is not None
    assert batch_statistics(load_model(nn.Linear(2, 2))) is None


def test_every_score_declares_itself():
    for name, score in SCORES.items():
        assert score.about and score.cost, name
        assert score.labels == (score.needs in ("features", "head") or name == "class_persistence")
