"""CycleGAN-Turbo as a generator: Parmar, Park, Narasimhan, Zhu: "One-Step Image Translation with Text-to-Image Models",
2024 (arXiv 2403.12036)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
from torch import nn

from vireid_lib.data.images import to_float
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.cyclegan_turbo.painter import Painter
from vireid_lib.generators.cyclegan_turbo.task import CycleGanTurboTask
from vireid_lib.generators.dive.base import load_base
from vireid_lib.generators.dive.latents import digest
from vireid_lib.generators.galleries import Pictures, to_pictures
from vireid_lib.generators.plans import Planned
from vireid_lib.generators.translator import Translator

NO_LPIPS = (
    "cyclegan_turbo: no LPIPS weights are given, so its cycle and identity losses compare pixels alone; the "
    "settings lpips_features and lpips_heads name them."
)


class CycleGanTurbo(Translator):
    """Knows modalities, not cameras. A fitted folder holds what was trained alone; the base model is read again."""

    name = "cyclegan_turbo"
    config_class: ClassVar[type[CycleGanTurboConfig]] = CycleGanTurboConfig
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
        self._refuse_sizes(base.vae.config, base.unet.config)
        return {"painter": Painter(base, self.config)}

    def make_task(self, batches: Batches) -> CycleGanTurboTask:
        return CycleGanTurboTask(self.config, self.make_networks()["painter"], batches)

    def about(self) -> dict[str, Any]:
        return self._about

    @torch.no_grad()
    def pictures(self, starts: Sequence[Pictures], items: Sequence[Planned]) -> Pictures:
        painter = self._fitted()["painter"]
        images = painter(to_float(starts[0], self.device) * 2 - 1, items[0].modality)
        return to_pictures(images)

    def _refuse_sizes(self, vae: Any, unet: Any) -> None:
        factor = 2 ** (len(vae.block_out_channels) + len(unet.block_out_channels) - 2)
        if self.config.height % factor or self.config.width % factor:
            raise ValueError(
                f"height x width is {self.config.height}x{self.config.width}: {self.config.base_model!r} "
                f"takes multiples of {factor}"
            )


GENERATOR = CycleGanTurbo
