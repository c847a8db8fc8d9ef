"""JSIA-ReID: translation by exchanged styles, and mixtures of images in a latent space."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.adversarial import adams, freeze
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.cost import Peak
from vireid_lib.generators.galleries import Pictures, to_pictures
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import load_imagenet, network_input
from vireid_lib.generators.jsia.generation import backward, discriminate, generate, make_networks
from vireid_lib.generators.jsia.losses import mix
from vireid_lib.generators.jsia.styles import StyleBank
from vireid_lib.generators.plans import SampleRequest
from vireid_lib.generators.translation_task import TranslationTask
from vireid_lib.generators.translator import Translator
from vireid_lib.training import seeds


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
        draw = self.generator(step, "images")
        real = self.real(step, draw)
        freeze(self.modules, self.discriminators, True)
        made, losses = generate(self.modules, real, self.settings, draw)
        sparing = partial(backward, accelerator, made=made, encoder=self.modules["set_level"])
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
        modules["set_level"].requires_grad_(config.encoder_trains)
        freeze(modules, [name for name in modules if name.startswith("discriminator_")], True)
        with Peak() as peak:  # the discriminators' turn, which follows, takes less
            made, losses = generate(modules, real, config, torch.Generator())
            losses["total"].backward()
            del made, losses
        return peak.bytes

    def fitted(self) -> dict[str, nn.Module]:
        """The networks that make pictures, and the styles of all images."""
        kept = super().fitted()
        return kept | {"styles": StyleBank.of(kept, self.batches)}


class Jsia(Translator):
    """Wang, Yang, Zhang, Cheng, Hou, Tiwari, Pandey: "Cross-Modality Paired-Images Generation and Augmentation for
    RGB-Infrared Person Re-Identification", Neural Networks 2020 (after Wang et al., AAAI 2020).

    `fit` is the paper's pre-training of the generation and variation modules; `vireid_lib.generators.jsia.joint` goes
    on from there with re-identification, and leaves a folder that can be loaded here too.
    """

    name = "jsia"
    config_class, task_class = JsiaConfig, JsiaTask
    knows_cameras = True  # a picture has the style of some image of its camera

    def make_networks(self) -> dict[str, nn.Module]:
        return make_networks(self.config) | {"styles": StyleBank(self._record["images"], self.config.style_dim)}

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        """Contents of the source images, mixed if there are two, with a style of the identity, else of another, under
        the camera; two images of the camera's own modality keep their mixed styles (Eq. 14)."""
        target, here = items[0].modality, items[0].from_modality
        bank, asked = self._fitted()["styles"], zip(items, self.camera_keys(items), strict=True)
        styles = torch.stack([bank.draw(item.identity, camera, item.seeds[0]) for item, camera in asked])
        if len(images) == 1:
            return self.decode(self.contents(images[0]), styles, target)
        draws = [np.random.default_rng(seeds.integer(item.seeds[0], "share")).random() for item in items]
        shares = torch.tensor(draws, device=self.device)  # α, uniform in 0..1
        contents = self.from_latents(mix(*(self.latents(each) for each in images), shares))
        if target == here:
            styles = mix(*(self.styles(each, here) for each in images), shares)
        return self.decode(contents, styles, target)

    @torch.no_grad()
    def contents(self, images: Pictures) -> Float[Tensor, "n channels h w"]:
        """Modality-invariant maps of images of either modality."""
        return self._fitted()["set_level"](network_input(self.floats(images), self.config.enlargement))

    @torch.no_grad()
    def styles(self, images: Pictures, modality: str) -> Float[Tensor, "n style"]:
        """Modality-specific features of images of that modality."""
        return self.of_modality(modality, "style", "style_")(self.floats(images))

    @torch.no_grad()
    def latents(self, images: Pictures) -> Float[Tensor, "n latent"]:
        """Means of the images' latents. Raises ValueError if there is no variation module (the released form)."""
        if not self.config.variation:
            raise ValueError("This jsia has no variation module (variation is False, as released): it can't mix.")
        return self._fitted()["latent_encoder"](self.contents(images))[0]

    @torch.no_grad()
    def from_latents(self, latents: Float[Tensor, "n latent"]) -> Float[Tensor, "n channels h w"]:
        """Modality-invariant maps of latents (Eq. 9)."""
        return self._fitted()["latent_decoder"](latents)

    @torch.no_grad()
    def decode(
        self, contents: Float[Tensor, "n channels h w"], styles: Float[Tensor, "n style"], modality: str
    ) -> Pictures:
        """Maps and styles as images of a modality (Eq. 3). Raises ValueError for a modality that has no decoder."""
        decoder = self.of_modality(modality, "decoder", "decoder_")
        return to_pictures(decoder(contents.to(self.device), styles.to(self.device)))


GENERATOR = Jsia
