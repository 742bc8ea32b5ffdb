"""A claim to calibrate: a sentence or an interval, a world, and how often it came out.

    @claim("k layers differ", world="nothing differs, 20 layers", at_most=0.05)
    def null_of_20_layers(rng: np.random.Generator) -> bool:
        return says_that_something_differs(...)

Each simulation gets its own generator, spawned from the name of the claim, so a row is the same
whichever rows are made beside it and however many processes share the work.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

from toposcope.stats import proportion_interval

CLAIMS: dict[str, Claim] = {}


@dataclass(frozen=True)
class Claim:
    """One row of the table.

    Parameters
    ----------
    name
        Module and function that simulate it.
    sentence
        What the user reads, or the interval meant.
    world
        What is true in the simulation: design, n, what differs.
    simulate
        Function rng -> whether it was said (or whether the interval held the truth); None where
        this simulation does not count, as for an interval printed only after a finding.
    simulations
        How many make the printed row.
    at_most, at_least
        What the rate has to keep; inf and 0 for rows that only describe.
    stream
        Rows of one stream see the same simulations, so that what one of them has made need not be
        made again; "" for a stream of its own.
    """

    name: str
    sentence: str
    world: str
    simulate: Callable[[np.random.Generator], bool | None]
    simulations: int
    at_most: float
    at_least: float
    stream: str = ""

    @property
    def topic(self) -> str:
        """File that holds it: the table it belongs to."""
        return self.name.split(".")[0]


@dataclass(frozen=True)
class Rate:
    """How often a claim came out, with its 95 % interval (Wilson).

    `simulations` are those that count, `tried` all that were made (0: stored before it was kept).
    """

    name: str
    sentence: str
    world: str
    simulations: int
    rate: float
    low: float
    high: float
    kept: bool
    tried: int = 0


def claim(
    sentence: str,
    *,
    world: str,
    simulations: int = 400,
    at_most: float = float("inf"),
    at_least: float = 0.0,
) -> Callable[
    [Callable[[np.random.Generator], bool | None]], Callable[[np.random.Generator], bool | None]
]:
    """Register the function below as the simulation of a claim."""

    def register(
        function: Callable[[np.random.Generator], bool | None],
    ) -> Callable[[np.random.Generator], bool | None]:
        add(
            f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}",
            function,
            sentence,
            world=world,
            simulations=simulations,
            at_most=at_most,
            at_least=at_least,
        )
        return function

    return register


def add(
    name: str,
    function: Callable[[np.random.Generator], bool | None],
    sentence: str,
    *,
    world: str,
    simulations: int = 400,
    at_most: float = float("inf"),
    at_least: float = 0.0,
    stream: str = "",
) -> None:
    """Register a claim by hand: for worlds made in a loop, with `functools.partial`."""
    if name in CLAIMS:
        raise ValueError(f"two claims are called {name!r}")
    CLAIMS[name] = Claim(name, sentence, world, function, simulations, at_most, at_least, stream)


def load() -> dict[str, Claim]:
    """All claims, in the order of their files."""
    package = import_module("benchmarks.calibration")
    for module in sorted(iter_modules(package.__path__), key=lambda found: found.name):
        if module.name != "__main__":
            import_module(f"benchmarks.calibration.{module.name}")
    return CLAIMS


def rate(
    wanted: Claim,
    simulations: int | None = None,
    pool: Executor | None = None,
    *,
    onto: Rate | None = None,
    seconds: float = float("inf"),
) -> Rate:
    """Simulate a claim.

    Parameters
    ----------
    wanted, simulations, pool
        What, how often (None: as often as it asks for itself) and where.
    onto
        A rate of the same claim that is continued: its simulations are not made again, the later
        ones of the same stream are added.
    seconds
        No simulation begins after so long. When it ends does not depend on what came out.

    Returns
    -------
    Whether the bound is `kept` allows for the noise of the simulation: the interval of the rate
    has to reach it.
    """
    count = wanted.simulations if simulations is None else simulations
    first = 0 if onto is None else onto.tried or onto.simulations
    said = (
        []
        if onto is None
        else [k < onto.rate * onto.simulations - 0.5 for k in range(onto.simulations)]
    )
    each, began, tried = partial(_once, wanted.name), time.monotonic(), first
    while tried < count and (tried == first or time.monotonic() - began < seconds):
        numbers = range(tried, count if seconds == float("inf") else min(count, tried + 8))
        made = pool.map(each, numbers, chunksize=4) if pool else map(each, numbers)
        said += [value for value in made if value is not None]
        tried = numbers.stop
    share = proportion_interval(float(np.mean(said)), len(said))
    return Rate(
        wanted.name,
        wanted.sentence,
        wanted.world,
        len(said),
        share.value,
        share.low,
        share.high,
        share.low <= wanted.at_most and share.high >= wanted.at_least,
        max(tried, first),
    )


def table(rates: Iterable[Rate]) -> str:
    """Rates as a Markdown table."""
    lines = ["| sentence or interval | world | simulations | rate |", "|---|---|---|---|"]
    lines += [
        f"| {row.sentence} | {row.world} | {row.simulations:,} "
        f"| {100 * row.rate:.1f} % [{max(100 * row.low, 0.0):.1f}, {100 * row.high:.1f}]"
        f"{'' if row.kept else ' **not kept**'} |"
        for row in rates
    ]
    return "\n".join(lines) + "\n"


def _once(name: str, number: int) -> bool | None:
    """One simulation, from its own stream."""
    wanted = load()[name]
    rng = np.random.default_rng([zlib.crc32((wanted.stream or name).encode()), number])
    said = wanted.simulate(rng)
    return None if said is None else bool(said)
