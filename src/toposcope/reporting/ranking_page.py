"""The ranking page: the board of `toposcope.rank` as one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.reporting.colors import run_styles
from toposcope.reporting.page import page
from toposcope.store.objects import put
from toposcope.transfer.scores.registry import CONSTANTS, HONEST, SCORES
from toposcope.words.formats import all_of, plus
from toposcope.words.judgement import ends, part_sentences, part_title
from toposcope.words.ranking import (
    leading_score,
    ranking_answer,
    ranking_design,
    ranking_headline,
)
from toposcope.words.ranking import reading as ranking_reading

if TYPE_CHECKING:
    import pandas as pd

TOPOLOGICAL = tuple(name for name, one in SCORES.items() if one.needs in ("volumes", "clouds"))


def write_board(table: pd.DataFrame, to: Path | str, *, title: str | None = None) -> Path:
    """Write the page of a board; returns its path.

    Parameters
    ----------
    table
        What `toposcope.rank` returned or `load_board` read.
    to
        File to write.
    title
        Heading; by default made from the target's name.
    """
    target = str(table.attrs.get("target_name") or "the target")
    text = page(
        "board.html",
        title=title or f"Which model to fine-tune for {target}",
        target=target,
        headline=ranking_headline(table),
        near=_near(table),
        sure=ranking_reading(table),
        answer=ranking_answer(table),
        failures=table.attrs.get("failures") or [],
        candidates=candidates(table),
        panels=panels(table),
        ranks=rank_rows(table),
        scores=in_reading_order(table),
        sensitivity=sensitivity_tables(table),
        judgement=judgement(table),
        outdated=bool(table.attrs.get("evaluation_of_an_earlier_version")),
        design=ranking_design(table),
        command=str(table.attrs.get("command") or ""),
        meanings=[(name, SCORES[name].about) for name in dict.fromkeys(table["score"])],
        missing=missing(table),
    )
    path = Path(to)
    put(path, text.encode("utf-8", "replace"))
    return path


def in_reading_order(table: pd.DataFrame) -> list[str]:
    """Scores as a reader needs them: the one the answer rests on, plain baselines, then others."""
    known = list(dict.fromkeys(table["score"]))
    lead = leading_score(table)
    first = [name for name in (lead, *HONEST) if name in known]
    last = [name for name in known if name in CONSTANTS and name not in first]
    rest = [name for name in known if name not in (*first, *last)]
    return list(dict.fromkeys([*first, *rest, *last]))


def _near(table: pd.DataFrame) -> bool:
    """Whether any candidate is not told apart from the first."""
    rows = table[(table["score"] == leading_score(table)) & (table["status"] == "ok")]
    return bool(len(rows)) and len(rows.iloc[0]["tied_with"]) > 0


def candidates(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Names with the color each candidate keeps on the page."""
    names = list(dict.fromkeys(table["model"]))
    order = [str(name) for name in table.attrs.get("candidates") or []]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    styles = run_styles([{"model": name} for name in names])
    return [
        {
            "name": name,
            "light": style.light,
            "dark": style.dark,
        }
        for name, style in zip(names, styles, strict=True)
    ]


def panels(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One strip chart per score: where each candidate stands, in percent of the width."""
    colors = {one["name"]: one for one in candidates(table)}
    sentences = []
    for score in in_reading_order(table):
        rows = table[(table["score"] == score) & (table["status"] == "ok")]
        if rows.empty:
            continue
        low = rows["low"].fillna(rows["value"]).min()
        high = rows["high"].fillna(rows["value"]).max()
        width = (high - low) or abs(high) or 1.0
        declared = SCORES[score]
        sentences.append(
            {
                "score": score,
                "about": declared.about,
                "direction": "higher is better" if declared.higher_is_better else "lower is better",
                "seconds": _seconds(rows["seconds"]),
                "topological": score in TOPOLOGICAL,
                "rows": [
                    {
                        **colors[row["model"]],
                        "rank": int(row["rank"]),
                        "value": f"{row['value']:.4g}",
                        "at": 100 * (row["value"] - low) / width,
                        "from": _percent(row["low"], low, width),
                        "to": _percent(row["high"], low, width),
                        "tied": all_of(list(row["tied_with"])) if len(row["tied_with"]) else "",
                    }
                    for _, row in rows.iterrows()
                ],
            }
        )
    return sentences


def _percent(value: float, low: float, width: float) -> float | None:
    return None if np.isnan(value) else 100 * (value - low) / width


def _seconds(values: pd.Series) -> str:
    mean = values.mean()
    return "" if np.isnan(mean) else f"{mean:.2g} s of processor per draw"


def rank_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Candidates against scores: the ranks that the ties of each score leave."""
    wide = {(row["model"], row["score"]): row for _, row in table.iterrows()}
    scores = in_reading_order(table)
    most = len(dict.fromkeys(table["model"]))
    rows = []
    best = list(table[table["score"] == leading_score(table)]["model"])
    for one in sorted(candidates(table), key=lambda one: _place(one["name"], best)):
        cells = []
        for score in scores:
            row = wide[one["name"], score]
            if row["status"] != "ok":
                cells.append({"text": "–", "share": 0.0, "why": str(row["reason"])})
                continue
            low, high = int(row["rank_low"]), int(row["rank_high"])
            share = 1.0 - (int(row["rank"]) - 1) / max(most - 1, 1)
            text = str(low) if low == high else f"{low}–{high}"
            cells.append({"text": text, "share": round(100 * share), "why": ""})
        rows.append({**one, "cells": cells})
    return rows


def _place(name: str, order: list[str]) -> int:
    return order.index(name) if name in order else len(order)


def sensitivity_tables(table: pd.DataFrame) -> list[dict[str, Any]]:
    """For each topological score, ranks under each choice, candidates in columns."""
    records = table.attrs.get("sensitivity") or []
    groups = []
    for score in dict.fromkeys(record["score"] for record in records):
        own = [record for record in records if record["score"] == score]
        valued = {record["model"] for record in own if record["value"] is not None}
        models = [name for name in dict.fromkeys(r["model"] for r in own) if name in valued]
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for record in own:
            cell = "–" if record["value"] is None else f"{record['rank']}  ({record['value']:.3g})"
            rows.setdefault((record["knob"], record["choice"]), {})[record["model"]] = cell
        if models:
            body = [
                {"knob": knob, "choice": choice, "cells": [cells[model] for model in models]}
                for (knob, choice), cells in rows.items()
            ]
            groups.append({"score": score, "models": models, "rows": body})
    return groups


def judgement(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Agreement of every score with the accuracies: a table per part, and what it says."""
    judged = table.attrs.get("evaluation")
    if not judged:
        return []
    return [
        {
            "title": part_title(part),
            "subset": all_of(part["models"]) if part["subset"] else "",
            "heads": list(TARGET_HEADS if part["kind"] == "targets" else MODEL_HEADS),
            "rows": _judged(part),
            "sentences": part_sentences(part, float(judged["level"])),
        }
        for part in judged["parts"]
    ]


MODEL_HEADS = ("Kendall’s tau", "Interval", "p", "q", "Regret", "Of a random choice")
TARGET_HEADS = ("Mean Kendall’s tau", "Interval", "Targets")


def _judged(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [r for r in part["rows"] if r["statistic"] == "kendall" and r["status"] == "ok"]
    several = []
    for row in sorted(rows, key=lambda row: -row["value"]):
        cells = [plus(row["value"]), ends(row["low"], row["high"])]
        if part["kind"] == "targets":
            cells.append(str(row["targets"]))
        else:
            cells += [f"{row['pvalue']:.2g}", f"{row['qvalue']:.2g}"]
            cells += [f"{row['regret']:.3g}", f"{row['chance_regret']:.3g}"]
        several.append({"score": row["score"], "cells": cells})
    return several


def missing(table: pd.DataFrame) -> list[dict[str, str]]:
    """What has no value and why, one line per candidate and reason."""
    without = table[table["status"] != "ok"]
    return [
        {"model": model, "scores": ", ".join(group["score"]), "reason": reason}
        for (model, reason), group in without.groupby(["model", "reason"], sort=False)
    ]
