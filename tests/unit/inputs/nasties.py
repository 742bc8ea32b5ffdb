"""What people hand in by mistake, or for good reasons that no one thought of."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3))
HOLED = np.where(X > 1, np.nan, X)

SCALARS: dict[str, Any] = {
    "None": None,
    "abc": "abc",
    "empty text": "",
    "bytes": b"x",
    "path": Path("nowhere"),
    "-1": -1,
    "0": 0,
    "3": 3,
    "1.5": 1.5,
    "-0.5": -0.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": -float("inf"),
    "True": True,
    "False": False,
    "huge": 2**70,
    "large": 10**12,
    "1e300": 1e300,
    "1e-320": 1e-320,
    "complex": 1j,
    "decimal": Decimal("0.5"),
    "fraction": Fraction(1, 3),
    "np int": np.int64(3),
    "np uint8": np.uint8(3),
    "np float": np.float32(0.5),
    "np bool": np.bool_(True),
    "np str": np.str_("abc"),
    "np time": np.datetime64("2020-01-01"),
    "0-d int": np.array(3),
    "0-d float": np.array(0.5),
    "0-d text": np.array("abc"),
    "0-d masked": np.ma.masked,
    "0-d tensor": torch.tensor(3),
    "tensor grad": torch.tensor(0.5, requires_grad=True),
    "NA": pd.NA,
    "NaT": pd.NaT,
    "object": object(),
    "type": int,
    "function": len,
    "generator": np.random.default_rng(0),
    "RandomState": np.random.RandomState(0),
}

LISTS: dict[str, Any] = {
    "[]": [],
    "()": (),
    "(1, 2)": (1, 2),
    "[0.5]": [0.5],
    "mixed": [0.5, "a"],
    "texts": ["a", "b"],
    "Nones": [None, None],
    "ragged": [[1.0], [1.0, 2.0]],
    "dict": {"a": 1},
    "empty dict": {},
    "set": {1, 2},
    "range": range(3),
    "nested": [[[1.0]]],
}

ARRAYS: dict[str, Any] = {
    "empty": np.empty(0),
    "no rows": np.empty((0, 3)),
    "no columns": np.empty((6, 0)),
    "one": np.ones((1, 1)),
    "1-d": np.array([0.2, 0.4, 0.9]),
    "1-d int": np.arange(6),
    "2-d": X,
    "3-d": np.ones((2, 3, 4)),
    "5-d": np.ones((1, 2, 1, 2, 1)),
    "constant": np.zeros((6, 3)),
    "nan": HOLED,
    "inf": np.where(X > 1, np.inf, X),
    "big": X * 1e300,
    "tiny": X * 1e-310,
    "f16": X.astype(np.float16),
    "big-endian": X.astype(">f4"),
    "bool": X > 0,
    "uint64": np.full((6, 3), 2**63, dtype=np.uint64),
    "complex": X + 1j,
    "object": X.astype(object),
    "objects": np.array([None, "a", 1.0], dtype=object),
    "text": X.astype(str),
    "time": np.array(["2020", "2021"], dtype="M8[Y]"),
    "record": np.zeros(3, dtype=[("a", float)]),
    "masked": np.ma.masked_greater(X, 1),
    "mask-free": np.ma.masked_array(X),
    "bf16": torch.tensor(X).bfloat16(),
    "grad": torch.tensor(X, requires_grad=True),
    "meta": torch.empty(6, 3, device="meta"),
    "sparse": sp.csr_array(np.abs(X)),
    "frame": pd.DataFrame(X, columns=list("abc")),
    "frame of texts": pd.DataFrame({"a": ["x", "y"]}),
    "series": pd.Series([0.2, 0.4, 0.9]),
    "nullable": pd.Series([1, None, 3], dtype="Int64"),
}

ALL = {**SCALARS, **LISTS, **{f"array {name}": value for name, value in ARRAYS.items()}}
