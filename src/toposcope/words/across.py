"""The result of `across-papers` in one sentence that anyone can read."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.studies.across_statistics import Across
from toposcope.words.formats import all_of, minus

CHOICES = {
    "filter": "what is filtered",
    "normalize": "the normalization",
    "size": "the number of points",
    "pooled": "whether classes are pooled",
    "degree": "the degree of homology",
    "summary": "the summary of a diagram",
}


def headline(found: Across) -> str:
    """What a newspaper could print.

    Examples
    --------
    >>> part = (0.1, 0.0, 0.2)
    >>> shares = dict.fromkeys((*CHOICES, "interplay"), part) | {"filter": (0.4, 0.3, 0.5)}
    >>> lead = (0.6, 0.4, 0.8)
    >>> both = (0.8, 0.7, 0.9), (0.2, 0.1, 0.3)
    >>> found = Across(18, 3, 0.5, 0.3, 0.2, shares, *both, 10, lead, ("filter",), 1120)
    >>> headline(found).split("; ")[-1]
    'of single choices, most is decided by what is filtered (40 % [30, 50]).'
    """
    answers = (
        f"{_percent(found.falling)} say yes, {_percent(found.rising)} the opposite and "
        f"{_percent(found.neither)} cannot tell"
    )
    names = [f"{CHOICES[name]} ({_share(found.shares[name])})" for name in found.largest]
    return (
        f"Does topology simplify with depth? Of {found.analyses:,} analyses of the same "
        f"{found.networks} trained networks, {answers}: {_who(found)}; {_interplay(found)}of "
        f"single choices, most is decided by {_or(names)}."
    )


def _interplay(found: Across) -> str:
    """That no single choice decides alone, where the interval of their interplay lies above it."""
    together, first = found.shares["interplay"], found.shares[found.largest[0]]
    if not together[1] > first[2]:
        return ""
    return f"most of that lies in how choices combine ({_share(together)}); "


def _who(found: Across) -> str:
    """Whether the analysis or the network decides, where the interval of the difference says."""
    values = f"{_share(found.choices)} of the variance of the trends against {_share(found.within)}"
    _, low, high = found.lead
    if low > 0:
        return f"the analysis decides more than the network ({values})"
    if high < 0:
        return f"the network decides more than the analysis ({_swapped(found)})"
    return f"whether the analysis or the network decides more cannot be told ({values})"


def _swapped(found: Across) -> str:
    return f"{_share(found.within)} of the variance of the trends against {_share(found.choices)}"


def _or(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{all_of(list(names))}, which cannot be told apart"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _share(one: tuple[float, float, float]) -> str:
    value, low, high = (minus(f"{100 * x:.0f}") for x in one)
    return f"{value} % [{low}, {high}]"
