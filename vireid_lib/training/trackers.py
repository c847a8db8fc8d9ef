"""Experiment trackers by name (TensorBoard, Weights & Biases, MLflow, …), through accelerate; off unless asked for."""

import os
from collections.abc import Mapping
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
from accelerate.utils import LoggerType

from vireid_lib.did_you_mean import hint
from vireid_lib.training.binding import flat

NAMES = "VIREID_TRACKERS"
"""Environment variable with names, joined by commas. Not an argument of a training: its result does not depend on it,
and it must reach every process that trains."""

LONGEST = 20  # entries of a list that are recorded as a setting


class TrackerError(ValueError):
    """A tracker that does not exist or is not installed; the message says what to do."""


def chosen(text: str | None = None) -> list[str]:
    """The names in `text` or the environment variable. Raises TrackerError: one is unknown or not installed."""
    names = [name.strip() for name in (os.environ.get(NAMES, "") if text is None else text).split(",") if name.strip()]
    built_in, installed = {str(kind) for kind in LOGGER_TYPE_TO_CLASS}, {str(kind) for kind in get_available_trackers()}
    for name in names:
        if name not in built_in:
            raise TrackerError(f"There is no tracker {name!r}; {hint(name, sorted(built_in))}")
        if name in set(LoggerType.list()) - installed:
            raise TrackerError(f"The tracker {name} is not installed: `pip install {name.replace('_', '-')}`.")
    return names


def begin(accelerator: Accelerator, name: str, settings: Mapping[str, Any]) -> None:
    """Start the trackers that `accelerator` was made with, for a training called `name`."""
    if accelerator.log_with:
        found = flat(settings).items()
        short = {key: each for key, each in found if not isinstance(each, list | tuple) or len(each) <= LONGEST}
        plain = {key: each if isinstance(each, int | float | str) else str(each) for key, each in short.items()}
        accelerator.init_trackers(name, config=plain)


def end(accelerator: Accelerator) -> None:
    """Let them write what they hold. Accelerate's own `end_training` would also part the processes of the job."""
    for tracker in accelerator.trackers:
        tracker.finish()
