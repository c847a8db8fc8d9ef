"""Every ReID method by name, those that are trained together with a generator among them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
from torch import nn

from vireid_lib.nearest import hint

if TYPE_CHECKING:
    from vireid_lib.reid.config import ReidConfig
    from vireid_lib.reid.method import Method

JOINT = {"aligngan": "vireid_lib.generators.aligngan.joint", "jsia": "vireid_lib.generators.jsia.joint"}
"""Method → module with `METHOD`, `starting_point`, `train_joint` and `load_joint`; the method starts from a fitted
generator of its name. ReID imports no generator, so that `reid.methods` cannot know them."""


def module(method: str) -> ModuleType:
    """The module of a method, whose docstring says what it is."""
    from vireid_lib.reid import methods

    return importlib.import_module(JOINT.get(method) or methods.method_class(method).__module__)


def names() -> list[str]:
    """Every method that can be asked for."""
    from vireid_lib.reid import methods

    return sorted([*methods.names(), *JOINT])


def method_class(method: str) -> type[Method]:
    """The class of a method. Raises ValueError, with the nearest names, for an unknown one."""
    if method not in (known := names()):
        raise ValueError(f"There is no method {method!r}; {hint(method, known, 3, cutoff=0.0)} All: {known}.")
    return module(method).METHOD


def config_class(method: str) -> type[ReidConfig]:
    """The class of a method's settings. Raises ValueError, with the nearest names, for an unknown method."""
    return method_class(method).config_class


def train(table: pd.DataFrame, config: ReidConfig, folder: Path, *, start: Path | None, **options: object) -> nn.Module:
    """Train `config.method` in `folder`; see `vireid_lib.reid.train.train_reid` for the options.

    Args:
        start: folder of the fitted generator that a method of `JOINT` starts from.
    """
    from vireid_lib.reid.train import train_reid

    if config.method in JOINT:
        return module(config.method).train_joint(table, config, folder, generator=start, **options)
    return train_reid(table, config, folder, **options)


def load(folder: Path) -> tuple[nn.Module, ReidConfig]:
    """The network and the settings that `train` left in `folder`."""
    from vireid_lib.reid.train import RECORD, load_reid

    record = Path(folder) / RECORD
    method = json.loads(record.read_text())["config"]["method"] if record.exists() else ""
    return module(method).load_joint(folder) if method in JOINT else load_reid(folder)
