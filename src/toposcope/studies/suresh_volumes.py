"""Feature volumes of what studies of Suresh et al. look at: which layers have them, and who not."""

from __future__ import annotations

from collections.abc import Sequence

from toposcope.errors import UsageError
from toposcope.studies.materials import Subject

LAYERS = 3
"""Fewer layers with volumes make no curve over depth."""


def volume_layers(subject: Subject) -> list[str]:
    """Layers that kept more than one place of (channels, height, width) maps, in order."""
    acts = subject.open()
    shapes = {name: acts[name].shape for name in acts.layers}
    return [name for name, one in shapes.items() if len(one) == 4 and one[2] * one[3] > 1]


def refuse_without_volumes(study: str, subjects: Sequence[Subject]) -> None:
    """Every network needs feature volumes.

    Raises
    ------
    UsageError
        With the shapes of its layers, and how to capture it.
    """
    for subject in subjects:
        have = volume_layers(subject)
        if len(have) < LAYERS:
            acts = subject.open()
            shapes = ", ".join(f"{name} {acts[name].shape[1:]}" for name in acts.layers[:3])
            msg = (
                f"study {study}: {subject.network!r} has {len(have)} layers with feature maps "
                f"(channels, height, width), {LAYERS} or more are needed; its layers are {shapes}. "
                "Capture it again with its maps: toposcope capture MODEL DATA --pool volume -o RUN."
            )
            raise UsageError(msg)
