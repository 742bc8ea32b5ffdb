"""Values that say to which class samples belong, as one array of one kind; none missing.

Whole numbers, truth values or names. What a value that is not there looks like is known here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError

UNLABELLED = -1
"""Label of a sample without one; `labels >= 0` are those with one."""
MISSING_WORDS = frozenset(
    (
        *("", "?", "nan", "NaN", "NAN", "-nan", "-NaN", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>"),
        *("NaT", "NULL", "Null", "null", "None", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN"),
    )
)
"""What pandas, NumPy, R, Excel and the UCI archive write for a value that is not there."""
LARGEST = 1 << 62


@dataclass(frozen=True)
class Reading:
    """What the messages of one reading of labels have in common.

    Parameters
    ----------
    where
        The call or DATA argument.
    without
        What to do to go on without labels.
    error
        Class of the error.
    marks
        Whether -1 may mark samples without a label.
    """

    where: str
    without: str = "pass no labels"
    error: type[UsageError] = UsageError
    marks: bool = False

    def refuse(self, text: str) -> NoReturn:
        """Raise the error of this reading."""
        msg = f"{self.where}: {text}"
        raise self.error(msg)


def is_missing(value: object) -> bool:
    """Whether one cell says that it has no value.

    Examples
    --------
    >>> [is_missing(one) for one in (None, float("nan"), " ", "NA", 0, "no", -1)]
    [True, True, True, True, False, False, False]
    """
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, bytes):
        return value.strip().decode(errors="replace") in MISSING_WORDS
    if isinstance(value, str):
        return value.strip() in MISSING_WORDS
    if type(value).__name__ == "Decimal":
        return "nan" in str(value).lower()  # comparing a signalling one raises
    if isinstance(value, Real):
        return bool(value != value)  # NaN alone is not itself
    # pandas.NA and NaT, known by name: nothing here may need pandas.
    return type(value).__name__ in ("NAType", "NaTType") or (
        isinstance(value, (np.datetime64, np.timedelta64)) and bool(np.isnat(value))
    )


def label_values(
    values: Any, n: int, names: Sequence[str] = (), *, reading: Reading
) -> NDArray[Any]:
    """Labels as an (n,) array of whole numbers from 0, truth values, or text; none missing.

    Parameters
    ----------
    values, n
        As in `read_labels`.
    names
        Names of classes; a word such as "None" counts as missing unless it is one of them.
    reading
        Whose labels they are. -1 passes where it marks samples without a label and some other
        label is none.

    Examples
    --------
    >>> label_values([2.0, 0.0], 2, reading=Reading("y"))
    array([2, 0])
    >>> label_values([b"x"], 1, reading=Reading("y"))
    array(['x'], dtype='<U1')
    """
    held = _array(values, reading)
    if held.shape == (n, 1):  # a column, as tables and MedMNIST give it
        held = held[:, 0]
    if held.shape != (n,):
        hint = ""
        if held.ndim == 2 and len(held) == n:
            hint = " Of one column per class, pass labels.argmax(axis=1)."
        reading.refuse(f"labels have shape {held.shape}; needed is ({n},), one per sample.{hint}")
    if held.dtype.kind in "OUST":
        held = _of_objects(held, frozenset(names), reading)
    if held.dtype.kind == "f":
        held = _whole(held, reading)
    if held.dtype.kind not in "iubU":
        reading.refuse(
            f"labels are {held.dtype}; needed are whole numbers from 0, truth values or names. "
            f"Otherwise {reading.without}."
        )
    if held.dtype.kind == "u" and n and int(held.max()) > LARGEST:
        reading.refuse(f"label {held.max()} is too large; pass such numbers as strings.")
    if held.dtype.kind == "i" and n and held.min() < 0:
        _check_negative(held, reading)
    return held.astype(np.int64) if held.dtype.kind in "iu" else held


def group_values(values: Any, n: int, *, reading: Reading) -> NDArray[Any]:
    """Groups of a test as an (n,) array of numbers, truth values or text; none missing.

    A group is only told from the others: -1 and 0.5 are groups like any, where a class is not.

    Examples
    --------
    >>> group_values([-1, 1], 2, reading=Reading("groups"))
    array([-1.,  1.])
    """
    held = _array(values, reading)
    if held.shape != (n,):
        reading.refuse(f"shape {held.shape}; needed is ({n},), one group for each unit.")
    if held.dtype.kind in "OUST":
        entries = [_scalar(one) for one in held.tolist()]
        missing = [place for place, one in enumerate(entries) if is_missing(one)]
        if missing:
            _refuse_missing(missing, entries[missing[0]], n, reading)
        kinds = {_kind(one) for one in entries}
        if kinds == {"names"}:
            return np.array([text_of(one, reading) for one in entries])
        if kinds - {"numbers", "truth values"} or len(kinds) > 1:
            told = " and some are ".join(sorted(kinds))
            reading.refuse(f"some are {told}; needed is one kind: numbers, truth values or names.")
        held = np.array([float(one) for one in entries])
    if held.dtype.kind not in "iufb":
        reading.refuse(f"they are {held.dtype}; needed are numbers, truth values or names.")
    held = held.astype(np.float64)
    if np.isnan(held).any():
        _refuse_missing(np.flatnonzero(np.isnan(held)).tolist(), float("nan"), n, reading)
    return held


def text_of(value: object, reading: Reading) -> str:
    """A name as text; bytes must be UTF-8."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError as problem:
        reading.refuse(
            f"the name {value!r} is not UTF-8 ({problem.reason}). Decode names first, such as "
            "np.char.decode(labels, 'latin-1')."
        )


def _check_negative(held: NDArray[Any], reading: Reading) -> None:
    """Let pass -1 beside labels where it may mark samples without one."""
    bad = held < 0
    kinds = set(np.unique(held).tolist())
    only_marks = int(held.min()) == UNLABELLED
    if reading.marks and only_marks and kinds != {-1, 1} and not bad.all():
        return
    first = int(np.flatnonzero(bad)[0])
    count = f"all {len(held)}" if bad.all() else f"{int(bad.sum())} of {len(held)}"
    if kinds == {-1, 1}:
        advice = "-1 marks samples without a label. If -1 and 1 are two classes, pass labels > 0"
    elif only_marks:
        advice = "-1 marks samples without a label, which are in no class"
    else:
        advice = "Needed are whole numbers from 0: number the classes anew, or pass names as text"
    reading.refuse(
        f"{count} labels are negative, the first {held[first]} at position {first}. {advice}; else "
        f"leave those samples out, or {reading.without}."
    )


def _array(values: Any, reading: Reading) -> NDArray[Any]:
    """What was handed in as an array that keeps its kinds apart: [0, "a"] stays as it is."""
    if isinstance(values, np.ma.MaskedArray):
        mask, held = np.ma.getmaskarray(values), np.asarray(values.data)
        if not mask.any():
            return held
        held = held.astype(object)
        held[mask] = None
        return held
    if hasattr(values, "detach"):  # a tensor: bfloat16 and gradients are unknown to NumPy
        try:
            values = values.detach().cpu().tolist()
        except (RuntimeError, NotImplementedError, TypeError) as problem:  # no data in it
            reading.refuse(f"labels are a tensor that cannot be read: {str(problem)[:80]}.")
    if isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        return _of_list(values, reading)
    try:
        held = np.asarray(values)
    except Exception as problem:  # whatever the __array__ of an unknown library raises
        reading.refuse(f"labels ({type(values).__name__}) are no array: {problem}.")
    if held.ndim == 0:
        reading.refuse(
            f"labels are {type(values).__name__}; needed is a sequence with one label per sample."
        )
    return held


def _of_list(values: Sequence[Any], reading: Reading) -> NDArray[Any]:
    if all(type(one) is int and abs(one) < LARGEST for one in values):
        return np.array(values, dtype=np.int64)
    # One by one: np.asarray(["a", nan]) would write the word "nan".
    held = np.empty(len(values), dtype=object)
    for index, one in enumerate(values):
        held[index] = one
    shapes = {_shape(one) for one in held}
    if shapes == {(1,)}:
        held[:] = [one[0] for one in held]
    elif shapes - {()}:
        shape = (len(held), *max(shapes, key=len))
        reading.refuse(f"labels have shape {shape}; needed is ({len(held)},), one per sample.")
    return held


def _shape(value: object) -> tuple[int, ...]:
    """Shape of a label that is a list or an array of entries; () of any other."""
    if isinstance(value, (list, tuple)):
        return (len(value),)
    shape = getattr(value, "shape", ())
    return tuple(shape) if isinstance(shape, tuple) else ()


def _of_objects(held: NDArray[Any], names: frozenset[str], reading: Reading) -> NDArray[Any]:
    """Text, truth values or numbers of an array whose entries may be anything."""
    entries = held.tolist() if held.dtype.kind != "O" else [_scalar(one) for one in held]
    missing = [
        position
        for position, one in enumerate(entries)
        if is_missing(one) and not (isinstance(one, str) and one in names)
    ]
    if missing:
        _refuse_missing(missing, entries[missing[0]], len(entries), reading)
    kinds = {_kind(one) for one in entries}
    if kinds == {"names"}:
        return np.array([text_of(one, reading) for one in entries])
    if kinds == {"truth values"} or not kinds:
        return np.array(entries, dtype=bool if kinds else np.int64)
    if kinds == {"numbers"}:
        if all(isinstance(one, Integral) for one in entries):
            if any(abs(int(one)) > LARGEST for one in entries):
                reading.refuse("labels are too large; pass such numbers as strings.")
            return np.array([int(one) for one in entries], dtype=np.int64)
        return np.array([float(one) for one in entries])
    if len(kinds) > 1:
        reading.refuse(
            f"some labels are {' and some are '.join(sorted(kinds))}; needed is one kind."
        )
    reading.refuse(
        f"labels are {kinds.pop()}; needed are whole numbers from 0, truth values or names. "
        f"Otherwise {reading.without}."
    )


def _scalar(value: Any) -> Any:
    """The entry itself where it comes as an array or tensor of no dimension."""
    return value.item() if _is_array_of_none(value) else value


def _is_array_of_none(value: Any) -> bool:
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and len(shape) == 0 and hasattr(value, "item")


def _kind(value: object) -> str:
    if isinstance(value, (str, bytes)):
        return "names"
    if isinstance(value, (bool, np.bool_)):
        return "truth values"
    # Decimal is no Real to Python; it is a number to a reader of Parquet.
    if isinstance(value, Real) or type(value).__name__ == "Decimal":
        return "numbers"
    return type(value).__name__


def _whole(held: NDArray[Any], reading: Reading) -> NDArray[np.int64]:
    """Floats that are whole numbers, as integers."""
    bad = np.isnan(held)
    if bad.any():
        _refuse_missing(np.flatnonzero(bad).tolist(), float("nan"), len(held), reading)
    odd = ~np.isfinite(held) | (held != np.floor(held)) | (np.abs(held) > 2.0**53)
    if odd.any():
        first = int(np.flatnonzero(odd)[0])
        reading.refuse(
            f"label {held[first]} at position {first} is no whole number; numbers on a scale "
            "(regression targets) are no classes and are not cut to some. Give classes, or "
            f"{reading.without}."
        )
    return held.astype(np.int64)


def _refuse_missing(positions: Sequence[int], example: object, n: int, reading: Reading) -> None:
    count = f"all {n}" if len(positions) == n else f"{len(positions)} of {n}"
    shown = "" if example is None else f" ({example!r})"
    text = (
        f"{count} labels are missing, the first at position {positions[0]}{shown}. A missing label "
        f"is no class: leave those samples out, or {reading.without}."
    )
    if reading.marks:
        text += " Among whole numbers -1 marks samples without a label."
    if isinstance(example, str) and example.strip():
        text += " If it is the name of a class, give that class another name."
    reading.refuse(text)
