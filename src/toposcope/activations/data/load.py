"""From a DATA argument to its samples: which reader takes what.

Preprocessing belongs to the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toposcope.activations.data.source import DataSource
from toposcope.errors import SpecError

PREFIXES = (
    "npz:FILE",
    "npy:FILE",
    "imagefolder:DIR",
    "jsonl:FILE",
    "csv:FILE",
    "parquet:FILE",
    "hf:DATASET",
    "sklearn:digits",
    "py:module:factory",
)


def load_data(spec: Any) -> DataSource:
    """Open a DATA argument.

    Parameters
    ----------
    spec
        `npz:FILE` (an array named image, images, x or data, optionally label, labels or y; other
        names by `npz:FILE#x=KEY,y=KEY`; or JPEG files joined in `bytes` and `offsets`),
        `npy:FILE`, `imagefolder:DIR` (one folder per class; `#size=K` cuts squares of K pixels,
        `#bits=12` says how deep 16-bit pictures are),
        `jsonl:FILE[.gz]` (`text`, optionally `label`, or `#x=KEY,y=KEY`), `csv:FILE` and
        `parquet:FILE` (a column of text, or columns of numbers, `#x=a+b+c,y=COLUMN`),
        `hf:DATASET` (an id or a folder; `#split=test,x=COLUMN,y=COLUMN`), `sklearn:digits` (8 x 8
        images, 0..16 scaled to 0..255), `py:module:factory`, or an array, a list of texts, a pair
        (x, y), or a Dataset of torch or Hugging Face.

    Returns
    -------
    The source; nothing is copied that can be read in place.

    Raises
    ------
    SpecError
        When the argument cannot be understood, or a file is missing, damaged or not what it says.

    Examples
    --------
    >>> import numpy as np
    >>> load_data(np.zeros((10, 4), np.float32)).n
    10
    """
    from toposcope.activations.data import arrays, datasets, image_folder, in_memory, table_files
    from toposcope.activations.data import text as sources_text
    from toposcope.activations.spelling import meant_data

    if isinstance(spec, DataSource):
        return spec
    if not isinstance(spec, str):
        return in_memory.from_object(spec, name="array", spec=type(spec).__name__)
    kind, colon, _ = spec.partition(":")
    readers: dict[str, Callable[[str], DataSource]] = {
        "npz": arrays.from_npz,
        "npy": arrays.from_npy,
        "imagefolder": image_folder.from_imagefolder,
        "jsonl": sources_text.from_jsonl,
        "csv": table_files.from_csv,
        "parquet": table_files.from_parquet,
        "hf": datasets.from_hub,
        "sklearn": arrays.from_sklearn,
        "py": in_memory.from_python,
    }
    if not colon or kind not in readers:
        meant = meant_data(spec, list(readers))
        msg = f"DATA {spec!r} cannot be understood. {meant}Accepted are {', '.join(PREFIXES)}."
        raise SpecError(msg)
    return readers[kind](spec)
