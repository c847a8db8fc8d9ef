"""CycleGAN: two generators that undo each other, two discriminators, no pairs.

Zhu, Park, Isola, Efros: "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV 2017.
"""

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from vireid_lib.data.tables import MODALITIES, OTHER
from vireid_lib.generators.base.adversarial import AdversarialTask, adams, tell_apart, toward
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.config import AdversarialConfig
from vireid_lib.generators.base.networks import Images, PatchDiscriminator, ResnetGenerator, generator_groups
from vireid_lib.generators.base.translation_task import Losses, Modalities
from vireid_lib.generators.base.translator import Translator
from vireid_lib.training import schedules, whole_batch

SMALLEST = 24  # less leaves nothing of an image after the discriminator's five convolutions


class CycleGanConfig(AdversarialConfig):
    """The paper's settings (section 4 and appendix 7.1), at Flow2Flow's 144×72 pixels.

    The paper's 200 epochs are of sets of about a thousand images: of 1,177 zebras they are 235,400 steps of one image
    of each modality. Of SYSU-MM01's 22,258 visible training images they are 4,451,600, eleven days on an H200, so the
    profiles of real data take the former (`steps: 235400`, 15 hours), which marks their results as a variant."""

    height: int = Field(144, gt=0)
    width: int = Field(72, gt=0)
    blocks: int = Field(9, ge=1)  # 6 are the paper's for small images
    discriminator_halvings: int = Field(3, ge=1)
    epochs: int = Field(200, ge=1)
    batch: int = Field(1, ge=1)  # images of each modality
    cycle_weight: float = Field(10.0, ge=0)  # λ of the cycle loss (Eq. 3)
    identity_weight: float = Field(5.0, ge=0)  # of ‖G(y) − y‖₁ for images of the target modality; the paper's 0.5 λ
    pool: int = Field(50, ge=1)  # generated images that are kept, to show the discriminators older ones too

    def sides(self) -> tuple[int, int, str]:
        return 2**self.generator_halvings, SMALLEST, "take fewer generator_halvings"


class ImagePool(nn.Module):
    """The last generated images, which the discriminator sees again at random (section 4; Shrivastava et al. 2017)."""

    def __init__(self, size: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, 3, height, width))
        self.register_buffer("filled", torch.tensor(0))

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


class CycleGanTask(AdversarialTask):
    """Generators and discriminators are named after the modality that they make and judge."""

    kept = ("to_visible", "to_infrared")

    def __init__(self, config: CycleGanConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        generators = {name: ResnetGenerator(**config.generator_sizes) for name in self.kept}
        sizes = config.discriminator_sizes
        discriminators = {f"discriminator_{name}": PatchDiscriminator(**sizes) for name in MODALITIES}
        self.modules = generators | discriminators
        self.extras = {f"pool_{name}": ImagePool(config.pool, config.height, config.width) for name in MODALITIES}
        groups = generator_groups(list(generators.values()), config.learning_rate)
        judges = nn.ModuleList(discriminators.values()).parameters()
        self.optimizers = adams(config.learning_rate, generators=groups, discriminators=judges)

    def rate(self, step: int) -> float:
        return schedules.late_decline(step, self.steps)

    def generator_losses(self, real: Modalities, draw: torch.Generator) -> tuple[Losses, Modalities]:
        """Adversarial, cycle and identity losses of both directions (Eq. 1 to 3 with least squares, section 5.2)."""
        nets, losses = self.modules, {}
        fake = {name: nets[f"to_{name}"](real[OTHER[name]]) for name in MODALITIES}
        for name in MODALITIES:
            back = nets[f"to_{name}"](fake[OTHER[name]])
            losses[f"fool_{name}"] = toward(nets[f"discriminator_{name}"](fake[name]), 1.0)
            losses[f"cycle_{name}"] = functional.l1_loss(back, real[name])
            losses[f"identity_{name}"] = functional.l1_loss(nets[f"to_{name}"](real[name]), real[name])
        weights = {"fool": 1.0, "cycle": self.settings.cycle_weight, "identity": self.settings.identity_weight}
        total = sum(weights[name.split("_")[0]] * value for name, value in losses.items())
        return {"total": total, **losses}, fake

    def discriminator_losses(self, real: Modalities, made: Modalities, draw: torch.Generator) -> Losses:
        """On older images too; all processes keep the same pool, of the whole batch's pictures."""
        losses = {}
        for name in MODALITIES:
            old = self.extras[f"pool_{name}"].exchange(whole_batch.rows(made[name].detach()), draw)
            discriminator = self.modules[f"discriminator_{name}"]
            of_real = discriminator(real[name])
            losses[f"discriminator_{name}"] = tell_apart(of_real, discriminator(whole_batch.part(old)))
        return losses


class CycleGan(Translator):
    """Knows modalities, not cameras: what it makes for two infrared cameras differs by the starting images alone."""

    name = "cyclegan"
    config_class, task_class = CycleGanConfig, CycleGanTask

    def make_networks(self) -> dict[str, nn.Module]:
        return {name: ResnetGenerator(**self.config.generator_sizes) for name in CycleGanTask.kept}


GENERATOR = CycleGan
