"""docs/errors.md: every error class has its section, and every message there is what comes."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from toposcope import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
CLASSES = {
    name: one
    for name, one in vars(errors).items()
    if inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == errors.__name__
}
STAGED = {"FitError", "WorkersLostError"}
"""What needs a broken optimizer or a broken cluster: their words are looked up in the source."""


def test_every_class_has_a_section_and_every_section_a_class():
    assert set(SECTIONS) == set(CLASSES)
    for name, text in SECTIONS.items():
        assert len(text.split("```")[0].split()) > 8, f"{name}: nothing is said of it"


def test_a_class_without_a_section_would_be_seen():
    assert set(SECTIONS) != {*CLASSES, "NewError"}
    assert "```text" in SECTIONS["UsageError"]


def test_every_example_raises_its_class_with_its_message(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for name, text in SECTIONS.items():
        code = re.search(r"```python\n(.*?)```", text, re.S)
        if code is None:
            assert name in STAGED
            continue
        told = re.search(r"```text\n(.*?)\n```", text, re.S)
        try:
            exec(compile(code[1], f"errors.md, {name}", "exec"), names)
        except Exception as error:
            assert type(error) is CLASSES[name], f"{name}: {type(error).__name__}: {error}"
            assert told is not None and str(error) == told[1], name
        else:
            assert told is None, f"{name}: its example raises nothing"
    assert capsys.readouterr().out == "TooFewSamplesError\n"


@pytest.mark.parametrize("name", sorted(STAGED))
def test_messages_that_are_not_staged_are_those_of_the_source(name):
    message = re.search(r"```text\n(.*?)\n```", SECTIONS[name], re.S)[1]
    file = {"FitError": "stats/mixed.py", "WorkersLostError": "execution/dispatch.py"}[name]
    tree = ast.parse((ROOT / "src" / "toposcope" / file).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [one.value for one in node.values if isinstance(one, ast.Constant)]
            if parts and re.fullmatch(".*".join(map(re.escape, ["", *parts])) + ".*", message):
                return
    pytest.fail(f"no message of {file} is that of {name}: {message}")
