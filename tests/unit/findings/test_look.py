"""`look` runs every test of a report; after it, words and pages only write."""

import pytest

from toposcope.findings import look, null_tests
from toposcope.findings.validity import judge
from toposcope.reporting.report_page import render
from toposcope.stats import benjamini_hochberg, intervals, permutation

from ..reporting.report_fixture import (  # noqa: TID252 - the tests are no installed package
    analysis,
    checkpoints,
)

COMPUTING = (
    (permutation, "permutation_test"),
    (null_tests, "permutation_test"),
    (null_tests, "benjamini_hochberg"),
    (null_tests, "difference_interval"),
    (intervals, "mean_interval"),
    (judge, "validity_verdicts"),
)


@pytest.fixture(scope="module")
def findings():
    return look([analysis(points=40), analysis("other", points=40, seed=1)])


def test_a_page_runs_no_test(findings, monkeypatch):
    told = render(findings)

    def never(*_, **__):
        raise AssertionError("a test ran while a page was written")

    for module, name in COMPUTING:
        monkeypatch.setattr(module, name, never)
    assert render(findings) == told


def test_the_subject_is_the_run_of_the_clearest_change(findings):
    clearest = findings.changes[0]
    assert findings.subject == clearest.where.analysis
    assert findings.analyses[findings.subject].name == clearest.where.run
    assert clearest.looked_at >= len(findings.changes)


def test_all_statistics_told_against_nulls_are_one_family(findings):
    tested = findings.nulls[findings.nulls["pvalue"].notna()]
    asked = set(zip(tested["statistic"], tested["homology_dimension"].fillna(-1), strict=True))
    assert {(name, -1 if k is None else k) for name, k in findings.told} <= asked
    expected = benjamini_hochberg(tested["pvalue"].to_numpy(float))
    assert tested["qvalue"].tolist() == pytest.approx(expected.tolist())
    assert (tested["smallest_p"] <= tested["pvalue"]).all()


def test_runs_without_a_series_have_no_trends_and_no_verdicts(findings):
    assert findings.trends == () and findings.validity == ((), ())
    assert [round(accuracy.value, 3) for accuracy in findings.accuracies] == [0.861, 0.861]


def test_positions_of_checkpoints_are_those_given():
    found = look(checkpoints())
    names = [run.name for run in found.analyses]
    assert all(names[change.where.analysis] == change.where.run for change in found.changes)
