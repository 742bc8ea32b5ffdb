"""What rises or falls over the checkpoints of a training, in words and as a small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toposcope.findings.trends import FALSE_SHARE, NETWORK, LayerTrend
from toposcope.words.formats import level_text, lower, minus, plus, short_name, step_text
from toposcope.words.statistics import phrase


def trend_sentence(trends: Sequence[LayerTrend]) -> str:
    """What goes one way over checkpoints, by what test, and about what; empty without a series."""
    if not trends:
        return ""
    first = trends[0]
    standing = [trend for trend in trends if trend.direction != "undecided"]
    spans = "; ".join(sorted({_span(trend) for trend in trends}))
    if first.about_training:
        counts = sorted({one.trend.n for one in trends})
        units = f"{' or '.join(map(str, counts))} {_unit(first)}"
        told = (
            f"Over {spans} of {units}: of {first.looked_at:,} trends looked at "
            f"(each statistic in each layer), {len(standing):,} stand. Kendall's tau with sign "
            f"flips of {_unit(first)}, at most {level_text(FALSE_SHARE)} false ones expected among "
            f"those that stand{_samples(first)}."
        )
        if not standing and first.smallest_p > FALSE_SHARE:
            told += (
                f" {first.trend.n} {_unit(first)} give no p-value below "
                f"{lower(first.smallest_p, 2)}: "
                "train more of them."
            )
        return told
    fewest = min(trends, key=lambda trend: trend.trend.n_steps)
    return (
        f"Over {spans}, in this order: of {first.looked_at:,} curves looked at (each statistic in "
        f"each layer), {len(standing):,} go one way at every step, on other samples too (paired t "
        f"tests of every step over {first.trend.n} draws, corrected for all curves). This "
        "describes these checkpoints and is no evidence about training: unordered checkpoints "
        f"would go one way in up to {_chance(fewest)} of the curves, and several trainings, "
        "as units, are needed to tell (toposcope.findings.trends_of_trainings)."
    )


def _samples(trend: LayerTrend) -> str:
    """Whether they stand on other samples: where all trainings see the same draws it is tested."""
    if trend.trend.draws:
        return (
            f", on other samples too (their slopes over the {trend.trend.draws} draws that all of "
            "them see have to agree as well)"
        )
    return ""


def _unit(trend: LayerTrend) -> str:
    return "trainings" if trend.trend.unit == NETWORK else "configurations (means of trainings)"


def _chance(trend: LayerTrend) -> str:
    return f"{100 * trend.ordered_by_chance:.2g} %"


def _span(trend: LayerTrend) -> str:
    first, last = map(step_text, trend.span)
    return f"{trend.trend.n_steps} checkpoints from {first} to {last}"


def trend_rows(trends: Sequence[LayerTrend]) -> list[dict[str, str]]:
    """One row per network and statistic: in how many layers it rises, falls, or neither."""
    groups: dict[tuple[str, str, int | None], list[LayerTrend]] = {}
    for trend in trends:
        key = (trend.model, trend.statistic, trend.homology_dimension)
        groups.setdefault(key, []).append(trend)
    return [
        {"model": short_name(model), "what": phrase(statistic, k), **_directions(members)}
        for (model, statistic, k), members in groups.items()
    ]


def _directions(trends: Sequence[LayerTrend]) -> dict[str, str]:
    """In how many layers of a network one statistic rises and falls, and where that is surest."""
    counts = Counter(trend.direction for trend in trends)
    top = trends[0]
    surest = f"{top.layer} ({minus(f'tau {plus(top.trend.mean_tau)}')}, q = {top.q:.2g})"
    return {
        **{name: f"{counts[name]} of {len(trends)}" for name in ("rising", "falling")},
        "undecided": str(counts["undecided"]),
        "surest": surest if top.direction != "undecided" else "none",
    }
