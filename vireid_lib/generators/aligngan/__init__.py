"""AlignGAN: pixels and features aligned by one training; a generator, and the ReID network trained with it."""

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.aligngan import networks
from vireid_lib.generators.aligngan.config import EPOCH, AlignGanConfig
from vireid_lib.generators.aligngan.networks import AlignedNetwork, FeatureNetwork, Maps, make_generator
from vireid_lib.generators.base.adversarial import adams, freeze, tell_apart, toward
from vireid_lib.generators.base.batches import Batches, Rows
from vireid_lib.generators.base.networks import Images, generator_groups
from vireid_lib.generators.base.translation_task import Losses, TranslationTask
from vireid_lib.generators.base.translator import Translator
from vireid_lib.reid.layers.network import average_pool
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.triplets import cross_modality_triplet
from vireid_lib.training import whole_batch

SGD = {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
OPTIMIZERS = {"sgd": (torch.optim.SGD, SGD), "adamw": (torch.optim.AdamW, {"weight_decay": 0.01})}
GENERATORS, FEATURES = ("to_visible", "to_infrared"), ("features", "classifier")
DISCRIMINATORS = ("discriminator_visible", "discriminator_infrared", "discriminator_pairs")

Labels = Int[Tensor, " batch"]


class AlignGanTask(TranslationTask):
    """Each step of the last phase: the feature network on infrared images, real and generated, then the generators,
    then their discriminators. In the phases before it, one of the two halves; the infrared discriminator then sees
    images alone, without features."""

    kept = (*GENERATORS, "features")
    undivided, by_identity = ("classifier",), True

    def __init__(self, config: AlignGanConfig, batches: Batches) -> None:
        super().__init__(config, batches)
        self.require_identities(max(config.identities, config.feature_identities), "`feature_identities`")
        features = FeatureNetwork(config)
        channels, sizes = features.backbone.channels, config.discriminator_sizes
        self.modules = {
            **{name: make_generator(config) for name in GENERATORS},
            "features": features,
            "classifier": networks.Classifier(config, channels, len(batches.paired)),
            "discriminator_visible": networks.image_discriminator(**sizes),
            "discriminator_infrared": networks.image_discriminator(**sizes),
            "discriminator_pairs": networks.PairDiscriminator(channels, **sizes),
        }
        generators = generator_groups([self.modules[name] for name in GENERATORS], config.learning_rate)
        judges = nn.ModuleList(self.modules[name] for name in DISCRIMINATORS).parameters()
        self.optimizers = adams(config.learning_rate, generators=generators, discriminators=judges)
        learned = [*features.embedder.parameters(), *self.modules["classifier"].parameters()]
        backbone = {"params": [*features.backbone.parameters()], "lr": config.feature_rate * config.backbone_rate}
        kind, how = OPTIMIZERS[config.optimizer]
        self.optimizers["features"] = kind([backbone, {"params": learned, "lr": config.feature_rate}], **how)

    def epoch_steps(self) -> int:
        return EPOCH

    def parted(self) -> tuple[int, ...]:
        return (*super().parted(), len(self.feature_rows(0)[1]))

    def rate(self, step: int) -> float:
        """A tenth from half of the last phase on."""
        _, before, end = self.settings.phases()
        return 0.1 if step >= (before + end) // 2 else 1.0

    def typical_steps(self) -> dict[int, int]:
        ends = self.settings.phases()
        return {start: end - start for start, end in zip((0, *ends), ends, strict=False) if end > start}

    def images_in(self, step: int) -> int:
        of_features, of_pixels = self.feature_rows(step), self.rows(step)
        used = {"features": of_features[1:], "pixels": of_pixels, "both": (*of_features, *of_pixels)}
        return sum(map(len, used[self.phase(step)]))

    def phase(self, step: int) -> str:
        """ "features", "pixels" or "both"."""
        alone, before, _ = self.settings.phases()
        return "features" if step < alone else "pixels" if step < before else "both"

    def step(self, accelerator: Accelerator, step: int) -> Losses:
        phase, losses = self.phase(step), {}
        if phase != "pixels":
            losses |= self._align_features(accelerator, step, alone=phase == "features")
        if phase != "features":
            losses |= self._align_pixels(accelerator, step, pairs=phase == "both")
        total = sum(losses.pop(name) for name in ("features", "generators") if name in losses)
        return {name: value.detach() for name, value in {"total": total, **losses}.items()}

    def describe(self, step: int) -> str:
        return self.batches.describe(np.concatenate([*self.feature_rows(step), *self.rows(step)]))

    def _align_features(self, accelerator: Accelerator, step: int, *, alone: bool) -> Losses:
        """One update of the feature network. `alone`: on real infrared images, before there are generated ones."""
        config, (visible, infrared), network = self.settings, self.feature_rows(step), self.modules["features"]
        real, labels = whole_batch.part(self._images(infrared, step, "features infrared")), self._labels(infrared)
        maps, losses = {"real": network(real)}, {}
        if not alone:
            with torch.no_grad():
                shown = whole_batch.part(self._images(visible, step, "features visible"))
                fake = self.modules["to_infrared"](shown)
            maps["fake"] = network(fake)
        pooled = {name: whole_batch.rows(average_pool(each)) for name, each in maps.items()}
        embedded = {name: network.embedder(each) for name, each in pooled.items()}
        for name, each in pooled.items():  # visible and infrared rows show the same identities in the same order
            losses[f"class_{name}"] = identity_cross_entropy(self.modules["classifier"](each), labels)
        fakes = embedded.get("fake", embedded["real"])
        losses["triplet"] = (1 if alone else 2) * self._triplet(fakes, embedded["real"], labels)
        total = config.class_weight * sum(losses[f"class_{name}"] for name in maps)
        total = total + config.triplet_weight * losses["triplet"]
        if not alone:
            freeze(self.modules, ["discriminator_pairs"], True)
            losses["feature_fool"] = toward(self.modules["discriminator_pairs"](real, maps["fake"]), 1.0)
            total = total + config.pair_weight * losses["feature_fool"]
        self.update(accelerator, total, "features")
        freeze(self.modules, ["discriminator_pairs"], False)
        return {"features": total, **losses}

    def _triplet(self, fake: Tensor, real: Tensor, labels: Labels) -> Tensor:
        return cross_modality_triplet(fake, real, labels, labels, margin=self.settings.margin, metric="cosine")

    def _align_pixels(self, accelerator: Accelerator, step: int, *, pairs: bool) -> Losses:
        """One update of the generators, one of their discriminators; the infrared one sees `pairs` with features."""
        config, rows, nets = self.settings, self.rows(step), self.modules
        whole = [self._images(each, step, f"pixels {place}") for place, each in enumerate(rows)]
        visible, infrared, another = map(whole_batch.part, (*whole, whole[1].roll(-config.images, 0)))
        labels, count = self._labels(rows[1]), len(infrared)  # so many of the visible ones show the same identities
        freeze(self.modules, (*FEATURES, *DISCRIMINATORS), True)
        with torch.no_grad():
            real_maps = nets["features"](infrared)
        made_infrared, made_visible = nets["to_infrared"](visible), nets["to_visible"](infrared)
        made_maps = nets["features"](made_infrared[:count])
        if pairs:
            scores = nets["discriminator_pairs"](made_infrared[:count], real_maps)
        else:
            scores = nets["discriminator_infrared"](made_infrared)
        embed = nets["features"].embedder
        pooled, of_real = (whole_batch.rows(average_pool(each)) for each in (made_maps, real_maps))
        losses = {
            "fool": (toward(nets["discriminator_visible"](made_visible), 1.0) + toward(scores, 1.0)) / 2,
            "cycle": self._rebuilt(made_infrared, made_visible, visible, infrared),
            "identity": self._rebuilt(visible, infrared, visible, infrared),
            "pixel_class": identity_cross_entropy(nets["classifier"](pooled), labels),
            "pixel_triplet": 2 * self._triplet(embed(pooled), embed(of_real), labels),
        }
        total = sum(getattr(config, f"{name}_weight", 1.0) * value for name, value in losses.items())
        self.update(accelerator, total, "generators")
        freeze(self.modules, (*FEATURES, *DISCRIMINATORS), False)
        made_infrared, made_visible, made_maps = made_infrared.detach(), made_visible.detach(), made_maps.detach()
        judge = nets["discriminator_visible"]
        found = {"discriminator_visible": tell_apart(judge(visible), judge(made_visible))}
        if pairs:
            shown = (infrared, another, made_infrared[:count], real_maps, made_maps)
            found["discriminator_pairs"] = self._discriminate_pairs(*shown)
        else:
            judge = nets["discriminator_infrared"]
            found["discriminator_infrared"] = tell_apart(judge(infrared), judge(made_infrared))
        self.update(accelerator, sum(found.values()), "discriminators")
        return {"generators": total, **losses, **found}

    def _rebuilt(self, for_visible: Images, for_infrared: Images, visible: Images, infrared: Images) -> Tensor:
        """How far the generators' pictures are from what they should be, the mean of both."""
        of_visible = functional.l1_loss(self.modules["to_visible"](for_visible), visible)
        return (of_visible + functional.l1_loss(self.modules["to_infrared"](for_infrared), infrared)) / 2

    def _discriminate_pairs(self, real: Images, another: Images, made: Images, real_maps: Maps, made_maps: Maps):
        """Real infrared images with their own features against four kinds of others: another identity's image, features
        of a generated image, a generated image, and both generated."""
        discriminator = self.modules["discriminator_pairs"]
        others = [(another, real_maps), (real, made_maps), (made, real_maps), (made, made_maps)]
        wrong = sum(toward(discriminator(*pair), 0.0) for pair in others) / len(others)
        return (toward(discriminator(real, real_maps), 1.0) + wrong) / 2

    def _images(self, rows: Rows, step: int, key: str) -> Images:
        return self.images(rows, self.generator(step, key)) * 2 - 1

    def _labels(self, rows: Rows) -> Labels:
        """Classes of the people who have both modalities."""
        return torch.from_numpy(np.searchsorted(self.batches.paired, self.batches.labels[rows])).to(self.device)

    def rows(self, step: int) -> tuple[Rows, Rows]:
        sizes = (self.settings.identities, self.settings.images, self.settings.visible_only)
        return self.batches.by_identity(self.row_stream(step, "pixels"), *sizes)

    def feature_rows(self, step: int) -> tuple[Rows, Rows]:
        sizes = (self.settings.feature_identities, self.settings.feature_images, 0)
        return self.batches.by_identity(self.row_stream(step, "features"), *sizes)


class AlignGan(Translator):
    """Wang, Zhang, Cheng, Liu, Yang, Hou: "RGB-Infrared Cross-Modality Person Re-Identification via Joint Pixel and
    Feature Alignment", ICCV 2019. Knows modalities, not cameras. `reid_network` is what
    `vireid_lib.generators.aligngan.joint_training` has as a ReID method."""

    name = "aligngan"
    config_class, task_class = AlignGanConfig, AlignGanTask

    def make_networks(self) -> dict[str, nn.Module]:
        generators = {name: make_generator(self.config) for name in GENERATORS}
        return generators | {"features": FeatureNetwork(self.config, pretrained=False)}

    def reid_network(self) -> AlignedNetwork:
        fitted = self._fitted()
        return AlignedNetwork(fitted["to_infrared"], fitted["features"]).to(self.device).eval()


GENERATOR = AlignGan
