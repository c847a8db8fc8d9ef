"""Flow2Flow: sample expansion (TSE) and cross-modality generation (CMG) by two invertible flows that share latents."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.exhaustive_sampling import ExhaustiveIdentitySampler
from vireid_lib.data.images import to_float
from vireid_lib.data.tables import MODALITIES, OTHER
from vireid_lib.generators.base import plans
from vireid_lib.generators.base.adversarial import adams, freeze, toward
from vireid_lib.generators.base.batches import Batches, Rows
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.base.networks import Images, PatchDiscriminator, draw_weights, patch_layers
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import Losses, TranslationTask
from vireid_lib.generators.base.translator import Translator
from vireid_lib.generators.flow2flow.config import Flow2FlowConfig
from vireid_lib.generators.flow2flow.flow import Flow
from vireid_lib.generators.flow2flow.losses import flow_loss, identity_distance, noise_loss
from vireid_lib.generators.flow2flow.real_nvp import RealNvp
from vireid_lib.training import seeds, whole_batch

RELEASED_DECAY = 5e-5  # of the release, on the lengths of weight-normalised kernels
GREY_LEVELS = 256
GREY = 127 / 255  # what images are shifted into, as released

ByModality = dict[str, Tensor]


class ImageEncoder(nn.Module):
    """Images to 8 · `width` values of unit length, the mean over the image after four convolutions of kernel 4, strides
    2, 2, 2, 1 (section IV-A; the layers are the release's, the paper says how many). Its first weights are those of
    `PatchDiscriminator`, a fifth convolution of whose patches' scores have the mean M(x)."""

    def __init__(self, *, width: int = 64, small_weights: bool = True) -> None:
        super().__init__()
        self.layers = nn.Sequential(*patch_layers(width))
        if small_weights:
            self.apply(draw_weights)

    def forward(self, images: Images) -> Float[Tensor, "batch dim"]:
        return functional.normalize(self.layers(images).mean((2, 3)), dim=1)


def make_flow(config: Flow2FlowConfig) -> nn.Module:
    if config.flow == "real_nvp":
        sizes = {"scales": config.scales, "width": config.residual_width, "blocks": config.residual_blocks}
        return RealNvp(**sizes, activation=config.activation, activation_scale=config.activation_scale)
    sizes = {"blocks": config.blocks, "squeezes": config.squeezes, "width": config.coupling_width}
    tanh = {"activation": config.activation, "place": config.activation_place, "scale": config.activation_scale}
    return Flow(**sizes, **tanh, bounded=config.bounded_scale)


def dequantised(images: Images, noise: Images | float) -> Images:
    """Images of 256 levels in 0..1 to continuous ones in -1..1: noise in 0..1 fills the gap up to the next level.
    Without it a flow finds infinite likelihood where values are discrete, or infrared's three channels equal."""
    return (images * (GREY_LEVELS - 1) + noise) / GREY_LEVELS * 2 - 1


class Flow2FlowTask(TranslationTask):
    """Each step: the flows `generator_steps` times, on one batch with fresh noise, then their adversaries once."""

    kept, by_identity, fill = MODALITIES, True, GREY
    _sampler: ExhaustiveIdentitySampler | None = None

    def __init__(self, config: Flow2FlowConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        flows = {name: make_flow(config) for name in self.kept}
        if config.start == "alike":
            flows["infrared"].load_state_dict(flows["visible"].state_dict())
        self.adversaries = nn.ModuleDict()
        kind = {"width": config.discriminator_width, "small_weights": config.discriminator_weights == "normal"}
        for modality in self.kept:
            if config.identity_weight:
                self.adversaries[f"encoder_{modality}"] = ImageEncoder(**kind)
            if config.modality_weight:
                self.adversaries[f"discriminator_{modality}"] = PatchDiscriminator(**kind)
        self.modules = {**flows, **self.adversaries}
        players = {"flows": _groups(flows)}
        if self.adversaries:
            players["adversaries"] = self.adversaries.parameters()
        self.optimizers = adams(config.learning_rate, **players)

    def epoch_steps(self) -> int:
        if self.settings.sampling == "with_replacement":
            return super().epoch_steps()
        return self._without_replacement(0).steps_per_epoch

    def rows(self, step: int) -> tuple[Rows, Rows]:
        if self.settings.sampling == "with_replacement":
            return super().rows(step)
        if self._sampler is None:
            self._sampler = self._without_replacement(seeds.integer(self.seed, self.stream, "rows") % 2**32)
        places = self._sampler.batch(*divmod(step, self._sampler.steps_per_epoch))
        visible, infrared = (own[chosen] for own, chosen in zip(self.paired_rows(), places, strict=True))
        further = self.batches.visible_alone(self.row_stream(step), self.settings.visible_only, self.settings.images)
        return np.concatenate((visible, further)), infrared

    def _without_replacement(self, seed: int) -> ExhaustiveIdentitySampler:
        counts = {"identities": self.settings.identities, "images": self.settings.images, "seed": seed}
        return ExhaustiveIdentitySampler(*(self.batches.labels[own] for own in self.paired_rows()), **counts)

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        rows = dict(zip(self.kept, self.rows(step), strict=True))
        labels = {name: torch.from_numpy(self.batches.labels[own]).to(self.device) for name, own in rows.items()}
        draw = self.generator(step, "images")
        clean = {name: self.images(own, draw) for name, own in rows.items()}
        freeze(self.modules, self.adversaries, True)
        for _ in range(self.settings.generator_steps):
            noise = {name: torch.rand(images.shape, generator=draw).to(self.device) for name, images in clean.items()}
            real = {name: whole_batch.part(dequantised(images, noise[name])) for name, images in clean.items()}
            shown, fake = self._train_flows(accelerator, real, labels)
        freeze(self.modules, self.adversaries, False)
        if self.adversaries:
            shown |= self._train_adversaries(accelerator, real, fake, labels)
        return shown

    def _train_flows(self, accelerator: Accelerator, real: ByModality, labels: ByModality) -> tuple[Losses, ByModality]:
        """One update of both flows (Eq. 9 to 12, 14): losses and generated images. `labels` are the whole batch's."""
        config = self.settings
        latents, losses, fake = {}, {}, {}
        for name in self.kept:
            latents[name], log_determinant = self.modules[name](real[name])
            losses[f"flow_{name}"] = flow_loss(latents[name].float(), log_determinant)
        both = torch.cat([whole_batch.rows(latents[name].float()) for name in self.kept])
        losses["noise"] = noise_loss(both, torch.cat([labels[name] for name in self.kept]), config.noise_term)
        total = config.flow_weight * (losses["flow_visible"] + losses["flow_infrared"])
        total = total + config.noise_weight * losses["noise"]
        for name in self.kept if self.adversaries else ():
            fake[name] = self.modules[name](latents[OTHER[name]], generate=True)
            if config.identity_weight:
                losses[f"identity_{name}"] = self._identity(name, real, fake[name], labels)
                total = total + config.identity_weight * losses[f"identity_{name}"]
            if config.modality_weight:
                # Eq. 14 and 15 are printed without squares; minimising (0 − M(x̂)) would then raise the score of
                # generated images. The release squares.
                losses[f"modality_{name}"] = toward(self._scores(name, fake[name]), 1.0)
                total = total + config.modality_weight * losses[f"modality_{name}"]
        losses |= self.update(accelerator, total, "flows", clip=config.gradient_clip)
        shown = {name: value.detach() for name, value in losses.items()}
        return {"total": total.detach(), **shown}, {name: images.detach() for name, images in fake.items()}

    def _train_adversaries(self, accelerator, real: ByModality, fake: ByModality, labels: ByModality) -> Losses:
        """One update of encoders and discriminators (Eq. 13, 15)."""
        losses = {}
        for name in self.kept:
            if self.settings.identity_weight:
                losses[f"encoder_{name}"] = 2 - self._identity(name, real, fake[name], labels)
            if self.settings.modality_weight:
                scores = self._scores(name, torch.cat([real[name], fake[name]]))
                of_real, of_fake = scores.split([len(real[name]), len(fake[name])])
                losses[f"discriminator_{name}"] = toward(of_real, 1.0) + toward(of_fake, 0.0)
        self.update(accelerator, sum(losses.values()), "adversaries")
        return {name: value.detach() for name, value in losses.items()}

    def _identity(self, name: str, real: ByModality, fake: Images, labels: ByModality) -> Float[Tensor, ""]:
        """How far generated images of modality `name` are from real ones of the same person."""
        features = self.modules[f"encoder_{name}"](torch.cat([real[name], fake]))
        own, made = map(whole_batch.rows, features.split([len(real[name]), len(fake)]))
        return identity_distance(own, made, labels[name], labels[OTHER[name]])

    def _scores(self, name: str, images: Images) -> Float[Tensor, " batch"]:
        """M(x) of modality `name`: 1 for real images."""
        return self.modules[f"discriminator_{name}"](images).mean((1, 2, 3))


def _groups(flows: dict[str, nn.Module]) -> list[dict]:
    """The flows' parameters; weight decay for the lengths of weight-normalised kernels alone, as released."""
    named = [pair for flow in flows.values() for pair in flow.named_parameters()]
    lengths = [parameter for name, parameter in named if name.endswith("weight_g")]
    others = [parameter for name, parameter in named if not name.endswith("weight_g")]
    return [{"params": others}, *([{"params": lengths, "weight_decay": RELEASED_DECAY}] if lengths else [])]


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
