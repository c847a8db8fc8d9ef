"""What each part of DiVE's prompt is worth: the loss of eq. 6 on real images under right and wrong prompts."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vireid_lib.data.images import load_images
from vireid_lib.data.tables import OTHER
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel, Predictor
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import encode
from vireid_lib.training import seeds

TIMES = (0.1, 0.35, 0.6, 0.85)  # places on the noise schedule at which losses are compared

PROMPT_VARIANTS = {
    "right": "its own [k] and [p]",
    "person": "another person's [p]",
    "code": "a code of the other modality, own branch",
    "branch": "code and branch of the other modality",
    "base": "the base model: “a photo of a person”",
}
"""Under which prompts `prompt_losses` measures the loss."""


def prompt_verdict(worth: pd.DataFrame) -> pd.DataFrame:
    """By how much each wrong prompt raises the loss, paired by image, in percent of the right prompt's loss: columns
    prompt, modality, loss, rise (%), standard error (over images), images."""
    image = worth.groupby(["modality", "time"]).cumcount()
    per_image = worth.assign(image=image).groupby(["modality", "image"], sort=False)[list(PROMPT_VARIANTS)].mean()
    rows = []
    for name, words in PROMPT_VARIANTS.items():
        for modality, part in per_image.groupby("modality", sort=False):
            rise = 100 * (part[name] - part["right"]) / part["right"].mean()
            error = rise.std(ddof=1) / len(rise) ** 0.5
            rows.append([words, modality, part[name].mean(), rise.mean(), error, len(rise)])
    return pd.DataFrame(rows, columns=["prompt", "modality", "loss", "rise (%)", "standard error", "images"])


@torch.no_grad()
def prompt_losses(model: DiveModel, rows: pd.DataFrame) -> pd.DataFrame:
    """How well a fine-tuned model denoises images under the right prompt and under wrong ones: one row per image and
    time, columns modality, time (0..1), and a loss for each key of `PROMPT_VARIANTS`. Images, noise and times (`TIMES`)
    are the same in all columns."""
    base, config, device = model.base, model.config, model.base.unet.device
    images = np.asarray(load_images(rows["path"].tolist(), (config.height, config.width), cache=None).pixels)
    parts = [slice(start, start + 16) for start in range(0, len(rows), 16)]
    clean = torch.cat([encode(model, images[part]) for part in parts])
    noise = torch.randn(clean.shape, generator=seeds.generator(0, "prompt worth")).to(device)
    people, cameras, empty = rows["identity"].tolist(), camera_keys(rows, model.vocabulary), [""] * len(rows)
    names = sorted(set(people))
    others = [names[names.index(name) + 1 - len(names)] for name in people]  # the next one
    first = pd.Series(cameras).groupby(rows["modality"].to_numpy()).min()
    elsewhere = [first[OTHER[modality]] for modality in rows["modality"]]  # a camera of the other modality
    variants = (  # in the order of PROMPT_VARIANTS: identities, cameras of the code, cameras of the branch
        (people, cameras, cameras),
        (others, cameras, cameras),
        (people, elsewhere, cameras),
        (people, elsewhere, elsewhere),
        (empty, empty, None),
    )
    alphas = base.schedule.alphas_cumprod.to(device)
    found = {"modality": [*rows["modality"]] * len(TIMES), "time": np.repeat(TIMES, len(rows))}
    for name, (named, coded, branches) in zip(PROMPT_VARIANTS, variants, strict=True):
        ids, losses = model.tokenize(model.prompts(named, coded)).to(device), []
        for share in TIMES:
            for part in parts:
                times = torch.full_like(ids[part, 0], round(share * (len(alphas) - 1)))
                noised, target = diffuse(clean[part], noise[part], alphas[times], base.prediction)
                predicted = predict(model, ids[part], noised, times, branches and branches[part])
                losses += (predicted - target).square().mean((1, 2, 3)).tolist()
        found[name] = losses
    return pd.DataFrame(found)


def predict(model: DiveModel, ids: Tensor, noised: Tensor, times: Tensor, cameras: list[str] | None) -> Tensor:
    """The prediction under the branches of the cameras, or of the bare base model (None)."""
    if cameras is None:
        with model.branches.using(None):
            return model.base.unet(noised, times, model.base.text(ids).last_hidden_state).sample
    chosen = torch.tensor([model.vocabulary.branch(camera) for camera in cameras], device=ids.device)
    return Predictor(model)(ids, noised, times, chosen)
