"""The answer in three sentences, and the methods, in plain words.

Nothing is computed that is not in the intervals or the effects; the wording follows what they can
carry: draws of samples speak about this network over data, not about training it again.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.analysis.result import Analysis
from toposcope.pointclouds.nulls import NULLS
from toposcope.stats import Beyond, Effect, percent, proportion_interval
from toposcope.words.designs import is_cubical, one_sample
from toposcope.words.nulls import null_sentences
from toposcope.words.statistics import describe, phrase, unit_text

NULL_CLOUD = "gaussian"


def answer(analyses: Sequence[Analysis], effects: Sequence[Effect]) -> list[str]:
    """What changes most, how it stands against the Gaussian null, and how sure that is."""
    return [change_sentence(effects), null_sentence(analyses, effects), trust_sentence(analyses)]


def change_sentence(effects: Sequence[Effect]) -> str:
    """The clearest change, or that none is clear."""
    if not effects:
        return (
            "No change could be compared: comparisons need two layers or checkpoints with the same "
            "draws, and two replicates or more."
        )
    top = effects[0]
    where = top.where.replace(": ", ", ", 1)
    what = phrase(top.statistic, top.homology_dimension)
    interval = f"{_pct(top.level)} interval {signed(top.low)} to {signed(top.high)}"
    others = f"{top.looked_at:,} changes looked at" if top.looked_at > 1 else "one comparison"
    if top.low <= 0 <= top.high:
        return (
            f"No change is sure: of {others} no interval excludes zero; the nearest to it is "
            f"{what} in {where}, {signed(top.change)} ({interval}, {top.n} replicates)."
        )
    verb = "rises" if top.change > 0 else "falls"
    size = percent(abs(top.change)).lstrip("+")
    if top.change >= 9:
        verb, size = "grows", f"{percent(top.change).lstrip('x')}-fold"
    by = size if top.change >= 9 else f"by {size}"
    return (
        f"The clearest of {others}: the {what} {verb} {by} ({interval}, corrected for all of them; "
        f"{top.n} replicates) in {where}.{_shown_by_nulls(top)}"
    )


def _shown_by_nulls(one: Effect) -> str:
    """That a null changes alike, which a reader of the first sentence alone has to know."""
    alike = [found.null.replace("_", " ") for found in one.nulls if found.low <= 0 <= found.high]
    if not alike:
        return ""
    which = f"the {alike[0]} null" if len(alike) == 1 else f"the nulls {' and '.join(alike)}"
    return f" It cannot be told from the change of {which}: what is kept there may be all of it."


def signed(change: float) -> str:
    """A relative change with a true minus sign.

    >>> signed(-0.5)
    '−50 %'
    """
    if not math.isfinite(change):
        return "∞"
    return percent(change).replace("-", "−").replace("x", "×")


def other_changes(effects: Sequence[Effect], *, count: int = 3) -> list[dict[str, str]]:
    """The first few effects as cells of a table."""
    return [
        {
            "where": one.where,
            "what": phrase(one.statistic, one.homology_dimension),
            "change": signed(one.change),
            "interval": f"[{signed(one.low)}, {signed(one.high)}]",
            "n": str(one.n),
            "beyond": "; ".join(map(_beyond, one.nulls)),
        }
        for one in effects[:count]
    ]


def _beyond(one: Beyond) -> str:
    """What of a change a null does not show: "gaussian −3 % [−8 %, +2 %]"."""
    interval = f"[{signed(one.low)}, {signed(one.high)}]"
    text = f"{one.null.replace('_', ' ')}: {signed(one.beyond)} {interval}"
    return text.replace(" %", "\u00a0%")


def null_sentence(analyses: Sequence[Analysis], effects: Sequence[Effect]) -> str:
    """At how many layers a statistic is told apart from each null model."""
    shown = _subject(analyses, effects)
    wanted = [(one.statistic, one.homology_dimension) for one in effects[:1]]
    found = null_sentences(
        shown,
        list(dict.fromkeys([*wanted, ("lifespan_sum", 0), ("lifespan_sum", 1)])),
        of=f" of {shown.name}" if len(analyses) > 1 else "",
        clouds="clouds (layer by class)" if _per_class(shown) else "layers",
    )
    if found is not None:
        return found
    if is_cubical(shown.attrs):
        return (
            "No null was drawn (--null shuffled_voxels), so nothing here tells the network's "
            "topology from that of any volume with the same values."
        )
    return "No null model was drawn, so nothing here tells shape from covariance alone."


def _subject(analyses: Sequence[Analysis], effects: Sequence[Effect]) -> Analysis:
    """The last run that the clearest change is about, or the last run."""
    where = effects[0].where if effects else ""
    named = [a for a in analyses if where.startswith((a.name, str(a.attrs.get("model") or a.name)))]
    return [*analyses, *named][-1]


def trust_sentence(analyses: Sequence[Analysis]) -> str:
    """What the intervals mean, and the main reservations."""
    attrs = [analysis.attrs for analysis in analyses]
    designs = {
        (
            a.get("n"),
            a["points"],
            a["replicates"],
            bool(a["overlapping"]),
            is_cubical(a),
            a.get("points_are") or "samples",
            a.get("samples"),
        )
        for a in attrs
    }
    if len(designs) == 1:
        n, points, replicates, overlapping, _, kind, samples = next(iter(designs))
        draws = "overlapping" if overlapping else "disjoint"
        of = "" if not any(map(_per_class, analyses)) else " per class"
        design = f"{replicates} {draws} draws of {points:,} points{of}"
        if is_cubical(attrs[0]):
            design = f"{replicates} images{of}"
        elif kind in ("positions", "channels"):
            design = f"{replicates} samples{of}, {points:,} {kind} of each,"
        elif kind == "tokens":
            design = f"{replicates} {draws} draws of {points:,} tokens of {samples} samples{of}"
        design += f" out of n = {count(n)} samples" if n is not None else ""
    else:
        design = "replicate draws, whose number and size differ between runs (see the first table)"
    levels = " or ".join(sorted({_pct(a["level"]) for a in attrs}))
    pooled = sum(not _per_class(analysis) for analysis in analyses)
    caveats = []
    if pooled and not all(map(one_sample, attrs)) and any(a.get("class_names") for a in attrs):
        caveats.append("classes are pooled, so well separated classes are clusters by construction")
    if any(map(is_cubical, attrs)):
        caveats.append(
            "volumes hold fewer voxels in deeper layers, so a decay has to be read beside the "
            "numbers per voxel, and none of them sees a ReLU at thresholds above 0"
        )
    failed = sum(len(analysis.failures) for analysis in analyses)
    if failed:
        caveats.append(f"{failed} task{'s' * (failed > 1)} failed and left gaps")
    if len(designs) > 1:
        caveats.append("diagrams of unequal numbers of points must not be compared")
    text = (
        f"Every number is a mean over {design}, with {levels} t‑intervals that speak about this "
        "network over data, not about training it again"
    )
    return text + ("; " + "; ".join(caveats) if caveats else "") + "."


def _per_class(analysis: Analysis) -> bool:
    return bool(analysis.attrs.get("per_class")) or any(k.label for k in analysis.diagrams.keys)


def _pct(level: float) -> str:
    return f"{100 * level:g} %"


def top1_text(analysis: Analysis) -> str:
    """Accuracy in percent with its Wilson interval; empty without labels."""
    share, n = analysis.attrs.get("top1"), analysis.attrs.get("n")
    if share is None or not n:
        return ""
    found = proportion_interval(share, n, level=float(analysis.attrs.get("level") or 0.95))
    return f"{100 * share:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def methods(analyses: Sequence[Analysis]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(term, values): one value without a run name where all runs agree, else one per run."""
    columns = [(analysis.name, _method_terms(analysis)) for analysis in analyses]
    terms = list(dict.fromkeys(term for _, column in columns for term in column))
    out = []
    for term in terms:
        values = [(name, column.get(term, "")) for name, column in columns]
        distinct = {value for _, value in values}
        out.append((term, [("", values[0][1])] if len(distinct) == 1 else values))
    return out


def _method_terms(analysis: Analysis) -> dict[str, str]:
    a: dict[str, Any] = analysis.attrs
    normalize = a.get("normalize")
    kind = "overlapping draws, variance corrected" if a["overlapping"] else "disjoint draws"
    degrees = ", ".join(f"H{k}" for k in a.get("homology_dimensions", ()))
    terms = {
        "Model": str(a.get("model") or ""),
        "Data": str(a.get("data") or ""),
        "Samples (n)": count(a.get("n")),
        "Points per cloud": f"{a['points']:,}",
        "Replicates": f"{a['replicates']} ({kind})",
        "Classes": "one cloud per class" if _per_class(analysis) else "pooled",
        "Pool": pool_text(a.get("pool")),
        "Normalization": f"{normalize} (lengths {unit_text(normalize)})" if normalize else "",
        "Metric": str(a.get("metric") or ""),
        "Homology": f"{degrees}, coefficients in Z/{a.get('coeff', 2)}",
        "Intervals": (
            f"Student t over replicates, {_pct(a['level'])} each; target: this network over data"
        ),
        "Null": "; ".join(f"{name}: {NULLS[name]}" for name in _nulls(analysis)) or "none drawn",
        "Seed": str(a.get("seed", "")),
    }
    if is_cubical(a):
        unit = unit_text(normalize)
        terms |= {
            "Points per cloud": "",
            "Replicates": f"{a['replicates']} (one image each)",
            "Classes": "one set of images per class" if _per_class(analysis) else "pooled",
            "Normalization": f"{normalize} (thresholds {unit})",
            "Metric": "",
            "Intervals": (
                f"Student t over images, {_pct(a['level'])} each; target: this network over data"
            ),
        }
    terms |= {
        f"{str(k)[:1].upper()}{str(k)[1:]}": str(v)
        for k, v in dict(a.get("conventions") or {}).items()
        if not str(k).startswith("null ")  # told under "Null"
    }
    return {term: value for term, value in terms.items() if value}


def _nulls(analysis: Analysis) -> list[str]:
    present = set(analysis.table["cloud"])
    return [name for name in NULLS if name in present]


def has_null(analysis: Analysis) -> bool:
    """Whether Gaussian clouds were measured beside the data."""
    return bool((analysis.intervals["cloud"] == NULL_CLOUD).any())


def count(value: int | None) -> str:
    """A whole number with thousands separated; empty when it is not known.

    >>> count(4000), count(None)
    ('4,000', '')
    """
    return "" if value is None else f"{int(value):,}"


def pool_text(pool: object) -> str:
    """How layers were pooled: one word where all agree, else each with its number of layers.

    >>> pool_text({"a": "gap", "b": "gap"}), pool_text({"a": "gap", "b": "cls"})
    ('gap', 'gap (1 layer), cls (1 layer)')
    """
    if not isinstance(pool, Mapping):
        return str(pool or "")
    counts = Counter(str(one) for one in pool.values())
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{one} ({n} layer{'s' * (n > 1)})" for one, n in counts.items())


def meanings(statistics: Sequence[str]) -> list[tuple[str, str]]:
    """Title and one-line meaning of each statistic shown."""
    return [(describe(name).title, describe(name).meaning) for name in statistics]
