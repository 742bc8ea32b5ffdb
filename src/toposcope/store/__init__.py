"""RUN folders and everything else on disk: placed whole, hashed, read strictly."""

from toposcope.store.arrays import from_arrays, save_arrays
from toposcope.store.batches import save_batches
from toposcope.store.runs import Run, open_run, twin_of, twins_of
from toposcope.store.samples import Samples
from toposcope.store.series import Series, open_series

__all__ = [
    "Run",
    "Samples",
    "Series",
    "from_arrays",
    "open_run",
    "open_series",
    "save_arrays",
    "save_batches",
    "twin_of",
    "twins_of",
]
