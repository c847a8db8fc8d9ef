"""Where Jupyter, IPython and Matplotlib keep their files if the home cannot be written, as in containers and on
clusters."""

import os
import tempfile
from pathlib import Path


def _jupyter_and_ipython() -> dict[str, Path]:
    """Environment variable → the folder that is taken without it."""
    from jupyter_core import paths

    home = Path(os.path.expanduser("~"))
    return {
        "JUPYTER_CONFIG_DIR": Path(paths.jupyter_config_dir()),
        "JUPYTER_DATA_DIR": Path(paths.jupyter_data_dir()),
        "JUPYTER_RUNTIME_DIR": Path(paths.jupyter_runtime_dir()),
        "IPYTHONDIR": Path(os.environ.get("IPYTHONDIR", home / ".ipython")),
        "MPLCONFIGDIR": Path(os.environ.get("MPLCONFIGDIR", home / ".config" / "matplotlib")),
    }


def elsewhere(folder: Path) -> dict[str, str]:
    """Environment variables that move into `folder` what cannot be written where it belongs; empty where all can."""
    return {name: str(folder / name.lower()) for name, place in _jupyter_and_ipython().items() if not writable(place)}


def writable(place: Path) -> bool:
    """Whether files can be written in the folder, or the folder be made."""
    try:
        there = next(each for each in (place, *place.absolute().parents) if each.exists())
        with tempfile.TemporaryFile(dir=there):
            return there.is_dir()
    except OSError:
        return False
