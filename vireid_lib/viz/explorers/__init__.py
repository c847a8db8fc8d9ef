"""Explorers: each shows a figure, and in JupyterLab the controls that change it; the figures are pure functions."""

from vireid_lib.viz.explorers.browser import browse
from vireid_lib.viz.explorers.embedding import explore_embedding
from vireid_lib.viz.explorers.queries import explore_queries
from vireid_lib.viz.explorers.runs import compare_runs
from vireid_lib.viz.explorers.trials import removed_by_camera, view_trials

__all__ = ["browse", "compare_runs", "explore_embedding", "explore_queries", "removed_by_camera", "view_trials"]
