"""Every ReID method by name, those that are trained together with a generator among them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from vireid_lib.data.text import read_json
from vireid_lib.did_you_mean import hint
from vireid_lib.experiment.steps import FITTED

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

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


def train(
    folder: Path, *, config: ReidConfig, table: pd.DataFrame, seed: int, start: Path | None, device: str, cache: Path
) -> dict[str, int]:
    """The step of a stage that trains `config.method` on `table`; on a CPU with one thread, for trainings share the
    cores. Returns what it was given, as the trainer recorded. `start`: of the stage that fitted the generator which a
    method of `JOINT` starts from."""
    from vireid_lib.reid.train import RECORD, train_reid
    from vireid_lib.training import determinism

    options = {"seed": seed, "cache": cache, "device": device}
    with determinism.threads(1, device == "cpu"):
        if config.method in JOINT:
            module(config.method).train_joint(table, config, folder, generator=start / FITTED, **options)
        else:
            train_reid(table, config, folder, **options)
    record = read_json(folder / RECORD)
    given = {name: record[name] for name in ("steps", "images_seen")}
    return given | {"images_in_a_batch": record["images_seen"] // record["steps"]}


def load(folder: Path) -> tuple[nn.Module, ReidConfig]:
    """The network and the settings that `train` left in `folder`."""
    from vireid_lib.reid.train import RECORD, load_reid

    method = read_json(folder / RECORD)["config"]["method"] if (folder / RECORD).exists() else ""
    return module(method).load_joint(folder) if method in JOINT else load_reid(folder)
