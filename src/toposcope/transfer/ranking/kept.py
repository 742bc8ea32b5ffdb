"""The folder that a ranking is kept in: its board, its seal, and an evaluation put beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.errors import StoreError, ToposcopeError
from toposcope.inputs.urls import place_text
from toposcope.store import checked_json
from toposcope.store.objects import (
    Objects,
    objects_in,
    put_json,
    put_json_at,
)
from toposcope.store.runs import PLAN as RUN_MARK
from toposcope.store.seals import AGAIN, SEAL, Seal, find_seal, put_seal
from toposcope.store.shapes import expect, understood
from toposcope.transfer.ranking import board as boards
from toposcope.transfer.ranking.accuracies import SCHEMA
from toposcope.transfer.ranking.board import Entry

if TYPE_CHECKING:
    import pandas as pd

BOARD, JUDGEMENT = "board.json", "evaluation.json"
SHAPE = {"rows": [{"score": str, "model": str}], "attrs": dict}
SECONDS = "seconds"
"""What scores took, apart from their values: times differ from call to call, values do not.

Rankings made before kept a file per task in a folder of that name; now it is in the ticks."""


def put_board(folder: Path, table: pd.DataFrame) -> None:
    """The board, and beside it what differs from call to call."""
    times = {
        score: {row.model: row.seconds for row in rows.itertuples() if row.seconds == row.seconds}
        for score, rows in table.groupby("score", sort=False)
    }
    put_json(folder / f"{SECONDS}.json", times)
    rows = boards.plain(table.drop(columns="seconds"))
    put_json(folder / BOARD, {"rows": rows, "attrs": table.attrs})
    _seal(objects_in(folder))


def _seal(objects: Objects, *, judged: bool = True) -> None:
    """Seal the board, what was noted beside it, and the captures it was made from."""
    names = [BOARD, f"{SECONDS}.json", *objects.list(f"{SECONDS}/")]
    captures = [name for name in objects.list("candidates/") if name.endswith(f"/{RUN_MARK}")]
    evaluation = [JUDGEMENT] if judged and objects.exists(JUDGEMENT) else []
    put_seal(objects, [*names, *captures, *evaluation])


def load_board(folder: Path | str) -> pd.DataFrame:
    """The board a `rank` call left in its folder, with the judgement of it where there is one.

    A judgement that an earlier version stored is left out: its noise ceilings were those of one
    fine-tune, and targets were averaged.
    """
    place = Path(folder)
    path = place / BOARD
    if not objects_in(place).exists(BOARD):
        msg = (
            f"there is no board in {place_text(place)}: toposcope rank MODELS.toml --target DATA "
            "-o FOLDER"
        )
        raise ToposcopeError(msg)
    seal = _sealed(place)
    where = place_text(path)
    with understood(where, again=AGAIN):
        return _read_board(place, seal)


def _sealed(place: Path) -> Seal:
    """The seal of a ranking; boards of versions before have none, and nothing vouches for them."""
    objects = objects_in(place)
    seal = find_seal(objects)
    if seal is None and checked_json.is_checked(objects.get(BOARD)):
        msg = f"the ranking in {place_text(place)} is not complete: it has no {SEAL}. {AGAIN}"
        raise StoreError(msg)
    return seal or Seal(objects, {}, None, {})


def _read_board(place: Path, seal: Seal) -> pd.DataFrame:
    import pandas as pd

    from toposcope.transfer.ranking.table import Ranking

    stored = expect(seal.json(BOARD), SHAPE, where=place_text(place / BOARD), again=AGAIN)
    if any("rank_low" not in row for row in stored["rows"]):
        stored["rows"] = _with_rank_intervals(stored)
    table = pd.DataFrame(stored["rows"], columns=list(boards.COLUMNS))
    times = f"{SECONDS}.json"
    if times in seal.files or (not seal.covers_all and objects_in(place).exists(times)):
        noted = expect(seal.json(times), {str: dict}, where=place_text(place / times), again=AGAIN)
        table["seconds"] = [
            noted.get(score, {}).get(model)
            for score, model in zip(table["score"], table["model"], strict=True)
        ]
    for name in ("value", "low", "high", "seconds"):
        table[name] = table[name].astype(float)
    table = Ranking(table.astype(dict.fromkeys(boards.RANKS, "Int64")))
    table.attrs = stored["attrs"]
    if JUDGEMENT in seal.files or (not seal.covers_all and objects_in(place).exists(JUDGEMENT)):
        judgement = expect(
            seal.json(JUDGEMENT), {}, where=place_text(place / JUDGEMENT), again=AGAIN
        )
        if judgement.get("schema") == SCHEMA:
            table.attrs["evaluation"] = judgement
        else:
            table.attrs["evaluation_of_an_earlier_version"] = True
    return table


def _with_rank_intervals(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a board that was stored without `rank_low` and `rank_high`, made anew."""
    draws = stored["attrs"]["draws"]
    rows = {(row["score"], row["model"]): row for row in stored["rows"]}
    entries = {
        score: {
            model: Entry(
                np.asarray(values, dtype=np.float64),
                points=rows[score, model]["points"],
                seconds=rows[score, model]["seconds"] or float("nan"),
                status=rows[score, model]["status"],
                reason=rows[score, model]["reason"],
            )
            for model in stored["attrs"]["candidates"]
            if (values := draws[score].get(model)) is not None
        }
        for score in dict.fromkeys(row["score"] for row in stored["rows"])
    }
    declared = {
        row["score"]: (row["higher_is_better"], row["labels"], row["cost"])
        for row in stored["rows"]
    }
    return boards.plain(boards.assemble(entries, declared, level=stored["attrs"]["level"]))


def put_judgement(folder: Path, judged: Mapping[str, Any]) -> None:
    """Keep an evaluation beside its board, for the report."""
    objects = objects_in(folder)
    with objects.lock():
        # Out of the seal first: a kill in between leaves a board without an evaluation.
        _seal(objects, judged=False)
        put_json_at(objects, JUDGEMENT, dict(judged))
        _seal(objects)
