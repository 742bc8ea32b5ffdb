"""Point clouds of a layer: disjoint draws, normalization, kinds of points, null clouds."""

from toposcope.pointclouds import datasets, nulls
from toposcope.pointclouds.cloudset import CloudSet, clouds
from toposcope.pointclouds.draws import Draw, draw_rows
from toposcope.pointclouds.kinds import POINT_KINDS
from toposcope.pointclouds.normalize import NORMALIZATIONS, Normalizer, estimate_normalizer

__all__ = [
    "NORMALIZATIONS",
    "POINT_KINDS",
    "CloudSet",
    "Draw",
    "Normalizer",
    "clouds",
    "datasets",
    "draw_rows",
    "estimate_normalizer",
    "nulls",
]
