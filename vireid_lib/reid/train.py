"""Training of any re-identification method on an image table: identities, batches, and their length."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from vireid_lib.data import tables
from vireid_lib.data.contents import write_atomically
from vireid_lib.data.images import TablePixels, to_float
from vireid_lib.data.label_noise import replace_labels
from vireid_lib.data.sampling import AllImagesSampler, Sampler
from vireid_lib.data.text import read_json
from vireid_lib.reid import methods
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Batch, Method
from vireid_lib.training import checkpoint, loop, schedules, seeds

SELECTION = "last step; neither test nor validation images choose it"
RECORD = "reid.json"


def train_reid(
    table: pd.DataFrame, config: ReidConfig, folder: Path, *, seed: int, cache: Path | None, **options: Any
) -> nn.Module:
    """Train `config.method` on every row of `table` and return its network in evaluation mode.

    Rows may be real, external and synthetic. The network after the last step is taken (the released codes take the
    epoch that is best on the test set). A run that was killed continues; a finished one is loaded.

    Trainings of one method and seed on different tables are paired. All initial weights are the same but those of the
    classifiers, which have a row for each identity. Where `config.mix` is set, so are the target's images of every step
    (see `MixedIdentitySampler`), and the augmentation of each place in the batch. Not paired: without `mix`, the
    batches of tables of different size; MPANet's own samplers between real and expanded tables; DART's warm-up and its
    passes over all images.

    `folder` gets the checkpoints, `history.jsonl` and `reid.json` (what was trained, on which identities, how long);
    `cache` has decoded images, or is None; `options` as in `train_task`. Raises ValueError: an identity lacks a
    modality, there are fewer identities than a batch needs, or `folder` holds another training.
    """
    return train_task(ReidTask(table, config, seed=seed, cache=cache), config, folder, seed=seed, **options)


def train_task(task: "ReidTask", config: ReidConfig, folder: Path, *, seed: int, **options: Any) -> nn.Module:
    """Train `task` to its end, write what it keeps, then its record; return its network in evaluation mode. `options`:
    `progress`, `device` and `checkpoint_every` (an epoch or 200 steps, whichever is longer) of `training.loop.train`.
    """
    folder = Path(folder)
    options = {"checkpoint_every": max(200, task.epoch_steps), "precision": config.precision, **options}
    loop.train(task, steps=task.steps, folder=folder, seed=seed, **options)
    task.keep(folder)
    record = {
        "config": config.model_dump(),
        "identities": task.identities,
        "selection": SELECTION,
        "steps": task.steps,
        "images_seen": task.steps * task.images_per_step,
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())
    return task.method.network.eval()


def finished(folder: Path, by: str, what: str = "training") -> tuple[dict, dict]:
    """The record that `train_task` left in `folder`, and the network's weights. `by` trains there, `what` it is called,
    for the error. Raises FileNotFoundError: no training was finished there."""
    saved = checkpoint.load(folder / "checkpoints")
    if saved is None or not (folder / RECORD).exists():
        raise FileNotFoundError(f"No finished {what} in {folder}: call {by} with that folder first.")
    state = checkpoint.unpack_state(saved[1], saved[2]["state"])
    return read_json(folder / RECORD), state["modules"]["network"]


def load_reid(folder: Path) -> tuple[nn.Module, ReidConfig]:
    """The network, in evaluation mode on the CPU, and the configuration that `train_reid` left in `folder`. Raises
    FileNotFoundError: no training was finished there."""
    record, weights = finished(Path(folder), "train_reid")
    config = methods.method_class(record["config"]["method"]).config_class(**record["config"])
    untrained = config.model_copy(update={"pretrained": None})
    with torch.random.fork_rng(devices=[]):
        network = methods.build(config.method, untrained, len(record["identities"])).network
    network.load_state_dict(weights)
    return network.eval(), config


class Labelled(NamedTuple):
    """The identities of a training table, by name; the label of each row, a place among them, with `label_noise`; the
    places of each modality's rows; the labels of external identities."""

    identities: list[str]
    labels: Int64[np.ndarray, " rows"]
    rows: dict[str, Int64[np.ndarray, " some"]]
    external: set[int]

    @classmethod
    def of(cls, table: pd.DataFrame, config: ReidConfig, *, seed: int) -> "Labelled":
        """Read a table. Raises ValueError: it is empty, or an identity lacks a modality, which the batches pair."""
        if table.empty:
            raise ValueError("The training table is empty: pass the rows of vireid_lib.data.tables.training_rows.")
        kinds = table.groupby("identity")["modality"].agg(["nunique", "first"])
        for identity, here in kinds.loc[kinds["nunique"] == 1, "first"].items():
            other = tables.OTHER[here]
            raise ValueError(
                f"Identity {identity} has {here} images and no {other} one: add {other} ones or leave it out."
            )
        labels, identities = tables.identity_labels(table)
        visible = (table["modality"] == "visible").to_numpy()
        external = (table["split"] == "external").to_numpy()
        noise = seeds.integer(seed, "label noise")
        noisy = replace_labels(labels, visible, config.label_noise, noise, spare=external)
        rows = {"visible": np.flatnonzero(visible), "infrared": np.flatnonzero(~visible)}
        return cls(identities, noisy, rows, set(labels[external].tolist()))

    def sampler(self, kind: type[Method], config: ReidConfig, *, seed: int) -> Sampler:
        """The sampler of a method's class, for these rows."""
        sides = (self.labels[rows] for rows in self.rows.values())
        return kind.sampler(config, *sides, external=self.external, seed=seed)


def steps_per_epoch(kind: type[Method], table: pd.DataFrame, config: ReidConfig, *, seed: int) -> int:
    """Steps of an epoch on `table` by the method's own sampler, whatever `config.epoch_steps` says; without
    a network. Arguments and errors as in `train_reid`."""
    return Labelled.of(table, config, seed=seed).sampler(kind, config, seed=seed).steps_per_epoch


class ReidTask(loop.Task):
    """A method's network, batches and losses on a table, for the one training loop; `identities`, `rows` and `labels`
    as in `Labelled`. The schedule counts epochs of `epoch_steps`; the sampler goes through epochs of its own, which are
    as long unless `config.epoch_steps` says otherwise."""

    def __init__(self, table: pd.DataFrame, config: ReidConfig, *, seed: int, cache: Path | None) -> None:
        super().__init__()
        labelled = Labelled.of(table, config, seed=seed)
        self.identities, self.labels, self.rows, _ = labelled
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.integer(seed, "weights"))
            self.method: Method = self.make_method(config, len(self.identities))
        self.method.start_training(table)
        self.sampler = labelled.sampler(type(self.method), config, seed=seed)
        self.epoch_steps = config.epoch_steps or self.sampler.steps_per_epoch
        self.steps = config.steps or config.epochs * self.epoch_steps
        if config.compile:
            self.method.network.compile()
        self.name = f"{config.method}, seed {seed}"
        self.config = {"reid": config.model_dump(), "table": tables.digest(table, cache=cache)}
        self.modules["network"] = self.method.network
        self.optimizers["network"] = self.method.optimizer()
        self.pixels = TablePixels(table, (config.height, config.width), cache)

    def make_method(self, config: ReidConfig, identities: int) -> Method:
        """The method with a fresh network; trainings of networks that are not in `reid.methods` override this."""
        return methods.build(config.method, config, identities)

    def keep(self, folder: Path) -> None:
        """Write what `folder` is to hold besides checkpoints and record, when the training is done."""

    def position(self, step: int) -> tuple[int, int]:
        """(epoch, step in it) of the batch that this process takes at `step`, as the schedule counts."""
        return divmod(step * self.processes + self.process, self.epoch_steps)

    @property
    def images_per_step(self) -> int:
        """Images that all processes draw for a step, both modalities together; views of one image count once."""
        return self.processes * sum(map(len, self.sampler.batch(0, 0)))

    def before_step(self, step: int) -> None:
        self.method.network = self.modules["network"]
        # All processes start their epochs together, with the first one's.
        epoch, before = (each * self.processes // self.epoch_steps for each in (step, step - 1))
        if epoch != before:
            self.method.start_epoch(epoch, partial(self.every_image, step))
        self.method.network.train()
        share = self.method.learning_rate(self.position(step)[0], step, self.steps)
        schedules.scale_learning_rates(self.optimizers["network"], share)

    def losses(self, step: int) -> dict[str, Tensor]:
        return self.method.loss(self.method.augment(self.batch(step)))

    def batch(self, step: int) -> Batch:
        """The images of `step`, not yet augmented."""
        batch = self._batch(*self._batch_rows(step), self.generator(step, "augment"))
        return replace(batch, epoch=self.position(step)[0])

    def every_image(self, step: int) -> Iterator[Batch]:
        """All images before `step`, not augmented; the same in each process."""
        size = self.method.config.identities * self.method.config.images
        seed = seeds.integer(self.seed, "every image") % 2**32
        sampler = AllImagesSampler(*map(len, self.rows.values()), images=size, seed=seed)
        for index in range(sampler.steps_per_epoch):
            visible, infrared = sampler.batch(step, index)
            generator = seeds.generator(self.seed, "every image", step, index)
            yield self._batch(self.rows["visible"][visible], self.rows["infrared"][infrared], generator)

    def describe(self, step: int) -> str:
        rows = np.concatenate(self._batch_rows(step))
        return "identities " + ", ".join(self.identities[label] for label in np.unique(self.labels[rows]))

    def release(self, accelerator) -> None:
        super().release(accelerator)
        self.method.network = self.modules["network"]

    def _batch(self, visible: np.ndarray, infrared: np.ndarray, generator: torch.Generator) -> Batch:
        options = {"device": self.device, "channels_last": self.method.config.channels_last}
        images = (to_float(self.pixels[rows], **options) for rows in (visible, infrared))
        labels = (torch.from_numpy(self.labels[rows]).to(self.device) for rows in (visible, infrared))
        return Batch(*images, *labels, torch.from_numpy(visible), torch.from_numpy(infrared), generator)

    def _batch_rows(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = step * self.processes + self.process
        visible, infrared = self.sampler.batch(*divmod(drawn, self.sampler.steps_per_epoch))
        return self.rows["visible"][visible], self.rows["infrared"][infrared]
