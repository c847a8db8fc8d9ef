"""JupyterLab on the book: the chapters, which are Python files, open as notebooks; the README is the first page."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_core import paths

from vireid_lib import user_paths
from vireid_lib.experiment import DATA_ROOT, PROFILE, WORKSPACE
from vireid_lib.experiment.profile_files import load_profile, located
from vireid_lib.project import project_root

CONFIG = Path(__file__).parent / "config"


def command(root: Path | None = None, *, port: int | None = None, browser: bool = True) -> list[str]:
    """The command line that starts JupyterLab on a folder (the checkout), at a port (8888, or the next that is free),
    and opens a browser or not."""
    options = [f"--ServerApp.root_dir={root or project_root()}", "--LabApp.default_url=/lab/tree/README.md"]
    options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"] if port else []
    options += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # containers; Jupyter wants to be told
        options.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *options]


def environment(profile: str = "", workspace: str | Path = "", data_root: str | Path = "") -> dict[str, str]:
    """The variables that JupyterLab and its kernels need, besides the present ones: what a chapter works on when its
    own parameters are empty, and the settings that make a .py file open as a notebook. Raises FileError or
    FileNotFoundError if the profile is wrong or missing."""
    chosen = {
        WORKSPACE: workspace and user_paths.absolute(workspace),
        DATA_ROOT: data_root and user_paths.absolute(data_root),
    }
    if profile:
        load_profile(profile)
        chosen[PROFILE] = located(profile)
    chosen["JUPYTER_CONFIG_PATH"] = os.pathsep.join([str(CONFIG), *filter(None, [os.getenv("JUPYTER_CONFIG_PATH")])])
    return {name: str(value) for name, value in chosen.items() if value}


def start(
    profile: str = "", workspace: str = "", data_root: str = "", *, port: int | None = None, browser: bool = True
) -> int:
    """Run JupyterLab until it is stopped; return its exit status."""
    settings = os.environ | environment(profile, workspace, data_root)
    with tempfile.TemporaryDirectory(prefix="vireid-lab-", ignore_cleanup_errors=True) as folder:
        if moved := elsewhere(Path(folder)):
            print(f"Your home cannot be written: what Jupyter keeps there is in {folder} until it ends.", flush=True)
        return subprocess.run(command(port=port, browser=browser), env=settings | moved).returncode


def elsewhere(folder: Path) -> dict[str, str]:
    """Environment variables that move into `folder` what Jupyter, IPython and Matplotlib cannot write where it belongs,
    as in containers and on clusters; empty where all can."""
    home = Path(os.path.expanduser("~"))
    kept = {"JUPYTER_CONFIG_DIR": paths.jupyter_config_dir(), "JUPYTER_DATA_DIR": paths.jupyter_data_dir()}
    kept |= {"JUPYTER_RUNTIME_DIR": paths.jupyter_runtime_dir(), "IPYTHONDIR": home / ".ipython"}
    kept |= {"MPLCONFIGDIR": home / ".config" / "matplotlib"}
    kept |= {name: os.environ[name] for name in ("IPYTHONDIR", "MPLCONFIGDIR") if name in os.environ}
    return {name: str(folder / name.lower()) for name, place in kept.items() if not writable(Path(place))}


def writable(place: Path) -> bool:
    """Whether files can be written in the folder, or the folder be made."""
    try:  # the mode's bits do not say it: a file system may be read-only, or its server refuse
        there = next(each for each in (place, *place.absolute().parents) if each.exists())
        with tempfile.TemporaryFile(dir=there):
            return there.is_dir()
    except OSError:
        return False
