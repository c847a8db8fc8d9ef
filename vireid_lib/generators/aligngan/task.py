"""The training of AlignGAN: features alone, pixels beside them, then both together."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from vireid_lib.generators.adversarial import AdversarialTask
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import Classifier, FeatureNetwork, ImageJudge, PairJudge, make_generator
from vireid_lib.generators.batches import Batches, Rows
from vireid_lib.generators.networks import Images, generator_groups
from vireid_lib.reid.layers import average_pool
from vireid_lib.reid.losses.cross_modality_triplet import cross_modality_triplet
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.training import schedules, seeds

BETAS = (0.5, 0.999)
WEIGHT_DECAY, MOMENTUM = 5e-4, 0.9
GENERATORS, FEATURES = ("to_visible", "to_infrared"), ("features", "classifier")
JUDGES = ("judge_visible", "judge_infrared", "judge_pairs")

Labels = Int[Tensor, " batch"]


class AlignGanTask(AdversarialTask):
    """Each step of the last phase: the feature network on infrared images, real and made, then the generators, then
    their judges. In the phases before it, one of the two halves; the judge of infrared images then sees them alone."""

    kept = (*GENERATORS, "features")

    def __init__(self, config: AlignGanConfig, batches: Batches) -> None:
        super().__init__()
        self.settings, self.batches = config, batches
        most = max(config.identities, config.feature_identities)
        if len(batches.paired) < most:
            raise ValueError(
                f"aligngan needs {most} identities with images of both modalities in a batch and the table has "
                f"{len(batches.paired)}: lower `identities` and `feature_identities`, or add people."
            )
        self.ends = config.phases()
        self.steps = self.ends[-1]
        features = FeatureNetwork(config)
        channels = features.backbone.channels
        judge = {"width": config.discriminator_width, "halvings": config.discriminator_halvings}
        self.modules = {
            **{name: make_generator(config) for name in GENERATORS},
            "features": features,
            "classifier": Classifier(config, channels, len(batches.paired)),
            "judge_visible": ImageJudge(**judge),
            "judge_infrared": ImageJudge(**judge),
            "judge_pairs": PairJudge(channels, **judge),
        }
        makers = generator_groups([self.modules[name] for name in GENERATORS], config.learning_rate)
        judges = [each for name in JUDGES for each in self.modules[name].parameters()]
        for player, parameters in (("generators", makers), ("judges", judges)):
            self.optimizers[player] = torch.optim.Adam(parameters, lr=config.learning_rate, betas=BETAS)
        self.optimizers["features"] = _feature_optimizer(config, features, self.modules["classifier"])

    def bind(self, accelerator: Accelerator, seed: int) -> None:
        """As any task. Raises ValueError in a job of several processes."""
        if accelerator.num_processes > 1:
            raise ValueError(
                "aligngan trains in one process: its triplets and its batch normalisation need the whole batch."
            )
        self.batch = 1
        super().bind(accelerator, seed)

    def before_step(self, step: int) -> None:
        """A tenth of the rates from half of the last phase on."""
        half = (self.ends[1] + self.ends[2]) // 2
        for optimizer in self.optimizers.values():
            schedules.scale_learning_rates(optimizer, 0.1 if step >= half else 1.0)

    def phase(self, step: int) -> str:
        """ "features", "pixels" or "both"."""
        return "features" if step < self.ends[0] else "pixels" if step < self.ends[1] else "both"

    def step(self, accelerator: Accelerator, step: int) -> dict[str, Tensor]:
        phase, losses = self.phase(step), {}
        if phase != "pixels":
            losses |= self._align_features(accelerator, step, alone=phase == "features")
        if phase != "features":
            losses |= self._align_pixels(accelerator, step, pairs=phase == "both")
        total = sum(losses.pop(name) for name in ("features", "generators") if name in losses)
        return {name: value.detach() for name, value in {"total": total, **losses}.items()}

    def describe(self, step: int) -> str:
        return self.batches.describe(np.concatenate([*self._rows(step, "features"), *self._rows(step, "pixels")]))

    def _align_features(self, accelerator: Accelerator, step: int, *, alone: bool) -> dict[str, Tensor]:
        """One update of the feature network. `alone`: on real infrared images, before there are made ones."""
        config, (visible, infrared) = self.settings, self._rows(step, "features")
        real, labels = self._images(infrared, step, "features infrared"), self._labels(infrared)
        maps, losses = {"real": self.modules["features"](real)}, {}
        if not alone:
            with torch.no_grad():
                fake = self.modules["to_infrared"](self._images(visible, step, "features visible"))
            maps["made"] = self.modules["features"](fake)
        pooled = {name: average_pool(each) for name, each in maps.items()}
        embedded = {name: self.modules["features"].embed(each) for name, each in pooled.items()}
        for name, each in pooled.items():  # visible and infrared rows show the same people in the same order
            losses[f"class_{name}"] = identity_cross_entropy(self.modules["classifier"](each), labels)
        losses["triplet"] = (1 if alone else 2) * cross_modality_triplet(
            embedded.get("made", embedded["real"]),
            embedded["real"],
            labels,
            labels,
            margin=config.margin,
            metric="cosine",
        )
        total = config.class_weight * sum(losses[f"class_{name}"] for name in maps)
        total = total + config.triplet_weight * losses["triplet"]
        if not alone:
            self.freeze(True, "judge_pairs")
            losses["feature_fool"] = _toward(self.modules["judge_pairs"](real, maps["made"]), 1.0)
            total = total + config.pair_weight * losses["feature_fool"]
        self.update(accelerator, "features", total)
        self.freeze(False, "judge_pairs")
        return {"features": total, **losses}

    def _align_pixels(self, accelerator: Accelerator, step: int, *, pairs: bool) -> dict[str, Tensor]:
        """One update of the generators, one of their judges. `pairs`: the infrared judge sees features as well."""
        config, rows = self.settings, self._rows(step, "pixels")
        visible, infrared = (self._images(each, step, f"pixels {place}") for place, each in enumerate(rows))
        labels, count = self._labels(rows[1]), len(infrared)  # of the visible ones, so many show the same people
        self.freeze(True, *FEATURES, *JUDGES)
        with torch.no_grad():
            real_maps = self.modules["features"](infrared)
        made_infrared, made_visible = self.modules["to_infrared"](visible), self.modules["to_visible"](infrared)
        made_maps = self.modules["features"](made_infrared[:count])
        judged = (
            self.modules["judge_pairs"](made_infrared[:count], real_maps)
            if pairs
            else self.modules["judge_infrared"](made_infrared)
        )
        embed = self.modules["features"].embed
        pooled = average_pool(made_maps)
        losses = {
            "fool": (_toward(self.modules["judge_visible"](made_visible), 1.0) + _toward(judged, 1.0)) / 2,
            "cycle": self._rebuilt(made_infrared, made_visible, visible, infrared),
            "identity": self._rebuilt(visible, infrared, visible, infrared),
            "pixel_class": identity_cross_entropy(self.modules["classifier"](pooled), labels),
            "pixel_triplet": 2
            * cross_modality_triplet(
                embed(pooled), embed(average_pool(real_maps)), labels, labels, margin=config.margin, metric="cosine"
            ),
        }
        weights = {
            "fool": 1.0,
            "cycle": config.cycle_weight,
            "identity": config.identity_weight,
            "pixel_class": config.pixel_class_weight,
            "pixel_triplet": config.pixel_triplet_weight,
        }
        total = sum(weights[name] * value for name, value in losses.items())
        self.update(accelerator, "generators", total)
        self.freeze(False, *FEATURES, *JUDGES)
        made_infrared, made_visible, made_maps = made_infrared.detach(), made_visible.detach(), made_maps.detach()
        judge = self.modules["judge_visible"]
        losses["judge_visible"] = (_toward(judge(visible), 1.0) + _toward(judge(made_visible), 0.0)) / 2
        if pairs:
            losses["judge_pairs"] = self._judge_pairs(infrared, made_infrared[:count], real_maps, made_maps)
        else:
            judge = self.modules["judge_infrared"]
            losses["judge_infrared"] = (_toward(judge(infrared), 1.0) + _toward(judge(made_infrared), 0.0)) / 2
        self.update(accelerator, "judges", sum(value for name, value in losses.items() if name.startswith("judge")))
        return {"generators": total, **losses}

    def _rebuilt(
        self, for_visible: Images, for_infrared: Images, visible: Images, infrared: Images
    ) -> Float[Tensor, ""]:
        """How far the generators' pictures are from what they should be, the mean of both."""
        to_visible, to_infrared = (self.modules[name] for name in GENERATORS)
        return (
            functional.l1_loss(to_visible(for_visible), visible)
            + functional.l1_loss(to_infrared(for_infrared), infrared)
        ) / 2

    def _judge_pairs(self, real: Images, made: Images, real_maps: Tensor, made_maps: Tensor) -> Float[Tensor, ""]:
        """Real infrared images with their own features against four kinds of others: another person's image, features
        of a made image, a made image, and both made."""
        judge, another = self.modules["judge_pairs"], real.roll(-self.settings.images, 0)
        others = [(another, real_maps), (real, made_maps), (made, real_maps), (made, made_maps)]
        wrong = sum(_toward(judge(*pair), 0.0) for pair in others) / len(others)
        return (_toward(judge(real, real_maps), 1.0) + wrong) / 2

    def _images(self, rows: Rows, step: int, key: str) -> Images:
        draw, config = self.generator(step, key), self.settings
        return self.batches.images(rows, draw, self.device, flip=config.flip, padding=config.padding) * 2 - 1

    def _labels(self, rows: Rows) -> Labels:
        """Classes of the people who have both modalities."""
        return torch.from_numpy(np.searchsorted(self.batches.paired, self.batches.labels[rows])).to(self.device)

    def _rows(self, step: int, part: str) -> tuple[Rows, Rows]:
        stream, config = np.random.default_rng(seeds.integer(self.seed, 0, step, part, "rows")), self.settings
        if part == "features":
            return self.batches.by_identity(
                stream, identities=config.feature_identities, images=config.feature_images, visible_only=0
            )
        return self.batches.by_identity(
            stream, identities=config.identities, images=config.images, visible_only=config.visible_only
        )


def _feature_optimizer(config: AlignGanConfig, features: FeatureNetwork, classifier: nn.Module) -> Optimizer:
    rate = config.feature_rate
    groups = [
        {"params": list(features.backbone.parameters()), "lr": rate * config.backbone_rate},
        {"params": [*features.embedder.parameters(), *classifier.parameters()], "lr": rate},
    ]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=0.01)
    return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True)


def _toward(scores: Float[Tensor, ...], wanted: float) -> Float[Tensor, ""]:
    """Mean of (D(x) − wanted)²."""
    return (scores - wanted).square().mean()
