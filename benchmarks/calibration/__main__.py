"""Make the tables of docs/statistics.md: `python -m benchmarks.calibration [TOPIC or NAME ...]`.

Every row is written as soon as it is made, to benchmarks/calibration/rates/NAME.json. The tables
stand in docs/statistics.md between `<!-- calibration: TOPIC -->` and `<!-- end -->`, made from
those files, so a session that remakes one row leaves the others. Rows that take long are made in
parts: `--more --minutes 8` goes on from what is stored and stops after so long.
"""

from __future__ import annotations

import os

for _variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
):
    os.environ[_variable] = "1"

import argparse
import json
import re
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from benchmarks.calibration.claims import Rate, load, rate, table

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "statistics.md"


def main() -> None:
    """Simulate what was asked for and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="topics or claims (default: all)")
    parser.add_argument("--simulations", type=int, help="instead of each claim's own number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--more", action="store_true", help="go on from the stored rates")
    parser.add_argument("--minutes", type=float, help="begin no simulation after so long")
    parser.add_argument("--list", action="store_true", help="name the claims and stop")
    parser.add_argument("--tables", action="store_true", help="only write the tables anew")
    options = parser.parse_args()
    claims = load()
    chosen = [
        one
        for one in claims.values()
        if not options.names or one.name in options.names or one.topic in options.names
    ]
    if not chosen:
        sys.exit(f"nothing is called {', '.join(options.names)}; --list names what there is")
    if options.list:
        for one in chosen:
            print(f"{one.name}: {one.sentence} ({one.world}; {one.simulations})")
        return
    if not options.tables:
        (HERE / "rates").mkdir(exist_ok=True)
        with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
            end = time.monotonic() + 60 * (options.minutes or float("inf"))
            for one in chosen:
                began = time.monotonic()
                if began >= end:
                    print(f"{one.name}: not begun, {options.minutes:g} minutes are over")
                    continue
                stored = HERE / "rates" / f"{one.name}.json"
                onto = None
                if options.more and stored.exists():
                    onto = Rate(**json.loads(stored.read_text()))
                made = rate(one, options.simulations, pool, onto=onto, seconds=end - began)
                stored.write_text(json.dumps(asdict(made), indent=1) + "\n")
                print(
                    f"{one.name}: {made.rate:.3f} [{made.low:.3f}, {made.high:.3f}] of "
                    f"{made.simulations}{'' if made.kept else ' NOT KEPT'} "
                    f"({time.monotonic() - began:.0f} s)",
                    flush=True,
                )
    write_tables()


def write_tables() -> None:
    """Put the stored rates between their marks in docs/statistics.md."""
    by_topic: dict[str, list[Rate]] = {}
    for name, one in load().items():
        stored = HERE / "rates" / f"{name}.json"
        if stored.exists():
            by_topic.setdefault(one.topic, []).append(Rate(**json.loads(stored.read_text())))
    text = PAGE.read_text()
    for topic, rates in by_topic.items():
        mark = re.compile(rf"(<!-- calibration: {topic} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            sys.exit(f"{PAGE} has no place '<!-- calibration: {topic} -->' ... '<!-- end -->'")
        made = table(rates)
        text = mark.sub(lambda found, made=made: f"{found[1]}\n{made}\n{found[2]}", text)
    PAGE.write_text(text)


def _quiet() -> None:
    """Warnings of simulated worlds are not news."""
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
