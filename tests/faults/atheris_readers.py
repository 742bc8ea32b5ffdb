"""Readers under atheris, which looks for inputs that reach new lines of them.

Run: python -m tests.faults.atheris_readers FOLDER SECONDS [NAME...]

Every reader is a process of its own, forked once the code is instrumented, which takes longer than
to fuzz it. What is no error of ours ends it, and the input that did it is left in its folder.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path

import atheris

OURS = ["toposcope.store", "toposcope.inputs", "toposcope.activations", "toposcope.cli.config"]

with atheris.instrument_imports(include=OURS):
    from tests.fuzz_parsers import parsers
    from tests.fuzz_readers import readers
    from toposcope.errors import ToposcopeError

RISKIEST = {
    "a shard": (parsers, "safetensors"),
    "JSON": (parsers, "JSON without hash"),
    "a part": (parsers, "parquet"),
    "models.toml": (parsers, "models.toml"),
    "npz": (readers, "npz"),
    "npy in npz": (readers, "npz, inside"),
    "csv": (readers, "csv"),
    "pickle in pt": (readers, "pt, inside"),
    "safetensors index": (readers, "safetensors index"),
    "--config": (readers, "--config"),
}
"""What unpacks, allocates by a header, or has a grammar of its own: see tests/fuzz_*.py."""


def fuzz(name: str, folder: Path, seconds: float) -> None:
    """Fuzz one reader; ends the process."""
    folder.mkdir()
    kinds, of = RISKIEST[name]
    good, read = kinds(folder / "files")[of]
    read(good)  # the good input is one
    (folder / "corpus").mkdir()
    (folder / "corpus" / "good").write_bytes(good)
    warnings.simplefilter("ignore")
    logging.disable()

    def once(data: bytes) -> None:
        try:
            read(data)
        except ToposcopeError:
            return

    limits = [f"-max_total_time={seconds:.0f}", "-timeout=60", "-rss_limit_mb=6000"]
    place = [f"-artifact_prefix={folder}/", "-print_final_stats=1", str(folder / "corpus")]
    atheris.Setup([sys.argv[0], *limits, *place], once)
    atheris.Fuzz()


def main(folder: Path, seconds: float, names: list[str]) -> int:
    """Fuzz some readers one after the other, and write what each said; the number that failed."""
    failed = 0
    for name in names or RISKIEST:
        told = folder / f"{name}.txt"
        child = os.fork()
        if not child:
            with told.open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
                fuzz(name, folder / name, seconds)
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        failed += code != 0
        sys.stdout.write(f"{name}: exit {code}\n")
        sys.stdout.flush()  # before the next fork
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
