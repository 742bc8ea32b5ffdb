"""The frame of studies on a toy one: refuse, forecast, measure, decide, keep, resume, show."""

import io
import json
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.errors import TooFewSamplesError, UsageError
from toposcope.execution.tasks import Task
from toposcope.reporting.entry import report
from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.studies import STUDIES, Claim, Definition, Needs, Rule, Unit
from toposcope.studies.catalog import catalog
from toposcope.studies.figures import Curve, Figure, Panel
from toposcope.studies.running import _body, forecast, run_definition
from toposcope.studies.stored import load_study
from toposcope.studies.study import Given
from toposcope.studies.verdicts import evidence_of_mean

GROWS = Claim(
    "G1",
    "a test",
    "The second layer is larger than the first.",
    Unit.NETWORK,
    "ratio of spreads minus 1",
    Rule(),
    "layers swapped",
    ("median",),
)


@dataclass(frozen=True)
class Design:
    networks: int = 10
    factor: float = 2.0


@dataclass(frozen=True)
class Made:
    network: str
    factor: float
    moment: int = 0
    covariates: dict = field(default_factory=dict)

    @property
    def identity(self):
        return f"{self.network} {self.factor}"

    def open(self):
        x = np.random.default_rng([ord(self.network[-1])]).normal(size=(40, 3))
        return from_arrays({"a": x, "b": self.factor * x[::-1]}, labels=np.arange(40) % 2)


@dataclass(frozen=True)
class Job:
    subject: str


MEASURED = []


def measure(job, subjects):
    MEASURED.append(job)
    acts = subjects[job.subject].open()
    return [
        {"network": subjects[job.subject].network, "layer": layer, "spread": float(f(acts[layer]))}
        for layer in acts.layers
        for f in (np.std,)
    ]


def evidence(claim, table, design, choice):
    if choice:
        return None
    spread = table.pivot_table(index="network", columns="layer", values="spread")
    ratio = spread["b"] / spread["a"] - 1
    return evidence_of_mean(ratio, claim.rule, null=-ratio)


TOY = Definition(
    name="toy",
    question="Does it grow?",
    claims=(GROWS,),
    quick=Design(),
    full=Design(networks=20),
    materials=lambda design, progress: [
        Made(f"net {chr(97 + i)}", design.factor) for i in range(design.networks)
    ],
    tasks=lambda design, subjects: [Task(Job(one.identity), one.network) for one in subjects],
    measure=measure,
    evidence=evidence,
    figure=lambda table, design: Figure(
        "Spreads.",
        [
            Panel(
                "all",
                "layer",
                "spread",
                [Curve("one", ["a", "b"], [1.0, 2.0], [0.5, 1.5], [1.5, 2.5])],
            )
        ],
    ),
    forecast=lambda design: (0.0, 0.1 * design.networks),
    needs=Needs(networks=8, samples=30, labels=True),
)


def test_a_study_is_measured_decided_kept_and_read_back(tmp_path):
    MEASURED.clear()
    said = []
    found = run_definition(
        TOY, Given(), quick=True, out=tmp_path, jobs=0, say=lambda *told: said.append(told)
    )
    assert len(MEASURED) == 10 and said[0][0] == "toy" and said[0][1] > 0
    one = found.verdict("G1")
    assert (one.decision, one.n) == ("confirmed", 10)
    again = run_definition(TOY, Given(), quick=True, out=tmp_path, jobs=0)
    assert len(MEASURED) == 10 and again.table.equals(found.table)
    next((tmp_path / "ledger").glob("*.json")).unlink()
    run_definition(TOY, Given(), quick=True, out=tmp_path, jobs=0)
    assert len(MEASURED) == 11
    read = load_study(tmp_path)
    assert read.verdicts == found.verdicts and read.figure == found.figure
    assert "confirmed" in read._repr_html_() and GROWS.sentence in ts.describe(read)


def test_the_opposite_world_is_refuted(tmp_path):
    smaller = replace(TOY, quick=Design(factor=0.5))
    found = run_definition(smaller, Given(), quick=True, out=tmp_path, jobs=0)
    assert found.verdict("G1").decision == "refuted"


def runs(folder, n=8, factor=2.0, samples=40, labels=None, layers=("a", "b")):
    made = []
    for i in range(n):
        x = np.random.default_rng(i).normal(size=(samples, 3))
        acts = from_arrays(
            {name: factor**k * x for k, name in enumerate(layers)},
            labels=np.arange(samples) % 2 if labels is None else labels,
        )
        made.append(save_arrays(acts, folder / f"net{i}"))
    return tuple(made)


def test_it_runs_on_the_users_own_runs(tmp_path):
    given = Given(runs(tmp_path / "runs"))
    found = run_definition(TOY, given, out=tmp_path / "study", jobs=0)
    assert found.verdict("G1").n == 8 and found.verdict("G1").decision == "confirmed"


def test_what_it_cannot_say_anything_about_is_refused_before_anything_runs(tmp_path):
    def refused(error, text, needs=None, **made):
        MEASURED.clear()
        given = Given(runs(tmp_path / text[:6], **made))
        definition = TOY if needs is None else replace(TOY, needs=needs)
        with pytest.raises(error, match=text):
            run_definition(definition, given, out=tmp_path / "out", jobs=0)
        assert not MEASURED and not (tmp_path / "out").exists()

    refused(TooFewSamplesError, "5 networks; its rules need 8", n=5)
    refused(UsageError, "all samples of 'net0' are of one class", labels=np.zeros(40, int))
    refused(TooFewSamplesError, "20 samples; needed are 30", samples=20)
    refused(UsageError, "has 1 layers; needed are 2", layers=("a",))
    refused(UsageError, "1 moments of its training", needs=Needs(networks=2, checkpoints=3))
    mixed = (*runs(tmp_path / "m", 7), *runs(tmp_path / "n", 1, samples=50))
    with pytest.raises(UsageError, match="40 to 50 samples"):
        run_definition(TOY, Given(mixed), jobs=0)
    with pytest.raises(UsageError, match="it trains its own networks"):
        run_definition(replace(TOY, needs=None), Given(mixed), jobs=0)
    with pytest.raises(UsageError, match="is no folder, so it is not a RUN"):
        run_definition(TOY, Given((tmp_path / "nowhere",)), jobs=0)


def test_unlabelled_runs_are_refused(tmp_path):
    acts = [from_arrays({"a": np.eye(40), "b": np.eye(40)}) for _ in range(8)]
    made = tuple(save_arrays(one, tmp_path / f"r{i}") for i, one in enumerate(acts))
    with pytest.raises(UsageError, match="has no labels"):
        run_definition(TOY, Given(made), jobs=0)


def test_a_forecast_names_the_folder_and_measures_nothing(tmp_path):
    MEASURED.clear()
    ahead = forecast(TOY, Given(), quick=True, jobs=1)
    assert not MEASURED and ahead.seconds > 0
    assert ahead.folder.as_posix() == "studies/toy-quick"


def test_a_page_shows_verdict_and_picture(tmp_path):
    found = run_definition(TOY, Given(), quick=True, out=tmp_path / "studies" / "toy", jobs=0)
    for items in (found, tmp_path / "studies", tmp_path / "studies" / "toy"):
        page = report(items, to=tmp_path / "page.html").read_text()
        assert GROWS.sentence in page and "confirmed" in page and "data:image/png;base64" in page
        assert "<script" not in page
    with pytest.raises(UsageError, match="Pass studies alone"):
        report([found, runs(tmp_path, 1)[0]], to=tmp_path / "page.html")


def test_the_first_screen_of_many_studies_is_a_picture_and_then_all_claims(tmp_path):
    found = run_definition(TOY, Given(), quick=True, out=tmp_path / "studies" / "toy", jobs=0)
    page = report([found, found], to=tmp_path / "page.html").read_text()
    assert page.index("<img") < page.index("What flips it") < page.index("<h3>")
    assert page.count("<img") == 3  # one on the first screen, one in each study
    alone = report(found, to=tmp_path / "page.html").read_text()
    assert alone.count("<img") == 1


def test_the_catalog_knows_the_last_verdict(tmp_path):
    rows = catalog(tmp_path)
    assert {row["study"] for row in rows} <= set(STUDIES)
    assert all(row["last_verdict"] is None for row in rows)
    first = rows[0]
    folder = tmp_path / "mine"
    folder.mkdir()
    known = {
        "study": first["study"],
        "verdicts": [{"claim": first["id"], "verdict": "refuted"}],
    }
    (folder / "study.json").write_text(json.dumps(known))
    assert catalog(tmp_path)[0]["last_verdict"] == "refuted"


def call(*words):
    return CliRunner().invoke(main, ["study", *words])


def test_the_command_lists_all_claims():
    listed = json.loads(call("--json").stdout)["claims"]
    first = next(row for row in listed if row["id"] == "W1")
    assert first["study"] == "wheeler-training" and first["unit"] == "network"
    told = call().stdout
    assert all(row["claim"] in told for row in listed)


def test_the_command_forecasts_and_refuses(tmp_path):
    done = call("wheeler-training", "--quick", "--dry-run", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["seconds"] > 0
    one = str(runs(tmp_path, 1)[0])
    done = call("wheeler-training", one)
    assert done.exit_code == 2 and "1 network; its rules need 10" in done.stderr
    assert call("weeler-training").exit_code == 2


def test_a_column_that_the_first_row_lacks_is_kept():
    rows = [{"network": "a", "value": 1.0}, {"network": "a", "value": 2.0, "draw": 3}]
    kept = pd.read_parquet(io.BytesIO(_body(lambda job, subjects: rows, None, {})))
    assert list(kept.columns) == ["network", "value", "draw"]
    assert kept["draw"].isna().tolist() == [True, False]
