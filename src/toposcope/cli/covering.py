"""`landmarks`: some samples that stand for all of every layer, and the bound that this implies."""

from __future__ import annotations

from pathlib import Path

import click

from toposcope.cli.common import Choice, command, exits, json_option, show
from toposcope.cli.design_options import parse_dimensions
from toposcope.cli.places import Place


@command(
    "toposcope landmarks runs/r20\n"
    "toposcope landmarks runs/million --points 300 --rule random\n"
    "toposcope landmarks runs/r20 --points 200 --homology 0"
)
@click.argument("run", metavar="RUN", type=Place(urls=True))
@click.option(
    "--points",
    type=click.IntRange(min=2),
    default=500,
    show_default=True,
    help="Landmarks a layer.",
)
@click.option(
    "--rule",
    type=Choice(("farthest", "random")),
    default="farthest",
    show_default=True,
    help="Each the farthest from those before it, or drawn: one pass, a larger radius.",
)
@click.option(
    "--homology",
    "homology_dimensions",
    default="0,1",
    show_default=True,
    callback=parse_dimensions,
    help="Degrees, with commas.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of random.")
@json_option
@click.pass_context
def landmarks(
    ctx: click.Context,
    run: Path,
    points: int,
    rule: str,
    homology_dimensions: tuple[int, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Choose landmarks of every layer of RUN, with covering radius and bottleneck bound.

    They are kept in RUN, and `info` and `report` show them.
    """
    with exits(ctx):
        from toposcope.analysis.covering import landmarks as choose
        from toposcope.execution.progress import bars
        from toposcope.words.covering import cover_sentences

        found = choose(
            run,
            points=points,
            rule=rule,
            homology_dimensions=homology_dimensions,
            seed=seed,
            progress=bars(),
        )
        rows = found.table.to_dict("records")
        show({"rule": rule, "layers": rows}, as_json, "\n".join(cover_sentences(found)))
