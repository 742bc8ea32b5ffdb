"""Populations: read from folders and memory, refused where networks cannot be compared."""

import numpy as np
import pandas as pd
import pytest

import toposcope as ts
from toposcope.errors import UsageError
from toposcope.store import save_arrays

X = np.random.default_rng(0).normal(size=(60, 4))


def activations(seed, *, layers=2, data=X, ids=None, name=None):
    rng = np.random.default_rng(seed)
    turned = {f"l{k}": data @ rng.normal(size=(4, 4)) for k in range(layers)}
    return ts.from_arrays(turned, sample_ids=ids, name=name or f"net{seed}")


def analyzed(seed, *, points=20, draw_seed=0, **how):
    return ts.analyze(activations(seed, **how), points=points, replicates=3, jobs=0, seed=draw_seed)


@pytest.fixture(scope="module")
def four():
    return [analyzed(seed) for seed in range(4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("population")
    for seed in range(4):
        run = save_arrays(activations(seed), place / f"net{seed}")
        ts.analyze(run, points=20, replicates=3, jobs=0)
    return place


def write(folder, text):
    (folder / "population.csv").write_text(text, encoding="utf-8")


def test_a_folder_with_a_table_is_a_population(folder):
    write(
        folder,
        "run,activation,seed,width,accuracy\nnet0,relu,0,8,0.9\nnet1,relu,1,8,0.8\n"
        "net2,tanh,0,16,\n",
    )
    found = ts.population(folder, configuration=["activation", "width"])
    assert found.names == ("net0", "net1", "net2") and len(found) == 3
    assert found.configurations == [("relu", 8.0), ("relu", 8.0), ("tanh", 16.0)]
    assert found.notes == ("1 RUNs of the folder are not in population.csv: net3",)
    assert found.column("activation").tolist() == ["relu", "relu", "tanh"]
    np.testing.assert_array_equal(found.numbers("width"), [8, 8, 16])
    with pytest.raises(UsageError, match=r"1 of 3 networks have no 'accuracy' \(net2\)"):
        found.numbers("accuracy")
    with pytest.raises(UsageError, match=r"'activation' holds names"):
        found.numbers("activation")
    with pytest.raises(UsageError, match=r"no covariate 'activatoin'.*activation"):
        found.column("activatoin")
    assert len(found.where(found.covariates["activation"] == "relu")) == 2


def test_seeds_that_repeat_ask_for_their_configuration(folder):
    write(folder, "run,activation,seed\nnet0,relu,0\nnet1,relu,1\nnet2,tanh,0\nnet3,tanh,1\n")
    with pytest.raises(UsageError, match=r"--configuration activation"):
        ts.population(folder)
    assert ts.population(folder, configuration="activation").n_configurations == 2
    write(folder, "run,configuration,seed\nnet0,a,0\nnet1,a,1\nnet2,b,0\nnet3,b,1\n")
    assert ts.population(folder).configurations == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,seed\nnet0,1\n", "needed is a column 'run'"),
        ("run;seed\nnet0;1\nnet1;2\n", "separated by ';'"),
        ("run,seed\nnet0,1\nnet0,2\n", "names net0 twice"),
        ("run,seed,seed\nnet0,1,2\n", "'seed'"),
        ("run,seed\nnet0,1\nnet1\n", "rows of another length"),
        ("run,seed\nnet0,1\nnet9,2\n", "1 of 2 entries of 'run'.*net9"),
        ("run,seed\nnet0,1\nnet1,two\n", "holds numbers and 'two'"),
        ("run,seed\n", "has no rows"),
        ("", "needed is a column 'run'"),
        ("run,seed\nnet0,1\n", "got 1 network; a population has two or more"),
    ],
)
def test_tables_that_say_nothing_certain_are_refused(folder, text, told):
    write(folder, text)
    with pytest.raises(UsageError, match=told):
        ts.population(folder)


def test_words_of_other_tables_stay_words(folder):
    write(folder, "\ufeffrun,norm\nnet0,None\nnet1, NA \nnet2,batch\n")
    assert ts.population(folder).column("norm").tolist() == ["None", "NA", "batch"]


def test_a_folder_of_runs_without_a_table_takes_covariates_from_python(folder):
    (folder / "population.csv").unlink(missing_ok=True)
    table = pd.DataFrame({"width": [4, 3, 2, 1]}, index=["net3", "net2", "net1", "net0"])
    found = ts.population(folder, table)
    np.testing.assert_array_equal(found.numbers("width"), [1, 2, 3, 4])
    with pytest.raises(UsageError, match=r"3 rows for 4 networks, and none for net3"):
        ts.population(folder, table.loc[["net0", "net1", "net2"]])


def test_networks_in_memory_by_name_and_in_lists(four):
    named = ts.population({f"n{k}": one for k, one in enumerate(four)}, {"width": range(4)})
    assert named.names == ("n0", "n1", "n2", "n3")
    same = ts.population([four[0], four[0]])
    assert same.names == ("net0 (1)", "net0 (2)")
    with pytest.raises(UsageError, match=r"2 rows for 4 networks"):
        ts.population(four, {"width": [1, 2]})
    with pytest.raises(UsageError, match=r"a population has two or more"):
        ts.population(four[:1])
    with pytest.raises(UsageError, match=r"'network 1'|is a int"):
        ts.population([four[0], 3])


def test_values_are_by_network_and_draw(four):
    found = ts.population(four)
    values = found.values("l1", "lifespan_sum", 0)
    assert values.shape == (4, 3)
    rows = four[2].table.query("layer == 'l1' & statistic == 'lifespan_sum' & cloud == 'data'")
    rows = rows[rows["homology_dimension"] == 0]
    assert values[2].mean() == pytest.approx(rows["value"].mean())
    assert found.means("lifespan_sum", 0).loc["net2", "l1"] == pytest.approx(rows["value"].mean())
    assert np.isnan(found.values("l1", "no_such", 0)).all()
    long = found.table
    assert set(long.columns) >= {"network", "place", "depth", "statistic", "replicate", "value"}
    assert len(long) == 4 * 2 * 6 * 3
    with pytest.raises(UsageError, match=r"no layer 'l7'"):
        found.values("l7", "lifespan_sum", 0)


def test_networks_of_unequal_depth_meet_at_relative_depths(four):
    found = ts.population([*four, analyzed(9, layers=4)])
    assert [one.name for one in found.layers] == ["depth 0.50", "depth 1.00"]
    assert found.layers[0].layers == ("l0",) * 4 + ("l1",)
    assert not np.isnan(found.values(found.layers[0], "lifespan_sum", 0)).any()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"points": 15}, r"different points \(20 and 15\)"),
        ({"draw_seed": 5}, r"different seed \(0 and 5\)"),
        ({"ids": [f"x{k}" for k in range(60)]}, "60 samples and 'net7' 60, 0 of them the same"),
        ({"data": np.vstack([X, X[:3] + 1])}, "60 samples and 'net7' 63, 60 of them the same"),
    ],
)
def test_networks_that_cannot_be_compared_are_refused(four, other, told):
    with pytest.raises(UsageError, match=told):
        ts.population([*four, analyzed(7, **other)])


def test_the_newest_analysis_that_all_runs_have_is_taken(folder):
    (folder / "population.csv").unlink(missing_ok=True)
    ts.analyze(folder / "net1", points=15, replicates=3, jobs=0)
    assert ts.population(folder).design.points == 20
