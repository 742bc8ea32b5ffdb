"""URLs as places: `s3://bucket/run` and its like, told from paths of this machine.

A `pathlib.Path` keeps a URL in one piece but for its second slash: `Path("s3://bucket/run")` is
`s3:/bucket/run`, and the twin of that RUN is one folder below. So a path whose first part is a
scheme *is* that URL, wherever it arrives, and never a folder named "s3:".
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from toposcope.errors import UsageError

STORES = {
    "s3": "Amazon S3 and what speaks its protocol",
    "gs": "Google Cloud Storage",
    "az": "Azure Blob Storage",
    "memory": "this process, for tests and notebooks",
}
"""Schemes of places that hold objects; `file` is a folder of this machine."""

FILE = "file"
OTHERS = ("http", "https", "ftp", "sftp", "ssh", "gcs", "abfs", "abfss", "adl", "hdfs", "r2")
"""Schemes that people type and nothing here reads: no folder is named like them either."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)(.*)", re.DOTALL)
_BARE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def url_of(place: object) -> str | None:
    """The URL that a text or a path is, without a slash at its end; None for a path.

    >>> url_of("s3://bucket/runs/r20/"), url_of(Path("s3://bucket") / "r20"), url_of("runs/r20")
    ('s3://bucket/runs/r20', 's3://bucket/r20', None)
    >>> url_of("file:///tmp/run"), url_of(Path("/mnt/s3:/run")), url_of("hf:bert")
    ('file:///tmp/run', None, None)
    """
    if not isinstance(place, str | os.PathLike):
        return None
    text = os.fspath(place)
    if not isinstance(text, str):
        return None
    match = _SCHEME.fullmatch(text)
    if match is None:
        bare = _BARE.fullmatch(text) if text.rstrip(":").lower() in (*STORES, FILE) else None
        return f"{bare[1].lower()}://" if bare else None
    scheme, slashes, rest = match[1].lower(), match[2], match[3]
    if len(slashes) < 2 and scheme not in (*STORES, FILE, *OTHERS):
        return None
    local = scheme == FILE and len(slashes) != 2  # two stand before a host
    parts = [part for part in rest.split("/") if part]
    return f"{scheme}://{'/' if local else ''}{'/'.join(parts)}"


def place_text(place: str | os.PathLike[str]) -> str:
    """A path or a URL as it is typed.

    >>> place_text(Path("s3://bucket/run") / "twin"), place_text(Path("runs/r20"))
    ('s3://bucket/run/twin', 'runs/r20')
    """
    return url_of(place) or str(place)


def local_path(url: str, *, call: str) -> Path | None:
    """The path that a `file://` URL names; None for another one.

    >>> local_path("file:///tmp/run", call="open()").as_posix()
    '/tmp/run'
    """
    scheme, _, rest = url.partition("://")
    if scheme != FILE:
        return None
    rest = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
    if not rest.startswith("/"):
        msg = (
            f"{call}: {url} names the host {rest.partition('/')[0]!r}; needed is a whole path "
            f"after three slashes, such as file:///{rest}."
        )
        raise UsageError(msg)
    return Path(rest)


def refuse_unknown(url: str, *, call: str) -> None:
    """Refuse a URL that no store can be opened by.

    >>> refuse_unknown("ftp://host/run", call="open()")
    Traceback (most recent call last):
    toposcope.errors.UsageError: open(): ftp://host/run: places of the kind ftp:// are unknown; ...
    """
    scheme, _, rest = url.partition("://")
    if scheme not in STORES:
        known = ", ".join(f"{one}://" for one in (*STORES, FILE))
        msg = f"{call}: {url}: places of the kind {scheme}:// are unknown; known are {known}."
        raise UsageError(msg)
    if not rest:
        msg = f"{call}: {url} names no place; add a bucket and a path, as {scheme}://bucket/run."
        raise UsageError(msg)


def refuse_url(place: object, *, call: str) -> None:
    """Refuse a URL where only a path of this machine will do.

    >>> refuse_url("s3://bucket/a.html", call="report()")
    Traceback (most recent call last):
    toposcope.errors.UsageError: report(): s3://bucket/a.html is a URL, and this works in ...
    """
    url = url_of(place)
    if url is not None and not url.startswith(f"{FILE}://"):
        msg = (
            f"{call}: {url} is a URL, and this works in folders of this machine only. Pass the "
            "path of a folder, or copy what is there into one. What takes URLs: "
            "docs/howto/stores.md."
        )
        raise UsageError(msg)
