"""One color and one marker per run, the same in every figure of a report.

Models get hues of the Okabe-Ito palette, which people with color blindness tell apart; checkpoints
of one model share its hue and go from pale to dark (on dark paper, to bright) by step. No line is
paler than a contrast of 3:1 against its paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

HUES: tuple[tuple[str, str], ...] = (
    ("#0072b2", "#5ab4e5"),
    ("#d55e00", "#f28e4b"),
    ("#00805f", "#3fc79c"),
    ("#a8518a", "#d98fbe"),
    ("#b07d00", "#e6b84d"),
    ("#4b5563", "#a9b4c2"),
)
"""(on light, on dark): Okabe-Ito hues, moved in lightness to keep a contrast of 3:1 or more."""

MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
NULL_COLOR = "#8a929c"
"""Of null models, on light paper."""
PAPER = ("#ffffff", "#14171c")
INK = 0.4
"""Share of black in the latest checkpoint on light paper, on which hues leave no room for steps."""
LEAST_CONTRAST = 3.05
"""Of the earliest checkpoint against its paper; WCAG 2.1 asks for 3 of what a figure is read by."""


@dataclass(frozen=True)
class Style:
    """How one run is drawn.

    Parameters
    ----------
    light, dark
        Hex color on light and on dark paper.
    marker
        Plotly marker symbol, one per model.
    """

    light: str
    dark: str
    marker: str


def mix(color: str, paper: str, share: float) -> str:
    """Hex color made of `share` of `color` on `paper`.

    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = ((int(color[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def contrast(a: str, b: str) -> float:
    """Contrast of two hex colors, 1 to 21, as WCAG 2.1 defines it.

    >>> contrast("#ffffff", "#000000"), round(contrast("#0072b2", "#ffffff"), 2)
    (21.0, 5.19)
    """
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@cache
def _ends(color: str, paper: str) -> tuple[str, str]:
    """Colors of the earliest and of the latest checkpoint in a hue."""
    shades = (mix(color, paper, share / 100) for share in range(1, 101))
    pale = next(one for one in shades if contrast(one, paper) >= LEAST_CONTRAST)
    return pale, mix("#000000", color, INK) if paper == PAPER[0] else color


def run_styles(attrs: Sequence[dict[str, Any]]) -> list[Style]:
    """Style of each run, from the `model`, `data`, `name` and `step` in its attrs.

    Runs with steps that share model and data form a sequence; a run without a step has a hue of
    its own, in full, unless model, data and name are another's too. More of them than hues repeat
    hues with other markers.

    >>> a, b = run_styles([{"model": "net", "step": 0}, {"model": "net", "step": 9}])
    >>> (a.marker == b.marker, a.light, b.light)
    (True, '#4a9bc8', '#00446b')
    >>> a, b = run_styles([{"model": "net", "data": "trec"}, {"model": "net", "data": "sst2"}])
    >>> a.light == b.light
    False
    """
    kinds = [_kind(one) for one in attrs]
    known = list(dict.fromkeys(kinds))
    out = []
    for one, kind in zip(attrs, kinds, strict=True):
        index = known.index(kind)
        shades = HUES[index % len(HUES)]
        marker = MARKERS[(index + index // len(HUES)) % len(MARKERS)]
        place = _place(one, [a for a, k in zip(attrs, kinds, strict=True) if k == kind])
        if place is not None:
            ends = (_ends(hue, paper) for hue, paper in zip(shades, PAPER, strict=True))
            light, dark = (mix(late, early, place) for early, late in ends)
            out.append(Style(light, dark, marker))
        else:
            out.append(Style(*shades, marker))
    return out


def _kind(one: dict[str, Any]) -> tuple[str, ...]:
    """What has one hue: a training on one data set, or a run that is no part of one."""
    same = (str(one.get("model")), str(one.get("data")))
    return same if one.get("step") is not None else (*same, str(one.get("name")))


def _place(one: dict[str, Any], siblings: list[dict[str, Any]]) -> float | None:
    """0 for the earliest step among the siblings, 1 for the latest; None where there is one."""
    steps = sorted({float(a["step"]) for a in siblings if a.get("step") is not None})
    if one.get("step") is None or len(steps) < 2:
        return None
    return steps.index(float(one["step"])) / (len(steps) - 1)
