"""JSIA-ReID: translation by exchanged styles, and mixtures of images in a latent space."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor, nn

from vireid_lib.data.images import to_float
from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.adversarial import AdversarialTask, adams, freeze
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.cost import Peak
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import Losses, Modalities
from vireid_lib.generators.base.translator import Translator
from vireid_lib.generators.jsia.config import JsiaConfig
from vireid_lib.generators.jsia.encoders import load_imagenet, network_input
from vireid_lib.generators.jsia.generation import Made, backward, discriminate, generate, make_networks
from vireid_lib.generators.jsia.losses import mix
from vireid_lib.training import seeds

AT_ONCE = 256  # images whose styles are computed together
Contents = Float[Tensor, "n channels h w"]


class StyleBank(nn.Module):
    """A style for each of `images` training images, of `style` numbers, found again by person and camera."""

    def __init__(self, images: int, style: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(images, style))
        for name in ("people", "cameras"):
            self.register_buffer(name, torch.zeros(images, dtype=torch.int64))

    @classmethod
    @torch.no_grad()
    def of(cls, networks: Mapping[str, nn.Module], held: Batches) -> Self:
        """The styles of a table's images, by the networks "style_visible" and "style_infrared"."""
        bank = cls(len(held.pixels), networks["style_visible"].style.out_features)
        for modality, own in held.rows.items():
            network = networks[f"style_{modality}"]
            device = next(network.parameters()).device
            for start in range(0, len(own), AT_ONCE):
                some = own[start : start + AT_ONCE]
                bank.codes[some] = network(to_float(held.pixels[some], device) * 2 - 1).float().cpu()
        people = [held.names[label] for label in held.labels]
        for place, names in ((bank.people, people), (bank.cameras, held.camera)):
            place.copy_(torch.tensor([seeds.integer(0, name) for name in names]))
        return bank

    def draw(self, identity: str, camera: str, seed: int) -> Float[Tensor, " style"]:
        """A style of the person under the camera; of anybody under it, if there is none of them (the paper exchanges
        styles within a person, but an external person has no infrared image)."""
        there = self.cameras == seeds.integer(0, camera)
        own = there & (self.people == seeds.integer(0, identity))
        places = (own if bool(own.any()) else there).nonzero().flatten()
        return self.codes[places[np.random.default_rng(seed).integers(len(places))]]


class JsiaTask(AdversarialTask):
    """Each step: encoders, decoders and variation module together, then the discriminators."""

    by_identity = True

    def __init__(self, config: JsiaConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        self.modules = make_networks(config)
        if config.pretrained is not None:
            load_imagenet([self.modules["set_level"]], config.pretrained)
        self.kept = tuple(self.modules)  # the discriminators too: the joint training goes on with them
        self.modules["set_level"].requires_grad_(config.encoder_trains)
        judges = nn.ModuleList(self.modules[name] for name in self.discriminators)
        others = nn.ModuleList(module for name, module in self.modules.items() if name not in self.discriminators)
        learned = [each for each in others.parameters() if each.requires_grad]
        players = {"generators": learned, "discriminators": judges.parameters()}
        self.optimizers = adams(config.learning_rate, weight_decay=config.weight_decay, **players)

    def generator_losses(self, real: Modalities, draw: torch.Generator) -> tuple[Losses, Made]:
        self.made, losses = generate(self.modules, real, self.settings, draw)
        return losses, self.made

    def discriminator_losses(self, real: Modalities, made: Made, draw: torch.Generator) -> Losses:
        return discriminate(self.modules, real, made.fake)

    def backward(self, accelerator: Accelerator, loss: Tensor) -> None:
        backward(accelerator, loss, self.made, self.modules["set_level"])
        self.made = None  # the discriminators' turn has no such part

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

    `fit` is the paper's pre-training of the generation and variation modules; `joint_training` goes on from there with
    re-identification, and leaves a folder that can be loaded here too.
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
    def contents(self, images: Pictures) -> Contents:
        """Modality-invariant maps of images of either modality."""
        return self._fitted()["set_level"](network_input(self.floats(images), self.config.enlargement))

    @torch.no_grad()
    def styles(self, images: Pictures, modality: str) -> Float[Tensor, "n style"]:
        """Modality-specific features of images of that modality."""
        return self._fitted()[f"style_{self.check_modality(modality)}"](self.floats(images))

    @torch.no_grad()
    def latents(self, images: Pictures) -> Float[Tensor, "n latent"]:
        """Means of the images' latents. Raises ValueError: there is no variation module (the released form)."""
        if not self.config.variation:
            raise ValueError("This jsia has no variation module (as released) and no latents: fit it with variation.")
        return self._fitted()["latent_encoder"](self.contents(images))[0]

    @torch.no_grad()
    def from_latents(self, latents: Float[Tensor, "n latent"]) -> Contents:
        """Modality-invariant maps of latents (Eq. 9)."""
        return self._fitted()["latent_decoder"](latents)

    @torch.no_grad()
    def decode(self, contents: Contents, styles: Float[Tensor, "n style"], modality: str) -> Pictures:
        """Maps and styles as images of a modality (Eq. 3). Raises ValueError for a modality that has no decoder."""
        decoder = self._fitted()[f"decoder_{self.check_modality(modality)}"]
        return to_pictures(decoder(contents.to(self.device), styles.to(self.device)))


GENERATOR = Jsia
