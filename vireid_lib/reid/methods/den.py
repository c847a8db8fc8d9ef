"""DEN: hard triplet, HueGray images as a third kind, and a loss that spreads each identity within its modality.

Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
WACV 2024.
"""

from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from vireid_lib.reid.layers.network import Output
from vireid_lib.reid.losses.intra_identity_diversification import (
    colour_invariance,
    negative_enhancement,
    positive_enhancement,
)
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.baseline import Baseline, BaselineConfig

MARGINS = ("positive_margin", "negative_margin", "hue_grey_positive_margin", "hue_grey_negative_margin")


class DenConfig(BaselineConfig):
    """L = λ_ID L_ID + λ_HT L_HT + λ_IRD (IRD(V,I) + IRD(HG,I)) (eq. 10, 11), with IRD(V,I) = PE + NE of visible and
    infrared and IRD(HG,I) = PE + NE of HueGray and infrared + CI of HueGray and visible (eq. 5, 9).

    The λ and the margins are not public. λ_IRD and the margins here were chosen in the miniature world on its
    validation identities, one training each, with the same margins for both pairs: rank-1 79.8, against 76.8 with λ_IRD
    = 0.3 and all margins 0.1; the baseline with HueGray has 72.9. λ_ID and λ_HT are 1 and were not searched for. The
    network's recipe is AGW's release's. Every row of the paper's Tables 3, 5 and 6 is a setting of the switches; all
    off is the baseline with HT.

    Attributes:
        identity_weight, triplet_weight, ird_weight: λ_ID, λ_HT and λ_IRD of eq. 11.
        positive_margin, negative_margin: of PE and NE between visible and infrared (m_PE and m_NE with the superscript
            V,I of eq. 6 and 7, read as the pair: both directions have it), in units of the pooled features' Euclidean
            distance, as the hard triplet's.
        hue_grey_positive_margin, hue_grey_negative_margin: the same between HueGray and infrared, whose losses eq. 9
            takes from eq. 6 and 7 with its own superscript.
        pe, ne: the parts of IRD, for whichever pairs are on: `ird_visible`, of visible and infrared; `ird_hue_grey`, of
            HueGray and infrared.
        ci: colour invariance between HueGray and visible; Table 3 has it without `ird_hue_grey` too (index 8).
    """

    ORIGINS = {
        "paper": ("*", "backbone", "shared_from"),
        "miniature world": ("ird_weight", *MARGINS),
        "ours": ("identity_weight", "triplet_weight"),
    }

    method: str = "den"
    colour_copies: Literal["none", "grey", "hue", "hue_grey"] = "hue_grey"
    identity_weight: float = Field(default=1.0, ge=0)
    triplet_weight: float = Field(default=1.0, ge=0)
    ird_weight: float = Field(default=1.0, ge=0)
    positive_margin: float = 0.1
    negative_margin: float = 0.3
    hue_grey_positive_margin: float = 0.1
    hue_grey_negative_margin: float = 0.3
    pe: bool = True
    ne: bool = True
    ird_visible: bool = True
    ird_hue_grey: bool = True
    ci: bool = True

    @model_validator(mode="after")
    def _copies_are_there(self) -> "DenConfig":
        if self.colour_copies == "none" and (self.ird_hue_grey or self.ci):
            wanted = "ird_hue_grey" if self.ird_hue_grey else "ci"
            raise ValueError(f"{wanted} compares colour copies, but colour_copies is 'none': set {wanted} to false")
        return self


class Den(Baseline):
    config_class = DenConfig
    config: DenConfig

    def identity_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self.config.identity_weight * super().identity_loss(logits, labels)

    def metric_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The triplet loss, and the parts of IRD by name, all weighted: "pe" and "ne" summed over the pairs, "ci"."""
        config, pooled, count = self.config, output.pooled, len(batch.visible)
        terms = {name: config.triplet_weight * value for name, value in super().metric_losses(output, batch).items()}
        kinds = 1 if config.colour_copies == "none" else 2
        infrared, visible, labels = pooled[count:], pooled[:count].chunk(kinds), batch.visible_labels.chunk(kinds)
        used = [place for place, on in enumerate((config.ird_visible, config.ird_hue_grey)[:kinds]) if on]
        for name, on, enhancement, margins in (
            ("pe", config.pe, positive_enhancement, (config.positive_margin, config.hue_grey_positive_margin)),
            ("ne", config.ne, negative_enhancement, (config.negative_margin, config.hue_grey_negative_margin)),
        ):
            if on and used:
                terms[name] = config.ird_weight * sum(
                    enhancement(visible[i], infrared, labels[i], batch.infrared_labels, margin=margins[i]) for i in used
                )
        if config.ci:
            terms["ci"] = config.ird_weight * colour_invariance(visible[1], visible[0])
        return terms


METHOD = Den
