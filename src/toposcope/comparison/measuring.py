"""The values of a comparison: tasks of clouds, or the Betti numbers of volumes, by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toposcope import homology
from toposcope.comparison.layer_pairs import BETTI_NUMBERS, measure_pairs
from toposcope.comparison.networks import Network
from toposcope.comparison.pair_values import PairValues, over_classes, read_values
from toposcope.comparison.plan import plan_tasks
from toposcope.comparison.tables import (
    Part,
)
from toposcope.comparison.volume_values import (
    volume_values,
    volumes_over_classes,
)
from toposcope.errors import UsageError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.execution.workbook import Workbook
from toposcope.store.objects import objects_in


def measure_parts(
    networks: Sequence[Network],
    folder: Path,
    diagram: Sequence[str],
    paired: Sequence[str],
    degrees: Sequence[int],
    *,
    jobs: Jobs,
    progress: Progress | None,
) -> tuple[dict[str, Part], list[dict[str, Any]]]:
    """All values by class ("": pooled, or all classes together), and the tasks that failed."""
    classes = _classes(networks)
    inside = {label: [net.classes[label] for net in networks] for label in classes}
    inside = inside or {"": list(networks)}
    values: dict[str, PairValues] = {}
    failures: list[dict[str, Any]] = []
    if list(diagram) == [BETTI_NUMBERS]:
        counted = {label: volume_values(nets, degrees) for label, nets in inside.items()}
        values = {**counted}
        combined: PairValues = values.get("") or volumes_over_classes(list(counted.values()))
    else:
        planned = {
            label: plan_tasks(
                nets,
                folder,
                measures=diagram,
                paired_measures=paired,
                homology_dimensions=degrees,
            )
            for label, nets in inside.items()
        }
        workbook = Workbook(objects_in(folder), ".json", again="compare again")
        if diagram:
            homology.warm_up(load=False)
        tasks = [task for made, _ in planned.values() for task in made]
        (inputs, *_) = (inputs for _, inputs in planned.values())
        workbook.run(measure_pairs, tasks, inputs, jobs=jobs, progress=progress, title="compare")
        replicates = len(networks[0].draws)
        values = {
            label: read_values(workbook, made, replicates) for label, (made, _) in planned.items()
        }
        failures = [asdict(failure) for _, failure in workbook.failures(tasks)]
        combined = values.get("") or over_classes(list(values.values()))
    parts: dict[str, Part] = {"": (networks, combined)}
    for label in classes:
        parts[label] = inside[label], values[label]
    return parts, failures


def _classes(networks: Sequence[Network]) -> list[str]:
    """Classes that all networks have draws of; none where draws are of pooled classes."""
    shared = [
        label for label in networks[0].classes if all(label in net.classes for net in networks)
    ]
    if any(net.classes for net in networks) and not shared:
        has = "; ".join(f"{net.name!r}: {', '.join(net.classes) or 'pooled'}" for net in networks)
        msg = f"compare(): draws were taken inside classes, and no class is in all of them ({has})."
        raise UsageError(msg[:600])
    return shared
