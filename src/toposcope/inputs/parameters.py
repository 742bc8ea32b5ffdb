"""Parameters that users hand in: one checker for each kind, and values of Python's own types.

Each takes the value, its name and the name of the call, returns the value as an int, float, bool,
str or tuple (never a scalar of NumPy: those cannot be written to records), and refuses everything
else by a `UsageError` that says what to pass.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

import numpy as np

from toposcope.errors import ToposcopeError, UsageError
from toposcope.inputs.limits import refuse_long
from toposcope.inputs.urls import local_path, refuse_unknown, refuse_url, url_of

METRICS = ("euclidean", "cosine", "correlation", "precomputed")
"""Distances between points, or those that are handed in."""
LARGEST_PRIME = 46337
"""Largest field of coefficients: products of its residues fit 32 bits, as GUDHI needs."""
MOST_RESAMPLES, USUAL_RESAMPLES = 10**7, 9999
"""Of arrangements; a p-value of 1e-7 says all that one of 1e-9 would, and ends within minutes."""


def whole(
    value: object, name: str, *, call: str, low: float = -math.inf, high: float = math.inf
) -> int:
    """A whole number within limits.

    Examples
    --------
    >>> whole(np.int64(3), "points", call="clouds()", low=1)
    3
    >>> whole(0, "points", call="clouds()", low=1)
    Traceback (most recent call last):
    toposcope.errors.UsageError: clouds(): points=0; needed is a whole number of 1 or more.
    """
    plain = _scalar(value)
    if isinstance(plain, Integral) and not isinstance(plain, bool) and low <= int(plain) <= high:
        return int(plain)
    raise _refusal(value, name, call, f"a whole number{_limits(low, -math.inf, high, math.inf)}")


def number(
    value: object,
    name: str,
    *,
    call: str,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
    finite: bool = True,
) -> float:
    """A real number within limits; NaN never is, inf only with `finite` off.

    Examples
    --------
    >>> number(np.float32(0.5), "alpha", call="ph_dimension()", above=0)
    0.5
    >>> number(-1, "bandwidth", call="cka()", above=0)
    Traceback (most recent call last):
    toposcope.errors.UsageError: cka(): bandwidth=-1; needed is a finite number above 0.
    """
    plain = _scalar(value)
    if isinstance(plain, Real) and not isinstance(plain, bool):
        try:
            fitted = float(plain)
        except OverflowError:  # an int beyond 1e308
            fitted = math.inf if cast("int", plain) > 0 else -math.inf
        if (
            low <= fitted <= high
            and (fitted > above or above == -math.inf)
            and (fitted < below or below == math.inf)
            and (math.isfinite(fitted) or not finite)
        ):
            return fitted
    kind = "a finite number" if finite else "a number"
    raise _refusal(value, name, call, kind + _limits(low, above, high, below))


def level(value: object, name: str = "level", *, call: str) -> float:
    """A level of confidence: above 0 and below 1.

    >>> level(0.95, call="mean_interval()")
    0.95
    """
    try:
        # Quantiles below 1e-12 of one are rounding of 1 - level.
        share = number(value, name, call=call, above=0.0, below=1.0)
        if 1e-12 <= share <= 1 - 1e-12:
            return share
        raise _refusal(value, name, call, "a number not nearer to 0 or 1 than 1e-12")
    except UsageError as error:
        msg = f"{error} Such as {name}=0.95."
        raise UsageError(msg) from None


def flag(value: object, name: str, *, call: str) -> bool:
    """True or False; a text such as "no", which counts as true in Python, is refused.

    >>> flag(np.True_, "weighted", call="geodesic_distances()")
    True
    """
    plain = _scalar(value)
    if isinstance(plain, bool):
        return plain
    raise _refusal(value, name, call, "True or False")


def choice(value: object, options: Iterable[str], name: str, *, call: str) -> str:
    """One of some names.

    >>> choice("V", ("V", "T"), "construction", call="cubical()")
    'V'
    """
    names = tuple(options)
    if isinstance(value, str) and value in names:
        return str(value)
    from difflib import get_close_matches

    near = get_close_matches(value, names, n=1, cutoff=0.5) if isinstance(value, str) else []
    advice = f" Did you mean {near[0]!r}?" if near else ""
    msg = f"{call}: {name} {shown(value)} is unknown; choose one of {', '.join(names)}.{advice}"
    raise UsageError(msg)


def degrees(
    value: object, name: str = "homology_dimensions", *, call: str, high: float = math.inf
) -> tuple[int, ...]:
    """Degrees of homology as a tuple of whole numbers of 0 or more, at least one.

    >>> degrees([0, np.int64(1)], call="rips()")
    (0, 1)
    """
    plain = _scalar(value)
    if isinstance(plain, Integral) and not isinstance(plain, bool):
        msg = f"{call}: {name} must be a tuple; pass ({int(plain)},)."
        raise UsageError(msg)
    listed = _listed(value)
    if listed is None or not listed:
        msg = f"{call}: {name}: degrees must be integers >= 0, at least one; got {shown(value)}."
        raise UsageError(msg)
    try:
        return tuple(whole(one, name, call=call, low=0, high=high) for one in listed)
    except UsageError:
        most = "" if high == math.inf else f" and at most {int(high)}"
        msg = (
            f"{call}: {name}: degrees must be integers >= 0{most}, at least one; got "
            f"{shown(value)}. Pass (0, 1)."
        )
        raise UsageError(msg) from None


def wholes(
    value: object, name: str, *, call: str, low: float = -math.inf, high: float = math.inf
) -> tuple[int, ...]:
    """A sequence of whole numbers within limits, at least one.

    >>> wholes(np.array([3, 5]), "schedule", call="ph_dimension()", low=1)
    (3, 5)
    """
    listed = _listed(value)
    if listed:
        return tuple(
            whole(one, f"{name}[{i}]", call=call, low=low, high=high)
            for i, one in enumerate(listed)
        )
    limits = _limits(low, -math.inf, high, math.inf)
    raise _refusal(value, name, call, f"a sequence of whole numbers{limits}, at least one")


def numbers(
    value: object,
    name: str,
    *,
    call: str,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
) -> tuple[float, ...]:
    """A sequence of finite numbers within limits, at least one.

    >>> numbers([1, np.float32(0.5)], "thresholds", call="Cubical()")
    (1.0, 0.5)
    """
    listed = _listed(value)
    if listed:
        return tuple(
            number(one, f"{name}[{i}]", call=call, low=low, above=above, high=high, below=below)
            for i, one in enumerate(listed)
        )
    needed = f"a sequence of finite numbers{_limits(low, above, high, below)}, at least one"
    raise _refusal(value, name, call, needed)


def names(
    value: object, name: str, *, call: str, options: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Some names: a text with commas between them, or a sequence of texts; at least one.

    >>> names("a, b", "layers", call="capture()"), names(["a"], "layers", call="capture()")
    (('a', 'b'), ('a',))
    """
    if isinstance(value, str):
        listed: Sequence[Any] | None = [part.strip() for part in value.split(",") if part.strip()]
    else:
        listed = _listed(value)
    if not listed or not all(isinstance(one, str) for one in listed):
        raise _refusal(value, name, call, "a name, or a sequence of names")
    if options is None:
        return tuple(map(str, listed))
    known = tuple(options)
    return tuple(choice(one, known, name, call=call) for one in listed)


def text(value: object, name: str, *, call: str) -> str:
    """A text, not empty.

    >>> text("net", "name", call="from_arrays()")
    'net'
    """
    if isinstance(value, str) and value.strip():
        return str(value)
    raise _refusal(value, name, call, "a text, not empty")


def path(value: object, name: str, *, call: str, url: bool = False) -> Path:
    """A place in the file system; with `url`, or a URL, in a path (inputs/urls.py).

    >>> path("run", "store", call="capture()").name
    'run'
    """
    if isinstance(value, str | os.PathLike):
        place = os.fspath(value)
        if isinstance(place, str) and place.strip() and "\0" not in place:
            told = url_of(value)
            if told is not None and (folder := local_path(told, call=call)) is not None:
                return folder
            if told is not None:
                (refuse_unknown if url else refuse_url)(told, call=call)
            refuse_long(place, what=f"{call}: {name}=")
            return Path(place)
    raise _refusal(value, name, call, "a path, as a text or a pathlib.Path")


def function(value: object, name: str, *, call: str) -> Callable[..., Any]:
    """Something that can be called.

    >>> function(max, "statistic", call="bootstrap_interval()") is max
    True
    """
    if callable(value):
        return value
    raise _refusal(value, name, call, "a function")


def returned(function: Callable[..., Any], *arguments: Any, name: str, call: str) -> float:
    """The number that a function of the caller's gives; inf and NaN are its caller's matter.

    >>> returned(max, [1.0, 2.0], name="statistic", call="permutation_test()")
    2.0
    """
    try:
        value = function(*arguments)
    except ToposcopeError:
        raise
    except Exception as error:  # whatever the function of a caller raises
        msg = (
            f"{call}: {name}= ({getattr(function, '__name__', function)!s}) raised "
            f"{type(error).__name__}: {error}. It is called with NumPy arrays."
        )
        raise UsageError(msg) from error
    plain = _scalar(value)
    if isinstance(plain, Real):
        return float(plain)
    msg = f"{call}: {name}= gave back {shown(value)}; needed is a function that gives a number."
    raise UsageError(msg)


def resamples(value: object, name: str = "n_resamples", *, call: str, low: int = 99) -> int:
    """A number of random arrangements: enough for a p-value, and not more than ever end.

    >>> resamples(9999, call="permutation_test()")
    9999
    """
    count = whole(value, name, call=call, high=MOST_RESAMPLES)
    if count < low:
        msg = f"{call}: {name}={count} is too few; pass {low} or more ({USUAL_RESAMPLES} is usual)."
        raise UsageError(msg)
    return count


def entries(value: object, name: str, *, call: str, of: str = "arrays") -> list[Any]:
    """The entries of a sequence of arrays, as a list.

    >>> len(entries([[1.0], [2.0]], "X", call="fit()"))
    2
    """
    listed = _listed(value)
    if listed is None:
        raise _refusal(value, name, call, f"a sequence of {of}")
    return list(listed)


def labels(value: object, name: str, *, call: str) -> list[Any]:
    """Labels of any kind that can be told apart, none missing.

    >>> labels(["a", 1], "groups", call="mean_gram()")
    ['a', 1]
    """
    listed = entries(value, name, call=call, of="labels")
    for i, one in enumerate(listed):
        try:
            hash(one)
            fits = not hasattr(one, "detach") and bool(one == one)  # NaN and NA are not themselves
        except (TypeError, ValueError):
            fits = False
        if not fits or one is None:
            raise _refusal(one, f"{name}[{i}]", call, "a label: a name, a number or a tuple")
    return listed


def span(value: object, name: str, *, call: str) -> tuple[float, float]:
    """Two finite numbers (low, high), the first below the second.

    >>> span((0, 2), "birth_range", call="persistence_image()")
    (0.0, 2.0)
    """
    listed = _listed(value)
    if listed is not None and len(listed) == 2:
        ends = [number(one, f"{name}[{i}]", call=call) for i, one in enumerate(listed)]
        if ends[0] < ends[1] and math.isfinite(ends[1] - ends[0]):
            return ends[0], ends[1]
    raise _refusal(value, name, call, "(low, high), two finite numbers with low < high")


def resolution(value: object, name: str = "resolution", *, call: str) -> tuple[int, int]:
    """Pixels along two axes: two whole numbers of 1 or more, or one for both.

    >>> resolution(20, call="persistence_image()"), resolution((5, 4), call="persistence_image()")
    ((20, 20), (5, 4))
    """
    plain = _scalar(value)
    if isinstance(plain, Integral) and not isinstance(plain, bool) and int(plain) >= 1:
        return int(plain), int(plain)
    listed = _listed(value)
    if listed is not None and len(listed) == 2:
        first, second = (whole(one, name, call=call, low=1) for one in listed)
        return first, second
    raise _refusal(value, name, call, "a whole number of 1 or more, or two of them")


def prime(value: object, name: str = "coeff", *, call: str) -> int:
    """A prime number: the field Z/p of coefficients.

    >>> prime(3, call="rips()")
    3
    """
    plain = _scalar(value)
    if not isinstance(plain, Integral) or isinstance(plain, bool):
        raise _refusal(value, name, call, "a prime number (the field Z/p), such as 2")
    p = int(plain)
    if p > LARGEST_PRIME:  # said before any division: 2**61 - 1 would take hours
        msg = (
            f"{call}: {name}={p}; fields of at most {LARGEST_PRIME} elements can be computed in. "
            f"Pass a smaller prime, such as 2."
        )
        raise UsageError(msg)
    if p < 2 or any(p % q == 0 for q in range(2, math.isqrt(p) + 1)):
        msg = f"{call}: {name} must be a prime number (the field Z/p); got {p}. Pass 2."
        raise UsageError(msg)
    return p


def rng(value: object, name: str = "seed", *, call: str) -> np.random.Generator:
    """The random stream of a seed: a whole number of 0 or more, or a NumPy generator.

    A generator is used as it is, so two calls with one draw different numbers.

    >>> int(rng(0, call="mle()").integers(100))
    85
    """
    if isinstance(value, np.random.Generator):
        return value
    return np.random.default_rng(_seed(value, name, call))


def seed(value: object, name: str = "seed", *, call: str) -> int:
    """A seed that can be written to a record; of a generator, a number that is drawn from it.

    >>> seed(np.int64(3), call="clouds()"), seed(np.random.default_rng(0), call="clouds()") > 0
    (3, True)
    """
    if isinstance(value, np.random.Generator):
        return int(value.integers(2**53))  # whole for every reader of JSON
    return _seed(value, name, call)


def _seed(value: object, name: str, call: str) -> int:
    try:
        return whole(value, name, call=call, low=0)
    except UsageError:
        given = f"{name}={shown(value)}"
        advice = f"Pass {name}=0."
        if isinstance(value, np.random.RandomState):
            advice = f"Pass {name}=np.random.default_rng(0)."
        elif value is None:
            advice = f"Results are to be had again: pass {name}=0."
        msg = f"{call}: {given}; needed is a whole number of 0 or more, or a NumPy generator. "
        raise UsageError(msg + advice) from None


def _scalar(value: Any) -> Any:
    """A scalar of NumPy, or an array or tensor of no dimensions, as Python's own."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        return None
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        try:
            return value.item()
        except (TypeError, ValueError, RuntimeError):  # a tensor without data
            return None
    return value


def _listed(value: Any) -> Sequence[Any] | None:
    """The entries of a sequence; None for anything else, and for texts and mappings."""
    if isinstance(value, str | bytes | dict | set | frozenset) or not isinstance(value, Iterable):
        return None
    try:
        return list(value)
    except TypeError:  # an array without dimensions
        return None


def _limits(low: float, above: float, high: float, below: float) -> str:
    """Limits in words.

    >>> _limits(1, -math.inf, 3, math.inf), _limits(-math.inf, 0, math.inf, 1)
    (' from 1 to 3', ' above 0 and below 1')
    """
    if low > -math.inf and high < math.inf:
        return f" from {low:g} to {f'{high:,.0f}' if high >= 10**6 else f'{high:g}'}"
    first = f" of {low:g} or more" if low > -math.inf else ""
    first = f" above {above:g}" if above > -math.inf else first
    last = f"at most {high:g}" if high < math.inf else ""
    last = f"below {below:g}" if below < math.inf else last
    return first + (f"{' and' if first else ''} {last}" if last else "")


def _refusal(value: object, name: str, call: str, needed: str, advice: str = "") -> UsageError:
    return UsageError(f"{call}: {name}={shown(value)}; needed is {needed}.{advice}")


def shown(value: object) -> str:
    """A value in a message, not longer than a line; scalars of NumPy as numbers."""
    plain = _scalar(value)
    text = repr(value if plain is None else plain)
    return text if len(text) <= 60 else f"{text[:56]}... ({type(value).__name__})"
