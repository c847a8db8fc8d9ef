"""What only a world that draws itself knows: who stands where in a picture, and how infrared would have seen it.

Upper bounds and measures of a generator use it; nothing else may learn from it. The infrared pictures of the external
people therefore lie in a folder of their own (`mini_truth`), in no data set's layout.
"""

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, UInt8

from vireid_lib.data import tables
from vireid_lib.data.text import read_json
from vireid_lib.miniworld import render, write
from vireid_lib.miniworld.cameras import CAMERAS, View
from vireid_lib.miniworld.people import Person

KINDS = {"true": "true infrared", "redrawn": "redrawn infrared"}

Masks = Float32[np.ndarray, "n height width"]


def read_oracle(root: str | Path, kind: str = "true") -> pd.DataFrame:
    """Return the image table of the folder `mini_truth` that `write.make` made, split "external", sorted by path:
    "true", the person as an infrared camera would see it (the upper bound); or "redrawn", with infrared materials drawn
    anew by the world's law, the best guess from colour (the fair ceiling). Raises ValueError: an unknown kind, or a
    folder without such pictures."""
    if kind not in KINDS:
        raise ValueError(f"read_oracle: kind {kind!r}; choose one of {', '.join(KINDS)}")
    folder = Path(os.path.abspath(root)) / kind
    rows, about = [], {"modality": "infrared", "split": "external", "source": KINDS[kind]}
    for path in sorted(folder.glob("cam*/*/*.jpg")):
        identity, camera = f"mini_market/{path.parent.name}", path.parent.parent.name.removeprefix("cam")
        rows.append({"path": str(path), "identity": identity, "camera": f"mini_vi/{camera}", **about})
    if not rows:
        raise ValueError(f"{folder} holds no pictures; write the world with vireid_lib.miniworld.write.make")
    return tables.build(rows, f"mini_truth ({kind}) at {root}")


def person_masks(paths: Sequence[str], *, height: int = write.HEIGHT, width: int = write.WIDTH) -> Masks:
    """How much of each pixel the person covers (0..1). Raises ValueError for a path that no written world holds."""
    return render.silhouettes(*_people_and_views(paths), height=height, width=width)


def paired_views(
    paths: Sequence[str], cameras: Sequence[str], *, height: int = write.HEIGHT, width: int = write.WIDTH
) -> tuple[UInt8[np.ndarray, "n height width 3"], Masks]:
    """Draw the moments of visible photographs of a written world once more, each as the infrared camera named for it
    (e.g. "mini_vi/3") would see it: person, pose, framing and the direction of view stay; light, materials, place and
    optics are the camera's. Returns the pictures, and how much of each pixel the person covers, the same in either
    modality. Raises ValueError: a camera that is not infrared, or a path that no written world holds."""
    wrong = [name for name in cameras if name not in CAMERAS or CAMERAS[name].modality != "infrared"]
    if wrong or len(cameras) != len(paths):
        raise ValueError(f"paired_views: {len(paths)} paths, {len(cameras)} cameras; give an infrared one for each.")
    people, views = _people_and_views(paths)
    seen = []
    for view, name in zip(views, cameras, strict=True):
        seen.append(replace(view, camera=replace(CAMERAS[name], elevation=view.camera.elevation)))
    pictures = render.render(people, seen, height=height, width=width, modality="infrared")
    return pictures, render.silhouettes(people, views, height=height, width=width)


def _people_and_views(paths: Sequence[str]) -> tuple[list[Person], list[View]]:
    """Who is in each picture of a written world, and how they were seen."""
    roots = {path: _root(Path(path)) for path in paths}
    drawn = {}
    for root in set(roots.values()):
        world = read_json(root / "world.json")
        size = write.Size(**{each.name: world[each.name] for each in fields(write.Size) if each.name in world})
        for picture in write.PICTURES[world["name"]](world["seed"], size):
            drawn[str(root / picture.path)] = picture, world["seed"]
    for path, root in roots.items():
        if path not in drawn:
            raise ValueError(f"{path} is no picture that {root} was written with; give real rows only.")
    shown = [drawn[path] for path in paths]
    return [picture.person for picture, _ in shown], [picture.view(seed) for picture, seed in shown]


def _root(path: Path) -> Path:
    for folder in Path(os.path.abspath(path)).parents:
        if (folder / "world.json").is_file():
            return folder
    raise ValueError(f"{path} lies in no folder with a world.json: only miniature worlds know where the person is.")
