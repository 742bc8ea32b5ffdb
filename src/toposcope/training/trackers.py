"""Where live numbers are shown: TensorBoard, Weights & Biases (offline), MLflow.

Each is imported only when it is used. Their numbers are copies: the SERIES always has them too.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from toposcope.errors import MissingExtraError, UsageError

NAMES = ("tensorboard", "wandb", "mlflow")


class Tracker(Protocol):
    """Takes numbers by name."""

    name: str

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Show some numbers of one step."""

    def close(self) -> None:
        """Write what is left."""


def open_trackers(names: str | tuple[str, ...], folder: Path) -> list[Tracker]:
    """The trackers asked for.

    Parameters
    ----------
    names
        "auto": TensorBoard where it is installed, and a Weights & Biases or MLflow run where the
        training has one open. "none", or names of "tensorboard", "wandb", "mlflow".
    folder
        Where TensorBoard's and Weights & Biases' files go.

    Raises
    ------
    MissingExtraError
        When one that was asked for by name is not installed.
    UsageError
        For an unknown name.
    """
    if names == "none":
        return []
    wanted = _present() if names == "auto" else [names] if isinstance(names, str) else list(names)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        msg = f"Monitor(log={names!r}): known are 'auto', 'none' and {', '.join(NAMES)}."
        raise UsageError(msg)
    makers: dict[str, Callable[[Path], Tracker]] = {
        "tensorboard": TensorBoard,
        "wandb": WeightsAndBiases,
        "mlflow": MLflow,
    }
    return [makers[name](folder) for name in wanted]


def _present() -> list[str]:
    installed = ["tensorboard"] if importlib.util.find_spec("tensorboard") else []
    # Only what the training itself has imported and started: nobody's account is touched unasked.
    wandb, mlflow = sys.modules.get("wandb"), sys.modules.get("mlflow")
    if wandb is not None and getattr(wandb, "run", None) is not None:
        installed.append("wandb")
    if mlflow is not None and mlflow.active_run() is not None:
        installed.append("mlflow")
    return installed


def _require(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        msg = f"Monitor(log={package!r}) needs the {package} package: pip install {package}"
        raise MissingExtraError(msg) from error


class TensorBoard:
    """Event files under SERIES/tensorboard; look at them with `tensorboard --logdir SERIES`."""

    name = "tensorboard"

    def __init__(self, folder: Path) -> None:
        _require("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars and flush, so that they can be watched."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()


class WeightsAndBiases:
    """The open run of Weights & Biases, or an offline one of our own."""

    name = "wandb"

    def __init__(self, folder: Path) -> None:
        wandb = _require("wandb")
        self._own = wandb.run is None
        self._run = (
            wandb.init(mode="offline", dir=str(folder), project="toposcope")
            if self._own
            else wandb.run
        )
        # A step axis of our own: wandb's must never fall behind the training's own log calls.
        self._run.define_metric("toposcope_*", step_metric="toposcope_step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log with the step as a value."""
        self._run.log({**values, "toposcope_step": step})

    def close(self) -> None:
        """Finish the run if it is ours."""
        if self._own:
            self._run.finish()


class MLflow:
    """The active run of MLflow, or one of our own."""

    name = "mlflow"

    def __init__(self, folder: Path) -> None:
        self._mlflow = _require("mlflow")
        self._own = self._mlflow.active_run() is None
        if self._own:
            self._mlflow.start_run(run_name=f"toposcope {folder.name}")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log metrics; MLflow takes few signs in their names."""
        clean = {re.sub(r"[^\w\-. /]", "_", name): value for name, value in values.items()}
        self._mlflow.log_metrics(clean, step=step)

    def close(self) -> None:
        """End the run if it is ours."""
        if self._own:
            self._mlflow.end_run()
