"""`verify`: re-hash everything that a folder of ours holds, and one digest over all its values.

RUNs are shards; analyses, studies, comparisons and rankings are tasks with a ledger. Those two are
checked by one function each, wherever in the folder they lie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from toposcope.errors import StoreError
from toposcope.store.folders import RUN, SERIES, folder_kind, what_is_no
from toposcope.store.ledger import DONE, LEDGER, PARTS, Ledger, part_name, tick_name
from toposcope.store.objects import Objects, Place, content_hash, find_json, get_checked, objects_in
from toposcope.store.runs import PLAN, Run, is_twin
from toposcope.store.series import number, open_series
from toposcope.store.tables import AGAIN, SEAL

RESULTS = "results/"
"""Where the analyses of a RUN lie."""

BEGUN = re.compile(rf"(?:(.*)/)?{re.escape(PLAN)}")
WORKED = re.compile(rf"(?:(.*)/)?(?:{LEDGER}[0-9a-f]{{32}}\.json|{re.escape(SEAL)})")
"""Names that tell a RUN, and a place where tasks were done; a layer may be called "ledger" too."""


@dataclass(frozen=True)
class Verification:
    """What was checked, and what is wrong.

    Parameters
    ----------
    digest
        Hash over all values; clocks, hosts and attempts are outside it. "" when there are problems.
    shards, analyses, parts
        How many were checked: chunks of layers, analyses, and results of single tasks.
    problems
        One sentence each.
    """

    digest: str
    shards: int
    analyses: int
    parts: int
    problems: tuple[str, ...]


def verify(place: Place) -> Verification:
    """Check every shard, part and table of a folder against its hash.

    Parameters
    ----------
    place
        A RUN, a SERIES, a comparison or a ranking. The digest of a SERIES is over the steps and the
        digests of its RUNs, in rising order of steps.

    Raises
    ------
    StoreError
        When it is none of these.
    """
    objects = objects_in(place)
    kind = folder_kind(objects)
    if kind is None:
        raise StoreError(what_is_no(RUN, objects))
    if kind == SERIES:
        return _verify_series(objects)
    check = _Check()
    names = objects.list()
    values: list[object] = [
        check.capture(Run.open(objects.within(folder)))
        for folder in _folders_of(BEGUN, names)
        if kind != RUN or folder == "" or is_twin(folder)
    ]
    parts = [check.tasks(objects.within(folder)) for folder in _folders_of(WORKED, names)]
    if kind == RUN:
        analyses = analyses_in(names)
        values += [[name, check.analysis(objects.within(RESULTS + name))] for name in analyses]
    else:
        analyses, values = [], [kind, values, *map(sorted, parts)]
    return check.verification(values, analyses=len(analyses))


def _verify_series(objects: Objects) -> Verification:
    series, check, analyses = open_series(objects), _Check(), 0
    digests: list[list[str]] = []
    for member in series.members:
        try:
            run = verify(series.within(member))
        except StoreError as error:
            check.problems.append(f"{member.run}: {error}")
            continue
        analyses += run.analyses
        check.shards, check.parts = check.shards + run.shards, check.parts + run.parts
        digests.append([number(member.step), run.digest])
        check.problems += [f"{member.run}: {problem}" for problem in run.problems]
    if not series.members:
        check.problems.append(f"{objects.where()} holds no captured checkpoint")
    return check.verification([series.unit, digests], analyses=analyses)


@dataclass
class _Check:
    """Counts what is whole, and collects what is not."""

    shards: int = 0
    parts: int = 0
    problems: list[str] = field(default_factory=list)

    def verification(self, values: object, *, analyses: int) -> Verification:
        digest = "" if self.problems else content_hash(json.dumps(values).encode())
        return Verification(digest, self.shards, analyses, self.parts, tuple(self.problems))

    def capture(self, run: Run) -> list[str]:
        """Check all shards of a RUN; the hashes of its layers."""
        before = len(self.problems)
        for layer in run.layers:
            for index, _, _ in run.chunks:
                try:
                    run.shard(layer, index)
                    self.shards += 1
                except StoreError as error:
                    self.problems.append(str(error))
        if run.summary is None:
            where = run.objects.where()
            self.problems.append(f"the capture in {where} is not complete; run its command again")
        whole = len(self.problems) == before
        return [run.layer_hash(layer) for layer in run.layers] if whole else []

    def tasks(self, objects: Objects) -> list[str]:
        """Check the parts of all tasks that are ticked off, and the tables made from them.

        Returns the hashes of the parts, by key.
        """
        ledger = Ledger(objects)
        named = {name[len(PARTS) :].partition(".")[0]: name for name in objects.list(PARTS)}
        hashes = []
        for key in ledger.tried():
            again = f"Delete its tick, {objects.where(tick_name(key))}, and run its command again."
            try:
                entry = ledger.entry(key) or {}
                if entry.get("status") == DONE:
                    name = named.get(key, part_name(key, ""))
                    get_checked(objects, name, entry.get("part", ""), again=again)
                    hashes.append(str(entry["part"]))
            except StoreError as error:
                self.problems.append(str(error))
        self.parts += len(hashes)
        try:
            tables = (find_json(objects, SEAL) or {"files": {}})["files"]
            for name, expected in tables.items():
                get_checked(objects, f"{name}.parquet", expected, again=AGAIN)
        except StoreError as error:
            self.problems.append(str(error))
        return hashes

    def analysis(self, objects: Objects) -> str:
        """Digest of a complete analysis."""
        try:
            seal = find_json(objects, SEAL)
        except StoreError as error:
            self.problems.append(str(error))
            return ""
        if seal is None:
            where = objects.where()
            self.problems.append(f"the analysis in {where} is not complete; run its command again")
            return ""
        return str(seal["digest"])


def analyses_in(names: Iterable[str]) -> list[str]:
    """Names of the analyses of a RUN, from the names of its objects."""
    specs = (name.split("/") for name in names if name.startswith(RESULTS))
    return [parts[1] for parts in specs if len(parts) == 3 and parts[2] == "spec.json"]


def _folders_of(mark: re.Pattern[str], names: Iterable[str]) -> list[str]:
    """Folders that hold an object of this kind; "" for the place itself.

    >>> tick = "ledger/" + 32 * "0" + ".json"
    >>> _folders_of(WORKED, [tick, f"results/4f/{tick}", "acts/0/ledger/000000.json"])
    ['', 'results/4f']
    """
    matches = (mark.fullmatch(name) for name in names)
    return sorted({match[1] or "" for match in matches if match})
