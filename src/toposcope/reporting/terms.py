"""Terms explained where they stand: words of the dictionary, marked in sentences of a page."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from toposcope.reporting.page import together
from toposcope.words.dictionary import PLAIN_WORDS

if TYPE_CHECKING:
    from markupsafe import Markup


def explained(text: str) -> Markup:
    """A sentence in which the first of each term carries its meaning.

    Examples
    --------
    >>> str(explained("The H1 <b> grows."))[:33]
    'The <dfn tabindex="0" title="loop'
    """
    from markupsafe import Markup, escape

    text = together(text)
    told: set[str] = set()
    out, last = [], 0
    for found in _terms().finditer(text):
        word = _WRITTEN[found.group().lower()]
        out.append(escape(text[last : found.start()]))
        shown = escape(found.group())
        if word in told:
            out.append(shown)
        else:
            told.add(word)
            meaning = escape(PLAIN_WORDS[word])
            out.append(Markup('<dfn tabindex="0" title="{}">{}</dfn>').format(meaning, shown))
        last = found.end()
    return Markup("").join([*out, escape(text[last:])])


def terms_in(text: str) -> list[tuple[str, str]]:
    """The terms of the dictionary that a page uses, with their meanings."""
    used = {_WRITTEN[found.group().lower()] for found in _terms().finditer(text)}
    return [(word, meaning) for word, meaning in PLAIN_WORDS.items() if word in used]


_WRITTEN = {form: word for word in PLAIN_WORDS for form in (word.lower(), f"{word.lower()}s")}


@cache
def _terms() -> re.Pattern[str]:
    longest = sorted(_WRITTEN, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])", re.IGNORECASE)
