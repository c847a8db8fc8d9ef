"""The cost of DiVE; see `vireid_lib.generators.base.cost`."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from vireid_lib.generators.base.cost import LARGE, Estimate, disk_bytes, place_name, step_costs, steps_text, timed
from vireid_lib.generators.dive import stable_diffusion_15, tone
from vireid_lib.generators.dive.base_model import is_here, load_base
from vireid_lib.generators.dive.finetune import DiveTask
from vireid_lib.generators.dive.latents import Latents
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import build
from vireid_lib.generators.dive.sample import Request, latent_size, sample
from vireid_lib.training import devices, processes

if TYPE_CHECKING:
    from vireid_lib.generators.dive.dive import Dive


def estimate(dive: "Dive", table: pd.DataFrame, synthetic: int) -> Estimate:
    """The cost of fitting to `table` (rows that `config.fitted_rows` gave) and making `synthetic` images, measured with
    the mounted model, where there is one; else the base model is loaded, if it is on this machine. Raises
    FileNotFoundError: the base model is no folder, and nothing is known about it."""
    config, model, device = dive.config, dive.model, dive.device_asked
    if model is not None:
        seconds, memory, where = measure(model, table, device, pictures=synthetic > 0)
    elif is_here(config.base_model):
        model = DiveModel(load_base(config.base_model), build(table, config), config)
        seconds, memory, where = measure(model.to(devices.resolved(device)), table, device)
    elif config.base_model in stable_diffusion_15.HUB_IDS:
        model = DiveModel(stable_diffusion_15.build(), build(table, config), config)
        seconds, memory, where = {}, None, f"{config.base_model} is not on this machine yet, the first run fetches it"
    else:
        raise FileNotFoundError(
            f"base_model {config.base_model!r} is neither a folder nor downloaded: nothing can be said about it yet."
        )
    trained = sum(parameter.numel() for group in model.trained().values() for parameter in group)
    words, length = model.vocabulary, steps_text(config.steps, config.published_length()["steps"])
    about = (
        f"{len(words.identities):,} people in {len(words.views)} views; {length} of {config.batch} images at "
        f"{config.height} x {config.width}; {len(words.branches)} LoRA branches, {trained / 1e6:,.1f} million "
        "parameters trained"
    )
    drawn = synthetic
    if synthetic and config.tone == "cameras":  # each process draws the pictures of all curves
        cameras, people = table.loc[table["modality"] == "infrared", "camera"].nunique(), len(tone.people(table))
        drawn += cameras * tone.each(people) * people * processes.count()
    times = {"latents": len(table), "training": config.steps, "sampling": drawn}
    spent = {name: seconds[name] * count for name, count in times.items() if name in seconds}
    disk = disk_bytes(len(table), synthetic, config.height, config.width, trained, trained)
    values = model.base.vae.config.latent_channels * math.prod(latent_size(model, config.height, config.width))
    disk["latents"] = len(table) * 2 * 2 * values * 2  # mean and deviation, and mirrored; two bytes each
    return Estimate(len(table), about, config.steps, synthetic, spent, where, memory, disk)


def measure(
    model: DiveModel, table: pd.DataFrame, device: str | None = None, *, pictures: bool = True
) -> tuple[dict[str, float], int | None, str]:
    """Seconds of an image's "latents" with its mirror image's, a step of "training" and (if asked for) an image's
    "sampling" with a mounted model, whose weights stay bit for bit; bytes of memory, None if unknown; the device, or
    why nothing was measured."""
    config, base, seconds = model.config, model.base, {}
    place = base.unet.device
    if place.type == "cpu" and sum(parameter.numel() for parameter in base.unet.parameters()) > LARGE:
        return {}, None, f"a single step of so large a model takes minutes on {place_name(place)}"
    if pictures:  # from the times of two and of four solver steps, which differ by the denoiser alone
        first = table[table["modality"] == "infrared"].iloc[0]
        requests = [Request(first["identity"], first["camera"], seed) for seed in range(config.sampling_batch)]
        blank = np.zeros((len(requests), config.height, config.width, 3), np.uint8)
        start = blank if config.start == "image" else None
        few, more = (timed(lambda n=n: sample(model, requests, images=start, steps=n), place, times=1) for n in (2, 4))
        whole = few + (config.sampling_steps - 2) * max(more - few, 0) / 2
        seconds["sampling"] = whole / len(requests) / processes.count()
    size = latent_size(model, config.height, config.width)
    blank = np.broadcast_to(np.float16(0), (len(table), 2, base.vae.config.latent_channels, *size))
    task, modules = DiveTask(model, table, Latents(blank, blank, "")), [base.unet, base.text, base.vae]
    try:  # a step at a learning rate of zero
        costs, fixed = step_costs(task, modules, [0], config.precision, device, learns=False)
    finally:
        for parameter in task.trained():
            parameter.grad = None
    seconds["training"], memory = costs[0]
    pixels = torch.zeros(8, 3, config.height, config.width, device=place)
    with torch.no_grad():
        seconds["latents"] = timed(lambda: base.vae.encode(pixels), place) * 2 / len(pixels)
    return seconds, memory + fixed, place_name(place)
