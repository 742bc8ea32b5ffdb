"""across-papers: worlds of every claim, what the shares are, the sentence, and the whole path."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration import studies_across as worlds
from benchmarks.calibration.claims import load, rate
from toposcope.homology import geodesic_distances
from toposcope.pointclouds import datasets
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.across_decisions import VARIANTS
from toposcope.studies.across_measure import FILTERS, METHODS, SUMMARIES, Job, measure
from toposcope.studies.across_papers import CLAIMS, FULL, QUICK, STUDY, design_for, forecast
from toposcope.studies.across_statistics import (
    PARTS,
    across,
    cells_of,
    depth_trends,
    grid_of,
    largest_of,
    parts,
)
from toposcope.studies.resistance import resistance_distances
from toposcope.studies.running import forecast as forecast_of
from toposcope.studies.running import run_definition
from toposcope.studies.stored import load_study
from toposcope.studies.study import Given
from toposcope.words.across import headline
from toposcope.words.studies import study_text, untested_texts


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    known = load()
    assert rate(known[f"studies_across.across-papers.{claim}.true"], 8).rate >= 0.6
    assert rate(known[f"studies_across.across-papers.{claim}.null"], 8).rate <= 0.2


def test_every_choice_of_every_claim_is_known():
    assert {choice for one in CLAIMS for choice in one.choices} <= set(VARIANTS)


def test_shares_add_up_and_go_to_the_factor_that_was_planted():
    rng = np.random.default_rng(0)
    shape = (12, 3, 4, 2, 2, 2, 2)
    families = np.repeat(["a", "b"], 6)
    for axis in range(6):
        level = np.linspace(-1, 1, shape[axis + 1]).reshape(
            [-1 if k == axis else 1 for k in range(6)]
        )
        shares = parts(level + 0.1 * rng.normal(size=shape), families)
        assert shares.sum() == pytest.approx(1)
        assert PARTS[int(shares.argmax())] == PARTS[axis] and shares[axis] > 0.8
    own = rng.normal(size=(200, 12, 1, 1, 1, 1, 1, 1)) + np.zeros((200, *shape))
    of_networks = np.mean([parts(one, families) for one in own], axis=0)
    assert of_networks[-1] == pytest.approx(1, abs=0.1)  # two families differ by chance
    by_family = np.where(families == "a", 1.0, -1.0).reshape(-1, *[1] * 6) + np.zeros(shape)
    assert parts(by_family, families)[PARTS.index("family")] == pytest.approx(1)
    noise = np.mean([parts(rng.normal(size=shape), families)[:7] for _ in range(60)], axis=0)
    assert np.abs(noise).max() < 0.03  # a choice that does nothing has no share in the mean


def test_the_sentence_says_who_decides_and_is_another_one_where_networks_do():
    rng = np.random.default_rng(3)
    analysis, network = (worlds.told(rng, holds) for holds in (True, False))
    assert "the analysis decides more than the network" in headline(analysis)
    assert "the network decides more than the analysis" in headline(network)
    unsure = replace(analysis, lead=(0.1, -0.2, 0.4))
    assert "cannot be told" in headline(unsure)
    assert "what is filtered (" in headline(analysis)
    assert "how choices combine" not in headline(analysis)
    mixed = analysis.shares | {"interplay": (0.6, 0.5, 0.7), "filter": (0.1, 0.05, 0.2)}
    assert "how choices combine (60 % [50, 70])" in headline(replace(analysis, shares=mixed))
    two = replace(analysis, largest=("filter", "normalize"))
    assert "which cannot be told apart" in headline(two)
    for found in (analysis, network):
        assert found.falling + found.rising + found.neither == pytest.approx(1)
        assert f"{100 * found.falling:.0f} % say yes" in headline(found)


def test_signs_of_analyses_are_those_planted_and_noise_has_none():
    rng = np.random.default_rng(1)
    made = worlds.crossed(rng, lambda n, one, *_: {"rips": 3.0, "local": 0.0, "cubical": -3.0}[one])
    signs = pd.Series({cell.choices: cell.sign for cell in cells_of(made)})
    by_filter = signs.groupby(level=0)
    assert (by_filter.get_group("rips") == 1).all()
    assert (by_filter.get_group("cubical") == -1).all()
    assert (by_filter.get_group("local") == 0).mean() > 0.8


def test_trends_take_rounding_for_ties():
    assert depth_trends([[3.0, 3.0 + 1e-13, 3.0, 3.0 - 1e-13]]).tolist() == [0.0]
    assert largest_of(np.tile([0.3, 0.29, 0, 0, 0, 0], (8, 1)) + np.eye(8)[:, :6]) != ("filter",)


def test_filtrations_that_few_networks_have_are_left_out_of_the_grid():
    made = worlds.crossed(np.random.default_rng(0), lambda *_: 0.0)
    some = made[(made["filter"] != "cubical") | (made["network"] < "network 4")]
    assert grid_of(some, fewest=8).levels[0] == ("rips", "local")
    assert grid_of(some, fewest=3).trends.shape[0] == 4


def test_resistance_tells_a_bottleneck_and_keeps_copies_and_pieces():
    left, right = (
        datasets.disks(40, count=1, seed=0),
        datasets.disks(40, count=1, seed=1) + np.array([2.2, 0.0]),
    )
    cloud = np.concatenate([left, right, left[:1]])
    R = resistance_distances(geodesic_distances(cloud, 6))
    assert (R == R.T).all() and R[0, -1] == 0 and R[5, 0] == R[5, -1]
    far = resistance_distances(geodesic_distances(np.concatenate([left, right + 50]), 6))
    assert np.isinf(far[:40, 40:]).all() and np.isfinite(far[:40, :40]).all()


def made_network(seed: int, *, volumes: bool = False, samples: int = 120):
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % 2
    shape = (3, 4, 4) if volumes else (24,)
    layers = {
        f"layer{k}": (rng.normal(size=(samples, *shape)) * 2.0**k).astype(np.float32)
        for k in range(4)
    }
    return from_arrays(layers, labels=labels, name=f"net {seed}")


class Held:
    """A network held in memory."""

    moment, covariates, network, identity = 0, {}, "net", "x"

    def __init__(self, acts):
        self.acts = acts

    def open(self):
        return self.acts


JOB = Job("", "x", (12, 30), (4, 8), 2, (0, 1), 5, 0)


def test_every_crossing_is_measured_and_units_are_those_of_the_definition():
    rows = pd.DataFrame(measure(JOB, {"x": Held(made_network(0, volumes=True))}))
    crossings = rows[rows["filter"].isin(FILTERS)]
    assert len(crossings) == len(FILTERS) * len(METHODS) * 2 * 2 * 2 * len(SUMMARIES)
    assert not crossings.duplicated(
        ["filter", "normalize", "size", "pooled", "degree", "summary"]
    ).any()
    assert np.isfinite(np.stack(rows["values"].to_list())).all()
    pick = crossings[
        (crossings["filter"] == "rips") & (crossings["size"] == 1) & crossings["pooled"]
    ]
    pick = pick[pick["degree"] == 0].set_index(["normalize", "summary"])["values"]
    raw, scaled = np.array(pick["none", "sum"]), np.array(pick["mean_distance", "sum"])
    assert depth_trends([raw]) == 1.0  # every layer is twice as large
    assert scaled == pytest.approx(np.full(4, scaled.mean()), rel=0.15)
    assert pick["none", "entropy"] == pick["max_distance", "entropy"]
    unit = raw / scaled
    landscape = np.array(pick["none", "landscape"]) / np.array(pick["mean_distance", "landscape"])
    assert landscape == pytest.approx(unit**1.5)


def test_a_layer_that_sends_everything_to_one_point_is_measured():
    acts = made_network(0)
    layers = {name: acts[name] for name in acts.layers}
    layers["dead"] = np.zeros((120, 24), dtype=np.float32)
    held = Held(from_arrays(layers, labels=acts.labels, name="dead"))
    rows = pd.DataFrame(measure(JOB, {"x": held}))
    assert np.isfinite(np.stack(rows["values"].to_list())).all()


def test_what_was_handed_in_decides_which_claims_are_left_out():
    plain = [Held(made_network(k)) for k in range(8)]
    for k, one in enumerate(plain):
        one.network = f"net {k}"
    assert design_for(FULL, plain).left_out == ("X2", "X7")
    assert design_for(FULL, plain).points == (20, 60)
    maps = [Held(made_network(k, volumes=True)) for k in range(8)]
    for k, one in enumerate(maps):
        one.network = f"net {k}"
    assert design_for(FULL, maps).left_out == ("X5", "X7")


def test_it_forecasts_and_runs_on_runs_of_the_reader(tmp_path):
    paths = [save_arrays(made_network(k), tmp_path / f"run{k}") for k in range(8)]
    small = replace(QUICK, points=(10, 12), images=(2, 3), clouds=2)
    few = tuple(replace(one, choices=()) for one in CLAIMS)
    study = replace(STUDY, quick=small, claims=few)
    given = Given(tuple(paths))
    assert forecast_of(study, given, quick=True, jobs=1).seconds > 0
    found = run_definition(study, given, quick=True, out=tmp_path / "study", jobs=0)
    assert not found.failures
    assert [one.claim.id for one in found.verdicts] == ["X0", "X1", "X4", "X5", "X6", "X8", "X9"]
    told = untested_texts(found)
    assert [one.split(" not tested")[0] for one in told] == ["X2", "X7"]
    assert "--pool volume" in told[0] and "SERIES" in told[1]


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    tiny = replace(QUICK, networks=(0, 8, 0, 0), depth=4, width=4, steps=(2, 2, 2, 2))
    tiny = replace(tiny, samples=160, points=(10, 12), images=(2, 3), clouds=2)
    tiny = replace(tiny, left_out=("X5",))
    few = tuple(replace(one, choices=one.choices[-1:]) for one in CLAIMS)
    study = replace(STUDY, quick=tiny, claims=few)
    found = run_definition(study, Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS if one.id != "X5"]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert found.figure.stacked and [one.kind for one in found.figure.panels] == [
        "dots",
        "marks",
        "points",
    ]
    again = load_study(tmp_path)
    assert again.figure.stacked and across(again.table) == across(found.table)
    text = study_text(again)
    assert text.startswith("Does topology simplify with depth? Of 1,120 analyses of the same 8")
    assert untested_texts(again)[0].startswith("X5 not tested: it needs 8 networks")
    assert untested_texts(again)[0] in text


def test_forecasts_are_those_of_quick_and_full_forms():
    """On two cores: trainings in one process, and half of the rest."""
    trained = [forecast(one) for one in (QUICK, FULL)]
    quick, full = (making + measuring / 2 for making, measuring in trained)
    assert quick < 180 < full < 3600
