"""The training: the painter learns to close the cycle, to leave alone what is right already, and to fool the judges."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional

from vireid_lib.generators.adversarial import AdversarialTask
from vireid_lib.generators.batches import Batches, Rows
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.judges import called, make_judge
from vireid_lib.generators.cyclegan_turbo.lpips import load_lpips
from vireid_lib.generators.cyclegan_turbo.painter import Painter
from vireid_lib.generators.networks import Images
from vireid_lib.generators.plans import OTHER
from vireid_lib.training import seeds

MODALITIES = tuple(OTHER)


class CycleGanTurboTask(AdversarialTask):
    """Each step: the painter for both directions, then both judges."""

    kept = ("painter",)
    trainable_only = True

    def __init__(self, config: CycleGanTurboConfig, painter: Painter, batches: Batches) -> None:
        super().__init__()
        self.settings, self.batches, self.batch = config, batches, config.batch
        larger = max(len(rows) for rows in batches.rows.values())
        self.steps = config.steps or config.epochs * -(-larger // config.batch)
        self.gradient_clip = config.gradient_clip
        self.judges = [f"judge_{name}" for name in MODALITIES]
        self.modules = {"painter": painter, **{judge: make_judge(config) for judge in self.judges}}
        learned = [value for judge in self.judges for value in self.modules[judge].parameters() if value.requires_grad]
        self.optimizers = {
            "painter": torch.optim.AdamW(list(painter.trained().values()), lr=config.learning_rate),
            "judges": torch.optim.AdamW(learned, lr=config.judge_learning_rate),
        }
        self.lpips = load_lpips(config.lpips_features, config.lpips_heads) if config.lpips_features else None

    def prepare(self, accelerator: Accelerator) -> None:
        super().prepare(accelerator)
        if self.lpips is not None:
            self.lpips.to(accelerator.device)

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        draw, config = self.generator(step, "images", shared=True), self.settings
        images = {
            name: self.batches.images(rows, draw, self.device, flip=config.flip, padding=config.padding)
            for name, rows in zip(MODALITIES, self._rows(step), strict=True)
        }
        real = {name: self.part(each) * 2 - 1 for name, each in images.items()}
        self.freeze(True, *self.judges)
        losses, made = self._painter_losses(real)
        self.update(accelerator, "painter", losses["total"])
        self.freeze(False, *self.judges)
        for name in MODALITIES:
            judge = self.modules[f"judge_{name}"]
            verdicts = called(judge(real[name]), True) + called(judge(made[name].detach()), False)
            losses[f"judge_{name}"] = config.gan_weight * verdicts / 2
        self.update(accelerator, "judges", sum(losses[name] for name in self.judges))
        return {name: value.detach() for name, value in losses.items()}

    def describe(self, step: int) -> str:
        return self.batches.describe(np.concatenate(self._rows(step)))

    def _painter_losses(self, real: dict[str, Images]) -> tuple[dict[str, Tensor], dict[str, Images]]:
        config, painter, losses = self.settings, self.modules["painter"], {}
        first = {name: painter(torch.cat([real[OTHER[name]], real[name]]), name) for name in MODALITIES}
        made, left = ({name: both.chunk(2)[part] for name, both in first.items()} for part in (0, 1))
        for name in MODALITIES:
            back, same = painter(made[OTHER[name]], name), left[name]
            losses[f"cycle_{name}"] = config.cycle_weight * functional.l1_loss(back, real[name])
            losses[f"identity_{name}"] = config.identity_weight * functional.l1_loss(same, real[name])
            losses[f"fool_{name}"] = config.gan_weight * called(self.modules[f"judge_{name}"](made[name]), True)
            if self.lpips is not None:
                losses[f"cycle_lpips_{name}"] = config.cycle_lpips_weight * self.lpips(back, real[name])
                losses[f"identity_lpips_{name}"] = config.identity_lpips_weight * self.lpips(same, real[name])
        return {"total": sum(losses.values()), **losses}, made

    def _rows(self, step: int) -> tuple[Rows, Rows]:
        stream = np.random.default_rng(seeds.integer(self.seed, 0, step, "rows"))
        return self.batches.unpaired(stream, self.settings.batch)
