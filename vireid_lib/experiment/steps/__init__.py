"""What the stages of a run do, as plain functions of tables, settings and folders.

There is a module for each, since the key of a stage covers the code of its module and of all that this imports. Each
function is called with the folder to work in and returns the values to record. A folder in which an earlier call was
killed holds its checkpoints, and the step continues from there.
"""

from dataclasses import dataclass
from pathlib import Path

FITTED, TABLE = "fitted", "table.csv"
"""Folder of the fitted generator in a fitting's, and file of the table in a gallery's."""


@dataclass(frozen=True)
class Machine:
    """What a step computes on: no result depends on it, but for rounding."""

    device: str
    cache: Path
    progress: bool = True


def features_file(split: int) -> str:
    """Where `evaluate` leaves the features of a split."""
    return f"features_{split}.safetensors"
