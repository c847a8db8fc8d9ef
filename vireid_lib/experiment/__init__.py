"""The experiment: profiles, the cache, the five verbs, who runs them, their results beside the papers'."""

import os
from pathlib import Path

# Before transformers is imported anywhere: it tells every chapter that image processors, which no chapter uses,
# would like torchvision.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from vireid_lib.experiment.context import MissingData  # noqa: E402
from vireid_lib.experiment.pipeline import Run  # noqa: E402
from vireid_lib.experiment.profile_files import data_beside, load_profile  # noqa: E402
from vireid_lib.project import project_root  # noqa: E402

__all__ = ["MissingData", "Run", "default_workspace", "open"]

DEFAULT_PROFILE = "mini"
PROFILE, WORKSPACE, DATA_ROOT = "VIREID_PROFILE", "VIREID_WORKSPACE", "VIREID_DATA_ROOT"
"""Environment variables that `vireid lab` sets: what a chapter works on when its own parameters are empty."""


def default_workspace(profile_name: str) -> Path:
    """`workspace/<profile>` in the checkout: the same for the command line and for JupyterLab."""
    return project_root() / "workspace" / profile_name


def open(profile: str = "", workspace: str | Path = "", data_root: str | Path = "", method: str = "") -> Run:
    """Open an experiment.

    Args:
        profile: a profile's name or the path of its YAML file; empty takes what `vireid lab` was started with, or
            "mini". workspace and data_root likewise, if profile is empty.
        workspace: folder of the results; empty means `workspace/<profile>` in the checkout.
        data_root: folder that holds the real data sets; empty takes the profile's own, if they are there.
        method: a ReID method instead of the profile's; empty keeps the profile's.

    Raises:
        ValueError, FileNotFoundError: whatever would stop the experiment later: the profile, the method, the device,
            the data's folder (MissingData) or the file of official galleries is wrong or missing.
    """
    if not profile:
        profile = os.environ.get(PROFILE, DEFAULT_PROFILE)
        workspace, data_root = workspace or os.environ.get(WORKSPACE, ""), data_root or os.environ.get(DATA_ROOT, "")
    loaded = load_profile(profile)
    run = Run(loaded, workspace or default_workspace(loaded.name), data_root or data_beside(profile, loaded))
    run = run.with_method(method) if method else run
    _ = run.device  # one that is not here is refused before anything is made
    run.check_draw()
    return run
