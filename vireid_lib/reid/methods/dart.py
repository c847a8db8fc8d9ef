"""DART: two networks tell each other which labels to trust; soft identification, adaptive quadruplet loss.

Yang, Huang, Hu, Li, Lv, Peng: "Learning with Twin Noisy Labels for Visible-Infrared Person Re-Identification",
CVPR 2022.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from vireid_lib.data import augment, sampling
from vireid_lib.reid.clean_probability import clean_probability
from vireid_lib.reid.losses.adaptive_quadruplet import adaptive_quadruplet, draw_positives
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy
from vireid_lib.reid.losses.soft_identity_cross_entropy import soft_identity_cross_entropy
from vireid_lib.reid.method import Batch, Sampler
from vireid_lib.reid.network import Output
from vireid_lib.reid.network_pair import NetworkPair
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod, build_network, parameter_groups


class DartConfig(TwoStreamConfig):
    """The defaults are those of DART's release (run.py, utils.py, data_loader.py), the same on SYSU-MM01 and RegDB.
    Network, views of the images, optimiser and schedule are CAJ's; there are two networks. Wrong labels come with
    `label_noise`; 0.2 is the release's.

    Attributes:
        epochs: 100 (0 to 99).
        similarity: inner products of the mean of both networks' unit features. No flip at test.
        erasing: probability of channel erasing, in every image.
        channel_exchange: of the second view of a visible image: probability of showing one of its channels in all
            three.
        infrared_exchange, infrared_grey: the same of infrared images, and, of those not exchanged, the probability
            of showing the luminance.
        noise_warm_up: epochs in which both networks learn from all images alike, by the identity loss alone.
        noise_every: epochs from one noise modelling to the next; the release does it before each.
        threshold: probability from which the quadruplet loss trusts a label. margin: of that loss.
        redraw_below: an identity with fewer images in a modality is replaced in the batch by any other; only
            without `mix`.
    """

    ORIGINS = {"release": ("*",)}

    method: str = "dart"
    epochs: int = Field(default=100, ge=1)
    similarity: Literal["cosine", "dot"] = "dot"
    erasing: float = Field(default=0.5, ge=0, le=1)
    channel_exchange: float = Field(default=1.0, ge=0, le=1)
    infrared_exchange: float = Field(default=0.75, ge=0, le=1)
    infrared_grey: float = Field(default=0.5, ge=0, le=1)
    noise_warm_up: int = Field(default=1, ge=0)
    noise_every: int = Field(default=1, ge=1)
    threshold: float = Field(default=0.5, ge=0, le=1)
    margin: float = Field(default=0.3, ge=0)
    redraw_below: int = Field(default=4, ge=0)

    @classmethod
    def small(cls, **changes: Any) -> "DartConfig":
        """The recipe of the miniature world; two networks and three views take two and a half times as long as AGW.

        The warm-up is longer: the small network starts from random weights and has 51 steps an epoch on real images,
        where the release starts from ImageNet's and has 696. After one epoch its losses say nothing about labels.
        """
        settings = {"channel_exchange": 1.0, "noise_warm_up": 4, "noise_every": 4, "redraw_below": 0}
        return super().small(**(settings | changes))

    @property
    def in_epochs(self) -> tuple[str, ...]:
        return (*super().in_epochs, "noise_warm_up")


class PairSampler:
    """Batches for both networks: in each modality, the images of the first, then those of the second. They are the
    same in the first `warm_up` steps, which go through all images, and drawn apart afterwards."""

    def __init__(self, warm_up: int, all_images: Sampler, first: Sampler, second: Sampler) -> None:
        self.warm_up, self.all_images, self.each = warm_up, all_images, (first, second)
        self.steps_per_epoch = first.steps_per_epoch

    def batch(self, epoch: int, step: int) -> sampling.Batch:
        """Positions of 2·P·K visible and as many infrared images."""
        warm = epoch * self.steps_per_epoch + step < self.warm_up
        samplers = (self.all_images,) * 2 if warm else self.each
        (visible, infrared), (and_visible, and_infrared) = (sampler.batch(epoch, step) for sampler in samplers)
        return np.concatenate((visible, and_visible)), np.concatenate((infrared, and_infrared))


class Dart(TwoStreamMethod):
    """See the module's docstring; `loss` is the sum over both networks of soft identification and adaptive
    quadruplet loss, each with the probabilities that the other network found."""

    config_class = DartConfig
    config: DartConfig
    network: NetworkPair

    def __init__(self, config: DartConfig, num_identities: int) -> None:
        self.config = config
        networks = (build_network(config, num_identities) for _ in range(2))
        self.network = self.pair = NetworkPair(*networks)  # `network` may be wrapped for several processes

    @classmethod
    def sampler(
        cls,
        config: DartConfig,
        visible: Int64[np.ndarray, " visible"],
        infrared: Int64[np.ndarray, " infrared"],
        *,
        external: Collection[int],
        seed: int,
    ) -> PairSampler:
        counts = {"identities": config.identities, "images": config.images}
        each = []
        for network in range(2):
            if config.mix is None or not external:
                kind, options = sampling.IdentitySampler, {"redraw_below": config.redraw_below}
            else:
                kind, options = sampling.MixedIdentitySampler, {"external": external, "mix": config.mix}
            each.append(kind(visible, infrared, **counts, **options, seed=(2 * seed + network) % 2**32))
        images = config.identities * config.images
        all_images = sampling.AllImagesSampler(len(visible), len(infrared), images=images, seed=2 * seed % 2**32)
        warm_up = config.noise_warm_up * (config.epoch_steps or each[0].steps_per_epoch)
        return PairSampler(warm_up, all_images, *each)

    def start_training(self, table: pd.DataFrame) -> None:
        self.pair.make_room(len(table))

    @torch.no_grad()
    def start_epoch(self, epoch: int, every_image: Callable[[], Iterator[Batch]]) -> None:
        """Noise modelling: which labels each network believes, from its losses on all images.

        As in the release, the images are augmented as for training and the normalisation is by the batch, whose
        statistics the networks keep on averaging.
        """
        since = epoch - self.config.noise_warm_up
        if since < 0 or since % self.config.noise_every:
            return
        self.network.train()
        losses = torch.full_like(self.pair.clean, float("nan"))
        modality = torch.full(losses.shape[2:], -1)
        for batch in every_image():
            modality[batch.visible_rows], modality[batch.infrared_rows] = 0, 1
            batch = self.augment(_for_both(batch))
            for index, (output, labels, rows) in enumerate(self._halves(batch)):
                each = F.cross_entropy(output.logits, labels, reduction="none")
                losses[(index, *rows)] = each.to(losses.dtype)
        for index in range(2):
            for rows, views in (((modality == 0).nonzero()[:, 0], 2), ((modality == 1).nonzero()[:, 0], 1)):
                found = clean_probability(losses[index, :views, rows], seed=epoch)
                self.pair.clean[index, :views, rows] = found

    def augment(self, batch: Batch) -> Batch:
        config, generator = self.config, batch.generator
        plain = self.view(batch.visible, generator)
        exchanged = self.view(batch.visible, generator, config.channel_exchange)
        halves = (*zip(plain.chunk(2), exchanged.chunk(2), strict=True),)
        labels = batch.visible_labels.chunk(2)
        return replace(
            batch,
            visible=torch.cat([view for half in halves for view in half]),
            visible_labels=torch.cat([half.repeat(2) for half in labels]),
            infrared=self.view(batch.infrared, generator, config.infrared_exchange, config.infrared_grey),
        )

    def view(self, images: Tensor, generator: torch.Generator, exchange: float = 0.0, grey: float = 0.0) -> Tensor:
        """Images in 0..1 as the networks take them: shifted, mirrored, erased, with other colours."""
        images = augment.normalise(self.move(images, generator))
        return augment.channel_augmentation(images, generator, self.config.erasing, exchange, grey)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        config, smoothing = self.config, self.config.label_smoothing
        terms: dict[str, list[Tensor]] = {}
        for index, (output, labels, rows) in enumerate(self._halves(batch)):
            pooled, logits = output
            if batch.epoch < config.noise_warm_up:
                found = {"identity": identity_cross_entropy(logits, labels, smoothing=smoothing)}
            else:
                clean = self.pair.clean[(1 - index, *rows)]
                trusted = clean >= config.threshold
                positives = draw_positives(labels, trusted, batch.generator)
                options = {"threshold": config.threshold, "margin": config.margin}
                found = {
                    "identity": soft_identity_cross_entropy(logits, labels, clean, smoothing=smoothing),
                    "quadruplet": adaptive_quadruplet(pooled, logits, labels, clean, positives, **options),
                }
            for name, value in found.items():
                terms.setdefault(name, []).append(value)
            accuracy = (logits.detach().argmax(dim=1) == labels).float().mean() / 2
            terms.setdefault("accuracy", []).append(accuracy)
        sums = {name: sum(values) for name, values in terms.items()}
        return {"total": sum(value for name, value in sums.items() if name != "accuracy"), **sums}

    def _halves(self, batch: Batch) -> Iterator[tuple[Output, Tensor, tuple[Tensor, Tensor]]]:
        """Of each network: what it says, the labels of its rows, and where these are in `NetworkPair.clean`: the
        view and the row of the table."""
        outputs = self.network(batch.visible, batch.infrared)
        for index, output in enumerate(outputs):
            labels = (batch.visible_labels.chunk(2)[index], batch.infrared_labels.chunk(2)[index])
            visible, infrared = batch.visible_rows.chunk(2)[index], batch.infrared_rows.chunk(2)[index]
            views = torch.cat((torch.zeros_like(visible), torch.ones_like(visible), torch.zeros_like(infrared)))
            rows = torch.cat((visible, visible, infrared))
            yield output, torch.cat(labels), (views.to(output.logits.device), rows.to(output.logits.device))

    def optimizer(self) -> Optimizer:
        config, groups = self.config, []
        for network in (self.pair.first, self.pair.second):
            groups += parameter_groups(network, config.learning_rate, config.backbone_rate)
        if config.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, weight_decay=config.weight_decay, nesterov=True)
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


def _for_both(batch: Batch) -> Batch:
    """The same images for each of the two networks."""
    twice = ("visible", "infrared", "visible_labels", "infrared_labels", "visible_rows", "infrared_rows")
    return replace(batch, **{name: torch.cat([getattr(batch, name)] * 2) for name in twice})


METHOD = Dart
