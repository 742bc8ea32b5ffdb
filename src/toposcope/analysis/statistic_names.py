"""Names of statistics, as they stand in tables."""

from __future__ import annotations

DUPLICATES = "duplicates"
"""Points of a cloud that repeat another one; no row where there are none."""


def at(statistic: str, threshold: float) -> str:
    """Name of a statistic at a threshold, as it stands in tables.

    Examples
    --------
    >>> at("betti_number", 0.25)
    'betti_number@0.25'
    """
    return f"{statistic}@{threshold:.12g}"


def split_statistic(name: str) -> tuple[str, float | None]:
    """Statistic and threshold of a name in a table; None where there is no threshold.

    Examples
    --------
    >>> split_statistic("betti_total@0.5"), split_statistic("scale")
    (('betti_total', 0.5), ('scale', None))
    """
    statistic, sign, threshold = name.partition("@")
    return statistic, float(threshold) if sign else None
