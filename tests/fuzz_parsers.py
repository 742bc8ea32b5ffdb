"""Every parser of stores, plans, claims and tables by itself, for as long as it is asked to.

Good inputs are cut, spliced, and spiked with words that parsers of their kind know; only errors of
ours may come out, and none may take longer than seconds.
"""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import toposcope as ts
from tests.unit.studies.test_own_claim import write
from toposcope.activations.candidates import read_candidates
from toposcope.analysis.design import Design
from toposcope.analysis.population_folder import read_covariates
from toposcope.analysis.preregister import plan_of
from toposcope.errors import ToposcopeError
from toposcope.store import checked_json
from toposcope.store.commands import plain_command
from toposcope.store.preregistration import Preregistration
from toposcope.store.shards import shard_header, tensor_in
from toposcope.store.tables import Rows, part_bytes, table_of
from toposcope.studies.own_claim import read_claim
from toposcope.transfer.ranking.tables import read_accuracies

WORDS = [
    *(b"null", b"true", b"NaN", b"-1", b"1e999", b"9" * 4400, b"0x", b"\x00", b"\xff\xfe", b"{}"),
    *(
        b"[",
        b"]",
        b"[" * 3000,
        b"{" * 3000,
        b'"',
        b"'''",
        b"\n",
        b",",
        b";",
        b"\r",
        b"=",
        b"1" * 25,
    ),
    *(b"../../etc/passwd", b"rows", b"F64", b"data_offsets", b"schema", b"hash", b"model", b"run"),
    *(b"[[model]]", b"a.b.c=1", b"1979-05-27T07:32:00Z", b"inf", b"\xe2\x80\xa8", b"a" * 140_000),
]
SLOWEST = 20.0
"""Seconds that one input may take on a busy machine."""

Parser = Callable[[bytes], object]


def parsers(folder: Path) -> dict[str, tuple[bytes, Parser]]:
    """A good input and the parser of each kind; files are written below `folder`."""
    folder.mkdir(exist_ok=True)

    def by_file(name: str, read: Callable[[Path], object]) -> Parser:
        def call(data: bytes) -> object:
            (folder / name).write_bytes(data)
            return read(folder / name)

        return call

    values = np.arange(12.0).reshape(3, 4)
    rows = Rows(layer="a", depth=0.5, label="", replicate=0, points=3, cloud="data")
    rows.value("scale", 1.0)
    rows.diagram(np.array([[0.0, 1.0]]), 0)
    acts = ts.from_arrays({"a": np.random.default_rng(0).normal(size=(40, 3))})
    run = ts.store.save_arrays(acts, folder / "run")
    design = Design(points=10, replicates=2)
    plan_of(design, [run], level=0.95, note="?", path=folder / "plan.json").write(
        folder / "plan.json"
    )
    claim = write(folder / "claim.toml").read_bytes()
    models = b'[[model]]\nname = "a"\nmodel = "py:nets:a"\nweights = "a.safetensors"\n'
    models += b'source_accuracy = 0.7\nlayers = ["x", "y"]\n'
    table = b"model,dataset,accuracy,logme\na,x,0.5,1\nb,x,0.7,2\nc,x,0.9,3\n"
    covariates = b"run,activation,depth\nnet0,relu,3\nnet1,tanh,4\n"
    return {
        "safetensors": (
            shard_header(values) + values.tobytes(),
            lambda data: tensor_in(np.frombuffer(data, np.uint8), where="a shard"),
        ),
        "checked JSON": (
            checked_json.pack("a.json", {"a": [1, {"b": None}], "c": "d"}),
            lambda data: checked_json.unpack("a.json", data, where="a.json"),
        ),
        "JSON without hash": (
            json.dumps({"a": [1, {"b": None}]}).encode(),
            lambda data: checked_json.parse(data, where="a.json"),
        ),
        "parquet": (part_bytes(rows.rows), table_of),
        "models.toml": (models, by_file("models.toml", read_candidates)),
        "claim.toml": (claim, by_file("claim.toml", read_claim)),
        "plan.json": (
            (folder / "plan.json").read_bytes(),
            by_file("read_plan.json", Preregistration.read),
        ),
        "accuracies.csv": (table, by_file("accuracies.csv", read_accuracies)),
        "population.csv": (covariates, by_file("population.csv", read_covariates)),
        "command": (
            b"toposcope capture --model 'timm:resnet18' --data x.npz -o run",
            lambda data: plain_command(data.decode(errors="surrogateescape")),
        ),
    }


def changed(data: bytes, rng: random.Random) -> bytes:
    """Some of the input, with some of something else."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(out) + 1)
        how = rng.random()
        if how < 0.25 and out:
            out[rng.randrange(len(out))] = rng.randrange(256)
        elif how < 0.5:
            out[place:place] = rng.choice(WORDS)
        elif how < 0.65:
            out[place : place + rng.randint(1, 12)] = rng.choice(WORDS)
        elif how < 0.8:
            del out[place : place + rng.randint(1, 20)]
        elif how < 0.9:
            other = rng.randrange(len(out) + 1)
            out[place:place] = out[min(place, other) : max(place, other)][:2000]
        else:
            del out[place:]
    return bytes(out)


def fuzz(
    name: str,
    folder: Path,
    *,
    seconds: float,
    seed: int,
    kinds: Callable[[Path], Mapping[str, tuple[bytes, Parser]]] = parsers,
    least: int = 50,
) -> int:
    """Try to break one parser; returns how many inputs it read."""
    good, parse = kinds(folder)[name]
    parse(good)  # the good input is one
    before = sorted(folder.parent.rglob("*"))
    rng = random.Random(f"{name} {seed}")
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end or count < least:
        data = changed(good, rng)
        begun = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parse(data)
        except ToposcopeError:
            pass
        except BaseException as error:
            error.add_note(f"{name}, input {count} of seed {seed}: {data[:300]!r}")
            raise
        assert time.process_time() - begun < SLOWEST, f"{name}, input {count} of seed {seed}"
        count += 1
    assert sorted(folder.parent.rglob("*")) == before, f"{name} wrote something"
    return count


NAMES = (
    *("safetensors", "checked JSON", "JSON without hash", "parquet", "models.toml", "claim.toml"),
    *("plan.json", "accuracies.csv", "population.csv", "command"),
)
