"""Studies: a question, a measurement, a verdict; one file each, registered by name."""

from toposcope.findings.validity.judge import validity_verdicts
from toposcope.findings.validity.stored import stored_verdicts, trust_verdicts
from toposcope.findings.validity.verdict import Decision, Number, Verdict
from toposcope.studies.registry import STUDIES, Study, run
from toposcope.studies.validity_study import ValidityStudy, validity

__all__ = [
    "STUDIES",
    "Decision",
    "Number",
    "Study",
    "ValidityStudy",
    "Verdict",
    "run",
    "stored_verdicts",
    "trust_verdicts",
    "validity",
    "validity_verdicts",
]
