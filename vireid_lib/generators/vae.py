"""A conditional variational auto-encoder: one latent space, decoded as any camera.

Kingma, Welling: "Auto-Encoding Variational Bayes", ICLR 2014; with a condition, Sohn, Lee, Yan, NeurIPS 2015.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.batches import Batches, one_hot
from vireid_lib.generators.base.config import TranslatorConfig
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import TranslationTask
from vireid_lib.generators.base.translator import Translator
from vireid_lib.training import whole_batch

GROUP = 8  # channels that are normalised together
SMALLEST_VARIANCE = 1e-6  # half a grey level: no likelihood without end
TOLD = ("infrared", "visible")  # order of the modalities in what the encoder is told

Codes = Float[Tensor, "n latent"]
Modality, Domain = Float[Tensor, "n 2"], Float[Tensor, "n domains"]


class VaeConfig(TranslatorConfig):
    """The comparison of JSIA-ReID's Table 4, which says no more than "VAEs [17]" (Kingma & Welling) of it: pictures
    made from real images (there the worst of four at keeping the person) and from the latent space. DiVE's Table 1 has
    none. Chosen here: encoder and decoder are shared by all images; the encoder is told the modality, the decoder the
    camera, so that a visible image's posterior can be decoded as an infrared camera's; a Gaussian likelihood whose
    deviation, one for all pixels, is the best one for each batch (Rybkin, Daniilidis, Levine, ICML 2021), for with a
    fixed one the divergence outweighs the picture; 128×64 pixels, JSIA-ReID's size.

    A decoder told the camera beside the code alone did not listen, for the code carried the modality. So each of its
    layers is told (`Told`), and the codes of each modality are standardised apart, with one scale for both, as in
    domain-specific batch normalisation (Chang et al., CVPR 2019).
    """

    height: int = Field(128, gt=0)
    width: int = Field(64, gt=0)
    halvings: int = Field(4, ge=1)  # convolutions of stride 2
    network_width: int = Field(64, ge=GROUP, multiple_of=GROUP)  # channels after the first; they double up to eightfold
    latent: int = Field(256, ge=1)  # numbers that an image is reduced to
    epochs: int = Field(100, ge=1)
    batch: int = Field(32, ge=2)  # images of each modality
    learning_rate: float = Field(1e-3, gt=0)  # of Adam; falls to zero along half a cosine
    divergence_weight: float = Field(1.0, ge=0)  # β, of the divergence from the prior; 1 is the bound itself

    def sides(self) -> tuple[int, int, str]:
        return 2**self.halvings, 1, "take fewer halvings"


class ConditionalVae(nn.Module):
    """Images in -1..1 to a Gaussian over codes, and back, for so many domains."""

    def __init__(self, config: VaeConfig, domains: int) -> None:
        super().__init__()
        widths = [config.network_width * min(2**level, 8) for level in range(config.halvings)]
        self.shape = (widths[-1], config.height // 2**config.halvings, config.width // 2**config.halvings)
        features = int(np.prod(self.shape))
        layers, before = [], 3 + len(MODALITIES)
        for channels in widths:
            layers += [nn.Conv2d(before, channels, 4, 2, 1), nn.GroupNorm(channels // GROUP, channels), nn.SiLU()]
            before = channels
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 2 * config.latent))
        self.standard = nn.ModuleList(nn.BatchNorm1d(config.latent, affine=False) for _ in MODALITIES)
        self.scale = nn.Parameter(torch.ones(config.latent))
        self.start = nn.Linear(config.latent, features)
        self.told = nn.ModuleList([Told(before, domains)])
        self.ups = nn.ModuleList()
        for channels in (*widths[-2::-1], widths[0]):
            self.ups.append(nn.ConvTranspose2d(before, channels, 4, 2, 1))
            self.told.append(Told(channels, domains))
            before = channels
        self.end = nn.Sequential(nn.Conv2d(before, 3, 3, 1, 1), nn.Tanh())

    def forward(self, images: Images, modality: Modality, domain: Domain, noise: Codes) -> tuple[Tensor, Tensor]:
        """The two terms of the negative bound (Eq. 7), in nats, means over the batch: −log p(x | z, domain) at the
        deviation that makes it smallest, and the divergence of q(z | x, modality) from the prior."""
        mean, log_variance = self.encode(images, modality)
        rebuilt = self.decode(mean + noise * (log_variance / 2).exp(), domain)
        variance = whole_batch.mean((images - rebuilt).square().mean()) + SMALLEST_VARIANCE
        likelihood = images[0].numel() * (torch.log(2 * np.pi * variance) + 1) / 2
        return likelihood, divergence(mean, log_variance).mean()

    def encode(self, images: Images, modality: Modality) -> tuple[Codes, Codes]:
        """Mean and logarithm of the variance of q(z | x, modality)."""
        planes = modality[:, :, None, None].expand(-1, -1, *images.shape[2:])
        raw, log_variance = self.encoder(torch.cat((images, planes), 1)).chunk(2, 1)
        mean = torch.empty_like(raw)
        for place, standardise in enumerate(self.standard):
            rows = modality[:, place] > 0
            if rows.any():
                mean[rows] = standardise(raw[rows])
        return mean * self.scale, log_variance

    def decode(self, codes: Codes, domain: Domain) -> Images:
        """The mean of p(x | z, domain)."""
        maps = self.told[0](self.start(codes).unflatten(1, self.shape), domain)
        for up, told in zip(self.ups, self.told[1:], strict=True):
            maps = told(up(maps), domain)
        return self.end(maps)


class Told(nn.Module):
    """Group normalisation whose scale and shift depend on the domain, then SiLU."""

    def __init__(self, channels: int, domains: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(channels // GROUP, channels)
        self.scale, self.shift = (nn.Linear(domains, channels, bias=False) for _ in range(2))

    def forward(self, maps: Float[Tensor, "n c h w"], domain: Domain) -> Float[Tensor, "n c h w"]:
        scale, shift = (layer(domain)[:, :, None, None] for layer in (self.scale, self.shift))
        return nn.functional.silu(self.norm(maps) * (1 + scale) + shift)


def divergence(mean: Codes, log_variance: Codes) -> Float[Tensor, " n"]:
    """KL(N(mean, variance) ‖ N(0, 1)) of each row, in nats (appendix B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


class VaeTask(TranslationTask):
    """Each step: one batch of both modalities, rebuilt as its own cameras."""

    kept = ("vae",)

    def __init__(self, config: VaeConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        self.modules["vae"] = ConditionalVae(config, len(batches.cameras))
        self.optimizers["vae"] = torch.optim.Adam(self.modules["vae"].parameters(), lr=config.learning_rate)

    def rate(self, step: int) -> float:
        return float((1 + np.cos(np.pi * step / self.steps)) / 2)

    def losses(self, step: int) -> dict[str, Tensor]:
        config, rows, draw = self.settings, np.concatenate(self.rows(step)), self.generator(step, "images")
        cameras, images = self.batches.camera[rows], self.images(rows, draw) * 2 - 1
        modalities = [self.batches.cameras[camera] for camera in cameras]
        noise = torch.randn(len(rows), config.latent, generator=draw)
        labels = one_hot(modalities, TOLD), one_hot(cameras, [*self.batches.cameras])
        drawn = (whole_batch.part(each).to(self.device) for each in (images, *labels, noise))
        likelihood, from_prior = self.modules["vae"](*drawn)
        total = likelihood + config.divergence_weight * from_prior
        return {"total": total, "likelihood": likelihood, "divergence": from_prior}


class Vae(Translator):
    """Decodes the mean of an image's posterior as the camera that is asked for."""

    name = "vae"
    config_class, task_class = VaeConfig, VaeTask
    knows_cameras = True

    def make_networks(self) -> dict[str, nn.Module]:
        return {"vae": ConditionalVae(self.config, len(self._record["cameras"]))}

    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        return self.decode(self.encode(images[0], items[0].from_modality), self.camera_keys(items))

    @torch.no_grad()
    def encode(self, images: Pictures, modality: str) -> Codes:
        """Means of the posteriors of images of a modality. Raises ValueError for a modality that there is none of."""
        self.check_modality(modality)
        told = one_hot([modality] * len(images), TOLD).to(self.device)
        return self._fitted()["vae"].encode(self.floats(images), told)[0]

    @torch.no_grad()
    def decode(self, codes: Codes, cameras: Sequence[str]) -> Pictures:
        """Codes as pictures of a camera each. Raises ValueError for a camera that it was not fitted to."""
        for camera in cameras:
            self.modality(camera)
        told = one_hot(cameras, [*self._record["cameras"]]).to(self.device)
        return to_pictures(self._fitted()["vae"].decode(codes, told))


GENERATOR = Vae
