"""The training of a translator: batches of both modalities, updates of its networks, one batch for all processes."""

from typing import ClassVar, Self

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vireid_lib.data import augment
from vireid_lib.data.images import to_float
from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.batches import Batches, Rows
from vireid_lib.generators.base.config import TranslatorConfig
from vireid_lib.generators.base.networks import Images
from vireid_lib.training import schedules, seeds, whole_batch
from vireid_lib.training.task import Task

Losses = dict[str, Tensor]
Modalities = dict[str, Images]


class TranslationTask(Task):
    """A training on batches of both modalities, some of whose networks make the pictures afterwards.

    Several processes train as one does, see `vireid_lib.training.whole_batch`. The networks are not wrapped for that,
    as the loop does with others: such wrappers are not made for a network that is passed more than once a step, frozen
    for a while, or differentiated twice (gradient penalty)."""

    shared = True
    kept: tuple[str, ...] = ()  # names of the networks that make the pictures
    undivided: tuple[str, ...] = ()  # names of networks that each process passes the whole batch through
    fill: float = 0.0  # value in 0..1 beyond the borders of a moved image
    by_identity: ClassVar[bool] = False  # batches show the same identities in both modalities

    def __init__(self, config: TranslatorConfig, batches: Batches) -> None:
        super().__init__()
        self.settings, self.batches = config, batches
        if self.by_identity:
            self.require_identities(config.identities, "`identities`")
        self.steps = config.steps or config.epochs * self.epoch_steps()

    @classmethod
    def outline(cls, config: TranslatorConfig, batches: Batches) -> Self:
        """The training without its networks: how long it is, and what is in its steps."""
        task = cls.__new__(cls)
        TranslationTask.__init__(task, config, batches)
        return task

    def typical_steps(self) -> dict[int, int]:
        """{a step: how many steps of the training take as long as it does}."""
        return {0: self.steps}

    def images_in(self, step: int) -> int:
        return sum(map(len, self.rows(step)))

    def step_bytes(self, step: int) -> int | None:
        """Bytes that a step needs besides its networks' `weights_bytes`, if that can be told without taking it."""
        return None

    @property
    def per_modality(self) -> int:
        """Images of each modality in a batch that is not drawn by identity."""
        return self.settings.batch

    def epoch_steps(self) -> int:
        """Steps of an epoch: batches that the larger modality fills; by identity, of the identities that have both."""
        config, batches = self.settings, self.batches
        if not self.by_identity:
            return -(-max(len(rows) for rows in batches.rows.values()) // self.per_modality)
        return max(map(len, self.paired_rows())) // (config.identities * config.images) + 1

    def paired_rows(self) -> list[Rows]:
        """Rows of each modality that show identities of both."""
        held = self.batches
        return [own[np.isin(held.labels[own], held.paired)] for own in held.rows.values()]

    def require_identities(self, count: int, settings: str) -> None:
        """Raise ValueError unless so many identities have images of both modalities."""
        if len(self.batches.paired) < count:
            raise ValueError(
                f"{type(self).__name__} needs {count} identities with images of both modalities in a batch and the "
                f"table has {len(self.batches.paired)}: lower {settings}, or add people."
            )

    def parted(self) -> tuple[int, ...]:
        """Images of each modality; by identity, those of identities with both, and further visible ones."""
        visible, infrared = map(len, self.rows(0))
        return (infrared, visible - infrared) if self.by_identity else (visible, infrared)

    def rows(self, step: int) -> tuple[Rows, Rows]:
        """The rows of a step's visible images and of its infrared ones."""
        config, stream = self.settings, self.row_stream(step)
        if self.by_identity:
            return self.batches.by_identity(stream, config.identities, config.images, config.visible_only)
        return self.batches.unpaired(stream, self.per_modality)

    def row_stream(self, step: int, *keys: str) -> np.random.Generator:
        """What the rows of a step are drawn from, the same in all processes."""
        return np.random.default_rng(seeds.integer(self.seed, self.stream, step, *keys, "rows"))

    def images(self, rows: Rows, draw: torch.Generator) -> Images:
        """The rows' images in 0..1, half of them mirrored, moved by up to `padding` pixels into `fill`."""
        config, held = self.settings, to_float(self.batches.pixels[rows], self.device)
        held = augment.horizontal_flip(held, draw) if config.flip else held
        return augment.pad_and_crop(held, draw, config.padding, self.fill) if config.padding else held

    def real(self, step: int, draw: torch.Generator) -> Modalities:
        """This process's part of a step's images by modality, in -1..1."""
        rows = zip(MODALITIES, self.rows(step), strict=True)
        return {modality: whole_batch.part(self.images(own, draw) * 2 - 1) for modality, own in rows}

    def rate(self, step: int) -> float:
        """Share of the learning rates at a step."""
        return 1.0

    def before_step(self, step: int) -> None:
        for optimizer in self.optimizers.values():
            schedules.scale_learning_rates(optimizer, self.rate(step))

    def prepare(self, accelerator: Accelerator) -> None:
        for name, module in self.modules.items():
            self.modules[name] = accelerator.prepare_model(module, evaluation_mode=True)
            if name not in self.undivided:
                whole_batch.share_statistics(self.modules[name])
        self.optimizers = {name: accelerator.prepare(optimizer) for name, optimizer in self.optimizers.items()}
        for extra in self.extras.values():
            if isinstance(extra, nn.Module):
                extra.to(accelerator.device)

    def release(self, accelerator: Accelerator) -> None:
        super().release(accelerator)
        for module in self.modules.values():
            whole_batch.unshare_statistics(module)

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        losses = self.losses(step)
        norm = self.update(accelerator, losses["total"], *self.optimizers, clip=self.gradient_clip)
        return {name: value.detach() for name, value in losses.items()} | norm

    def update(self, accelerator: Accelerator, loss: Tensor, *players: str, clip: float | None = None) -> Losses:
        """One step of the optimisers `players` down the mean of the processes' gradients of `loss`; returns the norm of
        these, as "gradient_norm", where `clip` limits it."""
        held = [self.optimizers[name] for name in players]
        for optimizer in held:
            optimizer.zero_grad(set_to_none=True)
        self.backward(accelerator, loss)
        learned = {id(each) for optimizer in held for group in optimizer.param_groups for each in group["params"]}
        own = (each for module in self.modules.values() for each in module.parameters())
        parameters = [each for each in own if id(each) in learned]  # in an order that no grouping changes
        whole_batch.average_gradients(parameters)
        norm = {} if clip is None else {"gradient_norm": nn.utils.clip_grad_norm_(parameters, clip)}
        for optimizer in held:
            optimizer.step()
        return norm

    def backward(self, accelerator: Accelerator, loss: Tensor) -> None:
        accelerator.backward(loss)

    def describe(self, step: int) -> str:
        return self.batches.describe(np.concatenate(self.rows(step)))

    def fitted(self) -> dict[str, nn.Module]:
        """The networks that make the pictures, once training is over; an average of them, say."""
        return {name: self.modules[name] for name in self.kept}
