"""The library's own pages: pdoc's, in the book's colours, with the chapters that use a module named on it."""

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = "vireid_lib"
FOLDER = "library"
FIRST = f"{ROOT}.html"
LINK = re.compile(r'<a href="(?P<file>[^"#:]*)#(?P<place>[^"]+)">(?P<words>[^<]*)</a>')
TEMPLATES = Path(__file__).parent / "library_templates"


class Used:
    """Which pages of the book use a module."""

    def __init__(self) -> None:
        self._pages: dict[str, list[tuple[str, str]]] = {}

    def note(self, modules: Iterable[str], title: str, url: str) -> None:
        """A page's code names these modules."""
        for module in modules:
            self._pages.setdefault(module, []).append((title, url))

    def of(self, module: str) -> list[tuple[str, str]]:
        """Title and file of every page that uses the module."""
        return self._pages.get(module, [])


@cache
def modules() -> tuple[str, ...]:
    """Names of every module of the library."""
    package = importlib.import_module(ROOT)
    return (ROOT, *sorted(found.name for found in pkgutil.walk_packages(package.__path__, f"{ROOT}.")))


def url(module: str, name: str = "") -> str:
    """Where a thing of a module is described, seen from the book's pages."""
    return f"{FOLDER}/{module.replace('.', '/')}.html" + (f"#{name}" if name else "")


def write(folder: Path, used: Used) -> None:
    """Write a page for every module into `folder`."""
    import pdoc
    import pdoc.render

    pdoc.render.configure(docformat="google", search=False, template_directory=TEMPLATES)
    pdoc.render.env.globals |= {"used_in": used.of, "children": children}
    with warnings.catch_warnings():  # a shape in an annotation is no type to look up; that costs a link
        warnings.simplefilter("ignore")
        pdoc.pdoc(*modules(), output_directory=folder)
    _unlink_what_is_private(folder)


def _unlink_what_is_private(folder: Path) -> None:
    """pdoc describes no private class, yet links to it where it is a base or an annotation: leave the name alone."""
    pages = {path.resolve(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}
    places = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    for path, text in pages.items():

        def kept(match: re.Match, path: Path = path) -> str:
            target = (path.parent / match["file"]).resolve() if match["file"] else path
            return match[0] if match["place"] in places.get(target, {match["place"]}) else match["words"]

        path.write_text(LINK.sub(kept, text), encoding="utf-8")


def children(module: str) -> list[str]:
    """The modules right below a package, also those that its `__all__` leaves out."""
    return [name for name in modules() if name.startswith(f"{module}.") and name.count(".") == module.count(".") + 1]
