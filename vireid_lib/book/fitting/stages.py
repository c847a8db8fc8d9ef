"""Stages of chapter 02 about the fitted generator: what its prompt is worth, and what fitting cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from vireid_lib.data.images import to_float
from vireid_lib.experiment import arrays
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.generators.dive.finetune import diffuse
from vireid_lib.generators.dive.model import DiveModel, Predictor
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.training import seeds
from vireid_lib.viz.pictures import pixels, spread

TIMES = (0.1, 0.35, 0.6, 0.85)
"""Places on the noise schedule at which losses are compared."""

PROMPT_VARIANTS = {
    "right": "its own [k] and [p]",
    "person": "another person's [p]",
    "code": "a code of the other modality, own branch",
    "branch": "code and branch of the other modality",
    "base": "the base model: “a photo of a person”",
}
"""Under which prompts `prompt_worth` measures the loss of eq. 6."""


def prompt_worth(run: Run, *, images: int = 24, split: int = 1) -> pd.DataFrame:
    """How well the fine-tuned model denoises real training images when the prompt is right, and when it is wrong.

    The loss of eq. 6 on fixed images with fixed noise at the times of `TIMES`, so that columns differ by the prompt
    alone.

    Returns:
        one row per image and time: modality, time (0..1), and a loss for each key of `PROMPT_VARIANTS`.
    """
    rows = spread(run.data(split).train_rows(), images)
    fitted = run.fit("dive", split)

    def make(folder: Path) -> dict:
        losses = _losses(run.generator("dive", split).model, rows).numpy()
        arrays.save(folder, losses=losses)
        return {"rise": prompt_verdict(_worth(rows, losses)).to_dict("records")}

    settings = {"times": list(TIMES), "variants": list(PROMPT_VARIANTS)}
    record = run.stage("prompt_worth", settings, {"finetuning": fitted, "images": rows}, make, seeds=[0])
    return _worth(rows, arrays.load(record)["losses"])


def _worth(rows: pd.DataFrame, losses: Float[np.ndarray, "variants times images"]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "modality": np.tile(rows["modality"].to_numpy(dtype=object), len(TIMES)),
            "time": np.repeat(TIMES, len(rows)),
            **{name: losses[place].reshape(-1).astype(float) for place, name in enumerate(PROMPT_VARIANTS)},
        }
    )


def prompt_verdict(worth: pd.DataFrame) -> pd.DataFrame:
    """By how much each wrong prompt raises the loss, paired by image, in percent of the right prompt's loss.

    Returns:
        columns prompt, modality, loss, rise (%), standard error, images. The standard error is over images.
    """
    image = worth.groupby(["modality", "time"]).cumcount()
    per_image = worth.assign(image=image).groupby(["modality", "image"], sort=False)[list(PROMPT_VARIANTS)].mean()
    rows = []
    for name, words in PROMPT_VARIANTS.items():
        for modality, part in per_image.groupby("modality", sort=False):
            rise = 100 * (part[name] - part["right"]) / part["right"].mean()
            rows.append(
                {
                    "prompt": words,
                    "modality": modality,
                    "loss": part[name].mean(),
                    "rise (%)": rise.mean(),
                    "standard error": rise.std(ddof=1) / len(rise) ** 0.5,
                    "images": len(rise),
                }
            )
    return pd.DataFrame(rows)


def prompt_curves(worth: pd.DataFrame) -> dict[str, tuple[pd.Index, pd.Series]]:
    """For each wrong prompt the times and the rise of the mean loss there, in percent."""
    means = worth.groupby("time")[list(PROMPT_VARIANTS)].mean()
    return {
        words: (means.index, 100 * (means[name] / means["right"] - 1))
        for name, words in PROMPT_VARIANTS.items()
        if name != "right"
    }


@torch.no_grad()
def _losses(model: DiveModel, rows: pd.DataFrame) -> Float[Tensor, "variants times images"]:
    base, config = model.base, model.config
    device = base.unet.device
    images = pixels(rows, (config.height, config.width))
    clean = (
        torch.cat(
            [
                base.vae.encode(to_float(images[i : i + 16], device) * 2 - 1).latent_dist.mean
                for i in range(0, len(rows), 16)
            ]
        )
        * base.vae.config.scaling_factor
    )
    noise = torch.randn(clean.shape, generator=seeds.generator(0, "prompt worth")).to(device)
    people, cameras = rows["identity"].tolist(), camera_keys(rows, model.vocabulary)
    others, elsewhere = _other_people(rows), _other_modality(rows, cameras)
    empty = [""] * len(rows)
    choices = {
        "right": (model.prompts(people, cameras), cameras),
        "person": (model.prompts(others, cameras), cameras),
        "code": (model.prompts(people, elsewhere), cameras),
        "branch": (model.prompts(people, elsewhere), elsewhere),
        "base": (model.prompts(empty, empty), None),
    }
    alphas = base.schedule.alphas_cumprod.to(device)
    steps = torch.tensor([round(share * (len(alphas) - 1)) for share in TIMES], device=device)
    found = torch.empty(len(choices), len(steps), len(rows))
    for place, (prompts, branches) in enumerate(choices[name] for name in PROMPT_VARIANTS):
        ids = model.tokenize(prompts).to(device)
        for row, step in enumerate(steps):
            for start in range(0, len(rows), 16):
                part = slice(start, start + 16)
                times = step.expand(len(ids[part]))
                noised, target = diffuse(clean[part], noise[part], alphas[times], base.prediction)
                predicted = predict(model, ids[part], noised, times, None if branches is None else branches[part])
                found[place, row, part] = (predicted.float() - target).square().mean((1, 2, 3)).cpu()
    return found


def predict(model: DiveModel, ids: Tensor, noised: Tensor, times: Tensor, cameras: list[str] | None) -> Tensor:
    """The prediction under the branches of the cameras, or of the bare base model."""
    if cameras is None:
        with model.branches.using(None):
            return model.base.unet(noised, times, model.base.text(ids).last_hidden_state).sample
    chosen = torch.tensor([model.vocabulary.branch(camera) for camera in cameras], device=ids.device)
    frozen = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    return Predictor(model)(ids, noised, times, chosen, frozen)


def _other_people(rows: pd.DataFrame) -> list[str]:
    """For each row an identity that it does not show: the next one among those of the rows."""
    names = sorted(rows["identity"].unique())
    return [names[(names.index(name) + 1) % len(names)] for name in rows["identity"]]


def _other_modality(rows: pd.DataFrame, cameras: list[str]) -> list[str]:
    """For each row a camera of the other modality, out of `cameras`, those of the rows."""
    first = pd.Series(cameras).groupby(rows["modality"].to_numpy()).min()
    return [first["infrared" if modality == "visible" else "visible"] for modality in rows["modality"]]


def cost(run: Run, record: StageRecord) -> pd.DataFrame:
    """What fine-tuning cost here, and what the paper spent."""
    config, minutes = run.generator_config("dive"), record.result["wall_seconds"] / 60
    here = {
        "images": record.values["images"],
        "identities": record.values["identities"],
        "cameras": len(record.values["cameras"]),
        "steps": config.steps,
        "batch": config.batch,
        "images seen": config.steps * config.batch,
        "learning rate": config.learning_rate,
        "LoRA rank": config.lora_rank,
        "vectors per token": config.vectors_per_token,
        "minutes": round(minutes, 1),
        "device": record.result["device"],
    }
    paper = {
        "steps": 400_000,
        "batch": 16,
        "images seen": 6_400_000,
        "learning rate": 5e-5,
        "LoRA rank": 128,
        "vectors per token": 1,
    }
    return pd.DataFrame(
        {"here": pd.Series(here, dtype=object), "printed in the paper": pd.Series(paper, dtype=object)},
        index=list(here),
    ).fillna("not printed")
