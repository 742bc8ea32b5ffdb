"""`compare`: two or more RUNs, layer against layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toposcope.cli.common import (
    columns,
    command,
    exit_with_failures,
    exits,
    json_option,
    names_option,
    printable,
    show,
)
from toposcope.cli.design_options import parse_dimensions


def parse_optional(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Homology dimensions, or None when not given."""
    return parse_dimensions(ctx, param, value)


@command(
    "toposcope compare runs/r20 runs/r56\n"
    "toposcope compare runs/before runs/after --measures wasserstein,cka --report change.html\n"
    "toposcope compare runs/r20 runs/vgg19 runs/vit --points 250 -o comparisons/nets\n"
    "toposcope compare runs/train runs/test --measures wasserstein,bottleneck --margin 0.25\n"
    "toposcope compare runs/seed_0 runs/seed_1 --step 390"
)
@click.argument(
    "runs", metavar="RUN|SERIES...", type=click.Path(path_type=Path), nargs=-1, required=True
)
@names_option(
    "--measures",
    help="Between diagrams: wasserstein, bottleneck, sliced_wasserstein, landscape, betti_curve. "
    "Between paired activations: cka, cka_debiased, procrustes, rsa, mutual_knn, rtd, rtd_lite … "
    "Of volumes: betti_numbers.  [default: wasserstein,cka; of volumes betti_numbers]",
)
@names_option(
    "--analysis",
    help="Which analysis to take: one for all RUNs, or one for each, repeated in their order.  "
    "[default: the newest that agree]",
)
@click.option(
    "--step", type=float, help="Checkpoint of each SERIES.  [default: the last one of each]"
)
@click.option("--test", default="permutation", show_default=True, help="permutation or none.")
@click.option(
    "--homology",
    "homology_dimensions",
    callback=parse_optional,
    help="Degrees.  [default: those analyzed]",
)
@click.option("--points", type=int, help="Points of each cloud.  [default: as analyzed, else 500]")
@click.option("--replicates", type=int, help="Disjoint draws.  [default: as analyzed, else 8]")
@click.option("--normalize", help="Scale of a layer.  [default: as analyzed, else mean_distance]")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option(
    "--margin",
    type=float,
    default=0.5,
    show_default=True,
    help="Gap that counts as equivalent, in steps between neighboring layers.",
)
@click.option("--equalize", is_flag=True, help="Analyze anew what does not agree.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(min=0), help="Worker processes; default: one per CPU.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Folder to keep it in; resumes there."
)
@click.option("--report", type=click.Path(path_type=Path), help="HTML file to write.")
@json_option
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    runs: tuple[Path, ...],
    out: Path | None,
    report: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare two or more RUNs, layer by layer, with intervals and corrected tests."""
    with exits(ctx, resume=out is not None):
        from toposcope.comparison.run import compare as run_comparison
        from toposcope.errors import UsageError
        from toposcope.execution.progress import bars
        from toposcope.words.compared import compared_text, design_of_comparison
        from toposcope.words.comparison import summarize_comparison

        if len(runs) < 2:
            msg = f"compare takes two RUNs or more; got {len(runs)}: toposcope compare RUN RUN"
            raise UsageError(msg)
        first, second, *others = runs
        measures = options.pop("measures") or None
        comparison = run_comparison(
            first, second, *others, measures=measures, store=out, progress=bars(), **options
        )
        summary = summarize_comparison(comparison)
        rows = map(_row, comparison.models.to_dict("records"))
        header = ("measure", "H", "networks", "mean [interval]", "gap [interval]", "steps", "n")
        if report is not None:
            from toposcope.reporting.comparison_page import write_comparison

            write_comparison(comparison, report)
        value = {
            "networks": list(comparison.networks),
            "design": design_of_comparison(comparison.attrs),
            "analyses": {one["name"]: one["analysis"] for one in comparison.attrs["networks"]},
            "classes": list(comparison.classes),
            "summary": summary,
            "table": None if out is None else str(out / "layers.parquet"),
            "models": None if out is None else str(out / "models.parquet"),
            "folder": None if out is None else str(out),
            "report": None if report is None else str(report),
            "tests": comparison.attrs["family"],
            "failures": [dict(failure) for failure in comparison.failures],
            "warnings": list(comparison.attrs["warnings"]),
        }
        text = "\n".join(f"- {sentence}" for sentence in summary)
        kept = (
            f"\n\nkept in {out}" if out is not None else "\n\nnot kept; pass -o FOLDER to keep it"
        )
        show(
            value,
            as_json,
            f"{compared_text(comparison.attrs)}\n\n{text}\n\n{columns([header, *rows])}{kept}",
        )
        for warning in comparison.attrs["warnings"]:
            click.echo(printable(f"warning: {warning}"), err=True)
    exit_with_failures(comparison.failures)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    degree = str(row["homology_dimension"])
    return (
        str(row["measure"]),
        degree if degree.isdigit() else "",
        f"{row['network_a']} / {row['network_b']}",
        f"{row['value']:.4g} [{row['low']:.4g}, {row['high']:.4g}]",
        f"{row['gap']:.4g} [{row['gap_low']:.4g}, {row['gap_high']:.4g}]",
        f"{row['share']:.3g}",
        str(row["n"]),
    )
