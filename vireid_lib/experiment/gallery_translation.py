"""SSIM of translated photographs with the same moments in infrared, as a stage; in the miniature world alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vireid_lib.analysis.fidelity import Measure
from vireid_lib.analysis.ssim import ssim
from vireid_lib.data.images import load_images
from vireid_lib.experiment.gallery_audit import SIZE
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import OF_THE_WORLD

PEOPLE = 40
"""Whose photographs are translated."""


def translation_ssim(run: Run, name: str) -> Measure | None:
    """SSIM, on the person, of translated photographs and of their very moments in infrared; None for a generator that
    does not translate, and for real data."""
    found = _translator(run, name) if run.miniature else None
    if found is None:
        return None
    fitting, translate, sampling, (height, width) = found
    external, cameras = run.data().external.sort_values("path"), run.infrared_cameras
    people = sorted(external["identity"].unique())[:PEOPLE]
    shown = external[external["identity"].isin(people)].groupby("identity").head(len(cameras))
    shown = shown.reset_index(drop=True)
    under = [cameras[place % len(cameras)] for place in shown.groupby("identity").cumcount()]

    def make(folder: Path) -> dict:
        from vireid_lib.miniworld.oracle import paired_views

        pixels = np.asarray(load_images(shown["path"].tolist(), (height, width), cache=None).pixels)
        truth, persons = paired_views(shown["path"].tolist(), under, height=height, width=width)
        made, draw = np.empty_like(pixels), translate()
        requests = pd.Series(range(len(shown))).groupby([shown["identity"], pd.Series(under)]).indices
        for (identity, camera), rows in requests.items():
            made[rows] = draw(pixels[rows], identity, camera)
        return {"ssim": float(ssim(made, truth, persons).mean())}

    settings = {"generator": name, "size": [height, width], "cameras": under, "sampling": sampling}
    inputs = {"photographs": shown} | ({"fitting": fitting} if fitting else {})
    return Measure(
        "SSIM",
        run.stage("translation_ssim", settings, inputs, make).values["ssim"],
        "pixels, luminance, where the person is",
        f"{height}x{width}, bilinear",
        (len(shown),),
        "translated photographs and the same moments in infrared",
    )


def _translator(run: Run, name: str):
    """What gallery `name` was fitted by (None if nothing was), how it translates, the settings of that, its size; None
    if it can't."""
    from vireid_lib import generators

    if name in ("dive", *OF_THE_WORLD):  # from text there is no moment to compare
        return None
    config = run.generator_config(name)
    size = (getattr(config, "height", SIZE[0]), getattr(config, "width", SIZE[1]))
    if name != "dive_from_image":
        made = generators.generator_class(name)
        if "translate" not in made.capabilities:
            return None
        if name == "grayscale":
            return None, lambda: made().translate, {}, size
    return run.fit(name), lambda: run.generator(name).translate, config.sampling_settings(), size
