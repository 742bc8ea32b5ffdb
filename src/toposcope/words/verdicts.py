"""A comparison as one verdict per measure: do they differ, how much, from where on, equivalent?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from toposcope.comparison.layer_pairs import DIAGRAM_MEASURES
from toposcope.words.comparison import found_apart, measure_name, surely_apart
from toposcope.words.designs import points_text
from toposcope.words.formats import all_of, number, upper, with_interval

if TYPE_CHECKING:
    from toposcope.comparison.result import Comparison


class Differs(StrEnum):
    """What a measure says of two networks."""

    DIFFERENT = "different"
    SMALL = "small"
    NOT_FOUND = "not-found"
    RELATED = "related"
    PARTLY = "partly"
    UNTESTED = "untested"
    NO_VALUE = "no-value"


MARKS = {
    Differs.DIFFERENT: "different",
    Differs.SMALL: "different, but small",
    Differs.NOT_FOUND: "no difference found",
    Differs.RELATED: "related",
    Differs.PARTLY: "not surely related",
    Differs.UNTESTED: "not tested",
    Differs.NO_VALUE: "no value",
}
"""A verdict in two or three words."""


@dataclass(frozen=True)
class Verdict:
    """What one measure says of two networks, a cell for each question.

    Parameters
    ----------
    networks, measure
        Who is compared, by what.
    differs
        The verdict.
    layers
        In how many layers.
    size
        How large the difference is, in steps between neighboring layers where that is known.
    onset
        From which depth on.
    equivalent
        In how many layers equivalence is shown; "" where no margin was given.
    """

    networks: tuple[str, str]
    measure: str
    differs: Differs
    layers: str
    size: str
    onset: str
    equivalent: str

    @property
    def mark(self) -> str:
        """The verdict in two or three words."""
        return MARKS[self.differs]


def verdicts(comparison: Comparison) -> list[Verdict]:
    """One verdict per pair of networks and measure, classes taken together."""
    whole = comparison.of_class()
    level = float(comparison.attrs["level"])
    return [_verdict(whole, row, 1 - level) for row in whole.models.itertuples()]


def _verdict(comparison: Comparison, model: Any, alpha: float) -> Verdict:
    degree = model.homology_dimension
    degree = None if str(degree) in ("None", "nan", "<NA>") else int(degree)
    rows = comparison.layers
    rows = rows[
        (rows["network_a"] == model.network_a)
        & (rows["network_b"] == model.network_b)
        & (rows["measure"] == model.measure)
        & (rows["status"] == "ok")
    ]
    rows = rows if degree is None else rows[rows["homology_dimension"] == degree]
    who, name = (model.network_a, model.network_b), measure_name(model.measure, degree)
    if model.status != "ok" or not len(rows):
        return Verdict(who, name, Differs.NO_VALUE, "", "", "", "")
    judged = rows[rows["equivalent"].notna()]
    shown = int(judged["equivalent"].astype(bool).sum())
    equivalent = f"{shown} of {len(judged)} layers" if len(judged) else ""
    tested = rows[rows["adjusted_p"].notna()]
    found = int((tested["adjusted_p"] <= alpha + 1e-12).sum())
    able = len(tested) > 0 and float(tested["smallest_p"].max()) <= alpha + 1e-12
    layers = f"{found} of {len(tested)} layers" if able else ""
    if model.measure not in DIAGRAM_MEASURES:
        related = Differs.RELATED if found == len(tested) else Differs.PARTLY
        value = with_interval(model.value, model.low, model.high)
        mark = related if able else Differs.UNTESTED
        return Verdict(who, name, mark, layers, f"mean {value}", "", equivalent)
    whole = math.isfinite(model.adjusted_p) and float(model.adjusted_p) <= alpha + 1e-12
    mark = Differs.UNTESTED
    if able:
        mark = Differs.DIFFERENT if found or whole else Differs.NOT_FOUND
    if mark is Differs.DIFFERENT and len(judged) == len(rows) == shown:
        mark = Differs.SMALL
    if able and whole and not found:
        layers = "all together, no single one"
    onset = ""
    if model.onset != "none":
        onset = f"{model.change_depth:.2f} [{model.change_low:.2f}, {model.change_high:.2f}]"
    return Verdict(who, name, mark, layers, _size(model._asdict(), alpha), onset, equivalent)


def _size(row: Mapping[str, Any], alpha: float) -> str:
    """A gap over all layers: in steps where it is surely there."""
    gap, low, high = (float(row[name]) for name in ("gap", "gap_low", "gap_high"))
    if not math.isfinite(high):
        return number(gap) if math.isfinite(gap) else ""
    if surely_apart(row, alpha):
        text = with_interval(gap, low, high, differs=found_apart(row, alpha))
        share = float(row["share"])
        return f"{share:.2g} steps ({text})" if math.isfinite(share) else text
    return f"at most {upper(high)}" if high > 0 else "that of draws, or less"


def verdict_table(comparison: Comparison) -> list[tuple[str, ...]]:
    """The verdicts as rows of a table, its header first.

    A step is the gap between neighboring layers of the two networks.
    """
    told = verdicts(comparison)
    header = ("", "measure", "verdict", "layers", "how much", "from depth", "equivalent")
    rows: list[tuple[str, ...]] = [
        (
            " / ".join(one.networks),
            one.measure,
            one.mark,
            one.layers,
            one.size,
            one.onset,
            one.equivalent,
        )
        for one in told
    ]
    kept = [i for i in range(len(header)) if i in (1, 2) or any(row[i] for row in rows)]
    if len(comparison.networks) == 2:
        kept = [i for i in kept if i]
    return [tuple(row[i] for i in kept) for row in (header, *rows)]


def comparison_answer(comparison: Comparison) -> list[str]:
    """Three sentences on two networks: their shapes, their samples, how sure both are."""
    if len(comparison.networks) > 2:
        return []
    told = list(zip(verdicts(comparison), comparison.of_class().models.itertuples(), strict=True))
    shapes = [one for one, model in told if model.measure in DIAGRAM_MEASURES]
    paired = [one for one, model in told if model.measure not in DIAGRAM_MEASURES]
    sentences = [*_shapes(shapes), *_paired(paired, comparison)]
    return [*sentences, _sure(comparison)]


def comparison_headline(comparison: Comparison) -> str:
    """The first line of a comparison of two networks: whether and where their shapes differ."""
    shapes = [
        one
        for one, model in zip(
            verdicts(comparison), comparison.of_class().models.itertuples(), strict=True
        )
        if model.measure in DIAGRAM_MEASURES
    ]
    a, b = comparison.networks[:2]
    different = [one for one in shapes if one.differs in (Differs.DIFFERENT, Differs.SMALL)]
    if different:
        one = different[0]
        small = all(one.differs is Differs.SMALL for one in different)
        where = f" in {one.layers}" if one.layers[:1].isdigit() else ""
        onset = f", from depth {one.onset.split(' ')[0]} on" if one.onset else ""
        return f"The shapes of {a} and {b} differ{', but little,' if small else ''}{where}{onset}."
    if any(one.differs is Differs.NOT_FOUND for one in shapes):
        return f"No difference between the shapes of {a} and {b} was found."
    if shapes:
        return f"Whether the shapes of {a} and {b} differ was not tested."
    return comparison_answer(comparison)[0]


def _shapes(told: Sequence[Verdict]) -> Iterator[str]:
    """One sentence on all distances between diagrams."""
    groups = {
        mark: [one for one in told if one.differs is mark]
        for mark in (Differs.DIFFERENT, Differs.SMALL, Differs.NOT_FOUND, Differs.UNTESTED)
    }
    if not any(groups.values()):
        return
    a, b = told[0].networks
    different, small = groups[Differs.DIFFERENT], groups[Differs.SMALL]
    if different:
        head = f"The shapes of {a} and {b} differ"
    elif small:
        head = f"The shapes of {a} and {b} differ, but little: all layers are equivalent within "
        head += "the margin"
    elif groups[Differs.NOT_FOUND]:
        head = f"No difference between the shapes of {a} and {b} was found; smaller ones than this "
        head += "design can find may be there"
    else:
        head = f"Whether the shapes of {a} and {b} differ was not tested, or cannot be with so "
        head += "few draws"
    parts = [f"{one.measure}: {_part(one)}" for one in (*different, *small)]
    alike = groups[Differs.NOT_FOUND] if different or small else []
    if alike:
        parts.append(f"none found by {all_of([one.measure for one in alike])}")
    yield f"{head} ({'; '.join(parts)})." if parts else f"{head}."


def _part(one: Verdict) -> str:
    onset = f", from depth {one.onset} on" if one.onset else ""
    size = f", {one.size}" if one.size else ""
    return f"{one.layers}{size}{onset}"


def _paired(told: Sequence[Verdict], comparison: Comparison) -> Iterator[str]:
    """One sentence on all similarities of paired samples."""
    good = [one for one in told if one.differs is not Differs.NO_VALUE]
    if not good:
        return
    parts = [f"{one.measure} {one.size.removeprefix('mean ')}" for one in good]
    noise = comparison.layers[comparison.layers["measure"] == "cka"]["noise"]
    scale = (
        f"; CKA is 1 for equal layers and {number(noise.mean(), 2)} for unrelated samples"
        if noise.notna().any()
        else ""
    )
    yield f"Sample by sample, over all layers: {all_of(parts)}{scale}."


def _sure(comparison: Comparison) -> str:
    """What the intervals and tests are over."""
    attrs = comparison.attrs
    how = all_of(sorted(set(attrs["paired"].values())))
    tests = sum(int(one["tests"]) for one in attrs["families"])
    held = (
        f"{tests} tests, corrected in {len(attrs['families'])} "
        f"famil{'y' if len(attrs['families']) == 1 else 'ies'}"
        if tests
        else "nothing was tested"
    )
    return (
        f"How sure: {held}, over {attrs['replicates']} {how} draws of {points_text(attrs)}: this "
        "speaks of these networks over data, not of training them again."
    )
