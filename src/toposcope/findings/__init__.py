"""What stands out in analyses: every test runs here, once, and comes back as numbers."""

from toposcope.findings.findings import Findings, look
from toposcope.findings.null_tests import against_nulls
from toposcope.findings.places import Place, Step
from toposcope.findings.trends import LayerTrend, trends_of_trainings

__all__ = [
    "Findings",
    "LayerTrend",
    "Place",
    "Step",
    "against_nulls",
    "look",
    "trends_of_trainings",
]
