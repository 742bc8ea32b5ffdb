"""One color and one marker per run, the same in every figure of a report.

Models get hues of the Okabe-Ito palette, which people with color blindness tell apart; checkpoints
of one model share its hue and go from pale to full by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
PALEST = 0.45
"""Share of the full color in the earliest checkpoint."""


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


def run_styles(attrs: Sequence[dict[str, Any]]) -> list[Style]:
    """Style of each run, from the `model`, `data`, `name` and `step` in its attrs.

    Runs with steps that share model and data form a sequence; a run without a step has a hue of
    its own, in full, unless model, data and name are another's too. More of them than hues repeat
    hues with other markers.

    >>> a, b = run_styles([{"model": "net", "step": 0}, {"model": "net", "step": 9}])
    >>> (a.marker == b.marker, a.light, b.light)
    (True, '#8cc0dc', '#0072b2')
    >>> a, b = run_styles([{"model": "net", "data": "trec"}, {"model": "net", "data": "sst2"}])
    >>> a.light == b.light
    False
    """
    kinds = [_kind(one) for one in attrs]
    known = list(dict.fromkeys(kinds))
    out = []
    for one, kind in zip(attrs, kinds, strict=True):
        index = known.index(kind)
        light, dark = HUES[index % len(HUES)]
        marker = MARKERS[(index + index // len(HUES)) % len(MARKERS)]
        share = _share(one, [a for a, k in zip(attrs, kinds, strict=True) if k == kind])
        out.append(Style(mix(light, PAPER[0], share), mix(dark, PAPER[1], share), marker))
    return out


def _kind(one: dict[str, Any]) -> tuple[str, ...]:
    """What has one hue: a training on one data set, or a run that is no part of one."""
    same = (str(one.get("model")), str(one.get("data")))
    return same if one.get("step") is not None else (*same, str(one.get("name")))


def _share(one: dict[str, Any], siblings: list[dict[str, Any]]) -> float:
    """Share of full color: rises with the rank of the step among the siblings."""
    steps = sorted({float(a["step"]) for a in siblings if a.get("step") is not None})
    if one.get("step") is None or len(steps) < 2:
        return 1.0
    return PALEST + (1 - PALEST) * steps.index(float(one["step"])) / (len(steps) - 1)
