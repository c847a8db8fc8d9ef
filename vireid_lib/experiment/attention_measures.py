"""Attention on real training images as a cached stage: how much of each piece of the prompt lies on the person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.analysis.attention import Recorder, concentration, conclusion, record, token_positions
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.prompt_losses import predict
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import encode
from vireid_lib.generators.dive.templates import words
from vireid_lib.training import seeds
from vireid_lib.viz.pictures import pixels, spread

TIMES = (0.2, 0.4, 0.6, 0.8)
"""Noise levels at which the images are looked at, as shares of the schedule."""

BATCH = 8
TABLE = "attention.csv"


def concentrations(run: Run, *, images: int = 48) -> pd.DataFrame:
    """Noise training images to `TIMES`, let the fine-tuned U-Net predict under each image's own prompt, and measure
    whether each piece of that prompt is attended to on the person (see `outlines`). `images`: how many, half of each
    modality, spread over the training images.

    Returns:
        a row for each image, resolution (the finest first) and piece: columns image, modality, resolution ("16 × 8"),
        piece, concentration (1: as on an average place), share (of all attention, 0..1). Means over heads, layers and
        noise levels.
    """
    rows = spread(run.data().train_rows(), images)

    def make(folder: Path) -> dict:
        model = run.generator("dive").model
        masks = torch.from_numpy(outlines(run, rows))
        noise, parts = seeds.generator(0, "attention"), []
        for start in range(0, len(rows), BATCH):
            part = rows.iloc[start : start + BATCH]
            parts += _measured(model, part, masks[start : start + BATCH], _attention(model, part, noise))
        table = pd.DataFrame(parts)
        table.to_csv(folder / TABLE, index=False)
        return {"conclusion": conclusion(table)}

    inputs = {"finetuning": run.fit("dive"), "images": rows}
    done = run.stage("attention_concentrations", {"times": list(TIMES)}, inputs, make, seeds=[0])
    return pd.read_csv(done.folder / TABLE)


def outlines(run: Run, rows: pd.DataFrame) -> Float[np.ndarray, "n height width"]:
    """How much of each pixel the person covers (0..1), at the generator's size. The renderer of the miniature world
    knows it. Elsewhere it is an upright ellipse in the middle of the crop, which is coarse."""
    config = run.generator_config("dive")
    height, width = config.height, config.width
    if run.miniature:
        from vireid_lib.miniworld.oracle import person_masks

        return person_masks(rows["path"].tolist(), height=height, width=width)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    ellipse = ((x / width - 0.5) / 0.3) ** 2 + ((y / height - 0.5) / 0.46) ** 2 <= 1
    return np.repeat(ellipse[None].astype(np.float32), len(rows), 0)


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
    clean = encode(model, pixels(rows, (model.config.height, model.config.width)))
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
