"""Studies: one file each, with a hypothesis, a measurement and a verdict in words."""

from toposcope.analysis.result import Analysis
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.verdict import VERDICTS, Number, Verdict, plain_text
from toposcope.studies.validity_study import ValidityStudy, stored_verdicts, validity

__all__ = [
    "STUDIES",
    "VERDICTS",
    "Number",
    "ValidityStudy",
    "Verdict",
    "plain_text",
    "trust_verdicts",
    "validity",
    "validity_verdicts",
]

STUDIES = {"validity": "Can the numbers of an analysis be trusted? Every validity check in full."}
"""Names of the studies, and the question each one answers."""


def trust_verdicts(analysis: Analysis) -> list[Verdict]:
    """What a report says of an analysis: the full study where it was made, else the cheap form."""
    full = []
    if analysis.run is not None:
        full = stored_verdicts(analysis.run, str(analysis.attrs.get("analysis") or ""))
    studied = {one.name: one for one in full}
    return [studied.get(one.name, one) for one in validity_verdicts(analysis)]
