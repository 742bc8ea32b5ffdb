"""Positions of a model's logits among the classes of the data, told by their names."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
