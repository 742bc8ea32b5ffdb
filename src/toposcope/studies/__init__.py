"""Studies: a question, a measurement, a verdict; one file each, registered by name."""

from toposcope.analysis.result import Analysis
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.verdict import VERDICTS, Number, Verdict, plain_text
from toposcope.studies.registry import STUDIES, Study, run
from toposcope.studies.validity_study import ValidityStudy, stored_verdicts, validity

__all__ = [
    "STUDIES",
    "VERDICTS",
    "Number",
    "Study",
    "ValidityStudy",
    "Verdict",
    "plain_text",
    "run",
    "trust_verdicts",
    "validity",
    "validity_verdicts",
]


def trust_verdicts(analysis: Analysis) -> list[Verdict]:
    """What a report says of an analysis: the full study where it was made, else the cheap form."""
    full = []
    if analysis.run is not None:
        full = stored_verdicts(analysis.run, str(analysis.attrs.get("analysis") or ""))
    studied = {one.name: one for one in full}
    return [studied.get(one.name, one) for one in validity_verdicts(analysis)]
