"""The baseline of DEN's tables: AGW's network with the hard (HT) or the weighted regularised triplet (WRT), and the
sample diversity of the comparison.

Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
WACV 2024, Tables 1 and 4 ("we use AGW as a base model without the triplet loss").
"""

from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field

from vireid_lib.data import augment
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.agw import Agw, AgwConfig

CHANGES = {"grey": augment.grey, "hue": augment.hue, "hue_grey": augment.hue_grey}


class BaselineConfig(AgwConfig):
    """DEN's baseline. Its implementation details stand in a supplement that is not public; the recipe is that of AGW's
    release, on every data set. In the miniature world (`small`) no colour channel is exchanged: the colours are what
    is studied.

    Attributes:
        triplet: "hard" (HT, with `margin`) or "wrt". The margin is not printed, AGW's release has 0.3.
        erasing: probability of random erasing, which is on in DEN's baseline (Table 3, index 1); how often it erases
            is not printed, 0.5 is what random erasing itself was published with.
        colour_copies: the kind of copy shown with each visible image, through the visible stem: "none", "grey",
            "hue" (turned by a random angle) or "hue_grey" (turned, then grey). DEN shows visible, infrared and HueGray
            images in a batch (Fig. 2); its tables add HueGray to the baseline in the same way (Table 3, index 5 and 9).
    """

    ORIGINS = {"paper": ("triplet", "colour_copies"), "ours": ("erasing",)}
    SMALL = {"channel_exchange": 0.0}

    method: str = "baseline"
    triplet: Literal["hard", "wrt"] = "hard"
    erasing: float = Field(default=0.5, ge=0, le=1)
    colour_copies: Literal["none", "grey", "hue", "hue_grey"] = "none"


class Baseline(Agw):
    config_class = BaselineConfig
    config: BaselineConfig

    def augment(self, batch: Batch) -> Batch:
        """With colour copies, the batch shows the visible images, then their copies, both under their labels. A copy
        is made of the cropped and mirrored image, so that both show the same; each is erased by itself."""
        config, generator = self.config, batch.generator
        if config.colour_copies == "none":
            return super().augment(batch)
        moved = self.move(batch.visible, generator)
        copies = CHANGES[config.colour_copies](moved, generator, 1.0)
        if config.channel_exchange:
            moved = augment.channel_exchange(moved, generator, config.channel_exchange)
        return replace(
            batch,
            visible=self.erase(augment.normalise(torch.cat((moved, copies))), generator),
            visible_labels=batch.visible_labels.repeat(2),
            infrared=self.augment_images(batch.infrared, "infrared", generator),
        )


METHOD = Baseline
