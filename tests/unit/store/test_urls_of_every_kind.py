"""Comparisons, rankings, studies, zoos and populations behind URLs: as in a folder."""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.cli.inspecting import describe, progress_of, work_in
from toposcope.comparison.result import Comparison
from toposcope.errors import DesignWarning, UsageError
from toposcope.inputs.urls import place_text, url_of
from toposcope.store.objects import objects_in
from toposcope.store.remote import RemoteObjects
from toposcope.store.runs import open_run
from toposcope.store.verify import verify
from toposcope.studies.running import run_definition
from toposcope.studies.stored import load_study, study_folders
from toposcope.studies.study import Given

from ..studies.test_frame import TOY  # noqa: TID252 - no package

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
LABELS = np.arange(60) % 2
NETWORKS = {
    name: ts.from_arrays(
        {f"layer{k}": np.tanh(X @ RNG.normal(size=(5, 5)) * (k + 1)) for k in range(3)},
        labels=LABELS,
        name=name,
    )
    for name in "abcd"
}
DESIGN = {"points": 15, "replicates": 4, "null": "none", "seed": 0}
CKA = {"measures": ["cka"], "points": 15, "replicates": 4, "test": "none", "jobs": 0}
HERE = "py:tests.unit.analysis.models_of_a_zoo:"
MODELS = [{"name": name, "model": HERE + name, "layers": "2"} for name in ("narrow", "wide")]


@pytest.fixture(params=["memory", "s3", "file"])
def place(request, tmp_path):
    """An empty place behind a URL, and how many workers can reach it."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        return f"s3://bucket/{uuid.uuid4().hex}", 1
    if request.param == "file":
        return (tmp_path / "there").as_uri(), 0
    return f"memory://urls/{uuid.uuid4().hex}", 0


@pytest.fixture(params=["memory", "file"])
def nearby(request, tmp_path):
    """The same without a server, whose every request costs 20 ms."""
    if request.param == "file":
        return (tmp_path / "there").as_uri()
    return f"memory://urls/{uuid.uuid4().hex}"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing is to appear where the tests are."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("TRACES", str(tmp_path))
    yield
    assert not [one.name for one in Path().iterdir() if ":" in one.name]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The networks in folders, analyzed."""
    folder = tmp_path_factory.mktemp("local")
    return put_networks(folder, 0)


def put_networks(root, jobs, names="abcd"):
    for name in names:
        run = f"{place_text(root)}/{name}"
        ts.store.save_arrays(NETWORKS[name], run)
        ts.analyze(run, **DESIGN, jobs=jobs)
    return root


def puts(s3, url):
    prefix = url.removeprefix("s3://bucket/")
    return [key for method, key, _ in s3.requests(prefix) if method == "PUT"]


def asked(monkeypatch):
    """URLs of all objects that are put from now on."""
    made, kept = [], RemoteObjects._put

    def put(self, name, data, mode):
        made.append(self.where(name))
        return kept(self, name, data, mode)

    monkeypatch.setattr(RemoteObjects, "_put", put)
    return made


def test_a_comparison_is_that_of_a_folder(place, local, tmp_path, request):
    url, jobs = place
    for name in "ab":
        ts.store.save_arrays(NETWORKS[name], f"{url}/{name}")
    how = CKA if "s3:" in url else {**DESIGN, "test": "none"}  # an analysis has 300 requests
    how = {name: value for name, value in how.items() if name not in ("null", "jobs")}
    there = ts.compare(f"{url}/a", f"{url}/b", store=f"{url}/C", jobs=jobs, **how)
    here = ts.compare(local / "a", local / "b", store=tmp_path / "C", jobs=0, **how)
    pd.testing.assert_frame_equal(there.layers, here.layers)
    left, right = verify(f"{url}/C"), verify(tmp_path / "C")
    assert left.problems == left.notes == () and left.digest == right.digest
    assert left.parts == 6
    again = Comparison.load(f"{url}/C")
    pd.testing.assert_frame_equal(again.layers, there.layers)
    page = ts.report(f"{url}/C", to="page.html").read_text()
    assert "file:" in url or f"{url}/a" in page
    assert [one["state"] for one in work_in(Path(f"{url}/C"))] == ["finished"]
    if "s3:" in url:
        made = puts(request.getfixturevalue("s3"), f"{url}/C")
        tasks = sum(key.endswith(".task") for key in made)
        # What a comparison is made of once: plan, diagrams of both networks and their draws,
        # tables, spec, seal, status, lease.
        assert tasks == 6 and len(made) - tasks <= 16, made


def test_puts_of_a_comparison_grow_with_its_tasks_alone(monkeypatch):
    made, beside = asked(monkeypatch), []
    for layers in (2, 8):
        made.clear()
        pair = [
            ts.analyze(
                ts.from_arrays({f"l{k}": X @ RNG.normal(size=(5, 2)) for k in range(layers)}),
                points=15,
                replicates=2,
                null="none",
                jobs=0,
            )
            for _ in "ab"
        ]
        url = f"memory://urls/{uuid.uuid4().hex}"
        ts.compare(*pair, measures=["wasserstein"], store=url, test="none", jobs=0)
        ticks = [name for name in made if name.endswith(".task")]
        assert len(ticks) == 2 * layers
        beside.append(len(made) - len(ticks))
    assert beside[0] == beside[1] <= 16


DRIVER = """
import sys, time
import toposcope as ts
from toposcope.store.ledger import Ledger
kept, done = Ledger.publish, []
def publish(self, *args):
    kept(self, *args)
    done.append(1)
    if len(done) == 2:
        print("two", flush=True)
        time.sleep(60)
Ledger.publish = publish
runs = [f"{sys.argv[1]}/{name}" for name in "ab"]
how = {"measures": ["cka"], "points": 15, "replicates": 4, "test": "none", "jobs": 0}
ts.compare(*runs, store=f"{sys.argv[1]}/C", **how)
"""


def test_a_comparison_that_was_killed_goes_on(s3, local, tmp_path):
    url = f"s3://bucket/{uuid.uuid4().hex}"
    for name in "ab":
        ts.store.save_arrays(NETWORKS[name], f"{url}/{name}")
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, url], stdout=subprocess.PIPE, text=True
    )
    with driver:
        assert driver.stdout.readline() == "two\n"
        driver.kill()
        driver.wait(timeout=30)
    ts.compare(f"{url}/a", f"{url}/b", store=f"{url}/C", **CKA)
    made = [key for key in puts(s3, f"{url}/C") if key.endswith(".task")]
    assert len(made) == len(set(made)) == 6
    ts.compare(local / "a", local / "b", store=tmp_path / "C", **CKA)
    assert verify(f"{url}/C").digest == verify(tmp_path / "C").digest


def test_a_population_and_its_groups(nearby, local, tmp_path):
    url = nearby
    put_networks(url, 0)
    table = b"run,width\na,1\nb,1\nc,2\nd,2\n"
    objects_in(url).put("population.csv", table)
    (tmp_path / "P").mkdir()
    for name in "abcd":
        (tmp_path / "P" / name).symlink_to(local / name)
    (tmp_path / "P" / "population.csv").write_bytes(table)
    there, here = ts.population(url), ts.population(tmp_path / "P")
    assert there.names == here.names
    assert [one["run"] for one in describe(url)["networks"]] == list("abcd")
    assert len(progress_of(url)["runs"]) == 4
    with pytest.warns(DesignWarning):  # of four networks
        groups = [
            ts.compare(one, by="width", store=store)
            for one, store in ((there, f"{url}-groups"), (here, tmp_path / "G"))
        ]
    pd.testing.assert_frame_equal(groups[0].layers, groups[1].layers)
    assert verify(f"{url}-groups").problems == ()
    for one in (url, f"{url}-groups"):
        assert ts.report(one, to="page.html").stat().st_size > 10_000


def test_a_study(place, tmp_path):
    url, _ = place
    there = run_definition(TOY, Given(), quick=True, out=f"{url}/toy", jobs=0)
    here = run_definition(TOY, Given(), quick=True, out=tmp_path / "toy", jobs=0)
    assert there.table.equals(here.table)
    assert verify(f"{url}/toy").digest == verify(tmp_path / "toy").digest
    assert load_study(f"{url}/toy").verdicts == here.verdicts
    for one in (f"{url}/toy", url):  # a study, and all studies below a place
        assert [place_text(k).rpartition("/")[2] for k in study_folders(one)] == ["toy"]
        assert ts.report(one, to="page.html").stat().st_size > 10_000


def test_the_validity_study_lies_in_its_run(nearby):
    url, jobs = nearby, 0
    acts = ts.from_arrays({"layer": RNG.normal(size=(280, 3))})
    ts.store.save_arrays(acts, f"{url}/run")
    how = {"points": 70, "replicates": 4}
    found = ts.studies.run("validity", f"{url}/run", checks="metric", jobs=jobs, **how)
    assert found.failures == [] and verify(f"{url}/run").problems == ()
    if not url.startswith("file:"):
        assert url_of(found.folder).startswith(f"{url}/run/studies/validity/")


def test_a_ranking(nearby, tmp_path, monkeypatch):
    made, url, jobs = asked(monkeypatch), nearby, 0
    how = {"scores": ["knn", "parameters"], "points": 20, "replicates": 3}
    there = ts.rank(MODELS, "sklearn:digits", store=f"{url}/R", jobs=jobs, **how)
    here = ts.rank(MODELS, "sklearn:digits", store=tmp_path / "R", jobs=0, **how)
    columns = ["model", "score", "value"]
    pd.testing.assert_frame_equal(there[columns], here[columns])
    assert there.loc[there.score == "knn", "seconds"].notna().all()
    left, right = verify(f"{url}/R"), verify(tmp_path / "R")
    assert left.problems == () and left.parts == right.parts == 6
    assert ts.report(f"{url}/R", to="page.html").stat().st_size > 10_000
    if "memory:" in url:
        own = [key for key in made if "/candidates/" not in key]
        tasks = sum(key.endswith(".task") for key in own)
        assert tasks == 6 and len(own) - tasks <= 12, own


def test_a_zoo(nearby, tmp_path):
    url, jobs = nearby, 0
    how = {"n": 60, "analysis": {"points": 15, "replicates": 3, "null": "none"}}
    models = [{**one, "covariates": {"width": k}} for k, one in enumerate(MODELS)]
    there = ts.zoo(models, "sklearn:digits", store=f"{url}/Z", jobs=jobs, **how)
    here = ts.zoo(models, "sklearn:digits", store=tmp_path / "Z", jobs=0, **how)
    assert [one.state for one in there.networks] == ["done", "done"]
    for one in there.networks:
        assert verify(f"{url}/Z/{one.run}").digest == verify(tmp_path / "Z" / one.run).digest
    left, right = there.population(), here.population()
    pd.testing.assert_frame_equal(left.covariates, right.covariates)
    again = ts.zoo(models, "sklearn:digits", store=f"{url}/Z", jobs=jobs, **how)
    assert again.networks == there.networks
    assert len(progress_of(f"{url}/Z")["runs"]) == 2


def test_exports_read_a_url(nearby):
    url, jobs = nearby, 0
    put_networks(url, jobs, "a")
    with np.load(ts.export(f"{url}/a", to="npz", out="a.npz")) as read:
        np.testing.assert_array_equal(read["layer:layer0"], open_run(f"{url}/a")["layer0"])
    with pytest.raises(UsageError, match="is a URL"):
        ts.export(f"{url}/a", to="npz", out="s3://bucket/a.npz")


def test_commands_take_urls(s3):
    url = f"s3://bucket/{uuid.uuid4().hex}"
    for name in "ab":
        ts.store.save_arrays(NETWORKS[name], f"{url}/{name}")

    def run(*words):
        done = CliRunner().invoke(main, list(words))
        assert done.exit_code == 0, done.output
        return done.stdout

    how = ("--measures", "cka", "--points", "15", "--replicates", "4", "--test", "none")
    said = run("compare", f"{url}/a", f"{url}/b", "-o", f"{url}/C", *how, "--jobs", "1")
    assert f"kept in {url}/C" in said
    assert "page.html" in run("report", f"{url}/C", "-o", "page.html")
    digest = run("verify", f"{url}/C", "--digest").strip()
    assert digest == verify(f"{url}/C").digest
    assert json.loads(run("status", f"{url}/C", "--json"))["work"][0]["done"] == 6


def test_the_claim_of_a_user_is_kept_in_a_folder(local):
    claim = Path("claim.toml")
    claim.write_text("")
    with pytest.raises(UsageError, match=r"-o \(out=\).*s3://bucket/C is a URL.*folder"):
        ts.studies.run(str(claim), local / "a", out="s3://bucket/C")
