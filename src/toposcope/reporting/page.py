"""One way to make a page: a template, its scripts pinned by their hashes, nothing else may load."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PLOTLY = "plotly-cartesian.min.js"
"""plotly.js-cartesian-dist-min 4.1.1 of the npm registry, unchanged; MIT, plotly-LICENSE.txt."""


def page(template: str, *, scripts: Sequence[str] = (), payload: Any = None, **shown: Any) -> str:
    """A template as one HTML file that opens offline.

    Parameters
    ----------
    template
        Name in reporting/templates.
    scripts
        Names in reporting/static, in the order in which they run.
    payload
        What the scripts draw.
    shown
        What the template shows; every text is escaped.
    """
    from markupsafe import Markup

    texts = [static(name) for name in scripts]
    return (
        _environment()
        .get_template(template)
        .render(
            csp=content_security_policy(texts),
            style=Markup(static("report.css")),
            scripts=[Markup(text) for text in texts],
            # `to_json` escapes what could end the element; autoescape would break the JSON.
            data=Markup(to_json(payload)),
            **shown,
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("toposcope", "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=together,
    )
    made.filters["coded"] = coded
    return made


def together(value: Any) -> Any:
    r"""What a template writes, with a number and its % on one line; markup and scripts as they are.

    >>> together("it falls by 6.6 % (95 % interval)").split(" ")
    ['it', 'falls', 'by', '6.6\xa0%', '(95\xa0%', 'interval)']
    """
    if type(value) is not str or " %" not in value:
        return value
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", value)


def coded(text: str) -> Markup:
    """A sentence as HTML: escaped, and what it gives to type, between backticks, as code.

    >>> str(coded("1 < 2: `toposcope rank`"))
    '1 &lt; 2: <code>toposcope rank</code>'
    """
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(together(text)))))


def static(name: str) -> str:
    """A file of reporting/static."""
    return files("toposcope").joinpath("reporting", "static", name).read_text("utf-8")


def content_security_policy(scripts: Sequence[str]) -> str:
    """Policy that runs these scripts and loads nothing from anywhere.

    >>> content_security_policy(["1"])[:57]
    "default-src 'none'; script-src 'sha256-a4ayc/80/OGda4BO/1"
    """
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in scripts
    ]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def to_json(data: Any) -> str:
    r"""JSON that is safe inside a <script> element.

    >>> print(to_json("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Lone surrogates come from undecodable file names and cannot be written as UTF-8.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
