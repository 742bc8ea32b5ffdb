"""`export`: a RUN in the formats of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from toposcope.cli.common import Choice, command, exits, json_option, show
from toposcope.cli.places import Place
from toposcope.inputs.urls import place_text

FORMATS = ("csv", "npz", "zarr", "anndata", "hf-dataset", "embedding-atlas", "virtual-zarr")


@command(
    "toposcope export runs/r20 --to csv -o numbers\n"
    "toposcope export runs/r20 --to npz -o r20.npz\n"
    "toposcope export runs/r20 --to zarr -o r20.zarr\n"
    "toposcope export runs/r20 --to anndata -o r20.h5ad\n"
    "toposcope export runs/r20 --to hf-dataset -o r20_dataset\n"
    "toposcope export runs/r20 --to embedding-atlas --layer layer3.2 -o layer.parquet"
)
@click.argument("run", metavar="RUN", type=Place(urls=True))
@click.option("--to", type=Choice(FORMATS), required=True, help="Format.")
@click.option("-o", "--out", type=Place(), required=True, help="File or folder to write.")
@click.option("--layer", help="embedding-atlas: the layer that is shown.  [default: the last]")
@click.option("--analysis", help="Which analysis.  [default: the last one finished]")
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    run: Path,
    to: str,
    out: Path,
    layer: str | None,
    analysis: str | None,
    as_json: bool,
) -> None:
    """Take activations, samples and numbers of RUN along into another tool."""
    with exits(ctx):
        from toposcope.exports import FORMATS as formats
        from toposcope.exports import export as write

        path = write(run, to=to, out=out, layer=layer, analysis=analysis)
        value = {"run": place_text(run), "to": to, "out": str(path)}
        show(value, as_json, f"wrote {path}\nopen it: {formats[to].opens.format(path)}")
