"""What a command will take, said on stderr when it starts, or instead of it (`--dry-run`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from toposcope.cli.common import key_values, printable, show

if TYPE_CHECKING:
    from toposcope.execution.forecasts import Announced, Forecast


def announced() -> Announced:
    """Bars, before which a line on stderr says what the work will take."""
    from toposcope.execution.forecasts import Announced
    from toposcope.execution.progress import bars
    from toposcope.words.forecasts import forecast_line

    def tell(name: str, expected: Forecast) -> None:
        click.echo(printable(f"{name}: {forecast_line(expected)}"), err=True)

    return Announced(bars(), tell)


@contextmanager
def forecasts_told(dry_run: bool, as_json: bool, **told: object) -> Iterator[Announced]:
    """A progress for a command; with `dry_run` its first forecast is shown, and the program ends.

    Parameters
    ----------
    dry_run, as_json
        The options of the command.
    told
        What is shown with the numbers.
    """
    from toposcope.execution.forecasts import Announced, OnlyForecastError
    from toposcope.execution.progress import Silent
    from toposcope.words.forecasts import forecast_numbers

    if not dry_run:
        yield announced()
        return
    found: dict[str, Any] = {}

    def stop(name: str, expected: Forecast) -> None:
        found.update(told, work=name, **forecast_numbers(expected))
        raise OnlyForecastError

    try:
        yield Announced(Silent(), stop)
    except OnlyForecastError:
        show(found, as_json, key_values(found))
        sys.exit(0)
