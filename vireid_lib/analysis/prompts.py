"""What DiVE's prompt does to real images: where its pieces attend, and what each is worth in the loss of eq. 6."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.attention import concentration, record, token_positions
from vireid_lib.data.images import load_images
from vireid_lib.data.tables import OTHER
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel, Predictor
from vireid_lib.generators.dive.prompts import camera_keys, words
from vireid_lib.generators.dive.sample import encode
from vireid_lib.training import seeds

ATTENTION_TIMES, BATCH = (0.2, 0.4, 0.6, 0.8), 8
LOSS_TIMES = (0.1, 0.35, 0.6, 0.85)
"""Noise levels at which attention is looked at and losses are compared, as shares of the schedule."""

PROMPT_VARIANTS = {
    "right": "its own [k] and [p]",
    "person": "another person's [p]",
    "code": "a code of the other modality, own branch",
    "branch": "code and branch of the other modality",
    "base": "the base model: “a photo of a person”",
}
"""Under which prompts `prompt_losses` measures the loss."""


@torch.no_grad()
def concentrations(model: DiveModel, rows: pd.DataFrame, masks: Float[Tensor, "n height width"]) -> pd.DataFrame:
    """Noise images to `ATTENTION_TIMES`, let the fine-tuned U-Net predict under each image's own prompt, and measure
    whether each piece of that prompt is attended to on the person, whom the masks outline. A row for each image,
    resolution (the finest first) and piece: columns image, modality, resolution ("16 × 8"), piece, concentration (1: as
    on an average place), share (of all attention, 0..1). Means over heads, layers and noise levels."""
    draw, found, device = seeds.generator(0, "attention"), [], model.base.unet.device
    alphas = model.base.schedule.alphas_cumprod.to(device)
    for start in range(0, len(rows), BATCH):
        part, outlines = rows.iloc[start : start + BATCH], masks[start : start + BATCH]
        cameras, clean = camera_keys(part, model.vocabulary), _latents(model, part)
        ids = model.tokenize(model.prompts(part["identity"].tolist(), cameras)).to(device)
        noise = torch.randn(clean.shape, generator=draw).to(device)
        with record(model.base.unet) as recorder:
            for share in ATTENTION_TIMES:
                times = torch.full((len(part),), round(share * (len(alphas) - 1)), device=device)
                _predict(model, ids, diffuse(clean, noise, alphas[times], "epsilon")[0], times, cameras)
        for place, (image, row) in enumerate(part.iterrows()):
            pieces = positions(model, row["identity"], cameras[place])
            for height, width in recorder.resolutions:
                whole = recorder.maps((height, width))[place]
                maps = torch.stack([whole[tokens].sum(0) for tokens in pieces.values()])
                on_person = concentration(maps, outlines[place].expand(len(maps), -1, -1))
                about = {"image": image, "modality": row["modality"], "resolution": f"{height} × {width}"}
                for piece, value, share in zip(pieces, on_person.tolist(), maps.mean((1, 2)).tolist(), strict=True):
                    found.append({**about, "piece": piece, "concentration": value, "share": share})
    return pd.DataFrame(found)


def positions(model: DiveModel, identity: str, camera: str) -> dict[str, list[int]]:
    """Where the pieces of "a [k] photo of [p] person" (the prompt that pictures are made with) stand among the tokens;
    see `token_positions`. An empty identity or camera leaves its piece out."""
    code = model.vocabulary.code(camera) if camera else ""
    person = model.tokens.text(identity) if identity else ""
    pieces = words(code, person, model.templates[0])
    return token_positions(model.base.tokenizer, pieces, model.base.tokenizer.model_max_length)


def prompt_verdict(worth: pd.DataFrame) -> pd.DataFrame:
    """By how much each wrong prompt raises the loss, paired by image, in percent of the right prompt's loss: columns
    prompt, modality, loss, rise (%), standard error (over images), images."""
    image = worth.groupby(["modality", "time"]).cumcount()
    per_image = worth.assign(image=image).groupby(["modality", "image"], sort=False)[list(PROMPT_VARIANTS)].mean()
    rows = []
    for name, says in PROMPT_VARIANTS.items():
        for modality, part in per_image.groupby("modality", sort=False):
            rise = 100 * (part[name] - part["right"]) / part["right"].mean()
            rows.append([says, modality, part[name].mean(), rise.mean(), rise.sem(), len(rise)])
    return pd.DataFrame(rows, columns=["prompt", "modality", "loss", "rise (%)", "standard error", "images"])


@torch.no_grad()
def prompt_losses(model: DiveModel, rows: pd.DataFrame) -> pd.DataFrame:
    """How well a fine-tuned model denoises images under the right prompt and under wrong ones: one row per image and
    time, columns modality, time (0..1), and a loss for each key of `PROMPT_VARIANTS`. Images, noise and `LOSS_TIMES`
    are the same in all columns."""
    base, device = model.base, model.base.unet.device
    parts = [slice(start, start + 16) for start in range(0, len(rows), 16)]
    clean = torch.cat([_latents(model, rows.iloc[part]) for part in parts])
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
    found = {"modality": [*rows["modality"]] * len(LOSS_TIMES), "time": np.repeat(LOSS_TIMES, len(rows))}
    for name, (named, coded, branches) in zip(PROMPT_VARIANTS, variants, strict=True):
        ids, losses = model.tokenize(model.prompts(named, coded)).to(device), []
        for share in LOSS_TIMES:
            for part in parts:
                times = torch.full_like(ids[part, 0], round(share * (len(alphas) - 1)))
                noised, target = diffuse(clean[part], noise[part], alphas[times], base.prediction)
                predicted = _predict(model, ids[part], noised, times, branches and branches[part])
                losses += (predicted - target).square().mean((1, 2, 3)).tolist()
        found[name] = losses
    return pd.DataFrame(found)


def _latents(model: DiveModel, rows: pd.DataFrame) -> Tensor:
    size = model.config.height, model.config.width
    return encode(model, np.asarray(load_images(rows["path"].tolist(), size, cache=None)))


def _predict(model: DiveModel, ids: Tensor, noised: Tensor, times: Tensor, cameras: list[str] | None) -> Tensor:
    """The prediction under the branches of the cameras, or of the bare base model (None)."""
    if cameras is None:
        with model.branches.using(None):
            return model.base.unet(noised, times, model.base.text(ids).last_hidden_state).sample
    chosen = torch.tensor([model.vocabulary.branch(camera) for camera in cameras], device=ids.device)
    return Predictor(model)(ids, noised, times, chosen)
