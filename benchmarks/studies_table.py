"""Make docs/results/studies.md from kept studies: `python -m benchmarks.studies_table studies/`.

Reads the folders that `toposcope study` wrote and replaces what the page says of those studies
between `<!-- studies -->` and `<!-- end -->`; what it says of others, which were not handed in,
stays. The figure of each study goes beside it as a picture.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from toposcope.reporting.study_figure import draw_study
from toposcope.studies import STUDIES
from toposcope.studies.stored import load_study, study_folders
from toposcope.studies.study import Study
from toposcope.words.formats import with_interval
from toposcope.words.studies import duration, flips_text

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PAGE = RESULTS / "studies.md"


HEAD = [
    "| claim | verdict | effect [interval] | n and unit | what flips it |",
    "|---|---|---|---|---|",
]
MARK = re.compile(r"(<!-- studies -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write the page."""
    studies = [load_study(folder) for place in sys.argv[1:] for folder in study_folders(place)]
    if not studies:
        sys.exit("usage: python -m benchmarks.studies_table STUDIES_FOLDER ...")
    for study in studies:
        draw_study(study.figure).savefig(RESULTS.parent / "images" / picture(study), dpi=80)
    PAGE.write_text(updated(PAGE.read_text(), studies))


def updated(page: str, studies: Sequence[Study]) -> str:
    """The page with these studies in place of what it said of them, and the others as they were."""
    found = MARK.search(page)
    if found is None:
        sys.exit(f"{PAGE} has no block between <!-- studies --> and <!-- end -->.")
    kept, sections = parts(found[2])
    for study in studies:
        kept |= {line.split(":")[0]: line for line in rows(study)}
        # The other form of the same study would have other numbers under the same claims.
        sections = {k: v for k, v in sections.items() if not k.startswith(f"## {study.name} (")}
        title, text = section(study)
        sections[title] = text
    lines = [*HEAD, *kept.values(), *(line for text in sections.values() for line in ("", text))]
    made = "\n".join(lines)
    return MARK.sub(lambda _: f"{found[1]}\n{made}\n\n{found[3]}", page)


def parts(block: str) -> tuple[dict[str, str], dict[str, str]]:
    """Rows by claim and sections by title that a block holds.

    >>> parts("| claim | x |\\n|---|---|\\n| W1: It. | 1 |\\n\\n## a (quick form)\\n\\nText.\\n")
    ({'| W1': '| W1: It. | 1 |'}, {'## a (quick form)': '## a (quick form)\\n\\nText.'})
    """
    table, *rest = re.split(r"^(?=## )", block, flags=re.MULTILINE)
    lines = [line for line in table.splitlines() if re.match(r"\| [^|:]+: ", line)]
    sections = {one.splitlines()[0]: one.strip() for one in rest}
    return {line.split(":")[0]: line for line in lines}, sections


def section(study: Study) -> tuple[str, str]:
    """Title and text of one study."""
    form = "quick" if study.spec["quick"] else "full"
    title = f"## {study.name} ({form} form)"
    lines = [
        title,
        "",
        f"    toposcope study {study.name}{' --quick' if form == 'quick' else ''}",
        "",
        f"![{study.figure.caption}](../images/{picture(study)})",
        "",
        f"{study.figure.caption} Took {duration(study.seconds['took'])} of wall time.",
    ]
    return title, "\n".join(lines)


def picture(study: Study) -> str:
    """File name of the figure."""
    form = "quick" if study.spec["quick"] else "full"
    return f"study_{study.name}_{form}.png".replace("-", "_")


def rows(study: Study) -> list[str]:
    """One row of the table per claim; of those without a verdict, what they lack."""
    decided = [
        f"| {one.claim.id}: {one.claim.sentence} | {one.decision.value} "
        f"| {with_interval(one.effect, one.low, one.high)} | {one.n} {one.claim.unit.value}s "
        f"| {flips_text(one)} |"
        for one in study.verdicts
    ]
    known = STUDIES.get(study.name)
    sentences = {one.id: one.sentence for one in known.claims} if known else {}
    untested = [
        f"| {name}: {sentences.get(name, name)} | not tested | | | it needs {lacks} |"
        for name, lacks in study.untested.items()
    ]
    return decided + untested


if __name__ == "__main__":
    main()
