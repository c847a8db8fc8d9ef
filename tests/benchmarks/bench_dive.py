"""DiVE against the straightforward form, in images per second: fine-tuning (images decoded and VAE-encoded at each
step, the whole embedding table in Adam and restored afterwards, peft's LoRA, eager, fp16 autocast on a GPU) and
sampling (a `StableDiffusionPipeline` prompt by prompt). On a CPU the seconds are those that one thread computes, so
that other programs do not count.

Fine-tuning is timed with a LoRA branch for each code, as in DiVE's paper, and with one for all, as in its released
code. peft trains one adapter at a time and refuses a batch of several: with branches, the straightforward form goes
through the batch branch by branch.

Run: `python tests/benchmarks/bench_dive.py` (the miniature model, as profile `mini` trains it), or with `--size sd15`
on a GPU: Stable Diffusion 1.5's architecture with random weights, batch 16, 512×256, as profile `sysu` trains it.
Prints ratios, the losses of both from the same start and seeds, pictures' difference and, on a GPU, memory and the
share of the measured bf16 matrix rate that the model's own operations reach.
"""

import argparse
import gc
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from PIL import Image
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import generator_config
from vireid_lib.generators.dive import prompts, stable_diffusion_15
from vireid_lib.generators.dive.base import LOGGING, Base, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask, diffuse
from vireid_lib.generators.dive.latents import encode
from vireid_lib.generators.dive.lora import target_names
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import Request, latent_size, sample
from vireid_lib.generators.dive.tokens import load_bank
from vireid_lib.miniworld import write
from vireid_lib.training.loop import accelerator_for

WARM_UP = 2
PROFILES = {"mini": "mini", "sd15": "sysu"}


class Straightforward:
    """A training step as the usual fine-tuning script writes it; starts as `DiveTask` does, draws what it draws."""

    def __init__(
        self, base: Base, words: prompts.Vocabulary, config: DiveConfig, table: pd.DataFrame, device: torch.device
    ) -> None:
        self.base, self.config, self.device, self.paths = base, config, device, table["path"].to_numpy()
        self.branches = words.branches
        plain = DiveModel(load(config, device), words, config)  # for prompts and the start
        base.tokenizer.add_tokens([name for who in plain.tokens.identities for name in plain.tokens.names(who)])
        known = len(base.text.get_input_embeddings().weight)
        base.text.resize_token_embeddings(len(base.tokenizer), mean_resizing=False)
        self.table = base.text.get_input_embeddings().weight.requires_grad_(True)
        self.table.data[known:] = plain.rows.rows.detach().to(device)
        self.before, self.new = self.table.detach().clone(), torch.arange(len(self.table), device=device) >= known
        names = target_names(base.unet, config.lora_targets)
        for branch in self.branches:
            adapter = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_rank, target_modules=names)
            base.unet.add_adapter(adapter, adapter_name=branch)
        for name, layer in plain.branches.layers.items():
            for index, branch in enumerate(self.branches):
                base.unet.get_submodule(name).lora_A[branch].weight.data.copy_(layer.kernel(index).detach())
        lora = [parameter for name, parameter in base.unet.named_parameters() if ".lora_" in name]
        for parameter in lora:  # as in ours, Adam counts a branch's steps from the first on, with images or without
            parameter.grad = torch.zeros_like(parameter)
        self.trained = [*lora, self.table]
        groups = [{"params": lora, "lr": config.learning_rate}, {"params": [self.table], "lr": config.token_rate}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)
        self.scaler = torch.amp.GradScaler(enabled=device.type == "cuda")
        self.prompts = plain.prompts(table["identity"].tolist(), camera_keys(table, words))
        self.alphas = base.schedule.alphas_cumprod.to(device)

    def pixels(self, row: int, mirrored: bool) -> torch.Tensor:
        """One image, decoded and resized now."""
        image = Image.open(self.paths[row]).convert("RGB")
        values = np.asarray(image.resize((self.config.width, self.config.height), Image.Resampling.BILINEAR))
        values = torch.from_numpy(values.copy()).permute(2, 0, 1).float() / 127.5 - 1
        return values.flip(2) if mirrored else values

    def step(self, task: DiveTask, step: int) -> torch.Tensor:
        """Draws the batch that `task` draws; returns the loss."""
        draw, base, rows = task.generator(step, "batch"), self.base, task._rows(step)
        mirrored = torch.randint(2, (len(rows),), generator=draw) * self.config.flip
        images = torch.stack([self.pixels(int(r), bool(m)) for r, m in zip(rows, mirrored, strict=True)])
        prompts = [self.prompts[row] for row in rows]
        ids = base.tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids.to(self.device)
        for group, ours in zip(self.optimizer.param_groups, task.optimizers["adam"].param_groups, strict=True):
            group["lr"] = ours["lr"]  # the schedule's
        self.optimizer.zero_grad(set_to_none=False)  # a branch without images moves on by its momentum, as ours does
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"), torch.no_grad():
            posterior = base.vae.encode(images.to(self.device)).latent_dist
            spread = torch.randn(posterior.mean.shape, generator=draw).to(self.device)
            clean = (posterior.mean + posterior.std * spread) * base.vae.config.scaling_factor
        noise = torch.randn(clean.shape, generator=draw).to(self.device)
        times = torch.randint(len(self.alphas), (len(rows),), generator=draw).to(self.device)
        noised, target = diffuse(clean.float(), noise, self.alphas[times], base.prediction)
        total = torch.zeros((), device=self.device)
        branch = task.branch[rows].to(self.device)
        for index in branch.unique().tolist():
            base.unet.set_adapter(self.branches[index])
            part = branch == index
            with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
                states = base.text(ids[part]).last_hidden_state
                predicted = base.unet(noised[part], times[part], states).sample
                loss = functional.mse_loss(predicted.float(), target[part]) * part.float().mean()
            self.scaler.scale(loss).backward()
            total += loss.detach()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.trained, self.config.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():
            self.table[~self.new] = self.before[~self.new]
        return total


def load(config: DiveConfig, device: torch.device) -> Base:
    """A fresh base model; the same weights at each call."""
    if config.base_model != "mini":
        return stable_diffusion_15.build(str(device))
    base = load_base("mini")
    for module in (base.text, base.unet, base.vae):
        module.to(device)
    return base


def held(device: torch.device) -> int:
    """Bytes that are in use on the GPU now, by whatever was made before; a new peak is looked for from here on."""
    gc.collect()
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def peak(device: torch.device, before: int) -> str:
    """Largest memory in use since `held`, beyond `before`; a recording's is in use while it is made."""
    return f"{(torch.cuda.max_memory_allocated(device) - before) / 1e9:6.1f} GB" if device.type == "cuda" else ""


def per_second(work: Callable[[int], object], times: int, each: int, device: torch.device) -> float:
    """Images a second of `work`."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    for turn in range(times + WARM_UP):
        if turn == WARM_UP:
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            began = clock()
        work(turn)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return times * each / (clock() - began)


def corrections(_: torch.Size, one: torch.Size, other: torch.Size, **rest: object) -> int:
    """Operations of `baddbmm_`, which torch's counter does not know."""
    return 2 * one[0] * one[1] * one[2] * other[2]


def matrix_rate(device: torch.device) -> float:
    """Operations a second of large bf16 matrix products, measured."""
    one = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    return per_second(lambda _: one @ one, 20, 2 * 8192**3, device)


def training(config: DiveConfig, table: pd.DataFrame, folder: Path, device: torch.device, steps: int) -> None:
    """Both forms of a step, one after the other in the same process."""
    words, losses = prompts.build(table, config), {"ours": [], "straightforward": []}
    before = held(device)
    model = DiveModel(load(config, device), words, config)
    size = config.height, config.width
    latents = encode(table["path"].tolist(), model.base.vae, size, cache=folder, progress=False)
    held(device)  # the encoding's memory is not the training's
    task, accelerator = DiveTask(model, table, latents), accelerator_for(config.precision, device.type)
    task.bind(accelerator, config.seed)
    task.prepare(accelerator)

    def ours(step: int) -> None:
        task.before_step(step)
        losses["ours"].append(task.step(accelerator, step)["total"])

    fast = per_second(ours, steps, config.batch, device)
    print(f"fine-tuning, ours             {fast:8.2f} images/s  {peak(device, before)}")
    task.modules["predictor"].training = False  # what was recorded in training runs anew, for the counter to see
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: corrections}) as counter:
        ours(steps + WARM_UP)
    task.modules["predictor"].training = True
    each = counter.get_total_flops() / config.batch
    print(f"  {each / 1e9:.1f} gigaflop an image, {each * fast / 1e12:.3g} teraflop/s")
    if device.type == "cuda":
        rate = matrix_rate(device)
        print(f"  of {rate / 1e12:.0f} measured with bf16 matrices: {100 * each * fast / rate:.0f} % utilised")
    before = held(device)
    plain = Straightforward(load(config, device), words, config, table, device)

    def theirs(step: int) -> None:
        task.before_step(step)  # sets the schedule's rates, which both follow
        losses["straightforward"].append(plain.step(task, step))

    slow = per_second(theirs, steps, config.batch, device)
    print(f"fine-tuning, straightforward  {slow:8.2f} images/s  {peak(device, before)}   ratio {fast / slow:.2f}")
    one, other = (torch.stack(losses[name][: steps + WARM_UP]).cpu() for name in ("ours", "straightforward"))
    print(f"  losses from the same start and seeds, {(one - other).abs().max():.4f} apart at most:")
    for step in np.linspace(0, len(one) - 1, 6).astype(int).tolist():
        print(f"    step {step + 1:4d}   ours {one[step]:.4f}   straightforward {other[step]:.4f}")
    task.release(accelerator)


def sampling(config: DiveConfig, table: pd.DataFrame, folder: Path, device: torch.device, images: int) -> None:
    """A batch of ours against one prompt at a time, of the same seeds."""
    before = held(device)
    model = DiveModel(load(config, device), prompts.build(table, config), config).to(device)
    for layer in model.branches.layers.values():  # as if trained: a correction that is not zero
        torch.nn.init.normal_(layer.up, std=0.02)
    model.save(folder)
    camera = table.loc[table["modality"] == "infrared", "camera"].iloc[0]
    people = model.vocabulary.identities
    requests = [Request(people[n % len(people)], camera, n) for n in range(images)]
    pictures = []

    def batched(_: int) -> None:
        size = config.sampling_batch
        pictures[:] = np.concatenate([sample(model, requests[i : i + size]) for i in range(0, images, size)])

    fast = per_second(batched, 1, images, device)
    print(f"sampling, ours                {fast:8.2f} images/s  {peak(device, before)}")
    before = held(device)
    base = load(config, device)
    pipeline = StableDiffusionPipeline(
        vae=base.vae,
        text_encoder=base.text,
        tokenizer=base.tokenizer,
        unet=base.unet,
        safety_checker=None,
        scheduler=sampler(base.schedule, config.timestep_spacing),
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_textual_inversion(load_bank(folder / "tokens.safetensors"))
    pipeline.load_lora_weights(
        folder / "lora" / model.vocabulary.branch_of_view[model.vocabulary.view(camera)],
        weight_name="pytorch_lora_weights.safetensors",
    )
    pipeline.to(device, torch.float16 if device.type == "cuda" else torch.float32)
    latent = base.unet.config.in_channels, *latent_size(model, config.height, config.width)
    theirs = []

    def one(turn: int) -> None:
        request = requests[turn % images]
        prompt = f"a {model.vocabulary.code(camera)} photo of {model.tokens.placeholders[request.identity]} person"
        # Drawn as the pipeline would in single precision: in half precision, a seed gives other numbers.
        noise = torch.randn((1, *latent), generator=torch.Generator().manual_seed(request.seed))
        theirs.append(
            pipeline(
                prompt,
                height=config.height,
                width=config.width,
                num_inference_steps=config.sampling_steps,
                guidance_scale=config.guidance,
                latents=noise.to(device, pipeline.dtype),
                output_type="np",
            ).images[0]
        )

    slow = per_second(one, images - WARM_UP, 1, device)
    print(f"sampling, prompt by prompt    {slow:8.2f} images/s  {peak(device, before)}   ratio {fast / slow:.2f}")
    apart = np.abs(np.stack(theirs) * 255 - np.stack(pictures))
    print(f"  same seeds: pictures differ by {apart.mean():.2f} grey levels on average, {apart.max():.0f} at most")


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=sorted(PROFILES), default="mini")
    parser.add_argument("--scope", choices=("per_modality", "shared"), help="one of both LoRA scopes alone")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--images", type=int, default=32)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # a run that is cut off has said what it found
    warnings.filterwarnings("ignore", "Already found a `peft_config`")  # peft, of several adapters
    for logging in LOGGING:
        logging.set_verbosity_error()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    profile = generator_config(load_profile(PROFILES[options.size]), "dive")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "one CPU thread"
    with tempfile.TemporaryDirectory() as place:
        roots = write.make(Path(place), seed=0, size="small")
        target, external = (read_dataset(name, roots[name]) for name in ("mini_vi", "mini_market"))
        external = external[external["split"] == "train"].assign(split="external")
        table = tables.concat(tables.training_rows(target), external)
        for scope in [options.scope] if options.scope else ["per_modality", "shared"]:
            config = profile.model_copy(update={"lora_scope": scope})
            print(f"{options.size}, {config.height}×{config.width}, batch {config.batch}, LoRA {scope}, on {name}")
            training(config, table, Path(place) / "work", device, options.steps)
        sampling(profile, table, Path(place) / "work", device, options.images)


if __name__ == "__main__":
    main()
