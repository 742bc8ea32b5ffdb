"""What could be captured of a network, and what a selection would take: `toposcope layers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from toposcope.activations.batches import Feed, find_device
from toposcope.activations.capture_plan import probe
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import sample
from toposcope.activations.layers import as_patterns, select_layers
from toposcope.activations.models.load import load_model
from toposcope.activations.repeated_blocks import LayerInfo

PROBE_SAMPLES = 2


def describe_layers(
    model: Any,
    data: Any,
    *,
    layers: str | Sequence[str] = "blocks",
    weights: Path | str | None = None,
) -> list[LayerInfo]:
    """Every module call of a network in network order, `selected` where `layers` would take it.

    Parameters
    ----------
    model, data, weights
        As in `capture`; two samples of the data are run.
    layers
        As in `capture`. An unknown name raises `LayerNotFoundError` with near matches.
    """
    loaded = load_model(model, weights)
    source = load_data(data)
    feed = Feed(loaded, source, sample(source), PROBE_SAMPLES, find_device("cpu"))
    _, inputs = feed.batch(0, min(PROBE_SAMPLES, len(source)))
    rows = probe(loaded, inputs).rows
    layers = as_patterns(layers)
    if layers == "blocks":
        # Where nothing repeats the list is what its reader needs to choose by name.
        chosen = {row.address for row in rows if row.selected}
    else:
        chosen = {row.address for row in select_layers(loaded.model, rows, layers)}
    reasons = {row.address: row.why for row in rows if row.selected}
    pattern = layers if isinstance(layers, str) else ", ".join(layers)
    return [
        replace(row, selected=True, why=reasons.get(row.address) or f"matches {pattern}")
        if row.address in chosen
        else replace(row, selected=False, why="" if row.selected else row.why)
        for row in rows
        # Hundreds of heads would bury the modules: they are listed when they are asked for.
        if row.head is None or row.address in chosen
    ]
