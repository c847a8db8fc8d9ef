"""Test features obtained alike for every method: what distances between images are measured on.

Some methods are tested with features averaged over an image and its mirror image, others are not. An average lies
nearer to the others of its person, so that distances of the two kinds do not compare. Scores keep each method's own
test feature.
"""

from pathlib import Path

import pandas as pd
import safetensors.torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.experiment import joint_training as joint
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.run import Book
from vireid_lib.reid.config import ReidConfig
from vireid_lib.training import weights


def features(book: Book, name: str, seed: int, split: int = 1) -> tuple[Float[Tensor, "images dim"], pd.DataFrame]:
    """As `stages.features`, of the images as they are."""
    return features_of(book, stages.reid(book, name, seed), split), stages.datasets(book, split).test()


def features_of(book: Book, trained: StageRecord, split: int = 1) -> Float[Tensor, "images dim"]:
    """Test features of a training's network, of the images as they are."""
    record = holding(book, trained, split)
    place = record.folder / f"split_{split}" if record is trained else record.folder
    return weights.read_file(place / stages.FEATURES)["features"]


def holding(book: Book, trained: StageRecord, split: int = 1) -> StageRecord:
    """The stage that holds `features_of`, an input of whatever is made of them: the training, or, where the method is
    tested with mirror images, a stage of its own."""
    if not trained.result["config"]["config"]["flip_at_test"]:
        return trained
    test = stages.datasets(book, split).test()

    def make(folder: Path) -> dict:
        from vireid_lib.reid.features import extract

        network, config = joint.load(trained.folder / f"split_{split}")
        found = extract(network.to(book.device), test, as_it_is(config), book.workspace.cache)
        safetensors.torch.save_file({"features": found}, folder / stages.FEATURES)
        return {"images": len(found), "dimensions": found.shape[1]}

    inputs = {"reid": trained, "test": test}
    return book.stage("features_alike", {"split": split}, inputs, make, seeds=trained.result["seeds"])


def as_it_is(config: ReidConfig) -> ReidConfig:
    """The settings with which features of a method are extracted to measure distances."""
    return config.model_copy(update={"flip_at_test": False})
