"""Which options of a command stand together in its help: first the few that most people need."""

from __future__ import annotations

FIRST = "Options most people need"

PANELS: dict[str, dict[str, tuple[str, ...]]] = {
    "capture": {
        FIRST: ("run", "layers", "weights", "n", "pool"),
        "Samples": ("per_class", "ids", "max_tokens", "channels"),
        "Series and nulls": ("steps", "step", "twin"),
    },
    "layers": {FIRST: ("data", "layers", "weights")},
    "analyze": {
        FIRST: ("points", "replicates", "homology_dimensions", "null", "per_class"),
        "Which filtration": (
            "complex",
            "neighbors",
            "weighted",
            "quantile",
            "thresholds",
            "construction",
            "superlevel",
            "maps",
            "diagrams",
            "max_edge_length",
            "coeff",
        ),
        "Which clouds": ("normalize", "metric", "points_are", "samples", "overlapping", "seed"),
        "Statistics and plans": ("level", "preregister", "frozen", "note"),
    },
    "compare": {
        FIRST: ("measures", "report", "out", "margin", "points"),
        "Which analyses": (
            "analysis",
            "step",
            "homology_dimensions",
            "replicates",
            "normalize",
            "equalize",
        ),
        "Statistics and plans": (
            "test",
            "level",
            "margin_unit",
            "calibrate",
            "seed",
            "preregister",
            "plan",
            "note",
        ),
        "Of a POPULATION": ("by", "groups", "statistics", "configuration"),
    },
    "rank": {
        FIRST: ("target", "store", "scores", "n", "evaluate"),
        "Design": ("points", "replicates", "images", "threshold", "level", "seed"),
        "Rankings and accuracies that are there": (
            "board",
            "accuracy",
            "lower_is_better",
            "every_score",
        ),
    },
    "report": {FIRST: ("out", "title", "analysis", "configuration")},
}
"""Panels by command; what is in none stands in the last one."""

REST = "How it is run"


def panels_of(command: str, names: list[str]) -> list[tuple[str, list[str]]]:
    """The panels of a command with the options that it has, none left out.

    >>> panels_of("layers", ["data", "weights", "help"])
    [('Options most people need', ['data', 'weights']), ('How it is run', ['help'])]
    >>> panels_of("doctor", ["help"])
    [('Options', ['help'])]
    """
    known = PANELS.get(command, {})
    out = [(title, [one for one in of if one in names]) for title, of in known.items()]
    shown = {name for _, of in out for name in of}
    rest = [name for name in names if name not in shown]
    return [panel for panel in [*out, (REST if known else "Options", rest)] if panel[1]]
