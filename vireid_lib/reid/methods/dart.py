"""DART: two networks tell each other which labels to trust; soft identification, adaptive quadruplet loss.

Yang, Huang, Hu, Li, Lv, Peng: "Learning with Twin Noisy Labels for Visible-Infrared Person Re-Identification",
CVPR 2022.
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

from vireid_lib.data import augment, sampling
from vireid_lib.reid.layers.network import Features, Images, Infrared, Maps, Output, TwoStreamNetwork, check_batch
from vireid_lib.reid.losses.adaptive_quadruplet import adaptive_quadruplet, draw_positives
from vireid_lib.reid.losses.identity_cross_entropy import identity_cross_entropy, soft_identity_cross_entropy
from vireid_lib.reid.method import Batch, Classes
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod, accuracy, build_network


class DartConfig(TwoStreamConfig):
    """The defaults are those of DART's release (run.py, utils.py, data_loader.py), the same on SYSU-MM01 and RegDB.
    Network, views of the images, optimiser and schedule are CAJ's; there are two networks. Wrong labels come with
    `label_noise`; 0.2 is the release's.

    Attributes:
        similarity: inner products of the mean of both networks' unit features.
        erasing, channel_exchange, infrared_exchange, infrared_grey: see `CajConfig`.
        noise_warm_up: epochs in which both networks learn equally from all images, by the identity loss alone.
        noise_every: epochs from one noise modelling to the next; the release does it before each.
        threshold: probability from which the quadruplet loss trusts a label. margin: of that loss.
        redraw_below: an identity with fewer images in a modality is replaced in the batch by any other; only without
            `mix`.
    """

    ORIGINS = {"release": ("*",)}
    # A longer warm-up than the release's: the small network starts from random weights, with 51 steps an epoch on real
    # images instead of 696 from ImageNet's. After one epoch its losses say nothing about labels.
    SMALL = {"channel_exchange": 1.0, "noise_warm_up": 4, "noise_every": 4, "redraw_below": 0}

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

    @property
    def in_epochs(self) -> tuple[str, ...]:
        return (*super().in_epochs, "noise_warm_up")


class NetworkPair(nn.Module):
    """Two networks of the same form with their own weights, each of which learns from its half of a batch. The buffer
    `clean` [network, view, row] is the probability that a row's label is right, by each network for each of two views;
    1 at first. Checkpoints keep it."""

    def __init__(self, first: TwoStreamNetwork, second: TwoStreamNetwork) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.width = first.width
        self.clean: Float[Tensor, "2 2 rows"]
        self.register_buffer("clean", torch.ones(2, 2, 0))

    def make_room(self, rows: int) -> None:
        """Start anew with `rows` images, all of them trusted."""
        self.clean = torch.ones(2, 2, rows, device=self.clean.device)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As for every module; the number of rows may differ."""
        if "clean" in state_dict:
            self.make_room(state_dict["clean"].shape[2])
        return super().load_state_dict(state_dict, *args, **kwargs)

    def forward(self, visible: Images, infrared: Infrared) -> tuple[Output, ...]:
        """One training pass of each network on its half of the images, two or more of each modality."""
        check_batch(visible, infrared)
        halves = zip((self.first, self.second), visible.chunk(2), infrared.chunk(2), strict=True)
        return tuple(network(*images) for network, *images in halves)

    def feature_map(self, images: Images, modality: str) -> Maps:
        """The maps of both networks before pooling, side by side."""
        return torch.cat([network.feature_map(images, modality) for network in (self.first, self.second)], dim=1)

    def features(self, images: Images, modality: str) -> Features:
        """The feature for retrieval: the mean of the networks' unit features, to be ranked by inner products."""
        return self.describe(self.feature_map(images, modality))

    def describe(self, maps: Maps) -> Features:
        """The same of maps as `feature_map` gives them; shorter than 1 where the networks disagree."""
        halves = zip((self.first, self.second), maps.chunk(2, dim=1), strict=True)
        pooled = torch.cat([network.reduce(network.pool(half)) for network, half in halves], dim=1)
        first, second = pooled.chunk(2, dim=1)
        return (F.normalize(self.first.bottleneck(first)) + F.normalize(self.second.bottleneck(second))) / 2


def clean_probability(losses: Float[Tensor, "views images"], *, seed: int) -> Float[Tensor, "views images"]:
    """The probability that an image's label is right: the probability of the component with the smaller mean, of a
    mixture of two Gaussians fitted to the images' identity losses. A network learns the common pattern of its labels
    before it memorises the wrong ones: early on, wrong labels have large losses. The losses of one modality, a row for
    each view, are scaled to 0..1 by view; one mixture is fitted to those of all views, with the release's settings.
    Raises ValueError: a loss is NaN or infinite."""
    if not bool(torch.isfinite(losses).all()):
        raise ValueError("The losses of the training images are not finite: the network has diverged; lower its rate.")
    smallest, largest = losses.amin(dim=1, keepdim=True), losses.amax(dim=1, keepdim=True)
    if bool((largest - smallest < 1e-12).any()):  # all losses are equal
        return torch.ones_like(losses)
    points = ((losses - smallest) / (largest - smallest)).reshape(-1, 1).double().cpu().numpy()
    mixture = GaussianMixture(2, max_iter=100, tol=1e-2, reg_covar=5e-4, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 rounds are enough
        found = mixture.fit(points).predict_proba(points)[:, int(np.argmin(mixture.means_))]
    return torch.from_numpy(found).to(losses).reshape(losses.shape)


class PairSampler(sampling.Sampler):
    """Batches for both networks: in each modality, the P·K images of the first, then those of the second. They are the
    same in the first `warm_up` steps, which go through all images, and drawn apart afterwards."""

    def __init__(self, warm_up: int, all_images: sampling.Sampler, *each: sampling.Sampler) -> None:
        self.warm_up, self.all_images, self.each = warm_up, all_images, each
        self.steps_per_epoch = each[0].steps_per_epoch

    def _batch(self, epoch: int, step: int) -> sampling.Batch:
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
        cls, config: DartConfig, visible: Classes, infrared: Classes, *, external: Collection[int], seed: int
    ) -> PairSampler:
        draw = partial(super().sampler, config, visible, infrared, external=external)
        each = [draw(seed=(2 * seed + network) % 2**32) for network in range(2)]
        images = config.identities * config.images
        all_images = sampling.AllImagesSampler(len(visible), len(infrared), images=images, seed=2 * seed % 2**32)
        warm_up = config.noise_warm_up * (config.epoch_steps or each[0].steps_per_epoch)
        return PairSampler(warm_up, all_images, *each)

    def start_training(self, table: pd.DataFrame) -> None:
        self.pair.make_room(len(table))

    @torch.no_grad()
    def start_epoch(self, epoch: int, every_image: Callable[[], Iterator[Batch]]) -> None:
        """Noise modelling: the probability of each label, by each network's losses on all images. As in the release,
        images are augmented and normalised by the batch as in training, and the running statistics go on."""
        since = epoch - self.config.noise_warm_up
        if since < 0 or since % self.config.noise_every:
            return
        self.network.train()
        losses = torch.full_like(self.pair.clean, float("nan"))
        modality = torch.full(losses.shape[2:], -1)
        for batch in every_image():
            modality[batch.visible_rows], modality[batch.infrared_rows] = 0, 1
            # The same images for each of the two networks.
            twice = {name: torch.cat((of, of)) for name, of in vars(batch).items() if isinstance(of, Tensor)}
            batch = self.augment(replace(batch, **twice))
            for index, (output, labels, rows) in enumerate(self._halves(batch)):
                losses[(index, *rows)] = F.cross_entropy(output.logits, labels, reduction="none").to(losses.dtype)
        for index in range(2):
            for rows, views in (((modality == 0).nonzero()[:, 0], 2), ((modality == 1).nonzero()[:, 0], 1)):
                self.pair.clean[index, :views, rows] = clean_probability(losses[index, :views, rows], seed=epoch)

    def augment(self, batch: Batch) -> Batch:
        config, generator = self.config, batch.generator
        plain = self.view(batch.visible, generator)
        exchanged = self.view(batch.visible, generator, config.channel_exchange)
        halves = zip(plain.chunk(2), exchanged.chunk(2), strict=True)
        return replace(
            batch,
            visible=torch.cat([view for half in halves for view in half]),
            visible_labels=torch.cat([half.repeat(2) for half in batch.visible_labels.chunk(2)]),
            infrared=self.view(batch.infrared, generator, config.infrared_exchange, config.infrared_grey),
        )

    def view(self, images: Tensor, generator: torch.Generator, exchange: float = 0.0, grey: float = 0.0) -> Tensor:
        """Images in 0..1 as the networks take them: shifted, mirrored, erased, with other colours."""
        images = augment.normalise(self.move(images, generator))
        return augment.channel_augmentation(images, generator, self.config.erasing, exchange, grey)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        config, smoothing, sums = self.config, self.config.label_smoothing, {}
        for index, ((pooled, logits), labels, rows) in enumerate(self._halves(batch)):
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
            found["accuracy"] = accuracy(logits, labels) / 2
            sums = {name: sums.get(name, 0) + value for name, value in found.items()}
        return {"total": sum(value for name, value in sums.items() if name != "accuracy"), **sums}

    def _halves(self, batch: Batch) -> Iterator[tuple[Output, Tensor, tuple[Tensor, Tensor]]]:
        """Of each network: its output, the labels of its rows, and their (view, row) in `NetworkPair.clean`."""
        held = (batch.visible_labels, batch.infrared_labels, batch.visible_rows, batch.infrared_rows)
        halves = zip(*(each.chunk(2) for each in held), strict=True)
        outputs = self.network(batch.visible, batch.infrared)
        for output, (visible_labels, infrared_labels, visible, infrared) in zip(outputs, halves, strict=True):
            views = torch.cat((torch.zeros_like(visible), torch.ones_like(visible), torch.zeros_like(infrared)))
            rows, device = torch.cat((visible, visible, infrared)), output.logits.device
            yield output, torch.cat((visible_labels, infrared_labels)), (views.to(device), rows.to(device))


METHOD = Dart
