"""Data that is text: lists of strings in memory, and files of one JSON object per line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import damaged, file_hash, pick_key, split_of, split_spec
from toposcope.activations.data.source import DataSource, check_labels
from toposcope.errors import SpecError
from toposcope.store.objects import content_hash

TEXT_KEYS = ("text", "sentence", "question", "content")
LABEL_KEYS = ("label", "labels", "y")


def is_texts(value: object) -> bool:
    """Whether something is a sequence of strings.

    Examples
    --------
    >>> is_texts(["a", "b"]), is_texts("ab"), is_texts(np.array(["a"])), is_texts([1])
    (True, False, True, False)
    """
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or value.dtype.kind not in "UO":
            return False
        value = value.tolist()
    good = isinstance(value, list | tuple) and len(value) > 0
    return good and all(isinstance(one, str) for one in value)  # type: ignore[attr-defined]


def from_texts(
    texts: Sequence[str] | NDArray[Any],
    y: NDArray[Any] | None,
    *,
    name: str,
    spec: str,
    class_names: tuple[str, ...] = (),
    content: str = "",
    split: str = "",
    columns: tuple[str, ...] = (),
) -> DataSource:
    """A source over strings in memory.

    Raises
    ------
    SpecError
        When there are none, one of them is empty, or labels do not fit.

    Examples
    --------
    >>> source = from_texts(["one", "two"], np.array(["odd", "even"]), name="t", spec="t")
    >>> source.batch(np.array([1])).tolist(), source.kind, source.class_names
    (['two'], 'text', ('even', 'odd'))
    """
    # Objects, not fixed-width strings: one long text would widen all of them.
    held = np.empty(len(texts), dtype=object)
    held[:] = [str(text) for text in texts]
    if not len(held):
        msg = f"{spec}: there are no texts in it."
        raise SpecError(msg)
    blank = [position for position, text in enumerate(held) if not text.strip()]
    if blank:
        msg = (
            f"{spec}: {len(blank)} of {len(held)} texts are empty, the first at position "
            f"{blank[0]}. Leave such rows out: nothing can be captured of them."
        )
        raise SpecError(msg)
    labels = None
    if y is not None:
        labels, class_names = check_labels(np.asarray(y), len(held), class_names, where=spec)
    if not content:
        joined = "\x1f".join(held).encode(errors="surrogatepass")
        content = "texts:" + content_hash(joined + (b"" if labels is None else labels.tobytes()))
    return DataSource(
        name=name,
        n=len(held),
        kind="text",
        read=lambda indices: held[indices],
        labels=labels,
        class_names=class_names if labels is not None else (),
        content=content,
        spec=spec,
        split=split,
        columns=columns,
    )


def from_jsonl(spec: str) -> DataSource:
    """`jsonl:FILE[.gz][#x=KEY,y=KEY]`: one object per line with a text and perhaps a label."""
    path, options = split_spec(spec, ("x", "y"))
    rows = list(_objects(path, spec))
    if not rows:
        msg = f"DATA {spec!r}: {path} has no lines."
        raise SpecError(msg)
    keys = {key for _, row in rows for key in row}
    x_key = pick_key(keys, options, "x", TEXT_KEYS, spec, needed=True, what="key")
    y_key = pick_key(keys, options, "y", LABEL_KEYS, spec, needed=False, what="key")
    assert x_key is not None
    for number, row in rows:
        if not isinstance(row.get(x_key), str):
            msg = f"DATA {spec!r}: line {number} of {path} has no text under {x_key!r}."
            raise SpecError(msg)
        if y_key is not None and type(row.get(y_key)) not in (int, str):
            msg = (
                f"DATA {spec!r}: line {number} of {path} has {row.get(y_key)!r} under {y_key!r}; "
                "needed is a class for every text: a whole number from 0, or a name."
            )
            raise SpecError(msg)
    name, split = split_of(path)
    return from_texts(
        [row[x_key] for _, row in rows],
        None if y_key is None else classes_of([row[y_key] for _, row in rows], f"DATA {spec!r}"),
        name=name,
        spec=spec,
        content=file_hash(path),
        split=split,
        columns=(x_key,) if y_key is None else (x_key, y_key),
    )


def classes_of(values: Sequence[Any], where: str) -> NDArray[Any]:
    """Labels as an array of whole numbers or of names, never a mixture.

    Examples
    --------
    >>> classes_of([0, 2], "y"), classes_of(["b", "a"], "y")
    (array([0, 2]), array(['b', 'a'], dtype='<U1'))
    """
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        msg = f"{where}: some labels are names and some are numbers; needed is one kind."
        raise SpecError(msg)
    return np.array(values)


def _objects(path: Path, spec: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a file, gzipped or not; blank lines are skipped."""
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    msg = (
                        f"DATA {spec!r}: line {number} of {path} is {type(row).__name__}; needed "
                        'is an object such as {"text": "...", "label": 0}.'
                    )
                    raise SpecError(msg)
                yield number, row
    except json.JSONDecodeError as error:
        msg = f"DATA {spec!r}: line {number} of {path} is not JSON: {error}."
        raise SpecError(msg) from error
    except SpecError:
        raise
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise damaged(spec, path, error) from error
