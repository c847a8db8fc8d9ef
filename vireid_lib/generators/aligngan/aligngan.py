"""AlignGAN as a generator, and as what it was made for: a network that finds people across modalities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from vireid_lib.data.images import to_float
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import AlignedNetwork, FeatureNetwork, make_generator
from vireid_lib.generators.aligngan.task import GENERATORS, AlignGanTask
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.galleries import Pictures, to_pictures
from vireid_lib.generators.plans import Planned
from vireid_lib.generators.translator import Translator
from vireid_lib.reid.config import ReidConfig


class AlignGan(Translator):
    """Wang, Zhang, Cheng, Liu, Yang, Hou: "RGB-Infrared Cross-Modality Person Re-Identification via Joint Pixel and
    Feature Alignment", ICCV 2019.

    Knows modalities, not cameras. `load_joint(folder)` gives the re-identification network of a fitted folder.
    """

    name = "aligngan"
    config_class: ClassVar[type[AlignGanConfig]] = AlignGanConfig
    config: AlignGanConfig

    def make_networks(self) -> dict[str, nn.Module]:
        generators = {name: make_generator(self.config) for name in GENERATORS}
        return generators | {"features": FeatureNetwork(self.config, pretrained=False)}

    def make_task(self, batches: Batches) -> AlignGanTask:
        return AlignGanTask(self.config, batches)

    @torch.no_grad()
    def pictures(self, starts: Sequence[Pictures], items: Sequence[Planned]) -> Pictures:
        images = self._fitted()[f"to_{items[0].modality}"](to_float(starts[0], self.device) * 2 - 1)
        return to_pictures(images)

    def joint(self) -> tuple[AlignedNetwork, ReidConfig]:
        """The re-identification network that was trained together with the generators, in evaluation mode, and how its
        features are to be read (`vireid_lib.reid.features.extract`)."""
        networks, config = self._fitted(), self.config
        network = AlignedNetwork(networks["to_infrared"], networks["features"]).to(self.device).eval()
        reading = ReidConfig(
            method=self.name,
            height=config.height,
            width=config.width,
            identities=config.feature_identities,
            images=config.feature_images,
            epochs=config.epochs,
            flip_at_test=True,
            precision=config.precision,
        )
        return network, reading


def load_joint(folder: Path) -> tuple[AlignedNetwork, ReidConfig]:
    """The re-identification network, on the CPU, that `fit` left in `folder`, and how its features are to be read.

    Raises:
        FileNotFoundError: nothing was fitted there.
    """
    return AlignGan.load(folder, device="cpu", progress=False).joint()
