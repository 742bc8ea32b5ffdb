"""Studies: claims, measurements, verdicts; one file each, registered by name."""

from toposcope.findings.validity.judge import trust_verdicts, validity_verdicts
from toposcope.findings.validity.verdict import Decision, Number
from toposcope.findings.validity.verdict import Verdict as CheckVerdict
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.registry import STUDIES, run
from toposcope.studies.study import Definition, Needs, OwnStudy, Study
from toposcope.studies.validity_study import ValidityStudy, validity
from toposcope.studies.verdicts import Decided, Evidence, Verdict, judge

__all__ = [
    "STUDIES",
    "CheckVerdict",
    "Claim",
    "Decided",
    "Decision",
    "Definition",
    "Direction",
    "Evidence",
    "Needs",
    "Number",
    "OwnStudy",
    "Rule",
    "Study",
    "Unit",
    "ValidityStudy",
    "Verdict",
    "judge",
    "run",
    "trust_verdicts",
    "validity",
    "validity_verdicts",
]
