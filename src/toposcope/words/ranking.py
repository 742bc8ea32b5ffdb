"""A ranking in words: what to do, the board as text, how far each score can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toposcope.transfer.ranking.accuracies import CONSTANTS, HONEST
from toposcope.transfer.ranking.board import OK
from toposcope.words.formats import all_of, level_text

if TYPE_CHECKING:
    import pandas as pd

READING = (
    "best first; > told apart, ~ not told apart from the one before (paired draws, {level:.0%} "
    "together per score); ± half interval over {replicates} disjoint draws"
)
"""How `board_text` is read, with the attributes of the board."""


def ranking_answer(table: pd.DataFrame) -> list[str]:
    """What to do, in sentences a reader understands without the tables."""
    sentences = []
    honest = next((name for name in HONEST if _first(table, name) is not None), None)
    if honest is not None:
        first = _first(table, honest)
        assert first is not None
        tied = list(first["tied_with"])
        told = (
            f"It cannot be told apart from {all_of(tied)}."
            if tied
            else "Every other candidate can be told apart from it."
        )
        sentences.append(
            f"{first['model']} comes first by {honest}, the plainest use of the labels: "
            f"{first['value']:.3f} [{first['low']:.3f}, {first['high']:.3f}] over "
            f"{first['replicates']} disjoint draws of {first['points']} samples. {told}"
        )
    sentences += [_vote(table, honest)] if honest is not None else []
    constants = [row for name in CONSTANTS if (row := _first(table, name)) is not None]
    if constants:
        words = all_of([f"{row['score']} would choose {row['model']}" for row in constants])
        sentences.append(
            f"What costs nothing: {words}. A score that knows the target should do better."
        )
    sentences.append(
        "Scores estimate how well frozen features fit; only fine-tuning shows what fine-tuning "
        "gives. `toposcope rank --evaluate accuracies.csv` says how far each score can be trusted."
    )
    return sentences


def _vote(table: pd.DataFrame, honest: str) -> str:
    best = _first(table, honest)
    assert best is not None
    names = [n for n in dict.fromkeys(table["score"]) if n not in (*CONSTANTS, honest)]
    firsts = {name: row for name in names if (row := _first(table, name)) is not None}
    agree = [n for n, row in firsts.items() if row["model"] == best["model"]]
    other = [f"{n} ({row['model']})" for n, row in firsts.items() if row["model"] != best["model"]]
    text = f"{len(agree)} of {len(firsts)} other scores put {best['model']} first"
    return f"{text}; not so {all_of(other)}." if other else f"{text}."


def _first(table: pd.DataFrame, score: str) -> Any:
    rows = table[(table["score"] == score) & (table["rank"] == 1)]
    return None if rows.empty else rows.iloc[0]


def board_text(table: pd.DataFrame) -> str:
    """The board as text: a line per score, candidates from the one it recommends downwards.

    `>` stands between neighbors that can be told apart, `~` between those that cannot.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.transfer.ranking.board import Entry, assemble
    >>> a, b = Entry(np.array([0.8, 0.82, 0.81])), Entry(np.array([0.5, 0.52, 0.5]))
    >>> print(board_text(assemble({"knn": {"a": a, "b": b}}, {"knn": (True, True, "")})))
    knn  a 0.81 ±0.025 > b 0.507 ±0.029
    """
    names = list(dict.fromkeys(table["score"]))
    width = max(map(len, names), default=0)
    return "\n".join(
        f"{name.ljust(width)}  {_order(table[table['score'] == name])}" for name in names
    )


def _order(rows: pd.DataFrame) -> str:
    """Candidates of one score, best first."""
    told, before = "", None
    for row in rows.itertuples():
        if row.status != OK:
            continue
        sign = "" if before is None else " ~ " if before in row.tied_with else " > "
        spread = "" if math.isnan(row.low) else f" ±{(row.high - row.low) / 2:.2g}"
        told += f"{sign}{row.model} {row.value:.3g}{spread}"
        before = row.model
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


def judgement_text(judged: Mapping[str, Any], *, statistic: str = "kendall") -> str:
    """The judgement as text: scores by agreement, with intervals, p, q and regret."""
    lines = []
    for part in (judged, *judged["subsets"]):
        lines += _part_lines(part, statistic)
    lines += [f"not judged: {one['score']} ({one['reason']})" for one in judged["left_out"]]
    lines += [
        f"the accuracies {one['a']} and {one['b']} agree by kendall {one['kendall']:+.2f}"
        for one in judged["between"]
    ]
    return "\n".join(lines)


def _part_lines(part: Mapping[str, Any], statistic: str) -> list[str]:
    lines = []
    for name in dict.fromkeys(row["accuracy"] for row in part["rows"]):
        rows = [r for r in part["rows"] if r["accuracy"] == name and r["statistic"] == statistic]
        rows.sort(key=lambda row: -(row["value"] if row["status"] == "ok" else -2.0))
        some = f" ({', '.join(part['models'])})" if "subsets" not in part else ""
        lines.append(f"{statistic} with {name}, {len(part['models'])} models{some}:")
        width = max(len(row["score"]) for row in rows)
        for row in rows:
            if row["status"] != "ok":
                lines.append(f"  {row['score'].ljust(width)}  {row['reason']}")
                continue
            lines.append(
                f"  {row['score'].ljust(width)}  {row['value']:+.2f} "
                f"[{row['low']:+.2f}, {row['high']:+.2f}]  p {row['pvalue']:.2g}  "
                f"q {row['qvalue']:.2g}  regret {row['regret']:.3g} "
                f"(chance {row['chance_regret']:.3g})"
            )
        lines += [
            f"  a perfect score would reach {one['value']:.2f} [{one['low']:.2f}, "
            f"{one['high']:.2f}], given the spread over {one['repeats']} fine-tunes"
            for one in part["ceilings"]
            if one["accuracy"] == name
        ]
    return lines


def targets_text(judged: Mapping[str, Any]) -> str:
    """The judgement over targets as text."""
    lines = [
        f"mean {judged['statistic']} over {len(judged['targets'])} targets, "
        f"{len(judged['models'])} models ({100 * judged['level']:g} % over targets):"
    ]
    valued = sorted((r for r in judged["rows"] if not r["reason"]), key=lambda r: -r["value"])
    width = max((len(row["score"]) for row in judged["rows"]), default=0)
    for row in valued:
        line = f"  {row['score'].ljust(width)}  {row['value']:+.2f} [{row['low']:+.2f}, "
        line += f"{row['high']:+.2f}]"
        if "difference" in row:
            line += f"  against the constant list {row['difference']:+.2f} "
            line += f"[{row['difference_low']:+.2f}, {row['difference_high']:+.2f}]  "
            line += f"p {row['pvalue']:.2g}"
        lines.append(line)
    lines += [f"  {r['score'].ljust(width)}  {r['reason']}" for r in judged["rows"] if r["reason"]]
    if judged["left_out"]:
        lines.append(f"not on every target, left out: {', '.join(judged['left_out'])}")
    return "\n".join(lines)


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
            "paired differences over draws, Bonferroni over all pairs of candidates of a score",
        ),
        ("Unit", "disjoint draws: how far a score would move on other samples of the target"),
        ("Seed", str(a.get("seed"))),
    ]
