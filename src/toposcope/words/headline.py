"""The first line of a report: one sentence for everybody, and one mark of how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from toposcope.findings.findings import Findings
from toposcope.findings.places import Place
from toposcope.stats import Effect
from toposcope.stats.turns import Course
from toposcope.words.changes import change_sentence, null_name
from toposcope.words.formats import all_of, short_name, step_text
from toposcope.words.plain import Plain, plain
from toposcope.words.statistics import phrase


class Sureness(StrEnum):
    """How a headline stands."""

    BEYOND = "beyond"
    ALIKE = "alike"
    NO_NULL = "no-null"
    UNSURE = "unsure"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Headline:
    """What stands on top of a page.

    Parameters
    ----------
    sentence
        For everybody.
    sureness
        How sure it is.
    mark
        That in a few words.
    why
        What the mark means, in a sentence.
    """

    sentence: str
    sureness: Sureness
    mark: str
    why: str


def headline(findings: Findings, points: str = "samples") -> Headline:
    """The first line of a report.

    Parameters
    ----------
    findings
        What was found.
    points
        What a point is, in the plural: images, texts, samples.
    """
    if not findings.changes:
        return Headline(
            "One layer measured once has nothing to be compared with: its shape stands below.",
            Sureness.NOTHING,
            "nothing compared",
            "A change needs two layers or checkpoints on the same draws, and two draws or more.",
        )
    top = findings.changes[0]
    sureness = sureness_of(top)
    return Headline(
        _sentence(findings, top, sureness, points),
        sureness,
        *_mark(top, sureness, findings.changes),
    )


def brief(findings: Findings, points: str = "samples") -> list[str]:
    """The answer in three sentences: for everybody, in numbers, and how sure it is."""
    top = headline(findings, points)
    numbers = [change_sentence(findings.changes)] if findings.changes else []
    return [top.sentence, *numbers, f"How sure: {top.mark} ({top.why[:-1]})."]


def sureness_of(effect: Effect[Place]) -> Sureness:
    """How a change stands: beyond its nulls, sure, or not."""
    if not effect.sure:
        return Sureness.UNSURE
    if not effect.nulls:
        return Sureness.NO_NULL
    return Sureness.BEYOND if effect.exceeds_nulls else Sureness.ALIKE


def _sentence(findings: Findings, top: Effect[Place], sureness: Sureness, points: str) -> str:
    place = top.where
    told = plain(top.statistic, top.homology_dimension) or Plain(
        f"the {phrase(top.statistic, top.homology_dimension)}", "rises", "falls"
    )
    subject = told.subject.format(points=points)
    if sureness is Sureness.UNSURE:
        return (
            f"No change is sure: inside {_network(place)}, nothing that was measured surely "
            f"changes {'over training' if place.step else 'from layer to layer'}."
        )
    what, there = _course(findings, top, told)
    end = {
        Sureness.BEYOND: f", {there}more than comparable random clouds do",
        Sureness.ALIKE: "; comparable random clouds may do the same",
    }.get(sureness, "")
    return f"Inside {_network(place)}, {subject} {what}{end}."


def _network(place: Place) -> str:
    return place.run if place.step is None else short_name(place.model)


def _course(findings: Findings, top: Effect[Place], told: Plain) -> tuple[str, str]:
    """What the curve does, as far as draws bear it out and the change told is part of it.

    Second: "there " where only a part of it is the change that was tested against the nulls.
    """
    place, rises = top.where, top.change > 0
    if place.step is not None:
        steps = f"from {step_text(place.against_step)} to {step_text(place.step)}"
        return f"{told.verb(rises)} in training ({place.layer}, {steps})", ""
    layers = findings.analyses[place.analysis].layers
    whole = (place.against, place.layer) == (layers[0], layers[-1])
    if findings.course is not None:
        text = course_text(findings.course, layers, told)
        stretches = findings.course.stretches
        first, last = layers.index(place.against), layers.index(place.layer)
        inside = any(a <= first and last <= b and up == rises for a, b, up in stretches)
        if text and inside:
            if whole:
                return text, ""
            return f"{text}; most clearly from {place.against} to {place.layer}", "there "
    return f"{told.verb(rises)} from {place.against} to {place.layer}", ""


def course_text(course: Course, layers: Sequence[str], told: Plain) -> str:
    """What a curve over layers does; "" where it is no tale of a few words.

    >>> layers = [f"block{i}" for i in range(1, 28)]
    >>> course_text(Course((0, 22, 26), True, 27, 0.95), layers, Plain("loops"))
    'grow up to the 23rd of 27 layers (block23), then shrink'
    >>> course_text(Course((0, 26), False, 27, 0.95), layers, Plain("loops"))
    'shrink from the first layer to the last'
    >>> course_text(Course((0, 2, 5, 9, 20, 26), False, 27, 0.95), layers, Plain("loops"))
    ''
    """
    stretches = course.stretches
    if not stretches or len(stretches) > 3:
        return ""
    if course.at == (0, course.size - 1):
        return f"{told.verb(course.rises)} from the first layer to the last"
    parts = []
    for i, (start, end, up) in enumerate(stretches):
        begin = f" from the {ordinal(start + 1)}" if i == 0 and start > 0 else ""
        whole = i == len(stretches) - 1 and end == course.size - 1
        of = f" of {course.size} layers" if i == 0 else ""
        to = "" if whole else f" up to the {ordinal(end + 1)}{of} ({layers[end]})"
        parts.append(f"{told.verb(up)}{begin}{to}")
    return ", then ".join(parts)


def ordinal(number: int) -> str:
    """A place in a row.

    >>> [ordinal(i) for i in (1, 2, 3, 4, 11, 22, 103)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd', '103rd']
    """
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"


def _mark(
    top: Effect[Place], sureness: Sureness, changes: Sequence[Effect[Place]]
) -> tuple[str, str]:
    """A few words and a sentence on how sure a headline is."""
    how = (
        f"{top.looked_at:,} changes were looked at; all intervals, and those of what lies beyond "
        f"the nulls, hold together with {100 * top.level:g} %"
        if top.nulls
        else f"{top.looked_at:,} changes were looked at; all intervals hold together with "
        f"{100 * top.level:g} %"
    )
    over = f"over {top.n} draws of samples: they speak of this network, not of training it again"
    nulls = all_of([null_name(one) for one in top.nulls])
    which = f"{'null' if len(top.nulls) == 1 else 'nulls'} {nulls}"
    if sureness is Sureness.BEYOND:
        beyond = sum(effect.exceeds_nulls for effect in changes)
        return f"sure, and beyond the {which}", f"{how}, {over}. {beyond:,} exceed every null."
    if sureness is Sureness.ALIKE:
        return "sure, but a null does the same", (
            f"{how}, {over}. No change exceeds every null: what the {which} "
            f"keep{'s' * (len(top.nulls) == 1)} of the data may be all of it."
        )
    if sureness is Sureness.NO_NULL:
        return "sure; no null to compare with", f"{how}, {over}."
    return "not sure", f"{how}, {over}; none of them excludes zero."
