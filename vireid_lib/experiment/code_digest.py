"""The digest of the code that makes a stage: the syntax trees, without docstrings and comments, of all that it runs.

Which code that is, is read from the sources: the stage's function and, from there on, whatever it names. Of the modules
in `MANY_STAGES`, which hold many stages each, only the functions and classes that are named count. Of every other
module of the package the whole module counts, with all that it imports in turn. What is looked up by name at run time
(a method, a generator) can't be seen in the sources: a stage passes it as `code`.

Not followed are `RESOLVED`, whose outcome is in a stage's key anyway, as settings or as the contents of tables, and
functions that make stages themselves: their records are inputs.
"""

import ast
import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

PACKAGE = "vireid_lib"
ROOT = Path(__file__).resolve().parent.parent
MANY_STAGES = tuple(f"{PACKAGE}.{part}." for part in ("experiment", "viz", "book"))

RESOLVED = frozenset(
    {
        f"{PACKAGE}.experiment.run",
        f"{PACKAGE}.experiment.profile",
        f"{PACKAGE}.experiment.settings",  # settings are in the key
        f"{PACKAGE}.experiment.datasets",  # tables are inputs, by what their images hold
        f"{PACKAGE}.experiment.cache",
        f"{PACKAGE}.experiment.provenance",
        f"{PACKAGE}.experiment.code_digest",
        f"{PACKAGE}.experiment.executors",
        f"{PACKAGE}.experiment.locks",
        f"{PACKAGE}.disk",
        PACKAGE,
        f"{PACKAGE}.project",
        f"{PACKAGE}.training.progress",
        f"{PACKAGE}.training.trackers",  # how a run is shown
    }
)
"""Modules that choose, find and show, and compute nothing that a result depends on besides the key's other parts."""


class CodeChanged(RuntimeError):
    """The sources are no longer those that this process has loaded."""


class Sources:
    """The package's source code at one moment.

    Args:
        texts: source of each module, by the module's name; a package's is that of its `__init__`.
        packages: names of those modules that are packages.
    """

    def __init__(self, texts: Mapping[str, str], packages: Iterable[str]) -> None:
        self.texts, self.packages = dict(texts), frozenset(packages)
        self._code = functools.cache(self._follow)
        self._tree = functools.cache(lambda module: ast.parse(self.texts[module]))
        self._whole = functools.cache(lambda module: _flat(self._tree(module)))
        self._tops = functools.cache(self._find_tops)
        self._names = functools.cache(self._find_names)

    @classmethod
    def read(cls) -> "Sources":
        """The sources as they are on disk."""
        texts, packages = {}, []
        for path in sorted(ROOT.rglob("*.py")):
            parts = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            texts[name] = path.read_text(encoding="utf-8")
            if path.stem == "__init__":
                packages.append(name)
        return cls(texts, packages)

    def code_of(self, make: Callable, also: Iterable[Any] = ()) -> Mapping[str, str]:
        """The code of a stage: "module" or "module:name" → its syntax tree in one line.

        Args:
            make: the stage's function, a lambda or a `functools.partial` of one.
            also: modules, classes or functions of the package that it runs and does not name.
        """
        places, functions = {*map(_place, also)}, [_unwrapped(make)]
        for function in functions:  # grows: a function may hold others of the function that it stands in
            for held in _held(function):
                if isinstance(held, FunctionType) and "<locals>" in held.__qualname__:
                    functions += [held] if held not in functions else []
                elif _place(held).split(".")[0].split(":")[0] == PACKAGE:
                    places.add(_place(held))
        found: dict[str, str] = {}
        for function in functions:
            found |= self._code(function.__code__, function.__module__, tuple(sorted(places)))
        return found

    def digest(self, make: Callable, also: Iterable[Any] = ()) -> str:
        """The digest of `code_of`, 12 hexadecimal digits."""
        held = hashlib.sha256()
        for name, tree in sorted(self.code_of(make, also).items()):
            held.update(f"{name}\0{tree}\0".encode())
        return held.hexdigest()[:12]

    def _follow(self, function: CodeType, module: str, also: tuple[str, ...]) -> Mapping[str, str]:
        root, waiting = f"{module}:{function.co_qualname}", list(also)
        if module in self.texts:
            nodes = self._nodes(module, function.co_qualname)
            found = {root: "".join(map(_flat, nodes))}
            waiting += [place for node in nodes for place in self._references(module, node)]
        else:  # a function of a notebook or of a test
            found = {root: repr(_constants(function))}
        while waiting:
            place = waiting.pop()
            name, _, part = place.partition(":")
            if place in found or name not in self.texts or name in RESOLVED:
                continue
            if part and name.startswith(MANY_STAGES):
                nodes = self._tops(name).get(part)
                if nodes is None:  # imported there from elsewhere, or a module of that package
                    waiting += self._names(name).get(part, [f"{name}.{part}"])
                elif not any(map(_makes_a_stage, nodes)):
                    found[place] = "".join(map(_flat, nodes))
                    waiting += [other for node in nodes for other in self._references(name, node)]
            elif name not in found:
                found[name] = self._whole(name)
                waiting += [other for _, other in self._imports(name, self._tree(name))]
        return found

    def _nodes(self, module: str, qualified: str) -> list[ast.AST]:
        """The function of that qualified name; all of them where it can't tell several apart."""
        nodes = [self._tree(module)]
        for name in qualified.split(".<locals>."):
            for part in name.split("."):
                nodes = [
                    inner for node in nodes for inner in ast.walk(node) if inner is not node and _name_of(inner) == part
                ]
        if not nodes:
            raise CodeChanged(_changed_message(module))
        return nodes

    def _find_tops(self, module: str) -> dict[str, list[ast.stmt]]:
        """The statements at the top of a module that give each of its names a value."""
        found: dict[str, list[ast.stmt]] = {}
        for node in self._tree(module).body:
            names = [_name_of(node)]
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            for name in filter(None, names):
                found.setdefault(name, []).append(node)
        return found

    def _find_names(self, module: str) -> dict[str, list[str]]:
        """The names that a module's top imports from the package, and the places that they stand for."""
        found: dict[str, list[str]] = {}
        for node in self._tree(module).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for name, place in self._imports(module, node):
                    found.setdefault(name, []).append(place)
        return found

    def _imports(self, module: str, within: ast.AST) -> Iterator[tuple[str, str]]:
        """(name here, "module" or "module:name" there) of whatever is imported from the package."""
        for node in ast.walk(within):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.asname or alias.name, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = self._base(module, node)
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield alias.asname or alias.name, inner if inner in self.texts else f"{base}:{alias.name}"

    def _base(self, module: str, node: ast.ImportFrom) -> str:
        """The module that a statement imports from."""
        if not node.level:
            return node.module
        parents = module.split(".")[: None if module in self.packages else -1]
        return ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])

    def _references(self, module: str, node: ast.AST) -> list[str]:
        """The places in the package that a piece of a module names."""
        here = {**self._names(module)}
        for name, place in self._imports(module, node):
            here[name] = [place]
        tops, found = self._tops(module), []
        attributes = {id(each.value): each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                part = attributes.get(id(each))
                found += [f"{place}:{part}" if part and ":" not in place else place for place in here.get(each.id, ())]
                found += [f"{module}:{each.id}"] if each.id in tops and each.id not in here else []
        return found


LOADED = Sources.read()
"""As they were when this module was loaded: a process computes with what it has loaded, whatever is on disk later."""


def refuse_changed_sources(make: Callable, also: Iterable[Any] = ()) -> None:
    """Raise CodeChanged, naming a file, if a stage's code is no longer on disk as this process has loaded it: its
    result would be kept under the wrong code."""
    also, now = tuple(also), Sources.read()
    if now.texts != LOADED.texts and now.digest(make, also) != LOADED.digest(make, also):
        before, after = LOADED.code_of(make, also), now.code_of(make, also)
        raise CodeChanged(_changed_message(min(name for name, tree in before.items() if after.get(name) != tree)))


def _changed_message(place: str) -> str:
    return (
        f"The code of {place.replace(':', ', ')} has changed on disk since this process loaded it. A result made now "
        "would be of neither version: start the same command (in JupyterLab: the kernel) again."
    )


def _unwrapped(make: Callable) -> FunctionType:
    """The function below decorators, partial applications and methods."""
    while not isinstance(make, FunctionType) or hasattr(make, "__wrapped__"):
        make = getattr(make, "__wrapped__", None) or getattr(make, "func", None) or make.__func__
    return make


def _place(thing: Any) -> str:
    """ "module" or "module:name" of a module, a class or a function of the package."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    return f"{thing.__module__}:{thing.__qualname__.split('.')[0]}"


def _held(function: FunctionType) -> Iterator[Any]:
    """What a function has of the function that it stands in, as modules, functions and classes: an object counts as
    its class."""
    values = list(function.__defaults__ or ())
    if not function.__module__.startswith(f"{PACKAGE}."):  # a notebook's: the sources do not tell what it names
        values += [function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not yet assigned
            values.append(cell.cell_contents)
    for value in values:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
        for part in parts:
            part = part.func if isinstance(part, functools.partial) else part
            if isinstance(part, MethodType):
                part = type(part.__self__)
            yield part if isinstance(part, ModuleType | FunctionType | type) else type(part)


def _constants(function: CodeType) -> tuple:
    """Instructions, names and constants of a compiled function: for functions whose source is no file."""
    inner = [_constants(each) if isinstance(each, CodeType) else each for each in function.co_consts]
    return function.co_code, function.co_names, tuple(map(repr, inner))


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    return "<lambda>" if isinstance(node, ast.Lambda) else ""


def _makes_a_stage(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "stage"
        for each in ast.walk(node)
    )


def _flat(node: Any) -> str:
    """A syntax tree as text, the same for every Python: without places, docstrings, and fields that hold nothing."""
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields if name not in ("ctx", "type_comment"))
        parts = (f"{name}={_flat(value)}" for name, value in fields if value is not None and value != [])
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join(_flat(each) for each in node if not _is_text(each))}]"
    return f"{type(node).__name__}:{node!r}"


def _is_text(node: Any) -> bool:
    """Whether a statement is a docstring, of whatever it stands below."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
