"""The generator: encoder, one step of the U-Net, decoder with skip connections; LoRA and little else is trained."""

import copy

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from jaxtyping import Float
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.cyclegan_turbo.config import CycleGanTurboConfig
from vireid_lib.generators.dive.base_model import Base

Latents = Float[Tensor, "batch channels rows columns"]

ALMOST_ZERO = 1e-5  # what the release's zero convolutions start at


class Coder(nn.Module):
    """An autoencoder whose decoder sees what its encoder saw: before each of the encoder's blocks the maps are taken,
    and added before the decoder's block of that size, through 1×1 convolutions that start at (almost) zero."""

    def __init__(self, vae: AutoencoderKL, rank: int) -> None:
        super().__init__()
        self.vae = vae
        add_lora(vae, [name for name in trainable_layers(vae) if name.startswith(("encoder.", "decoder."))], rank)
        widths = [vae.config.block_out_channels[max(0, place - 1)] for place in range(len(vae.encoder.down_blocks))]
        inner = [*vae.config.block_out_channels[:0:-1]]
        self.skips = nn.ModuleList(
            nn.Conv2d(there, here, 1, bias=False)
            for there, here in zip(reversed(widths), [inner[0], *inner], strict=True)
        )
        for skip in self.skips:
            nn.init.constant_(skip.weight, ALMOST_ZERO)

    def encode(self, images: Images) -> tuple[Latents, list[Tensor]]:
        """The posterior's mean, scaled, and the maps before each of the encoder's blocks."""
        encoder, seen = self.vae.encoder, []
        maps = encoder.conv_in(images)
        for block in encoder.down_blocks:
            seen.append(maps)
            maps = block(maps)
        maps = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(encoder.mid_block(maps))))
        moments = maps if self.vae.quant_conv is None else self.vae.quant_conv(maps)
        return DiagonalGaussianDistribution(moments).mode() * self.vae.config.scaling_factor, seen

    def decode(self, latents: Latents, seen: list[Tensor]) -> Images:
        """The image, which may leave -1..1."""
        decoder, maps = self.vae.decoder, latents / self.vae.config.scaling_factor
        if self.vae.post_quant_conv is not None:
            maps = self.vae.post_quant_conv(maps)
        maps = decoder.mid_block(decoder.conv_in(maps))
        for block, skip, shown in zip(decoder.up_blocks, self.skips, reversed(seen), strict=True):
            maps = block(maps + skip(shown))
        return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(maps)))


class TurboGenerator(nn.Module):
    """Images in -1..1 of one modality to images in -1..1 of the other, both ways: the U-Net is shared and told by its
    prompt what to make; each direction has an autoencoder of its own. Trained are the LoRA matrices, the U-Net's first
    convolution and the skip connections."""

    def __init__(self, base: Base, config: CycleGanTurboConfig) -> None:
        super().__init__()
        self.coders = nn.ModuleDict({name: Coder(copy.deepcopy(base.vae), config.vae_rank) for name in MODALITIES})
        self.unet, self.prediction = base.unet, base.prediction
        add_lora(self.unet, [name for name in trainable_layers(base.unet) if name != "conv_in"], config.unet_rank)
        self.unet.conv_in.requires_grad_(True)
        self.time = len(base.schedule.alphas_cumprod) - 1
        alpha = base.schedule.alphas_cumprod[-1]
        self.signal, self.spread = float(alpha.sqrt()), float((1 - alpha).sqrt())
        for name in MODALITIES:
            prompt = getattr(config, f"{name}_prompt")
            self.register_buffer(f"{name}_text", embedded(base, prompt), persistent=False)

    def forward(self, images: Images, modality: str) -> Images:
        """Show images as `modality`; those that are of it already should come back as they are."""
        coder, text = self.coders[modality], getattr(self, f"{modality}_text")
        latents, seen = coder.encode(images)
        said = self.unet(latents, self.time, encoder_hidden_states=text.expand(len(images), -1, -1)).sample
        if self.prediction == "epsilon":
            clean = (latents - self.spread * said) / self.signal
        else:
            clean = self.signal * latents - self.spread * said
        return coder.decode(clean, seen).clamp(-1, 1)

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: value for name, value in self.named_parameters() if value.requires_grad}


def trainable_layers(network: nn.Module) -> list[str]:
    """Names of linear and convolution layers, without those that take in the time."""
    layers = [name for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return [name for name in layers if "time_emb" not in name]


def add_lora(network: nn.Module, names: list[str], rank: int) -> None:
    """Freeze the network and put LoRA beside the layers `names`, with a scale of one (Hu et al. 2021)."""
    network.requires_grad_(False)
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=names)
    inject_adapter_in_model(config, network)


@torch.no_grad()
def embedded(base: Base, prompt: str) -> Float[Tensor, "1 tokens features"]:
    padded = {"padding": "max_length", "max_length": base.tokenizer.model_max_length, "truncation": True}
    return base.text(base.tokenizer(prompt, **padded, return_tensors="pt").input_ids.to(base.text.device))[0]
