"""Studies: one file each, with a hypothesis, a measurement and a verdict in words."""

from toposcope.studies.judging import validity_verdicts
from toposcope.studies.verdicts import VERDICTS, Number, Verdict, plain_text

__all__ = ["VERDICTS", "Number", "Verdict", "plain_text", "validity_verdicts"]
