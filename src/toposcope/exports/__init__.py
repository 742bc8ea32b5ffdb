"""What a RUN holds, in the formats of other tools; every one of them is opened by its own library.

`export(RUN, to="zarr", out="run.zarr")` writes one; see `FORMATS`.
"""

from toposcope.exports.formats import FORMATS, export

__all__ = ["FORMATS", "export"]
