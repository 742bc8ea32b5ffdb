"""Labels of samples and names of classes, read in one way wherever they come from.

A class is a whole number from 0 (the position of its name) or a name. -1 marks a sample without a
label, as scikit-learn and Hugging Face write it: such samples are counted, said, and in no class.
What nobody marked is refused with its count: a missing label (None, NaN, pandas.NA, a masked entry,
an empty cell), a fraction (a regression target), a name that `class_names` lacks.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.inputs.label_values import (
    UNLABELLED,
    Reading,
    is_missing,
    label_values,
    text_of,
)

log = logging.getLogger("toposcope")

MOST_CLASSES = 1 << 20


def read_labels(
    values: Any,
    n: int,
    class_names: Any = (),
    *,
    where: str,
    without: str = "pass no labels",
    error: type[UsageError] = UsageError,
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as (n,) whole numbers from 0, and the names of the classes, position = label.

    Parameters
    ----------
    values
        (n,) whole numbers (floats without a fraction too), -1 for no label, truth values, or names
        as text or UTF-8 bytes: an array, a list, a tensor, a column of pandas or Arrow.
    n
        Number of samples.
    class_names
        Names of the classes, position = label; names among `values` get the position they have
        here. Without them names are numbered in sorted order and numbers are their own names.
    where
        The call or DATA argument, for messages.
    without
        What to do to go on without labels, for messages.
    error
        Class of the error.

    Returns
    -------
    (n,) labels, -1 for samples without one, and the names; two classes of one name get their
    position behind it, such as the cranes "crane (134)" and "crane (517)" of ImageNet.

    Raises
    ------
    UsageError
        When they are not one per sample, when one is missing, a fraction or of another kind than
        the rest, when all are -1, or when a class has no name.

    Examples
    --------
    >>> read_labels(["cat", "ant", "cat"], 3, where="y")
    (array([1, 0, 1]), ('ant', 'cat'))
    >>> read_labels(["cat", "ant", "cat"], 3, ["cat", "dog", "ant"], where="y")
    (array([0, 2, 0]), ('cat', 'dog', 'ant'))
    """
    reading = Reading(where, without, error, marks=True)
    given = _names(class_names, reading)
    found = label_values(values, n, given, reading=reading)
    names = distinct(given)
    if found.dtype.kind == "U":
        found = _trimmed(found, given, where)
        return _numbered(found, given, reading), names or tuple(sorted(set(found.tolist())))
    labels = found.astype(np.int64)
    if found.dtype == bool:
        names = names or ("False", "True")
    _check_range(labels, names, reading)
    unlabelled = int((labels < 0).sum())
    if unlabelled:
        log.warning("%s: %d of %d samples have no label (-1): in no class", where, unlabelled, n)
    high = int(labels.max()) if n else -1
    return labels, names or tuple(str(label) for label in range(high + 1))


def read_class_names(
    class_names: Any, *, where: str, error: type[UsageError] = UsageError
) -> tuple[str, ...]:
    """Names of classes as text, none empty; those that stand twice get their position.

    Examples
    --------
    >>> read_class_names([b"ant", "bee", "ant"], where="d")
    ('ant (0)', 'bee', 'ant (2)')
    """
    return distinct(_names(class_names, Reading(where, error=error)))


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that stand more than once with their position behind them.

    A table has one row per name, so two classes of one name would be one class.

    Examples
    --------
    >>> distinct(("crane", "dog", "crane"))
    ('crane (0)', 'dog', 'crane (2)')
    """
    counts = Counter(names)
    if all(count == 1 for count in counts.values()):
        return tuple(names)
    told = tuple(f"{n} ({i})" if counts[n] > 1 else n for i, n in enumerate(names))
    return distinct(told)  # a third class may be called "crane (0)" already


def check_numbered(labels: Any, n: int, class_names: Sequence[str], *, where: str) -> None:
    """Refuse labels that `read_labels` would not give: -1, or positions of class names.

    Examples
    --------
    >>> check_numbered(np.array([0, 1]), 2, ("ant",), where="it")
    Traceback (most recent call last):
    toposcope.errors.UsageError: it: labels run from 0 to 1, and class_names has 1 name: needed \
are 0 to 0. Name 2 classes.
    """
    reading = Reading(where)
    held = np.asarray(labels)
    if held.shape != (n,) or held.dtype.kind not in "iu":
        reading.refuse(
            f"labels are {held.dtype} of shape {held.shape}; needed are integers of shape ({n},). "
            "from_arrays() reads other ones."
        )
    if n and held.min() < UNLABELLED:
        reading.refuse(f"a label is {held.min()}; needed are 0, 1, …, or -1 for no label.")
    _check_range(held, tuple(class_names), reading)


def count_unlabelled(labels: NDArray[np.int64] | None) -> dict[str, int]:
    """`{"unlabelled": k}` for k samples marked by -1; empty where there are none.

    Examples
    --------
    >>> count_unlabelled(np.array([0, -1, 1])), count_unlabelled(None)
    ({'unlabelled': 1}, {})
    """
    count = 0 if labels is None else int((labels < 0).sum())
    return {"unlabelled": count} if count else {}


def _check_range(labels: NDArray[Any], names: Sequence[str], reading: Reading) -> None:
    high = int(labels.max()) if len(labels) else -1
    if high < (len(names) or MOST_CLASSES):
        return
    low = max(0, int(labels.min()))
    if names:
        many = f"{len(names)} name{'s' * (len(names) > 1)}"
        reading.refuse(
            f"labels run from {low} to {high}, and class_names has {many}: needed are 0 to "
            f"{len(names) - 1}. Name {high + 1} classes."
        )
    reading.refuse(
        f"labels run from {low} to {high}; needed are 0 to {MOST_CLASSES - 1} (at most 2**20 "
        "classes). Pass such numbers as strings: then they are names."
    )


def _trimmed(found: NDArray[np.str_], given: Sequence[str], where: str) -> NDArray[np.str_]:
    """Names without the blanks around them, which no table shows: "a " would stand beside "a"."""
    trimmed = np.array([one if one in given else one.strip() for one in found.tolist()])
    merged = len(set(found.tolist())) - len(set(trimmed.tolist()))
    if merged:
        log.warning("%s: %d names differ from others by blanks at an end only", where, merged)
    return trimmed


def _numbered(found: NDArray[np.str_], names: Sequence[str], reading: Reading) -> NDArray[np.int64]:
    """Positions of names among the class names, or in sorted order."""
    words = found.tolist()
    order = tuple(names) or tuple(sorted(set(words)))
    position = {name: index for index, name in enumerate(order)}
    unknown = sorted(set(words) - set(order))
    if unknown:
        reading.refuse(
            f"{len(unknown)} names among the labels are not in class_names, such as "
            f"{unknown[0]!r}; class_names has {', '.join(map(repr, order[:5]))}"
            f"{', …' * (len(order) > 5)}. Pass labels as positions in class_names (whole numbers "
            "from 0), or class_names with every name that the labels hold."
        )
    if len(position) < len(order):
        counts = Counter(order)
        twice = next((word for word in words if counts[word] > 1), None)
        if twice is not None:
            reading.refuse(
                f"label {twice!r} is the name of {counts[twice]} classes in class_names. Pass "
                "labels as positions in class_names: whole numbers from 0."
            )
    return np.array([position[word] for word in words], dtype=np.int64)


def _names(class_names: Any, reading: Reading) -> tuple[str, ...]:
    if class_names is None:
        return ()
    sequence = hasattr(class_names, "__len__") and hasattr(class_names, "__getitem__")
    sequence = sequence and getattr(class_names, "ndim", 1) == 1
    if isinstance(class_names, (str, bytes, Mapping)) or not sequence:
        reading.refuse(
            f"class_names is {type(class_names).__name__}; needed is a sequence of names, position "
            '= label, such as ["cat", "dog"].'
        )
    listed = list(class_names)
    odd = next((i for i, one in enumerate(listed) if _is_no_name(one)), None)
    if odd is not None:
        reading.refuse(
            f"class_names has {listed[odd]!r} at position {odd}; needed is a name of every class."
        )
    return tuple(text_of(name, reading) for name in listed)


def _is_no_name(value: object) -> bool:
    if isinstance(value, (str, bytes)):
        return not value.strip()  # a class may well be called "None" or "NA"
    return is_missing(value) or isinstance(value, (list, tuple, dict, set, np.ndarray))
