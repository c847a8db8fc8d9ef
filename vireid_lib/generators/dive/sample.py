"""Sampling: DPM-Solver++ with classifier-free guidance, a recorded seed for each image, one branch for each batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from jaxtyping import Float
from torch import Tensor

from vireid_lib.data.grey import grey
from vireid_lib.data.images import to_float
from vireid_lib.generators.base.galleries import Pictures
from vireid_lib.generators.dive.base_model import frozen_in
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.model import DiveModel, Latent
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.training import seeds


@dataclass(frozen=True)
class Request:
    """One image to make: its identity, its camera, the seed of its noise.

    `identity` or `camera` may be "" to leave that part out of the prompt (for the attention chapter); then
    `branch_of` names the camera whose branch runs.
    """

    identity: str
    camera: str
    seed: int
    branch_of: str | None = None


@torch.no_grad()
def sample(
    model: DiveModel,
    requests: Sequence[Request],
    *,
    images: Pictures | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    strength: float | None = None,
) -> Pictures:
    """Make one picture for each request; all requests must share a LoRA branch, which is merged into the weights.

    A request's picture depends on its seed alone (with `shared_noise` on its identity's too: `share_noise`), not on
    what else is in the batch (to rounding), nor on the scheduler that the base model was saved with, and equals that of
    a `StableDiffusionPipeline` given the same prompt, adapter, generator seed and `noise_schedule.sampler`.

    Args:
        images: None starts from noise, as in the paper; otherwise each picture starts from the latent of this
            visible image in grey, noised to `strength` (SDEdit, Meng et al. 2022).
        steps, guidance, strength: None takes the configuration's.
    Raises:
        ValueError: requests of several branches, or no request.
    """
    config = model.config
    branches = {model.vocabulary.branch(request.branch_of or request.camera) for request in requests}
    if len(branches) != 1:
        raise ValueError(f"sample() got requests of {len(branches)} LoRA branches: give it one branch at a time.")
    device = model.base.unet.device
    how = {"solver": config.solver, "karras_sigmas": config.karras_sigmas}
    scheduler = sampler(model.base.schedule, config.timestep_spacing, **how)
    scheduler.set_timesteps(steps or config.sampling_steps, device=device)
    shape = (model.base.unet.config.in_channels, *latent_size(model, config.height, config.width))
    draws = [torch.Generator().manual_seed(request.seed) for request in requests]
    noise = randn_tensor((len(draws), *shape), generator=draws).to(device)
    if config.shared_noise:
        noise = share_noise(noise, requests, config)
    times = scheduler.timesteps
    if images is None:
        latents = noise * scheduler.init_noise_sigma
    else:
        skipped = len(times) - min(max(round(len(times) * (strength or config.strength)), 1), len(times))
        times = times[skipped:]
        scheduler.set_begin_index(skipped)
        latents = scheduler.add_noise(encode(model, grey(images)), noise, times[:1].repeat(len(noise)))
    guidance = config.guidance if guidance is None else guidance
    states = embed(model, model.prompts([r.identity for r in requests], [r.camera for r in requests]))
    if guidance > 1:
        states = torch.cat([embed(model, [""]).expand_as(states), states])
    dtype, unet = precision(model), model.base.unet
    with model.branches.merged(*branches), frozen_in(unet, dtype):
        states = states.to(dtype)
        for time in times:
            twice = torch.cat([latents, latents]) if guidance > 1 else latents
            predicted = unet(scheduler.scale_model_input(twice, time).to(dtype), time, states).sample.float()
            if guidance > 1:
                empty, full = predicted.chunk(2)
                predicted = empty + guidance * (full - empty)
                if share := config.rescale_guidance:  # phi (Lin et al. 2024, section 3.4); guidance adds contrast
                    whole = predicted * (full.std((1, 2, 3), keepdim=True) / predicted.std((1, 2, 3), keepdim=True))
                    predicted = share * whole + (1 - share) * predicted
            latents = scheduler.step(predicted, time, latents, generator=draws).prev_sample
    return decode(model, latents)


def precision(model: DiveModel) -> torch.dtype:
    """The denoiser's type: in half precision on a GPU float16, the usual one for Stable Diffusion, whose steps are
    eight times as fine as bfloat16's; training needs bfloat16's range."""
    if model.config.precision == "no":
        return torch.float32
    return torch.float16 if model.base.unet.device.type == "cuda" else torch.bfloat16


def embed(model: DiveModel, prompts: Sequence[str]) -> Float[Tensor, "n length width"]:
    """The text encoder's states; each distinct prompt is encoded once."""
    distinct = list(dict.fromkeys(prompts))
    states = model.base.text(model.tokenize(distinct).to(model.base.text.device)).last_hidden_state
    return states[[distinct.index(text) for text in prompts]]


def decode(model: DiveModel, latents: Latent) -> Pictures:
    """Latents to pixels. A picture that is not finite comes back black, which `galleries.write` then refuses."""
    dtype = precision(model)
    with torch.autocast(latents.device.type, dtype, enabled=dtype != torch.float32):
        images = model.base.vae.decode(latents / model.base.vae.config.scaling_factor).sample
    images = (images / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float().cpu()
    finite = torch.isfinite(images).flatten(1).all(1)
    images = torch.where(finite.view(-1, 1, 1, 1), images, torch.zeros_like(images))
    return (images.numpy() * 255).round().astype(np.uint8)


def encode(model: DiveModel, images: Pictures) -> Latent:
    """Scaled latents of images: the means of the autoencoder's posteriors."""
    vae = model.base.vae
    pixels = to_float(images, vae.device) * 2 - 1
    return vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor


def latent_size(model: DiveModel, height: int, width: int) -> tuple[int, int]:
    factor = 2 ** (len(model.base.vae.config.block_out_channels) - 1)
    return height // factor, width // factor


def share_noise(own: Latent, requests: Sequence[Request], config: DiveConfig) -> Latent:
    """Each picture's noise, mixed with one that all pictures of its identity under its camera have: of variance one, a
    share `shared_noise` of it in common. The common part comes from the generator's seed, the same in each gallery of a
    fitted model."""
    draws = [seeds.generator(config.seed, "shared noise", each.identity, each.camera) for each in requests]
    common = randn_tensor(own.shape, generator=draws).to(own.device)
    return config.shared_noise**0.5 * common + (1 - config.shared_noise) ** 0.5 * own
