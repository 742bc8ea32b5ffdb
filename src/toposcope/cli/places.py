"""Arguments that are places: a path, or where a command takes one a URL of object storage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from toposcope.errors import UsageError
from toposcope.inputs.limits import refuse_long
from toposcope.inputs.urls import local_path, refuse_unknown, url_of


class Place(click.Path):
    """A path; with `urls` also a URL, in a path that `objects_in` reads back.

    Every argument and option of the command line that is a path is of this kind, so that a URL is
    either understood or refused at once, and never the name of a folder.
    """

    def __init__(self, *, urls: bool = False, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, dir_okay=dir_okay)
        self.urls = urls

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """The path."""
        url = url_of(value)
        if url is None:
            try:
                refuse_long(value, what=f"toposcope {ctx.info_name}" if ctx else "a path")
            except UsageError as error:
                self.fail(str(error), param, ctx)
            return super().convert(value, param, ctx)
        try:
            folder = local_path(url, call="a file:// URL")
        except UsageError as error:
            self.fail(str(error), param, ctx)
        if folder is not None:
            return super().convert(folder, param, ctx)
        if not self.urls:
            self.fail(
                f"{url} is a URL, and this is a path of this machine only. Name a file or a "
                "folder. By its URL a RUN, a SERIES and what is kept of them can be named: "
                "docs/howto/stores.md.",
                param,
                ctx,
            )
        if url.startswith("memory://"):
            self.fail(
                f"{url} would end with this command; it is for Python. Name a folder or a bucket.",
                param,
                ctx,
            )
        try:
            refuse_unknown(url, call=f"toposcope {ctx.info_name}" if ctx else "a path")
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return Path(url)
