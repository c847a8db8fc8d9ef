"""The digest of the code that makes a stage: the syntax trees, without docstrings and comments, of all that it runs.

That is the module of the stage's function and every module of the package that it imports, transitively, also inside
functions. What is looked up by name at run time (a method, a generator) cannot be seen in the sources: a stage passes
it as `code`. Not followed are `RESOLVED`: their outcome is in a stage's key anyway, as settings, as the contents of
tables, or as the records of other stages.
"""

import ast
import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

PACKAGE = "vireid_lib"
ROOT = Path(__file__).resolve().parent.parent

RESOLVED = {
    PACKAGE,
    *(f"{PACKAGE}.{name}" for name in ("project", "disk", "training.progress", "training.trackers", "experiment")),
    *(f"{PACKAGE}.experiment.{name}" for name in ("context", "generating", "pipeline", "profile", "profile_files")),
    *(f"{PACKAGE}.experiment.{name}" for name in ("settings", "training_sets", "datasets", "cache")),
    *(f"{PACKAGE}.experiment.{name}" for name in ("provenance", "code_digest")),
    *(f"{PACKAGE}.experiment.{name}" for name in ("executors", "locks")),
    *(f"{PACKAGE}.generators.{name}" for name in ("base.cost", "base.translator_cost", "dive.cost")),
}
"""Modules that choose, find and show, and compute nothing that a result depends on besides the key's other parts."""


class CodeChanged(RuntimeError):
    """The sources are no longer those that this process has loaded."""


class Sources:
    """The package's source code at one moment: the source of each module by its name; a package's is that of its
    `__init__`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self._tree = functools.cache(lambda module: ast.parse(self.texts[module]))
        self._flat = functools.cache(lambda module: _flat(self._tree(module)))
        self._imported = functools.cache(lambda module: frozenset(self._imports(module)))

    @classmethod
    def read(cls) -> "Sources":
        """The sources as they are on disk."""
        texts = {}
        for path in sorted(ROOT.rglob("*.py")):
            parts = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            texts[name] = path.read_text(encoding="utf-8")
        return cls(texts)

    def code_of(self, make: Callable, also: Iterable[Any] = ()) -> Mapping[str, str]:
        """The code of a stage (a function, a lambda, or a partial application of one), and of the modules, classes or
        functions that it runs and does not import: a module → its syntax tree in one line."""
        functions, waiting, found = [_unwrapped(make)], [*map(_module, also)], {}
        for function in functions:  # grows
            if function.__module__ in self.texts:
                waiting.append(function.__module__)
                continue
            # A function of a notebook or of a test: its bytecode, and what it has of its module and of the package.
            found[f"{function.__module__}:{function.__qualname__}"] = repr(_constants(function.__code__))
            for held in _held(function):
                if isinstance(held, FunctionType) and held.__module__ == function.__module__:
                    functions += [each for each in [_unwrapped(held)] if each not in functions]
                else:
                    waiting.append(_module(held))
        while waiting:
            name = waiting.pop()
            if name in self.texts and name not in found and name not in RESOLVED:
                found[name] = self._flat(name)
                waiting += self._imported(name)
        return found

    def digest(self, make: Callable, also: Iterable[Any] = ()) -> str:
        """The digest of `code_of`, 12 hexadecimal digits."""
        held = hashlib.sha256()
        for name, tree in sorted(self.code_of(make, also).items()):
            held.update(f"{name}\0{tree}\0".encode())
        return held.hexdigest()[:12]

    def _imports(self, module: str) -> Iterator[str]:
        """The modules of the package that a module imports, at its top or in a function; all by their full names."""
        for node in ast.walk(self._tree(module)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from (name for name in inner if name in self.texts)
                if not all(name in self.texts for name in inner):
                    yield node.module


LOADED = Sources.read()
"""As they were when this module was loaded: a process computes with what it has loaded, whatever is on disk later."""


def refuse_changed_sources(make: Callable, also: Iterable[Any] = ()) -> None:
    """Raise CodeChanged, naming a file, if a stage's code is no longer on disk as this process has loaded it: its
    result would be kept under the wrong code."""
    also, now = tuple(also), Sources.read()
    if now.texts != LOADED.texts and now.digest(make, also) != LOADED.digest(make, also):
        before, after = LOADED.code_of(make, also), now.code_of(make, also)
        place = min(name for name, tree in before.items() if after.get(name) != tree)
        remedy = "start the same command (in JupyterLab: the kernel) again"
        words = f"The code of {place} has changed on disk since this process loaded it."
        raise CodeChanged(f"{words} A result made now would be of neither version: {remedy}.")


def _unwrapped(make: Callable) -> FunctionType:
    """The function below decorators, partial applications and methods."""
    while not isinstance(make, FunctionType) or hasattr(make, "__wrapped__"):
        make = getattr(make, "__wrapped__", None) or getattr(make, "func", None) or make.__func__
    return make


def _module(thing: Any) -> str:
    """The module of a module, a class, a function or an object."""
    if isinstance(thing, ModuleType):
        return thing.__name__
    return getattr(thing, "__module__", None) or type(thing).__module__


def _held(function: FunctionType) -> Iterator[Any]:
    """What a function has of its module and of the function that it stands in."""
    values = [*(function.__defaults__ or ())]
    values += [function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # not yet assigned
            values.append(cell.cell_contents)
    for value in values:
        yield value.func if isinstance(value, functools.partial) else value


def _names(function: CodeType) -> Iterator[str]:
    """The names that a compiled function, or one inside it, looks up."""
    yield from function.co_names
    for each in function.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)


def _constants(function: CodeType) -> tuple:
    """Instructions, names and constants of a compiled function: for functions whose source is no file."""
    inner = [_constants(each) if isinstance(each, CodeType) else each for each in function.co_consts]
    return function.co_code, function.co_names, tuple(map(repr, inner))


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
