"""swider-families: worlds in which a claim is true or not, and the whole path on tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.errors import UsageError
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.swider_families import CLAIMS, QUICK, STUDY, Variant, roughness
from toposcope.studies.swider_statistics import one_spectrum, shuffled_within, silhouettes


@pytest.mark.parametrize("claim", [one.id for one in CLAIMS])
def test_a_true_world_is_confirmed_and_its_null_is_not(claim):
    worlds = load()
    assert rate(worlds[f"studies_swider.swider-families.{claim}.true"], 8).rate >= 0.6
    assert rate(worlds[f"studies_swider.swider-families.{claim}.null"], 8).rate <= 0.2


def test_silhouettes_are_those_of_scikit_learn_where_all_depths_differ():
    from sklearn.metrics import silhouette_samples

    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3))
    D = np.linalg.norm(x[:, None] - x, axis=2)
    families = np.repeat([0, 1, 2], 4)
    expected = silhouette_samples(D, families, metric="precomputed")
    assert silhouettes(D, families, np.arange(12)) == pytest.approx(expected)
    many = np.stack([families, families[::-1]])
    both = silhouettes(D, many, np.arange(12))
    assert both[1] == pytest.approx(silhouettes(D, many[1], np.arange(12)))


def test_networks_of_one_depth_are_no_neighbors():
    x = np.array([0.0, 0.0, 5.0, 9.0, 9.0, 4.0])  # families agree at one depth only
    D = np.abs(x[:, None] - x)
    families, blocks = np.array([0, 0, 0, 1, 1, 1]), np.array([3, 3, 4, 3, 3, 4])
    assert silhouettes(D, families, blocks)[0] == pytest.approx((4 - 5) / 5)


def test_families_change_places_inside_depths_only():
    families, blocks = np.tile([0, 1, 2], 4), np.repeat([3, 4, 5, 6], 3)
    moved = shuffled_within(families, blocks, 50)
    assert all(sorted(row[blocks == 4]) == [0, 1, 2] for row in moved)
    assert len({tuple(row) for row in moved}) > 40


def test_one_spectrum_leaves_nothing_to_the_eigenvalues():
    rng = np.random.default_rng(0)
    some = one_spectrum(
        [rng.normal(size=(60, 4)) * scale for scale in ([1, 1, 1, 1], [9, 3, 1, 1])]
    )
    a, b = (np.linalg.svd(X - X.mean(axis=0), compute_uv=False) for X in some)
    assert a / a[0] == pytest.approx(b / b[0])


def tiny():
    return replace(
        QUICK,
        families=("cnn", "mlp"),
        steps=(2, 2),
        depths=(3, 4, 5, 6, 7),
        seeds=1,
        width=8,
        points=16,
        places=(0.0, 1.0),
    )


def test_tiny_networks_go_the_whole_path(tmp_path, monkeypatch):
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    found = run_definition(
        replace(STUDY, quick=tiny()), Given(), quick=True, out=tmp_path / "out", jobs=0
    )
    assert [one.claim.id for one in found.verdicts] == [one.id for one in CLAIMS]
    assert not found.failures and all(one.n == 10 for one in found.verdicts)
    assert len(found.figure.panels) == 3
    values, about = roughness(found.table, Variant(), stops=False)
    assert len(values) == 10 and sorted(about["blocks"].unique()) == [3, 4, 5, 6, 7]


def networks(folder, families, depths):
    rng = np.random.default_rng(0)
    lines = ["run,family,depth"]
    for k, (family, depth) in enumerate((f, d) for f in families for d in depths):
        layers = {f"layer{i}": rng.normal(size=(50, 3)) for i in range(depth)}
        save_arrays(from_arrays(layers), folder / f"net{k}")
        lines.append(f"net{k},{family},{depth}")
    (folder / "population.csv").write_text("\n".join(lines))
    return Given((folder,))


def test_a_population_says_its_families_and_one_family_decides_s6_alone(tmp_path):
    study = replace(STUDY, quick=tiny())
    two = networks(tmp_path / "two", "ab", (3, 4, 5, 6))
    found = run_definition(study, two, quick=True, out=tmp_path / "out", jobs=0)
    assert found.verdict("S5").n == 8 and set(found.untested) == {"S6", "S6-stops"}
    one = networks(tmp_path / "one", "a", (3, 4, 5, 6, 7, 8, 9, 10))
    found = run_definition(study, one, quick=True, out=tmp_path / "out1", jobs=0)
    assert found.verdict("S6").n == 8 and set(found.untested) == {"S5"}


def test_populations_that_decide_nothing_are_refused_with_what_to_bring(tmp_path):
    few = networks(tmp_path / "few", "abcdefgh", (3,))
    (tmp_path / "few" / "population.csv").write_text(
        "run,family,depth\n" + "\n".join(f"net{k},a,3" for k in range(8))
    )
    with pytest.raises(UsageError, match=r"1 families \(a\) at 1 depths.*population.csv"):
        run_definition(STUDY, few, quick=True, out=tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()
