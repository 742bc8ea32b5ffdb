"""Positions of a model's logits among the classes of the data, told by their names."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from toposcope.inputs.labels import distinct

NO_SCORES = -2
"""Prediction of a sample of which a class score is NaN; -1 is a class that the data has not."""
WITHIN = 0.5
"""Share of largest scores that must stand for classes of the data for them to be class scores."""

log = logging.getLogger("toposcope")


def class_order(model: Sequence[str], data: Sequence[str]) -> NDArray[np.int64] | None:
    """For every logit the label of the data that it stands for, -1 for none.

    Parameters
    ----------
    model
        Names of the classes in the order of the logits; empty where the model names none.
    data
        Names of the classes of the data, position = label.

    Returns
    -------
    (len(model),) labels; None where positions are taken as they are: the model has no names, the
    data has numbers for names, or no name is in both.

    Examples
    --------
    >>> class_order(("negative", "neutral", "positive"), ("positive", "negative"))
    array([ 1, -1,  0])
    """
    model = distinct(model)  # as the classes of the data are: ImageNet has two cranes
    numbered = tuple(data) == tuple(str(i) for i in range(len(data)))
    if not model or numbered or tuple(model) == tuple(data):
        return None
    known = [name for name in data if name in model]
    if not known:
        log.info("the model's classes have other names than the data's: taken by position")
        return None
    if len(known) < len(data):
        lost = [name for name in data if name not in model]
        log.warning(
            "%d classes of the data, such as %r, are none of the model's: it cannot predict them",
            len(lost),
            lost[0],
        )
    labels = {name: label for label, name in enumerate(data)}
    return np.array([labels.get(name, -1) for name in model], dtype=np.int64)


def accuracy_note(
    data: Sequence[str] | None, scores: int | None, model: Sequence[str]
) -> tuple[bool, str]:
    """Whether an accuracy can be told, and why not or what to know of it.

    Parameters
    ----------
    data
        Names of the classes of the data; None without labels.
    scores
        Numbers that the model gives per sample; None when it gives no (n, classes) output.
    model
        Names of the classes of the model; empty where it names none.

    Examples
    --------
    >>> accuracy_note([str(i) for i in range(150)], 10, ())
    (False, 'labels reach 149 but the model gives 10 scores')
    >>> accuracy_note(["cat", "dog"], 2, ["cat", "dog"])
    (True, '')
    >>> accuracy_note(["cat", "dog"], 3, ["red", "green", "blue"])
    (False, "no class of the data, such as 'cat', is one of the model's, such as 'red'")
    """
    if data is None:
        return False, "the data has no labels"
    if scores is None:
        return False, "the model gives no class scores"
    if scores < 2:
        return False, "the model gives one number per sample, no class scores"
    numbered = tuple(data) == tuple(str(i) for i in range(len(data)))
    if len(data) > scores:
        many = f"labels reach {len(data) - 1}" if numbered else f"the data has {len(data)} classes"
        return False, f"{many} but the model gives {scores} scores"
    if numbered or not model or set(data) & set(model):
        return True, ""
    other = (
        f"no class of the data, such as {data[0]!r}, is one of the model's, such as {model[0]!r}"
    )
    if len(data) != len(model):
        return False, other
    return True, f"{other}: classes are matched by position"


def scored(
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    scores: int | None,
    tied: int,
) -> tuple[float | None, str]:
    """Accuracy of predictions, None where they are none, and why or what to know of it.

    Parameters
    ----------
    predictions
        (n,) label of the largest score; `NO_SCORES` where a score is NaN.
    labels
        (n,) labels.
    classes
        Number of classes of the data.
    scores
        Numbers that the model gives per sample, where positions are taken for labels; else None.
    tied
        Samples whose largest score is shared by two classes.

    Examples
    --------
    >>> scored(np.array([0, 1, 1]), np.array([0, 1, 0]), 2, 2, 0)
    (0.6666666666666666, '')
    >>> scored(np.array([0, NO_SCORES]), np.array([0, 1]), 2, 2, 0)
    (None, 'the class scores of 1 of 2 samples are NaN')
    >>> scored(np.array([99, 77]), np.array([0, 1]), 2, 128, 0)[0] is None
    True
    """
    n = len(predictions)
    bad = int((predictions == NO_SCORES).sum())
    if bad:
        return None, f"the class scores of {bad:,} of {n:,} samples are NaN"
    inside = int((predictions < classes).sum())
    if scores is not None and scores > classes and inside < WITHIN * n:
        # An embedding of 512 numbers has its largest one among the first ten for 2 % of samples.
        return None, (
            f"the model gives {scores} numbers for {classes} classes, and the largest stands for "
            f"one of these classes in {inside:,} of {n:,} samples only: they are no scores of them"
        )
    note = f"two classes share the largest score in {tied:,} samples, the first counts"
    return float(np.mean(predictions == labels)), note if tied else ""
