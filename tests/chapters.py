"""Chapters for the tests that run some."""

from pathlib import Path

PARAMETERS = '# %% tags=["parameters"]\nprofile = ""\nworkspace = ""\ndata_root = ""\n'


def write(folder: Path, name: str, *cells: str, more: str = "") -> None:
    """A chapter of a heading, the parameters that each has and `more`, and code cells."""
    folder.mkdir(exist_ok=True)
    head = f"# %% [markdown]\n# # {name}\n\n{PARAMETERS}{more}"
    (folder / f"{name}.py").write_text(head + "".join(f"\n# %%\n{cell}\n" for cell in cells))
