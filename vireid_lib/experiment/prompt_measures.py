"""What DiVE's prompt does to real training images, as stages; and which camera codes figures show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from vireid_lib.analysis import prompts as effects
from vireid_lib.analysis.subsets import spread
from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive import prompts
from vireid_lib.generators.dive.model import DiveModel

TABLE = "table.csv"
MOST_CAMERAS = 7  # columns that fit a page


def prompt_worth(run: Run, *, images: int = 24) -> pd.DataFrame:
    """`prompt_losses` of so many training images."""
    rows = spread(run.data().train_rows(), images)
    settings = {"times": list(effects.LOSS_TIMES), "variants": list(effects.PROMPT_VARIANTS)}
    return _measured(run, "prompt_worth", settings, rows, lambda model: effects.prompt_losses(model, rows))


def concentrations(run: Run, *, images: int = 48) -> pd.DataFrame:
    """`analysis.prompts.concentrations` of so many training images, half of each modality."""
    rows = spread(run.data().train_rows(), images)
    settings = {"times": list(effects.ATTENTION_TIMES)}

    def measure(model: DiveModel) -> pd.DataFrame:
        return effects.concentrations(model, rows, torch.from_numpy(outlines(run, rows)))

    return _measured(run, "attention_concentrations", settings, rows, measure)


def _measured(
    run: Run, name: str, settings: dict, rows: pd.DataFrame, measure: Callable[[DiveModel], pd.DataFrame]
) -> pd.DataFrame:
    def make(folder: Path) -> None:
        measure(run.generator("dive").model).to_csv(folder / TABLE, index=False)

    inputs = {"finetuning": run.fit("dive"), "images": rows}
    return pd.read_csv(run.stage(name, settings, inputs, make, seeds=[0]).folder / TABLE)


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


def cameras_of_each_view(run: Run) -> dict[str, str]:
    """A camera for each code of DiVE, and its modality: the target's visible ones, then its infrared ones, then the
    external set's; as many as fit a page."""
    rows = run.fitted_rows("dive")
    words = prompts.build(rows, run.generator_config("dive"))
    cameras = dict(zip(prompts.camera_keys(rows, words), rows["modality"], strict=True))
    first = {words.view(camera): camera for camera in sorted(cameras, reverse=True)}
    own = sorted(camera for camera in first.values() if camera.split("/")[0] == run.profile.data.target)
    others = sorted(set(first.values()) - set(own))[:1]
    infrared = [camera for camera in own if cameras[camera] == "infrared"][: MOST_CAMERAS - 3]
    visible = [camera for camera in own if cameras[camera] == "visible"][: MOST_CAMERAS - 1 - len(infrared)]
    return {camera: cameras[camera] for camera in (*visible, *infrared, *others)}
