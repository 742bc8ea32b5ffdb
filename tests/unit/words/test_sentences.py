"""Every sentence of `toposcope.words` is true in a world and false in another, and is well made."""

import ast
import re
from pathlib import Path

import pytest

from toposcope import words

from .worlds import all_worlds

FOLDER = Path(words.__file__).parent
TESTS = Path(__file__).parents[1]

ELSEWHERE = {
    "ranking": "words/test_ranking_words.py",
    "judgement": "words/test_ranking_words.py",
    "validity": "findings/test_validity_words.py",
    "describe": "words/test_describe.py",
    "studies": "studies/test_verdicts.py",
    "headline": "words/test_headline.py",
    "verdicts": "words/test_verdicts.py",
    "plain": "words/test_headline.py",
    "validity_rules": "findings/test_validity_words.py",
    "own_claim": "studies/test_own_claim.py",
    "covering": "words/test_covering_words.py",
    "population": "findings/test_population_findings.py",
    "across": "studies/test_across_papers.py",
    "work": "words/test_work_words.py",
    "forecasts": "words/test_work_words.py",
}
"""Modules whose sentences meet their worlds in a file of their own, function by function; each of
their templates stands in a world here or is asked for there."""

OF_POPULATIONS = {
    ("trends", "configurations (means of trainings)"),
    ("trends", ", on other samples too (their slopes over the"),
    ("trends", "draws that all of them see have to agree as well)"),
}
"""Templates of trends over draws that networks share: findings/test_population_findings.py."""

NAMES = {
    "dictionary": "what a word means: definitions; words/test_headline.py",
    "formats": "numbers and names, no claims",
    "statistics": "titles and units",
    "designs": "what a draw is; doctests",
}
"""Modules that hold no sentences."""

LABELS = {
    "analysis.pool_text",
    "changes.network_text",
    "changes.place_text",
    "changes.null_name",
    "changes.change_rows",
    "comparison.measure_name",
    "compared.design_of_comparison",
    "dimensions.cube_cells",
    "trends.trend_rows",
}
"""Functions that name something or fill the cells of a table: they claim nothing."""

TERMS = {"Error of the scale", "distance of Betti numbers"}
"""Names of four words or more."""

FILLED = re.compile(r"\{\w*\}")
"""What `str.format` fills in."""

TOLD = re.compile(r"\b(str|list|dict|Iterator)\b")


def parsed():
    """Name and syntax tree of every module of words that holds sentences."""
    for file in sorted(FOLDER.glob("*.py")):
        if file.stem not in ("__init__", *NAMES):
            yield file.stem, ast.parse(file.read_text("utf-8"))


def functions(name, tree):
    """Public functions that return words."""
    for node in tree.body:
        public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if public and TOLD.search(ast.unparse(node.returns)):
            yield f"{name}.{node.name}"


def templates(tree):
    """Stretches of four words or more that stand in sentences, between what is filled in."""
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Expr)]
    beside = {id(one) for one in texts if isinstance(one, ast.Constant)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in beside and text not in TERMS:
            for piece in FILLED.split(text):
                if len(piece.split()) >= 4:
                    yield spaced(piece)


def spaced(text):
    return " ".join(text.split())


def test_words_stand_where_they_are_true_and_nowhere_else():
    wrong = [one for one in all_worlds() if one.says not in one.true or one.says in one.false]
    assert wrong == []


def test_every_function_has_a_world_in_which_it_would_be_false():
    registered = {world.function for world in all_worlds()}
    missing = set()
    for name, tree in parsed():
        named = set(functions(name, tree))
        if name in ELSEWHERE:
            assert (TESTS / ELSEWHERE[name]).is_file(), name
        else:
            missing |= named - registered - LABELS
    assert missing == set()
    assert not registered & LABELS


def asked(name):
    """The strings of the test file of a module, as one text."""
    tree = ast.parse((TESTS / ELSEWHERE[name]).read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return spaced(" ".join(text for text in texts if isinstance(text, str))).lower()


def met(piece, text):
    """Whether a test speaks of a template: three words of it in a row."""
    words = piece.lower().split()
    return any(" ".join(words[i : i + 3]) in text for i in range(len(words) - 2))


def test_every_template_stands_in_a_world_and_is_missing_in_another():
    texts = [spaced(text).lower() for one in all_worlds() for text in (one.true, one.false)]
    bare = []
    for name, tree in parsed():
        own = asked(name) if name in ELSEWHERE else ""
        for piece in templates(tree):
            here = [piece.lower() in text for text in texts]
            told = any(here) and not all(here)
            if not told and (name, piece) not in OF_POPULATIONS and not met(piece, own):
                bare.append((name, piece))
    assert bare == []


def test_a_template_that_no_test_speaks_of_is_seen():
    piece = "so it stands for one of all samples"
    assert met(piece, asked("covering")) and not met(piece, asked("studies"))
    assert list(templates(ast.parse("REASON = 'it lies within {threshold} of 0, and so on'"))) == [
        "of 0, and so on"
    ]


NEGATIVE = r"(?:no|not|none|never|nothing|nobody|cannot|without|neither|nor)"
UN = r"un(?!der|til|it|ion|ique|less|iform)\w+"
FAULTS = {
    "nan": re.compile(r"\b(?:nan|NaN|None(?! of \d)|inf)\b"),
    "at most 0": re.compile(r"(?:\bat most|≤) (?:0(?![.\d])|−)"),
    "p of 0": re.compile(r"\bp (?:=|≤) 0(?![.\d])|p ≥ 1(?![.\d])"),
    "double negative": re.compile(
        rf"\b(?:{NEGATIVE}|{UN})\b[^.;:,()]*\b(?:{NEGATIVE}|{UN})\b", re.IGNORECASE
    ),
    "an interval that hides its width": re.compile(r"\[([^\[\],]+), \1\](?! on)"),
    "two signs": re.compile(r"[−-]{2}\d|\+−|\s[,.;]|\.\.|\(\s*\)"),
}
ALLOWED = (
    "no single layer is found to",  # and: "over all layers they differ"
    "nothing varies",
    "a gap in one layer of",
    "the best step is at",  # the same layer in every resample
    "the same difference in every unit",  # whose interval has no width
)


def faults(text):
    """What is wrong with a text, by kind."""
    for kind, pattern in FAULTS.items():
        for found in pattern.finditer(text):
            if not any(
                one in text[max(0, found.start() - 40) : found.end() + 40] for one in ALLOWED
            ):
                yield kind, text[max(0, found.start() - 30) : found.end() + 30]


def test_no_sentence_has_a_fault():
    wrong = {
        (one.function, *fault)
        for one in all_worlds()
        for text in (one.true, one.false)
        for fault in faults(text)
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mean 0.3 [nan, nan] (95 %)", "nan"),
        ("they are at most 0 apart", "at most 0"),
        ("a gap ≤ −0.1", "at most 0"),
        ("all differ (adjusted p ≤ 0)", "p of 0"),
        ("none differs (adjusted p ≥ 1)", "p of 0"),
        ("layers are not told from unrelated samples", "double negative"),
        ("which does not show that there is none", "double negative"),
        ("no value or no test", "double negative"),
        ("mean 1 [1, 1] over 2 layers", "an interval that hides its width"),
    ],
)
def test_the_faults_that_stood_in_sentences_are_seen(text, kind):
    assert kind in {name for name, _ in faults(text)}
    assert list(faults("a gap of 1.2 [1.1, 1.3] under one unit, at most 0.05 false")) == []
