"""Chapters for the tests that run some."""

import ast
from pathlib import Path

from vireid_lib.project import project_root

PARAMETERS = '# %% tags=["parameters"]\nprofile = ""\nworkspace = ""\ndata_root = ""\n'


def write(folder: Path, name: str, *cells: str, more: str = "") -> None:
    """A chapter of a heading, the parameters that each has and `more`, and code cells."""
    folder.mkdir(exist_ok=True)
    head = f"# %% [markdown]\n# # {name}\n\n{PARAMETERS}{more}"
    (folder / f"{name}.py").write_text(head + "".join(f"\n# %%\n{cell}\n" for cell in cells))


def defined(name: str, *names: str) -> list[object]:
    """Functions and constants of one of the book's chapters, without running it."""
    tree = ast.parse((project_root() / "notebooks" / f"{name}.py").read_text())
    kept = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    kept += [node for node in tree.body if {getattr(node, "name", ""), ast.unparse(node).split(" = ")[0]} & {*names}]
    exec(compile(ast.Module(kept, []), name, "exec"), found := {})
    return [found[name] for name in names]
