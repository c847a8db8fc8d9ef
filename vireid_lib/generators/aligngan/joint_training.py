"""AlignGAN as a ReID method: its feature alignment, which is trained in the phases of its generator's fit.

Wang, Zhang, Cheng, Liu, Yang, Hou: "RGB-Infrared Cross-Modality Person Re-Identification via Joint Pixel and Feature
Alignment", ICCV 2019. A visible test image is shown as an infrared one first, and the feature network describes both.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from vireid_lib.data.contents import write_atomically
from vireid_lib.data.text import read_json
from vireid_lib.generators.aligngan import AlignGan
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import AlignedNetwork
from vireid_lib.generators.base.config import recipe
from vireid_lib.generators.base.generator import RECORD as MADE
from vireid_lib.generators.base.translator import WEIGHTS
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Method
from vireid_lib.reid.pretrained import HUB_ID
from vireid_lib.reid.train import RECORD, SELECTION
from vireid_lib.training.binding import differences
from vireid_lib.user_paths import Source

# Settings of the method, and what each is called in `AlignGanConfig`.
SHARED = {name: name for name in ("height", "width", "epochs", "steps", "backbone", "pretrained", "precision")}
SHARED |= {"identities": "feature_identities", "images": "feature_images"}

# Settings of other methods' trainer that this training does not have.
UNKNOWN = {"epoch_steps": None, "mix": None, "label_noise": 0.0, "channels_last": False, "compile": False}


class AlignGanReidConfig(ReidConfig):
    """The settings that the ReID training has in common with other methods; all else is the generator's, see
    `AlignGanConfig`. Where both say something (`SHARED`), the method wins. The defaults are the release's."""

    ORIGINS = {"release": ("*", "flip_at_test")}

    method: str = "aligngan"
    height: int = Field(default=128, gt=0)  # of the images before they are translated and enlarged
    width: int = Field(default=128, gt=0)
    identities: int = Field(default=18, ge=2)  # in a batch of the feature network
    images: int = Field(default=4, ge=1)
    epochs: int = Field(default=251, ge=1)  # of 100 steps each, the warm-ups of features and pixels included
    backbone: Literal["resnet50", "small"] = "resnet50"  # of the feature network
    pretrained: Source | None = HUB_ID
    flip_at_test: bool = True

    @classmethod
    def small(cls, **changes: Any) -> Self:
        """What the generator's recipe for the miniature world says of these settings."""
        made = recipe("aligngan")
        return cls(**({own: made[theirs] for own, theirs in SHARED.items() if theirs in made} | changes))

    @property
    def in_epochs(self) -> tuple[str, ...]:
        """None: an epoch is always 100 steps."""
        return ()

    def stretched(self, factor: int | float) -> dict[str, Any]:
        name = "epochs" if self.steps is None else "steps"
        return {name: round(factor * getattr(self, name))}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, value in UNKNOWN.items():
            if (own := getattr(self, name)) != value:
                raise ValueError(f"{name} is {own!r}: AlignGAN's training has no such setting; leave it at {value!r}")
        return self


class AlignGanMethod(Method):
    """Names the settings; the training is the generator's."""

    starts_from = "aligngan"
    config_class = AlignGanReidConfig


METHOD = AlignGanMethod  # the ReID method, as `vireid_lib.experiment.method_registry` asks for it


def starting_point(
    table: pd.DataFrame, made_at: AlignGanConfig, seed: int, config: AlignGanReidConfig
) -> tuple[pd.DataFrame, AlignGanConfig]:
    """The rows and the settings of the whole training, which is `AlignGan`'s fit: every row, real or generated."""
    shared = {theirs: getattr(config, own) for own, theirs in SHARED.items()}
    settings = made_at.model_dump() | shared | {"fit_on": "target+external", "seed": seed}
    return table.reset_index(drop=True), AlignGanConfig(**settings)


def train_joint(
    table: pd.DataFrame, config: AlignGanReidConfig, folder: Path, *, generator: Path, **options: Any
) -> AlignedNetwork:
    """Leave in `folder` the network that was trained with the generator in `generator`, where `starting_point` had it
    fitted, and its record: nothing is left to train, and the `options` of `vireid_lib.reid.train.train_reid` not used.
    Raises FileNotFoundError: there is no fitted AlignGan there; ValueError: it was fitted with other settings."""
    folder, maker = Path(folder), AlignGan.load(generator, device="cpu", progress=False)
    fitted = {own: getattr(maker.config, theirs) for own, theirs in SHARED.items()}
    if found := list(differences(fitted, config.model_dump(include=set(SHARED)))):
        raise ValueError(f"The aligngan in {generator} was fitted with other settings: {'; '.join(found)}. Fit anew.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, MADE):
        shutil.copyfile(Path(generator) / name, folder / name)
    alone, before, steps = maker.config.phases()
    seen = (alone + 2 * (steps - before)) * config.identities * config.images  # by the feature network
    record = {"config": config.model_dump(), "identities": sorted(table["identity"].unique()), "selection": SELECTION}
    record |= {"steps": steps, "images_seen": seen}
    write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())
    return maker.reid_network()


def load_joint(folder: Path) -> tuple[AlignedNetwork, AlignGanReidConfig]:
    """The ReID network, in evaluation mode on the CPU, and the configuration that `train_joint` left in `folder`.
    Raises FileNotFoundError: no training was finished there."""
    if not (Path(folder) / RECORD).exists():
        raise FileNotFoundError(f"No finished joint training in {folder}: call train_joint with that folder first.")
    maker = AlignGan.load(folder, device="cpu", progress=False)
    return maker.reid_network(), AlignGanReidConfig(**read_json(Path(folder) / RECORD)["config"])
