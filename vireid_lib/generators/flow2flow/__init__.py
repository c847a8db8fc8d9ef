"""Flow2Flow: sample expansion (TSE) and cross-modality generation (CMG) by two invertible flows that share latents."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.images import to_float
from vireid_lib.generators import plans
from vireid_lib.generators.flow2flow.config import Flow2FlowConfig
from vireid_lib.generators.flow2flow.task import GREY_LEVELS, Flow2FlowTask, dequantised, make_flow
from vireid_lib.generators.galleries import Pictures
from vireid_lib.generators.plans import SampleRequest
from vireid_lib.generators.translator import Translator


class Flow2Flow(Translator):
    """Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?". Knows
    modalities, not cameras: what it makes for two infrared cameras differs by the source images alone."""

    name = "flow2flow"
    config_class, task_class = Flow2FlowConfig, Flow2FlowTask

    def make_networks(self) -> dict[str, nn.Module]:
        return {name: make_flow(self.config) for name in Flow2FlowTask.kept}

    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        """Eq. 18 and 19 from one image, Eq. 16 and 17 between two."""
        latents = [self.encode(each, items[0].from_modality) for each in images]
        if len(latents) == 1:
            return self.decode(latents[0], items[0].modality)
        shares = torch.tensor([plans.share(item, self.config.q) for item in items]).to(latents[0])
        shares = shares.view(-1, 1, 1, 1)
        return self.decode(latents[0] + shares * (latents[1] - latents[0]), items[0].modality)

    @torch.no_grad()
    def encode(self, images: Pictures, modality: str) -> Float[Tensor, "n channels rows columns"]:
        """Latents of images of a modality. Raises ValueError for a modality that there is no flow of."""
        latents, _ = self._fitted()[self.check_modality(modality)](dequantised(to_float(images, self.device), 0.5))
        return latents

    @torch.no_grad()
    def decode(self, latents: Float[Tensor, "n channels rows columns"], modality: str) -> Pictures:
        """Latents as images of a modality; the exact inverse of `encode` in the paper's form. What is not finite comes
        back black. Raises ValueError for a modality that there is no flow of."""
        images = self._fitted()[self.check_modality(modality)](latents, generate=True)
        images = torch.where(torch.isfinite(images).flatten(1).all(1).view(-1, 1, 1, 1), images, -1.0)
        levels = ((images + 1) / 2 * GREY_LEVELS).floor().clamp(0, GREY_LEVELS - 1)
        return levels.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()


GENERATOR = Flow2Flow
