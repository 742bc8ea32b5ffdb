"""A ranking in words: what to do, and the board as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toposcope.transfer.ranking.board import OK
from toposcope.transfer.scores.registry import CONSTANTS, HONEST
from toposcope.words.formats import all_of, columns, level_text

if TYPE_CHECKING:
    import pandas as pd


def ranking_answer(table: pd.DataFrame) -> list[str]:
    """What to do, in sentences a reader understands without the tables."""
    lead = leading_score(table)
    sentences = [] if lead is None else [_first_sentence(table, lead)]
    vote = None if lead is None else _vote(table, lead)
    sentences += [] if vote is None else [vote]
    constants = [(name, firsts) for name in CONSTANTS if (firsts := _firsts(table, name))]
    if constants:
        words = all_of([f"{name} would choose {_either(firsts)}" for name, firsts in constants])
        sentences.append(
            f"What costs nothing: {words}. A score that knows the target should do better."
        )
    sentences.append(
        "Scores estimate how well frozen features fit; only fine-tuning shows what fine-tuning "
        "gives. `toposcope rank --evaluate accuracies.csv` says how far each score can be trusted."
    )
    return sentences


def choice_text(table: pd.DataFrame) -> str:
    """The candidate to take, and who is not told apart from it; "" without a value.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.transfer.ranking.board import Entry, assemble
    >>> a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    >>> choice_text(assemble({"knn": {"a": a, "b": b}}, {"knn": (True, True, "")}))
    'choice: a, told apart from all others (by knn)'
    """
    lead = leading_score(table)
    if lead is None:
        return ""
    rows = table[(table["score"] == lead) & (table["status"] == OK)]
    firsts = _firsts(table, lead)
    tied = [name for name in rows.iloc[0]["tied_with"] if name not in firsts]
    told = "the only candidate with a value" if len(rows) == 1 else "told apart from all others"
    if tied:
        told = f"not told apart from {all_of(tied)}"
    return f"choice: {_either(firsts)}, {told} (by {lead})"


def ranking_headline(table: pd.DataFrame) -> str:
    """The first line of a ranking: what to take, and what cannot be told apart from it."""
    lead = leading_score(table)
    if lead is None:
        return "No candidate has a value: why stands below."
    rows = table[(table["score"] == lead) & (table["status"] == OK)]
    firsts = _firsts(table, lead)
    tied = [name for name in rows.iloc[0]["tied_with"] if name not in firsts]
    if tied:
        return f"Take {_either(firsts)}, or {_either(tied)}, which it is not told apart from."
    return f"Take {_either(firsts)}."


def leading_score(table: pd.DataFrame) -> str | None:
    """The score whose order is shown first: a plain baseline, else the first that is no constant.

    None where only constants, or nothing, have a value.
    """
    valued = list(dict.fromkeys(table[table["status"] == OK]["score"]))
    others = [name for name in valued if name not in CONSTANTS]
    return next((name for name in HONEST if name in valued), others[0] if others else None)


def _first_sentence(table: pd.DataFrame, lead: str) -> str:
    rows = table[(table["score"] == lead) & (table["status"] == OK)]
    first = rows.iloc[0]
    others = len(rows) - 1
    tied = list(first["tied_with"])
    if not others:
        told = "No other candidate has a value to compare with."
    elif tied:
        told = f"It cannot be told apart from {all_of(tied)}."
    else:
        told = f"All {others} other candidates with a value can be told apart from it."
        if others == 1:
            told = f"{rows.iloc[1]['model']} can be told apart from it."
    plainest = ", the plainest use of the labels" if lead in HONEST else ""
    return (
        f"{first['model']} comes first by {lead}{plainest}: {first['value']:.3f} "
        f"[{first['low']:.3f}, {first['high']:.3f}] over {first['replicates']} disjoint draws of "
        f"{first['points']} samples. {told}"
    )


def _vote(table: pd.DataFrame, lead: str) -> str | None:
    """How many other scores agree on the first, and how many of them tell it from all others."""
    best = _firsts(table, lead)[0]
    names = [n for n in dict.fromkeys(table["score"]) if n not in (*CONSTANTS, lead)]
    firsts = {name: found for name in names if (found := _firsts(table, name))}
    if not firsts:
        return None
    agree = [name for name, found in firsts.items() if found == [best]]
    alone = [name for name in agree if not _row(table, name, best)["tied_with"]]
    other = [f"{n} ({_either(found)})" for n, found in firsts.items() if n not in agree]
    told = (
        ""
        if not agree
        else f", {len(alone)} of them told apart from every other"
        if len(agree) > 1
        else f", {'told apart' if alone else 'not told apart'} from every other"
    )
    text = f"{len(agree)} of {len(firsts)} other scores put {best} first{told}"
    return f"{text}; not so {all_of(other)}." if other else f"{text}."


def _firsts(table: pd.DataFrame, score: str) -> list[str]:
    """Candidates a score puts first: several where they are equal."""
    rows = table[(table["score"] == score) & (table["rank"] == 1)]
    return [str(model) for model in rows["model"]]


def _either(models: list[str]) -> str:
    return models[0] if len(models) == 1 else f"{all_of(models)}, which are equal"


def _row(table: pd.DataFrame, score: str, model: str) -> Any:
    return table[(table["score"] == score) & (table["model"] == model)].iloc[0]


def board_text(table: pd.DataFrame, *, every_score: bool = False) -> str:
    """The board as text: candidates by the leading score, then what the other scores put first.

    Parameters
    ----------
    table
        A board.
    every_score
        A line with all candidates for each score instead of its first choice.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.transfer.ranking.board import Entry, assemble
    >>> a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    >>> print(board_text(assemble({"knn": {"a": a, "b": b}}, {"knn": (True, True, "")})))
    rank  candidate  knn    95 %            not told apart from
    1     a          0.81   [0.785, 0.835]
    2     b          0.507  [0.478, 0.535]
    """
    lead = leading_score(table)
    blocks = [] if lead is None else [_candidates(table[table["score"] == lead], lead)]
    names = [n for n in dict.fromkeys(table["score"]) if n not in (lead, *CONSTANTS)]
    if every_score:
        shown = dict.fromkeys(table["score"])
        lines = [[name, _order(table[table["score"] == name])] for name in shown]
    else:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(_choice(table[table["score"] == name]), []).append(name)
        lines = [[", ".join(scores), choice] for choice, scores in groups.items() if choice]
        lines.sort(key=lambda line: -line[0].count(","))
    if lines:
        title = ["score", "best first"] if every_score else ["other scores", "first choice"]
        blocks.append(columns([title, *lines]))
    return "\n\n".join(blocks)


def reading(table: pd.DataFrame) -> str:
    """How `board_text` is read."""
    return (
        "> told apart, ~ not told apart (paired differences over the same draws, "
        f"{level_text(float(table.attrs.get('level', 0.95)))} for all pairs of a score together); "
        f"= equal; ranks a-b: those that ties leave; intervals over "
        f"{table.attrs.get('replicates')} disjoint draws"
    )


def _candidates(rows: pd.DataFrame, lead: str) -> str:
    """A line per candidate: rank, value, interval, ties."""
    level = f"{100 * float(rows['level'].iloc[0]):g} %"
    lines = [["rank", "candidate", lead, level, "not told apart from"]]
    for row in rows[rows["status"] == OK].itertuples():
        ranks = f"{row.rank_low}-{row.rank_high}" if row.rank_high > row.rank_low else f"{row.rank}"
        ends = f"[{row.low:.3g}, {row.high:.3g}]" if row.low == row.low else ""
        lines.append([ranks, str(row.model), f"{row.value:.3g}", ends, ", ".join(row.tied_with)])
    return columns(lines)


def _choice(rows: pd.DataFrame) -> str:
    """What a score puts first, and who cannot be told apart from it; "" without a value."""
    firsts = [row for row in rows.itertuples() if row.status == OK and row.rank == 1]
    if not firsts:
        return ""
    equal = " = ".join(str(row.model) for row in firsts)
    names = {row.model for row in firsts}
    tied = [name for name in firsts[0].tied_with if name not in names]
    return f"{equal} ~ {', '.join(tied)}" if tied else equal


def _order(rows: pd.DataFrame) -> str:
    """Candidates of one score, best first."""
    told, before = "", None
    for row in rows.itertuples():
        if row.status != OK:
            continue
        sign = ""
        if before is not None:
            tied = before.model in row.tied_with
            sign = " = " if tied and before.rank == row.rank else " ~ " if tied else " > "
        spread = "" if row.low != row.low else f" ±{(row.high - row.low) / 2:.2g}"
        told += f"{sign}{row.model} {row.value:.3g}{spread}"
        before = row
    without = [row.model for row in rows.itertuples() if row.status != OK]
    if without:
        told += f"{'; ' if told else ''}no value: {', '.join(without)}"
    return told


def missing_text(table: pd.DataFrame) -> str:
    """Why scores have no value: a line per reason, with the scores and candidates it stopped.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.transfer.ranking.board import Entry, assemble
    >>> a = Entry(np.empty(0), status="too_few", reason="60 samples; 100 are needed.")
    >>> print(missing_text(assemble({"nleep": {"a": a}}, {"nleep": (True, True, "")})))
    no value: nleep of a: 60 samples; 100 are needed.
    """
    stopped: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for row in table[table["status"] != OK].itertuples():
        scores, models = stopped.setdefault(row.reason, ({}, {}))
        scores[row.score] = models[row.model] = None
    return "\n".join(
        f"no value: {', '.join(scores)} of {', '.join(models)}: {reason}"
        for reason, (scores, models) in stopped.items()
    )


def ranking_design(table: pd.DataFrame) -> list[tuple[str, str]]:
    """How it was measured, as terms and values."""
    a = table.attrs
    return [
        ("Target", str(a.get("target"))),
        ("Draws", f"{a.get('replicates')} disjoint draws of {a.get('points')} samples, stratified"),
        ("Images for theta", f"{a.get('images')} over all draws, threshold {a.get('threshold'):g}"),
        ("Intervals", f"Student t over draws, {level_text(float(a.get('level', 0.95)))}"),
        (
            "Told apart",
            "paired differences over draws, Bonferroni over all pairs of candidates of a score; "
            "constants when they are not equal",
        ),
        ("Unit", "disjoint draws: how far a score would move on other samples of the target"),
        ("Seed", str(a.get("seed"))),
    ]
