"""What decides numbers is watched: no room of a list is missing, and no import leads past it."""

import ast
from pathlib import Path

import pytest

from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.comparison import layer_pairs
from toposcope.execution import source_hash as module
from toposcope.execution.source_hash import source_hash
from toposcope.studies import validity_study
from toposcope.transfer.ranking import run as ranking

ROOT = Path(module.ROOT)
LISTS = {
    "analysis": SCIENCE,
    "comparison": (*SCIENCE, *layer_pairs.SOURCES),
    "validity": (*SCIENCE, *validity_study.SOURCES),
    "ranking": (*SCIENCE, *ranking.SOURCES),
}
BODIES = {
    "comparison": "comparison/layer_pairs.py",
    "validity": "studies/validity_measure.py",
    "ranking": "transfer/ranking/scoring.py",
}
"""Files whose functions are the bodies of tasks."""

CARRIED = ("store", "execution", "errors", "types", "activations.candidates")
"""Modules that carry numbers and names but decide none."""


@pytest.mark.parametrize("name", LISTS)
def test_every_room_of_a_list_is_there(name):
    for room in LISTS[name]:
        path = ROOT / room
        assert path.is_file() or any(path.rglob("*.py")), room
    assert len(code_hash(LISTS[name])) == 16


@pytest.mark.parametrize("room", ["ranking/scoring.py", "comparing", "reporting/static"])
def test_a_room_that_moved_away_is_an_error(room):
    with pytest.raises(FileNotFoundError, match=f"no source '{room}'"):
        source_hash("homology", room)


def test_the_hash_follows_names_and_bytes(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("x = 1")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    compute = source_hash.__wrapped__
    first = compute("room")
    (tmp_path / "room" / "a.py").write_text("x = 2")
    edited = compute("room")
    (tmp_path / "room" / "a.py").rename(tmp_path / "room" / "b.py")
    renamed = compute("room")
    assert len({first, edited, renamed}) == 3
    (tmp_path / "room" / "b.py").rename(tmp_path / "room" / "a.py")
    (tmp_path / "room" / "a.py").write_text("x = 1")
    assert compute("room") == first


def imported(file: Path) -> set[Path]:
    """Files of the package that a file imports at its top or inside functions."""
    names = set()
    for line in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith("toposcope"):
            names |= {line.module, *(f"{line.module}.{alias.name}" for alias in line.names)}
    paths = {ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py") for name in names}
    return {path for path in paths if path.is_file()}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_a_body_imports_is_in_its_list(name):
    watched = [ROOT / room for room in LISTS[name]]
    carried = [ROOT.joinpath(*module.split(".")) for module in CARRIED]
    waiting, seen = [ROOT / BODIES[name]], set()
    while waiting:
        file = waiting.pop()
        seen.add(file)
        assert any(file.is_relative_to(room) for room in watched), file.relative_to(ROOT)
        own = {
            path
            for path in imported(file)
            if not any(path.with_suffix("").is_relative_to(room) for room in carried)
        }
        waiting += own - seen
    assert len(seen) > 5
