"""Persistence diagrams of clouds: their numbers, distances, landscapes and vectors.

`of_clouds` computes them for a `CloudSet`; everything else takes (n, 2) pairs.
"""

from toposcope.diagrams import distances, interchange, landscapes, summaries, vectorize
from toposcope.diagrams.of_clouds import rips
from toposcope.diagrams.summaries import summarize

__all__ = [
    "distances",
    "interchange",
    "landscapes",
    "rips",
    "summaries",
    "summarize",
    "vectorize",
]
