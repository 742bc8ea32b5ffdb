"""`zoo`: many networks captured and analyzed alike, as one job."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toposcope.cli.common import (
    EXIT_FAILURES,
    columns,
    command,
    exits,
    json_option,
    printable,
    show,
)
from toposcope.cli.design_options import DesignCommand, take_design
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text

if TYPE_CHECKING:
    from toposcope.analysis.zoo import Zoo

ZOO_HELP = """\b
MODELS.toml, one table per network:
    [[model]]
    name = "depth 20, seed 0"
    model = "py:examples.cifar_resnet:resnet20"
    weights = "r20_seed0.safetensors"   # beside the file; a glob or a folder makes a SERIES
    layers = "blocks"                   # optional, as for capture
    covariates = {depth = 20, seed = 0} # optional: columns of population.csv
"""


@command(
    "toposcope zoo models.toml npz:cifar10.npz -n 2000 -o runs/zoo\n"
    "toposcope zoo models.toml sklearn:digits --points 100 --replicates 8 -o runs/zoo\n"
    "toposcope zoo models.toml sklearn:digits -o runs/zoo --dry-run\n"
    "toposcope report runs/zoo -o zoo.html\n"
    "toposcope compare runs/zoo --by depth --configuration depth",
    cls=DesignCommand,
)
@click.argument("models", metavar="MODELS.toml", type=Place())
@click.argument("data")
@click.option(
    "-o",
    "--out",
    "store",
    type=Place(urls=True),
    required=True,
    help="Folder or URL of all networks; an interrupted call goes on there, new models are added.",
)
@click.option("-n", "n", type=click.IntRange(min=1), help="Samples, stratified; default: all.")
@click.option(
    "--samples-per-class", "each", type=click.IntRange(min=1), help="Of each class, instead of -n."
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="How activations are kept.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@workers_options()
@click.option("--dry-run", is_flag=True, help="List the networks and how far they are; do nothing.")
@json_option
@click.pass_context
def zoo(
    ctx: click.Context,
    /,
    models: Path,
    data: str,
    store: Path,
    each: int | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Capture and analyze every network of MODELS.toml on the same samples of DATA."""
    failures = 0
    with exits(ctx, resume=True):
        from toposcope.analysis.zoo import zoo as do_zoo
        from toposcope.execution.progress import bars

        seed = options["seed"]
        design = take_design(options)
        if dry_run:
            _planned(models, store, as_json)
            return
        made = do_zoo(
            models,
            data,
            store=store,
            per_class=each,
            analysis=design,
            seed=seed,
            progress=bars(),
            **options,
        )
        failures = len(made.failures)
        done = sum(one.state == "done" for one in made.networks)
        text = (
            f"{done} of {len(made.networks)} networks on the same samples in {place_text(store)}\n"
            f"{zoo_text(made)}\n"
            f"next: toposcope report {shlex.quote(place_text(store))} -o zoo.html"
        )
        show(_value(made), as_json, text)
        for one in made.failures:
            told = one.reason or f"{one.failed_tasks} tasks of the analysis have no result"
            click.echo(printable(f"failed: {one.name} ({one.state}): {told}"), err=True)
    if failures:
        ctx.exit(EXIT_FAILURES)


def zoo_text(made: Zoo) -> str:
    """How far each network is, as a table."""
    rows = [("network", "folder", "state")]
    rows += [(one.name, one.run, one.told) for one in made.networks]
    return columns(rows)


def _planned(models: Path, store: Path, as_json: bool) -> None:
    """Show what a call would do."""
    from toposcope.activations.candidates import read_candidates
    from toposcope.analysis.zoo import CALL, Network, Zoo, covariate_columns, open_zoo

    candidates = read_candidates(models, call=CALL)
    known = covariate_columns(candidates)
    before = open_zoo(store)
    there = {} if before is None else {one.name: one for one in before.networks}
    planned = Zoo(
        store, tuple(there.get(one.name, Network(one.name, one.folder)) for one in candidates)
    )
    todo = sum(one.state != "done" for one in planned.networks)
    told = f"covariates: {', '.join(known)}" if known else "no covariates"
    text = f"{todo} of {len(candidates)} networks to do; {told}\n{zoo_text(planned)}"
    show({"to_do": todo, "covariates": list(known), **_value(planned)}, as_json, text)


def _value(made: Zoo) -> dict[str, Any]:
    return {"zoo": place_text(made.path), "networks": [asdict(one) for one in made.networks]}


zoo.help = f"{zoo.help}\n\n{ZOO_HELP}"
