"""ReID methods that are trained together with a generator, and the others, under one roof: by name."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
from torch import nn

from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.run import Book
from vireid_lib.nearest import nearest
from vireid_lib.training.determinism import threads

if TYPE_CHECKING:
    from vireid_lib.reid.config import ReidConfig
    from vireid_lib.reid.method import Method

JOINT = {"jsia": "vireid_lib.generators.jsia.joint"}
"""Method → module with `METHOD`, `pretrain`, `train_joint` and `load_joint`. `reid.methods` knows nothing of them, for
ReID imports no generator."""


def module(method: str) -> ModuleType:
    """The module that trains a method of `JOINT`."""
    return importlib.import_module(JOINT[method])


def names() -> list[str]:
    """Every method that can be asked for."""
    from vireid_lib.reid import methods

    return sorted([*methods.names(), *JOINT])


def method_class(method: str) -> "type[Method]":
    """The class of a method. Raises ValueError, with the nearest names, for an unknown one."""
    from vireid_lib.reid import methods

    if method in JOINT:
        return module(method).METHOD
    if method not in (known := names()):
        near = nearest(method, known, 3, cutoff=0.0)
        raise ValueError(f"There is no method {method!r}; did you mean {' or '.join(near)}? All: {known}.")
    return methods.method_class(method)


def config_class(method: str) -> "type[ReidConfig]":
    """The class of a method's settings. Raises ValueError, with the nearest names, for an unknown method."""
    return method_class(method).config_class


def about(method: str) -> ModuleType:
    """The module whose docstring says what the method is."""
    from vireid_lib.reid import methods

    return module(method) if method in JOINT else importlib.import_module(methods.method_class(method).__module__)


def pretraining(book: Book, table: pd.DataFrame, seed: int, *, progress: bool = False) -> StageRecord:
    """The generator that the profile's method starts from, fitted to the training images with the training's seed; all
    trainings of a seed start from the same one, whatever their settings."""
    from vireid_lib.experiment.settings import generator_config

    method = book.profile.reid.method
    config = generator_config(book.profile, method).model_copy(update={"seed": seed})

    def make(folder: Path) -> dict:
        with threads(1, book.device == "cpu"):
            return module(method).pretrain(
                table, config, folder / method, cache=book.workspace.cache, device=book.device, progress=progress
            )

    return book.stage(
        f"{method}_pretraining", config.fit_settings(), {"table": table}, make, code=[module(method)], seeds=[seed]
    )


def starts(
    book: Book, tables: Mapping[str, pd.DataFrame], seed: int, *, progress: bool = False
) -> dict[str, StageRecord]:
    """What trainings on such tables ("table_<split>") start from, as inputs of their stage; empty for the methods that
    need nothing."""
    if book.profile.reid.method not in JOINT:
        return {}
    return {
        name.replace("table", "start"): pretraining(book, table, seed, progress=progress)
        for name, table in tables.items()
    }


def train(book: Book, table: pd.DataFrame, config: "ReidConfig", folder: Path, seed: int, progress: bool) -> nn.Module:
    """Train the profile's method in `folder`, whichever it is."""
    from vireid_lib.reid.train import train_reid

    options = {"seed": seed, "cache": book.workspace.cache, "device": book.device, "progress": progress}
    if config.method not in JOINT:
        return train_reid(table, config, folder, **options)
    start = pretraining(book, table, seed).folder / config.method
    return module(config.method).train_joint(table, config, folder, generator=start, **options)


def load(folder: Path) -> "tuple[nn.Module, ReidConfig]":
    """The network and the settings that `train` left in `folder`."""
    from vireid_lib.reid.train import RECORD, load_reid

    record = Path(folder) / RECORD
    method = json.loads(record.read_text())["config"]["method"] if record.exists() else ""
    return module(method).load_joint(folder) if method in JOINT else load_reid(folder)
