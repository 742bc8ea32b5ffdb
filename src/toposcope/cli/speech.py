"""Messages of the library as the command line says them: flags instead of keywords.

A library names its arguments as Python does, since most of its readers write Python. Whoever typed
a command has only its options, so keywords that are options of that command are told as those.
"""

from __future__ import annotations

import ast
import re

import click

CALL = re.compile(r"\b[a-z_][a-z_.]*\((?P<inside>(?:[^()]|\([^()]*\))*)\)(?=:)")
VALUE = r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\[[^\]]*\]|[\w.+-]*[\w+-](?:\([^()]*\))?|(?=[\s,;.)])"


def in_flags(text: str, command: click.Command, ctx: click.Context) -> str:
    """A message with the keywords of a call as options of a command.

    Parameters
    ----------
    text
        A message, as errors of the library hold it.
    command, ctx
        The command that was typed.

    Examples
    --------
    >>> one = click.Command("analyze", params=[click.Option(["--points"]),
    ...     click.Option(["--per-class"], is_flag=True)])
    >>> said = "clouds(points=9): too few. Pass points=4 (--points 4), or per_class=True."
    >>> in_flags(said, one, click.Context(one))
    'analyze --points 9: too few. Pass --points 4, or --per-class.'
    >>> in_flags("Pass points=4 with jobs=1 (--points 4 --jobs 1).", one, click.Context(one))
    'Pass --points 4 --jobs 1.'
    """
    options = {p.name: p for p in command.get_params(ctx) if isinstance(p, click.Option)}
    if "complex" in options:  # what a filtration is called on the command line
        options["filtration"] = options["complex"]
    name = command.name or ""
    # "points=4 (--points 4)" says it twice: what is typed stays.
    one = rf"\b\w+=(?:{VALUE})"
    text = re.sub(rf"(?:{one} with )*{one} \((-[^()]*)\)", _typed, text)

    def keyword(match: re.Match[str]) -> str:
        option = options.get(match["name"])
        return match[0] if option is None else _flag(option, match["value"])

    pattern = re.compile(rf"(?<![\w.:#/,-])(?P<name>[a-z]\w*)=(?P<value>{VALUE})")

    def call(match: re.Match[str]) -> str:
        inside = pattern.sub(keyword, match["inside"]).replace(",", "")
        return f"{name} {inside}".strip() if inside.startswith("-") or not inside else match[0]

    if match := CALL.match(text):
        text = call(match) + text[match.end() :]
    return pattern.sub(keyword, text)


def _typed(match: re.Match[str]) -> str:
    """What is typed: the flag with the value that stands before it, where it has none itself."""
    keyword, flag = match[0].split(" (", 1)[0], match[1]
    value = keyword.partition("=")[2]
    bare = flag.startswith("--") and " " not in flag and value not in ("True", "False")
    return f"{flag} {_word(value)}".rstrip() if bare else flag.replace(", repeated", "")


def _flag(option: click.Option, value: str) -> str:
    """A keyword and its value as an option."""
    flag = max(option.opts, key=len)
    if option.is_flag:
        off = max(option.secondary_opts, key=len, default="")
        return off if value == "False" and off else flag
    return f"{flag} {_word(value)}".rstrip()


def _word(value: str) -> str:
    """A value of Python as it is typed.

    >>> _word("'cosine'"), _word("(0, 1)"), _word("500"), _word("Cubical()")
    ('cosine', '0,1', '500', 'cubical')
    """
    if re.fullmatch(r"(?:ts\.)?[A-Z]\w*\(.*\)", value):
        return value.removeprefix("ts.").partition("(")[0].lower()
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    parts = read if isinstance(read, tuple | list) else (read,)
    words = ",".join(map(str, parts))
    return f"'{words}'" if re.search(r"[\s*]", words) else words
