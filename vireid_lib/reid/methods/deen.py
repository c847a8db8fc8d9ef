"""DEEN: makes several embeddings of each image, away from the original and towards the other modality.

Zhang and Wang: "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for
Visible-Infrared Person Re-identification", CVPR 2023.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from vireid_lib.data import augment
from vireid_lib.reid.layers import network
from vireid_lib.reid.layers.backbones import NonLocal
from vireid_lib.reid.layers.network import Features, Images, Infrared, Maps, Trunk
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.orthogonality import orthogonal
from vireid_lib.reid.losses.shapes import Form
from vireid_lib.reid.losses.triplets import hard_triplet
from vireid_lib.reid.method import Batch
from vireid_lib.reid.two_stream import SMALL_WIDTH, TwoStreamConfig, TwoStreamMethod, build_backbone

Map = Float[Tensor, "batch channels height width"]
Low, High = Float[Tensor, "batch low low_height low_width"], Float[Tensor, "batch high height width"]

# The released train.py's differences from the paper. Its rate would fall once more at epoch 120, in a
# branch that cannot be reached; the loop counts epochs 0 to 150.
RELEASE = {"epochs": 151, "drops": (20, 80), "orthogonal_weight": 0.01, "grey": 0.5, "erasing_area": (0.2, 0.8)}


class DeenConfig(TwoStreamConfig):
    """Defaults of form "paper" are the paper's (section 5.2, figure 6); what it does not say (pooling, crop, how often
    and how much is erased, triplet margin, the network's rate of 0.1 of the classifier's, the score) is the release's
    or its relatives'. In the miniature world, DEEN has its own batch and pools the mean of each stripe.

    Attributes:
        form: "paper", or "release" for the released code's differences: another schedule, λ2, greyscale and erasing;
            sums of DEE divided, with dropout; no softmax in MFA; another CPM; a smaller orthogonal loss. A setting that
            is given wins over the form.
        gem: off: DEEN's release pools the mean. non_local: AGW's blocks; no part of DEEN.
        branches: embeddings of each image, its own included ("three branches"); 1 leaves DEE out.
        expand_after: the stage after which DEE stands; 0 is the stem.
        stages: residual stages used, without those behind: 4, on RegDB 3.
        aggregation: "mfa" after every used stage but the last, as in the release; "non_local" puts a non-local block of
            half the channels there (table 7), "none" nothing.
        cpm_weight, orthogonal_weight: λ1 and λ2; 0 leaves the loss out. cpm_margin: α.
        margin: of the hard triplet loss, over the embeddings of all branches.
        grey: probability of showing an image without its colours.
        erasing_area: share of the image that is erased, from and to.
        flip_at_test, similarity: the score of two images is the sum of their embeddings' cosines, before and after the
            BN neck, with the mirrored image's added; see `ExpansionNetwork.describe`.
    """

    ORIGINS = {
        "paper": ("*", "backbone", "width", "images", "flip", "optimizer", "learning_rate", "schedule", "warm_up"),
        "release": ("gem", "margin", "erasing", "erasing_area", "flip_at_test", "similarity"),
    }

    method: str = "deen"
    form: Form = "paper"
    height: int = Field(default=384, gt=0)
    identities: int = Field(default=6, ge=2)
    epochs: int = Field(default=150, ge=1)
    drops: tuple[int, ...] = (20, 60, 120)
    gem: bool = False
    non_local: bool = False
    branches: int = Field(default=3, ge=1)
    expand_after: int = Field(default=3, ge=0, le=4)
    stages: int = Field(default=4, ge=2, le=4)
    aggregation: Literal["mfa", "non_local", "none"] = "mfa"
    cpm_weight: float = Field(default=0.8, ge=0)
    cpm_margin: float = Field(default=0.2, ge=0)
    orthogonal_weight: float = Field(default=0.1, ge=0)
    margin: float = Field(default=0.3, ge=0)
    grey: float = Field(default=0.0, ge=0, le=1)
    erasing: float = Field(default=0.5, ge=0, le=1)
    erasing_area: tuple[float, float] = (0.02, 0.4)
    flip_at_test: bool = True
    similarity: Literal["cosine", "dot"] = "dot"

    @model_validator(mode="before")
    @classmethod
    def _of_the_form(cls, settings: Any) -> Any:
        if isinstance(settings, dict) and settings.get("form") == "release":
            return RELEASE | settings
        return settings

    @model_validator(mode="after")
    def _possible(self) -> "DeenConfig":
        if self.non_local:
            raise ValueError('non_local is AGW\'s; DEEN takes non-local blocks with aggregation="non_local".')
        if self.expand_after > self.stages:
            raise ValueError(f"expand_after is {self.expand_after}: DEE stands after one of stages 0 to {self.stages}.")
        return self

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "DeenConfig":
        """On RegDB without stage 4 and with DEE after stage 2; the release erases less but on SYSU-MM01."""
        settings: dict[str, Any] = {} if dataset == "sysu_mm01" else {"erasing_area": (0.02, 0.4)}
        if dataset == "regdb":
            settings |= {"stages": 3, "expand_after": 2}
        return cls(**(settings | changes))


DILATIONS = (1, 2, 3)


class DiverseEmbeddingExpansion(nn.Module):
    """DEE: f₊ = θ(ReLU(φ₁(f) + φ₂(f) + φ₃(f))) for each branch (eq. 1), `branches` - 1 in all. φ are 3×3 convolutions
    of dilation 1, 2 and 3 to a quarter of the channels, θ is 1×1 and restores them. The original map stays the first of
    the stack, so that "three branches" are it and two generated ones.

    The release divides the sum by 3 and drops 1 % of the whole stack's values in training, the copied original's too.
    Both forms start as the same function, with the release's initial weights (Kaiming, by inputs): generated maps that
    were much larger would drown the original in the next batch normalisation."""

    def __init__(self, channels: int, branches: int = 3, form: Form = "paper") -> None:
        super().__init__()
        inner = channels // 4
        self.reduce = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(channels, inner, 3, padding=d, dilation=d, bias=False) for d in DILATIONS)
            for _ in range(branches - 1)
        )
        self.restore = nn.ModuleList(nn.Conv2d(inner, channels, 1) for _ in range(branches - 1))
        self.divisor = len(DILATIONS) if form == "release" else 1
        self.dropout = nn.Dropout(0.01 if form == "release" else 0.0)
        with torch.no_grad():
            for convolution in self.modules():
                if isinstance(convolution, nn.Conv2d):
                    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
                    if convolution.bias is None:
                        convolution.weight.mul_(self.divisor / len(DILATIONS))
                    else:
                        convolution.bias.zero_()

    def forward(self, maps: Map) -> Float[Tensor, "branches_batch channels height width"]:
        """[B, C, h, w] → [branches·B, C, h, w]: the original batch, then each branch's."""
        stack = [maps]
        for reduce, restore in zip(self.reduce, self.restore, strict=True):
            summed = sum(convolution(maps) for convolution in reduce) / self.divisor
            stack.append(restore(torch.relu(summed)))
        return self.dropout(torch.cat(stack))


class MultiStageAggregation(nn.Module):
    """MFA: channel aggregation, then spatial aggregation (section 3.4), of a map of `high` channels after a stage and
    one of `low` channels before it, which is `stride` times higher and wider."""

    def __init__(self, high: int, low: int, stride: int = 1, form: Form = "paper") -> None:
        super().__init__()
        self.channel = ChannelAggregation(high, low, low, stride, form)
        self.spatial = SpatialAggregation(high, low, low // 2, 1, form)

    def forward(self, high: High, low: Low) -> High:
        return self.spatial(self.channel(high, low), low)


class _Aggregation(nn.Module):
    """The parts that both aggregations have; θ, φ, g are the paper's ψ_q, ψ_k, ψ_v, `project` its ω. In both forms a
    batch normalisation that starts at zero follows ω, as in the release, so that a fresh block is the identity and does
    not disturb a pre-trained backbone; the paper does not mention it."""

    def __init__(self, high: int, low: int, inner: int, stride: int, form: Form) -> None:
        super().__init__()
        self.g = nn.Conv2d(low, inner, 1)
        self.theta = nn.Conv2d(high, inner, 1)
        self.phi = nn.Conv2d(low, inner, 1, stride=stride)
        self.project = nn.Conv2d(inner, high, 1, stride=stride)
        self.norm = nn.BatchNorm2d(high)
        nn.init.zeros_(self.norm.weight)
        self.softmax = form == "paper"


class ChannelAggregation(_Aggregation):
    """f_h + ω(M ψ_v(f_l)), M the softmax of channels' similarities (eq. 7, 8); the release divides by their number."""

    def forward(self, high: High, low: Low) -> High:
        values, keys = self.g(low).flatten(2), self.phi(low).flatten(2)
        similarity = self.theta(high).flatten(2) @ keys.transpose(1, 2)
        similarity = similarity.softmax(dim=-1) if self.softmax else similarity / similarity.shape[-1]
        mixed = (similarity @ values).reshape(len(low), -1, *low.shape[2:])
        return self.norm(self.project(mixed)) + high


class SpatialAggregation(_Aggregation):
    """f_h + ω(M ψ_v(f_l)) with M the similarities of positions (eq. 9), in half of the low map's channels. The release
    writes each map of C/2 channels and N positions as one of C and N/2 before it compares them: a similarity there is
    of pairs of positions that lie half a map apart. Its form keeps that, and needs maps with an even number of
    positions."""

    def forward(self, high: High, low: Low) -> High:
        values, keys, queries = self.g(low), self.phi(low), self.theta(high)
        if self.softmax:
            # One fused operation: at 384×144 the matrix of all pairs of positions would take gigabytes a batch.
            # Four axes and unit strides in the last are what its fast kernels take.
            rows = (each.flatten(2).transpose(1, 2).contiguous()[:, None] for each in (queries, keys, values))
            mixed = F.scaled_dot_product_attention(*rows, scale=1.0)[:, 0].transpose(1, 2)
        else:
            for height, width in (high.shape[2:], low.shape[2:]):
                if height * width % 2:
                    raise ValueError(f'{height}×{width} places are odd: take another image size, or form "paper".')
            values, keys, queries = (each.reshape(len(low), 2 * each.shape[1], -1) for each in (values, keys, queries))
            # (θᵀφ)gᵀ = θᵀ(φgᵀ): without softmax the matrix of all pairs need never exist.
            mixed = values @ keys.transpose(1, 2) @ queries / keys.shape[-1]
        return self.norm(self.project(mixed.reshape(len(high), -1, *high.shape[2:]))) + high


class Expanded(NamedTuple):
    """A training pass; rows are all original images (visible, then infrared), then each branch's embeddings of them."""

    pooled: Float[Tensor, "rows dim"]  # before the BN neck
    logits: Float[Tensor, "rows identities"]
    unreduced: Float[Tensor, "rows channels"]  # before the small network's projection; elsewhere as `pooled`


class ExpansionNetwork(network.TwoStreamNetwork):
    """A two-stream network whose maps are aggregated over stages and multiplied in between, to several embeddings an
    image. The small one pools four stripes, as its relatives do, and projects them."""

    def __init__(self, config: DeenConfig, identities: int) -> None:
        small = config.backbone == "small"
        backbone = build_backbone(config, non_local=False, shared_from=config.shared_from)
        widths, aggregations, expansion = backbone.widths, {}, None
        for stage in range(1, config.stages):
            if config.aggregation == "mfa":
                shape = widths[stage], widths[stage - 1], backbone.strides[stage - 1]
                aggregations[str(stage)] = MultiStageAggregation(*shape, config.form)
            elif config.aggregation == "non_local":
                aggregations[str(stage)] = NonLocal(widths[stage], inner=widths[stage] // 2)
        if config.branches > 1:
            expansion = DiverseEmbeddingExpansion(widths[config.expand_after], config.branches, config.form)
        pool, stripes = network.average_pool, 4 if small else 1
        if small or config.gem:
            # Power 1 is the mean; unlike power 3 it takes the negative values that DEE leaves after the last stage.
            pool = partial(network.generalised_mean_pool, power=3.0 if config.gem else 1.0, stripes=stripes)
        for surplus in range(config.stages + 1, 5):
            delattr(backbone, f"layer{surplus}")
        backbone.channels = widths[config.stages]
        super().__init__(backbone, identities, pool=pool, stripes=stripes, width=SMALL_WIDTH if small else None)
        self.stages, self.expand_after, self.branches = config.stages, config.expand_after, config.branches
        self.expansion, self.aggregations = expansion, nn.ModuleDict(aggregations)

    def forward(self, visible: Images, infrared: Infrared) -> Expanded:
        unreduced = self.pool(self.batch_maps(visible, infrared))
        pooled = self.reduce(unreduced)
        return Expanded(pooled, self.classifier(self.bottleneck(pooled)), unreduced)

    def trunk(self, maps: Maps) -> Trunk:
        """Pass maps of either or both modalities through stages, aggregations and the expansion."""
        for stage in range(self.stages + 1):
            if stage:
                before, maps = maps, self.backbone.trunk(maps, (f"layer{stage}",))
                if str(stage) in self.aggregations:
                    block = self.aggregations[str(stage)]
                    maps = block(maps, before) if isinstance(block, MultiStageAggregation) else block(maps)
            if stage == self.expand_after and self.expansion is not None:
                maps = self.expansion(maps)
        return maps

    def feature_map(self, images: Images, modality: str) -> Maps:
        """The maps of all branches before pooling, their channels side by side, the original's first."""
        return torch.cat(self.trunk(self.backbone.stem(images, modality)).chunk(self.branches), dim=1)

    def embeddings(self, maps: Maps) -> Float[Tensor, "branches_batch dim"]:
        """Pooled embeddings before the BN neck of `feature_map`'s maps: the originals, then each branch's."""
        return self.reduce(self.pool(torch.cat(maps.chunk(self.branches, dim=1))))

    def describe(self, maps: Maps) -> Features:
        """The retrieval feature, compared by inner product: for each branch, the embedding before and after the BN
        neck, each of unit length, side by side. The inner product of two features is the sum of 2·branches cosines."""
        pooled = self.embeddings(maps)
        parts = (*pooled.chunk(self.branches), *self.bottleneck(pooled).chunk(self.branches))
        return torch.cat([F.normalize(part) for part in parts], dim=1)


class Deen(TwoStreamMethod):
    """Eq. 10: identity loss + triplet loss + λ1 · CPM + λ2 · orthogonal loss."""

    config_class = DeenConfig
    config: DeenConfig
    network: ExpansionNetwork

    def __init__(self, config: DeenConfig, num_identities: int) -> None:
        self.config, self.network = config, ExpansionNetwork(config, num_identities)
        # The release fills with ImageNet's mean after normalisation, where the mean is 0.
        fill = augment.IMAGENET_MEAN if config.form == "release" else (0.0, 0.0, 0.0)
        self.erased = {"area": config.erasing_area, "fill": fill}

    def augment_images(self, images: Tensor, modality: str, generator: torch.Generator) -> Tensor:
        if self.config.grey:
            images = augment.grey(images, generator, self.config.grey)
        return super().augment_images(images, modality, generator)

    def metric_losses(self, output: Expanded, batch: Batch) -> dict[str, Tensor]:
        config, branches = self.config, self.config.branches
        labels = batch.labels.repeat(branches)
        terms = {"triplet": hard_triplet(output.pooled, labels, margin=config.margin)}
        if branches > 1 and config.cpm_weight:
            originals, *generated = (part.split(len(batch.visible)) for part in output.pooled.chunk(branches))
            both, options = (batch.visible_labels, batch.infrared_labels), {"margin": config.cpm_margin}
            terms["cpm"] = config.cpm_weight * sum(
                centre_guided_pair_mining(*originals, *branch, *both, **options, form=config.form)
                for branch in generated
            )
        if branches > 2 and config.orthogonal_weight:
            generated = output.unreduced.chunk(branches)[1:]
            terms["orthogonal"] = config.orthogonal_weight * orthogonal(generated, form=config.form)
        return terms


METHOD = Deen
