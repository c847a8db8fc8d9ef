"""The generators by name. A new one is a new file or package here that names its class `GENERATOR`."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from vireid_lib.generators.interface import Generator
from vireid_lib.nearest import hint

SHARED = (
    "adversarial",
    "batches",
    "config",
    "domains",
    "galleries",
    "interface",
    "layout",
    "networks",
    "plans",
    "translator",
    "untrained",
)
"""Files here that are no generator, but what generators have in common."""


def names() -> list[str]:
    """Every generator that can be asked for."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in SHARED)


def check_name(name: str) -> None:
    """Raise ValueError, with the nearest names, if there is no generator `name`; none is imported."""
    known = names()
    if name not in known:
        raise ValueError(f"There is no generator {name!r}; {hint(name, known, 3, cutoff=0.0)} All: {known}.")


def generator_class(name: str) -> type[Generator]:
    """The class of generator `name`. Raises ValueError, with the nearest names, for an unknown one."""
    check_name(name)
    return importlib.import_module(f"{__name__}.{name}").GENERATOR


def configure(name: str, settings: Mapping[str, Any] | None = None) -> BaseModel:
    """The configuration of generator `name`: its paper's, with `settings` in place of some of it."""
    return generator_class(name).config_class(**(settings or {}))


def build(
    name: str,
    config: BaseModel | None = None,
    *,
    cache: Path | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Generator:
    """Generator `name`, ready to `fit`.

    Args:
        config: as `configure` makes it; None takes the paper's.
        cache: folder for decoded images and the like; None keeps them in memory or in the fitted folder.
        device: "cpu", or None for the best one there is.

    Raises:
        ValueError: no such generator, or a configuration of another one.
    """
    found = generator_class(name)
    return found(_own(name, found, config or found.config_class()), cache=cache, device=device, progress=progress)


def load(
    name: str,
    folder: Path,
    config: BaseModel | None = None,
    *,
    cache: Path | None = None,
    device: str | None = None,
    progress: bool = True,
) -> Generator:
    """Generator `name` as `fit` left it in `folder`; `config` may differ from the fitted one in what only making
    pictures uses, None takes the fitted one.

    Raises:
        FileNotFoundError: nothing was fitted there.
        ValueError: no such generator, or `config` says something else about what was fitted.
    """
    found = generator_class(name)
    config = None if config is None else _own(name, found, config)
    return found.load(folder, config, cache=cache, device=device, progress=progress)


def _own(name: str, found: type[Generator], config: BaseModel) -> BaseModel:
    if not isinstance(config, found.config_class):
        raise ValueError(
            f"Generator {name!r} takes a {found.config_class.__name__}, not a {type(config).__name__}: make it "
            f"with vireid_lib.generators.configure({name!r}, settings)."
        )
    return config
