"""`verify`: re-hash everything that a folder of ours holds, and one digest over all its values.

A RUN is shards with ticks; analyses, studies, comparisons and rankings are tasks with a ledger and
a seal. Every check says which files it vouched for; what is left at the end has no hash anywhere
and is named, so that no file is overlooked because nobody thought of it. Digests are computed from
the values, and held against those that were recorded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from toposcope.errors import DamagedError, StoreError
from toposcope.store import checked_json
from toposcope.store.folders import (
    COMPARISON,
    GROUPS,
    MARKS,
    RANKING,
    RUN,
    SERIES,
    STUDY,
    folder_kind,
    what_is_no,
)
from toposcope.store.ledger import (
    DONE,
    FAILED,
    LEDGER,
    PARTS,
    Ledger,
    joined_name,
    part_name,
    tick_name,
)
from toposcope.store.objects import Objects, Place, content_hash, objects_in
from toposcope.store.runs import PLAN, SUMMARY, Run, is_twin, whose_is
from toposcope.store.samples import SAMPLES
from toposcope.store.seals import SEAL, Seal, find_seal
from toposcope.store.series import FILE, number, open_series
from toposcope.store.shapes import expect
from toposcope.store.shards import let_go
from toposcope.store.tables import TABLES, digest_of, table_of

RESULTS = "results/"
"""Where the analyses of a RUN lie."""
STUDIES = "studies/"

BEGUN = re.compile(rf"(?:(.*)/)?{re.escape(PLAN)}")
WORKED = re.compile(
    rf"(?:(.*)/)?(?:{LEDGER}[0-9a-f]{{32}}\.(?:json|task)|{re.escape(SEAL)}|spec\.json|"
    rf"{re.escape(MARKS[RANKING])}|{re.escape(MARKS[COMPARISON])}|{re.escape(MARKS[STUDY])}|"
    rf"{re.escape(MARKS[GROUPS])})"
)
"""Names that tell a RUN, and a place where tasks were done; a layer may be called "ledger" too."""

OURS = re.compile(
    r"(?:.*/)?(?:acts|results|studies|parts|ledger|inputs|candidates|seconds)/.*"
    r"|(?:twin(?:_[0-9]+)?|[a-z]+_[0-9.e+-]+)/.*|.*\.(?:json|parquet|safetensors|task)"
)
"""Names that only we write: such a file without a hash is a problem, others are a note."""

AGAIN = "Run the command that made it again."


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
    files, bytes
        How many files were held against a hash, and their size.
    notes
        What could not be checked and is no damage: files of an earlier version without a hash,
        leftovers of killed runs, files that are not ours.
    """

    digest: str
    shards: int
    analyses: int
    parts: int
    problems: tuple[str, ...]
    files: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()


def verify(place: Place) -> Verification:
    """Check every file of a folder against its hash.

    Parameters
    ----------
    place
        A RUN, a SERIES, a comparison (of networks or groups) or a ranking. The digest of a SERIES
        is over the steps and the digests of its RUNs, in rising order of steps.

    Raises
    ------
    StoreError
        When it is none of these.
    """
    objects = objects_in(place)
    kind = folder_kind(objects)
    if kind is None:
        raise StoreError(what_is_no(RUN, objects))
    check = _Check(objects, set(objects.list()))
    if kind == SERIES:
        return check.verification(*check.series())
    names = sorted(check.left)
    values: list[object] = [
        check.capture(folder)
        for folder in _folders_of(BEGUN, names)
        if kind != RUN or folder == "" or is_twin(folder)
    ]
    parts = {folder: check.tasks(folder) for folder in _folders_of(WORKED, names)}
    if kind == RUN:
        analyses = analyses_in(names)
        values += [[name, check.analysis(RESULTS + name)] for name in analyses]
        check.pointers(names)
    else:
        analyses, values = [], [kind, values, *map(sorted, parts.values())]
    return check.verification(values, len(analyses))


@dataclass
class _Check:
    """Counts what is whole, collects what is not, and knows which files nobody vouched for."""

    objects: Objects
    left: set[str]
    shards: int = 0
    parts: int = 0
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seals: dict[str, Seal] = field(default_factory=dict)

    def verification(self, values: object, analyses: int) -> Verification:
        self.rest()
        digest = "" if self.problems else content_hash(json.dumps(values).encode())
        return Verification(
            digest,
            self.shards,
            analyses,
            self.parts,
            tuple(dict.fromkeys(self.problems)),
            self.files,
            self.bytes,
            tuple(self.notes),
        )

    def vouch(self, folder: str, name: str) -> None:
        """Note that a file was held against a hash."""
        whole = f"{folder}/{name}" if folder else name
        if whole in self.left:
            self.left.discard(whole)
            self.files += 1
            self.bytes += self.objects.size(whole)

    def tell(self, folder: str, name: str, error: Exception) -> None:
        """Note what is wrong with a file."""
        self.left.discard(f"{folder}/{name}" if folder else name)
        self.problems.append(str(error))

    def stated(self, folder: str, name: str) -> bool:
        """Whether a JSON file is what it was, by the hash that it carries."""
        place = self.objects.within(folder)
        try:
            data = place.get(name)
            checked_json.unpack(name, data, where=place.where(name), again=AGAIN)
        except (OSError, StoreError) as error:
            self.tell(folder, name, error)
            return False
        if checked_json.is_checked(data):
            self.vouch(folder, name)
            return True
        return False

    def series(self) -> tuple[object, int]:
        """Check all members of a SERIES."""
        series, analyses = open_series(self.objects), 0
        self.stated("", FILE)
        digests: list[list[str]] = []
        for member in series.members:
            own = {name for name in self.left if name.startswith(f"{member.run}/")}
            self.left -= own
            try:
                run = verify(series.within(member))
            except (StoreError, OSError) as error:
                self.problems.append(f"{member.run}: {error}")
                continue
            analyses += run.analyses
            self.shards, self.parts = self.shards + run.shards, self.parts + run.parts
            self.files, self.bytes = self.files + run.files, self.bytes + run.bytes
            digests.append([number(member.step), run.digest])
            self.problems += [f"{member.run}: {problem}" for problem in run.problems]
            self.notes += [f"{member.run}: {note}" for note in run.notes]
        for name in series.beside:
            if not self.objects.exists(name):
                self.problems.append(f"{self.objects.where(name)} is missing: {FILE} names it.")
        if not series.members:
            self.problems.append(f"{self.objects.where()} holds no captured checkpoint")
        return [series.unit, digests], analyses

    def capture(self, folder: str) -> list[str]:
        """Check all shards of a RUN; the hashes of its layers."""
        before = len(self.problems)
        objects = self.objects.within(folder)
        checked = self.stated(folder, PLAN)
        try:
            run = Run.open(objects)
        except (StoreError, OSError) as error:
            self.problems.append(str(error))
            return []
        if run.schema > 1:
            self.vouch(folder, SAMPLES)
        self._shards(run, folder)
        values = [self._layer(run, layer) for layer in run.layers]
        try:
            summary = run.summary
            if summary is None:
                where = objects.where()
                self.problems.append(
                    f"the capture in {where} is not complete; run its command again"
                )
            elif checked:
                self.stated(folder, SUMMARY)
        except StoreError as error:
            self.problems.append(str(error))
        return values if len(self.problems) == before else []

    def _shards(self, run: Run, folder: str) -> None:
        """Check the shards of all layers, several at a time: the hash is taken without the lock of
        the interpreter, and each thread has the pages of one shard.
        """
        named = [(layer, index) for layer in run.layers for index, _, _ in run.chunks]
        with ThreadPoolExecutor(threads()) as pool:
            found = list(pool.map(lambda one: _of_shard(run, *one), named))
        for (layer, index), error in zip(named, found, strict=True):
            if error is not None:
                self.tell(folder, run.shard_name(layer, index), error)
                continue
            self.shards += 1
            self.vouch(folder, run.shard_name(layer, index))
            self.stated(folder, run.tick_name(layer, index))

    def _layer(self, run: Run, layer: str) -> str:
        try:
            return run.layer_hash(layer)
        except (StoreError, OSError):
            return ""

    def tasks(self, folder: str) -> list[str]:
        """Check the parts of all tasks that are ticked off, and all that is sealed with them.

        Returns the hashes of the parts, by key.
        """
        objects = self.objects.within(folder)
        ledger = Ledger(objects)
        named = {name[len(PARTS) :].partition(".")[0]: name for name in objects.list(PARTS)}
        ticked: dict[str, str] = {}
        for key in ledger.tried():
            again = f"Delete its tick, {objects.where(tick_name(key))}, and run its command again."
            try:
                entry = ledger.entry(key) or {}
                joined = bool(entry.get("joined"))
                if not joined:
                    self.stated(folder, tick_name(key))
                ticked[key] = str(entry.get("status"))
                if ticked[key] == DONE:
                    name = named.get(key, part_name(key, ""))
                    suffix = name.removeprefix(part_name(key, ""))
                    ledger.part(key, entry, suffix, again=again)
                    ticked[key] = entry["part"]
                    if not joined:
                        self.vouch(folder, name)
                if joined:
                    self.vouch(folder, joined_name(key))
            except (StoreError, OSError) as error:
                self.tell(folder, named.get(key, joined_name(key)), error)
        hashes = [part for part in ticked.values() if part not in (DONE, FAILED, "None")]
        self.parts += len(hashes)
        try:
            self.sealed(folder, ticked)
        except (StoreError, OSError) as error:
            self.problems.append(str(error))
        return hashes

    def sealed(self, folder: str, ticked: dict[str, str]) -> None:
        """Check the seal of a place and every file it names."""
        objects = self.objects.within(folder)
        seal = find_seal(objects)
        if seal is None:
            marks = ["spec.json", *(MARKS[one] for one in (RANKING, COMPARISON, STUDY, GROUPS))]
            if any(objects.exists(one) and self.stated(folder, one) for one in marks):
                where = objects.where()
                self.problems.append(
                    f"what is in {where} is not complete: {SEAL} is missing. {AGAIN}"
                )
            return
        self.seals[folder] = seal
        self.stated(folder, SEAL)
        for name in seal.files:
            try:
                seal.get(name)
                self.vouch(folder, name)
            except (StoreError, OSError) as error:
                self.tell(folder, name, error)
        for key, part in (seal.tasks or {}).items():
            there = any(objects.exists(name(key)) for name in (tick_name, joined_name))
            if ticked.get(key, part) != part or not there:
                where = objects.where(tick_name(key))
                self.problems.append(f"{where} is missing or not the one that was sealed. {AGAIN}")
        inside = re.fullmatch(rf"(.*?)/?(?:{RESULTS}|{STUDIES}).*", f"{folder}/")
        if inside and seal.record.get("of"):
            seal.refuse_another(whose_is(self.objects.within(inside[1])))

    def analysis(self, folder: str) -> str:
        """Digest of a complete analysis, computed from the values of its tables."""
        seal = self.seals.get(folder)
        where = self.objects.where(folder)
        if seal is None:
            self.problems.append(f"the analysis in {where} is not complete; run its command again")
            return ""
        try:
            files = [f"{name}.parquet" for name in TABLES]
            tables = [table_of(seal.get(name), where=name) for name in files if name in seal.files]
        except (StoreError, OSError):
            return ""  # said already, file by file
        digest = digest_of(tables)
        if digest != seal.record.get("digest"):
            msg = f"the digest that {where}/{SEAL} records is not that of its tables. {AGAIN}"
            self.problems.append(msg)
        return digest

    def pointers(self, names: Iterable[str]) -> None:
        """What is shown must be named, and be there."""
        roots = {folder.rpartition("/")[0] for folder in self.seals if folder.count("/")}
        for root in sorted(roots):
            place, last = self.objects.within(root), "current.json"
            where = place.where(last)
            if f"{root}/{last}" not in names:
                self.problems.append(f"{where} is missing: it says what is shown. {AGAIN}")
                continue
            self.stated(root, last)
            try:
                pointer = checked_json.unpack(last, place.get(last), where=where, again=AGAIN)
                (named,) = expect(pointer, {str: str}, where=where, again=AGAIN).values()
                there = place.exists(f"{named}/spec.json")
            except (OSError, ValueError):  # ours are ValueErrors too
                there = False
            if not there:
                self.problems.append(f"{where} names nothing that is there. {AGAIN}")

    def rest(self) -> None:
        """Name every file that nothing vouched for."""
        old: list[str] = []
        strange: list[str] = []
        leftover: list[str] = []
        for name in sorted(self.left):
            if name.endswith(".json") and self.stated("", name):
                continue
            if name not in self.left:
                continue  # a problem was told of it
            if self._inputs(name):
                self.vouch("", name)
            elif self._unchecked(name):
                old.append(name)
            elif self._untold(name):
                leftover.append(name)
            elif OURS.fullmatch(name):
                self.problems.append(
                    f"nothing vouches for {self.objects.where(name)}: what names it is missing, or "
                    "it was put there. Move it away, or run the command that made the folder again."
                )
            else:
                strange.append(name)
        for what, names in (
            ("written by an earlier version without a hash, not checked", old),
            ("left behind by a killed run, never read", leftover),
            ("no files of ours, not checked", strange),
        ):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                self.notes.append(f"{what}: {', '.join(names[:3])}{more}")

    def _inputs(self, name: str) -> bool:
        """Whether it is an input of a comparison, whose name is the hash of its content."""
        folder, _, last = name.rpartition("/")
        try:
            return folder == "inputs" and content_hash(self.objects.get(name)) == last
        except (OSError, StoreError):
            return False

    def _unchecked(self, name: str) -> bool:
        """Whether it lies where files had no hash yet: it, or what tells its folder, has none."""
        folder = name.rpartition("/")[0]
        beside = [f"{folder}/{mark}".lstrip("/") for mark in (PLAN, "spec.json")]
        for one in [name] if name.endswith(".json") else beside:
            try:
                if not checked_json.is_checked(self.objects.get(one)):
                    return True
            except (OSError, StoreError):
                continue
        return False

    def _untold(self, name: str) -> bool:
        """Whether it is a part or a shard whose tick was never put."""
        folder, _, last = name.rpartition("/")
        key = last.partition(".")[0]
        if folder == "parts" or folder.endswith("/parts"):
            place = self.objects.within(folder.removesuffix("parts").rstrip("/"))
            return not any(place.exists(name(key)) for name in (tick_name, joined_name))
        return last.endswith(".safetensors") and not self.objects.exists(f"{folder}/{key}.json")


def threads() -> int:
    """How many shards are hashed at a time: on local disks two are at the speed of memory."""
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


def _of_shard(run: Run, layer: str, index: int) -> Exception | None:
    """What is wrong with a shard."""
    try:
        values = run.mapped(layer, index)  # not kept: a RUN behind a URL would fill the memory
        found = content_hash(values.reshape(-1).view(np.uint8).data)
        let_go(values)
        if found != run.tick(layer, index)["values"]:
            where = run.objects.where(run.shard_name(layer, index))
            msg = f"the hash of the values of {where} is not the one its tick records."
            raise DamagedError(msg)
    except (StoreError, OSError) as error:
        return error
    return None


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
