"""The pre-training of JSIA-ReID's generation and variation modules: generators and discriminators in turn."""

from functools import partial

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.adversarial import adams, freeze
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cost import Peak
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import load_imagenet
from vireid_lib.generators.jsia.generation import backward, discriminate, encoding, generate, make_networks
from vireid_lib.generators.jsia.styles import StyleBank
from vireid_lib.generators.translation_task import TranslationTask


class JsiaTask(TranslationTask):
    """Each step: encoders, decoders and variation module together, then the discriminators."""

    by_identity = True

    def __init__(self, config: JsiaConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        self.modules = make_networks(config)
        if config.pretrained is not None:
            load_imagenet([self.modules["set_level"]], config.pretrained)
        self.kept = tuple(self.modules)  # the discriminators too: the joint training goes on with them
        self.discriminators = tuple(name for name in self.kept if name.startswith("discriminator_"))
        self.modules["set_level"].requires_grad_(config.encoder_trains)
        learned: dict[str, list[nn.Parameter]] = {"generators": [], "discriminators": []}
        for name, module in self.modules.items():
            player = "discriminators" if name in self.discriminators else "generators"
            learned[player] += [each for each in module.parameters() if each.requires_grad]
        self.optimizers = adams(config.learning_rate, weight_decay=config.weight_decay, **learned)

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        draw, config, encoder = self.generator(step, "images"), self.settings, self.modules["set_level"]
        real = self.real(step, draw)
        freeze(self.modules, self.discriminators, True)
        made, losses = generate(self.modules, encoder, encoding(encoder, config), real, config, draw)
        sparing = partial(backward, accelerator, made=made, encoder=encoder)
        self.update(accelerator, losses["total"], "generators", backward=sparing)
        freeze(self.modules, self.discriminators, False)
        of_discriminators = discriminate(self.modules, real, made.fake)
        self.update(accelerator, sum(of_discriminators.values()), "discriminators")
        return {name: value.detach() for name, value in (losses | of_discriminators).items()}

    def step_bytes(self, step: int) -> int:
        """From a step on the meta device, whose tensors have a size and no numbers; in float32."""
        config = self.settings
        with torch.device("meta"):
            modules = make_networks(config)
            shapes = ((len(rows), 3, config.height, config.width) for rows in self.rows(step))
            real = {name: torch.empty(shape) for name, shape in zip(MODALITIES, shapes, strict=True)}
        encoder = modules["set_level"].requires_grad_(config.encoder_trains)
        discriminators = [name for name in modules if name.startswith("discriminator_")]
        freeze(modules, discriminators, True)
        with Peak() as peak:
            made, losses = generate(modules, encoder, encoding(encoder, config), real, config, torch.Generator())
            losses["total"].backward()
            freeze(modules, discriminators, False)
            sum(discriminate(modules, real, made.fake).values()).backward()
            del made, losses
        return peak.bytes

    def fitted(self) -> dict[str, nn.Module]:
        """The networks that make pictures, and the styles of all images."""
        kept, held = super().fitted(), self.batches
        people, cameras = [held.names[label] for label in held.labels], held.camera.tolist()
        styles = StyleBank.of(kept, held.pixels, held.rows, people, cameras, self.settings.style_dim)
        return kept | {"styles": styles}
