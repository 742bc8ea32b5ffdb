"""Objects in a dictionary: the second kind of place, so that layouts are tried on two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from toposcope.errors import RunLockedError


@dataclass(frozen=True)
class MemoryObjects:
    """Objects of this process; places below share the dictionary."""

    held: dict[str, bytes] = field(default_factory=dict, hash=False)
    locks: set[str] = field(default_factory=set, hash=False)
    above: str = ""
    joins = False

    def put(self, name, *parts):
        self.held[self.above + name] = b"".join(map(bytes, parts))

    def get(self, name, first=None):
        if not self.exists(name):
            raise FileNotFoundError(self.where(name))
        return self.held[self.above + name][:first]

    def map(self, name):
        return np.frombuffer(self.get(name), dtype=np.uint8)

    def exists(self, name):
        return self.above + name in self.held

    def size(self, name):
        return len(self.get(name))

    def list(self, prefix=""):
        full = self.above + prefix
        names = (name for name in self.held if name.startswith(full))
        return sorted(
            name[len(self.above) :]
            for name in names
            if not any(part.startswith(".") for part in name[len(self.above) :].split("/"))
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self.above in self.locks:
            msg = f"somebody else is writing to {self.where()}"
            raise RunLockedError(msg)
        self.locks.add(self.above)
        try:
            yield
        finally:
            self.locks.remove(self.above)

    def within(self, folder):
        return replace(self, above=f"{self.above}{folder}/") if folder else self

    def where(self, name=""):
        return f"memory:{self.above}{name}".rstrip("/")
