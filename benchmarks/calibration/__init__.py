"""Worlds in which a sentence or an interval of toposcope is false, and in which it is true.

One file per family of sentences. `python -m benchmarks.calibration` (`make calibrate`) simulates
every claim through the whole path a user takes and writes the tables of docs/statistics.md.
"""
