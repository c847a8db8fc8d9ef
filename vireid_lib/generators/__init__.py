"""The generators by name. A new one is a new file or package here that names its class `GENERATOR`."""

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from vireid_lib.did_you_mean import hint

if TYPE_CHECKING:
    from vireid_lib.generators.base.generator import Generator


def names() -> list[str]:
    """Every generator that can be asked for: all that lies here but `base`, which holds what they share."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")


def check_name(name: str) -> None:
    """Raise ValueError, with the nearest names, if there is no generator `name`; none is imported."""
    known = names()
    if name not in known:
        raise ValueError(f"There is no generator {name!r}; {hint(name, known, 3, cutoff=0.0)} All: {known}.")


def generator_class(name: str) -> "type[Generator]":
    """The class of generator `name`. Raises ValueError, with the nearest names, for an unknown one."""
    check_name(name)
    return importlib.import_module(f"{__name__}.{name}").GENERATOR


def configure(name: str, settings: Mapping[str, Any] | None = None) -> BaseModel:
    """The configuration of generator `name`: its paper's, with `settings` in place of some of it."""
    return generator_class(name).config_class(**(settings or {}))


def build(name: str, config: BaseModel | None = None, **options: Any) -> "Generator":
    """Generator `name`, ready to `fit`, with a `config` as `configure` makes it (None: the paper's) and the `options`
    of `base.generator.Generator`. Raises ValueError: no such generator, or a configuration of another one."""
    return generator_class(name)(config, **options)


def load(name: str, folder: Path, config: BaseModel | None = None, **options: Any) -> "Generator":
    """Generator `name` as `fit` left it in `folder`; see `base.generator.Generator.load`."""
    return generator_class(name).load(folder, config, **options)
