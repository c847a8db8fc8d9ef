"""AlignGAN: pixels and features aligned by one training; a generator, and the ReID network trained with it."""

from torch import nn

from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import AlignedNetwork, FeatureNetwork, make_generator
from vireid_lib.generators.aligngan.task import GENERATORS, AlignGanTask
from vireid_lib.generators.translator import Translator


class AlignGan(Translator):
    """Wang, Zhang, Cheng, Liu, Yang, Hou: "RGB-Infrared Cross-Modality Person Re-Identification via Joint Pixel and
    Feature Alignment", ICCV 2019. Knows modalities, not cameras. `reid_network` is what
    `vireid_lib.generators.aligngan.joint` has as a ReID method."""

    name = "aligngan"
    config_class, task_class = AlignGanConfig, AlignGanTask

    def make_networks(self) -> dict[str, nn.Module]:
        generators = {name: make_generator(self.config) for name in GENERATORS}
        return generators | {"features": FeatureNetwork(self.config, pretrained=False)}

    def reid_network(self) -> AlignedNetwork:
        networks = self._fitted()
        return AlignedNetwork(networks["to_infrared"], networks["features"]).to(self.device).eval()


GENERATOR = AlignGan
