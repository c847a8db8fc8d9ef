"""Explorers: each shows a figure, and in JupyterLab the controls that change it; the figures are pure functions."""

from vireid_lib.viz.explorers.augmentations import explore_augmentations, explore_greys
from vireid_lib.viz.explorers.training_monitor import monitor

__all__ = ["explore_augmentations", "explore_greys", "monitor"]
