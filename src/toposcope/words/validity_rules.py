"""What each validity check claims, and the rule of `findings.validity` that decides it."""

from __future__ import annotations

from toposcope.analysis.outlier_factor import LOF_THRESHOLD
from toposcope.findings.validity.concentration import BLIND_CV, CLEAR_CV
from toposcope.findings.validity.deciding import MOST
from toposcope.findings.validity.metric import SAME_ORDER
from toposcope.findings.validity.normalization import FEWEST_LAYERS
from toposcope.findings.validity.sample_size import MARGIN

CLAIMS: dict[str, str] = {
    "sample_size": "Half of the points tell the same; there are enough of them.",
    "outliers": "Outliers do not decide the numbers.",
    "normalization": "The trends over depth keep their direction under other normalizations.",
    "concentration": "Directions differ enough for a filtration to see shape.",
    "metric": "The order of the layers does not depend on the metric.",
}
"""What each check would like to be true."""

CORRECTED = "False alarms are at most 1 - level of all such verdicts."

RULES: dict[str, str] = {
    "sample_size": (
        "Three things are tested of every layer and degree of homology: the entropy at half the "
        f"points is within {100 * MARGIN:g} % of that at all; the lifespan sum grows more slowly "
        "than the number of points (exponent below 1: a finite dimension); and its growth from a "
        f"quarter to half of the points leads to within {100 * MARGIN:g} % of the sum at all. "
        f"Holds: each is shown in {100 * MOST:g} % of the numbers; fails: more than "
        f"{100 * (1 - MOST):.0f} % are shown not to be so, or a pair of layers told apart at all "
        f"points is told apart the other way at half. Undecided otherwise. {CORRECTED}"
    ),
    "outliers": (
        f"The shift that removing LOF's outliers (factor above {LOF_THRESHOLD:g}) causes beyond "
        "removing as many random points, over the distance of two draws without outliers (for a "
        "statistic sqrt 2 times its standard deviation between them). Holds: shown to be within "
        f"1 in {100 * MOST:g} % of the numbers; fails: shown to be beyond 1 in more than "
        f"{100 * (1 - MOST):.0f} %. Undecided otherwise. {CORRECTED}"
    ),
    "normalization": (
        "Spearman's rho of a statistic with depth, in every draw; the trend rises or falls when "
        "its interval, corrected for all trends looked at, excludes 0. Holds: every trend that is "
        "clear under the normalization used is clear in the same direction under all others; "
        f"fails: one is turned around. Undecided otherwise. {CORRECTED}"
    ),
    "concentration": (
        "Coefficient of variation of the distances between directions, points over their norms "
        "(for a round Gaussian 1 / (2 sqrt d)), so that heavy tails count for nothing. Of circles "
        "in noise in 10 to 300 dimensions (n = 300) with and without such tails, all were seen "
        f"above {CLEAR_CV:g} and none below {BLIND_CV:g}; between, it depends on the dimension. "
        f"Holds: above {CLEAR_CV:g} at every layer; fails: below {BLIND_CV:g} at any; in part: "
        f"all layers are told, some between. Undecided otherwise. {CORRECTED}"
    ),
    "metric": (
        "Spearman's rho between the layer curve of a draw under Euclidean distances and that of "
        "another draw under another metric, for statistics whose Euclidean curves do agree from "
        f"draw to draw (above {SAME_ORDER:g}). Agrees: shown to be above {SAME_ORDER:g}; "
        "contradicts: shown to be below 0; in part: between. Holds: all agree; fails: one "
        f"contradicts; in part: some agree, others are in part. Undecided otherwise. {CORRECTED}"
    ),
}
"""How each decision follows from the numbers; fixed before looking."""

NEEDED: dict[str, str] = {
    "sample_size": "One draw has no spread; two or more are needed.",
    "outliers": "One draw has no spread; two or more are needed.",
    "normalization": f"A trend needs {FEWEST_LAYERS} layers or more and two draws or more.",
    "concentration": (
        "One draw has no spread; two or more are needed. Analyses made before directions were "
        "looked at have none: run analyze again."
    ),
    "metric": f"An order needs {FEWEST_LAYERS} layers or more and three draws or more.",
}
"""Why measurements decide nothing."""
