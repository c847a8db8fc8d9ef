"""CycleGAN-Turbo, a one-step text-to-image model made a translator without pairs: Parmar, Park, Narasimhan, Zhu:
"One-Step Image Translation with Text-to-Image Models", 2024 (arXiv 2403.12036)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.tables import MODALITIES, OTHER
from vireid_lib.generators.base.adversarial import AdversarialTask, freeze
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.cost import Estimate
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import Losses, Modalities
from vireid_lib.generators.base.translator import Translator
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.discriminators import logistic, make_discriminator
from vireid_lib.generators.cyclegan_turbo.generator import TurboGenerator
from vireid_lib.generators.cyclegan_turbo.lpips import REMEDY, Lpips
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.latents import digest
from vireid_lib.training.weights import read_weights

DISCRIMINATORS = {name: f"discriminator_{name}" for name in MODALITIES}


class CycleGanTurboTask(AdversarialTask):
    """Each step: the generator for both directions, then both discriminators, in as many updates as `updates` says."""

    kept = ("generator",)
    trainable_only = True

    def __init__(self, config: CycleGanTurboConfig, generator: TurboGenerator, batches: Batches) -> None:
        super().__init__(config, batches)
        judges = nn.ModuleDict({name: make_discriminator(config) for name in DISCRIMINATORS.values()})
        self.modules = {"generator": generator, **judges}
        learned = [value for value in judges.parameters() if value.requires_grad]
        self.optimizers = {
            "generators": torch.optim.AdamW(list(generator.trained().values()), lr=config.learning_rate),
            "discriminators": torch.optim.AdamW(learned, lr=config.judge_learning_rate),
        }
        self.gradient_clip = config.gradient_clip
        sources = [config.lpips_features, config.lpips_heads] if config.lpips_features else []
        weights = [read_weights(source, "LPIPS weights", REMEDY) for source in sources]
        self.lpips = Lpips(*weights) if weights else None

    def prepare(self, accelerator: Accelerator) -> None:
        super().prepare(accelerator)
        if self.lpips is not None:
            self.lpips.to(accelerator.device)

    def generator_losses(self, real: Modalities, draw: torch.Generator) -> tuple[Losses, Modalities]:
        config, generator, losses = self.settings, self.modules["generator"], {}
        first = {name: generator(torch.cat([real[OTHER[name]], real[name]]), name) for name in MODALITIES}
        made, left = ({name: both.chunk(2)[part] for name, both in first.items()} for part in (0, 1))
        for name in MODALITIES:
            back, same = generator(made[OTHER[name]], name), left[name]
            losses[f"cycle_{name}"] = config.cycle_weight * functional.l1_loss(back, real[name])
            losses[f"identity_{name}"] = config.identity_weight * functional.l1_loss(same, real[name])
            losses[f"fool_{name}"] = config.gan_weight * logistic(self.modules[DISCRIMINATORS[name]](made[name]), True)
            if self.lpips is not None:
                losses[f"cycle_lpips_{name}"] = config.cycle_lpips_weight * self.lpips(back, real[name])
                losses[f"identity_lpips_{name}"] = config.identity_lpips_weight * self.lpips(same, real[name])
        return {"total": sum(losses.values()), **losses}, made

    def discriminator_losses(self, real: Modalities, made: Modalities, draw: torch.Generator) -> Losses:
        losses = {}
        for name, key in DISCRIMINATORS.items():
            of_real, of_made = self.modules[key](real[name]), self.modules[key](made[name].detach())
            losses[key] = self.settings.gan_weight * (logistic(of_real, True) + logistic(of_made, False)) / 2
        return losses

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        if self.settings.updates == "sum":
            return super().step(accelerator, step)
        return self._update_each(accelerator, self.real(step, self.generator(step, "images")))

    def _update_each(self, accelerator: Accelerator, real: Modalities) -> Losses:
        """Three updates of the generator and two of the discriminators, as in the release's training loop."""
        config, generator, shown = self.settings, self.modules["generator"], {}

        def translated() -> Modalities:
            return {name: generator(real[OTHER[name]], name) for name in MODALITIES}

        def update(player: str, losses: Losses) -> None:
            self.update(accelerator, sum(losses.values()), player, clip=config.gradient_clip)
            shown.update({name: value.detach() for name, value in losses.items()})

        freeze(self.modules, self.discriminators, True)
        made = translated()
        update("generators", self._distances("cycle", {n: generator(made[OTHER[n]], n) for n in MODALITIES}, real))
        made = translated()
        fooled = {name: logistic(self.modules[key](made[name]), True) for name, key in DISCRIMINATORS.items()}
        update("generators", {f"fool_{name}": config.gan_weight * value for name, value in fooled.items()})
        update("generators", self._distances("identity", {n: generator(real[n], n) for n in MODALITIES}, real))
        total = sum(shown.values())
        freeze(self.modules, self.discriminators, False)
        for kind, images, wanted in (("made", made, False), ("real", real, True)):
            losses = {}
            for name, key in DISCRIMINATORS.items():
                judged = logistic(self.modules[key](images[name].detach()), wanted)
                losses[f"{key}_{kind}"] = config.gan_weight * judged / 2
            update("discriminators", losses)
        return {"total": total, **shown}

    def _distances(self, kind: str, images: Modalities, real: Modalities) -> Losses:
        config, losses = self.settings, {}
        for name in MODALITIES:
            weight = getattr(config, f"{kind}_weight")
            losses[f"{kind}_{name}"] = weight * functional.l1_loss(images[name], real[name])
            if self.lpips is not None:
                weight = getattr(config, f"{kind}_lpips_weight")
                losses[f"{kind}_lpips_{name}"] = weight * self.lpips(images[name], real[name])
        return losses


class CycleGanTurbo(Translator):
    """Knows modalities, not cameras. A fitted folder holds what was trained alone; the base model is read again."""

    name = "cyclegan_turbo"
    config_class, task_class = CycleGanTurboConfig, CycleGanTurboTask

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        self.config.require_lpips()
        super().fit(table, folder)

    def estimate(self, table: pd.DataFrame, synthetic: int = 0) -> Estimate:
        self.config.require_lpips()
        return super().estimate(table, synthetic)

    def make_networks(self) -> dict[str, nn.Module]:
        base = load_base(self.config.base_model)
        self.digest = digest(base.unet)  # as it was before its layers got LoRA
        if self._record.get("base_model_digest", self.digest) != self.digest:
            raise ValueError(f"{self.config.base_model!r} has changed since this was fitted: restore it, or fit anew.")
        factor = 2 ** (len(base.vae.config.block_out_channels) + len(base.unet.config.block_out_channels) - 2)
        self.config.check_sides(factor, 1, f"take another base_model than {self.config.base_model!r}")
        return {"generator": TurboGenerator(base, self.config)}

    def make_task(self, batches: Batches) -> CycleGanTurboTask:
        return CycleGanTurboTask(self.config, self.make_networks()["generator"], batches)

    def learn(self, table: pd.DataFrame, folder: Path) -> dict[str, Any]:
        record = super().learn(table, folder)
        return record | {"base_model_digest": self.digest, "lpips": self.config.lpips_features is not None}

    def _weights(self) -> dict[str, Tensor]:
        return {name: value for name, value in self._fitted().named_parameters() if value.requires_grad}

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        return to_pictures(self._fitted()["generator"](self.floats(images[0]), items[0].modality))


GENERATOR = CycleGanTurbo
