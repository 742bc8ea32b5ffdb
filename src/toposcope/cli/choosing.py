"""`rank`: which pre-trained model to fine-tune for a target data set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from toposcope.cli.common import (
    EXIT_FAILURES,
    command,
    exits,
    json_option,
    printable,
    show,
    this_command,
)

TOML_HELP = """\b
MODELS.toml, one table per candidate:
    [[model]]
    name = "ResNet-20"
    model = "py:examples.cifar_resnet:resnet20"
    weights = "resnet20.safetensors"    # optional, looked for beside the file
    layers = "blocks"                   # optional: what theta and tau call depth
    features = "layer3.2"               # optional: penultimate layer; default: the last of layers
    source_accuracy = 0.9178            # optional: the constant to beat
"""


@command(
    "toposcope rank models.toml --target npz:mnist.npz -o runs/ranking\n"
    "toposcope rank models.toml --target imagefolder:flowers --scores knn,logme,theta --points 200"
)
@click.argument("models", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="DATA with labels: what the model is wanted for.")
@click.option("--scores", help="Names separated by commas; default: all.")
@click.option(
    "-o",
    "--out",
    "store",
    type=click.Path(path_type=Path),
    default=Path("ranking"),
    show_default=True,
    help="Folder of captures and scores; an interrupted call continues there.",
)
@click.option("-n", "n", type=click.IntRange(min=1), help="Samples; default: points x replicates.")
@click.option("--points", type=click.IntRange(min=2), default=500, show_default=True)
@click.option(
    "--replicates",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Disjoint draws: what the intervals are over.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Images whose feature volumes theta looks at.",
)
@click.option("--threshold", type=float, default=0.0, show_default=True, help="Of theta.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(min=0), help="Worker processes; default: one per CPU.")
@json_option
@click.pass_context
def rank(
    ctx: click.Context, /, models: Path, scores: str | None, as_json: bool, **options: Any
) -> None:
    """Score pre-trained models for a target data set, with intervals, ties and constants."""
    with exits(ctx, resume=True):
        from toposcope import ranking
        from toposcope.board import render
        from toposcope.objects import read_json
        from toposcope.progress import bars

        names = None if scores is None else [name.strip() for name in scores.split(",")]
        table = ranking.rank(
            models, scores=names, progress=bars(), command=this_command(), **options
        )
        failures = table.attrs["failures"]
        stored = read_json(options["store"] / ranking.BOARD)
        text = "\n".join(
            [
                *(f"FAILED {one['model']}: {one['reason']}" for one in failures),
                render(table),
                "best first; > told apart, ~ not told apart from the one before "
                f"(paired draws, {table.attrs['level']:.0%} together per score); "
                f"± half interval over {table.attrs['replicates']} disjoint draws",
                f"next: toposcope report {shlex.quote(str(options['store']))} -o ranking.html",
            ]
        )
        show({"board": stored["rows"], **stored["attrs"]}, as_json, text)
        for one in failures:
            click.echo(printable(f"failed: {one['model']}: {one['reason']}"), err=True)
    if failures:
        sys.exit(EXIT_FAILURES)


rank.help = f"{rank.help}\n\n{TOML_HELP}"
