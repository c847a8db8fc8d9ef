"""The listings of the Markdown files, which tests run."""

import textwrap

from vireid_lib.project import project_root


def listing(section: str, file: str = "notebooks/CONTRIBUTING.md") -> str:
    """The indented code below the heading `section`."""
    text = (project_root() / file).read_text("utf-8")
    lines = text.split(f"# {section}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    code = [number for number, line in enumerate(lines) if line.startswith("    ")]
    return textwrap.dedent("\n".join(lines[code[0] : code[-1] + 1])) + "\n"
