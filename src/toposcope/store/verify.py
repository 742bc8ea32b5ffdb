"""`verify`: re-hash everything a RUN or a SERIES holds, and one digest over all its values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from toposcope.errors import StoreError
from toposcope.store.objects import content_hash, read_json
from toposcope.store.runs import Run, twin_of
from toposcope.store.series import is_series, number, open_series
from toposcope.store.tables import read_part


@dataclass(frozen=True)
class Verification:
    """What was found.

    Parameters
    ----------
    digest
        Hash over all values; clocks, hosts and attempts are outside it. "" when there are problems.
    shards, analyses
        How many were checked.
    problems
        One sentence each.
    """

    digest: str
    shards: int
    analyses: int
    problems: tuple[str, ...]


def verify(path: Path | str) -> Verification:
    """Check every shard, part and table of a RUN, or of all RUNs of a SERIES, against its hash.

    The digest of a SERIES is over the steps and the digests of its RUNs, in rising order of steps.
    """
    if is_series(path):
        return _verify_series(Path(path))
    problems: list[str] = []
    values: list[object] = []
    run = Run.open(path)
    twin = twin_of(run.path)
    captures = [run, Run.open(twin)] if (twin / "run.json").exists() else [run]
    shards = sum(_verify_capture(one, problems) for one in captures)
    if not problems:
        values += [[one.layer_hash(layer) for layer in one.layers] for one in captures]
    folders = sorted(p.parent for p in (run.path / "results").glob("*/spec.json"))
    for folder in folders:
        try:
            values.append([folder.name, _verify_analysis(folder)])
        except StoreError as error:
            problems.append(str(error))
    digest = "" if problems else content_hash(json.dumps(values).encode())
    return Verification(digest, shards, len(folders), tuple(problems))


def _verify_series(path: Path) -> Verification:
    series = open_series(path)
    shards = analyses = 0
    digests, problems = [], []
    for member, run in zip(series.members, series.runs, strict=True):
        try:
            found = verify(run)
        except StoreError as error:
            problems.append(f"{member.run}: {error}")
            continue
        shards, analyses = shards + found.shards, analyses + found.analyses
        digests.append([number(member.step), found.digest])
        problems += [f"{member.run}: {problem}" for problem in found.problems]
    if not series.members:
        problems.append(f"{path} holds no captured checkpoint")
    digest = "" if problems else content_hash(json.dumps([series.unit, digests]).encode())
    return Verification(digest, shards, analyses, tuple(problems))


def _verify_capture(run: Run, problems: list[str]) -> int:
    """Number of intact shards of one capture; what is wrong is added to `problems`."""
    shards = 0
    for layer in run.layers:
        for index, _, _ in run.chunks:
            try:
                run.shard(layer, index)
                shards += 1
            except StoreError as error:
                problems.append(str(error))
    if run.summary is None:
        problems.append(f"the capture in {run.path} is not complete; run its command again")
    return shards


def _verify_analysis(folder: Path) -> str:
    for tick in sorted((folder / "ledger").glob("*.json")):
        entry = read_json(tick)
        if entry["status"] == "done":
            read_part(folder / "parts" / f"{tick.stem}.parquet", entry["part"])
    if not (folder / "done.json").exists():
        msg = f"the analysis in {folder} is not complete; run its command again."
        raise StoreError(msg)
    done = read_json(folder / "done.json")
    for name, expected in done["files"].items():
        read_part(folder / f"{name}.parquet", expected)
    return str(done["digest"])
