"""The table of claims in docs/results keeps what it says of studies that are not handed in."""

from benchmarks import studies_table
from toposcope.studies import STUDIES, Study
from toposcope.studies.figures import Figure
from toposcope.studies.verdicts import evidence_of_mean, judge
from toposcope.words.studies import headline_text

PAGE = """Before.

<!-- studies -->

| claim | verdict | effect [interval] | n and unit | what flips it |
|---|---|---|---|---|
| X1: Another. | refuted | 1 [0, 2] | 9 networks | nothing |
| S8: Old. | refuted | 1 [0, 2] | 9 networks | nothing |

## other (quick form)

    toposcope study other --quick

## swider-split (full form)

Old text.

<!-- end -->

## After
"""


def test_rows_of_other_studies_stay_and_its_own_are_replaced(tmp_path):
    claim = STUDIES["swider-split"].claims[0]
    evidence = evidence_of_mean([0.01 * k for k in range(9)], claim.rule, null=[1.0] * 9)
    study = Study(
        "swider-split",
        [judge(claim, evidence)],
        None,
        Figure("A caption."),
        [],
        tmp_path,
        {"quick": True},
        {"took": 60.0},
    )
    made = studies_table.updated(PAGE, [study])
    assert "| X1: Another. | refuted |" in made and "## other (quick form)" in made
    assert "Old" not in made and "swider-split (full form)" not in made
    assert "| S8: Training and test data have the same topology. | confirmed |" in made
    assert made.startswith("Before.") and made.endswith("## After\n")
    assert studies_table.updated(made, [study]) == made  # nothing piles up


def test_every_claim_stands_in_the_table_with_its_sentence_or_what_it_lacks():
    page = studies_table.PAGE.read_text()
    told, _ = studies_table.parts(studies_table.MARK.search(page)[2])
    claims = [one for study in STUDIES.values() for one in study.claims]
    assert set(told) == {f"| {one.id}" for one in claims}
    for one in claims:
        assert told[f"| {one.id}"].startswith(f"| {one.id}: {one.sentence} | "), one.id


def test_a_claim_without_a_verdict_has_a_row_that_says_what_it_needs(tmp_path):
    spec = {"quick": True}
    untested = {"N4": "more seeds"}
    study = Study("naitzat-depth", [], None, Figure("A."), [], tmp_path, spec, {}, untested)
    (row,) = studies_table.rows(study)
    assert row.startswith("| N4: A narrow layer forces") and "| not tested | | |" in row
    assert row.endswith("it needs more seeds |")


def test_the_headline_of_several_claims_says_how_many_went_which_way(tmp_path):
    """It said the first claim only, as if it were all that the study had to say."""
    first, second = STUDIES["wheeler-training"].claims[:2]
    undecided = [
        judge(one, evidence_of_mean([5.0, -5.0] * 5, one.rule, null=[0.0] * 10))
        for one in (first, second)
    ]

    def of(verdicts):
        return headline_text(Study("w", verdicts, None, Figure("c"), [], tmp_path, {}, {}))

    assert of(undecided[:1]) == f"{first.sentence}: undecided."
    assert of(undecided) == f"Of 2 claims of w, undecided: {first.id} and {second.id}."
    claim = STUDIES["swider-split"].claims[0]
    found = judge(claim, evidence_of_mean([0.01] * 4 + [0.02] * 5, claim.rule, null=[1.0] * 9))
    assert of([undecided[0], found]) == (
        f"Of 2 claims of w, confirmed: {claim.id}; undecided: {first.id}."
    )
    assert of([]) == "No claim of w could be tested."
