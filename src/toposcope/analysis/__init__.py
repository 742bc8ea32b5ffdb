"""`analyze`: from a RUN to the numbers of every layer.

Importing the room registers the filtrations, so that a design can name one.
"""

from toposcope.analysis import filtrations

__all__ = ["filtrations"]
