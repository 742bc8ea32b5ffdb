"""What rises or falls over the checkpoints of a training, in words and as a small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from toposcope.findings.trends import FALSE_SHARE, Tendency
from toposcope.words.statistics import phrase


def sentence(found: Sequence[Tendency]) -> str:
    """How many trends stand, by what test, and what they speak about; empty without a series."""
    if not found:
        return ""
    first = found[0]
    standing = [one for one in found if one.direction != "undecided"]
    steady = sum(not one.trend.reversals for one in standing)
    spans = sorted(
        {f"{one.trend.n_steps} checkpoints from {' to '.join(one.span)}" for one in found}
    )
    best = 2.0 ** (1 - first.trend.n)
    told = (
        f"Over {'; '.join(spans)}: of {first.looked_at:,} trends looked at (each statistic in each "
        f"layer), {len(standing):,} stand, {steady:,} of them without a step back. Kendall's tau "
        f"with sign flips of {first.trend.n} draws of samples, at most {100 * FALSE_SHARE:g} % "
        "false ones among those that stand; they hold for this training on other samples, not for "
        "training again."
    )
    if not standing and best > FALSE_SHARE:
        told += (
            f" With {first.trend.n} draws no p-value can be below {best:.2g}: more replicates "
            "could tell more."
        )
    return told


def table(found: Sequence[Tendency]) -> list[dict[str, str]]:
    """One row per network and statistic: in how many layers it rises, falls, or neither."""
    rows = []
    for key in dict.fromkeys((t.model, t.statistic, t.homology_dimension) for t in found):
        mine = [t for t in found if (t.model, t.statistic, t.homology_dimension) == key]
        counts = Counter(one.direction for one in mine)
        top = mine[0]
        surest = f"{top.layer} (tau {top.trend.mean_tau:+.2f}, q = {top.q:.2g})".replace("-", "−")
        rows.append(
            {
                "model": key[0],
                "what": phrase(key[1], key[2]),
                **{name: f"{counts[name]} of {len(mine)}" for name in ("rising", "falling")},
                "undecided": str(counts["undecided"]),
                "surest": surest if top.direction != "undecided" else "none",
            }
        )
    return rows
