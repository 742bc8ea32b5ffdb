"""What a package of science has to have: the lists of JOSS and pyOpenSci as tests."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_citation_is_that_of_this_version():
    cited = yaml.safe_load(text("CITATION.cff"))
    for field in ("cff-version", "message", "title", "authors", "abstract"):
        assert cited[field]
    assert cited["version"] == PROJECT["version"]
    assert cited["license"] == PROJECT["license"] == text("LICENSE").split()[0]
    assert cited["title"] == PROJECT["name"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_every_link_of_a_first_page_leads_somewhere(name):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text(name))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_says_what_a_reviewer_looks_for():
    readme = text("README.md")
    for needed in (
        "make demo",
        "make test",
        "pip install",
        "toposcope capture",
        "import toposcope",
    ):
        assert needed in readme, needed
    assert "CONTRIBUTING.md" in readme and "CITATION.cff" in readme and "LICENSE" in readme


def test_contributors_are_told_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.M))
    for name in ("CONTRIBUTING.md", "README.md"):
        told = set(re.findall(r"(?:`|^    )make ([a-z-]+)", text(name), re.M))
        assert told and told <= targets, told - targets
    assert "CODE_OF_CONDUCT.md" in text("CONTRIBUTING.md")


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is(path):
    told = yaml.safe_load(path.read_text("utf-8"))
    assert told["permissions"] == {"contents": "read"}  # more is asked for by the job that needs it
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.M))
    for job in told["jobs"].values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert set(re.findall(r"\bmake ([a-z-]+)", step.get("run", ""))) <= targets


def test_continuous_integration_tests_every_version_that_is_promised():
    jobs = {path.stem: yaml.safe_load(path.read_text("utf-8"))["jobs"] for path in WORKFLOWS}
    versions = jobs["ci"]["test"]["strategy"]["matrix"]["python"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert versions == ["3.11", "3.12", "3.13"]
    runs = {stem: [step.get("run", "") for job in told.values() for step in job["steps"]]
            for stem, told in jobs.items()}  # fmt: skip
    assert "make test" in runs["ci"] and any("pip-audit" in run for run in runs["ci"])
    assert "make test-faults" in runs["nightly"]


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_are_forms(path):
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert form["name"] and form["description"]
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids)
    for part in form["body"]:
        assert part["type"] in ("textarea", "input", "dropdown") and part["attributes"]["label"]


def test_arrays_need_no_torch_and_the_two_commands_install_it():
    names = {Requirement(one).name for one in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    assert not names & {"torch", "transformers", "lightning", "anndata", "zarr"}
    assert "'.[torch]'" in text("Makefile")
    dev = Requirement(next(one for one in extras["dev"] if one.startswith("toposcope[")))
    assert {"torch", "hf", "training", "zarr"} <= dev.extras and "anndata" not in dev.extras


def test_what_the_tests_install_is_pinned_with_all_it_needs():
    """Every package of the dev extra, and all that they need here, has its version in one place."""
    pinned = {
        plain(line.split("==")[0]): line.split("==")[1].strip()
        for line in text("constraints.txt").splitlines()
        if "==" in line
    }
    extras = PROJECT["optional-dependencies"]
    waiting, seen = [*PROJECT["dependencies"], *extras["dev"]], set()
    while waiting:
        one = Requirement(waiting.pop())
        name, asked = plain(one.name), one.extras or {""}
        if name == "toposcope":
            waiting += [need for extra in one.extras for need in extras[extra]]
        elif name not in seen:
            seen.add(name)
            if name in pinned and version(name) != pinned[name]:
                continue  # an environment of other versions: what those need is not ours to pin
            waiting += [
                need
                for need in requires(name) or ()
                if (marker := Requirement(need).marker) is None
                or any(marker.evaluate({"extra": extra}) for extra in asked)
            ]
    assert len(seen) > 60
    of_builds = {"setuptools", "nvidia", "triton", "cuda"}  # what the CUDA build of torch brings
    assert {name for name in seen - set(pinned) if name.split("-")[0] not in of_builds} == set()


def plain(name: str) -> str:
    """A name of a package as all of its spellings are read."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_site_has_every_page_and_every_public_name():
    """`make docs` fails for links that lead nowhere; this is what it would not miss."""
    spec = spec_from_file_location("site_pages", ROOT / "docs" / "site_pages.py")
    site = module_from_spec(spec)
    spec.loader.exec_module(site)
    made = site.api()
    told = set(re.findall(r"^::: (\S+)", "\n".join(made.values()), re.M))
    stub = re.findall(r"^from (\S+) import (\w+)", text("src/toposcope/__init__.pyi"), re.M)
    assert told == {f"{module}.{name}" for module, name in stub}
    shown = set(re.findall(r"[\w/-]+\.md", text("mkdocs.yml")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    tutorials = set(site.tutorials())
    assert len(tutorials) >= 2
    assert shown == pages | tutorials | {"index.md", "api/index.md"}
