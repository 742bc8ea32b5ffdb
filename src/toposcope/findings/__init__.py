"""What stands out in analyses: every test runs here, once, and comes back as numbers."""

from toposcope.findings.findings import Findings, look
from toposcope.findings.null_tests import against_nulls
from toposcope.findings.places import Place, Step
from toposcope.findings.population import PopulationFindings, look_at_population
from toposcope.findings.trends import LayerTrend, trends_of_trainings

__all__ = [
    "Findings",
    "LayerTrend",
    "Place",
    "PopulationFindings",
    "Step",
    "against_nulls",
    "look",
    "look_at_population",
    "trends_of_trainings",
]
