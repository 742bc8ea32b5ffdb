"""Run every benchmark and write benchmarks/RESULTS.md: `make bench`.

Peers under AGPL or GPL go into an environment of their own (.venv-oracles) and are never imported
by the package or its tests. Real weights and data are looked for at $TOPOSCOPE_PACK or
../shared/pack; what needs them is left out where they are absent, and the page says so.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACK = Path(os.environ.get("TOPOSCOPE_PACK", ROOT.parent / "shared" / "pack"))
ORACLES = ROOT / ".venv-oracles"
COPYLEFT = ("cripser", "giotto-ph")


def oracle_python() -> Path:
    """Python of the environment with the copyleft peers, made on first use."""
    python = ORACLES / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ORACLES)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *COPYLEFT], check=True)
    return python


def section(title: str, *words: object) -> str:
    """Heading and output of one benchmark; its table or the reason there is none."""
    print(title, flush=True)
    command = [sys.executable, "-W", "ignore", *map(str, words)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        body = f"failed: {found.stderr.strip().splitlines()[-1]}"
    else:
        body = found.stdout.strip()
    shown = " ".join(map(str, words))
    # No path of the machine it ran on stays in the page.
    for path, name in ((tempfile.gettempdir(), "$TMPDIR"), (PACK, "$TOPOSCOPE_PACK"), (ROOT, ".")):
        shown = shown.replace(str(path), name)
    return f"## {title}\n\n`python {shown}`\n\n{body}\n"


def resnet56(folder: Path) -> Path:
    """A RUN of the pack's ResNet-56 on 4,000 real images."""
    run = folder / "r56"
    words = ["capture", "py:examples.cifar_resnet:resnet56"]
    words += [f"npz:{PACK}/data/cifar10/train_lossless_4000.npz", "--pool", "gap", "-n", "4000"]
    words += ["--weights", f"{PACK}/weights/cifar_resnet56/model.safetensors", "-o", str(run)]
    command = [sys.executable, "-m", "toposcope.cli", *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return run


def machine() -> str:
    """CPU, cores, memory, Python and the date."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {python}, {date.today()}"


def engine(oracle: Path) -> list[str]:
    """Pages of Rips persistence, and the plot of docs/engine.md from the same numbers."""
    peer = ["--giotto", oracle]
    pages = [
        section("Compilation", "-m", "benchmarks.bench_compile"),
        section("Rips H0", "-m", "benchmarks.bench_h0", *peer),
        section("Rips H0 without the matrix", "-m", "benchmarks.bench_h0", "--large"),
    ]
    times = ROOT / "build" / "bench_rips.json"
    times.parent.mkdir(exist_ok=True)
    sizes = ["--sizes", 250, 500, 1000, 2000, 4000]
    words = ["-m", "benchmarks.bench_rips", *peer, *sizes]
    pages.append(section("Rips H1 from a matrix", *words, "--json", times))
    pages.append(section("Rips H1 from points", *words, "--input", "points"))
    pages.append(section("Rips H2", "-m", "benchmarks.bench_h2", "--seeds", 51, 52))
    pages.append(section("Processes and threads", "-m", "benchmarks.bench_scaling"))
    pages.append(section("Predicted cost", "-m", "benchmarks.bench_cost"))
    if times.exists():
        section("Plot", "-m", "benchmarks.plot_engine", ROOT / "docs" / "images", times)
    return pages


def main() -> None:
    """Write the page."""
    oracle = oracle_python()
    pages = [f"# Benchmarks\n\nMade by `make bench` on {machine()}.\n"]
    with tempfile.TemporaryDirectory() as name:
        if PACK.exists():
            run = resnet56(Path(name))
            pages.append(section("A whole analysis", "-m", "benchmarks.bench_analysis", run))
        else:
            pages.append(f"## A whole analysis\n\nleft out: no real weights at {PACK}\n")
    pages.append(section("Capture", "benchmarks/bench_capture.py"))
    pages += engine(oracle)
    pages.append(section("Dimensions and landscapes", "-m", "benchmarks.bench_summaries"))
    pages.append(section("Transfer scores", "-m", "benchmarks.bench_transfer"))
    pages.append(section("Similarity of all pairs of layers", "-m", "benchmarks.bench_similarity"))
    pages.append(section("Permutation tests", "-m", "benchmarks.bench_stats"))
    pages.append(section("Comparing runs", "-m", "benchmarks.bench_compare"))
    pages.append(section("Transferability", "-m", "benchmarks.bench_transfer"))
    if PACK.exists():
        words = ["-m", "benchmarks.bench_theta", PACK, "--cripser", oracle]
        pages.append(section("Theta of Suresh et al.", *words))
    pages.append(section("Executors", "-m", "benchmarks.bench_executors"))
    pages.append(section("A zoo on many workers, simulated", "-m", "benchmarks.simulate_zoo"))
    pack = ["--pack", PACK] if PACK.exists() else []
    pages.append(section("Cubical", "-m", "benchmarks.bench_cubical", "--cripser", oracle, *pack))
    (ROOT / "benchmarks" / "RESULTS.md").write_text("\n".join(pages))


if __name__ == "__main__":
    main()
