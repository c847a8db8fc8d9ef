"""Attention on real images: how much of each piece of DiVE's prompt lies on the person."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.attention import Recorder, concentration, record, token_positions
from vireid_lib.analysis.prompt_losses import predict
from vireid_lib.data.images import load_images
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys, words
from vireid_lib.generators.dive.sample import encode
from vireid_lib.training import seeds

TIMES = (0.2, 0.4, 0.6, 0.8)  # noise levels at which the images are looked at, as shares of the schedule

BATCH = 8


def concentrations(model: DiveModel, rows: pd.DataFrame, masks: Float[Tensor, "n height width"]) -> pd.DataFrame:
    """Noise images to `TIMES`, let the fine-tuned U-Net predict under each image's own prompt, and measure whether each
    piece of that prompt is attended to on the person, whom the masks outline. A row for each image, resolution (the
    finest first) and piece: columns image, modality, resolution ("16 × 8"), piece, concentration (1: as on an average
    place), share (of all attention, 0..1). Means over heads, layers and noise levels."""
    noise, found = seeds.generator(0, "attention"), []
    for start in range(0, len(rows), BATCH):
        part = rows.iloc[start : start + BATCH]
        found += _measured(model, part, masks[start : start + BATCH], _attention(model, part, noise))
    return pd.DataFrame(found)


def positions(model: DiveModel, identity: str, camera: str) -> dict[str, list[int]]:
    """Where the pieces of "a [k] photo of [p] person" (the prompt that pictures are made with) stand among the tokens;
    see `token_positions`. An empty identity or camera leaves its piece out."""
    code = model.vocabulary.code(camera) if camera else ""
    person = model.tokens.text(identity) if identity else ""
    pieces = words(code, person, model.templates[0])
    return token_positions(model.base.tokenizer, pieces, model.base.tokenizer.model_max_length)


@torch.no_grad()
def _attention(model: DiveModel, rows: pd.DataFrame, noise: torch.Generator) -> Recorder:
    """The attention of one batch of images, all noise levels together."""
    base, device = model.base, model.base.unet.device
    cameras = camera_keys(rows, model.vocabulary)
    ids = model.tokenize(model.prompts(rows["identity"].tolist(), cameras)).to(device)
    size = model.config.height, model.config.width
    clean = encode(model, np.asarray(load_images(rows["path"].tolist(), size, cache=None).pixels))
    drawn = torch.randn(clean.shape, generator=noise).to(device)
    alphas = base.schedule.alphas_cumprod.to(device)
    with record(base.unet) as recorder:
        for share in TIMES:
            times = torch.full((len(rows),), round(share * (len(alphas) - 1)), device=device)
            predict(model, ids, diffuse(clean, drawn, alphas[times], "epsilon")[0], times, cameras)
    return recorder


def _measured(model: DiveModel, rows: pd.DataFrame, masks: Tensor, recorder: Recorder) -> list[dict[str, object]]:
    """The table's rows of one batch."""
    cameras, found = camera_keys(rows, model.vocabulary), []
    for place, (image, row) in enumerate(rows.iterrows()):
        pieces = positions(model, row["identity"], cameras[place])
        for height, width in recorder.resolutions:
            whole = recorder.maps((height, width))[place]
            maps = torch.stack([whole[tokens].sum(0) for tokens in pieces.values()])
            on_person = concentration(maps, masks[place].expand(len(maps), -1, -1))
            about = {"image": image, "modality": row["modality"], "resolution": f"{height} × {width}"}
            for piece, value, share in zip(pieces, on_person.tolist(), maps.mean((1, 2)).tolist(), strict=True):
                found.append({**about, "piece": piece, "concentration": value, "share": share})
    return found
