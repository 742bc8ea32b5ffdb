"""Draw the rooms of toposcope and their imports, and count them.

    python docs/house.py [PACKAGE_FOLDER] [-o DRAWING.svg]

A room is a top-level module or package, an arrow an import of one by another, a circle a loop of
imports between files. A room stands one floor above all that it imports. Needs grimp, which comes
with the development tools, and matplotlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

Arrows = Mapping[str, set[str]]


def main() -> None:
    """Print the counts; draw when asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[1] / "src" / "toposcope"
    parser.add_argument("package", type=Path, nargs="?", default=here)
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    files = imports(options.package)
    rooms = between_rooms(files, options.package.name)
    floors = floors_of(rooms)
    loops = circles(files)
    print(
        f"{len(rooms)} rooms on {max(floors.values(), default=0)} floors, "
        f"{sum(map(len, rooms.values()))} arrows, {len(loops)} circles"
    )
    for loop in loops:
        print("  circle:", ", ".join(sorted(loop)))
    if options.out:
        draw(rooms, floors, options.out)


def imports(package: Path) -> Arrows:
    """Which module imports which, inside a package that is not imported for it."""
    import grimp

    sys.path.insert(0, str(package.resolve().parent))
    graph = grimp.build_graph(package.name, cache_dir=None)
    return {one: set(graph.find_modules_directly_imported_by(one)) for one in graph.modules}


def between_rooms(files: Arrows, package: str) -> Arrows:
    """Arrows between top-level modules and packages; the package's own face is no room.

    >>> between_rooms({"p.a.x": {"p.b", "p.a.y"}, "p.a.y": set(), "p.b": set()}, "p")
    {'a': {'b'}, 'b': set()}
    """
    rooms: dict[str, set[str]] = {}
    for file, imported in files.items():
        if file == package:
            continue
        room = file.split(".")[1]
        others = {other.split(".")[1] for other in imported if other != package}
        rooms.setdefault(room, set()).update(others - {room})
    return dict(sorted(rooms.items()))


def floors_of(rooms: Arrows) -> dict[str, int]:
    """Floor of each room, 1 for those that import none; a circle shares one floor.

    >>> floors_of({"a": {"b"}, "b": set(), "c": {"a", "b"}})
    {'a': 2, 'b': 1, 'c': 3}
    """
    loops = {room: loop for loop in circles(rooms) for room in loop}
    floors: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in floors:
            own = loops.get(room, {room})
            below = {other for member in own for other in rooms[member]} - own
            height = 1 + max((floor(other) for other in below), default=0)
            floors.update(dict.fromkeys(own, height))
        return floors[room]

    return {room: floor(room) for room in rooms}


def circles(arrows: Arrows) -> list[set[str]]:
    """Strongly connected parts of more than one node.

    >>> circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == [{"a", "b"}]
    True
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = list(arrows)
    place = {name: i for i, name in enumerate(names)}
    ends = [(place[a], place[b]) for a, others in arrows.items() for b in others if b in place]
    rows, columns = zip(*ends, strict=True) if ends else ((), ())
    graph = coo_array(([True] * len(ends), (rows, columns)), shape=(len(names), len(names)))
    _, labels = connected_components(graph, connection="strong")
    members: dict[int, set[str]] = {}
    for name, label in zip(names, labels, strict=True):
        members.setdefault(int(label), set()).add(name)
    return [loop for loop in members.values() if len(loop) > 1]


def draw(rooms: Arrows, floors: Mapping[str, int], out: Path) -> None:
    """Rooms as boxes on their floors, arrows between them: down in gray, level or up in red."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "house"
    shelves: dict[int, list[str]] = {}
    for room, floor in floors.items():
        shelves.setdefault(floor, []).append(room)
    width = max(map(len, shelves.values()))
    places = {
        room: ((i + 0.5) * width / len(shelf), floor)
        for floor, shelf in shelves.items()
        for i, room in enumerate(_ordered(shelf, rooms))
    }
    figure = Figure(figsize=(max(7.0, 1.35 * width), 0.75 * len(shelves) + 0.4))
    axes = figure.add_axes((0, 0, 1, 1))
    for room, others in rooms.items():
        for other in others:
            color = "#8a93a3" if floors[other] < floors[room] else "#c23b22"
            axes.annotate(
                "",
                xy=places[other],
                xytext=places[room],
                arrowprops={"arrowstyle": "-", "color": color, "lw": 0.6, "alpha": 0.55},
            )
    for room, place in places.items():
        box = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": "#30405a", "lw": 0.9}
        axes.text(*place, room, ha="center", va="center", fontsize=9, bbox=box)
    axes.set(xlim=(0, width), ylim=(0.4, max(shelves) + 0.6))
    axes.axis("off")
    figure.savefig(out, metadata={"Date": None})


def _ordered(shelf: Iterable[str], rooms: Arrows) -> list[str]:
    """Rooms of a floor, those with most arrows in the middle."""
    weight = {
        room: len(rooms[room]) + sum(room in others for others in rooms.values()) for room in shelf
    }
    row: list[str] = []
    for i, room in enumerate(sorted(weight, key=lambda name: (-weight[name], name))):
        row.insert(0 if i % 2 else len(row), room)
    return row


if __name__ == "__main__":
    main()
