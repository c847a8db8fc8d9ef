"""AlignGAN as a generator, and its re-identification network, which is trained together with it."""

from pathlib import Path

from torch import nn

from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import AlignedNetwork, FeatureNetwork, make_generator
from vireid_lib.generators.aligngan.task import GENERATORS, AlignGanTask
from vireid_lib.generators.translator import Translator
from vireid_lib.reid.config import ReidConfig


class AlignGan(Translator):
    """Wang, Zhang, Cheng, Liu, Yang, Hou: "RGB-Infrared Cross-Modality Person Re-Identification via Joint Pixel and
    Feature Alignment", ICCV 2019.

    Knows modalities, not cameras. `load_joint(folder)` gives the re-identification network of a fitted folder.
    """

    name = "aligngan"
    config_class, task_class = AlignGanConfig, AlignGanTask
    config: AlignGanConfig

    def make_networks(self) -> dict[str, nn.Module]:
        generators = {name: make_generator(self.config) for name in GENERATORS}
        return generators | {"features": FeatureNetwork(self.config, pretrained=False)}

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
