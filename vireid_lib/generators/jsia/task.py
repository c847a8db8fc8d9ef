"""The pre-training of JSIA-ReID's generation and variation modules: generators and discriminators in turn."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vireid_lib.generators.batches import Batches, Rows
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import load_imagenet
from vireid_lib.generators.jsia.generation import (
    MODALITIES,
    encoding,
    generate,
    judged,
    make_generation,
    make_judges,
    make_set_level,
)
from vireid_lib.generators.jsia.styles import StyleBank
from vireid_lib.generators.translator import TranslationTask
from vireid_lib.training import seeds

BETAS = (0.5, 0.999)


class JsiaTask(TranslationTask):
    """Each step: encoders, decoders and variation module together, then the discriminators."""

    def __init__(self, config: JsiaConfig, batches: Batches) -> None:
        super().__init__()
        self.settings, self.batches = config, batches
        if len(batches.paired) < config.identities:
            raise ValueError(
                f"jsia needs {config.identities} identities with images of both modalities in a batch and the table "
                f"has {len(batches.paired)}: lower `identities`, or add people."
            )
        images = max(np.isin(batches.labels[rows], batches.paired).sum() for rows in batches.rows.values())
        self.steps = config.steps or config.epochs * (int(images) // (config.identities * config.images) + 1)
        encoder = make_set_level(config)
        if config.pretrained is not None:
            load_imagenet([encoder], config.pretrained)
        makers = {"set_level": encoder, **make_generation(config, encoder.channels)}
        judges = make_judges(config)
        self.modules, self.judges = makers | judges, tuple(judges)
        self.kept = tuple(self.modules)  # the discriminators too: the joint training goes on with them
        encoder.requires_grad_(config.encoder_trains)
        options = {"lr": config.learning_rate, "betas": BETAS, "weight_decay": config.weight_decay}
        for player, modules in (("makers", makers), ("judges", judges)):
            parameters = [p for module in modules.values() for p in module.parameters() if p.requires_grad]
            self.optimizers[player] = torch.optim.Adam(parameters, **options)

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        draw, config, encoder = self.generator(step, "images"), self.settings, self.modules["set_level"]
        real = {
            name: self.batches.images(rows, draw, self.device, flip=config.flip, padding=config.padding) * 2 - 1
            for name, rows in zip(MODALITIES, self._rows(step), strict=True)
        }
        freeze(self.modules, self.judges, True)
        made, losses = generate(self.modules, encoder, encoding(encoder, config), real, config, draw)
        self._update(accelerator, "makers", losses["total"])
        freeze(self.modules, self.judges, False)
        of_judges = judged(self.modules, real, made.fake)
        self._update(accelerator, "judges", sum(of_judges.values()))
        return {name: value.detach() for name, value in (losses | of_judges).items()}

    def fitted(self) -> dict[str, nn.Module]:
        """The networks that make pictures, and the styles of all images."""
        kept = super().fitted()
        return kept | {"styles": self._styles(kept)}

    def describe(self, step: int) -> str:
        return self.batches.describe(np.concatenate(self._rows(step)))

    def _styles(self, networks: dict[str, nn.Module]) -> StyleBank:
        held = self.batches
        people, cameras = [held.names[label] for label in held.labels], held.camera.tolist()
        return StyleBank.of(networks, held.pixels, held.rows, people, cameras, self.settings.style_dim)

    def _update(self, accelerator: Accelerator, player: str, loss: Tensor) -> None:
        self.optimizers[player].zero_grad(set_to_none=True)
        accelerator.backward(loss)
        self.optimizers[player].step()

    def _rows(self, step: int) -> tuple[Rows, Rows]:
        stream = np.random.default_rng(seeds.integer(self.seed, self.process, step, "rows"))
        config = self.settings
        return self.batches.by_identity(
            stream, identities=config.identities, images=config.images, visible_only=config.visible_only
        )


def freeze(modules: dict[str, nn.Module], names: tuple[str, ...], frozen: bool) -> None:
    """Let the named modules learn, or not."""
    for name in names:
        modules[name].requires_grad_(not frozen)
