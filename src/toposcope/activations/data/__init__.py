"""DATA arguments: samples that can be read by position, from arrays, files, folders and hubs."""

from toposcope.activations.data.load import load_data
from toposcope.activations.data.source import DataSource

__all__ = ["DataSource", "load_data"]
