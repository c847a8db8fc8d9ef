"""What an infrared camera would have seen at the very moment of a photograph: the truth for a translated image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, UInt8

from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import CAMERAS
from vireid_lib.miniworld.masks import people_and_views
from vireid_lib.miniworld.render import render, silhouettes


def same_moment(
    paths: Sequence[str], cameras: Sequence[str], *, height: int = write.HEIGHT, width: int = write.WIDTH
) -> tuple[UInt8[np.ndarray, "n height width 3"], Float32[np.ndarray, "n height width"]]:
    """Draw the moments of photographs once more, each as an infrared camera would see it.

    Person, pose, framing and the direction of view stay; light, materials, place and optics are the camera's.

    Args:
        paths: of visible pictures of a written world.
        cameras: one for each, e.g. "mini_vi/3".
    Returns:
        the pictures, and how much of each pixel the person covers (the same in either light).
    Raises:
        ValueError: a camera that is no infrared one, or a path that no written world holds.
    """
    wrong = [name for name in cameras if name not in CAMERAS or CAMERAS[name].modality != "infrared"]
    if wrong or len(cameras) != len(paths):
        raise ValueError(
            f"same_moment of {len(paths)} paths and {len(cameras)} cameras: give an infrared one for each"
            + (f", which {wrong[0]!r} is not." if wrong else ".")
        )
    people, views = people_and_views(paths)
    seen = [
        replace(view, camera=replace(CAMERAS[name], elevation=view.camera.elevation))
        for view, name in zip(views, cameras, strict=True)
    ]
    pictures = render(people, seen, height=height, width=width, modality="infrared")
    return pictures, silhouettes(people, views, height=height, width=width)
