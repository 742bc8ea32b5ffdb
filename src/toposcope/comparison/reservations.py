"""What a comparison says of its networks: who they are, and what to know before concluding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from toposcope.comparison.networks import PAIRED, Network, of_volumes, relation
from toposcope.comparison.opened import design_of
from toposcope.inputs.urls import place_text


def identity(network: Network) -> dict[str, Any]:
    """Who a network is, as it is stored with a comparison."""
    attrs = network.attrs
    return {
        "name": network.name,
        "model": str(attrs.get("model") or ""),
        "data": str(attrs.get("data") or ""),
        "data_name": str(attrs.get("data_name") or ""),
        "pool": _words(attrs.get("pool")),
        "step": attrs.get("step"),
        "top1": attrs.get("top1"),
        "n": network.activations.n,
        "layers": len(network.layers),
        "run": None if network.activations.run is None else place_text(network.activations.run),
        "analysis": None if network.analysis is None else network.analysis.attrs.get("analysis"),
        "command": str(attrs.get("command") or ""),
    }


def reservations(networks: Sequence[Network], equalized: bool) -> list[str]:
    """What a reader has to know of the networks before anything is concluded."""
    out = []
    if equalized:
        counts = ", ".join(f"{net.activations.n:,} in {net.name}" for net in networks)
        out.append(f"equalized: one design, on the samples that all networks share ({counts})")
    for name in ("pool", "data"):
        values = {_words(net.attrs.get(name)) for net in networks}
        if len(values) > 1:
            out.append(
                f"the networks differ in {name} as well: {' against '.join(sorted(values))}"[:400]
            )
    analyses = [net.analysis for net in networks if net.analysis is not None]
    out += _left_out(networks)
    out += [
        f"{first.name} and {second.name} saw other samples, and their scales come from samples "
        "beyond the draws: p-values are too small. Capture points x replicates samples (-n), or "
        "draw all of them"
        for first, second in combinations(networks, 2)
        if relation(first, second) != PAIRED and _loose_scale(first, second)
    ]
    inherited = (str(w) for one in analyses for w in one.attrs.get("warnings") or ())
    return [*out, *dict.fromkeys(inherited)]


def _left_out(networks: Sequence[Network]) -> list[str]:
    """Degrees and classes that only some networks have: they are not compared."""
    out = []
    degrees = [
        set(design_of(net.analysis).homology_dimensions)
        for net in networks
        if net.analysis is not None and not of_volumes(design_of(net.analysis))
    ]
    kinds: list[tuple[str, list[set[str]]]] = [
        ("H", [{str(k) for k in one} for one in degrees]),
        ("class ", [set(net.classes) for net in networks]),
    ]
    for kind, sets in kinds:
        if not sets:
            continue
        for name in sorted(set().union(*sets) - sets[0].intersection(*sets)):
            has = [net.name for net, one in zip(networks, sets, strict=True) if name in one]
            out.append(f"{kind}{name} is in {', '.join(has)} only and is left out")
    return out


def _loose_scale(*networks: Network) -> bool:
    """Whether the scale of a layer errs independently of its draws, and not much less than they."""
    drawn = [sum(len(rows) for rows in net.draws) for net in networks]
    return any(
        count > 1000 and net.activations.n > 1.5 * count
        for net, count in zip(networks, drawn, strict=True)
        if net.analysis is not None and net.analysis.attrs["normalize"] != "none"
    )


def _words(value: Any) -> str:
    """A pool or a data set in words; pools may be given per layer."""
    kinds = value.values() if isinstance(value, Mapping) else [value or "as given"]
    return ", ".join(sorted({str(kind) for kind in kinds}))
