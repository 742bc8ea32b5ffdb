"""`toposcope demo`: the whole path on real images, from training to a report, on one laptop.

Trains a small CNN and a small Vision Transformer on scikit-learn's handwritten digits, keeps three
checkpoints of each, captures every block on held-out digits, analyzes, and reports what training
changed. Everything is resumable: run it again after an interruption.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toposcope.activations.capture import capture
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress
from toposcope.findings.findings import look
from toposcope.findings.places import Place
from toposcope.reporting.report_page import write_report
from toposcope.stats import Effect, proportion_interval
from toposcope.training.digits import RECIPES, train_digits
from toposcope.words.changes import effect_text

POINTS, REPLICATES = 150, 8
"""8 disjoint clouds of 150 digits: 1,200 held-out images."""


@dataclass(frozen=True)
class Demo:
    """What the demo found.

    Parameters
    ----------
    report
        The HTML file.
    accuracies
        Accuracy on held-out digits by network and training step.
    largest
        The three largest effects, corrected for all that were looked at.
    """

    report: Path
    accuracies: dict[str, dict[int, float]]
    largest: tuple[Effect[Place], ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "report": str(self.report),
            "accuracies": self.accuracies,
            "effects": [{**asdict(effect), "text": effect_text(effect)} for effect in self.largest],
        }

    def text(self) -> str:
        """For people."""
        n = POINTS * REPLICATES
        lines = [f"accuracy on {n:,} held-out digits [95 % interval], by training step:"]
        for name, steps in self.accuracies.items():
            shown = (f"{step}: {_accuracy(share, n)}" for step, share in steps.items())
            lines.append(f"  {name}: " + ", ".join(shown))
        if self.largest:
            one = self.largest[0]
            lines += [
                f"three largest effects of training among {one.looked_at} comparisons looked at",
                f"(change [interval]; all {one.looked_at} intervals hold together with "
                f"{one.level:.0%}; n = {one.n} disjoint draws of {POINTS} digits):",
            ]
            lines += [f"  {effect_text(effect)}" for effect in self.largest]
        return "\n".join([*lines, f"report: {self.report}"])


def _accuracy(share: float, n: int) -> str:
    interval = proportion_interval(share, n)
    return f"{share:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def run_demo(
    out: Path, *, jobs: Jobs = None, seed: int = 0, progress: Progress | None = None
) -> Demo:
    """Train, capture, analyze, report; everything is kept under `out`."""
    analyses: list[Analysis] = []
    accuracies: dict[str, dict[int, float]] = {}
    for kind in RECIPES:
        for point in train_digits(kind, out / "checkpoints", seed=seed, progress=progress):
            run = out / "runs" / f"{kind}-step{point.step}"
            acts = capture(
                f"py:toposcope.training.digits:digits_{kind}",
                "py:toposcope.training.digits:digits_heldout",
                weights=point.path,
                layers="blocks",
                store=run,
                name=f"{kind} step {point.step}",
                step=point.step,
                seed=seed,
                progress=progress,
            )
            accuracies.setdefault(kind, {})[point.step] = acts.attrs["top1"]
            analyses.append(
                analyze(
                    acts,
                    points=POINTS,
                    replicates=REPLICATES,
                    seed=seed,
                    jobs=jobs,
                    progress=progress,
                )
            )
    findings = look(analyses)
    title = "What training does to handwritten digits"
    path = write_report(findings, out / "report.html", title=title)
    return Demo(path, accuracies, findings.changes[:3])
