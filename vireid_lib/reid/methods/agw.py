"""AGW: non-local blocks, generalised-mean pooling, weighted regularised triplet.

Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook",
TPAMI 2021.
"""

from typing import Literal

from torch import Tensor

from vireid_lib.reid.layers.network import Output
from vireid_lib.reid.losses.triplets import hard_triplet, weighted_regularized_triplet
from vireid_lib.reid.method import Batch
from vireid_lib.reid.two_stream import TwoStreamConfig, TwoStreamMethod


class AgwConfig(TwoStreamConfig):
    """The defaults are those of AGW's released cross-modality code (AGW_CMReID, train.py and model.py); the survey's
    section 4 describes the same method without these numbers. On a miniature world of other identities (seed 777, one
    training each) the hard triplet had a rank-1 of 34.0 against WRT's 37.7 with real images, 45.2 against 53.5 with
    true infrared of external ones.

    Attributes:
        triplet: "wrt" (AGW), "hard" (the survey's baseline) or "none". margin: of the hard triplet.
    """

    ORIGINS = {"release": ("*",)}

    method: str = "agw"
    triplet: Literal["wrt", "hard", "none"] = "wrt"
    margin: float = 0.3


class Agw(TwoStreamMethod):
    config_class = AgwConfig
    config: AgwConfig

    def metric_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        if self.config.triplet == "wrt":
            return {"triplet": weighted_regularized_triplet(output.pooled, batch.labels)}
        if self.config.triplet == "hard":
            return {"triplet": hard_triplet(output.pooled, batch.labels, margin=self.config.margin)}
        return {}


METHOD = Agw
