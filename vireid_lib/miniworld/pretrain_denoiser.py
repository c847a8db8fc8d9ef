"""Training of the miniature text-to-image denoiser: `UNet2DConditionModel` and `CLIPTextModel` together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from vireid_lib.miniworld.captions import vocabulary
from vireid_lib.miniworld.pretrain_bank import Bank
from vireid_lib.miniworld.pretrain_config import DenoiserConfig, PretrainConfig, TextConfig
from vireid_lib.miniworld.pretrain_tokenizer import build_tokenizer
from vireid_lib.miniworld.pretrain_vae import to_signed
from vireid_lib.miniworld.scenery import STYLES
from vireid_lib.training import seeds
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.progress import Progress
from vireid_lib.training.task import Task


def build_text(config: TextConfig, *, seed: int) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """The tokenizer over the captions' words, and a small text encoder for it."""
    tokenizer = build_tokenizer([*vocabulary(), *STYLES, "a", "photo", "of", ","], max_length=config.length)
    settings = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.width,
        intermediate_size=2 * config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        max_position_embeddings=config.length,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "text"))
        return tokenizer, CLIPTextModel(settings)


def build_denoiser(config: DenoiserConfig, *, text_width: int, latent_shape: tuple[int, int, int], seed: int):
    """The U-Net for latents of shape (channels, height, width); the coarsest level has no cross-attention."""
    levels = len(config.channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "denoiser"))
        return UNet2DConditionModel(
            sample_size=latent_shape[1:],
            in_channels=latent_shape[0],
            out_channels=latent_shape[0],
            down_block_types=("CrossAttnDownBlock2D",) * (levels - 1) + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (levels - 1),
            block_out_channels=config.channels,
            layers_per_block=config.layers,
            cross_attention_dim=text_width,
            attention_head_dim=config.heads,
            norm_num_groups=config.groups,
        )


def build_scheduler(config: DenoiserConfig) -> DDIMScheduler:
    """The noise schedule; the network predicts v."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
    )


@torch.no_grad()
def encode_bank(vae: AutoencoderKL, bank: Bank, file: Path, *, device: str, batch: int = 16) -> np.ndarray:
    """Latents of each picture and of its mirror image, float16 [images, 2, channels, height, width], kept in
    `file`. Not scaled."""
    if not file.exists():
        parts = []
        with Progress(len(bank), "latents of the bank", unit="pictures") as line:
            for start in range(0, len(bank), batch):
                images = to_signed(torch.from_numpy(np.array(bank.pixels[start : start + batch]))).to(device)
                both = torch.stack([images, images.flip(3)], 1).flatten(0, 1)
                latents = vae.encode(both).latent_dist.mean
                parts.append(latents.unflatten(0, (-1, 2)).cpu().numpy().astype(np.float16))
                line.update(min(start + batch, len(bank)))
        temporary = file.with_name("part.npy")
        np.save(temporary, np.concatenate(parts))
        temporary.replace(file)
    return np.load(file, mmap_mode="r")


def write_prompt(caption: str, scene: str, config: DenoiserConfig, rng: np.random.Generator) -> str:
    """The training prompt of a caption: with or without the scene, sometimes shortened, sometimes empty."""
    if rng.uniform() < config.drop_caption:
        return ""
    if rng.uniform() < config.shorten:
        head, worn = caption.split(" wearing ")
        items = worn.split(", ")
        kept = [item for item in items if rng.uniform() < 0.6]
        rng.shuffle(kept)
        head = head if rng.uniform() < 0.6 else "person"
        caption = f"{head} wearing {', '.join(kept)}" if kept else head
    return f"a {scene} photo of {caption}" if rng.uniform() < config.name_scene else f"a photo of {caption}"


class DenoiserTask(Task):
    """Predict v of noised latents from the prompt (epsilon-free form of DiVE's Eq. 1); ships a weight average."""

    gradient_clip = 1.0

    def __init__(
        self,
        unet: UNet2DConditionModel,
        text: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        latents: np.ndarray,
        scale: float,
        bank: Bank,
        config: PretrainConfig,
    ) -> None:
        super().__init__()
        self.name, self.settings = "denoiser", config.denoiser
        self.config = {**config.model_dump(mode="json"), "scale": scale}
        self.latents, self.scale, self.bank, self.tokenizer = latents, scale, bank, tokenizer
        self.scheduler = build_scheduler(config.denoiser)
        self.modules = {"both": TextAndDenoiser(text, unet)}
        decayed = [p for p in self.modules["both"].parameters() if p.ndim > 1]
        others = [p for p in self.modules["both"].parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
        self.optimizers = {"both": torch.optim.AdamW(groups, 0.0, betas=(0.9, 0.99), fused=True)}
        self.extras = {"average": WeightAverage(self.modules["both"], config.denoiser.average)}

    def before_step(self, step: int) -> None:
        s = self.settings
        share = min(1.0, (step + 1) / s.warmup, max(1e-2, (s.steps - step) / (s.decay * s.steps)))
        for group in self.optimizers["both"].param_groups:
            group["lr"] = s.learning_rate * share

    def after_step(self, step: int) -> None:
        self.extras["average"].update(self.modules["both"])

    def losses(self, step: int) -> dict[str, Tensor]:
        draw = self.generator(step, "batch")
        rows = torch.randint(len(self.bank), (self.settings.batch,), generator=draw).numpy()
        flips = torch.randint(2, (self.settings.batch,), generator=draw).numpy()
        clean = torch.from_numpy(self.latents[rows, flips].astype(np.float32)) * self.scale
        rng = np.random.default_rng(seeds.integer(self.seed, self.process, step, "prompts"))
        prompts = [write_prompt(self.bank.captions[row], self.bank.scenes[row], self.settings, rng) for row in rows]
        ids = tokenize(self.tokenizer, prompts)
        noise = torch.randn(clean.shape, generator=draw)
        times = torch.randint(self.scheduler.config.num_train_timesteps, (len(clean),), generator=draw)
        noised = self.scheduler.add_noise(clean, noise, times)
        target = self.scheduler.get_velocity(clean, noise, times)
        predicted = self.modules["both"](*(value.to(self.device) for value in (ids, noised, times)))
        return {"total": functional.mse_loss(predicted, target.to(self.device))}

    def describe(self, step: int) -> str:
        return "random pictures of the bank"


class TextAndDenoiser(nn.Module):
    """Prompt and noised latents to the prediction, in one forward."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(
        self, ids: Int[Tensor, "n length"], noised: Float[Tensor, "n c h w"], times: Int[Tensor, " n"]
    ) -> Float[Tensor, "n c h w"]:
        return self.unet(noised, times, self.text(ids).last_hidden_state).sample


def tokenize(tokenizer: CLIPTokenizer, prompts: list[str]) -> Int[Tensor, "n length"]:
    """Token ids, padded to the tokenizer's full length. Raises ValueError for a prompt that is too long."""
    ids = tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
    if ids.shape[1] > tokenizer.model_max_length:
        longest = max(prompts, key=lambda text: len(re.findall(r"\w+|\S", text)))
        raise ValueError(f"A prompt has more than {tokenizer.model_max_length} tokens: {longest!r}. Shorten it.")
    return ids
