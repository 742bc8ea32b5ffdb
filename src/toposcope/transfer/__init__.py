"""Which pre-trained model to fine-tune: transfer scores, correct, and an evaluation of rankings.

Plain-array functions: features F (n, D), labels y (n,), source probabilities P (n, Z), mean Betti
numbers (blocks, dims). `SCORES` names every score with its direction, needs and cost.
"""

from toposcope.transfer.evaluation.ceilings import noise_ceiling
from toposcope.transfer.evaluation.correlations import CORRELATIONS
from toposcope.transfer.evaluation.paired_scores import ScoreComparison, compare_scores
from toposcope.transfer.evaluation.rank_agreement import Agreement, agreement
from toposcope.transfer.evaluation.selection import (
    chance_regret,
    constant_ranking,
    evaluate_scores,
    regret,
)
from toposcope.transfer.scores.betti_decay import decay_polynomial, lifetime_score, theta
from toposcope.transfer.scores.class_scatter import gbc, h_score, sfda, transrate
from toposcope.transfer.scores.log_evidence import logme
from toposcope.transfer.scores.probes import knn, linear_probe, parc
from toposcope.transfer.scores.registry import SCORES, Score
from toposcope.transfer.scores.source_heads import leep, nce, nleep

__all__ = [
    "CORRELATIONS",
    "SCORES",
    "Agreement",
    "Score",
    "ScoreComparison",
    "agreement",
    "chance_regret",
    "compare_scores",
    "constant_ranking",
    "decay_polynomial",
    "evaluate_scores",
    "gbc",
    "h_score",
    "knn",
    "leep",
    "lifetime_score",
    "linear_probe",
    "logme",
    "nce",
    "nleep",
    "noise_ceiling",
    "parc",
    "regret",
    "sfda",
    "theta",
    "transrate",
]
