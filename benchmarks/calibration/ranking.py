"""Rankings of pre-trained models: ceilings, agreements, ties and contests with constants.

Worlds are tables of accuracies and scores of models on targets. They take the path of
`toposcope rank --evaluate`: judged by `judge`, told by `judgement_text`; boards by `assemble`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.claims import add
from toposcope.stats import Interval
from toposcope.transfer import agreement, compare_scores, noise_ceiling
from toposcope.transfer.evaluation.ceilings import Spread
from toposcope.transfer.evaluation.correlations import kendall
from toposcope.transfer.ranking.accuracies import judge
from toposcope.transfer.ranking.board import Entry, assemble
from toposcope.transfer.ranking.tables import Measured, Table
from toposcope.words.judgement import contest_sentence
from toposcope.words.ranking import ranking_answer

Array = NDArray[np.float64]


def judged(repeats: Array, scores: Mapping[str, Array]) -> Mapping[str, Any]:
    """The first part that `rank --evaluate` makes of (S, T, M) accuracies and (T, M) scores."""
    _, targets, models = repeats.shape
    measured = Measured(
        "accuracy",
        {},
        tuple(f"t{t}" for t in range(targets)),
        tuple(f"m{m}" for m in range(models)),
        repeats,
        dict(scores),
    )
    reading = {"scores": list(scores), "targets": list(measured.targets), "kept_apart": []}
    found: Mapping[str, Any] = judge(Table((measured,), reading))["parts"][0]
    return found


def correlated(rng: np.random.Generator, truth: Array, rho: float) -> Array:
    """Normal scores with that correlation."""
    return rho * truth + np.sqrt(1 - rho**2) * rng.normal(size=truth.shape)


# What a perfect score would reach. Fine-tunes are as noisy as the models differ, or 0.3 times.


def _perfect(
    rng: np.random.Generator, models: int, repeats: int, noise: Array | float, spread: Spread
) -> tuple[float, Interval]:
    truth = rng.normal(size=models)
    measured = truth + noise * rng.normal(size=(repeats, models))
    ceiling = noise_ceiling(measured, spread=spread)  # as `judge` calls it, for one of the spreads
    return float(kendall(truth, measured.mean(axis=0))), ceiling


def above(
    rng: np.random.Generator, models: int, repeats: int, noise: float, spread: Spread
) -> bool:
    """A perfect score exceeds the range of its ceiling."""
    reached, ceiling = _perfect(rng, models, repeats, noise, spread)
    return reached > ceiling.high + 1e-9


def inside(
    rng: np.random.Generator, models: int, repeats: int, noise: float, spread: Spread
) -> bool:
    """What a perfect score reaches lies in the range of its ceiling."""
    reached, ceiling = _perfect(rng, models, repeats, noise, spread)
    return ceiling.low - 1e-9 <= reached <= ceiling.high + 1e-9


def known_inside(rng: np.random.Generator, models: int, noise: float) -> bool:
    """The same for one fine-tune, whose spread has to be known."""
    truth = rng.normal(size=models)
    measured = truth + noise * rng.normal(size=models)
    ceiling = noise_ceiling(measured, sd=noise)
    return ceiling.low - 1e-9 <= float(kendall(truth, measured)) <= ceiling.high + 1e-9


for _models in (6, 12, 30):
    _world = f"{_models} models, noise of one fine-tune .5 of their spread"
    add(
        f"ranking.ceiling_known_{_models}",
        partial(known_inside, models=_models, noise=0.5),
        "range of the noise ceiling holds a perfect score, `sd=` known",
        world=f"{_world}, 1 fine-tune",
        at_least=0.95,
    )
    for _repeats in (2, 3, 10):
        for _spread in ("pooled", "own") if _repeats > 2 else ("pooled",):
            add(
                f"ranking.ceiling_{_spread}_{_models}_{_repeats}",
                partial(inside, models=_models, repeats=_repeats, noise=0.5, spread=_spread),
                f"range of the noise ceiling holds a perfect score, {_spread} spread",
                world=f"{_world}, {_repeats} fine-tunes",
                at_least=0.95 if _spread == "pooled" or _repeats > 3 else 0.90,
            )
add(
    "ranking.above_the_ceiling",
    partial(above, models=8, repeats=3, noise=0.5, spread="pooled"),
    '"agrees better than that range", of a perfect score',
    world="8 models, 3 fine-tunes, noise .5 of their spread",
    at_most=0.025,
)


def above_unequal(rng: np.random.Generator) -> bool:
    """As above where one model in four is five times as noisy, by the own spreads."""
    noise = rng.permutation(np.r_[np.full(6, 0.2), np.full(2, 1.0)])
    reached, ceiling = _perfect(rng, 8, 3, noise, "own")
    return reached > ceiling.high + 1e-9


add(
    "ranking.above_own_spreads",
    above_unequal,
    '"agrees better than that range", of a perfect score, own spreads',
    world="8 models, 3 fine-tunes, two of them 5 times as noisy",
    at_most=0.025,
)

# Agreement on one target, and its mean over several: with and without holes.


def covers(
    rng: np.random.Generator, models: int, rho: float, targets: int = 1, holes: int = 0
) -> bool:
    """The interval holds the expectation, 2/pi asin(rho) for normal scores."""
    accuracies = rng.normal(size=(1, targets, models))
    scores = correlated(rng, accuracies[0], rho)
    for t in range(targets):
        gone = rng.permutation(models)[:holes]
        (scores[t] if t % 2 else accuracies[0, t])[gone] = np.nan
    truth = 2 / np.pi * np.arcsin(rho)
    if targets == 1:
        one = agreement(scores[0], accuracies[0, 0])  # as `judge` calls it, for one statistic
        value, low, high = one.value, one.low, one.high
    else:
        found = judged(accuracies, {"s": scores})["rows"][0]
        value, low, high = found["value"], found["low"], found["high"]
    return -1 <= low <= value <= high <= 1 and low <= truth <= high


for _models in (5, 8, 12):
    for _rho in (0.0, 0.5, 0.9):
        add(
            f"ranking.agreement_{_models}_{int(10 * _rho)}",
            partial(covers, models=_models, rho=_rho),
            "interval of an agreement over models holds it, and lies in [-1, 1]",
            world=f"{_models} models, normal scores of correlation {_rho:g}",
            at_least=0.95,
        )
        add(
            f"ranking.over_targets_{_models}_{int(10 * _rho)}",
            partial(covers, models=_models, rho=_rho, targets=4, holes=1),
            "interval of a mean agreement over targets holds it, and lies in [-1, 1]",
            world=f"4 targets, {_models} models, one missing on each, correlation {_rho:g}",
            at_least=0.95,
        )

# Contests with constants, and ties on a board.


def told_from_constant(rng: np.random.Generator, models: int, rho: float) -> bool:
    """One target: a score as good as the constant is said to be better or worse."""
    truth = rng.normal(size=models)
    one = compare_scores(correlated(rng, truth, rho), correlated(rng, truth, rho), truth)
    contest = asdict(one) | {"score": "s", "baseline": "source_accuracy", "reason": ""}
    return _told("source_accuracy", {"contests": [contest | {"qvalue": one.pvalue}]})


def _told(baseline: str, part: Mapping[str, Any]) -> bool:
    own = [one for one in part["contests"] if one["baseline"] == baseline]
    sentence = contest_sentence(baseline, own)
    return f"better than {baseline}" in sentence or f"worse than {baseline}" in sentence


def told_over_targets(rng: np.random.Generator, better: bool) -> bool:
    """Eight targets with holes: a score that knows as much as a constant, or all there is."""
    general = rng.normal(size=10)
    accuracies = general + rng.normal(size=(1, 8, 10))
    constant = np.broadcast_to(correlated(rng, general, 0.7), (8, 10))
    scores = (
        correlated(rng, accuracies[0], 0.95)
        if better
        else correlated(rng, general + rng.normal(size=(8, 10)), 0.7)
    )
    if not better:
        constant = correlated(rng, general + rng.normal(size=(8, 10)), 0.7)
    accuracies[0, np.arange(8), np.arange(8)] = np.nan  # each model skips its own source
    return _told("parameters", judged(accuracies, {"s": scores, "parameters": constant}))


for _models in (6, 8, 12):
    add(
        f"ranking.told_from_constant_{_models}",
        partial(told_from_constant, models=_models, rho=0.5),
        '"agrees better (worse) than source_accuracy"',
        world=f"{_models} models, score and constant of correlation .5 with the accuracies",
        at_most=0.05,
    )
add(
    "ranking.told_over_targets_null",
    partial(told_over_targets, better=False),
    '"agrees better (worse) than parameters", over targets',
    world="8 targets, 10 models, each missing on its own source, both equally good",
    at_most=0.05,
)
add(
    "ranking.told_over_targets",
    partial(told_over_targets, better=True),
    '"agrees better than parameters", over targets',
    world="the same, correlation .95 against a constant list",
    at_least=0.5,
)


def board_tells(rng: np.random.Generator, draws: int, kind: str, better: float = 0.0) -> bool:
    """A board of five candidates says that the first can be told apart from every other."""
    share = rng.uniform(0.5, 0.9, size=draws)
    entries = {}
    for m in range(5):
        if kind == "counts":
            values = rng.binomial(50, np.clip(share + better * (m == 0), 0, 1)) / 50
        else:
            values = share + 0.02 * rng.normal(size=draws) + better * (m == 0)
        entries[f"m{m}"] = Entry(values.astype(float), points=50)
    table = assemble({"knn": entries}, {"knn": (True, True, "")})
    table.attrs = {"replicates": draws, "level": 0.95}
    if better:
        return "can be told apart from it" in ranking_answer(table)[0]
    return any(len(tied) < 4 for tied in table["tied_with"])


for _draws, _kind in ((2, "counts"), (3, "counts"), (8, "counts"), (8, "numbers")):
    add(
        f"ranking.tied_{_kind}_{_draws}",
        partial(board_tells, draws=_draws, kind=_kind),
        "some candidates of a score are told apart",
        world=f"5 equal candidates, {_draws} draws, {_kind}"
        + (" of 50 samples" if _kind == "counts" else ""),
        at_most=0.05,
    )
add(
    "ranking.first_of_board",
    partial(board_tells, draws=8, kind="numbers", better=0.08),
    '"all other candidates can be told apart from it"',
    world="the first of 5 candidates is 4 sd better, 8 draws",
    at_least=0.8,
)
