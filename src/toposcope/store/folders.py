"""What kind of folder a path is. Each kind is known by one file; none is written into another."""

from __future__ import annotations

import os
from pathlib import Path

from toposcope.errors import UsageError
from toposcope.store.objects import LocalObjects, Place, objects_in

RUN, SERIES, COMPARISON, RANKING = "RUN", "SERIES", "comparison", "ranking"
POPULATION, STUDY, GROUPS = "population", "study", "comparison of groups"

MARKS = {
    RUN: "run.json",
    SERIES: "series.json",
    COMPARISON: "comparison.json",
    RANKING: "board.json",
    POPULATION: "population.csv",
    STUDY: "study.json",
    GROUPS: "groups.json",
}
"""The file that each kind of folder is known by."""

NEXT = {
    RUN: "toposcope info {0}",
    SERIES: "toposcope info {0} or pass one of the RUNs inside it; in Python, open_series() reads "
    "it and analyze_series() measures it",
    COMPARISON: "toposcope report {0}, or in Python ts.Comparison.load({0!r})",
    RANKING: "toposcope report {0}",
    POPULATION: "toposcope compare {0} --by COLUMN or toposcope report {0}, or in Python "
    "ts.population({0!r})",
    STUDY: "toposcope report {0}",
    GROUPS: "toposcope report {0}, or in Python ts.GroupComparison.load({0!r})",
}
"""What to type about a folder of each kind."""


HOW = {
    RUN: "'toposcope capture MODEL DATA -o RUN' or ts.capture(..., store=...)",
    SERIES: "\"toposcope capture MODEL DATA --weights 'checkpoints/*' -o SERIES\"",
}
"""How folders that are opened by their path are made."""


def folder_kind(place: Place) -> str | None:
    """Kind of a folder; None for what is no folder of ours.

    Examples
    --------
    >>> import tempfile
    >>> place = objects_in(tempfile.mkdtemp())
    >>> folder_kind(place) is None
    True
    >>> place.put("board.json", b"{}")
    >>> folder_kind(place)
    'ranking'
    """
    objects = objects_in(place)
    return next((kind for kind, mark in MARKS.items() if objects.exists(mark)), None)


def refuse_other_kind(place: Place, kind: str, call: str) -> None:
    """Raise before anything is written into a folder of another kind.

    Raises
    ------
    UsageError
        The folder holds something else already.

    Examples
    --------
    >>> import tempfile
    >>> place = objects_in(tempfile.mkdtemp())
    >>> refuse_other_kind(place, RUN, "capture()")
    >>> place.put("series.json", b"{}")
    >>> try:
    ...     refuse_other_kind(place, RUN, "capture()")
    ... except UsageError as error:
    ...     print(str(error).replace(place.where(), "FOLDER"))
    capture(): FOLDER is a SERIES already; name another folder for a RUN (-o).
    """
    there = folder_kind(place)
    if there not in (None, kind):
        where = objects_in(place).where()
        msg = f"{call}: {where} is a {there} already; name another folder for a {kind} (-o)."
        raise UsageError(msg)


def what_is_no(kind: str, place: Place) -> str:
    """What a place is that is no RUN, or no SERIES, and what to type next.

    Examples
    --------
    >>> what_is_no(RUN, "nowhere")[:40]
    'nowhere is no folder, so it is not a RUN'
    """
    objects = objects_in(place)
    where, there = objects.where(), folder_kind(objects)
    if there is not None:
        return f"{where} is a {there} folder, not a {kind}. Type {NEXT[there].format(where)}."
    nowhere = isinstance(objects, LocalObjects) and not objects.path.is_dir()
    what = "no folder" if nowhere else f"a folder without {MARKS[kind]}"
    return f"{where} is {what}, so it is not a {kind}. Make one with {HOW[kind]}."


def user_cache() -> Path:
    """`$TOPOSCOPE_CACHE`, else the user's cache folder; the one that compiled kernels are in."""
    chosen = os.environ.get("TOPOSCOPE_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "toposcope"
