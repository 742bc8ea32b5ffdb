"""Arrays of any library as NumPy arrays of real numbers: what is missing or unreal is refused.

Every array that a user hands in passes through `real`. It never guesses: the number under a mask,
the imaginary part and NA are refused with what to type, never dropped. Nothing is imported: a
tensor is told by the module of its type.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError

# Numbers narrower than NumPy's own (of ml_dtypes, so of JAX), which NumPy holds as raw bytes.
_NARROW = ("bfloat16", "float8", "float6", "float4", "int2", "int4", "uint2", "uint4")


def real(values: Any, *, call: str, name: str = "X", imaginary: bool = False) -> NDArray[Any]:
    """`values` as a NumPy array of floats, integers or bools, of the shape and type they have.

    Parameters
    ----------
    values
        NumPy arrays (masked ones without a mask in them), nested lists, torch tensors (of any
        device, dtype and layout, with or without gradients), pandas tables and columns (nullable
        types without NA), SciPy's sparse matrices (entries not stored are 0), and whatever has
        `__array__` (JAX, TensorFlow, xarray, polars).
    call, name
        Of the caller and its argument, for messages.
    imaginary
        Take complex numbers too, for containers.

    Returns
    -------
    Floats of more or fewer bits than NumPy's usual ones become float64 and float32. No copy where
    none is needed.

    Raises
    ------
    UsageError
        For masked, missing and complex numbers, texts, times, objects, records and ragged lists.

    Examples
    --------
    >>> real([[0, 1], [2, 3]], call="example()").dtype.kind
    'i'
    >>> real(np.ma.masked_equal([1.0, 2.0], 2.0), call="example()")
    Traceback (most recent call last):
    toposcope.errors.UsageError: example(): 1 of 2 values of X are masked. Pass \
X[~np.ma.getmaskarray(X)] to drop them, or X.filled(value) to put a number there.
    """
    array = _as_array(values, call, name, imaginary=imaginary)
    return array if imaginary and array.dtype.kind == "c" else _checked(array, call, name)


def is_sparse(values: Any) -> bool:
    """Whether `values` store some entries only: SciPy's sparse matrices, torch's sparse tensors."""
    if _library(values) == "scipy":
        from scipy.sparse import issparse

        return bool(issparse(values))
    return _library(values) == "torch" and "strided" not in str(getattr(values, "layout", ""))


def stored(
    values: Any, *, call: str, name: str
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], tuple[int, ...]]:
    """Rows, columns and values of the entries that a sparse matrix stores, and its shape."""
    if _library(values) == "torch":
        entries = values.detach().to_sparse_coo().coalesce()
        where: Any = np.asarray(entries.indices().cpu())
        data = _tensor(entries.values(), call, name)
        shape = tuple(int(size) for size in entries.shape)
        if len(where) != 2:
            msg = f"{call}: {name} is a sparse tensor of shape {shape}; needed is (n, n)."
            raise UsageError(msg)
    else:
        matrix = values.tocoo()
        if len(matrix.shape) != 2:
            msg = f"{call}: {name} is a sparse array of shape {matrix.shape}; needed is (n, n)."
            raise UsageError(msg)
        where, data, shape = (matrix.row, matrix.col), matrix.data, matrix.shape
    return where[0], where[1], _checked(data, call, name), tuple(shape)


def _library(values: Any) -> str:
    """The package that a type comes from.

    >>> _library(np.zeros(3)), _library(1.0)
    ('numpy', 'builtins')
    """
    # A subclass, such as torch.nn.Parameter's or one of the caller's, counts as its parent.
    homes = [kind.__module__.partition(".")[0] for kind in type(values).__mro__[:-1]]
    known = ("torch", "pandas", "scipy", "numpy")
    return next((home for home in homes if home in known), homes[0] if homes else "builtins")


def _as_array(values: Any, call: str, name: str, *, imaginary: bool = False) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        return _unmasked(values, call, name)
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    readers: dict[str, Callable[[Any, str, str], NDArray[Any]]] = {
        "torch": _tensor,
        "pandas": _table,
    }
    library = _library(values)
    if imaginary and library == "torch" and getattr(values, "is_complex", bool)():
        return np.asarray(values.detach().to_dense().cpu().resolve_conj().resolve_neg().numpy())
    if library in readers:
        return readers[library](values, call, name)
    if library == "scipy" and is_sparse(values):
        return np.asarray(values.toarray())
    if isinstance(values, list | tuple):
        values = _list(values, call, name)
    elif values is None or isinstance(values, str | bytes | dict | set | frozenset):
        msg = f"{call}: {name} is {_shown(values)}; needed is an array of numbers."
        if isinstance(values, dict):
            msg += f" Pass one of its values, such as {name}[{next(iter(values), 'key')!r}]."
        raise UsageError(msg)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's on ragged and masked parts: refused below
            return np.asarray(values)
    except Exception as error:  # whatever `__array__` of an unknown library raises
        advice = ""
        if hasattr(values, "get") and not isinstance(values, list | tuple):
            advice = f" Pass {name}.get() to copy it from its device."
        msg = (
            f"{call}: {name} ({type(values).__name__}) is no array of numbers "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}).{advice}"
        )
        raise UsageError(msg) from error


def _list(values: list[Any] | tuple[Any, ...], call: str, name: str) -> Any:
    """A list whose rows NumPy would misread (tensors, masked arrays, columns), as arrays."""

    def foreign(row: Any) -> bool:
        if isinstance(row, np.ma.MaskedArray) or row is np.ma.masked:
            return True
        return not isinstance(row, np.ndarray) and _library(row) in ("torch", "pandas", "scipy")

    def plain(row: Any, where: str) -> Any:
        if foreign(row):
            return _checked(_as_array(row, call, where), call, where)
        if isinstance(row, list | tuple):
            return [plain(one, where) for one in row]
        return row

    return [plain(row, f"{name}[{i}]") for i, row in enumerate(values)]


def _unmasked(values: np.ma.MaskedArray[Any, Any], call: str, name: str) -> NDArray[Any]:
    mask = np.ma.getmaskarray(values)
    if mask.dtype.names:  # a record; refused for that
        return np.asarray(values.data)
    masked = int(mask.sum())
    if not masked:
        return np.asarray(values.data)
    rows = ""
    drop = f"{name}[~np.ma.getmaskarray({name})] to drop them"
    if values.ndim > 1:
        axes = tuple(range(1, values.ndim))
        hit = int(mask.any(axis=axes).sum())
        rows = f" (in {hit} of {len(values)} rows)"
        where = "axis=1" if values.ndim == 2 else f"axis={axes}"
        drop = f"{name}[~np.ma.getmaskarray({name}).any({where})] to drop those rows"
    msg = (
        f"{call}: {masked} of {values.size} values of {name} are masked{rows}. Pass {drop}, or "
        f"{name}.filled(value) to put a number there."
    )
    raise UsageError(msg)


def _tensor(values: Any, call: str, name: str) -> NDArray[Any]:
    """A tensor of torch, of any device, dtype and layout."""
    if not hasattr(values, "detach"):  # torch.Size, torch.dtype and others
        return np.asarray(values)
    kind = str(values.dtype)
    if getattr(values, "is_nested", False):
        msg = (
            f"{call}: {name} is a nested tensor, whose rows have different lengths. Pass "
            f"{name}.to_padded_tensor(value), or rows of one length."
        )
        raise UsageError(msg)
    try:
        tensor = values.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if "strided" not in str(tensor.layout):
            tensor = tensor.to_dense()
        if tensor.is_floating_point() and kind not in ("torch.float64", "torch.float32"):
            tensor = tensor.float()  # NumPy has no bfloat16 and no float8
        return np.asarray(tensor.cpu().resolve_conj().resolve_neg().numpy())
    except (RuntimeError, TypeError, NotImplementedError, ValueError) as error:
        msg = (
            f"{call}: {name} is a torch tensor of {kind} on {values.device} that cannot be read "
            f"({str(error).splitlines()[0]}). Pass {name}.detach().float().cpu().numpy()."
        )
        raise UsageError(msg) from error


def _table(values: Any, call: str, name: str) -> NDArray[Any]:
    """A table, column or extension array of pandas; a plain index of theirs too."""
    columns: Any = getattr(values, "dtypes", None)
    whole = hasattr(values, "columns")
    kinds = list(columns) if whole else [getattr(values, "dtype", None)]
    if any(kind is None for kind in kinds):  # NA, a timestamp, a group
        msg = f"{call}: {name} is {_shown(values)}; needed is an array of numbers."
        raise UsageError(msg)
    kind_of = [getattr(kind, "subtype", kind) for kind in kinds]
    wrong = [
        str(label)
        for label, kind in zip(values.columns if whole else [name], kind_of, strict=True)
        if getattr(kind, "kind", "O") not in "fiubc"
    ]
    if wrong:
        shown = ", ".join(map(repr, wrong[:3])) + (", ..." if len(wrong) > 3 else "")
        types = ", ".join(sorted({str(k) for k in kinds if getattr(k, "kind", "O") not in "fiubc"}))
        msg = (
            f"{call}: {name} has {len(wrong)} of {len(kinds)} columns without numbers ({shown}: "
            f"{types}). Pass {name}.select_dtypes('number') to leave them out, or "
            f"{name}.astype(float) where the entries are numbers."
        )
        raise UsageError(msg)
    if all(isinstance(kind, np.dtype) for kind in kinds):
        return np.asarray(values)
    missing = int(np.asarray(values.isna(), dtype=bool).sum())
    if missing and not all(isinstance(k, np.dtype) or hasattr(k, "subtype") for k in kinds):
        msg = (
            f"{call}: {missing} of {values.size} values of {name} are missing (NA). Pass "
            f"{name}.dropna() to drop those rows, or {name}.fillna(value)."
        )
        raise UsageError(msg)
    return np.asarray(values.to_numpy(dtype=np.float64))


def _checked(array: NDArray[Any], call: str, name: str) -> NDArray[Any]:
    """Floats, integers and bools of a size that everything after can take."""
    kind = array.dtype.kind
    if kind == "V" and array.dtype.names is None and array.dtype.name.startswith(_NARROW):
        return array.astype(np.float32)
    if kind == "f":
        if array.dtype.itemsize > 8:
            with np.errstate(over="ignore"):  # becomes inf, which readers judge
                return array.astype(np.float64)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if kind in "iub":
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    advice = {
        "c": (
            f"Pass {name}.real or abs({name}), or np.concatenate([{name}.real, {name}.imag], "
            "axis=-1) for both parts as coordinates"
        ),
        "O": f"Pass np.asarray({name}, dtype=float) where every entry is a number",
        "V": "Pass its fields as columns: numpy.lib.recfunctions.structured_to_unstructured",
        "M": f"Pass ({name} - {name}.min()) / np.timedelta64(1, 's') for seconds",
        "m": f"Pass {name} / np.timedelta64(1, 's') for seconds",
    }.get(kind, f"Pass np.asarray({name}, dtype=float) where every entry is the text of a number")
    msg = f"{call}: real numbers are needed; {name} has dtype {array.dtype}. {advice}."
    raise UsageError(msg)


def _shown(value: object) -> str:
    """A value in a message, not longer than a line.

    >>> _shown("a" * 100), _shown(None)
    ("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... (str)", 'None')
    """
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}... ({type(value).__name__})"
