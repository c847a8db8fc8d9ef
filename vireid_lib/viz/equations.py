"""What the chapters show their equations on: the symbols as tensors of a few real images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.book.fitting.stages import predict
from vireid_lib.data.images import to_float
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.training import seeds
from vireid_lib.viz.pictures import pixels, spread


@dataclass(frozen=True, eq=False)
class Denoising:
    """Equation 6 on some training images, symbol by symbol.

    Attributes:
        z: latents of the images.
        epsilon: the noise, one draw for each.
        alpha, sigma: share of signal and of noise at `t`.
        t: the time, as a step of the schedule.
        prompts: T([p], [k]) of each image.
        predict: ε_θ(z_t, t, Γ(T([p], [k]))): noised latents in, the predicted noise out, whatever the base model
            predicts.
    """

    z: Float[Tensor, "n c h w"]
    epsilon: Float[Tensor, "n c h w"]
    alpha: float
    sigma: float
    t: int
    prompts: list[str]
    predict: Callable[[Tensor], Tensor]


@torch.no_grad()
def denoising(model: DiveModel, rows: pd.DataFrame, *, images: int = 4, time: float = 0.35) -> Denoising:
    """Take some of the rows that a model was fitted to, half of them of each modality.

    Args:
        time: place on the noise schedule, 0..1.
    """
    base, config, chosen = model.base, model.config, spread(rows, images)
    device = base.unet.device
    shown = to_float(pixels(chosen, (config.height, config.width)), device) * 2 - 1
    z = base.vae.encode(shown).latent_dist.mean * base.vae.config.scaling_factor
    epsilon = torch.randn(z.shape, generator=seeds.generator(0, "equation")).to(device)
    alphas = base.schedule.alphas_cumprod
    t = round(time * (len(alphas) - 1))
    alpha, sigma = float(alphas[t].sqrt()), float((1 - alphas[t]).sqrt())
    cameras = camera_keys(chosen, model.vocabulary)
    prompts = model.prompts(chosen["identity"].tolist(), cameras)
    ids, times = model.tokenize(prompts).to(device), torch.full((len(z),), t, device=device)

    @torch.no_grad()
    def noise(noised: Tensor) -> Tensor:
        return as_noise(predict(model, ids, noised, times, cameras), noised, alpha, sigma, base.prediction)

    return Denoising(z, epsilon, alpha, sigma, t, prompts, noise)


def as_noise(predicted: Tensor, noised: Tensor, alpha: float, sigma: float, prediction: str) -> Tensor:
    """The noise that follows from a prediction: itself, or σ z_t + α v where the model predicts v = α ε − σ z."""
    return predicted if prediction == "epsilon" else sigma * noised + alpha * predicted
