"""DATA arguments that name a file: its path and options, its hash, and what is wrong with it.

Files are untrusted: whatever is damaged becomes a `SpecError` that names the file and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from toposcope.errors import SpecError
from toposcope.inputs.limits import refuse_bomb, refuse_larger, refuse_long
from toposcope.types import near_matches

SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval")
"""Words of file names that say which split it is and not of which data."""
VAGUE = frozenset(
    (
        *("array", "arrays", "data", "dataset", "features", "file", "files", "full", "image"),
        *("images", "img", "imgs", "input", "inputs", "jpeg", "jpg", "lossless", "of", "part"),
        *("png", "raw", "samples", "sentences", "small", "subset", "text", "texts", "x", "xy"),
    )
)
"""Words of file names that fit any data."""
PACKED = (".gz", ".bz2", ".zst", ".lz4", ".br")
"""Endings of files that are unpacked while they are read."""
DEEPEST = 3
"""Folders in a name at most, the file counted."""


def split_of(path: Path) -> tuple[str, str]:
    """Name of the data in a file or folder, and of its split, "" when its name tells none.

    A name that fits any data (`train.npz`, `images_224_jpeg.npz`) is completed by that of its
    folder, so that two data sets never share sample ids; every reader of files asks here.

    Examples
    --------
    >>> split_of(Path("data/trec/test.jsonl.gz")), split_of(Path("reviews.csv"))
    (('trec/test', 'test'), ('reviews', ''))
    >>> split_of(Path("cifar10/data/train_4000.npz"))
    ('cifar10/data/train_4000', 'train')
    """
    place = path.resolve()
    parts = [place.name if place.is_dir() else place.name.partition(".")[0]]
    splits = [word for word in _words(parts[0]) if word in SPLITS]
    for folder in place.parents:
        if len(parts) == DEEPEST or not folder.name or not _is_vague(parts[0]):
            break
        parts.insert(0, folder.name)
    known = splits[0] if len(splits) == 1 and _is_vague(parts[-1]) else ""
    return "/".join(parts), known


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", name.lower())


def _is_vague(name: str) -> bool:
    return all(word in SPLITS or word in VAGUE for word in _words(name))


def file_hash(path: Path) -> str:
    """Hash of a file's bytes, read in pieces."""
    import xxhash

    digest = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 22):
            digest.update(piece)
    return "file:" + digest.hexdigest()


def expanded(name: Path | str) -> Path:
    """A path with the home folder for `~`; one of a user who does not exist stays as it is."""
    try:
        place = Path(name).expanduser()
    except RuntimeError:
        place = Path(name)
    refuse_long(place, what="a file or folder that was named")
    return place


def refuse_unpacked(path: Path, spec: str) -> None:
    """Refuse a compressed file that unpacks to very much more than it is, by unpacking it once.

    Nothing is kept of it meanwhile; files that are not compressed are not read.
    """
    if path.suffix.lower() not in PACKED:
        return
    import pyarrow as pa

    packed, unpacked = path.stat().st_size, 0
    with pa.input_stream(str(path), compression="detect") as stream:
        while block := stream.read(1 << 22):
            unpacked += len(block)
            refuse_bomb(packed, unpacked, what=f"DATA {spec!r}: {path}")
            refuse_larger(unpacked, "TABLE", what=f"DATA {spec!r}: {path}")


def split_spec(spec: str, allowed: tuple[str, ...]) -> tuple[Path, dict[str, str]]:
    """File and options of `kind:FILE#key=value,key=value`."""
    body = spec.partition(":")[2]
    name, _, tail = body.partition("#")
    if tail and expanded(body).exists():  # the sign is in the name of the file
        name, tail = body, ""
    options: dict[str, str] = {}
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        if not equals or key not in allowed:
            msg = f"DATA {spec!r}: option {part!r} cannot be understood; accepted: " + ", ".join(
                f"{key}=…" for key in allowed
            )
            raise SpecError(msg)
        options[key] = value
    path = expanded(name)
    if "\0" in name or not path.exists():
        beside = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        msg = f"DATA {spec!r}: there is no {path}. " + near_matches(path.name, beside)
        raise SpecError(msg)
    return path, options


def pick_key(
    members: Collection[str],
    options: Mapping[str, str],
    option: str,
    usual: tuple[str, ...],
    spec: str,
    *,
    needed: bool,
    what: str = "array",
) -> str | None:
    """The member an option names, or the first usual name that is there.

    Parameters
    ----------
    members
        Names in the file.
    options, option
        Options of the DATA argument, and the one that names a member; `y=` (nothing behind the
        sign) names none.
    usual
        Names to look for when the option is absent, in whatever case.
    spec, what
        The DATA argument and what its members are, for messages.
    needed
        Whether finding nothing is an error.

    Examples
    --------
    >>> pick_key({"x", "label"}, {}, "y", ("label", "y"), "npz:f", needed=False)
    'label'
    """
    asked = options.get(option)
    if asked == "" and not needed:
        return None
    if asked is not None:
        if asked in members:
            return asked
        msg = f"DATA {spec!r}: no {what} {asked!r} in the file. " + near_matches(
            asked, sorted(members)
        )
        raise SpecError(msg)
    usual_key = usual_name(members, usual)
    if usual_key is None and needed:
        msg = (
            f"DATA {spec!r}: none of the {what}s {', '.join(usual)} is in the file; it has "
            f"{', '.join(sorted(members)) or 'nothing'}. Name one: {spec.partition('#')[0]}#x=KEY."
        )
        raise SpecError(msg)
    return usual_key


def usual_name(members: Collection[str], usual: tuple[str, ...]) -> str | None:
    """The first usual name that is there, as it is written there; None where none is.

    Examples
    --------
    >>> usual_name(["f", "Label"], ("label", "y")), usual_name(["Y", "y"], ("y",))
    ('Label', 'y')
    """
    for key in usual:
        if key in members:
            return key
        same = sorted(one for one in members if one.strip().lower() == key)
        if same:
            return same[0]
    return None


def no_labels(spec: str) -> str:
    """What to type to read a DATA argument without its labels.

    Examples
    --------
    >>> no_labels("csv:a.csv#x=u"), no_labels("npz:b.npz#y=kind")
    ('write csv:a.csv#x=u,y=', 'write npz:b.npz#y=')
    """
    start, _, tail = spec.partition("#")
    kept = [part for part in tail.split(",") if part and not part.startswith("y=")]
    return f"write {start}#{','.join([*kept, 'y='])}"


def damaged(spec: str, path: Path, error: Exception) -> SpecError:
    """The error of a file that cannot be read, with the reason on one line."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "allow_pickle" in reason or "Python objects" in reason:
        reason = "it holds pickled Python objects, which are refused because reading them runs code"
    return SpecError(f"DATA {spec!r}: {path} cannot be read: {reason}.")
