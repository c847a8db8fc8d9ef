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
from vireid_lib.data.images import to_float
from vireid_lib.data.layouts import read_dataset
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.settings import generator_config
from vireid_lib.generators.dive import prompts, stable_diffusion_15
from vireid_lib.generators.dive.base_model import LOGGING, Base, load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.finetune import DiveTask, diffuse
from vireid_lib.generators.dive.latents import encode
from vireid_lib.generators.dive.lora import target_names
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.generators.dive.sample import Request, latent_size, sample
from vireid_lib.generators.dive.tokens import load_bank
from vireid_lib.miniworld import write
from vireid_lib.training.loop import accelerator_for

WARM_UP = 2
PROFILES = {"mini": "mini", "sd15": "sysu"}
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"


class Straightforward:
    """A training step as the usual fine-tuning script writes it; starts as `DiveTask` does, draws what it draws."""

    def __init__(self, base: Base, words: prompts.Vocabulary, config: DiveConfig, table: pd.DataFrame) -> None:
        self.base, self.config, self.branches, self.paths = base, config, words.branches, table["path"].to_numpy()
        plain = DiveModel(load(config), words, config)  # for prompts and the start
        base.tokenizer.add_tokens([name for who in plain.tokens.identities for name in plain.tokens.names(who)])
        known = len(base.text.get_input_embeddings().weight)
        base.text.resize_token_embeddings(len(base.tokenizer), mean_resizing=False)
        self.table = base.text.get_input_embeddings().weight.requires_grad_(True)
        self.table.data[known:] = plain.rows.rows.detach().to(DEVICE)
        self.before, self.new = self.table.detach().clone(), torch.arange(len(self.table), device=DEVICE) >= known
        names = target_names(base.unet, config.lora_targets)
        for index, branch in enumerate(self.branches):
            adapter = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_rank, target_modules=names)
            base.unet.add_adapter(adapter, adapter_name=branch)
            for name, layer in plain.branches.layers.items():
                base.unet.get_submodule(name).lora_A[branch].weight.data.copy_(layer.kernel(index).detach())
        lora = [parameter for name, parameter in base.unet.named_parameters() if ".lora_" in name]
        for parameter in lora:  # as in ours, Adam counts a branch's steps from the first on, with images or without
            parameter.grad = torch.zeros_like(parameter)
        self.trained = [*lora, self.table]
        groups = [{"params": lora, "lr": config.learning_rate}, {"params": [self.table], "lr": config.token_rate}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.0)
        self.scaler = torch.amp.GradScaler(enabled=ON_GPU)
        self.prompts = plain.prompts(table["identity"].tolist(), prompts.camera_keys(table, words))
        self.alphas = base.schedule.alphas_cumprod.to(DEVICE)

    def step(self, task: DiveTask, step: int) -> torch.Tensor:
        """Draws the batch that `task` draws; returns the loss."""
        draw, base, rows = task.generator(step, "batch"), self.base, task._rows(step)
        mirrored = torch.randint(2, (len(rows), 1, 1, 1), generator=draw).bool() & self.config.flip
        size = self.config.width, self.config.height
        images = [Image.open(path).convert("RGB").resize(size, Image.Resampling.BILINEAR) for path in self.paths[rows]]
        images = to_float(np.stack(images)) * 2 - 1
        images = torch.where(mirrored, images.flip(3), images).to(DEVICE)
        told = [self.prompts[row] for row in rows]
        ids = base.tokenizer(told, padding="max_length", return_tensors="pt").input_ids.to(DEVICE)
        for group, ours in zip(self.optimizer.param_groups, task.optimizers["adam"].param_groups, strict=True):
            group["lr"] = ours["lr"]  # the schedule's
        self.optimizer.zero_grad(set_to_none=False)  # a branch without images moves on by its momentum, as ours does
        with torch.autocast(DEVICE.type, torch.float16, enabled=ON_GPU), torch.no_grad():
            posterior = base.vae.encode(images).latent_dist
            spread = torch.randn(posterior.mean.shape, generator=draw).to(DEVICE)
            clean = (posterior.mean + posterior.std * spread) * base.vae.config.scaling_factor
        noise = torch.randn(clean.shape, generator=draw).to(DEVICE)
        times = torch.randint(len(self.alphas), (len(rows),), generator=draw).to(DEVICE)
        noised, target = diffuse(clean.float(), noise, self.alphas[times], base.prediction)
        total, branch = torch.zeros((), device=DEVICE), task.branch[rows].to(DEVICE)
        for index in branch.unique().tolist():
            base.unet.set_adapter(self.branches[index])
            part = branch == index
            with torch.autocast(DEVICE.type, torch.float16, enabled=ON_GPU):
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


def load(config: DiveConfig) -> Base:
    """A fresh base model; the same weights at each call."""
    base = load_base("mini") if config.base_model == "mini" else stable_diffusion_15.build(str(DEVICE))
    for module in (base.text, base.unet, base.vae):
        module.to(DEVICE)
    return base


def held() -> int:
    """Bytes that are in use on the GPU now, by whatever was made before; a new peak is looked for from here on."""
    gc.collect()
    if not ON_GPU:
        return 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def peak(before: int) -> str:
    """Largest memory in use since `held`, beyond `before`; a recording's is in use while it is made."""
    return f"{(torch.cuda.max_memory_allocated() - before) / 1e9:6.1f} GB" if ON_GPU else ""


def now() -> float:
    if ON_GPU:
        torch.cuda.synchronize()
    return time.perf_counter() if ON_GPU else time.process_time()


def per_second(work: Callable[[int], object], times: int, each: int) -> float:
    """Images a second of `work`."""
    for turn in range(times + WARM_UP):
        if turn == WARM_UP:
            began = now()
        work(turn)
    return times * each / (now() - began)


def corrections(_: torch.Size, one: torch.Size, other: torch.Size, **rest: object) -> int:
    """Operations of `baddbmm_`, which torch's counter does not know."""
    return 2 * one[0] * one[1] * one[2] * other[2]


def training(config: DiveConfig, table: pd.DataFrame, folder: Path, steps: int) -> None:
    """Both forms of a step, one after the other in the same process."""
    words, ours, theirs = prompts.build(table, config), [], []
    before = held()
    model = DiveModel(load(config), words, config)
    size = config.height, config.width
    latents = encode(table["path"].tolist(), model.base.vae, size, cache=folder, progress=False)
    held()  # the encoding's memory is not the training's
    task, accelerator = DiveTask(model, table, latents), accelerator_for(config.precision, DEVICE.type)
    task.bind(accelerator, config.seed)
    task.prepare(accelerator)

    def quick(step: int) -> None:
        task.before_step(step)
        ours.append(task.step(accelerator, step)["total"])

    fast = per_second(quick, steps, config.batch)
    print(f"fine-tuning, ours             {fast:8.2f} images/s  {peak(before)}")
    task.modules["predictor"].training = False  # what was recorded in training runs anew, for the counter to see
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: corrections}) as counter:
        quick(steps + WARM_UP)
    task.modules["predictor"].training = True
    each = counter.get_total_flops() / config.batch
    print(f"  {each / 1e9:.1f} gigaflop an image, {each * fast / 1e12:.3g} teraflop/s")
    if ON_GPU:
        matrix = torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16)
        rate = per_second(lambda _: matrix @ matrix, 20, 2 * 8192**3)
        print(f"  of {rate / 1e12:.0f} measured with bf16 matrices: {100 * each * fast / rate:.0f} % utilised")
    before = held()
    plain = Straightforward(load(config), words, config, table)

    def slowly(step: int) -> None:
        task.before_step(step)  # sets the schedule's rates, which both follow
        theirs.append(plain.step(task, step))

    slow = per_second(slowly, steps, config.batch)
    print(f"fine-tuning, straightforward  {slow:8.2f} images/s  {peak(before)}   ratio {fast / slow:.2f}")
    losses = pd.DataFrame({"ours": ours[: len(theirs)], "straightforward": theirs}, dtype=float)
    apart = (losses["ours"] - losses["straightforward"]).abs().max()
    print(f"  losses from the same start and seeds, {apart:.4f} apart at most:")
    losses.index = "    step " + (losses.index + 1).astype(str)
    print(losses.iloc[np.linspace(0, len(losses) - 1, 6).astype(int)].round(4).to_string())
    task.release(accelerator)


def sampling(config: DiveConfig, table: pd.DataFrame, folder: Path, images: int) -> None:
    """A batch of ours against one prompt at a time, of the same seeds."""
    before = held()
    model = DiveModel(load(config), prompts.build(table, config), config).to(DEVICE)
    for layer in model.branches.layers.values():  # as if trained: a correction that is not zero
        torch.nn.init.normal_(layer.up, std=0.02)
    model.save(folder)
    camera = table.loc[table["modality"] == "infrared", "camera"].iloc[0]
    words, people = model.vocabulary, model.vocabulary.identities
    requests = [Request(people[n % len(people)], camera, n) for n in range(images)]
    pictures, theirs = [], []

    def batched(_: int) -> None:
        size = config.sampling_batch
        pictures[:] = np.concatenate([sample(model, requests[i : i + size]) for i in range(0, images, size)])

    fast = per_second(batched, 1, images)
    print(f"sampling, ours                {fast:8.2f} images/s  {peak(before)}")
    before, base = held(), load(config)
    parts = {"vae": base.vae, "text_encoder": base.text, "tokenizer": base.tokenizer, "unet": base.unet}
    parts |= {"scheduler": sampler(base.schedule, config.timestep_spacing)}
    parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = StableDiffusionPipeline(**parts)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_textual_inversion(load_bank(folder / "tokens.safetensors"))
    branch = folder / "lora" / words.branch_of_view[words.view(camera)]
    pipeline.load_lora_weights(branch, weight_name="pytorch_lora_weights.safetensors")
    pipeline.to(DEVICE, torch.float16 if ON_GPU else torch.float32)
    latent = base.unet.config.in_channels, *latent_size(model, config.height, config.width)
    how = {"height": config.height, "width": config.width, "num_inference_steps": config.sampling_steps}
    how |= {"guidance_scale": config.guidance, "output_type": "np"}

    def one(turn: int) -> None:
        request = requests[turn % images]
        prompt = f"a {words.code(camera)} photo of {model.tokens.placeholders[request.identity]} person"
        # Drawn as the pipeline would in single precision: in half precision, a seed gives other numbers.
        noise = torch.randn((1, *latent), generator=torch.Generator().manual_seed(request.seed))
        theirs.append(pipeline(prompt, latents=noise.to(DEVICE, pipeline.dtype), **how).images[0])

    slow = per_second(one, images - WARM_UP, 1)
    print(f"sampling, prompt by prompt    {slow:8.2f} images/s  {peak(before)}   ratio {fast / slow:.2f}")
    apart = np.abs(np.stack(theirs) * 255 - np.stack(pictures))
    print(f"  same seeds: pictures differ by {apart.mean():.2f} grey levels on average, {apart.max():.0f} at most")


def main() -> None:
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
    torch.set_num_threads(1)
    profile = generator_config(load_profile(PROFILES[options.size]), "dive")
    name = torch.cuda.get_device_name() if ON_GPU else "one CPU thread"
    with tempfile.TemporaryDirectory() as place:
        roots, work = write.make(Path(place), seed=0, size="small"), Path(place) / "work"
        target, external = (read_dataset(name, roots[name]) for name in ("mini_vi", "mini_market"))
        external = external[external["split"] == "train"].assign(split="external")
        table = tables.concat(tables.training_rows(target), external)
        for scope in [options.scope] if options.scope else ["per_modality", "shared"]:
            config = profile.model_copy(update={"lora_scope": scope})
            print(f"{options.size}, {config.height}×{config.width}, batch {config.batch}, LoRA {scope}, on {name}")
            training(config, table, work, options.steps)
        sampling(profile, table, work, options.images)


if __name__ == "__main__":
    main()
