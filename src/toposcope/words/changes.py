"""Changes over training or depth, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toposcope.findings.places import Place
from toposcope.stats import Beyond, Effect
from toposcope.words.formats import all_of, level_text, percent, short_name, signed, step_text
from toposcope.words.statistics import phrase


def network_text(place: Place) -> str:
    """The network that a change is about; in a training by its model, at its later step.

    >>> from toposcope.findings import Step
    >>> network_text(Place(0, "cnn step 9", "py:nets:small_cnn", "a", "a", Step(9.0), Step(0.0)))
    'small_cnn at step 9'
    >>> network_text(Place(0, "resnet20", "py:nets:resnet20", "b", "a"))
    'resnet20'
    """
    if place.step is None:
        return place.run
    return f"{short_name(place.model)} at {step_text(place.step)}"


def place_text(place: Place) -> str:
    """What is compared with what.

    >>> from toposcope.findings import Step
    >>> place_text(Place(0, "resnet20", "py:nets:resnet20", "b", "a"))
    'resnet20: b against a'
    >>> place_text(Place(0, "cnn step 9", "py:nets:cnn", "a", "a", Step(9.0), Step(0.0)))
    'cnn a: step 9 against step 0'
    >>> place_text(Place(0, "resnet20", "py:nets:resnet20", "b", "a", label="cat", classes=5))
    'resnet20: b against a, class cat'
    """
    inside = f", class {place.label}" if place.label else ""
    if place.step is None:
        return f"{place.run}: {place.layer} against {place.against}{inside}"
    steps = f"{step_text(place.step)} against {step_text(place.against_step)}"
    return f"{short_name(place.model)} {place.layer}: {steps}{inside}"


def effect_text(effect: Effect[Place]) -> str:
    """A change in one line of plain ASCII, for terminals."""
    degree = "" if effect.homology_dimension is None else f"H{effect.homology_dimension} "
    shown = f"{percent(effect.change)} [{percent(effect.low)}, {percent(effect.high)}]"
    return f"{place_text(effect.where)}: {degree}{effect.statistic} {shown}"


def change_sentence(effects: Sequence[Effect[Place]]) -> str:
    """The clearest change, or that none is clear."""
    if not effects:
        return (
            "No change could be compared: comparisons need two layers or checkpoints with the same "
            "draws, and two replicates or more."
        )
    top = effects[0]
    where = place_text(top.where).replace(": ", ", ", 1)
    what = phrase(top.statistic, top.homology_dimension)
    interval = f"{level_text(top.level)} interval {signed(top.low)} to {signed(top.high)}"
    if top.low <= 0 <= top.high:
        others = "the interval of the one comparison contains zero"
        if top.looked_at > 1:
            others = f"the intervals of all {top.looked_at:,} changes looked at contain zero"
        return (
            f"No change is sure: {others}; the nearest to one is "
            f"{what} in {where}, {signed(top.change)} ({interval}, {_units(top)})."
        )
    others = f"{top.looked_at:,} changes looked at" if top.looked_at > 1 else "one comparison"
    verb = "rises" if top.change > 0 else "falls"
    by = f"by {percent(abs(top.change)).lstrip('+')}"
    if top.change >= 9:
        verb, by = "grows", f"{percent(top.change).lstrip('x')}-fold"
    return (
        f"The clearest of {others}: the {what} {verb} {by} ({interval}, corrected for all of them; "
        f"{_units(top)}) in {where}.{_shown_by_nulls(top)}"
    )


def _units(effect: Effect[Place]) -> str:
    """How many independent units an effect is over: draws, however many classes each has.

    >>> place = Place(0, "net", "net", "b", "a", classes=5)
    >>> _units(Effect(place, "scale", None, 1.0, 1.0, 1.0, 9, 0.95, 3))
    '3 draws, mean over 5 classes'
    """
    classes = effect.where.classes
    if not classes:
        return f"{effect.n} replicates"
    draws = f"{effect.n} draw{'s' * (effect.n != 1)}"
    return draws if effect.where.label else f"{draws}, mean over {classes} classes"


def class_sentence(effects: Sequence[Effect[Place]]) -> str:
    """Which classes change otherwise than all of them on the mean; empty where they are pooled.

    Each class and layer once, by its clearest statistic; five of them at most.
    """
    if not effects:
        return ""
    first = effects[0]
    sure = [effect for effect in effects if not effect.low <= 0 <= effect.high]
    how = (
        f"{level_text(first.level)} intervals of {first.n} draws, corrected for all "
        f"{first.looked_at:,} changes looked at"
    )
    if not sure:
        return (
            f"Class by class ({first.where.classes} classes), no class is sure to change otherwise "
            f"than all of them on the mean ({how})."
        )
    told: dict[tuple[str, Place], Effect[Place]] = {}
    for effect in sure:
        told.setdefault((effect.where.label, effect.where), effect)
    shown = list(told.values())
    named = "; ".join(_class_text(effect) for effect in shown[:CLASSES_TOLD])
    rest = len(shown) - CLASSES_TOLD
    more = f"; and {rest} more" if rest > 0 else ""
    return (
        f"Class by class ({first.where.classes} classes), beside the mean change of all of them: "
        f"{named}{more} ({how})."
    )


CLASSES_TOLD = 5
"""Changes of single classes in the sentence; all of them are in `Findings.class_changes`."""


def _class_text(effect: Effect[Place]) -> str:
    """One class: "class 3, H0 lifespan sum +98 % [+80 %, +118 %] in net, b against a"."""
    interval = f"[{signed(effect.low)}, {signed(effect.high)}]"
    what = phrase(effect.statistic, effect.homology_dimension)
    where = place_text(replace(effect.where, label="")).replace(": ", ", ", 1)
    return f"class {effect.where.label}, {what} {signed(effect.change)} {interval} in {where}"


def _shown_by_nulls(effect: Effect[Place]) -> str:
    """That a null changes alike, which a reader of the first sentence alone has to know."""
    alike = [null_name(beyond) for beyond in effect.nulls if beyond.low <= 0 <= beyond.high]
    if not alike:
        return ""
    which = f"the {alike[0]} null" if len(alike) == 1 else f"the nulls {all_of(alike)}"
    return f" It cannot be told from the change of {which}: what is kept there may be all of it."


def null_name(beyond: Beyond) -> str:
    """A null model inside a sentence."""
    return beyond.null.replace("_", " ")


def change_rows(effects: Sequence[Effect[Place]], *, shown: int = 3) -> list[dict[str, str]]:
    """The first few changes as cells of a table."""
    return [
        {
            "where": place_text(effect.where),
            "what": phrase(effect.statistic, effect.homology_dimension),
            "change": signed(effect.change),
            "interval": f"[{signed(effect.low)}, {signed(effect.high)}]",
            "n": str(effect.n),
            "beyond": "; ".join(map(_beyond, effect.nulls)),
            "exceeds": "yes" if effect.exceeds_nulls else "",
        }
        for effect in effects[:shown]
    ]


def _beyond(beyond: Beyond) -> str:
    """What of a change a null does not show: "gaussian −3 % [−8 %, +2 %]"."""
    interval = f"[{signed(beyond.low)}, {signed(beyond.high)}]"
    return f"{null_name(beyond)}: {signed(beyond.beyond)} {interval}"
