"""Pre-train the miniature Stable Diffusion that plays the part of Stable Diffusion 1.5 in the embedded book.

From top to bottom: the recipe, whose defaults are those of the shipped model; captioned pictures of people of no data
set; the networks; what each is trained for; and `pretrain`, which does all of it. The model sees visible pictures of
people of its own seed stream by random cameras: no infrared picture, and no identity of the miniature data sets.
"""

import json
import math
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from vireid_lib.data.augment import luminance
from vireid_lib.data.contents import write_atomically, written_aside
from vireid_lib.data.grey import LUMINANCE, grey
from vireid_lib.data.text import read_json
from vireid_lib.miniworld.backgrounds import STYLES
from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
from vireid_lib.miniworld.captions import SLOTS, Captioner, Pixels, by_slot, caption, parse, to_signed, vocabulary
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render
from vireid_lib.training import devices, seeds
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.loop import train
from vireid_lib.training.progress import Progress
from vireid_lib.training.task import Task
from vireid_lib.training.weights import BESIDE

Images = Float[Tensor, "n 3 h w"]  # in -1..1
Latents = Float[Tensor, "n c h w"]
Recipe = SimpleNamespace

# ---- The recipe


def recipe(**changes: Any) -> Recipe:
    """The shipped model's settings, which its folder's README explains, a namespace for the bank and each network;
    `recipe(denoiser={"steps": 24_000})` has some changed. Raises ValueError: there is no such setting."""
    found = read_json(Path(__file__).parent / "base_model" / "recipe.json")["config"]
    found["denoiser"].setdefault("monochrome", 0.0)  # younger than the model
    found["seed"] = changes.pop("seed", found["seed"])
    for name, change in changes.items():
        known = found.get(name, {})
        if unknown := change.keys() - known.keys():
            raise ValueError(f"{name} has no setting {min(unknown)!r}; it has {', '.join(known) or 'none'}.")
        found[name] |= change
    return json.loads(json.dumps(found), object_hook=lambda part: Recipe(**part))


def values(config: Recipe) -> dict[str, Any]:
    return json.loads(json.dumps(config, default=vars))


# ---- The pictures


class Bank(NamedTuple):
    """One picture of each person of a stream: pixels (memory-mapped), captions, kinds of place (e.g. "street")."""

    pixels: Pixels
    captions: list[str]
    scenes: list[str]


def build_bank(folder: Path, count: int, *, seed: int, purpose: str, height: int, width: int) -> Bank:
    """Draw `count` people of the stream `purpose`, each before a random visible camera, or open what `folder` holds."""
    file, words = folder / "pixels.npy", folder / "captions.json"
    if not words.exists():  # written last
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, len(purpose), 7])
        people = list(islice(people_stream(seed, purpose), count))
        views = [sample_view(rng, random_visible_camera(rng)) for _ in people]
        pixels = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, height, width, 3))
        with Progress(count, f"pictures of the {purpose} stream", unit="pictures") as line:
            for start in range(0, count, 512):
                part = slice(start, start + 512)
                # Drawn at twice the size, as the data sets are on disk, and reduced as they are when they are read.
                drawn = render(people[part], views[part], height=2 * height, width=2 * width, modality="visible")
                pixels[part] = (drawn.reshape(-1, height, 2, width, 2, 3).mean((2, 4)) + 0.5).astype(np.uint8)
                line.update(start + len(drawn))
        pixels.flush()
        told = {"captions": [caption(person) for person in people], "scenes": [view.camera.style for view in views]}
        write_atomically(words, json.dumps(told).encode())
    return Bank(np.load(file, mmap_mode="r"), **json.loads(words.read_text()))


@torch.no_grad()
def encode_bank(vae: AutoencoderKL, bank: Bank, file: Path) -> np.ndarray:
    """Latents of each picture and of its mirror image, float16 [images, 2, channels, height, width], kept in `file`.
    Not scaled."""
    count, parts = len(bank.captions), []
    if not file.exists():
        with Progress(count, "latents of the bank", unit="pictures") as line:
            for start in range(0, count, 16):
                images = to_signed(bank.pixels[start : start + 16]).to(vae.device)
                latents = vae.encode(torch.stack([images, images.flip(3)], 1).flatten(0, 1)).latent_dist.mean
                parts.append(latents.unflatten(0, (-1, 2)).cpu().numpy().astype(np.float16))
                line.update(start + len(images))
        with written_aside(file) as own, open(own, "wb") as stream:
            np.save(stream, np.concatenate(parts))
    return np.load(file, mmap_mode="r")


# ---- The networks

MONOCHROME = "monochrome"  # what the prompt of a monochrome picture says besides


@contextmanager
def weights(seed: int, network: str) -> Iterator[None]:
    """Draw a network's first weights within the block; torch's global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, network))
        yield


def build_tokenizer(words: Iterable[str], *, max_length: int) -> CLIPTokenizer:
    """A small CLIP tokenizer: byte-pair encoding in which each of `words` (in lower case) is a single token. All 256
    bytes are in the vocabulary, so that a rare code such as "b8zBXKoH" is spelt in letters and no string is unknown. As
    CLIP's own, it ignores case, splits hyphened words, and pads with the end token up to `max_length`, start and end
    included."""
    pieces = sorted({piece for word in words for piece in re.findall(r"[^\W\d_]+|\d|[^\s\w]+", word.lower())})
    spelt = [" ".join([*piece[:-1], piece[-1] + "</w>"]) for piece in pieces if piece.isascii()]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for word in spelt for pair in pairwise(word.split())):
        merges.append(min(pairs, key=lambda pair: (-pairs[pair], pair)))  # the most frequent neighbours
        both = re.compile(rf"(?<!\S){re.escape(' '.join(merges[-1]))}(?!\S)")
        spelt = [both.sub(lambda found: found[0].replace(" ", ""), word) for word in spelt]
    letters, start, end = list(bytes_to_unicode().values()), "<|startoftext|>", "<|endoftext|>"
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges), start, end]
    special = dict(unk_token=end, bos_token=start, eos_token=end, pad_token=end)
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, **special, model_max_length=max_length)


def build_text(config: Recipe) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """The tokenizer over the captions' words, and a small text encoder for it; with a word for monochrome pictures, if
    there are any, whose row starts as that of "grey"."""
    own = config.text
    tokenizer = build_tokenizer([*vocabulary(), *STYLES, "a", "photo", "of", ","], max_length=own.length)
    sizes = dict(hidden_size=own.width, intermediate_size=2 * own.width, max_position_embeddings=own.length)
    sizes |= dict(num_hidden_layers=own.layers, num_attention_heads=own.heads, vocab_size=len(tokenizer))
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    with weights(config.seed, "text"):
        text = CLIPTextModel(CLIPTextConfig(hidden_act="gelu", **sizes, **special))
    if config.denoiser.monochrome:
        tokenizer.add_tokens([MONOCHROME])
        text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        rows = text.get_input_embeddings().weight.data
        rows[-1] = rows[tokenizer.convert_tokens_to_ids("grey</w>")]
    return tokenizer, text


def build_vae(config: Recipe) -> AutoencoderKL:
    """A small autoencoder, with two halvings in the shipped model, so that 64x32 pixels become 16x8 latents. Its
    residual branches start at zero, so that a high learning rate is safe."""
    own, levels = config.vae, len(config.vae.channels)
    blocks = dict(down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels)
    sizes = dict(sample_size=config.bank.height, latent_channels=own.latent_channels, block_out_channels=own.channels)
    sizes |= dict(layers_per_block=own.layers, norm_num_groups=own.groups)
    left_out = dict(mid_block_add_attention=False, use_quant_conv=False, use_post_quant_conv=False)
    with weights(config.seed, "vae"):
        vae = AutoencoderKL(in_channels=3, out_channels=3, **blocks, **sizes, **left_out)
    for name, parameter in vae.named_parameters():
        if ".conv2." in name:
            nn.init.zeros_(parameter)
    return vae


def build_unet(config: Recipe, latent_shape: tuple[int, int, int]) -> UNet2DConditionModel:
    """The U-Net for latents of shape (channels, height, width); the coarsest level has no cross-attention."""
    own, finer, (channels, *size) = config.denoiser, len(config.denoiser.channels) - 1, latent_shape
    blocks = dict(down_block_types=("CrossAttnDownBlock2D",) * finer + ("DownBlock2D",))
    blocks |= dict(up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * finer, sample_size=tuple(size))
    sizes = dict(block_out_channels=own.channels, layers_per_block=own.layers, norm_num_groups=own.groups)
    sizes |= dict(attention_head_dim=own.heads, cross_attention_dim=config.text.width)
    with weights(config.seed, "denoiser"):
        return UNet2DConditionModel(in_channels=channels, out_channels=channels, **blocks, **sizes)


def build_captioner(config: Recipe) -> Captioner:
    own, bank = config.captioner, config.bank
    with weights(config.seed, "captioner"):
        return Captioner(own.channels, squeezed=own.squeezed, hidden=own.hidden, height=bank.height, width=bank.width)


def build_scheduler(config: Recipe) -> DDIMScheduler:
    """The noise schedule; the network predicts v. It ends near zero signal (`beta_end`), so that a dark infrared
    picture can be learned later."""
    fixed = dict(num_train_timesteps=1000, beta_schedule="scaled_linear", prediction_type="v_prediction")
    fixed |= dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="trailing")
    return DDIMScheduler(beta_start=config.denoiser.beta_start, beta_end=config.denoiser.beta_end, **fixed)


# ---- What they are trained for


class Pretraining(Task):
    """Shares of all trainings: networks, their learning rate `rate(step)`, and the average of their weights, which is
    kept."""

    gradient_clip = 1.0

    def __init__(self, name: str, networks: dict[str, nn.Module], groups: Any, settings: Recipe, **adam: Any) -> None:
        super().__init__()
        self.name, self.modules, self.settings = name, networks, settings
        self.followed = nn.ModuleDict(networks)
        self.optimizers = {"adam": torch.optim.AdamW(groups, 0.0, **adam, fused=True)}
        self.extras = {"average": WeightAverage(self.followed, getattr(settings, "average", 0.998))}

    def before_step(self, step: int) -> None:
        for group in self.optimizers["adam"].param_groups:
            group["lr"] = self.rate(step)

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.followed)

    def cosine(self, step: int) -> float:
        return 0.5 + 0.5 * math.cos(math.pi * step / self.settings.steps)


class RoundTrip(nn.Module):
    """Encode, sample, decode in one forward, so that it runs in the loop's precision."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Images, noise: Latents) -> tuple[Images, Latents]:
        posterior = self.vae.encode(images).latent_dist
        divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar)
        return self.vae.decode(posterior.mean + posterior.std * noise).sample, divergence


class VaeTask(Pretraining):
    """Reconstruct visible pictures, some flipped, tinted or grey: L1 + squared error + a small KL term."""

    def __init__(self, vae: AutoencoderKL, bank: Bank, config: Recipe) -> None:
        adam = dict(betas=(0.9, 0.98), weight_decay=1e-4)
        super().__init__("autoencoder", {"round_trip": RoundTrip(vae)}, vae.parameters(), config.vae, **adam)
        self.bank, self.config = bank, vars(config.vae)

    def rate(self, step: int) -> float:
        return self.settings.learning_rate * (min(1, step / 200) * self.cosine(step)) + 1e-6

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, settings = self.generator(step, "batch"), self.settings
        rows = torch.randint(len(self.bank.captions), (settings.batch,), generator=draw)
        images = augment(to_signed(self.bank.pixels[rows.numpy()]), settings.grey, draw).to(self.device)
        factor = 2 ** (len(settings.channels) - 1)
        shape = (len(images), settings.latent_channels, images.shape[2] // factor, images.shape[3] // factor)
        noise = torch.randn(shape, generator=draw).to(self.device)
        restored, divergence = self.modules["round_trip"](images, noise)
        error = restored - images
        squared, absolute, kl = error.square().mean(), error.abs().mean(), divergence.mean()
        total = squared + settings.l1 * absolute + settings.kl * kl
        return {"total": total, "squared": squared, "absolute": absolute, "kl": kl}


def augment(images: Images, grey: float, draw: torch.Generator) -> Images:
    """Flip half, change brightness and colour of half, and make a share `grey` grey."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(len(images), *shape, generator=draw)

    images = torch.where(uniform(1, 1, 1) < 0.5, images.flip(3), images)
    gain = 1 + (uniform(3, 1, 1) - 0.5) * 0.4
    jittered = ((images + 1) * gain - 1 + (uniform(1, 1, 1) - 0.5) * 0.3).clamp(-1, 1)
    images = torch.where(uniform(1, 1, 1) < 0.5, jittered, images)
    return torch.where(uniform(1, 1, 1) < grey, luminance(images), images)


class DenoiserTask(Pretraining):
    """Predict v of scaled, noised latents from the prompt; text encoder and U-Net learn together. `vae` encodes the
    share of pictures that is made monochrome anew at each step."""

    def __init__(
        self,
        networks: dict[str, nn.Module],
        tokenizer: CLIPTokenizer,
        latents: np.ndarray,
        vae: AutoencoderKL,
        bank: Bank,
        config: Recipe,
    ) -> None:
        every = [parameter for network in networks.values() for parameter in network.parameters()]
        groups = [{"params": [p for p in every if p.ndim > 1]}]
        groups.append({"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0})
        super().__init__("denoiser", networks, groups, config.denoiser, betas=(0.9, 0.99), weight_decay=1e-2)
        self.latents, self.bank, self.tokenizer, self.vae = latents, bank, tokenizer, vae
        self.scale, self.scheduler = vae.config.scaling_factor, build_scheduler(config)
        self.config = values(config) | {"scale": self.scale}
        del self.config["captioner"]

    def rate(self, step: int) -> float:
        s = self.settings
        return s.learning_rate * min(1.0, (step + 1) / s.warmup, max(1e-2, (s.steps - step) / (s.decay * s.steps)))

    def prepare(self, accelerator: Accelerator) -> None:
        self.vae.to(accelerator.device)
        super().prepare(accelerator)

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, count = self.generator(step, "batch"), self.settings.batch
        rows = torch.randint(len(self.bank.captions), (count,), generator=draw).numpy()
        flips = torch.randint(2, (count,), generator=draw).numpy()
        clean = torch.from_numpy(self.latents[rows, flips].astype(np.float32)) * self.scale
        grey = self._make_monochrome(clean, rows, flips, step)
        rng = np.random.default_rng(seeds.integer(self.seed, self.process, step, "prompts"))
        told = [(self.bank.captions[row], self.bank.scenes[row], self.settings, rng) for row in rows]
        prompts = [write_prompt(*each, monochrome=turned) for each, turned in zip(told, grey, strict=True)]
        ids = self.tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
        noise = torch.randn(clean.shape, generator=draw)
        times = torch.randint(self.scheduler.config.num_train_timesteps, (count,), generator=draw)
        noised = self.scheduler.add_noise(clean, noise, times)
        target = self.scheduler.get_velocity(clean, noise, times)
        states = self.modules["text"](ids.to(self.device)).last_hidden_state
        predicted = self.modules["unet"](noised.to(self.device), times.to(self.device), states).sample
        return {"total": functional.mse_loss(predicted, target.to(self.device))}

    @torch.no_grad()
    def _make_monochrome(self, clean: Latents, rows: np.ndarray, flips: np.ndarray, step: int) -> list[bool]:
        """Put the latents of monochrome pictures in the place of a share of `clean`; returns of which."""
        draw = self.generator(step, "monochrome")  # of its own, so that all else is drawn as without
        chosen = torch.rand(len(rows), generator=draw) < self.settings.monochrome
        if chosen.any():
            images = to_signed(self.bank.pixels[rows[chosen.numpy()]])
            flipped = torch.from_numpy(flips)[chosen].bool().view(-1, 1, 1, 1)
            images = monochrome(torch.where(flipped, images.flip(3), images), draw)
            clean[chosen] = self.vae.encode(images.to(self.device)).latent_dist.mean.cpu() * self.scale
        return chosen.tolist()


def monochrome(images: Images, draw: torch.Generator) -> Images:
    """Photographs in monochrome, each by another film and camera: the weights of the colours, the exposure, the tone
    curve, the contrast and the grain are drawn."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=draw)

    shares = torch.exp(0.5 * torch.randn(len(images), 3, 1, 1, generator=draw))
    shares = shares * torch.tensor(LUMINANCE).view(1, 3, 1, 1)
    grey = ((images / 2 + 0.5) * shares).sum(1, keepdim=True) / shares.sum(1, keepdim=True)
    grey = (grey * uniform(0.6, 1.4)).clamp(0, 1) ** uniform(0.6, 1.6)
    grey = 0.5 + uniform(0.7, 1.2) * (grey - 0.5)
    grey = grey + uniform(0.0, 0.04) * torch.randn(grey.shape, generator=draw)
    return (grey.clamp(0, 1) * 2 - 1).expand(-1, 3, -1, -1)


def write_prompt(
    caption: str, scene: str, settings: Recipe, rng: np.random.Generator, *, monochrome: bool = False
) -> str:
    """The training prompt of a caption: with or without the scene, sometimes shortened, sometimes empty."""
    if rng.uniform() < settings.drop_caption:
        return ""
    if rng.uniform() < settings.shorten:
        head, worn = caption.split(" wearing ")
        kept = [item for item in worn.split(", ") if rng.uniform() < 0.6]
        rng.shuffle(kept)
        head = head if rng.uniform() < 0.6 else "person"
        caption = f"{head} wearing {', '.join(kept)}" if kept else head
    kinds = [MONOCHROME] * monochrome + [scene] * (rng.uniform() < settings.name_scene)
    return " ".join(["a", *kinds, "photo of", caption])


ABSENT = -100  # a label that no loss counts


class CaptionerTask(Pretraining):
    """Name the words of each picture's caption; half of the pictures are mirrored."""

    def __init__(self, network: Captioner, bank: Bank, config: Recipe) -> None:
        adam = dict(betas=(0.9, 0.98), weight_decay=1e-2)
        super().__init__("captioner", {"captioner": network}, network.parameters(), config.captioner, **adam)
        self.bank, self.labels = bank, labels(bank.captions[: self.settings.images])
        self.config = {name: values(config)[name] for name in ("seed", "bank", "captioner")}

    def rate(self, step: int) -> float:
        return self.settings.learning_rate * (min(1, (step + 1) / 100) * self.cosine(step))

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, count = self.generator(step, "batch"), self.settings.batch
        rows = torch.randint(len(self.labels), (count,), generator=draw)
        images = to_signed(self.bank.pixels[rows.numpy()])
        images = torch.where(torch.rand(count, 1, 1, 1, generator=draw) < 0.5, images, images.flip(3))
        logits = self.modules["captioner"](images.to(self.device))
        return {"total": captioning_loss(logits, self.labels[rows].to(self.device))}


def labels(captions: Iterable[str]) -> Int64[Tensor, "n slots"]:
    """The place of each caption's word in each slot, `ABSENT` where the person has none."""
    told = [parse(caption) for caption in captions]
    rows = [[words.index(each[name]) if name in each else ABSENT for name, words in SLOTS.items()] for each in told]
    return torch.tensor(rows)


def captioning_loss(logits: Float[Tensor, "n words"], wanted: Int64[Tensor, "n slots"]) -> Float[Tensor, ""]:
    """Cross-entropy, the mean over all slots of all pictures in which the person has something."""
    pairs = zip(by_slot(logits), wanted.T, strict=True)
    total = sum(functional.cross_entropy(each, of, ignore_index=ABSENT, reduction="sum") for each, of in pairs)
    return total / (wanted != ABSENT).sum()


# ---- How good they are, and all together


@torch.no_grad()
def psnr(vae: AutoencoderKL, pixels: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of what the autoencoder restores, from the mean squared error over all."""
    squared = []
    for start in range(0, len(pixels), 256):
        images = to_signed(pixels[start : start + 256]).to(vae.device)
        restored = vae.decode(vae.encode(images).latent_dist.mean).sample.clamp(-1, 1)
        squared.append((((restored - images) * 127.5).round()).square().mean((1, 2, 3)))
    return round(float(10 * torch.log10(255**2 / torch.cat(squared).mean())), 2)


def accuracy(captioner: Captioner, pixels: Pixels, captions: Iterable[str]) -> dict[str, float]:
    """Share of pictures whose word is right, of those in which the person has one: for each slot, and "words", of all
    slots; "captions" is the share of pictures with every word right."""
    wanted = labels(captions)
    best = torch.stack([each.argmax(1) for each in by_slot(captioner.probabilities(pixels))], 1)
    right, there = best == wanted, wanted != ABSENT
    found = {"words": right.sum() / there.sum(), "captions": (right | ~there).all(1).float().mean()}
    shares = zip(SLOTS, right.sum(0) / there.sum(0), there.any(0), strict=True)
    found |= {name: share for name, share, any_there in shares if any_there}
    return {name: round(float(share), 4) for name, share in found.items()}


def pretrain(
    folder: Path,
    *,
    config: Recipe | None = None,
    device: str | None = None,
    precision: Literal["no", "bf16"] = "no",
    checkpoint_every: int = 500,
    progress: bool = True,
) -> dict[str, Any]:
    """Draw the bank, train autoencoder, denoiser and captioner, write `folder/model`, which diffusers loads, with the
    captioner and the recipe in it.

    Returns the recipe (also `model/recipe.json`): settings, wall time, hardware, PSNR of held-out people in dB, and the
    share of the captioner's words that are right about them.

    Args:
        folder: holds everything; a run that was stopped continues here.
        device: "cpu", or None for the best one there is.
    """
    config, seconds = config or recipe(), {}
    device = device and str(devices.resolved(device))  # one that is not here is refused before the bank is drawn
    drawn = dict(seed=config.seed, height=config.bank.height, width=config.bank.width)
    bank = build_bank(folder / "bank", config.bank.images, purpose="pretraining", **drawn)
    held_out = build_bank(folder / "held_out", config.bank.held_out, purpose="pretraining/held-out", **drawn)
    options = dict(seed=config.seed, checkpoint_every=checkpoint_every, precision=precision, device=device)
    options |= dict(progress=progress, log_every=100)

    def trained(name: str, task: Pretraining) -> nn.ModuleDict:
        """The networks with the average of their weights."""
        history = train(task, steps=getattr(config, name).steps, folder=folder / name, **options)
        seconds[name] = round(history.seconds)
        return task.extras["average"].module

    vae = trained("vae", VaeTask(build_vae(config), bank, config))["round_trip"].vae
    latents = encode_bank(vae, bank, folder / "latents.npy")
    root_mean_square = np.sqrt(np.square(latents[:4096].astype(np.float32)).mean())
    vae.register_to_config(scaling_factor=float(1 / root_mean_square))

    tokenizer, text = build_text(config)
    networks = {"text": text, "unet": build_unet(config, latents.shape[2:])}
    denoiser = trained("denoiser", DenoiserTask(networks, tokenizer, latents, vae, bank, config))

    captioner = build_captioner(config)
    captioner = trained("captioner", CaptionerTask(captioner, bank, config))["captioner"].cpu()
    quality = {"psnr": psnr(vae, held_out.pixels), "psnr_grey": psnr(vae, grey(held_out.pixels))}
    made = {
        "config": values(config),
        "steps": {name: getattr(config, name).steps for name in seconds},
        "seconds": seconds,
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "quality": quality | {"captioner": accuracy(captioner, held_out.pixels, held_out.captions)},
    }
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=denoiser["text"],
        tokenizer=build_text(config)[0],  # the other one keeps its padding
        unet=denoiser["unet"],
        scheduler=build_scheduler(config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to("cpu", torch.float16).save_pretrained(folder / "model", safe_serialization=True)
    captioner.save(folder / "model" / BESIDE)
    (folder / "model" / "recipe.json").write_text(json.dumps(made, indent=1) + "\n")
    return made
