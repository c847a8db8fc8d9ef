"""MMD-ReID: gives each identity's features the same distribution in both modalities.

Jambigi, Rawal, Chakraborty: "MMD-ReID: A Simple but Effective Solution for Visible-Thermal Person ReID", BMVC 2021.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor

from vireid_lib.reid.layers.network import Features, Maps, Output, TwoStreamNetwork
from vireid_lib.reid.losses.divergences import margin_mmd, maximum_mean_discrepancy
from vireid_lib.reid.losses.triplets import hetero_centre_triplet
from vireid_lib.reid.method import Batch
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod, build_network


class MmdReidConfig(TwoStreamConfig):
    """The defaults are those of the release (MMD-ReID, train_mine.py with the options of its README): identity loss + 2
    · hetero-centre triplet + ¼ · margin MMD, epochs 0 to 60 with AGW's learning rates. It says nothing of other data
    sets than SYSU-MM01.

    Attributes:
        triplet_margin, triplet_weight: of the hetero-centre triplet.
        discrepancy: "margin_mmd" (of each identity), "mmd" (of the whole batch) or "none", the paper's baseline.
        mmd_margin, mmd_weight: of the discrepancy; the margin gates it, see `losses.divergences.margin_mmd`.
        test_feature: "bn", after the BN neck, by which the release picks its epoch (it calls it FC), or "pooled",
            before it; the release reports both.
    """

    ORIGINS = {"release": ("*",)}
    SMALL = {"identities": 8}

    method: str = "mmd_reid"
    identities: int = Field(default=4, ge=2)
    epochs: int = Field(default=61, ge=1)
    non_local: bool = False
    shared_from: int = Field(default=3, ge=1, le=4)
    triplet_margin: float = 0.3
    triplet_weight: float = Field(default=2.0, ge=0)
    discrepancy: Literal["margin_mmd", "mmd", "none"] = "margin_mmd"
    mmd_margin: float = Field(default=1.4, ge=0)
    mmd_weight: float = Field(default=0.25, ge=0)
    test_feature: Literal["bn", "pooled"] = "bn"


class PooledFeatureNetwork(TwoStreamNetwork):
    """Compares the features before the BN neck."""

    def describe(self, maps: Maps) -> Features:
        return self.reduce(self.pool(maps))


class MmdReid(TwoStreamMethod):
    config_class = MmdReidConfig
    config: MmdReidConfig

    def __init__(self, config: MmdReidConfig, num_identities: int) -> None:
        network_class = PooledFeatureNetwork if config.test_feature == "pooled" else TwoStreamNetwork
        self.config, self.network = config, build_network(config, num_identities, network_class)

    def metric_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        rows = output.pooled.split([len(batch.visible), len(batch.infrared)])
        labels = batch.visible_labels, batch.infrared_labels
        triplet = hetero_centre_triplet(*rows, *labels, margin=config.triplet_margin)
        terms = {"hetero_centre_triplet": config.triplet_weight * triplet}
        if config.discrepancy == "margin_mmd":
            terms["margin_mmd"] = config.mmd_weight * margin_mmd(*rows, *labels, margin=config.mmd_margin)
        elif config.discrepancy == "mmd":
            terms["mmd"] = config.mmd_weight * maximum_mean_discrepancy(*rows)
        return terms


METHOD = MmdReid
