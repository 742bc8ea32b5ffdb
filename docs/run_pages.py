"""Runs the code that stands in pages: the tutorials (notebooks) and the gallery.

`python docs/run_pages.py` (`make pictures`) writes their outputs and figures again. A page is run
from top to bottom in one namespace, in an empty folder. The tests run every page the same way.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGES = ("tutorials/newcomer.ipynb", "tutorials/topologist.ipynb", "gallery.md")
FENCE = re.compile(r"```python\n(.*?)```\n(?:\n!\[[^\]]*\]\(([^)]+)\))?", re.DOTALL)
"""Code of a page, and the picture that stands under it."""


@dataclass
class Shown:
    """What a cell leaves: what it prints, its last value as text and HTML, its figures as PNG."""

    printed: str = ""
    value: str = ""
    html: str = ""
    figures: list[bytes] = field(default_factory=list)


def cells(path: Path) -> list[tuple[str, str]]:
    """Code of a notebook or a page, each with the name of the picture it makes ("": none named)."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return FENCE.findall(text)
    found = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return [("".join(cell["source"]), "") for cell in found]


def run(path: Path, names: dict[str, Any]) -> Iterator[Shown]:
    """Run a page cell by cell in the namespace `names`.

    Raises
    ------
    Whatever a cell raises, with the number and the code of the cell.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names["__name__"] = "__main__"
    for number, (code, _) in enumerate(cells(path), 1):
        try:
            shown = _one(code, f"{path.name}, cell {number}", names)
        except Exception as error:
            error.add_note(f"{path.name}, cell {number}:\n{code}")
            raise
        for figure in map(plt.figure, plt.get_fignums()):
            png = io.BytesIO()
            figure.savefig(png, dpi=80, bbox_inches="tight", metadata={"Software": None})
            shown.figures.append(png.getvalue())
        plt.close("all")
        yield shown


def _one(code: str, where: str, names: dict[str, Any]) -> Shown:
    """Run one cell; the value of its last line is shown, as notebooks do, unless it ends in ;."""
    lines = ast.parse(code, where)
    last = lines.body[-1] if lines.body else None
    shows = isinstance(last, ast.Expr) and not code.rstrip().endswith(";")
    end = ast.Expression(lines.body.pop().value) if shows else None  # type: ignore[attr-defined]
    printed, shown = io.StringIO(), Shown()
    with contextlib.redirect_stdout(printed):
        exec(compile(lines, where, "exec"), names)
        value = None if end is None else eval(compile(end, where, "eval"), names)
    shown.printed = printed.getvalue()
    if value is not None:
        shown.value = repr(value)
        shown.html = value._repr_html_() if hasattr(value, "_repr_html_") else ""
    return shown


def outputs(shown: Shown, number: int) -> list[dict[str, Any]]:
    """As nbformat 4 keeps them."""
    out: list[dict[str, Any]] = []
    if shown.printed:
        lines = shown.printed.splitlines(keepends=True)
        out.append({"output_type": "stream", "name": "stdout", "text": lines})
    data: dict[str, Any] = {}
    if shown.value and not (shown.figures and not shown.html):  # axes are told by their figure
        data["text/plain"] = shown.value.splitlines(keepends=True)
    if shown.html:
        data["text/html"] = shown.html.splitlines(keepends=True)
    if data:
        kind = {"output_type": "execute_result", "execution_count": number}
        out.append({**kind, "data": data, "metadata": {}})
    for png in shown.figures:
        data = {"image/png": base64.b64encode(png).decode()}
        out.append({"output_type": "display_data", "data": data, "metadata": {}})
    return out


def write(path: Path) -> None:
    """Run a page and keep what it shows: in the notebook, or as the pictures that it names."""
    told = list(run(path, {}))
    if path.suffix == ".md":
        for (_, picture), shown in zip(cells(path), told, strict=True):
            if picture:
                (DOCS / picture).parent.mkdir(exist_ok=True)
                (DOCS / picture).write_bytes(shown.figures[-1])
        return
    book = json.loads(path.read_text("utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    for number, (cell, shown) in enumerate(zip(code, told, strict=True), 1):
        cell |= {"execution_count": number, "outputs": outputs(shown, number)}
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")


def as_markdown(path: Path) -> str:
    """A notebook as a page of the site."""
    parts = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for one in cell["outputs"]:
            data = one.get("data", {})
            if "image/png" in data:
                parts.append(f'<img alt="" src="data:image/png;base64,{data["image/png"]}">')
            elif "text/html" in data:
                parts.append("<div>" + "".join(data["text/html"]).replace("\n", " ") + "</div>")
            else:
                text = "".join(one.get("text") or data["text/plain"]).rstrip()
                parts.append(f"```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Run the pages that are named, or all."""
    for name in sys.argv[1:] or PAGES:
        path = DOCS / name
        with tempfile.TemporaryDirectory() as folder:
            back = Path.cwd()
            os.chdir(folder)
            try:
                write(path)
            finally:
                os.chdir(back)
        print(name)


if __name__ == "__main__":
    main()
