"""study validity: the full form of the checks, resumable, selectable, honest about bad input."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import toposcope as ts
from toposcope.cli import main
from toposcope.errors import StoreError, TooFewSamplesError, UsageError
from toposcope.findings.validity.verdict import Quantity
from toposcope.store.arrays import save_arrays
from toposcope.store.objects import read_json
from toposcope.studies import CheckVerdict as Verdict
from toposcope.studies import Decision, Number, trust_verdicts, validity
from toposcope.words.validity import as_json, told

RNG = np.random.default_rng(0)
LAYERS = {f"b{d}": 9.0 ** (4 - d) * RNG.normal(size=(520, d)) for d in (4, 3, 2)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    layers = {**LAYERS, "b1": 9.0**3 * RNG.normal(size=(520, 1)), "flat": np.ones((520, 2))}
    path = save_arrays(ts.from_arrays(layers), tmp_path_factory.mktemp("runs") / "run")
    ts.analyze(path, points=64, replicates=8, jobs=0)
    return path


@pytest.fixture(scope="module")
def study(run):
    return validity(run, jobs=0)


def test_the_study_says_what_the_cheap_form_says_and_more(run, study):
    assert study.failures == []
    found = {one.name: one for one in study.verdicts}
    assert list(found) == ["sample_size", "outliers", "normalization", "concentration", "metric"]
    # The scale turns H0 around and leaves H1 as it is: each degree has a word of its own.
    by_degree = {part.degree: part.decision for part in found["normalization"].parts}
    assert by_degree[0] == Decision.FAILS and by_degree[1] != Decision.FAILS
    assert "H0: fails; H1: " in told(found["normalization"]).text
    assert "H0 lifespan sum falls under mean_distance" in told(found["normalization"]).text
    assert found["concentration"].decision == Decision.HOLDS
    assert study.spec["largest"] == 128 and study.spec["sizes"] == (32, 50, 64, 100, 128)
    shifts = {(n.statistic, n.degree, n.condition) for n in found["outliers"].of(Quantity.SHIFT)}
    assert ("lifespan_sum", 1, "isolation forest 5 %") in shifts
    moved = {(n.statistic, n.degree) for n in found["outliers"].of(Quantity.DIAGRAM_SHIFT)}
    assert ("wasserstein_distance", 0) in moved
    unequal = found["sample_size"].of(Quantity.UNEQUAL_N)
    # Twice the points is no other draw: H0 alone has twice as many pairs.
    assert np.mean([one.value for one in unequal if one.degree == 0]) > 2
    stored = read_json(study.folder / "verdicts.json")
    assert [Verdict.from_dict(one).as_dict() for one in stored] == [
        one.as_dict() for one in study.verdicts
    ]


def test_a_constant_layer_is_named_with_its_reason(study):
    rows = study.measurements.query("layer == 'flat'")
    assert set(rows["status"]) == {"constant"}
    assert rows["reason"].str.contains("rows are equal|13 distinct points").all()


def test_it_resumes_and_repeats_nothing(run, study):
    ticks = sorted((study.folder / "ledger").glob("*.json"))
    before = {tick: tick.stat().st_mtime_ns for tick in ticks}
    ticks[0].unlink()
    again = validity(run, jobs=0)
    assert list(map(as_json, again.verdicts)) == list(map(as_json, study.verdicts))
    assert sum(tick.stat().st_mtime_ns != before[tick] for tick in ticks) == 1


def test_a_report_prefers_the_full_study(run, study):
    from toposcope.analysis.opening import load_analysis

    shown = trust_verdicts(load_analysis(run))
    assert list(map(as_json, shown)) == list(map(as_json, study.verdicts))


def test_no_degree_is_judged_twice_and_the_full_form_rules_where_it_looked(tmp_path):
    path = save_arrays(ts.from_arrays({k: LAYERS[k] for k in ("b4", "b2")}), tmp_path / "run")
    analysis = ts.analyze(path, points=64, replicates=8, jobs=0, null="none")
    studied = validity(path, homology_dimensions=(1,), checks="outliers,concentration", jobs=0)
    full = {one.name: one for one in studied.verdicts}
    shown = trust_verdicts(analysis)
    names = [one.name for one in shown]
    # H0 was not in the study: the cheap form still speaks of it, beside the study's H1.
    assert names.count("outliers") == 2 and names.count("concentration") == 1
    cheap, fully = (one for one in shown if one.name == "outliers")
    assert [part.degree for part in cheap.parts] == [0] and fully.parts == full["outliers"].parts
    assert told(cheap).claim.startswith("H0 ") and told(fully).claim.startswith("H1 ")
    assert names.count("sample_size") == 1  # not studied
    again = validity(path, checks="outliers", jobs=0)
    (only,) = (one for one in trust_verdicts(analysis) if one.name == "outliers")
    assert only.as_dict() == again.verdicts[0].as_dict()


def test_command_line(run, study, tmp_path):
    runner = CliRunner()
    out = runner.invoke(
        main,
        [
            "study",
            "validity",
            str(run),
            "--checks",
            "concentration",
            "-o",
            str(tmp_path),
            "--json",
            "--jobs",
            "0",
        ],
        catch_exceptions=False,
    )
    assert out.exit_code == 0
    found = json.loads(out.stdout)
    assert [one["name"] for one in found["verdicts"]] == ["concentration"]
    assert found["folder"].startswith(str(tmp_path)) and found["failures"] == []
    text = runner.invoke(main, ["study", "validity", str(run), "--jobs", "0"]).stdout
    assert "at 64 points: The trends over depth keep their direction" in text
    assert "H0: fails; H1: " in text
    unknown = runner.invoke(main, ["study", "vality", str(run)])
    assert unknown.exit_code == 2 and "there is no study 'vality'; known are:" in unknown.stderr
    wrong = runner.invoke(main, ["study", "validity", str(run), "--checks", "outlyers"])
    assert wrong.exit_code == 2 and "outlyers unknown" in wrong.stderr


def test_bad_designs_are_refused_with_what_would_fit(run, tmp_path):
    with pytest.raises(TooFewSamplesError, match=r"replicates=4 and points=130 or less"):
        validity(run, points=200)
    with pytest.raises(TooFewSamplesError, match="4 draws or more of 64 points"):
        validity(run, points=100, replicates=1)
    few = save_arrays(ts.from_arrays({"block": np.eye(60)}), tmp_path / "few")
    with pytest.raises(TooFewSamplesError, match=r"Capture 256 samples or more\.$"):
        validity(few)
    with pytest.raises(UsageError, match="needed is a RUN folder"):
        validity(ts.from_arrays(LAYERS))
    with pytest.raises(StoreError):
        validity(tmp_path / "nothing")


def test_numbers_read_as_people_write_them():
    assert str(Number(Quantity.DRIFT, 0.12345, 0.1, 0.2, 8)) == "0.123 [0.1, 0.2]"
    assert str(Number(Quantity.ORDER, 1.0)) == "1"
