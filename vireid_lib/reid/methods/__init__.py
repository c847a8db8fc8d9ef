"""The methods by name. A new one is a new file here that names its class `METHOD`; nothing else changes."""

import importlib
import pkgutil

import torch

from vireid_lib.did_you_mean import hint
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Method


def names() -> list[str]:
    """The names of all methods."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def method_class(name: str) -> type[Method]:
    """The class of method `name`. Raises ValueError, with the nearest names, for an unknown one."""
    known = names()
    if name not in known:
        raise ValueError(f"There is no method {name!r}; {hint(name, known, 3, cutoff=0.0)} All: {known}.")
    return importlib.import_module(f"{__name__}.{name}").METHOD


def build(name: str, config: ReidConfig, num_identities: int) -> Method:
    """Method `name` with a fresh network for `num_identities` classes. Initial weights are drawn from torch's global
    random state. Raises ValueError: no such method, or a configuration of another one."""
    found = method_class(name)
    if not isinstance(config, found.config_class):
        raise ValueError(f"Method {name!r} takes a {found.config_class.__name__}, not a {type(config).__name__}.")
    method = found(config, num_identities)
    if config.channels_last:
        method.network.to(memory_format=torch.channels_last)
    return method
