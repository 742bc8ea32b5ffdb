"""The house: fences that no module can stand outside, short files, names that say one thing."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import toposcope as ts

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "toposcope"
FILES = sorted(SOURCE.rglob("*.py"))
PACKAGES = sorted(file.parent for file in SOURCE.rglob("__init__.py"))
LONGEST = 500

# Where each library may be imported, as folders and files; nowhere else, and not in the __init__ of
# a room, for that is loaded with every file of it.
AT_HOME = {
    "torch": ("activations/", "training/", "homology/vietoris_rips/cuda.py"),
    "transformers": ("activations/", "training/callbacks.py"),
    "lightning": ("training/callbacks.py",),
    "numba": ("homology/jit.py", "homology/kernel_files.py"),
    "gudhi": (),
    "ripser": (),
    "matplotlib": ("reporting/",),
    "jinja2": ("reporting/",),
    "plotly": (),
    "loky": ("execution/",),
    "dask": (),
    "ray": ("execution/ray_engine.py",),
    "tqdm": ("execution/",),
    "click": ("cli/",),
    "hypothesis": ("testing.py",),
}

# Loaded when a function that needs it runs, so that importing toposcope and starting a worker stay
# light; here, at import.
EAGER = {
    "pandas": ("reporting/", "words/", "transfer/ranking/table.py"),
    "sklearn": ("diagrams/estimators.py", "diagrams/of_samples.py"),
    "torch": ("activations/", "training/"),
    **dict.fromkeys(("matplotlib", "pyarrow", "scipy", "transformers", "xarray"), ()),
}


def dotted(file):
    """The name of the module in a file of the package."""
    return ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def named(file):
    return file.relative_to(SOURCE).as_posix()


@pytest.fixture
def copy(tmp_path):
    """A copy of the package to plant things in."""
    shutil.copytree(SOURCE, tmp_path / "toposcope", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "toposcope"


def lint(package):
    """Exit status and output of import-linter, its rules applied to a copy of the package."""
    rules = str(ROOT / ".importlinter")
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--config", rules, "--no-cache"],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def test_the_house_keeps_its_rules(copy):
    status, output = lint(copy)
    assert status == 0, output
    assert "0 broken" in output


@pytest.mark.parametrize("room", ["stray.py", "stray/__init__.py"])
def test_a_new_room_needs_a_floor(copy, room):
    (copy / room).parent.mkdir(exist_ok=True)
    (copy / room).write_text('"""A room that no rule names."""\n')
    status, output = lint(copy)
    assert status == 1
    assert "toposcope.stray" in output


def test_no_module_stands_outside_the_fences(copy):
    imports = "".join(f"\nimport {library}" for library in AT_HOME)
    for file in copy.rglob("*.py"):
        file.write_text(file.read_text() + imports)
    status, output = lint(copy)
    assert status == 1
    caught = set(re.findall(r"^-? *(toposcope[\w.]*) -> (\w+)", output, re.MULTILINE))
    expected = {
        (dotted(file), library)
        for file in FILES
        for library, homes in AT_HOME.items()
        if not named(file).startswith(homes)
        or named(file) in {f"{home}__init__.py" for home in homes}
    }
    assert {pair for pair in caught if pair[1] in AT_HOME} == expected


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("stats/units.py", "import toposcope.store.objects"),
        ("homology/jit.py", "import toposcope.types"),
        ("store/objects.py", "import toposcope.execution.tasks"),
        ("dimension/new.py", "import toposcope.similarity"),
        ("similarity/new.py", "from toposcope.homology.jit import kernel"),
        ("findings/changes.py", "import toposcope.words"),
        ("errors.py", "import toposcope.types"),
    ],
)
def test_data_flows_one_way(copy, file, line):
    planted = copy / file
    planted.write_text((planted.read_text() if planted.exists() else "") + f"\n{line}\n")
    status, output = lint(copy)
    assert status == 1
    assert f"toposcope.{file.removesuffix('.py').replace('/', '.')}" in output


def test_libraries_that_load_slowly_load_on_use():
    eager = set()
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for library in {module.split(".")[0] for module in modules} & set(EAGER):
                if not named(file).startswith(EAGER[library]):
                    eager.add((named(file), library))
    assert eager == set()


def test_the_page_on_architecture_counts_what_is_there():
    found = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "house.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    rooms, arrows, circles = re.search(
        r"(\d+) rooms on \d+ floors, (\d+) arrows, (\d+) circles", found.stdout
    ).groups()
    page = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    assert f"{rooms} rooms beside the face `__init__`, {arrows} arrows, no circle" in page
    assert circles == "0"


def test_files_are_short():
    lengths = {
        named(file): len(file.read_text().splitlines())
        for file in SOURCE.rglob("*")
        if file.suffix in (".py", ".pyi", ".js", ".css", ".html") and ".min." not in file.name
    }
    assert len(lengths) > len(FILES)
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def stubs():
    """Public name -> (module, name there) by the list that type checkers read."""
    listed = (SOURCE / "__init__.pyi").read_text()
    return {
        name: (module, there)
        for module, there, name in re.findall(
            r"^from (\S+) import (\w+) as (\w+)$", listed, re.MULTILINE
        )
    }


def test_every_public_name_is_what_the_stubs_say():
    listed = stubs()
    listed["open"] = listed.pop("open_run")
    assert ts.__all__ == sorted(listed)
    assert set(ts.__all__) <= set(dir(ts))
    for name, (module, there) in listed.items():
        value = getattr(ts, name)
        if isinstance(value, ModuleType):
            assert value.__name__ == f"{module}.{there}"
        else:
            assert value is vars(import_module(module))[there]
    with pytest.raises(AttributeError, match="capture"):
        ts.captur  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_a_package_says_its_idea_and_lists_its_names(package):
    """Sorted lists are ruff's rule RUF022."""
    module = import_module(dotted(package / "__init__.py"))
    assert module.__doc__
    assert module.__doc__.splitlines()[0].endswith((".", "?"))
    if package == SOURCE:
        return
    imported = set()
    for node in ast.parse((package / "__init__.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toposcope"):
            imported |= {alias.asname or alias.name for alias in node.names}
    listed = getattr(module, "__all__", [])
    assert imported <= set(listed)
    assert len(set(listed)) == len(listed)
    assert all(hasattr(module, name) for name in listed)


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_no_file_takes_the_name_of_something_else(package):
    """Once `toposcope.homology.rips` were a file, importing it would replace the function."""
    module = import_module(dotted(package / "__init__.py"))
    files = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    for name in files & set(getattr(module, "__all__", ())):
        assert isinstance(getattr(module, name), ModuleType), name


def test_tests_stand_where_the_rooms_are():
    rooms = {path.stem for path in SOURCE.iterdir()} | {"examples"}
    folders = {path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= rooms


def test_files_that_the_sources_name_exist():
    known = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "tests", "benchmarks", "examples", "docs")
        for path in (ROOT / folder).rglob("*.py")
    }
    lost = [
        (named(file), mention)
        for file in FILES
        for mention in re.findall(r"(?<![*\w/.-])[\w/-]+\.py\b", file.read_text())
        if not any(f"/{path}".endswith(f"/{mention}") for path in known)
    ]
    assert lost == []


def test_calls_that_sources_and_documents_name_exist():
    places = [
        *(path for kind in ("*.py", "*.js", "*.html") for path in SOURCE.rglob(kind)),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
    ]
    lost = []
    for path in places:
        for mention in re.findall(r"\bts\.([a-z_]+(?:\.[A-Za-z_]+)?)\(", path.read_text()):
            found = ts
            for part in mention.split("."):
                found = getattr(found, part, None)
            if found is None:
                lost.append((path.relative_to(ROOT).as_posix(), mention))
    assert lost == []


def test_a_word_of_the_glossary_has_one_meaning():
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    words = [word.strip() for row in rows if row != "word" for word in row.split(",")]
    assert len(words) > 50
    assert sorted(set(words)) == sorted(words)
