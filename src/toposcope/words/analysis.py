"""The answer in three sentences, and the methods, in plain words.

Nothing is computed that is not in the analyses or the findings; the wording follows what they can
carry: draws of samples speak about this network over data, not about training it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.analysis.result import Analysis
from toposcope.analysis.scale_error import RULER
from toposcope.findings.findings import Findings
from toposcope.pointclouds.nulls import NULLS
from toposcope.stats import Interval, target_of
from toposcope.words.changes import change_sentence, class_sentence
from toposcope.words.designs import is_cubical, one_sample, per_class, replicates_text
from toposcope.words.dimensions import bias_meanings, dimension_sentence
from toposcope.words.formats import count, level_text, share
from toposcope.words.nulls import null_sentence
from toposcope.words.plans import plan_text
from toposcope.words.statistics import display, unit_text

TARGET = f"target: {target_of('draw')}"


def answer(findings: Findings) -> list[str]:
    """What changes most, how it stands against null models, what dimensions are, how sure it is.

    Where draws were taken inside classes, a sentence about single classes comes second.
    """
    classes = class_sentence(findings.class_changes)
    dimensions = dimension_sentence(findings.analyses[findings.subject])
    return [
        change_sentence(findings.changes),
        *([classes] if classes else []),
        null_sentence(findings),
        *([dimensions] if dimensions else []),
        trust_sentence(findings.analyses),
    ]


def trust_sentence(analyses: Sequence[Analysis]) -> str:
    """What the intervals mean, and the main reservations."""
    attrs = [analysis.attrs for analysis in analyses]
    designs = {replicates_text(a, classes=any(map(per_class, analyses))) for a in attrs}
    design = "replicate draws, whose number and size differ between runs (see the first table)"
    if len(designs) == 1:
        (design,) = designs
    levels = " or ".join(sorted({level_text(a["level"]) for a in attrs}))
    pooled = sum(not per_class(analysis) for analysis in analyses)
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


def top1_text(accuracy: Interval | None) -> str:
    """Accuracy in percent with its interval; empty without labels."""
    if accuracy is None:
        return ""
    low, high = (f"{100 * end:.1f}" for end in (accuracy.low, accuracy.high))
    return f"{share(accuracy.value, 1)} [{low}, {high}]"


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
    units = "images" if is_cubical(a) else "replicates"
    degrees = ", ".join(f"H{k}" for k in a.get("homology_dimensions", ()))
    terms = {
        "Model": str(a.get("model") or ""),
        "Data": str(a.get("data") or ""),
        "Samples (n)": count(a.get("n")),
        "Points per cloud": f"{a['points']:,}",
        "Replicates": f"{a['replicates']} ({kind})",
        "Classes": "one cloud per class" if per_class(analysis) else "pooled",
        "Pool": pool_text(a.get("pool")),
        "Normalization": f"{normalize} (lengths {unit_text(normalize)})" if normalize else "",
        "Error of the scale": scale_text(analysis),
        "Metric": str(a.get("metric") or ""),
        "Homology": f"{degrees}, coefficients in Z/{a.get('coeff', 2)}",
        "Intervals": f"Student t over {units}, {level_text(a['level'])} each; {TARGET}",
        "Null": "; ".join(f"{name}: {NULLS[name]}" for name in _nulls(analysis)) or "none drawn",
        "Seed": str(a.get("seed", "")),
        "Plan": plan_text(a.get("plan")),
    }
    if is_cubical(a):
        unit = unit_text(normalize)
        terms |= {
            "Points per cloud": "",
            "Replicates": f"{a['replicates']} (one image each)",
            "Classes": "one set of images per class" if per_class(analysis) else "pooled",
            "Normalization": f"{normalize} (thresholds {unit})",
            "Metric": "",
        }
    terms |= {
        f"{str(k)[:1].upper()}{str(k)[1:]}": str(v)
        for k, v in dict(a.get("conventions") or {}).items()
        if not str(k).startswith("null ")  # told under "Null"
    }
    return {term: value for term, value in terms.items() if value}


def scale_text(analysis: Analysis) -> str:
    """Whether intervals of lengths hold the error of the scale that they are divided by."""
    normalize = analysis.attrs.get("normalize")
    if is_cubical(analysis.attrs) or normalize in (None, "none"):
        return ""
    if RULER in set(analysis.table["statistic"]):
        return "estimated on all samples drawn; part of every interval of a length"
    return "not part of the intervals: the scale counts as known"


def _nulls(analysis: Analysis) -> list[str]:
    present = set(analysis.table["cloud"])
    return [name for name in NULLS if name in present]


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


def meanings(
    statistics: Sequence[str], designs: Sequence[Mapping[str, Any]] = ()
) -> list[tuple[str, str]]:
    """Title and one-line meaning of each statistic shown, dimensions with their bias."""
    return [
        (display(name).title, display(name).meaning + bias_meanings(name, designs))
        for name in statistics
    ]
