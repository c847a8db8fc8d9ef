"""StarGAN: one generator for all cameras, told which of them it is to imitate.

Choi, Choi, Kim, Ha, Kim, Choo: "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
Translation", CVPR 2018.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.base.adversarial import adams, freeze
from vireid_lib.generators.base.batches import Batches, one_hot
from vireid_lib.generators.base.config import AdversarialConfig
from vireid_lib.generators.base.galleries import Pictures, to_pictures
from vireid_lib.generators.base.networks import Images, LabelledGenerator, generator_groups
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.base.translation_task import Losses, TranslationTask
from vireid_lib.generators.base.translator import Translator
from vireid_lib.training import schedules, whole_batch

Labels = Float[Tensor, "batch domains"]
Shares = Float[Tensor, " batch"]


class StarGanConfig(AdversarialConfig):
    """The paper's settings (sections 3.2, 3.3 and 5, Tables 4 and 5), at 128×64 pixels where it has 128×128 faces. The
    domains are cameras, the external set's too where it is fitted to them; JSIA-ReID's Table 4, which compares with
    StarGAN, does not say what its domains are. A step is one update of the discriminator. The paper's 20 epochs are
    CelebA's, its smaller set has 200. The release takes 200,000 steps, which the profiles of SYSU-MM01 and LLCM do as
    well (`steps: 200000`, 19 hours on an H200): 200 epochs of SYSU-MM01 are 556,600."""

    height: int = Field(128, gt=0)
    width: int = Field(64, gt=0)
    blocks: int = Field(6, ge=1)
    discriminator_halvings: int = Field(6, ge=1)
    epochs: int = Field(200, ge=1)
    batch: int = Field(16, ge=2, multiple_of=2)  # images, half of each modality
    learning_rate: float = Field(1e-4, gt=0)
    class_weight: float = Field(1.0, ge=0)  # λ_cls (Eq. 5 and 6)
    reconstruction_weight: float = Field(10.0, ge=0)  # λ_rec
    penalty_weight: float = Field(10.0, ge=0)  # λ_gp (Eq. 8)
    critic_steps: int = Field(5, ge=1)  # updates of the discriminator for each one of the generator


class Critic(nn.Module):
    """How real an image looks, patch by patch, and which of the domains it belongs to (Table 5); `width` channels
    after the first of `halvings` convolutions of stride 2, each of which doubles them."""

    def __init__(self, size: tuple[int, int], domains: int, *, width: int = 64, halvings: int = 6) -> None:
        super().__init__()
        widths, layers = [3, *(width * 2**level for level in range(halvings))], []
        for pair in pairwise(widths):
            layers += [nn.Conv2d(*pair, 4, 2, 1), nn.LeakyReLU(0.01)]
        self.layers = nn.Sequential(*layers)
        self.real = nn.Conv2d(widths[-1], 1, 3, 1, 1, bias=False)
        rest = (size[0] // 2**halvings, size[1] // 2**halvings)
        self.domain = nn.Conv2d(widths[-1], domains, rest, bias=False)

    def forward(self, images: Images) -> tuple[Float[Tensor, "batch 1 rows columns"], Float[Tensor, "batch domains"]]:
        maps = self.layers(images)
        return self.real(maps), self.domain(maps).flatten(1)


def gradient_penalty(critic: Callable[[Images], Tensor], real: Images, fake: Images, shares: Shares) -> Tensor:
    """Mean of (‖∇D(x̂)‖₂ − 1)² at x̂ = share · real + (1 − share) · fake (Eq. 8, the last term); the scores that
    `critic` gives an image's patches are added up, as in the released code."""
    shares = shares.view(-1, 1, 1, 1)
    between = (shares * real + (1 - shares) * fake).detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


class StarGanTask(TranslationTask):
    """Each step: the critic; every `critic_steps`-th of them, the generator as well. An image is to become another one
    of the batch's domain, drawn without replacement."""

    kept = ("generator",)

    def __init__(self, config: StarGanConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        generator = make_generator(config, len(batches.cameras))
        critic = Critic((config.height, config.width), len(batches.cameras), **config.discriminator_sizes)
        self.modules = {"generator": generator, "critic": critic}
        groups = generator_groups([generator], config.learning_rate)
        self.optimizers = adams(config.learning_rate, generator=groups, critic=critic.parameters())

    def rate(self, step: int) -> float:
        return schedules.late_decline(step, self.steps)

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        stream, draw = self.row_stream(step), self.generator(step, "images")
        rows = np.concatenate(self.batches.unpaired(stream, self.per_modality))
        rows = rows[stream.permutation(len(rows))]  # so that each process gets some of both modalities
        images = self.images(rows, draw) * 2 - 1
        labels = one_hot(self.batches.camera[rows], [*self.batches.cameras]).to(self.device)
        wanted = labels[torch.randperm(len(rows), generator=draw).to(self.device)]
        shares = torch.rand(len(rows), generator=draw).to(self.device)
        real, own, wanted, shares = map(whole_batch.part, (images, labels, wanted, shares))
        losses = self._train_critic(accelerator, real, own, wanted, shares)
        if (step + 1) % self.settings.critic_steps == 0:
            losses |= self._train_generator(accelerator, real, own, wanted)
        return {name: value.detach() for name, value in losses.items()}

    def typical_steps(self) -> dict[int, int]:
        every = self.settings.critic_steps
        both = self.steps // every
        return {every - 1: both, **({0: self.steps - both} if every > 1 else {})}

    def parted(self) -> tuple[int, ...]:
        return (self.settings.batch,)  # which is mixed

    @property
    def per_modality(self) -> int:
        return self.settings.batch // 2

    def _train_critic(self, accelerator, real: Images, own: Labels, wanted: Labels, shares: Shares) -> Losses:
        """Eq. 5 and 8: tell real from made, and real images' domains."""
        config, critic = self.settings, self.modules["critic"]
        with torch.no_grad():
            fake = self.modules["generator"](real, wanted)
        of_real, domains = critic(real)
        of_fake, _ = critic(fake)
        gap = of_real.mean() - of_fake.mean()
        penalty = gradient_penalty(lambda images: critic(images)[0], real, fake, shares)
        named = functional.cross_entropy(domains, own)
        total = config.class_weight * named + config.penalty_weight * penalty - gap
        self.update(accelerator, total, "critic")
        return {"total": total, "gap": gap, "penalty": penalty, "domain_of_real": named}

    def _train_generator(self, accelerator: Accelerator, real: Images, own: Labels, wanted: Labels) -> Losses:
        """Eq. 6: pass for real, and for the domain that is asked for; and back to the image that it was."""
        config, generator = self.settings, self.modules["generator"]
        freeze(self.modules, ["critic"], True)
        fake = generator(real, wanted)
        score, domains = self.modules["critic"](fake)
        fool, named = -score.mean(), functional.cross_entropy(domains, wanted)
        rebuilt = functional.l1_loss(generator(fake, own), real)
        total = fool + config.class_weight * named + config.reconstruction_weight * rebuilt
        self.update(accelerator, total, "generator")
        freeze(self.modules, ["critic"], False)
        return {"fool": fool, "domain_of_fake": named, "reconstruction": rebuilt}


class StarGan(Translator):
    """What it starts from may be of cameras that it was not fitted to: the generator is told the target alone."""

    name = "stargan"
    config_class, task_class = StarGanConfig, StarGanTask
    knows_cameras = True

    def make_networks(self) -> dict[str, nn.Module]:
        return {"generator": make_generator(self.config, len(self._record["cameras"]))}

    @torch.no_grad()
    def pictures(self, images: Sequence[Pictures], items: Sequence[SampleRequest]) -> Pictures:
        labels = one_hot(self.camera_keys(items), [*self._record["cameras"]]).to(self.device)
        return to_pictures(self._fitted()["generator"](self.floats(images[0]), labels))


def make_generator(config: StarGanConfig, cameras: int) -> LabelledGenerator:
    return LabelledGenerator(labels=cameras, **config.generator_sizes, small_weights=config.shortcut)


GENERATOR = StarGan
