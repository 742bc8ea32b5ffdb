"""Anybody's table of accuracies and scores: what each column is taken for, and what is kept apart.

One row is one fine-tune. Rows of one model on one target under one protocol are repeats of each
other; rows of other targets or protocols are never averaged with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import SpecError
from toposcope.types import near_matches

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ACCURACY, MODEL = "accuracy", "model"
TARGETS = ("target", "dataset")
"""Columns that name the target data, the first that is there."""
REPEATS = ("seed", "repeat", "run", "fold", "trial", "replicate")
"""Columns that number repeated fine-tunes."""
NUMBERS = ("index", "row", "id")
"""Columns that number rows, beside the nameless one that pandas writes."""
PROTOCOLS = (
    "protocol",
    "method",
    "recipe",
    "train",
    "test",
    "shots",
    "epochs",
    "lr",
    "learning_rate",
    "batch_size",
    "optimizer",
    "resolution",
)
"""Columns that say how a model was fine-tuned: rows that differ in them are kept apart."""


@dataclass(frozen=True)
class Measured:
    """Models fine-tuned under one protocol, by one accuracy column.

    Parameters
    ----------
    accuracy
        The column.
    protocol
        Column -> value of what is kept apart; empty where the file has one protocol.
    targets, models
        Names, in the order of the file; one target "" where the file names none.
    repeats
        (S, T, M) accuracies of single fine-tunes; NaN where there is none.
    scores
        Column -> (T, M) means over repeats; NaN where there is no value.
    """

    accuracy: str
    protocol: Mapping[str, str]
    targets: tuple[str, ...]
    models: tuple[str, ...]
    repeats: Array
    scores: Mapping[str, Array]

    @property
    def truth(self) -> Array:
        """(T, M) mean accuracies; NaN where a model was not fine-tuned."""
        return mean_of_known(self.repeats)

    def only(self, target: str) -> Measured:
        """One of several targets."""
        t = self.targets.index(target)
        return Measured(
            self.accuracy,
            self.protocol,
            (target,),
            self.models,
            self.repeats[:, t : t + 1],
            {name: values[t : t + 1] for name, values in self.scores.items()},
        )


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Parameters
    ----------
    measured
        One entry per protocol and accuracy column.
    reading
        JSON-able: `rows`, `models`, `targets`, `accuracies`, `scores`, `kept_apart` (columns that
        keep rows apart), `repeats` (the column that numbers them, or None), `ignored` (column ->
        why), `without_accuracy` and `without_score` (empty cells).
    """

    measured: tuple[Measured, ...]
    reading: Mapping[str, Any]

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of all score columns."""
        return tuple(self.reading["scores"])

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of all targets; empty where the file names none."""
        return tuple(self.reading["targets"])


def mean_of_known(values: Array) -> Array:
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))


def read_accuracies(path: Path | str, accuracy: Sequence[str] = ()) -> Table:
    r"""Read a CSV with one fine-tune per row.

    Parameters
    ----------
    path
        CSV with the columns `model`, accuracies, and optionally `target`, one of `REPEATS`, columns
        of `PROTOCOLS`, and scores: all other numbers. A column of words whose values go across
        models is a protocol too; one that names or describes single models is left out, and said.
        Empty cells are holes: what else is in their row is used.
    accuracy
        Names of accuracy columns; empty: `accuracy` and all that begin with `accuracy_`.

    Raises
    ------
    SpecError
        Unreadable files, missing columns, accuracies that are no numbers, rows without a model, one
        repeat written twice.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "accuracies.csv"
    >>> _ = file.write_text("target,model,accuracy,mine\nx,a,.9,3\nx,b,.8,2\ny,a,.7,1\n")
    >>> table = read_accuracies(file)
    >>> table.measured[0].truth
    array([[0.9, 0.8],
           [0.7, nan]])
    """
    file = Path(path)
    frame = _frame(file)
    columns = [str(name) for name in frame.columns]
    names = _accuracy_columns(frame, columns, accuracy, file)
    target = next((one for one in TARGETS if one in columns and one not in names), None)
    known = [MODEL, *names, *([target] if target else [])]
    repeats = next((one for one in REPEATS if one in columns and one not in known), None)
    apart, scores, ignored = _sorted_out(frame, [c for c in columns if c not in known], repeats)
    protocols = [one for one in apart if frame[one].nunique(dropna=False) > 1]
    frame = frame.assign(**{one: frame[one].map(_word) for one in (*protocols, *_some(target))})
    groups = _groups(frame, protocols)
    for where, rows in groups:
        _refuse_repeated_rows(rows, target, repeats, where, file)
    measured = tuple(
        one
        for where, rows in groups
        for name in names
        if (one := _measured(rows, name, where, target, scores)) is not None
    )
    if not measured:
        msg = f"evaluate: no row of {file} has an accuracy in {', '.join(names)}."
        raise SpecError(msg)
    reading = {
        "rows": len(frame),
        "models": list(dict.fromkeys(frame[MODEL])),
        "targets": [] if target is None else list(dict.fromkeys(frame[target])),
        "accuracies": names,
        "scores": scores,
        "kept_apart": protocols,
        "repeats": repeats,
        "ignored": ignored,
        "without_accuracy": int(frame[names].isna().sum().sum()),
        "without_score": int(frame[scores].isna().sum().sum()) if scores else 0,
    }
    return Table(measured, reading)


def _frame(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.read_csv(file)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        msg = f"evaluate: {file} is not a readable CSV: {error}."
        raise SpecError(msg) from error
    if MODEL not in frame.columns:
        msg = f"evaluate: {file} has no column 'model'; it has {', '.join(map(str, frame))}."
        raise SpecError(msg)
    nameless = int(frame[MODEL].isna().sum())
    if nameless or frame.empty:
        what = f"{nameless} of {len(frame)} rows of {file} name no model" if len(frame) else ""
        msg = f"evaluate: {what or f'{file} has no rows'}; every row is one fine-tune of one model."
        raise SpecError(msg)
    return frame.assign(model=frame[MODEL].astype(str)).replace([np.inf, -np.inf], np.nan)


def _accuracy_columns(
    frame: pd.DataFrame, columns: Sequence[str], asked: Sequence[str], file: Path
) -> list[str]:
    import pandas as pd

    names = list(asked) or [
        name for name in columns if name == ACCURACY or name.startswith(f"{ACCURACY}_")
    ]
    if not names:
        msg = (
            f"evaluate: {file} has no column 'accuracy'; it has {', '.join(columns)}. Name one "
            "with --accuracy COLUMN."
        )
        raise SpecError(msg)
    for name in names:
        if name not in columns:
            msg = f"evaluate: {file} has no column {name!r}. {near_matches(name, columns)}"
            raise SpecError(msg)
        if not pd.api.types.is_numeric_dtype(frame[name]) or frame[name].isna().all():
            msg = f"evaluate: column {name!r} of {file} holds values that are no numbers."
            raise SpecError(msg)
    return list(dict.fromkeys(names))


def _sorted_out(
    frame: pd.DataFrame, columns: Sequence[str], repeats: str | None
) -> tuple[list[str], list[str], dict[str, str]]:
    """Columns that keep rows apart, columns of scores, and the others with the reason."""
    import pandas as pd

    apart, scores, ignored = [], [], {}
    for name in columns:
        values = frame[name]
        if name == repeats:
            continue
        if name in PROTOCOLS:
            apart.append(name)
        elif name in REPEATS:
            ignored[name] = f"repeats are numbered by {repeats}"
        elif values.isna().all():
            ignored[name] = "it is empty"
        elif pd.api.types.is_numeric_dtype(values):
            if name.startswith("Unnamed") or name.lower() in NUMBERS:
                ignored[name] = "it numbers the rows"
            else:
                scores.append(name)
        elif frame.groupby(MODEL, sort=False)[name].nunique(dropna=False).max() == 1:
            ignored[name] = "words that describe models"
        elif frame.groupby(name)[MODEL].nunique().max() == 1:
            ignored[name] = "words of single rows"
        else:
            apart.append(name)
    return apart, scores, ignored


def _word(value: Any) -> str:
    if isinstance(value, float) and np.isnan(value):
        return "(none)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _some(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _groups(
    frame: pd.DataFrame, protocols: Sequence[str]
) -> list[tuple[dict[str, str], pd.DataFrame]]:
    if not protocols:
        return [({}, frame)]
    return [
        (dict(zip(protocols, map(str, values), strict=True)), rows)
        for values, rows in frame.groupby(list(protocols), sort=False)
    ]


def _refuse_repeated_rows(
    rows: pd.DataFrame,
    target: str | None,
    repeats: str | None,
    where: Mapping[str, str],
    file: Path,
) -> None:
    """Two rows with one seed are two other things than repeats, or one thing twice."""
    if repeats is None:
        return
    named = [MODEL, *_some(target), repeats]
    again = rows[rows.duplicated(named)]
    if again.empty:
        return
    first = ", ".join(f"{name} {again.iloc[0][name]}" for name in named)
    kept = ", ".join((*_some(target), *where)) or "nothing"
    msg = (
        f"evaluate: {len(again)} rows of {file} repeat one that is there ({first}; kept apart by "
        f"{kept}). Remove them, or add a column 'protocol' that tells them apart."
    )
    raise SpecError(msg)


def _measured(
    rows: pd.DataFrame,
    name: str,
    where: Mapping[str, str],
    target: str | None,
    scores: Iterable[str],
) -> Measured | None:
    """One protocol and accuracy as arrays; None where it has no accuracy at all."""
    models = tuple(dict.fromkeys(rows[MODEL]))
    targets = ("",) if target is None else tuple(dict.fromkeys(rows[target]))
    cells = [
        (targets.index("" if target is None else key[1]), models.index(key[0]), group)
        for key, group in rows.groupby([MODEL, *_some(target)], sort=False)
    ]
    shape = (len(targets), len(models))
    accuracies = np.full((max(len(group) for *_, group in cells), *shape), np.nan)
    means = {score: np.full(shape, np.nan) for score in scores}
    for t, m, group in cells:
        values = group[name].dropna().to_numpy(float)
        accuracies[: len(values), t, m] = values
        for score, grid in means.items():
            grid[t, m] = group[score].mean()
    if np.isnan(accuracies).all():
        return None
    filled = np.isfinite(accuracies).any(axis=(1, 2))
    return Measured(name, dict(where), targets, models, accuracies[filled], means)
