"""MODEL arguments: networks of code, folders and hubs, with their weights and preprocessing."""

from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel

__all__ = ["LoadedModel", "load_model"]
