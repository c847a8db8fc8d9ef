"""VI-Diff: one denoising network for both modalities, told by a label which one to paint over an image's contours.

Huang, Huang, Wang: "VI-Diff: Unpaired Visible-Infrared Translation Diffusion Model for Single Modality Labeled
Visible-Infrared Person Re-identification", arXiv 2310.04122, 2023. The text of the paper was not at hand; settings are
those of the code that its authors released for SYSU-MM01, and what differs from it is said at `ViDiffConfig`.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.augment import luminance
from vireid_lib.data.images import to_float
from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.config import TranslatorConfig
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import TranslationTask
from vireid_lib.generators.base.translator import Translator
from vireid_lib.training import seeds, whole_batch
from vireid_lib.training.average import WeightAverage

Contours = Float[Tensor, "batch 1 height width"]
Numbers = Int[Tensor, " batch"]


class ViDiffConfig(TranslatorConfig):
    """The release's settings for SYSU-MM01: 256×128 pixels, batches of 16 with as many visible as infrared images,
    200,000 steps of AdamW whose rate falls to zero along a line, 1000 times of a linear schedule, an average of the
    weights, 25 steps of DDIM from noise. (For RegDB: 128×64 pixels, and edges by a network of their own as condition.)
    Ours: diffusers' network in place of guided diffusion's, with attention heads of `head_channels` where the release
    has four heads at each size; no learned variance, which its deterministic sampler does not read; mirrored images in
    place of random crops."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("sampling_steps", "sampling_batch")

    height: int = Field(256, gt=0)
    width: int = Field(128, gt=0)
    channels: int = Field(128, ge=4)  # of the U-Net's first level
    multipliers: tuple[int, ...] = Field((1, 1, 2, 3, 4), min_length=2, strict=False)  # of these, at each level
    blocks: int = Field(3, ge=1)  # residual ones a level
    attention_levels: int = Field(2, ge=0)  # how many of the smallest levels have self-attention
    head_channels: int = Field(64, ge=1)  # of an attention head
    fold: int = Field(1, ge=1)  # squares of this side are made channels of one place, which is faster; 1: none
    cutoff: int = Field(2, ge=1)  # the condition keeps what varies faster than so many periods along the image
    # Whether the condition says which places are brighter than around them; in the release only how much they differ,
    # so that the network has to choose.
    signed: bool = False
    epochs: int = Field(1, ge=1)
    steps: int | None = Field(200_000, ge=1)
    batch: int = Field(8, ge=1)  # images of each modality
    learning_rate: float = Field(1e-4, gt=0)
    average: float = Field(0.9999, ge=0, lt=1)  # decay of the average of the weights, which makes the pictures
    prediction: Literal["epsilon", "v_prediction", "sample"] = "epsilon"  # what the network predicts: noise (released)
    sampling_steps: int = Field(25, ge=1, le=1000)  # of DDIM

    def sides(self) -> tuple[int, int, str]:
        return self.fold * 2 ** (len(self.multipliers) - 1), 1, "take fewer multipliers or a smaller fold"

    @model_validator(mode="after")
    def _heads(self) -> Self:
        if (channels := self.channels * self.multipliers[-1]) % self.head_channels:
            raise ValueError(f"head_channels is {self.head_channels}: it must divide the last level's {channels}")
        return self


class Denoiser(nn.Module):
    """A U-Net that is shown a noised image beside the contours, and is told the modality by a label."""

    def __init__(self, config: ViDiffConfig) -> None:
        super().__init__()
        self.fold, plain = config.fold, max(0, len(config.multipliers) - config.attention_levels)
        attended = len(config.multipliers) - plain
        sizes = {"in_channels": 4 * self.fold**2, "out_channels": 3 * self.fold**2, "layers_per_block": config.blocks}
        self.unet = UNet2DModel(
            **sizes,
            block_out_channels=tuple(config.channels * factor for factor in config.multipliers),
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * attended,
            up_block_types=("AttnUpBlock2D",) * attended + ("UpBlock2D",) * plain,
            attention_head_dim=config.head_channels,
            norm_num_groups=math.gcd(32, config.channels),
            resnet_time_scale_shift="scale_shift",
            num_class_embeds=len(MODALITIES),
        )
        nn.init.zeros_(self.unet.conv_out.weight)

    def forward(self, noised: Images, contours: Contours, times: Numbers, labels: Numbers) -> Images:
        places = functional.pixel_unshuffle(torch.cat([noised, contours], 1), self.fold)
        return functional.pixel_shuffle(self.unet(places, times, class_labels=labels).sample, self.fold)


def contours(images: Images, cutoff: int, signed: bool = False) -> Contours:
    """What varies fast in the grey of images in 0..1, -1 where nothing does: the magnitude of the inverse Fourier
    transform without the frequencies -cutoff to cutoff - 1 (periods along the image) of both axes, as released; or its
    real part, 0 where nothing does."""
    periods = (torch.fft.fftfreq(size, 1 / size, device=images.device).round() for size in images.shape[2:])
    down, across = ((each >= -cutoff) & (each < cutoff) for each in periods)
    fast = torch.fft.ifft2(torch.fft.fft2(luminance(images)).masked_fill(down[:, None] & across, 0))
    return fast.real * 2 if signed else fast.abs() * 2 - 1


class ViDiffTask(TranslationTask):
    """Each image is denoised under its own label, from its own contours; nothing is paired."""

    kept = ("denoiser",)

    def __init__(self, config: ViDiffConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        self.schedule = DDPMScheduler(beta_schedule="linear", prediction_type=config.prediction)
        self.modules = {"denoiser": Denoiser(config)}
        self.extras = {"average": WeightAverage(self.modules["denoiser"], config.average)}
        parameters = self.modules["denoiser"].parameters()
        self.optimizers = {"adam": torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)}

    def fitted(self) -> dict[str, nn.Module]:
        return {"denoiser": self.extras["average"].module}

    def rate(self, step: int) -> float:
        return 1 - step / self.steps

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.modules["denoiser"])

    def parted(self) -> tuple[int, ...]:
        return (2 * self.settings.batch,)  # of both modalities together

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, config = self.generator(step, "images"), self.settings
        images = self.images(np.concatenate(self.rows(step)), draw)
        times = torch.randint(self.schedule.config.num_train_timesteps, (len(images),), generator=draw)
        noise = torch.randn(images.shape, generator=draw)
        labels = torch.arange(len(MODALITIES)).repeat_interleave(config.batch)
        drawn = (whole_batch.part(each).to(self.device) for each in (images, times, noise, labels))
        images, times, noise, labels = drawn
        clean, seen = images * 2 - 1, contours(images, config.cutoff, config.signed)
        noised = self.schedule.add_noise(clean, noise, times)
        predicted = self.modules["denoiser"](noised, seen, times, labels)
        target = {"epsilon": noise, "sample": clean}.get(config.prediction)
        target = self.schedule.get_velocity(clean, noise, times) if target is None else target
        each = (predicted - target).square().flatten(1).mean(1)
        halves = {name: 2 * (each * (labels == label)).mean() for label, name in enumerate(MODALITIES)}
        return {"total": each.mean(), **halves}


class ViDiff(Translator):
    """Knows modalities, not cameras. A picture is drawn from noise of its own seed."""

    name = "vi_diff"
    config_class, task_class = ViDiffConfig, ViDiffTask

    def make_networks(self) -> dict[str, nn.Module]:
        return {"denoiser": Denoiser(self.config)}

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        """Denoise from noise to images under the items' label, beside the contours of their source images."""
        config, denoiser = self.config, self._fitted()["denoiser"]
        seen = contours(to_float(images[0], self.device), config.cutoff, config.signed)
        shape = (3, config.height, config.width)
        noise = [torch.randn(shape, generator=seeds.generator(item.seeds[0], "noise")) for item in items]
        noised = torch.stack(noise).to(self.device)
        labels = torch.full((len(items),), MODALITIES.index(items[0].modality), device=self.device)
        # Its own defaults are guided diffusion's: times from zero in equal steps, images clipped to -1..1.
        schedule = DDIMScheduler(beta_schedule="linear", prediction_type=config.prediction)
        schedule.set_timesteps(config.sampling_steps, device=self.device)
        for time in schedule.timesteps:
            predicted = denoiser(noised, seen, time.expand(len(items)), labels)
            noised = schedule.step(predicted, time, noised).prev_sample
        return to_pictures(noised)


GENERATOR = ViDiff
