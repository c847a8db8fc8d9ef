"""Which camera codes the figures of DiVE show."""

from __future__ import annotations

from vireid_lib.experiment.pipeline import Run
from vireid_lib.generators.dive import prompts

MOST_CAMERAS = 7  # columns that fit a page


def cameras_of_each_view(run: Run) -> dict[str, str]:
    """A camera for each code of DiVE, and its modality: the target's visible ones, then its infrared ones, then the
    external set's; as many as fit."""
    rows = run.fitted_rows("dive")
    words = prompts.build(rows, run.generator_config("dive"))
    cameras = dict(zip(prompts.camera_keys(rows, words), rows["modality"], strict=True))
    first = {words.view(camera): camera for camera in sorted(cameras, reverse=True)}
    own = sorted(camera for camera in first.values() if camera.split("/")[0] == run.profile.data.target)
    others = sorted(set(first.values()) - set(own))[:1]
    infrared = [camera for camera in own if cameras[camera] == "infrared"][: MOST_CAMERAS - 3]
    visible = [camera for camera in own if cameras[camera] == "visible"][: MOST_CAMERAS - 1 - len(infrared)]
    return {camera: cameras[camera] for camera in (*visible, *infrared, *others)}
