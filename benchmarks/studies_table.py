"""Make docs/results/studies.md from kept studies: `python -m benchmarks.studies_table studies/`.

Reads the folders that `toposcope study` wrote and replaces what stands between
`<!-- studies -->` and `<!-- end -->`; the figure of each study goes beside it as a picture.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from toposcope.reporting.study_figure import draw_study
from toposcope.studies.stored import load_study, study_folders
from toposcope.studies.study import Study
from toposcope.words.formats import with_interval
from toposcope.words.studies import duration, flips_text

RESULTS = Path(__file__).parents[1] / "docs" / "results"
PAGE = RESULTS / "studies.md"


def main() -> None:
    """Write the page."""
    studies = [load_study(folder) for place in sys.argv[1:] for folder in study_folders(place)]
    if not studies:
        sys.exit("usage: python -m benchmarks.studies_table STUDIES_FOLDER ...")
    lines = [
        "| claim | verdict | effect [interval] | n and unit | what flips it |",
        "|---|---|---|---|---|",
        *(row for study in studies for row in rows(study)),
    ]
    for study in studies:
        form = "quick" if study.spec["quick"] else "full"
        name = f"study_{study.name}_{form}.png".replace("-", "_")
        draw_study(study.figure).savefig(RESULTS.parent / "images" / name, dpi=80)
        lines += [
            "",
            f"## {study.name} ({form} form)",
            "",
            f"    toposcope study {study.name}{' --quick' if form == 'quick' else ''}",
            "",
            f"![{study.figure.caption}](../images/{name})",
            "",
            f"{study.figure.caption} Took {duration(study.seconds['took'])} of wall time.",
        ]
    text = PAGE.read_text()
    mark = re.compile(r"(<!-- studies -->\n).*?(<!-- end -->)", re.DOTALL)
    made = "\n".join(lines)
    PAGE.write_text(mark.sub(lambda found: f"{found[1]}\n{made}\n\n{found[2]}", text))


def rows(study: Study) -> list[str]:
    """One row of the table per claim."""
    return [
        f"| {one.claim.id}: {one.claim.sentence} | {one.decision.value} "
        f"| {with_interval(one.effect, one.low, one.high)} | {one.n} {one.claim.unit.value}s "
        f"| {flips_text(one)} |"
        for one in study.verdicts
    ]


if __name__ == "__main__":
    main()
