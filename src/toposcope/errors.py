"""The error tree: every error a user can cause, and what each one means.

ToposcopeError
├── UsageError (ValueError)                 refused before any work started; exit code 2
│   ├── LayerNotFoundError (KeyError)       no layer of that name; lists near matches
│   ├── SpecError                           MODEL or DATA cannot be understood or found
│   ├── WeightsError                        weights and model do not fit; lists keys both ways
│   └── TooFewSamplesError                  fewer samples than the design asks for
├── DegenerateCloudError (ValueError)       a cloud that carries no geometry
│   └── UndefinedError                      a cloud that has geometry, but no value of a statistic
├── StoreError (ValueError)                 a RUN folder that cannot be used as it is
│   ├── SchemaVersionError                  written by another version of the format
│   ├── ParameterMismatchError              resumed with other parameters; shows the difference
│   ├── DamagedError                        bytes that do not match their recorded hash
│   └── RunLockedError                      another process is writing to the same RUN
├── FitError (RuntimeError)                 a model of networks that no optimizer could fit
├── NetworkError (RuntimeError)             the network failed on a batch after its first samples
├── WorkersLostError (RuntimeError)         no worker lives long enough to begin a task
└── MissingExtraError (ImportError)         an optional package is absent; shows the pip line

DesignWarning (UserWarning)                 a design that cannot answer what is asked of it

A message names the call, what arrived, what is needed and what to type next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


class ToposcopeError(Exception):
    """Base of every error raised on purpose by toposcope."""


class UsageError(ToposcopeError, ValueError):
    """Refused before any work started."""


class LayerNotFoundError(UsageError, KeyError):
    """No layer of that name."""

    def __str__(self) -> str:
        # KeyError quotes its message as if it were a key; a sentence should read as one.
        return str(self.args[0]) if self.args else ""


class SpecError(UsageError):
    """A MODEL or DATA argument cannot be understood or found."""


class WeightsError(UsageError):
    """Weights and model do not fit each other."""


class TooFewSamplesError(UsageError):
    """Fewer samples than the design asks for."""


@dataclass(frozen=True)
class WayOut:
    """What to pass instead, where work does not fit: known to fit when it is told.

    Parameters
    ----------
    changes
        Keyword arguments to pass.
    flags
        The same on the command line; () where only Python can.
    without
        Flags to leave out.
    call
        What they are passed to; "" for the call that was refused.
    told
        What a reader is told in place of the arguments, where there is more to say.
    brief
        Whether that is all, and the flags are too long to be read.

    Examples
    --------
    >>> print(WayOut({"points": 200}, ("--points", "200")))
    points=200 (--points 200)
    >>> print(WayOut({"layers": "fc"}, ("--layers", "fc"), call="capture()"))
    layers='fc' to capture() (--layers fc)
    """

    changes: Mapping[str, object]
    flags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    call: str = ""
    told: str = ""
    brief: bool = False

    def __str__(self) -> str:
        """As it stands behind "Pass"."""
        told = self.told or " with ".join(
            f"{name}={value!r}" for name, value in self.changes.items()
        )
        told += f" to {self.call}" if self.call else ""
        typed = [" ".join(self.flags)] if self.flags else []
        typed += [f"leave out {' '.join(self.without)}"] if self.without else []
        return f"{told} ({', '.join(typed)})" if typed and not self.brief else told


class DoesNotFitError(UsageError):
    """More memory or disk than there is.

    Parameters
    ----------
    message
        With the numbers and the ways out.
    needed, available
        Bytes.
    ways
        What to pass instead; each of them fits.
    """

    def __init__(
        self, message: str, *, needed: float, available: float, ways: Sequence[WayOut] = ()
    ) -> None:
        super().__init__(message)
        self.needed, self.available, self.ways = needed, available, tuple(ways)

    def __reduce__(self) -> tuple[object, ...]:
        """With its numbers, through processes too."""
        own = {"needed": self.needed, "available": self.available, "ways": self.ways}
        return _again, (type(self), str(self), own)


def _again(kind: type[DoesNotFitError], message: str, own: dict[str, object]) -> DoesNotFitError:
    return kind(message, **own)  # type: ignore[arg-type]


class DegenerateCloudError(ToposcopeError, ValueError):
    """A cloud that carries no geometry: empty, non-finite or without two distinct points."""


class UndefinedError(DegenerateCloudError):
    """A statistic that this cloud has no value of, though it has two distinct points."""


class StoreError(ToposcopeError, ValueError):
    """A RUN folder that cannot be used as it is."""


class SchemaVersionError(StoreError):
    """A RUN written by another version of the format."""


class ParameterMismatchError(StoreError):
    """A RUN resumed with other parameters than it was started with."""


class DamagedError(StoreError):
    """Bytes that do not match their recorded hash."""


class RunLockedError(StoreError):
    """Another process is writing to the same RUN."""


class FitError(ToposcopeError, RuntimeError):
    """A model over networks that no optimizer could fit; names what answers without one."""


class NetworkError(ToposcopeError, RuntimeError):
    """The network ran on its first samples and failed on a later batch."""


class WorkersLostError(ToposcopeError, RuntimeError):
    """No worker lives long enough to begin a task."""


class MissingExtraError(ToposcopeError, ImportError):
    """An optional package is absent."""


class DesignWarning(UserWarning):
    """A design that cannot answer what is asked of it; said before the work is done."""


def require_torch(call: str) -> None:
    """Refuse before any work what will run networks in other processes.

    Raises
    ------
    MissingExtraError
        When PyTorch is not installed.
    """
    from importlib.util import find_spec

    with networks(call):
        if find_spec("torch") is None:
            missing = "No module named 'torch'"
            raise ModuleNotFoundError(missing, name="torch")


@contextmanager
def networks(call: str) -> Iterator[None]:
    """Tell who runs networks where PyTorch is not installed what to type.

    Every way to a network passes through here: calls (`inputs.signatures.checked`), names of the
    package (`toposcope.__getattr__`) and the command line. Other failing imports stay as they are.

    Parameters
    ----------
    call
        What was called.

    Raises
    ------
    MissingExtraError
        In place of a ModuleNotFoundError about torch.

    Examples
    --------
    >>> with networks("capture()"):
    ...     raise ModuleNotFoundError("No module named 'torch'", name="torch")
    Traceback (most recent call last):
    toposcope.errors.MissingExtraError: capture() needs PyTorch: pip install \
    'toposcope[torch]'. Without it, arrays are measured: ts.from_arrays, ts.analyze, ts.compare.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "torch":
            raise
        msg = (
            f"{call} needs PyTorch: pip install 'toposcope[torch]'. Without "
            "it, arrays are measured: ts.from_arrays, ts.analyze, ts.compare."
        )
        raise MissingExtraError(msg) from error
