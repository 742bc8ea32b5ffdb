"""No call runs code under the GPL or AGPL, and GUDHI is never imported as a package."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from toposcope.homology.gudhi_extensions import LICENSES

ROOT = Path(__file__).resolve().parents[2]
CALLS = Path(__file__).with_name("public_calls.py")
COPYLEFT = re.compile(r"\bA?GPL", re.IGNORECASE)  # \b: the LGPL is another matter


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    subprocess.run([sys.executable, str(CALLS), str(folder)], check=True, stdout=subprocess.PIPE)
    return json.loads((folder / "report.json").read_text())


def test_every_public_function_is_called(report):
    assert report["missing"] == [], "add a call of each to public_calls.py"


def test_nothing_that_is_loaded_is_copyleft(report):
    copyleft = {name for name, text in report["licenses"].items() if COPYLEFT.search(text)}
    assert copyleft == set()


def test_only_the_named_parts_of_gudhi_are_loaded_and_all_of_them_are(report):
    loaded = {name for name in report["modules"] if name.split(".")[0] == "gudhi"}
    assert loaded == {f"gudhi.{stem}" for stem in LICENSES}
    assert {name: report["licenses"][f"gudhi.{name}"] for name in LICENSES} == LICENSES


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_no_library_of_cgal_is_mapped(report):
    assert any(name.startswith("_ripser_ext") for name in report["libraries"])
    of_cgal = ("libgmp", "libmpfr", "lib_default_cgal_random", "_nerve_gic_ext")
    assert not [name for name in report["libraries"] if name.startswith(of_cgal)]


@pytest.mark.parametrize("gudhi_first", [True, False])
def test_toposcope_and_the_gudhi_package_share_a_process(gudhi_first):
    ours = (
        "from toposcope import homology, distances\n"
        "homology.cubical(np.arange(27.0).reshape(3, 3, 3))\n"
        "homology.sparse_rips(np.eye(6))\n"
        "homology.rips(np.eye(6), homology_dimensions=(2,))\n"
        "distances.wasserstein([[0, 1]], [[0.1, 2]], relative_error=0.1)\n"
    )
    theirs = (
        "import gudhi, gudhi.hera\n"
        "gudhi.CubicalComplex(vertices=np.eye(3)).persistence()\n"
        "gudhi.SimplexTree().persistence()\n"
        "gudhi.hera.wasserstein_distance(np.eye(2), np.eye(2))\n"
    )
    code = "import numpy as np\n" + (theirs + ours if gudhi_first else ours + theirs)
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_no_package_of_the_default_install_names_a_copyleft_license():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # What the README installs: the package, and PyTorch to run networks with.
    waiting, texts = project["dependencies"] + project["optional-dependencies"]["torch"], {}
    while waiting:
        requirement = Requirement(waiting.pop())
        needed = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if needed and requirement.name not in texts:
            about = metadata(requirement.name)
            fields = [about.get("License-Expression", ""), about.get("License", "")[:200]]
            texts[requirement.name] = " ".join(fields + about.get_all("Classifier", []))
            waiting += about.get_all("Requires-Dist", [])
    assert {"numpy", "torch", "gudhi"} <= set(texts)
    assert [name for name, text in texts.items() if COPYLEFT.search(text)] == []
