"""A monitor inside the training loops of Lightning and of Hugging Face.

Both classes are made on demand, since their bases live in packages that may be absent. They call
`monitor.step` and `monitor.close`, which never raise, on the first process only.
"""

from __future__ import annotations

from typing import Any, Protocol

from toposcope.errors import MissingExtraError


class Steps(Protocol):
    """What the callbacks need of a monitor."""

    def step(self, step: int) -> None:
        """Look at the network if it is time to."""

    def close(self) -> None:
        """Look a last time."""


def lightning_callback(monitor: Steps) -> Any:
    """A `lightning.pytorch.Callback` that steps a monitor.

    Raises
    ------
    MissingExtraError
        When neither `lightning` nor `pytorch_lightning` is installed.
    """
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            msg = "Monitor.lightning() needs Lightning: pip install 'toposcope[training]'"
            raise MissingExtraError(msg) from error

    class ToposcopeCallback(Callback):  # type: ignore[misc]
        """Steps the monitor after each batch."""

        def on_train_batch_end(self, trainer: Any, *args: object, **more: object) -> None:
            """Report the optimizer's step."""
            if trainer.is_global_zero:
                monitor.step(trainer.global_step)

        def on_train_end(self, trainer: Any, *args: object) -> None:
            """Look at the trained network."""
            if trainer.is_global_zero:
                monitor.close()

    return ToposcopeCallback()


def trainer_callback(monitor: Steps) -> Any:
    """A `transformers.TrainerCallback` that steps a monitor.

    Raises
    ------
    MissingExtraError
        When transformers is not installed.
    """
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        msg = "Monitor.transformers() needs transformers: pip install 'toposcope[hf]'"
        raise MissingExtraError(msg) from error

    class ToposcopeCallback(TrainerCallback):  # type: ignore[misc]
        """Steps the monitor after each optimizer step."""

        def on_step_end(self, args: Any, state: Any, control: Any, **more: object) -> None:
            """Report the optimizer's step."""
            if state.is_world_process_zero:
                monitor.step(state.global_step)

        def on_train_end(self, args: Any, state: Any, control: Any, **more: object) -> None:
            """Look at the trained network."""
            if state.is_world_process_zero:
                monitor.close()

    return ToposcopeCallback()
