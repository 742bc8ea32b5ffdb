"""What networks have in common beyond chance, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toposcope.words.formats import number


def calibration_sentence(entry: Mapping[str, Any], name: str, alpha: float) -> str:
    """The best match of two networks after the search for it.

    Examples
    --------
    >>> entry = {
    ...     "network_a": "r20", "network_b": "vgg", "layers_a": ["stem", "head"],
    ...     "layers_b": ["fc"], "best_a": "head", "best_b": "fc", "best_effect": 0.61,
    ...     "best_pvalue": 0.001, "adjusted": [[0.4], [0.001]], "shuffles": 999,
    ... }
    >>> text = calibration_sentence(entry, "CKA", 0.05)
    >>> text.partition(": ")[0]
    'r20 and vgg, CKA against 999 shuffles of the samples'
    """
    who = f"{entry['network_a']} and {entry['network_b']}, {name}"
    if "reason" in entry:
        return f"{who}: nothing to shuffle, since {entry['reason']}"
    adjusted = [p for row in entry["adjusted"] for p in row]
    related = sum(p <= alpha for p in adjusted)
    text = (
        f"{who} against {entry['shuffles']:,} shuffles of the samples: "
        f"{related or 'none'} of {len(adjusted)} pairs of layers are related (adjusted p ≤ "
        f"{alpha:.2g} for all pairs searched)."
    )
    if entry["best_pvalue"] > alpha:
        return (
            f"{text} The best match, {entry['best_a']} and {entry['best_b']}, is what a search "
            f"among unrelated networks finds too (p = {entry['best_pvalue']:.2g})."
        )
    return (
        f"{text} The best match is {entry['best_a']} of {entry['network_a']} and "
        f"{entry['best_b']} of {entry['network_b']}: {number(entry['best_effect'], 2)} of the way "
        f"from the best match of unrelated networks to equal layers (p = "
        f"{entry['best_pvalue']:.2g})."
    )
