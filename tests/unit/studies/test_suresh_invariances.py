"""suresh-invariances: worlds of its claims, and the whole path on tiny networks and own RUNs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.materials_digit_inputs import IMAGES, images_of, strokes
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.suresh_curves import apart, shape, within_over_between
from toposcope.studies.suresh_invariances import CLAIMS, QUICK, STUDY


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    name = f"studies_suresh_invariances.suresh-invariances.{claim}"
    assert rate(worlds[f"{name}.true"], 5).rate >= 0.6
    assert rate(worlds[f"{name}.null"], 5).rate <= 0.2


def test_a_curve_has_length_1_and_does_not_depend_on_the_number_of_layers():
    few, many = shape(np.array([4.0, 2.0, 0.0])), shape(np.linspace(8.0, 0.0, 9))
    assert few == pytest.approx(many) and (few**2).sum() == pytest.approx(1.0)


def test_a_ratio_of_distances_is_that_of_the_means():
    rng = np.random.default_rng(0)
    curves, moved = rng.normal(size=(2, 9, 1, 4))
    kinds = np.repeat([0, 1, 2], 3)
    between, cross = apart(curves, curves), kinds[:, None] != kinds[None]
    own = apart(curves, moved)
    assert np.diag(own) == pytest.approx(np.linalg.norm(curves - moved, axis=2)[:, 0])
    values = within_over_between(own, between, cross)
    whole = np.diag(own).mean() / between[cross].mean()
    # The mean of pseudo-values is the ratio less its bias, which is of the order of 1 / n.
    assert values.mean() == pytest.approx(whole, rel=0.1)


def test_glyphs_are_alike_inside_a_class_and_of_one_seed():
    images, labels = strokes(60, 3)
    again, _ = strokes(60, 3)
    assert images.shape == (60, 8, 8) and images.dtype == np.uint8 and (images == again).all()
    flat = images.reshape(60, -1).astype(float)
    D = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    same = labels[:, None] == labels[None]
    assert D[same & (D > 0)].mean() < 0.6 * D[~same].mean()


def test_every_kind_of_images_has_ten_classes_of_one_size():
    for kind in IMAGES:
        images, labels = images_of(kind, 30)
        assert images.shape == (30, 8, 8)
        assert np.bincount(labels, minlength=10).tolist() == [3] * 10


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    design = replace(
        QUICK,
        networks=4,
        architectures=(("cnn", "relu"), ("resnet", "relu")),
        depths=(4,),
        width=4,
        steps=2,
        images=10,
        few=3,
        draws=2,
        permutations=2,
        resolutions=(12,),
        data=("shifted", "thinned", "strokes"),
    )
    found = run_definition(replace(STUDY, quick=design), Given(), quick=True, out=tmp_path, jobs=0)
    assert [one.claim.id for one in found.verdicts] == ["C4", "C5", "C6", "C3-curve"]
    assert not found.failures and all(one.n == 8 for one in found.verdicts)
    assert set(found.untested) == {"C7"} and len(found.figure.panels) == 4


def population(tmp_path, *, kinds=4, columns=(), shape=(6, 4, 4), others=()):
    """RUNs of eight networks and their table; `others` are further resolutions."""
    rng = np.random.default_rng(0)
    rows = []
    for network in range(8):
        for resolution in ("32", *others):
            name = f"net{network}-{resolution}"
            layers = {f"b{k}": np.maximum(rng.normal(size=(12, *shape)), 0) for k in range(4)}
            save_arrays(from_arrays(layers), tmp_path / name)
            rows.append(
                {
                    "run": name,
                    "network": f"net{network}",
                    "architecture": f"kind{network % kinds}",
                    "resolution": resolution,
                }
            )
    table = pd.DataFrame(rows)
    table[["run", *columns]].to_csv(tmp_path / "population.csv", index=False)
    return Given((tmp_path,))


def test_own_runs_decide_what_they_can_and_say_what_to_bring(tmp_path):
    given = population(tmp_path / "own", columns=("network", "architecture"))
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert {one.claim.id for one in found.verdicts} == {"C4", "C3-curve"}
    assert set(found.untested) == {"C5", "C6", "C7"} and "resolution" in found.untested["C5"]


def test_resolutions_of_own_runs_are_told_by_a_column(tmp_path):
    columns = ("network", "architecture", "resolution")
    given = population(tmp_path / "own", columns=columns, others=("64",))
    found = run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)
    assert found.verdict("C5").n == 8 and set(found.untested) == {"C6", "C7"}


@pytest.mark.parametrize(
    ("made", "needed"),
    [
        ({"kinds": 1, "columns": ("architecture",)}, "of one architecture.*column architecture"),
        ({"shape": (6, 1, 1)}, r"0 layers with feature maps.*--pool volume"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, made, needed):
    given = population(tmp_path / "own", **made)
    with pytest.raises(UsageError, match=needed):
        run_definition(STUDY, given, quick=True, out=tmp_path / "out", jobs=0)


def test_too_few_networks_under_the_first_view_are_refused(tmp_path):
    own = tmp_path / "own"
    population(own, columns=("network", "architecture", "resolution"), others=("64",))
    head, *rows = (own / "population.csv").read_text().splitlines()
    kept = [row for k, row in enumerate(rows) if k != 2]  # a network without the first view
    (own / "population.csv").write_text("\n".join([head, *kept]))
    with pytest.raises(TooFewSamplesError, match=r"7 networks.*first resolution"):
        run_definition(STUDY, Given((own,)), quick=True, out=tmp_path / "o", jobs=0)


def test_a_depth_that_is_no_number_is_refused(tmp_path):
    own = tmp_path / "own"
    population(own, columns=("architecture",))
    head, *rows = (own / "population.csv").read_text().splitlines()
    (own / "population.csv").write_text("\n".join([f"{head},depth", *(f"{r},x" for r in rows)]))
    with pytest.raises(UsageError, match="needed is a number of layers"):
        run_definition(STUDY, Given((own,)), quick=True, out=tmp_path / "o", jobs=0)
