"""CycleGAN-Turbo as a generator: Parmar, Park, Narasimhan, Zhu: "One-Step Image Translation with Text-to-Image Models",
2024 (arXiv 2403.12036)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.generator import TurboGenerator
from vireid_lib.generators.cyclegan_turbo.task import CycleGanTurboTask
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.latents import digest
from vireid_lib.generators.galleries import Pictures, to_pictures
from vireid_lib.generators.plans import SampleRequest
from vireid_lib.generators.translator import Translator

NO_LPIPS = (
    "cyclegan_turbo: no LPIPS weights are given, so its cycle and identity losses compare pixels alone; the "
    "settings lpips_features and lpips_heads name them."
)


class CycleGanTurbo(Translator):
    """Knows modalities, not cameras. A fitted folder holds what was trained alone; the base model is read again."""

    name = "cyclegan_turbo"
    config_class = CycleGanTurboConfig
    config: CycleGanTurboConfig
    trained_only = True

    def fit(self, table: pd.DataFrame, folder: Path) -> None:
        """As any translator; says so if LPIPS is left out."""
        config = self.config
        if config.lpips_features is None and config.cycle_lpips_weight + config.identity_lpips_weight > 0:
            if self.progress:
                print(NO_LPIPS, flush=True)
        super().fit(table, folder)

    def make_networks(self) -> dict[str, nn.Module]:
        base, then = load_base(self.config.base_model), self._record.get("base_model_digest")
        self._about = {"base_model_digest": digest(base.unet), "lpips": self.config.lpips_features is not None}
        if then not in (None, self._about["base_model_digest"]):
            raise ValueError(
                f"{self.config.base_model!r} is another model now than {self.name} was fitted with: "
                "restore its weights, or fit anew."
            )
        factor = 2 ** (len(base.vae.config.block_out_channels) + len(base.unet.config.block_out_channels) - 2)
        self.config.check_multiples(factor, f"take another base_model than {self.config.base_model!r}")
        return {"generator": TurboGenerator(base, self.config)}

    def make_task(self, batches: Batches) -> CycleGanTurboTask:
        return CycleGanTurboTask(self.config, self.make_networks()["generator"], batches)

    def about(self) -> dict[str, Any]:
        return self._about

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        return to_pictures(self._fitted()["generator"](self.floats(images[0]), items[0].modality))


GENERATOR = CycleGanTurbo
