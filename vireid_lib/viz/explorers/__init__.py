"""Explorers: each shows a figure, and in JupyterLab the controls that change it; the figures are pure functions."""

from vireid_lib.viz.explorers.augmentations import explore_augmentations, explore_greys
from vireid_lib.viz.explorers.browser import browse
from vireid_lib.viz.explorers.runs import compare_runs
from vireid_lib.viz.explorers.training_monitor import monitor
from vireid_lib.viz.explorers.trials import removed_by_camera, view_trials

__all__ = [
    "browse",
    "compare_runs",
    "explore_augmentations",
    "explore_greys",
    "monitor",
    "removed_by_camera",
    "view_trials",
]
