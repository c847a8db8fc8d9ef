"""Stable Diffusion 1.5's public configuration: its architecture at full shape, without its weights."""

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from vireid_lib.generators.dive.base_model import Base

HUB_IDS = ("stable-diffusion-v1-5/stable-diffusion-v1-5", "runwayml/stable-diffusion-v1-5")

UNET = {"sample_size": 64, "cross_attention_dim": 768}  # these differ from diffusers' defaults
VAE = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 512}
VAE |= {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
TEXT = {"vocab_size": 49_408, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
TEXT |= {"max_position_embeddings": 77, "projection_dim": 768}
SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "prediction_type": "epsilon"}
SCHEDULE |= {"steps_offset": 1, "clip_sample": False}


def build(device: str = "meta", *, seed: int = 0) -> Base:
    """The model with random weights on `device`, or without weights on "meta", to count, plan and time. Its tokenizer
    has the real one's size and spells every word in letters: it needs no download."""
    tokenizer = _tokenizer()
    marks = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices), torch.device(device):
        torch.manual_seed(seed)
        text = CLIPTextModel(CLIPTextConfig(**TEXT, **marks))
        unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
    for module in (text, unet, vae):
        module.eval().requires_grad_(False)
    return Base(tokenizer, text, unet, vae, DDPMScheduler(**SCHEDULE), "Stable Diffusion 1.5, random weights")


def _tokenizer() -> CLIPTokenizer:
    letters = sorted(ByteLevel.alphabet())
    known = [*letters, *(letter + "</w>" for letter in letters)]
    marks = ["<|startoftext|>", "<|endoftext|>"]
    unused = [f"<|unused-{index}|>" for index in range(TEXT["vocab_size"] - len(known) - len(marks))]
    vocabulary = {token: index for index, token in enumerate([*known, *unused, *marks])}
    start, end = marks
    special = {"unk_token": end, "bos_token": start, "eos_token": end, "pad_token": end}
    return CLIPTokenizer(vocab=vocabulary, merges=[], **special, model_max_length=TEXT["max_position_embeddings"])
