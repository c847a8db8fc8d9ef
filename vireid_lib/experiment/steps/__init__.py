"""What the stages of a run do: functions that are called with the folder to work in, where an earlier call that was
killed may have left its checkpoints, and return the values to record. Each has a module of its own, since the key of a
stage covers the code of its module and of all that this imports."""

FITTED, TABLE = "fitted", "table.csv"
"""Folder of the fitted generator in a fitting's, and file of the table in a gallery's."""


def features_file(split: int) -> str:
    """Where `evaluate` leaves the features of a split."""
    return f"features_{split}.safetensors"
