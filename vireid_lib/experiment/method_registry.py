"""Every ReID method by name, those that are trained together with a generator among them."""

from __future__ import annotations

from importlib import import_module
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

GENERATORS = "vireid_lib.generators"
"""Where methods lie that are trained together with a generator: `joint_training.py` in a generator's package is the
method of that name. It is imported by name, for the code of no other training depends on a generator."""


def _modules() -> dict[str, str]:
    """Method → its module."""
    from vireid_lib.reid import methods

    own, places = {name: f"{methods.__name__}.{name}" for name in methods.names()}, import_module(GENERATORS).__path__
    joint = (path.parent.name for folder in places for path in Path(folder).glob("*/joint_training.py"))
    return own | {name: f"{GENERATORS}.{name}.joint_training" for name in joint}


def names() -> list[str]:
    """Every method that can be asked for."""
    return sorted(_modules())


def module(method: str) -> ModuleType:
    """The module of a method, whose docstring says what it is. That of a joint method has `METHOD` as any other, and
    also `starting_point`, `train_joint` and `load_joint`. Raises ValueError, with the nearest names, for an
    unknown method."""
    if method not in (known := _modules()):
        raise ValueError(f"There is no method {method!r}; {hint(method, known, 3, cutoff=0.0)} All: {sorted(known)}.")
    return import_module(known[method])


def method_class(method: str) -> type[Method]:
    """The class of a method. Raises ValueError as `module`."""
    return module(method).METHOD


def config_class(method: str) -> type[ReidConfig]:
    """The class of a method's settings. Raises ValueError as `module`."""
    return method_class(method).config_class


def train(
    folder: Path, *, config: ReidConfig, table: pd.DataFrame, seed: int, start: Path | None, device: str, cache: Path
) -> dict[str, int]:
    """The step of a stage that trains `config.method` on `table`; on a CPU with one thread, for trainings share the
    cores. Returns what it was given, as the trainer recorded. `start`: of the stage that fitted the generator which the
    method starts from; None if it starts from none."""
    from vireid_lib.reid.train import RECORD, train_reid
    from vireid_lib.training import determinism

    options = {"seed": seed, "cache": cache, "device": device}
    with determinism.threads(1, device == "cpu"):
        if start is None:
            train_reid(table, config, folder, **options)
        else:
            module(config.method).train_joint(table, config, folder, generator=start / FITTED, **options)
    record = read_json(folder / RECORD)
    given = {name: record[name] for name in ("steps", "images_seen")}
    return given | {"images_in_a_batch": record["images_seen"] // record["steps"]}


def load(folder: Path) -> tuple[nn.Module, ReidConfig]:
    """The network and the settings that `train` left in `folder`."""
    from vireid_lib.reid.train import RECORD, load_reid

    method = read_json(folder / RECORD)["config"]["method"]
    return getattr(module(method), "load_joint", load_reid)(folder)
