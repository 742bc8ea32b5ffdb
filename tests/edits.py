"""Changes to stored files as their writers would make them: with the hash that fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toposcope.store.objects import put_json, read_json


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Replace the value of a JSON file by what `change` returns of it, or by the changed one."""
    value = read_json(path)
    changed = change(value)
    put_json(path, value if changed is None else changed)


def as_before_hashes(path: Path, value: Any) -> None:
    """Write a JSON file as earlier versions did, without a hash of itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n")
