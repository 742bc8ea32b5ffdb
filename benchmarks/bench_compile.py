"""What compiling every kernel costs on a fresh machine, and loading them in a second process.

Run: python -m benchmarks.bench_compile
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

CODE = """
import time
started, clock = time.perf_counter(), time.process_time()
from toposcope.homology import warm_up
imported = time.process_time() - clock
warm_up()
print(imported, time.process_time() - clock, time.perf_counter() - started)
"""


def main() -> None:
    """Print the table."""
    print("| process | import CPU s | with warm_up() CPU s | wall s |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for label in ("first on a fresh machine", "second"):
            out = subprocess.run(
                [sys.executable, "-c", CODE],
                env={**os.environ, "TOPOSCOPE_CACHE": folder, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=True,
            )
            cells = " | ".join(f"{float(x):.2f}" for x in out.stdout.split())
            print(f"| {label} | {cells} |")


if __name__ == "__main__":
    main()
