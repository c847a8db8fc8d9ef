"""Where the project's own folders are: the notebooks and the data manifests beside the package."""

from pathlib import Path

HEADLESS = "VIREID_HEADLESS"
"""Environment variable that the runner sets; without it a notebook runs in JupyterLab or the like."""


def project_root() -> Path:
    """Return the checkout's root, the folder that holds `notebooks/` and `data_manifests/`. Raises FileNotFoundError:
    the package was installed without its checkout."""
    root = Path(__file__).resolve().parent.parent
    for folder in ("notebooks", "data_manifests"):
        if not (root / folder).is_dir():
            raise FileNotFoundError(
                f"{root / folder} does not exist: vireid runs from its checkout. "
                'Clone the repository and install it there with `pip install -e ".[pinned]"`.'
            )
    return root
