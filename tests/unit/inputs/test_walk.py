"""Whatever is handed to any parameter of any public function: a right value or a typed error.

`nasties` holds what people hand in, `good_calls` a call of every public function that works. Every
parameter of each of them gets every nasty in turn. What comes back is a value, or a
`ToposcopeError` that names the call; never an error of NumPy, SciPy or Python, never a warning.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests.unit.inputs import good_calls, nasties
from toposcope.errors import ToposcopeError

FUNCTIONS = dict(good_calls.functions())


def parameters(name: str) -> list[inspect.Parameter]:
    found = inspect.signature(FUNCTIONS[name]).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def plain(value: Any) -> Any:
    """A result as nested lists and numbers."""
    if isinstance(value, pd.DataFrame):
        return value.to_dict("list")
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return None if callable(value) else value


def same(found: Any, expected: Any, where: str) -> None:
    """Equal but for the rounding of sums that memory laid out otherwise is read in."""
    if isinstance(expected, list):
        assert len(found) == len(expected), where
        for one, other in zip(found, expected, strict=True):
            same(one, other, where)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            same(found[key], expected[key], where)
    elif isinstance(expected, float):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12, err_msg=where)
    else:
        assert found == expected or (found != found and expected != expected), where


def test_every_public_function_has_a_good_call():
    assert set(FUNCTIONS) == set(good_calls.GOOD) | good_calls.WORKFLOWS


@pytest.mark.parametrize("name", good_calls.GOOD)
def test_nothing_but_values_and_typed_errors_comes_back(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, good = FUNCTIONS[name], good_calls.GOOD[name]()
    function(**good)
    wrong = []
    for parameter in parameters(name):
        for label, nasty in nasties.ALL.items():
            try:
                function(**{**good, parameter.name: nasty})
            except ToposcopeError as error:
                if f"{function.__name__}(" not in str(error):
                    wrong.append((parameter.name, label, "names no call", str(error)[:100]))
            except Exception as error:
                wrong.append((parameter.name, label, type(error).__name__, str(error)[:100]))
    assert wrong == []


@pytest.mark.parametrize("name", good_calls.GOOD)
def test_a_number_is_a_number_whatever_holds_it(name):
    function, good = FUNCTIONS[name], good_calls.GOOD[name]()
    expected = plain(function(**good))
    for parameter in parameters(name):
        value = good.get(parameter.name, parameter.default)
        if isinstance(value, bool):
            held = [np.bool_(value), np.array(value)]
        elif isinstance(value, int):
            held = [np.int64(value), np.array(value), torch.tensor(value)]
        elif isinstance(value, float):
            held = [np.float64(value), np.array(value), torch.tensor(value, dtype=torch.float64)]
        else:
            continue
        for one in held:
            found = plain(function(**{**good, parameter.name: one}))
            np.testing.assert_equal(found, expected, err_msg=f"{parameter.name}={one!r}")


@pytest.mark.parametrize("name", good_calls.GOOD)
def test_an_array_is_an_array_whatever_holds_it(name):
    function, good = FUNCTIONS[name], good_calls.GOOD[name]()
    expected = plain(function(**good))
    for parameter in parameters(name):
        value = good.get(parameter.name)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fi":
            continue
        held = [
            value.tolist(),
            np.asfortranarray(value),
            np.repeat(value, 2, axis=0)[::2],
            value.astype(value.dtype.newbyteorder(">")),
            np.ma.masked_array(value),
            torch.tensor(value.copy()),
            pd.DataFrame(value) if value.ndim == 2 else value,
        ]
        if value.dtype.kind == "f":
            held.append(torch.tensor(value.copy(), requires_grad=True))
        for one in held:
            found = plain(function(**{**good, parameter.name: one}))
            same(found, expected, f"{parameter.name}: {type(one)}")
