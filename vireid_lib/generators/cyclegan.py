"""CycleGAN: two generators that undo each other, two discriminators, no pairs.

Zhu, Park, Isola, Efros: "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

from typing import Any

import torch
from accelerate import Accelerator
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.data.tables import MODALITIES, OTHER
from vireid_lib.generators.adversarial import adams, freeze, tell_apart, toward
from vireid_lib.generators.batches import Batches
from vireid_lib.generators.config import AdversarialConfig
from vireid_lib.generators.networks import Images, PatchDiscriminator, ResnetGenerator, generator_groups
from vireid_lib.generators.translation_task import TranslationTask
from vireid_lib.generators.translator import Translator
from vireid_lib.training import schedules, whole_batch

SMALLEST = 24  # less leaves nothing of an image after the discriminator's five convolutions


class CycleGanConfig(AdversarialConfig):
    """The paper's settings (section 4 and appendix 7.1), at Flow2Flow's 144×72 pixels.

    The paper's 200 epochs are of sets of about a thousand images: of 1,177 zebras they are 235,400 steps of one image
    of each modality. Of SYSU-MM01's 22,258 visible training images they are 4,451,600, eleven days on an H200, so the
    profiles of real data take the former (`steps: 235400`, 15 hours), which marks their results as a variant.

    Attributes:
        blocks: 6 are the paper's for small images.
        discriminator_halvings: see `PatchDiscriminator`.
        batch: images of each modality.
        cycle_weight: λ of the cycle loss (Eq. 3).
        identity_weight: of ‖G(y) − y‖₁ for images that are of the target modality already; the paper's 0.5 λ.
        pool: generated images that are kept to show the discriminators older ones too.
    """

    height: int = Field(144, gt=0)
    width: int = Field(72, gt=0)
    blocks: int = Field(9, ge=1)
    discriminator_halvings: int = Field(3, ge=1)
    epochs: int = Field(200, ge=1)
    batch: int = Field(1, ge=1)
    cycle_weight: float = Field(10.0, ge=0)
    identity_weight: float = Field(5.0, ge=0)
    pool: int = Field(50, ge=1)

    def sides(self) -> tuple[int, int, str]:
        return 2**self.generator_halvings, SMALLEST, "take fewer generator_halvings"


class ImagePool:
    """The last generated images, each of which the discriminator sees again at random (section 4, after Shrivastava
    et al. 2017)."""

    def __init__(self, size: int, height: int, width: int) -> None:
        self.images, self.filled = torch.zeros(size, 3, height, width), 0

    def exchange(self, images: Images, draw: torch.Generator) -> Images:
        """For each image, with probability one half, an older one whose place it takes; the image itself otherwise,
        and while the pool is not full."""
        given = []
        for image in images.detach():
            given.append(image)
            if self.filled < len(self.images):
                self.images[self.filled] = image
                self.filled += 1
                continue
            place = int(torch.randint(len(self.images), (), generator=draw))
            if bool(torch.rand((), generator=draw) < 0.5):
                given[-1] = self.images[place].to(image, copy=True)
                self.images[place] = image
        return torch.stack(given)

    def state_dict(self) -> dict[str, Any]:
        return {"images": self.images, "filled": self.filled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.images, self.filled = state["images"].clone(), state["filled"]


class CycleGanTask(TranslationTask):
    """Each step: both generators, then both discriminators, each named after its modality."""

    kept = ("to_visible", "to_infrared")

    def __init__(self, config: CycleGanConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        generators = {name: ResnetGenerator(**config.generator_sizes) for name in self.kept}
        sizes = config.discriminator_sizes
        discriminators = {f"discriminator_{name}": PatchDiscriminator(**sizes) for name in MODALITIES}
        self.modules = generators | discriminators
        self.extras = {f"pool_{name}": ImagePool(config.pool, config.height, config.width) for name in MODALITIES}
        groups = generator_groups(list(generators.values()), config.learning_rate)
        learned = [each for module in discriminators.values() for each in module.parameters()]
        self.optimizers = adams(config.learning_rate, generators=groups, discriminators=learned)

    def rate(self, step: int) -> float:
        return schedules.late_decline(step, self.steps)

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        draw = self.generator(step, "images")
        real = self.real(step, draw)
        discriminators = [f"discriminator_{name}" for name in MODALITIES]
        freeze(self.modules, discriminators, True)
        losses, fake = self._generator_losses(real)
        self.update(accelerator, losses["total"], "generators")
        freeze(self.modules, discriminators, False)
        for name in MODALITIES:  # all processes keep the same pool, of the whole batch's pictures
            old = self.extras[f"pool_{name}"].exchange(whole_batch.rows(fake[name].detach()), draw)
            discriminator = self.modules[f"discriminator_{name}"]
            judged = discriminator(real[name]), discriminator(whole_batch.part(old))
            losses[f"discriminator_{name}"] = tell_apart(*judged)
        self.update(accelerator, sum(losses[name] for name in discriminators), "discriminators")
        return {name: value.detach() for name, value in losses.items()}

    def _generator_losses(self, real: dict[str, Images]) -> tuple[dict[str, Tensor], dict[str, Images]]:
        """Adversarial, cycle and identity losses of both directions (Eq. 1 to 3 with least squares, section 5.2)."""
        config, losses = self.settings, {}
        fake = {name: self.modules[f"to_{name}"](real[OTHER[name]]) for name in MODALITIES}
        for name in MODALITIES:
            back = self.modules[f"to_{name}"](fake[OTHER[name]])
            losses[f"fool_{name}"] = toward(self.modules[f"discriminator_{name}"](fake[name]), 1.0)
            losses[f"cycle_{name}"] = functional.l1_loss(back, real[name])
            losses[f"identity_{name}"] = functional.l1_loss(self.modules[f"to_{name}"](real[name]), real[name])
        weights = {"fool": 1.0, "cycle": config.cycle_weight, "identity": config.identity_weight}
        total = sum(weights[name.split("_")[0]] * value for name, value in losses.items())
        return {"total": total, **losses}, fake


class CycleGan(Translator):
    """Knows modalities, not cameras: what it makes for two infrared cameras differs by the starting images alone."""

    name = "cyclegan"
    config_class, task_class = CycleGanConfig, CycleGanTask

    def make_networks(self) -> dict[str, nn.Module]:
        return {name: ResnetGenerator(**self.config.generator_sizes) for name in CycleGanTask.kept}


GENERATOR = CycleGan
