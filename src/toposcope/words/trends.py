"""What rises or falls over the checkpoints of a training, in words and as a small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toposcope.findings.trends import FALSE_SHARE, LayerTrend
from toposcope.words.formats import level_text, minus, short_name, step_text
from toposcope.words.statistics import phrase


def trend_sentence(trends: Sequence[LayerTrend]) -> str:
    """How many trends stand, by what test, and what they speak about; empty without a series."""
    if not trends:
        return ""
    first = trends[0]
    standing = [trend for trend in trends if trend.direction != "undecided"]
    steady = sum(not trend.trend.reversals for trend in standing)
    spans = sorted({_span(trend) for trend in trends})
    told = (
        f"Over {'; '.join(spans)}: of {first.looked_at:,} trends looked at (each statistic in each "
        f"layer), {len(standing):,} stand, {steady:,} of them without a step back. Kendall's tau "
        f"with sign flips of {first.trend.n} draws of samples, at most {level_text(FALSE_SHARE)} "
        "false ones among those that stand; they hold for this training on other samples, not for "
        "training again."
    )
    if not standing and first.smallest_p > FALSE_SHARE:
        told += (
            f" With {first.trend.n} draws no p-value can be below {first.smallest_p:.2g}: more "
            "replicates could tell more."
        )
    return told


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
    surest = f"{top.layer} ({minus(f'tau {top.trend.mean_tau:+.2f}')}, q = {top.q:.2g})"
    return {
        **{name: f"{counts[name]} of {len(trends)}" for name in ("rising", "falling")},
        "undecided": str(counts["undecided"]),
        "surest": surest if top.direction != "undecided" else "none",
    }
