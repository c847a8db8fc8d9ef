"""JSIA-ReID: generation, variation and re-identification trained together (section 3.4, Algorithm 1).

Wang, Yang, Zhang, Cheng, Hou, Tiwari, Pandey: "Cross-Modality Paired-Images Generation and Augmentation for
RGB-Infrared Person Re-Identification", Neural Networks 2020.
"""

from pathlib import Path

import pandas as pd
import torch
from torch import nn

from vireid_lib.data import tables
from vireid_lib.disk import readable
from vireid_lib.generators.base.cost import WORTH_AN_ESTIMATE, weights_bytes
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.joint_method import JsiaMethod, JsiaNetwork
from vireid_lib.generators.jsia.joint_task import JointTask
from vireid_lib.reid.train import finished, train_task
from vireid_lib.training import processes

METHOD = JsiaMethod  # the ReID method, as `vireid_lib.experiment.method_registry` asks for it


def train_joint(
    table: pd.DataFrame, config: JsiaReidConfig, folder: Path, *, generator: Path, seed: int, cache, **options
) -> nn.Module:
    """Train re-identification and the fitted `Jsia` in the folder `generator` together on `table`; return the ReID
    network in evaluation mode. `folder` then yields both: `load_joint(folder)` the ReID network, `Jsia.load(folder)`
    the generator. All else is as in `vireid_lib.reid.train.train_reid`. Raises FileNotFoundError: there is no fitted
    Jsia in `generator`; ValueError: it has another backbone, form or size, or as in `train_reid`."""
    task = JointTask(table, config, seed=seed, cache=cache, start=Path(generator))
    if options.get("progress", True) and task.steps >= WORTH_AN_ESTIMATE and processes.index() == 0:
        needed = joint_bytes(config, task.start.config, len(task.identities))
        print(f"memory       {readable(needed)} in the joint training", flush=True)
    return train_task(task, config, folder, seed=seed, **options)


def load_joint(folder: Path) -> tuple[nn.Module, JsiaReidConfig]:
    """The ReID network, in evaluation mode on the CPU, and the configuration that `train_joint` left in `folder`.
    Raises FileNotFoundError: no training was finished there."""
    record, weights = finished(Path(folder), "train_joint", "joint training")
    config = JsiaReidConfig(**record["config"])
    with torch.random.fork_rng(devices=[]):
        network = JsiaNetwork(config, len(record["identities"]))
    network.load_state_dict(weights)
    return network.eval(), config


def joint_bytes(config: JsiaReidConfig, made_at: JsiaConfig, identities: int) -> int:
    """Bytes of memory that the joint training takes, in float32: weights, gradients, moments and the tensors of a step,
    with the generator's settings `made_at` and so many identities in the training set."""
    outline = JointTask.outline(config, made_at, identities)
    return weights_bytes(outline.modules.values()) + outline.step_bytes()


def starting_point(
    table: pd.DataFrame, config: JsiaConfig, seed: int, reid: JsiaReidConfig
) -> tuple[pd.DataFrame, JsiaConfig]:
    """The rows and the settings with which `Jsia` is fitted before a joint training on `table` starts from it: external
    identities are among them, whatever `config.fit_on` says; but infrared images of these, made by another generator,
    are left out. All trainings of a seed start from the same one, whatever their own settings `reid`."""
    foreign = (table["split"] == "external") & (table["modality"] == "infrared")
    rows = tables.validate(table[~foreign].reset_index(drop=True), "JSIA's pre-training")
    return rows, config.model_copy(update={"fit_on": "target+external", "seed": seed})
