"""What kind of folder a path is. Each kind is known by one file; none is written into another."""

from __future__ import annotations

from pathlib import Path

from toposcope.errors import UsageError

RUN, SERIES, COMPARISON, RANKING = "RUN", "SERIES", "comparison", "ranking"

MARKS = {
    RUN: "run.json",
    SERIES: "series.json",
    COMPARISON: "comparison.json",
    RANKING: "board.json",
}
"""The file that each kind of folder is known by."""

NEXT = {
    RUN: "toposcope info {0}",
    SERIES: "toposcope info {0} or pass one of the RUNs inside it; in Python, open_series() reads "
    "it and analyze_series() measures it",
    COMPARISON: "toposcope report {0}",
    RANKING: "toposcope report {0}",
}
"""What to type about a folder of each kind."""


def folder_kind(path: Path | str) -> str | None:
    """Kind of a folder; None for what is no folder of ours.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp())
    >>> folder_kind(place) is None
    True
    >>> _ = (place / "board.json").write_text("{}")
    >>> folder_kind(place)
    'ranking'
    """
    return next((kind for kind, mark in MARKS.items() if (Path(path) / mark).exists()), None)


def refuse_other_kind(path: Path | str, kind: str, call: str) -> None:
    """Raise before anything is written into a folder of another kind.

    Raises
    ------
    UsageError
        The folder holds something else already.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp())
    >>> refuse_other_kind(place, RUN, "capture()")
    >>> _ = (place / "series.json").write_text("{}")
    >>> try:
    ...     refuse_other_kind(place, RUN, "capture()")
    ... except UsageError as error:
    ...     print(str(error).replace(str(place), "FOLDER"))
    capture(): FOLDER is a SERIES already; name another folder for a RUN (-o).
    """
    found = folder_kind(path)
    if found not in (None, kind):
        msg = f"{call}: {path} is a {found} already; name another folder for a {kind} (-o)."
        raise UsageError(msg)


def what_is_no_run(path: Path | str) -> str:
    """What a path is that is no RUN, and what to type next.

    Examples
    --------
    >>> what_is_no_run("nowhere")[:40]
    'nowhere is no folder, so it is not a RUN'
    """
    kind = folder_kind(path)
    if kind is not None:
        return f"{path} is a {kind} folder, not a RUN. Type {NEXT[kind].format(path)}."
    what = "a folder without run.json" if Path(path).is_dir() else "no folder"
    return (
        f"{path} is {what}, so it is not a RUN. Make one with "
        "'toposcope capture MODEL DATA -o RUN' or ts.capture(..., store=...)."
    )
