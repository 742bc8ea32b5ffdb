"""Size of a large report, and how soon it shows and answers in headless Chromium.

`python -m benchmarks.bench_pages` measures 27 layers with 8 draws of 250 of 2,000 samples, and
`--layers 500 --points 30` what still has to open. Times are processor times of the page's main
thread, so that other work on the machine does not count, and by the clock. Pictures are random,
the worst case for their size.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import toposcope as ts

CHANGE = """
const s = document.querySelector(arguments[0]); s.value = arguments[1];
const began = performance.now();
s.dispatchEvent(new Event("input", {bubbles: true}));
s.dispatchEvent(new Event("change", {bubbles: true}));
return performance.now() - began;
"""
CLASS = """
const chip = document.querySelectorAll("#figure-cloud .key button")[Number(arguments[1])];
const began = performance.now();
chip.click();
return performance.now() - began;
"""
BRUSH = """
const began = performance.now();
toposcope.set({brushed: new Set(Array.from({length: 40}, (_, i) => i + Number(arguments[1])))});
return performance.now() - began;
"""


def page(layers: int, points: int, replicates: int, folder: Path) -> Path:
    """A report of random layers, their classes moving apart with depth."""
    rng = np.random.default_rng(0)
    n = points * replicates
    y = np.arange(n) % 10
    centers = rng.normal(size=(10, 16))
    values: dict[str, Any] = {
        f"block{i}": rng.normal(size=(n, 16)) + centers[y] * i / layers for i in range(layers)
    }
    values["@thumbnail"] = rng.integers(0, 255, size=(n, 32, 32, 3), dtype=np.uint8)
    acts = ts.from_arrays(values, labels=y, class_names=[f"class {i}" for i in range(10)])
    run = ts.store.save_arrays(acts, folder / "run")
    ts.analyze(run, points=points, replicates=replicates, jobs=2)
    return ts.report(run, to=folder / "page.html")


def browser() -> Any:
    """Headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    return driver


def spent(driver: Any) -> float:
    """Processor seconds of the page's main thread, as the kernel counts them.

    The busiest renderer below the driver is the page. What the kernel gives to other processes
    does not count, so that a number stays a number on a machine that others use.
    """
    below, waiting = set(), [driver.service.process.pid]
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    while waiting:
        children = parents.get(waiting.pop(), [])
        below |= set(children)
        waiting += children
    times = [0.0]
    for pid in below:
        with contextlib.suppress(OSError):
            if b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                ran = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]
                times.append(int(ran) / 1e9)
    return max(times)


def settled(driver: Any) -> None:
    """Wait for the figures off the screen."""
    while driver.execute_script("return document.documentElement.dataset.settled") != "true":
        time.sleep(0.02)


def measured(driver: Any, path: Path) -> list[tuple[str, str, str]]:
    """Rows of the table: what, processor time, time by the clock."""
    before = spent(driver)
    driver.get(path.as_uri())
    opened = spent(driver) - before
    paint = driver.execute_script(
        "return performance.getEntriesByType('paint').map((one) => one.startTime).at(-1)"
    )
    began = spent(driver)
    settled(driver)
    rest = spent(driver) - began
    rows = [
        ("first paint", f"{opened:.2f} s until ready", f"{paint / 1000:.2f} s"),
        ("figures off the screen", f"{rest:.2f} s", ""),
    ]
    last = int(driver.execute_script("return toposcope.data.runs[0].layers.length")) - 1
    picks = [round(last * k / 8) for k in range(9)]
    picks_of = {"class": range(9)}
    for title, figure, control in (
        ("slider of depth", "figure-cloud", "#figure-cloud input.depth"),
        ("layer, first screen", "figure-cloud", "#figure-layer select[name=layer]"),
        ("layer, its figures", "figure-layer", "#figure-layer select[name=layer]"),
        ("class", "figure-cloud", ""),
        ("brush", "figure-cloud", ""),
    ):
        driver.execute_script(f"document.getElementById('{figure}').scrollIntoView()")
        settled(driver)
        by_clock, by_thread = [], []
        for pick in picks_of.get(title, picks):
            before = spent(driver)
            script = {"class": CLASS, "brush": BRUSH}.get(title, CHANGE)
            by_clock.append(float(driver.execute_script(script, control, str(pick))))
            by_thread.append(1000 * (spent(driver) - before))
            settled(driver)
        rows.append((title, f"{median(by_thread)} ms", f"{median(by_clock)} ms"))
    return rows


def median(values: list[float]) -> str:
    """The median and the largest."""
    return f"{statistics.median(values):.0f} (largest {max(values):.0f})"


def main() -> None:
    """Measure one page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=27)
    parser.add_argument("--points", type=int, default=250)
    parser.add_argument("--replicates", type=int, default=8)
    parser.add_argument("--page", type=Path, help="a report that is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = options.page or page(options.layers, options.points, options.replicates, Path(place))
        driver = browser()
        try:
            rows = measured(driver, path.absolute())
        finally:
            driver.quit()
        print(f"{path.stat().st_size / 1e6:.2f} MB\n")
        print("| what | main thread | by the clock |\n|---|---|---|")
        for row in rows:
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
