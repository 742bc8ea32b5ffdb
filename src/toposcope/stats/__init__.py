"""Statistics that can be trusted: intervals, tests and their limits, over independent units.

Every result names its unit and thereby its target: disjoint draws of samples speak about this
network over data, trained networks about the training procedure. No p-value is ever 0, and draws
that share samples are refused as units of a test. docs/statistics.md says which test is for what,
and how each was calibrated.
"""

from toposcope.stats.bootstrap import bootstrap_interval
from toposcope.stats.clusters import Coefficient, Regression, cluster_regression
from toposcope.stats.contrasts import Beyond, Contrast, Effect, effects
from toposcope.stats.depth import ChangePoint, change_point
from toposcope.stats.equivalence import Equivalence, margin_from, tost
from toposcope.stats.families import benjamini_hochberg, holm, standardized, step_down
from toposcope.stats.intervals import (
    Interval,
    difference_interval,
    linearized,
    mean_interval,
    proportion_interval,
)
from toposcope.stats.matrices import MantelResult, PermanovaResult, mantel, permanova
from toposcope.stats.mixed import MixedModel, mixed_model
from toposcope.stats.nesting import Exchange, exchange
from toposcope.stats.partial import (
    Correlation,
    disattenuated_correlation,
    partial_correlation,
    reliability,
)
from toposcope.stats.permutation import (
    PermutationResult,
    permutation_test,
    permutation_test_gram,
)
from toposcope.stats.prediction import Prediction, prediction_test
from toposcope.stats.sensitivity import minimum_detectable, power
from toposcope.stats.stages import TwoStage, network_means, two_stage
from toposcope.stats.trends import Trend, trend
from toposcope.stats.units import TARGETS, target_of
from toposcope.stats.variance import VarianceComponents, variance_components

__all__ = [
    "TARGETS",
    "Beyond",
    "ChangePoint",
    "Coefficient",
    "Contrast",
    "Correlation",
    "Effect",
    "Equivalence",
    "Exchange",
    "Interval",
    "MantelResult",
    "MixedModel",
    "PermanovaResult",
    "PermutationResult",
    "Prediction",
    "Regression",
    "Trend",
    "TwoStage",
    "VarianceComponents",
    "benjamini_hochberg",
    "bootstrap_interval",
    "change_point",
    "cluster_regression",
    "difference_interval",
    "disattenuated_correlation",
    "effects",
    "exchange",
    "holm",
    "linearized",
    "mantel",
    "margin_from",
    "mean_interval",
    "minimum_detectable",
    "mixed_model",
    "network_means",
    "partial_correlation",
    "permanova",
    "permutation_test",
    "permutation_test_gram",
    "power",
    "prediction_test",
    "proportion_interval",
    "reliability",
    "standardized",
    "step_down",
    "target_of",
    "tost",
    "trend",
    "two_stage",
    "variance_components",
]
