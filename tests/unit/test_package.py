"""What reviewers of research software look for in a repository, as far as a test can see it."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import toposcope as ts

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("README.md", ("## Two commands", "pip install", "make test", "ts.analyze")),
        ("LICENSE", ("MIT License",)),
        ("CONTRIBUTING.md", ("make test", "CODE_OF_CONDUCT.md", "SECURITY.md")),
        ("CODE_OF_CONDUCT.md", ("harassment", "maintainers")),
        ("SECURITY.md", ("private",)),
        ("CHANGELOG.md", ("0.1.0",)),
        ("docs/glossary.md", ("| word |",)),
    ],
)
def test_a_repository_says_what_people_look_for(file, words):
    text = (ROOT / file).read_text()
    assert [word for word in words if word not in text] == []


def test_how_to_cite_names_this_version_and_license():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == PROJECT["version"] == ts.__version__
    assert cited["license"] == PROJECT["license"]
    assert cited["authors"] and cited["title"] and cited["cff-version"] == "1.2.0"


def test_forms_and_workflows_can_be_read():
    forms = sorted((ROOT / ".github").rglob("*.yml"))
    assert len(forms) >= 6
    for path in forms:
        found = yaml.safe_load(path.read_text())
        if path.parent.name == "ISSUE_TEMPLATE" and path.stem != "config":
            assert {"name", "description", "body"} <= set(found)
            ids = [one["id"] for one in found["body"] if "id" in one]
            assert len(set(ids)) == len(ids)
        if path.parent.name == "workflows":
            assert found["permissions"] == {"contents": "read"}
            tested = [job for job in found["jobs"].values() if "run" in str(job["steps"][2])]
            assert tested and all(job["timeout-minutes"] <= 90 for job in tested)


def test_documents_link_to_what_is_there():
    lost = []
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        there = [link for link in links if "://" not in link]
        lost += [(path.name, link) for link in there if not (path.parent / link).exists()]
    assert lost == []


def test_arrays_need_no_torch_and_the_readme_installs_it():
    names = {Requirement(one).name for one in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    assert not names & {"torch", "transformers", "lightning", "anndata", "zarr"}
    assert "'.[torch]'" in (ROOT / "Makefile").read_text()
    dev = Requirement(next(one for one in extras["dev"] if one.startswith("toposcope[")))
    assert {"torch", "hf", "training", "zarr"} <= dev.extras and "anndata" not in dev.extras


def test_what_the_tests_install_is_pinned_with_all_it_needs():
    """Every package of the dev extra, and all that they need here, has its version in one place."""
    pinned = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower(): line.split("==")[1]
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"]
    waiting, seen = [*PROJECT["dependencies"], *extras["dev"]], set()
    while waiting:
        one = Requirement(waiting.pop())
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        asked = one.extras or {""}
        if one.marker is not None and not any(one.marker.evaluate({"extra": e}) for e in asked):
            continue
        if name == "toposcope":
            waiting += [need for extra in one.extras for need in extras[extra]]
        elif name not in seen:
            seen.add(name)
            if name in pinned and version(name) != pinned[name].strip():
                continue  # an environment of other versions: what those need is not ours to pin
            waiting += [
                need
                for need in requires(name) or ()
                if (marker := Requirement(need).marker) is None
                or any(marker.evaluate({"extra": e}) for e in asked)
            ]
    assert len(seen) > 60
    left = {"setuptools", "nvidia", "triton", "cuda"}
    assert {name for name in seen - set(pinned) if name.split("-")[0] not in left} == set()
