"""How long work tells how far it is: silent, a bar with the time left, or log lines.

Library functions take `progress=None` (silent). The command line passes `bars()`, which writes to
stderr only, so that results on stdout stay clean for machines.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from toposcope.inputs.durations import clock

log = logging.getLogger("toposcope")


class Steps(Protocol):
    """One piece of work with a known number of steps."""

    def advance(self, steps: int = 1) -> None:
        """Say that this many more steps are done."""
        ...


class Progress(Protocol):
    """Opens pieces of work: `with progress.task("capture", total) as steps: steps.advance(k)`."""

    def task(self, name: str, total: int, /) -> AbstractContextManager[Steps]:
        """Context manager around one piece of work."""
        ...


class _SilentSteps:
    def advance(self, steps: int = 1) -> None:
        """Nothing to tell."""


class Silent:
    """The null progress: library default."""

    @contextmanager
    def task(self, name: str, total: int, /) -> Iterator[Steps]:
        """Context manager around one piece of work."""
        yield _SilentSteps()


class _BarSteps:
    def __init__(self, bar: object) -> None:
        self._bar = bar

    def advance(self, steps: int = 1) -> None:
        self._bar.update(steps)  # type: ignore[attr-defined]

    def left(self, seconds: float) -> None:
        """Say how long it will still take, where that is known better than by the rate."""
        self._bar.set_postfix_str(f"{clock(seconds)} left", refresh=False)  # type: ignore[attr-defined]


class Bars:
    """tqdm bars on stderr, with rate and time left."""

    @contextmanager
    def task(self, name: str, total: int, /) -> Iterator[Steps]:
        """Context manager around one piece of work."""
        from tqdm import tqdm

        with tqdm(total=total, desc=_plain(name), file=sys.stderr, dynamic_ncols=True) as bar:
            yield _BarSteps(bar)


class _LogSteps:
    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._done, self._told = _plain(name), total, 0, 0
        self._left = ""

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        tenth = 10 * self._done // max(self._total, 1)
        if tenth > self._told:
            self._told = tenth
            left = self._left if self._done < self._total else ""
            sys.stderr.write(f"{self._name}: {self._done}/{self._total}{left}\n")

    def left(self, seconds: float) -> None:
        """Say how long it will still take."""
        self._left = f", {clock(seconds)} left"


class LogLines:
    """A line on stderr for every tenth of the work: for files, CI and cron."""

    @contextmanager
    def task(self, name: str, total: int, /) -> Iterator[Steps]:
        """Context manager around one piece of work."""
        yield _LogSteps(name, total)


def _plain(name: str) -> str:
    """A name without control characters: it may be a stranger's, and could move the cursor."""
    return "".join(c if c.isprintable() else "?" for c in name)


def bars() -> Progress:
    """Bars when stderr is a terminal, log lines when it is not."""
    return Bars() if sys.stderr.isatty() else LogLines()


def ensure(progress: Progress | None) -> Progress:
    """The given progress, or the silent one."""
    return Silent() if progress is None else progress
