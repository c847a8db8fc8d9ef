"""One pass through the generation and variation modules: paired images and their losses (sections 3.1, 3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.tables import MODALITIES, OTHER
from vireid_lib.generators.base.networks import Images
from vireid_lib.generators.jsia import losses
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import SetLevelEncoder, network_input, statistics_kept
from vireid_lib.generators.jsia.networks import (
    Decoder,
    LatentDecoder,
    LatentEncoder,
    MultiScaleDiscriminator,
    StyleEncoder,
)
from vireid_lib.training import processes, whole_batch

ByModality = Losses = dict[str, Tensor]
Networks = Mapping[str, nn.Module]


@dataclass
class Made:
    """What a pass leaves for the alignment, by modality."""

    maps: ByModality  # of real images
    styles: ByModality
    fake: ByModality  # images of that modality made from the others' contents
    fake_maps: ByModality
    latents: ByModality  # of the real maps, if there is a variation module
    apart: Tensor | None = None  # the weighted loss that is to spare the encoder, if there is one


def make_networks(config: JsiaConfig) -> dict[str, nn.Module]:
    """Fresh networks by name: the set-level encoder, encoders of styles, decoders, discriminators; and to latents and
    back where there is a variation module."""
    encoder = SetLevelEncoder(config.backbone, grey=config.grey_encoder, stem_relu=config.stem_relu)
    nets, channels = {"set_level": encoder}, encoder.channels
    both = {"style": config.style_dim, "micro_batch": config.micro_batch}
    style = {"width": config.style_width, "downsamplings": config.style_downsamplings, **both}
    decoder = {"blocks": config.decoder_blocks, "mlp_width": config.mlp_width, "upsamplings": config.upsamplings} | both
    nets |= {f"style_{name}": StyleEncoder(**style) for name in MODALITIES}
    nets |= {f"decoder_{name}": Decoder(channels, **decoder) for name in MODALITIES}
    if config.variation:
        sizes = (channels, *(side // 4 for side in config.input_size), config.latent_width, config.latent_dim)
        nets |= {"latent_encoder": LatentEncoder(*sizes), "latent_decoder": LatentDecoder(*sizes)}
    sizes = {"width": config.judge_width, "layers": config.judge_layers, "scales": config.judge_scales}
    nets |= {f"discriminator_{name}": MultiScaleDiscriminator(**sizes) for name in MODALITIES}
    # with their kernels in this order, convolutions are a fifth faster
    return {name: module.to(memory_format=torch.channels_last) for name, module in nets.items()}


def generate(
    nets: Networks, real: ByModality, config: JsiaConfig, draw: torch.Generator, encoder=None, part: Sequence[str] = ()
) -> tuple[Made, Losses]:
    """Disentangle, exchange styles, go back (Eq. 1 to 6), and the generators' losses; "total" is their weighted sum.

    Args:
        nets: from `make_networks`, whatever wraps them.
        real: pictures of each modality; visible and infrared image i show one person. There may be more visible ones,
            which are reconstructed only.
        draw: for the latents' noise.
        encoder, part: the module, of whose passes the one so named is through the set-level encoder; None for that of
            `nets`. Generated images do not change its running statistics.
    """
    encoder = nets["set_level"] if encoder is None else encoder

    def encode(pictures: Images) -> Tensor:
        return encoder(network_input(pictures, config.enlargement), *part)

    counts = [len(real[name]) for name in MODALITIES]
    pairs, both = min(counts), encode(torch.cat([real[name] for name in MODALITIES]))
    maps = dict(zip(MODALITIES, both.split(counts), strict=True))
    styles = {name: nets[f"style_{name}"](real[name]) for name in MODALITIES}
    found, fake, latents, apart = {}, {}, {}, None
    for name in MODALITIES:
        rebuilt = nets[f"decoder_{name}"](maps[name], styles[name])
        found[f"reconstruction_{name}"] = functional.l1_loss(rebuilt, real[name])
        fake[name] = nets[f"decoder_{name}"](maps[OTHER[name]][:pairs], styles[name][:pairs])
    with statistics_kept(encoder):
        both = encode(torch.cat([fake[name] for name in MODALITIES]))
    fake_maps = dict(zip(MODALITIES, both.split(pairs), strict=True))
    fake_styles = {name: nets[f"style_{name}"](fake[name]) for name in MODALITIES}
    for name in MODALITIES:
        closing = (styles if config.cycle_styles == "first" else fake_styles)[name][:pairs]
        back = nets[f"decoder_{name}"](fake_maps[OTHER[name]], closing)
        found[f"cycle_{name}"] = functional.l1_loss(back, real[name][:pairs])
        found[f"fool_{name}"] = losses.generator_loss(nets[f"discriminator_{name}"](fake[name]))
    if config.feature_weight:
        for name in MODALITIES:
            of_maps = functional.l1_loss(fake_maps[OTHER[name]], maps[name][:pairs])
            found[f"feature_{name}"] = of_maps + functional.l1_loss(fake_styles[name], styles[name][:pairs])
    weights = {"reconstruction": config.reconstruction_weight, "cycle": config.cycle_weight}
    weights |= {"fool": config.gan_weight, "feature": config.feature_weight}
    total = sum(weights[name.split("_")[0]] * value for name, value in found.items())
    if config.variation:
        latents, of_latents = _vary(nets, maps, config, draw)
        found |= of_latents
        total = total + sum(of_latents.values())
    learns = any(parameter.requires_grad for parameter in encoder.parameters())
    if config.feature_weight and not config.feature_reaches_encoder and learns:
        apart = config.feature_weight * sum(found[f"feature_{name}"] for name in MODALITIES)
    return Made(maps, styles, fake, fake_maps, latents, apart), {"total": total, **found}


def backward(accelerator: Accelerator, loss: Tensor, made: Made | None, encoder: nn.Module) -> None:
    """The gradients of `loss`, in which `made.apart` is counted, but not that of the latter on the encoder's
    parameters, if there is such a part: as released, it is taken by a backward pass of its own and thrown away."""
    if made is not None and made.apart is not None:
        accelerator.backward(made.apart, retain_graph=True)
        encoder.zero_grad(set_to_none=True)
        loss = loss - made.apart
    accelerator.backward(loss)


def _vary(nets: Networks, maps: ByModality, config: JsiaConfig, draw: torch.Generator) -> tuple[ByModality, Losses]:
    """Latents of the maps and the module's losses (Eq. 9, 10), which do not reach the encoder."""
    held = torch.cat([maps[name] for name in MODALITIES]).detach()
    mean, deviation = nets["latent_encoder"](held)
    noise = torch.randn(processes.count() * len(mean), *mean.shape[1:], generator=draw)
    drawn = mean + deviation * whole_batch.part(noise).to(mean)
    rebuilt = nets["latent_decoder"](drawn)
    found = losses.variation(held, rebuilt, mean, deviation, distribution_weight=config.distribution_weight)
    return dict(zip(MODALITIES, drawn.split([len(maps[name]) for name in MODALITIES]), strict=True)), found


def mixed(nets: Networks, made: Made, partner: Mapping[str, Tensor], share: Mapping[str, Tensor]) -> dict[str, Images]:
    """Images of people that nobody has seen, by modality: latents and styles of each image and its partner, which
    stands at `partner`, mixed by α, `share` (Eq. 14)."""
    found = {}
    for name in MODALITIES:
        other = partner[name]
        maps = nets["latent_decoder"](losses.mix(made.latents[name], made.latents[name][other], share[name]))
        styles = losses.mix(made.styles[name], made.styles[name][other], share[name])
        found[name] = nets[f"decoder_{name}"](maps, styles)
    return found


def discriminate(nets: Networks, real: ByModality, fake: ByModality) -> Losses:
    """The discriminators' losses (Eq. 7)."""
    found = {}
    for name in MODALITIES:
        discriminator = nets[f"discriminator_{name}"]
        of_fake, of_real = discriminator(fake[name].detach()), discriminator(real[name])
        found[f"discriminator_{name}"] = losses.discriminator_loss(of_fake, of_real)
    return found
