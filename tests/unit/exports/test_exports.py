"""A RUN goes into every format and comes back through the format's own library."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.errors import UsageError
from toposcope.exports import FORMATS
from toposcope.store import save_arrays

RNG = np.random.default_rng(0)
LAYERS = {
    "stem": RNG.normal(size=(40, 3, 4, 5)).astype(np.float32),
    "blocks/0": RNG.normal(size=(40, 6)).astype(np.float16),
    "sample_id": RNG.normal(size=(40, 2)).astype(np.float32),
}
LABELS = np.where(np.arange(40) % 4 == 3, -1, np.arange(40) % 3)
IDS = [f"pic {i:02d}" for i in range(40)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("exports") / "run"
    acts = ts.from_arrays(
        LAYERS, labels=LABELS, sample_ids=IDS, class_names=("cat", "dog", "newt"), name="net"
    )
    save_arrays(acts, place)
    ts.analyze(place, points=10, replicates=3, null="gaussian", jobs=0)
    return place


@pytest.fixture(scope="module")
def analysis(run):
    return ts.load_analysis(run)


def names():
    return [["cat", "dog", "newt", ""][label] for label in LABELS]


def same_diagrams(columns, analysis):
    """Columns of a table of pairs are the diagrams of an analysis, in their order."""
    flat = np.concatenate(analysis.diagrams.pairs_list)
    assert np.array_equal(np.asarray(columns["birth"], float), flat[:, 0])
    assert np.array_equal(np.asarray(columns["death"], float), flat[:, 1])
    layers = [k.layer for k, pairs in analysis.diagrams for _ in pairs]
    assert list(map(str, columns["layer"])) == layers


def test_csv_holds_the_tables(run, analysis, tmp_path):
    import pandas as pd

    out = ts.export(run, to="csv", out=tmp_path / "csv")
    read = {
        p.stem: pd.read_csv(p, keep_default_na=False, na_values=[""]) for p in out.glob("*.csv")
    }
    assert set(read) == {"samples", "table", "intervals", "diagrams"}
    assert read["samples"]["sample_id"].tolist() == IDS
    assert np.allclose(read["table"]["value"], analysis.table["value"], equal_nan=True)
    assert len(read["intervals"]) == len(analysis.intervals)
    same_diagrams(read["diagrams"], analysis)
    assert json.loads((out / "attrs.json").read_text())["name"] == "net"


def test_npz_gives_back_every_bit(run, analysis, tmp_path):
    out = ts.export(run, to="npz", out=tmp_path / "run.npz")
    with np.load(out, allow_pickle=False) as read:
        for name, values in LAYERS.items():
            assert read[f"layer:{name}"].dtype == values.dtype
            assert np.array_equal(read[f"layer:{name}"], values)
        assert read["sample_id"].tolist() == IDS and read["label"].tolist() == LABELS.tolist()
        assert read["class_name"].tolist() == names()
        same_diagrams({k: read[f"diagrams:{k}"] for k in ("birth", "death", "layer")}, analysis)
        assert json.loads(str(read["attrs"]))["analysis"]["points"] == 10


def test_zarr_is_opened_by_zarr(run, analysis, tmp_path):
    zarr = pytest.importorskip("zarr", reason="needs toposcope[zarr]")
    root = zarr.open_group(str(ts.export(run, to="zarr", out=tmp_path / "run.zarr")), mode="r")
    found = {array.attrs["layer"]: array for _, array in root["layers"].arrays()}
    assert set(found) == set(LAYERS)
    for name, values in LAYERS.items():
        assert found[name].dtype == values.dtype and np.array_equal(found[name][:], values)
    assert found["stem"].metadata.dimension_names == ("sample", "axis_1", "axis_2", "axis_3")
    assert list(root["samples"]["sample_id"][:]) == IDS
    assert root["samples"]["label"][:].tolist() == LABELS.tolist()
    same_diagrams({k: root["diagrams"][k][:] for k in ("birth", "death", "layer")}, analysis)
    assert root.attrs["layers"] == list(LAYERS)


@pytest.mark.parametrize("name", ["run.h5ad", "run.zarr"])
def test_anndata_is_opened_by_anndata(run, analysis, tmp_path, name):
    anndata = pytest.importorskip("anndata", reason="needs toposcope[anndata], an extra of its own")
    out = ts.export(run, to="anndata", out=tmp_path / name)
    read = (anndata.read_zarr if name.endswith(".zarr") else anndata.read_h5ad)(out)
    assert read.obs_names.tolist() == IDS and read.obs["label"].tolist() == LABELS.tolist()
    assert read.obs["class_name"].astype(str).tolist() == names()
    keys = dict(zip(read.uns["layers"]["layer"], read.uns["layers"]["obsm"], strict=True))
    for layer, values in LAYERS.items():
        assert np.array_equal(read.obsm[keys[layer]], values.reshape(40, -1))
    assert np.array_equal(read.X, LAYERS["sample_id"])
    same_diagrams(read.uns["diagrams"], analysis)
    assert len(read.uns["intervals"]) == len(analysis.intervals)
    assert json.loads(str(read.uns["toposcope"]))["analysis"]["replicates"] == 3


def test_a_dataset_is_opened_by_datasets(run, tmp_path):
    datasets = pytest.importorskip("datasets", reason="needs toposcope[hf]")
    read = datasets.load_from_disk(str(ts.export(run, to="hf-dataset", out=tmp_path / "hf")))
    assert read["sample_id"][:] == IDS and read["label"][:] == LABELS.tolist()
    for layer, values in LAYERS.items():
        column = f"layer:{layer}"
        assert np.array_equal(np.array(read[column][:], values.dtype), values.reshape(40, -1))
    assert read.features["layer:blocks/0"].feature.dtype == "float16"
    assert json.loads(read.info.description)["layers"] == list(LAYERS)


def test_embedding_atlas_gets_its_columns(run, tmp_path):
    import pyarrow.parquet as pq

    out = ts.export(run, to="embedding-atlas", out=tmp_path / "a.parquet", layer="stem")
    read = pq.read_table(out)
    cloud = LAYERS["stem"].reshape(40, -1).astype(float)
    plane = np.column_stack([read["projection_x"], read["projection_y"]])
    axes = np.linalg.svd(cloud - cloud.mean(0), full_matrices=False)[2][:2]
    assert np.allclose(np.abs(plane), np.abs((cloud - cloud.mean(0)) @ axes.T))
    assert np.array_equal(plane, np.column_stack([read["x:stem"], read["y:stem"]]))
    other = np.column_stack([read["x:sample_id"], read["y:sample_id"]])
    flat = LAYERS["sample_id"].astype(float)
    assert np.allclose(np.linalg.norm(other, axis=1), np.linalg.norm(flat - flat.mean(0), axis=1))
    near = read["neighbors"].to_pylist()
    D = np.linalg.norm(cloud[:, None] - cloud, axis=2)
    for i, one in enumerate(near):
        assert i not in one["ids"] and len(one["ids"]) == 15
        assert np.allclose(one["distances"], np.sort(D[i])[1:16])
        assert np.allclose(D[i][one["ids"]], one["distances"])
    told = json.loads(read.schema.metadata[b"toposcope"])
    assert told["layer"] == "stem" and told["variance"]["sample_id"] == 1.0
    whole = ((cloud - cloud.mean(0)) ** 2).sum()
    assert np.isclose(told["variance"]["stem"], (plane**2).sum() / whole, atol=1e-6)


def test_the_command_writes_each_format(run, tmp_path):
    for to, name in (("npz", "a.npz"), ("csv", "csv"), ("embedding-atlas", "a.parquet")):
        out = tmp_path / name
        done = CliRunner().invoke(main, ["export", str(run), "--to", to, "-o", str(out), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout) == {"run": str(run), "to": to, "out": str(out)}
        assert out.exists()
    done = CliRunner().invoke(
        main, ["export", str(run), "--to", "npz", "-o", str(tmp_path / "a.npz")]
    )
    assert done.exit_code == 2 and "exists already" in done.stderr


def test_the_command_says_what_opens_it(run, tmp_path):
    out = tmp_path / "a.parquet"
    done = CliRunner().invoke(main, ["export", str(run), "--to", "embedding-atlas", "-o", str(out)])
    assert f"embedding-atlas '{out}' --x projection_x --y projection_y" in done.stdout
    done = CliRunner().invoke(main, ["export", str(run), "--to", "virtual-zarr", "-o", str(out)])
    assert done.exit_code == 2 and "--to zarr" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"to": "xlsx"}, r"export\(\).*csv"),
        ({"to": "virtual-zarr"}, "no release of VirtualiZarr"),
        ({"to": "zarr", "layer": "stem"}, "belongs to to='embedding-atlas'"),
        ({"to": "embedding-atlas", "layer": "stm", "out": "a.parquet"}, "Near matches: stem"),
        ({"to": "embedding-atlas", "out": "a.csv"}, r"Pass out='.*a\.csv\.parquet'"),
        ({"to": "npz"}, r"Pass out='.*x\.npz'"),
        ({"to": "anndata"}, r"\.h5ad or \.zarr"),
        ({"to": "zarr", "out": ""}, "out="),
    ],
)
def test_what_cannot_be_is_refused(run, tmp_path, options, says):
    out = options.pop("out", "x")
    with pytest.raises(UsageError, match=says):
        ts.export(run, out=tmp_path / out if out else out, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "folder", "link", "link to nowhere"])
def test_what_is_there_is_left_alone(run, tmp_path, what):
    out, other = tmp_path / "x.npz", tmp_path / "other"
    if what == "file":
        out.write_text("mine")
    elif what == "folder":
        out.mkdir()
        (out / "mine").touch()
    else:
        if what == "link":
            other.write_text("mine")
        out.symlink_to(other)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="exists already"):
        ts.export(run, to="npz", out=out)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("to", ["npz", "zarr"])
def test_an_export_that_is_broken_off_leaves_nothing(run, tmp_path, to, monkeypatch):
    from toposcope.exports.held import Held

    def broken(self, layer):
        yield next(blocks(self, layer))
        raise KeyboardInterrupt

    blocks = Held.blocks
    monkeypatch.setattr(Held, "blocks", broken)
    with pytest.raises(KeyboardInterrupt):
        ts.export(run, to=to, out=tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["npz", "zarr"])
def test_what_came_there_meanwhile_is_left_alone(run, tmp_path, to, monkeypatch):
    """Another process writes to the same place while the export is made."""
    from toposcope.exports.held import Held

    out = tmp_path / "x.npz"

    def slow(self, layer):
        out.mkdir(exist_ok=True)
        (out / "theirs").touch()
        yield from blocks(self, layer)

    blocks = Held.blocks
    monkeypatch.setattr(Held, "blocks", slow)
    with pytest.raises(UsageError, match="exists already"):
        ts.export(run, to=to, out=out)
    assert [path.name for path in tmp_path.rglob("*")] == ["x.npz", "theirs"]


def test_nothing_is_written_into_a_run(run):
    with pytest.raises(UsageError, match=r"lies in .* a RUN"):
        ts.export(run, to="zarr", out=run / "results" / "export")


def test_an_empty_folder_may_become_the_export(run, tmp_path):
    (tmp_path / "csv").mkdir()
    assert len(list(ts.export(run, to="csv", out=tmp_path / "csv").iterdir())) == 5


def test_layers_that_are_written_some_rows_at_a_time_come_back_whole(run, tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr", reason="needs toposcope[zarr]")
    monkeypatch.setattr("toposcope.exports.held.BLOCK_BYTES", 1500)  # 6 samples of the stem
    with np.load(ts.export(run, to="npz", out=tmp_path / "run.npz")) as read:
        for name, values in LAYERS.items():
            assert np.array_equal(read[f"layer:{name}"], values)
    root = zarr.open_group(str(ts.export(run, to="zarr", out=tmp_path / "run.zarr")), mode="r")
    assert root["layers"]["stem"].chunks == (6, 3, 4, 5)
    assert np.array_equal(root["layers"]["stem"][:], LAYERS["stem"])


def test_texts_that_spreadsheets_would_run_are_defused(tmp_path):
    import pandas as pd

    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "fine", "", ","]
    acts = ts.from_arrays(
        {"=cmd()": RNG.normal(size=(8, 3))},
        sample_ids=hostile,
        labels=np.arange(8) % 2,
        class_names=["=x", "y"],
    )
    found = ts.analyze(acts, points=4, replicates=2, null="none", jobs=0)
    out = ts.export(found, to="csv", out=tmp_path / "csv")
    read = pd.read_csv(out / "samples.csv", keep_default_na=False, dtype=str)
    assert read["sample_id"].tolist() == [*(f"'{one}" for one in hostile[:5]), *hostile[5:]]
    assert set(read["class_name"]) == {"'=x", "y"}
    for file in out.glob("*.csv"):
        table = pd.read_csv(file, keep_default_na=False, dtype=str)
        for name in table.columns:
            numeric = pd.to_numeric(table[name], errors="coerce")
            texts = table[name][numeric.isna()]
            assert not texts.str.match(r"[=+\-@\t\r]").any(), (file, name)


def test_what_is_in_memory_is_exported_too(analysis, tmp_path):
    acts = ts.from_arrays(LAYERS, labels=LABELS, sample_ids=IDS)
    with np.load(ts.export(acts, to="npz", out=tmp_path / "a.npz")) as read:
        assert np.array_equal(read["layer:stem"], LAYERS["stem"])
    with np.load(ts.export(analysis, to="npz", out=tmp_path / "b.npz")) as read:
        assert len(read["diagrams:birth"]) == sum(len(pairs) for _, pairs in analysis.diagrams)
    with pytest.raises(UsageError, match="needed is the path of a RUN"):
        ts.export(LAYERS["stem"], to="npz", out=tmp_path / "c.npz")
    with pytest.raises(UsageError, match="names an analysis of a RUN"):
        ts.export(acts, to="npz", out=tmp_path / "c.npz", analysis="0")
    with pytest.raises(UsageError, match=r"ts\.analyze\(\) first"):
        ts.export(acts, to="csv", out=tmp_path / "csv")


def test_the_analysis_is_chosen_by_its_name(run, tmp_path):
    first = ts.load_analysis(run).attrs["analysis"]
    out = ts.export(run, to="csv", out=tmp_path / "csv", analysis=first)
    assert json.loads((out / "attrs.json").read_text())["analysis"]["analysis"] == first
    with pytest.raises(ts.errors.StoreError, match="no finished analysis 'other'"):
        ts.export(run, to="csv", out=tmp_path / "csv2", analysis="other")


def test_pictures_texts_and_predictions_go_along(tmp_path):
    import io

    import pyarrow.parquet as pq
    from PIL import Image

    pictures = RNG.integers(0, 256, size=(6, 4, 4, 3)).astype(np.uint8)
    arrays = {
        "layer": RNG.normal(size=(6, 3)),
        "@thumbnail": pictures,
        "@prediction": np.arange(6)[:, None],
        "@mask": np.ones((6, 2), np.uint8),
    }
    acts = ts.from_arrays(arrays)
    table = pq.read_table(ts.export(acts, to="embedding-atlas", out=tmp_path / "a.parquet"))
    images = [
        np.asarray(Image.open(io.BytesIO(one["bytes"]))) for one in table["image"].to_pylist()
    ]
    assert np.array_equal(images, pictures)
    assert table["prediction"].to_pylist() == list(range(6))
    datasets = pytest.importorskip("datasets", reason="needs toposcope[hf]")
    read = datasets.load_from_disk(str(ts.export(acts, to="hf-dataset", out=tmp_path / "hf")))
    assert np.array_equal(read[0]["image"], pictures[0])
    with np.load(ts.export(acts, to="npz", out=tmp_path / "a.npz")) as npz:
        assert np.array_equal(npz["layer:@mask"], arrays["@mask"])
        assert np.array_equal(npz["layer:@thumbnail"], pictures)


def test_what_has_no_place_in_a_plane_is_told(tmp_path):
    acts = ts.from_arrays({"bad": [[0.0, np.nan], [1.0, 2.0], [3.0, 4.0]]})
    with pytest.raises(UsageError, match="1 samples of layer 'bad' hold NaN"):
        ts.export(acts, to="embedding-atlas", out=tmp_path / "a.parquet")


def test_a_run_without_an_analysis_is_exported_without_numbers(tmp_path):
    save_arrays(ts.from_arrays({"l": np.eye(5)}), tmp_path / "run")
    with pytest.raises(UsageError, match=r"toposcope analyze .*to='npz'"):
        ts.export(tmp_path / "run", to="csv", out=tmp_path / "csv")
    with np.load(ts.export(tmp_path / "run", to="npz", out=tmp_path / "x.npz")) as read:
        assert not [name for name in read if name.startswith("diagrams")]
    with pytest.raises(ts.errors.StoreError, match="is not a RUN"):
        ts.export(tmp_path, to="npz", out=tmp_path / "y.npz")


@pytest.mark.parametrize(
    ("to", "package", "name"),
    [
        ("zarr", "zarr", "x"),
        ("anndata", "anndata", "x.h5ad"),
        ("hf-dataset", "datasets", "x"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    run, tmp_path, monkeypatch, to, package, name
):
    monkeypatch.setitem(sys.modules, package, None)
    extra = r"pip install 'toposcope\[(zarr|anndata|hf)\]'"
    with pytest.raises(ts.errors.MissingExtraError, match=extra):
        ts.export(run, to=to, out=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_every_format_is_on_the_command_line():
    from toposcope.cli.exporting import FORMATS as offered

    assert set(offered) == {*FORMATS, "virtual-zarr"}
