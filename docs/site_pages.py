"""Pages of the site that are not written as such: README, tutorials, and the API from docstrings.

mkdocs calls the functions `on_...` (mkdocs.yml, hooks). Links to files outside docs/, which the
site does not hold, become the name of the file.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
INTRO = """# API

Everything here is a name of `import toposcope as ts`. Plain functions take NumPy arrays and return
them; what is not found here is not promised to stay.
"""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made here."""
    from mkdocs.structure.files import File

    start = (ROOT / "README.md").read_text("utf-8").replace("](docs/", "](")
    made = {"index.md": start, **tutorials(), **api()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Name files of the repository that the site does not hold."""
    folder = posixpath.dirname(page.file.src_uri)

    def led(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if "://" in target:
            return found[0]
        place = posixpath.normpath(posixpath.join(folder, target))
        if files.get_file_from_path(place) is not None:
            return f"[{text}]({target}{anchor})"
        there = ROOT / "docs" / folder / target
        if page.file.src_uri == "index.md":
            there = ROOT / target
        if not there.exists():
            return found[0]  # mkdocs tells it
        return f"{text} (`{there.resolve().relative_to(ROOT).as_posix()}`)"

    return LINK.sub(led, markdown)


def tutorials() -> dict[str, str]:
    """Notebooks as pages, with the outputs that they were kept with."""
    sys.path.insert(0, str(ROOT / "docs"))
    from run_pages import as_markdown

    folder = ROOT / "docs" / "tutorials"
    return {f"tutorials/{one.stem}.md": as_markdown(one) for one in sorted(folder.glob("*.ipynb"))}


def api() -> dict[str, str]:
    """A page of the functions and classes of the package, and one of each public module."""
    stub = (ROOT / "src" / "toposcope" / "__init__.pyi").read_text("utf-8")
    own, rooms = [], []
    for line in ast.parse(stub).body:
        if isinstance(line, ast.ImportFrom) and line.module:
            for one in line.names:
                name = f"{line.module}.{one.name}"
                path = ROOT / "src" / Path(*name.split("."))
                module = path.is_dir() or path.with_suffix(".py").exists()
                (rooms if module else own).append(name)
    pages = {
        f"api/{name.removeprefix('toposcope.')}.md": f"# `{name}`\n\n::: {name}\n    options:\n"
        f"      show_root_heading: false\n      members: {members(name)}\n"
        for name in rooms
    }
    listed = "\n".join(f"- [`{name}`]({name.removeprefix('toposcope.')}.md)" for name in rooms)
    shown = "\n\n".join(f"::: {name}" for name in own)
    pages["api/index.md"] = f"{INTRO}\n{listed}\n\n{shown}\n"
    return pages


def members(module: str) -> list[str] | bool:
    """Names of `__all__`, or all public ones of a module that has none."""
    path = ROOT / "src" / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for line in ast.parse(file.read_text("utf-8")).body:
        if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "__all__":
            return [str(one) for one in ast.literal_eval(line.value)]
    return True
