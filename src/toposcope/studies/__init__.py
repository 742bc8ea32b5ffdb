"""Studies: a question, a measurement, a verdict; one file each, registered by name."""

from toposcope.findings.validity.judge import trust_verdicts, validity_verdicts
from toposcope.findings.validity.verdict import Decision, Number, Verdict
from toposcope.studies.registry import STUDIES, Outcome, Studied, Study, run
from toposcope.studies.validity_study import ValidityStudy, validity

__all__ = [
    "STUDIES",
    "Decision",
    "Number",
    "Outcome",
    "Studied",
    "Study",
    "ValidityStudy",
    "Verdict",
    "run",
    "trust_verdicts",
    "validity",
    "validity_verdicts",
]
