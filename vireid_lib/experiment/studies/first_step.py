"""A method and a batch as they are before the first step of a training: what a study's by-hand code computes on."""

import numpy as np
import pandas as pd
import torch

from vireid_lib.data import tables
from vireid_lib.data.images import load_images, to_float
from vireid_lib.experiment import methods
from vireid_lib.experiment.pipeline import Run
from vireid_lib.reid.method import Batch, Method
from vireid_lib.training import seeds


def untrained(run: Run, seed: int) -> Method:
    """The run's ReID method with the weights that a training on real images starts from: random ones, or ImageNet's
    where the settings name them. On the CPU."""
    config, identities = run.reid_config, run.data().train_rows()["identity"].nunique()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer(seed, "weights"))
        return methods.method_class(config.method)(config, identities)


def first_batch(run: Run, *, identities: int, images: int, seed: int = 0) -> tuple[Batch, pd.DataFrame]:
    """A small P×K batch of training images in 0..1, on the CPU, and its rows: `images` visible and as many infrared
    ones of each identity, drawn with replacement, identity by identity. Raises ValueError where there are
    fewer identities."""
    config, learn = run.reid_config, run.data().train_rows()
    names = learn["identity"].drop_duplicates().sample(identities, random_state=seed)
    drawn = learn[learn["identity"].isin(names)].groupby(["modality", "identity"])
    rows = drawn.sample(images, replace=True, random_state=seed).sort_values("modality", ascending=False, kind="stable")
    labels, known = tables.identity_labels(learn)[0], learn["identity"].to_numpy()
    label_of, sides = dict(zip(known, labels.tolist(), strict=True)), {}
    for modality in ("visible", "infrared"):
        own = rows[rows["modality"] == modality]
        pixels = np.asarray(load_images(own["path"].tolist(), (config.height, config.width), cache=None))
        sides[modality] = to_float(pixels, torch.device("cpu"))
        sides[f"{modality}_labels"] = torch.tensor([label_of[name] for name in own["identity"]])
        sides[f"{modality}_rows"] = torch.from_numpy(own.index.to_numpy(copy=True))
    return Batch(**sides, generator=seeds.generator(seed, "first batch")), rows.reset_index(drop=True)
