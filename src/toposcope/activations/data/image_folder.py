"""Folders of image files: which are samples, what their classes are, and what is left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.data.files import SPLITS, split_of, split_spec
from toposcope.activations.data.pictures import BITS, decode, stacker
from toposcope.activations.data.source import DataSource, tell
from toposcope.errors import SpecError
from toposcope.store.objects import content_hash

PLAIN = (".ppm", ".pgm", ".pbm", ".pnm", ".jfif")
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", *PLAIN))
NOT_OURS = frozenset(
    ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")
)
"""Folders of copies and of the deleted that programs and file servers leave behind."""
SCANNED = 5000
"""Files that are tried at most to count the unreadable ones."""


def from_imagefolder(spec: str) -> DataSource:
    """`imagefolder:DIR[#size=K,bits=B,y=]`: one folder per class, or pictures without classes.

    Hidden files and folders are no samples. Pictures beside folders of classes have no class and
    are left out; `y=` (nothing behind the sign) takes all pictures and no classes.
    """
    path, options = split_spec(spec, ("size", "bits", "y"))
    size, bits = _number(spec, options, "size"), _number(spec, options, "bits")
    if not path.is_dir():
        msg = f"DATA {spec!r}: {path} is a file; needed is a folder of pictures."
        raise SpecError(msg)
    if bits is not None and bits not in BITS:
        msg = f"DATA {spec!r}: bits={bits}; needed is {BITS[0]} to {BITS[-1]}, such as bits=12."
        raise SpecError(msg)
    if options.get("y"):
        msg = f"DATA {spec!r}: classes are folders; only y= (nothing behind the sign) is known."
        raise SpecError(msg)
    every, broken = _walked(path)
    seen = [file for file in every if not _hidden(file.relative_to(path))]
    files = [file for file in seen if file.suffix.lower() in PICTURES]
    if not files:
        msg = f"DATA {spec!r}: no pictures below {path}; looked for {', '.join(sorted(PICTURES))}."
        raise SpecError(msg)
    left_out: dict[str, Any] = {
        "hidden pictures": sum(p.suffix.lower() in PICTURES for p in every) - len(files),
        "other files": _suffixes(file for file in seen if file.suffix.lower() not in PICTURES),
    }
    if broken:
        left_out["links that lead nowhere"] = broken
    classes: list[str] = []
    if "y" not in options:
        files, classes = _classified(spec, path, files, left_out)
    relative = [file.relative_to(path) for file in files]
    position = {name: index for index, name in enumerate(classes)}
    labels = None
    if classes:
        labels = np.array([position[part.parts[0]] for part in relative], dtype=np.int64)
    listing = "\n".join(
        f"{part.as_posix()} {file.stat().st_size}"
        for part, file in zip(relative, files, strict=True)
    )

    def one(index: int) -> NDArray[np.uint8]:
        try:
            return decode(files[index], str(files[index]), size, bits=bits)
        except SpecError as error:
            raise SpecError(_unreadable(spec, files, size, bits, str(error))) from error

    tell(spec, left_out)
    name, split = split_of(path)
    return DataSource(
        name=name,
        n=len(files),
        kind="image",
        read=stacker(one, spec),
        labels=labels,
        class_names=tuple(classes),
        content="names and sizes:" + content_hash(listing.encode(errors="surrogateescape")),
        spec=spec,
        split=split,
        left_out=left_out,
        ids_of=lambda word: _stems(spec, word, relative),
    )


def _number(spec: str, options: dict[str, str], key: str) -> int | None:
    value = options.get(key)
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal() and 0 < int(value) <= 1 << 16):
        example = {"size": "pixels, such as size=224", "bits": "bits, such as bits=12"}[key]
        msg = f"DATA {spec!r}: {key}={value!r} must be a number of {example}."
        raise SpecError(msg)
    return int(value)


def _hidden(part: Path) -> bool:
    return any(word.startswith(".") or word in NOT_OURS for word in part.parts)


def _suffixes(files: Any) -> list[str]:
    """Every file's kind, most frequent first, as `tell` counts and names them."""
    counts = Counter(file.suffix.lower() or file.name for file in files)
    return [f"{suffix} ({count})" for suffix, count in counts.most_common()]


def _classified(
    spec: str, path: Path, files: list[Path], left_out: dict[str, Any]
) -> tuple[list[Path], list[str]]:
    """Pictures with a class, and the classes; all of them and none where there are no folders."""
    inside = [file for file in files if file.parent != path]
    sizes = Counter(file.relative_to(path).parts[0] for file in inside)
    start = spec.partition("#")[0]
    splits = _splits(sizes)
    if splits:
        have = ", ".join(f"{name} ({sizes[name]:,})" for name in splits)
        msg = (
            f"DATA {spec!r}: {path} holds the splits {have}, not classes. Name one: "
            f"{start.rstrip('/')}/{splits[-1]}."
        )
        raise SpecError(msg)
    stray = len(files) - len(inside)
    if len(sizes) == 1:
        only = next(iter(sizes))
        below = {file.relative_to(path).parts[1] for file in inside if file.parent != path / only}
        if len(below) > 1:
            named = ", ".join(sorted(below)[:5])
            msg = (
                f"DATA {spec!r}: the one folder in {path} is {only}, which would be the only "
                f"class, and it holds folders with pictures itself ({named}). Name it: "
                f"{start.rstrip('/')}/{only}; or write {start}#y= for pictures without classes."
            )
            raise SpecError(msg)
    if inside and stray > len(inside):
        msg = (
            f"DATA {spec!r}: {stray:,} pictures lie in {path} itself and {len(inside):,} in "
            f"folders ({', '.join(sorted(sizes)[:5])}). Write {start}#y= to take all of them "
            "without classes, or move those without a class away."
        )
        raise SpecError(msg)
    if not inside:
        return files, []
    left_out["pictures beside the folders of classes"] = stray
    left_out["folders without a picture"] = sorted(
        entry.name
        for entry in path.iterdir()
        if entry.is_dir() and not _hidden(Path(entry.name)) and entry.name not in sizes
    )
    return inside, sorted(sizes)


def _walked(path: Path) -> tuple[list[Path], int]:
    """Files below a folder, links to folders followed, and how many links lead nowhere.

    Subsets of ImageNet are often folders of such links.
    """
    files: list[Path] = []
    broken = 0
    for root, folders, names in os.walk(path, followlinks=True):
        above = {os.path.realpath(one) for one in (Path(root), *Path(root).parents)}
        # A link to a folder above would be walked forever.
        folders[:] = [
            one
            for one in folders
            if not (Path(root, one).is_symlink() and os.path.realpath(Path(root, one)) in above)
        ]
        held = [Path(root, name) for name in names]
        files += [one for one in held if one.is_file()]
        broken += sum(one.is_symlink() and not one.exists() for one in held)
    return sorted(files), broken


def _splits(names: Iterable[str]) -> list[str]:
    """Which of the folders are splits: called train, or alike but for that (seg_train, seg_test).

    Examples
    --------
    >>> _splits(["training_set", "test_set"]), _splits(["cat", "train"]), _splits(["train"])
    (['training_set', 'test_set'], [], ['train'])
    """
    named = list(names)
    rests: dict[str, list[str]] = {}
    for name in named:
        words = re.findall(r"[^\W\d_]+", name.lower())
        if any(word in SPLITS for word in words):
            rest = " ".join(word for word in words if word not in SPLITS)
            rests.setdefault(rest, []).append(name)
    plain = [name for name in named if name.lower() in SPLITS]
    alike = [name for group in rests.values() if len(group) > 1 for name in group]
    return alike or (plain if len(plain) == len(named) else [])


def _stems(spec: str, word: str, relative: Sequence[Path]) -> list[str]:
    if word != "stem":
        msg = (
            f"DATA {spec!r}: ids={word!r} is unknown for a folder of pictures; write 'stem' (class "
            "folder and file name without its ending) or 'position'."
        )
        raise SpecError(msg)
    return [part.with_suffix("").as_posix() for part in relative]


def _unreadable(
    spec: str, files: Sequence[Path], size: int | None, bits: int | None, first: str
) -> str:
    """What is said of the first picture that cannot be read, and how many others cannot."""
    bad = []
    for file in files[:SCANNED]:
        try:
            decode(file, str(file), size, bits=bits)
        except SpecError:
            bad.append(file.name)
    among = (
        f"the first {SCANNED:,} of {len(files):,}" if len(files) > SCANNED else f"{len(files):,}"
    )
    named = ", ".join(bad[:5]) + ", …" * (len(bad) > 5)
    return f"DATA {spec!r}: {first} Of {among} pictures {len(bad)} cannot be used: {named}."
