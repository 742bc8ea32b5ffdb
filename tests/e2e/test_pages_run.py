"""Code of the pages runs as it stands: tutorials and gallery, each in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
BOOKS = sorted(path.stem for path in (DOCS / "tutorials").glob("*.ipynb"))
DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from run_pages import run
names = {}
shown = list(run(Path(sys.argv[2]), names))
exec(sys.argv[3])
"""
CLAIMS = {
    "gallery": """
import run_pages
named = [picture for _, picture in run_pages.cells(Path(sys.argv[2])) if picture]
drawn = [len(one.figures) for one in shown]
assert drawn == [0] + [1] * len(named) and len(set(named)) == len(named) >= 11
kept = {f"images/gallery/{one.name}" for one in (run_pages.DOCS / "images/gallery").iterdir()}
assert kept == set(named)
assert sum((run_pages.DOCS / one).stat().st_size for one in kept) < 600_000
public = {one for one in dir(names["ts"].plots) if one.startswith("plot_")}
code = Path(sys.argv[2]).read_text("utf-8")
assert public - {one for one in public if one in code} == {"plot_depth", "plot_study"}
""",
    # The ring is told from the null and gone at the end; its pictures go round once.
    "newcomer": """
import numpy as np
rows = names["analysis"].intervals
rows = rows[(rows["statistic"] == "max_persistence") & (rows["homology_dimension"] == 1)]
ends = rows.set_index(["layer", "cloud"])
assert ends.loc[("0", "data"), "low"] > ends.loc[("0", "gaussian"), "high"] + 0.1
assert ends.loc[("6", "data"), "high"] < 0.05
turned = np.diff(np.unwrap(np.radians(names["angles"][names["around"]])))
assert abs(abs(turned.sum()) + np.abs(turned).mean() - 2 * np.pi) < 0.7
assert names["loss"].item() < 0.01
""",
    "topologist": """
hops, straight, jumps = (names["longest"][one] for one in ("hops, k=8", "Euclidean", "hops, k=12"))
assert hops < straight < jumps
assert names["near"].pvalue > 0.05 > 0.01 > names["far"].pvalue
assert len(names["loops"]) == 2
lengths = [float(line.split("[")[1].split()[0]) for line in shown[0].printed.splitlines()]
assert lengths[0] > 2 * lengths[1]
""",
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["gallery", *BOOKS])
def test_a_page_runs_and_what_it_says_is_so(name, tmp_path):
    """A whole network in training for a page: up to half a minute on one core."""
    path = DOCS / ("gallery.md" if name == "gallery" else f"tutorials/{name}.ipynb")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::UserWarning",
            "-c",
            DRIVER,
            str(DOCS),
            str(path),
            CLAIMS[name],
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=540,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BOOKS)
def test_a_tutorial_is_kept_with_its_outputs(name):
    book = json.loads((DOCS / "tutorials" / f"{name}.ipynb").read_text("utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell["outputs"]) for cell in code) == len(code)


def pages():
    spec = importlib.util.spec_from_file_location("run_pages", DOCS / "run_pages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_cell_that_fails_is_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```python\nx.missing\n```\n")
    with pytest.raises(AttributeError) as caught:
        list(pages().run(page, {}))
    assert "page.md, cell 2:\nx.missing" in caught.value.__notes__[0]
