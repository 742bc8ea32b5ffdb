"""How much memory there is, and the refusal of what would not fit in it, before it is taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from toposcope.errors import UsageError

# Reading the limits takes 0.1 ms: below this much, nothing is asked.
_ALWAYS = 64 << 20


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process can take: what machine, container and its own limits leave.

    Parameters
    ----------
    root
        Where /proc and /sys are.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    rooms = [_of_machine(root), *_of_groups(root), *_of_process(root)]
    return max(0, min(rooms))


def refuse_beyond_memory(
    n: int,
    needs: Callable[[int], float],
    *,
    call: str,
    advice: str,
    of: str = "points",
) -> None:
    """Refuse work on `n` of something whose arrays would not fit.

    Parameters
    ----------
    n
        How many there are.
    needs
        Bytes that so many take at the peak, growing with their number.
    call
        Name of the caller, for the message.
    advice
        What to type; "{most}" stands for the largest number that fits.
    of
        What is counted.

    Raises
    ------
    UsageError
        With what is needed, what there is, and the largest number that fits.
    """
    needed = needs(n)
    if needed <= _ALWAYS:
        return
    room = available_memory()
    if needed <= room:
        return
    low, high = 0, n  # `low` fits, `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needs(middle) <= room else (low, middle)
    msg = (
        f"{call}: {n:,} {of} need about {gib(needed)} of memory; {gib(room)} are available, "
        f"enough for {low:,}. {advice.replace('{most}', str(low))}"
    )
    raise UsageError(msg)


def gib(size: float) -> str:
    """Bytes as people read them.

    >>> gib(3 * 2**29), gib(2**20)
    ('1.5 GiB', '0.001 GiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 / 20 else f"{size / 2**30:.1g} GiB"


def _of_machine(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _of_groups(root: Path) -> list[int]:
    """What is left in each control group that the process is in: the limits of containers."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    rooms = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if not kinds:  # version 2
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = base / path.lstrip("/")
        # Inside a container the group's own folder may not be there: its files are at the top.
        for place in (folder, *folder.parents):
            room = _left(place, *names)
            if room is not None:
                rooms.append(room)
            if place == base:
                break
    return rooms


def _left(folder: Path, limit: str, used: str) -> int | None:
    """Limit less use, pages of files that can be dropped not counted; None without a limit."""
    try:
        most = (folder / limit).read_text().strip()
        if not most.isdigit():  # "max"
            return None
        taken = int((folder / used).read_text())
    except (OSError, ValueError):
        return None
    try:
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(("inactive_file ", "total_inactive_file ")):
                taken -= int(line.split()[1])
                break
    except OSError:
        pass
    return int(most) - taken


def _of_process(root: Path) -> list[int]:
    """What the limits of the process leave: `ulimit -v`, `ulimit -d`."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    rooms = []
    try:
        pages = (root / "proc/self/statm").read_text().split()
        in_use = {resource.RLIMIT_AS: int(pages[0]), resource.RLIMIT_DATA: int(pages[5])}
    except (OSError, IndexError, ValueError):
        in_use = {resource.RLIMIT_AS: 0, resource.RLIMIT_DATA: 0}
    for kind, size in in_use.items():
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            rooms.append(limit - size * os.sysconf("SC_PAGE_SIZE"))
    return rooms
