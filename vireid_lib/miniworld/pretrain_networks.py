"""Settings, tokenizer and networks of the miniature Stable Diffusion. The defaults are those of the shipped model."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from pydantic import Field
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from vireid_lib.data.strict import Strict, explained, read_yaml
from vireid_lib.miniworld.backgrounds import STYLES
from vireid_lib.miniworld.captioner import Captioner
from vireid_lib.miniworld.captions import vocabulary
from vireid_lib.training import seeds


class BankConfig(Strict):
    """The pictures that the model learns from, and further ones that only the report sees."""

    images: int = Field(96_000, ge=2)
    held_out: int = Field(1_000, ge=1)
    height: int = 64
    width: int = 32


class VaeConfig(Strict):
    """`AutoencoderKL`: two halvings, so 64x32 pixels become 16x8 latents. `kl` is small because the latents must carry
    detail; `grey` is the share of pictures shown in grey, so that the codec does not need colour."""

    channels: tuple[int, ...] = (16, 32, 64)
    layers: int = 1
    latent_channels: int = 12
    groups: int = 8
    steps: int = 6_000
    batch: int = 16
    learning_rate: float = 3e-3
    l1: float = 0.5
    kl: float = 3e-4
    grey: float = 0.15


class TextConfig(Strict):
    """`CLIPTextModel`."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    length: int = 48


class DenoiserConfig(Strict):
    """`UNet2DConditionModel` over 16x8 latents. The noise ends near zero signal (`beta_end`), so that a dark infrared
    picture can be learned later. The rate falls over the last share `decay` of the steps; `average` is the decay of
    the weight average that is shipped. Shares of the prompts: `drop_caption` are empty (for guidance), `name_scene`
    begin "a street photo of" etc., `shorten` name only some of what is worn. A share `monochrome` of the pictures is
    turned to monochrome photographs (`pretrain_tasks.monochrome`), and their prompts say so."""

    channels: tuple[int, ...] = (64, 96, 128)
    layers: int = 1
    heads: int = 2
    groups: int = 16
    beta_start: float = 0.00085
    beta_end: float = 0.02
    steps: int = 12_000
    batch: int = 32
    learning_rate: float = 1.2e-3
    warmup: int = 300
    decay: float = 0.3
    average: float = 0.999
    drop_caption: float = 0.1
    name_scene: float = 0.5
    shorten: float = 0.2
    monochrome: float = Field(0.0, ge=0, le=1)


class CaptionerConfig(Strict):
    """`captioner.Captioner`, trained on the first `images` of the bank. The rate falls along half a cosine; `average`
    is the decay of the weight average that is shipped."""

    channels: tuple[int, ...] = (24, 32, 48, 64)
    squeezed: int = 10
    hidden: int = 96
    images: int = Field(24_000, ge=1)
    steps: int = 6_000
    batch: int = 64
    learning_rate: float = 4e-3
    average: float = 0.998


class PretrainConfig(Strict):
    """The whole recipe."""

    seed: int = 2026
    bank: BankConfig = BankConfig()
    vae: VaeConfig = VaeConfig()
    text: TextConfig = TextConfig()
    denoiser: DenoiserConfig = DenoiserConfig()
    captioner: CaptionerConfig = CaptionerConfig()


def read_settings(file: Path) -> PretrainConfig:
    """A recipe from a YAML file, which says what differs from the shipped model's. Raises FileError as `read_model`."""
    content = json.dumps(read_yaml(file))
    return explained(lambda: PretrainConfig.model_validate_json(content), PretrainConfig, str(file))


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


@contextmanager
def weights(seed: int, network: str) -> Iterator[None]:
    """Draw a network's first weights within the block; torch's global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, network))
        yield


MONOCHROME = "monochrome"  # what the prompt of a monochrome picture says besides


def build_text(config: TextConfig, *, seed: int, monochrome: bool = False) -> tuple[CLIPTokenizer, CLIPTextModel]:
    """The tokenizer over the captions' words, and a small text encoder for it; with a word for monochrome pictures,
    whose row starts as that of "grey"."""
    tokenizer = build_tokenizer([*vocabulary(), *STYLES, "a", "photo", "of", ","], max_length=config.length)
    sizes = dict(hidden_size=config.width, intermediate_size=2 * config.width, max_position_embeddings=config.length)
    sizes |= dict(num_hidden_layers=config.layers, num_attention_heads=config.heads, vocab_size=len(tokenizer))
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    with weights(seed, "text"):
        text = CLIPTextModel(CLIPTextConfig(hidden_act="gelu", **sizes, **special))
    if monochrome:
        tokenizer.add_tokens([MONOCHROME])
        text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            rows = text.get_input_embeddings().weight
            rows[-1] = rows[tokenizer.convert_tokens_to_ids("grey</w>")]
    return tokenizer, text


def build_vae(config: VaeConfig, *, height: int, seed: int) -> AutoencoderKL:
    """A small autoencoder whose residual branches start at zero, so that a high learning rate is safe."""
    levels = len(config.channels)
    blocks = dict(down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels)
    sizes = dict(sample_size=height, latent_channels=config.latent_channels, block_out_channels=config.channels)
    sizes |= dict(layers_per_block=config.layers, norm_num_groups=config.groups)
    left_out = dict(mid_block_add_attention=False, use_quant_conv=False, use_post_quant_conv=False)
    with weights(seed, "vae"):
        vae = AutoencoderKL(in_channels=3, out_channels=3, **blocks, **sizes, **left_out)
    for name, parameter in vae.named_parameters():
        if ".conv2." in name:
            nn.init.zeros_(parameter)
    return vae


def build_denoiser(config: DenoiserConfig, *, text_width: int, latent_shape: tuple[int, int, int], seed: int):
    """The U-Net for latents of shape (channels, height, width); the coarsest level has no cross-attention."""
    finer, (channels, *size) = len(config.channels) - 1, latent_shape
    blocks = dict(down_block_types=("CrossAttnDownBlock2D",) * finer + ("DownBlock2D",))
    blocks |= dict(up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * finer, sample_size=tuple(size))
    sizes = dict(block_out_channels=config.channels, layers_per_block=config.layers, norm_num_groups=config.groups)
    sizes |= dict(attention_head_dim=config.heads, cross_attention_dim=text_width)
    with weights(seed, "denoiser"):
        return UNet2DConditionModel(in_channels=channels, out_channels=channels, **blocks, **sizes)


def build_captioner(config: CaptionerConfig, bank: BankConfig, *, seed: int) -> Captioner:
    sizes = dict(squeezed=config.squeezed, hidden=config.hidden, height=bank.height, width=bank.width)
    with weights(seed, "captioner"):
        return Captioner(config.channels, **sizes)


def build_scheduler(config: DenoiserConfig) -> DDIMScheduler:
    """The noise schedule; the network predicts v."""
    fixed = dict(num_train_timesteps=1000, beta_schedule="scaled_linear", prediction_type="v_prediction")
    fixed |= dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="trailing")
    return DDIMScheduler(beta_start=config.beta_start, beta_end=config.beta_end, **fixed)
