"""Where the person stands in a picture of a written world: only a world that draws itself knows."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from vireid_lib.data.text import read_json
from vireid_lib.miniworld import write
from vireid_lib.miniworld.cameras import View
from vireid_lib.miniworld.people import Person
from vireid_lib.miniworld.render import silhouettes


def person_masks(
    paths: Sequence[str], *, height: int = write.HEIGHT, width: int = write.WIDTH
) -> Float32[np.ndarray, "n height width"]:
    """How much of each pixel the person covers (0..1), for pictures of mini_vi, mini_market or mini_truth.

    Raises:
        ValueError: a path that no written world holds.
    """
    people, views = people_and_views(paths)
    return silhouettes(people, views, height=height, width=width)


def people_and_views(paths: Sequence[str]) -> tuple[list[Person], list[View]]:
    """Who is in each picture of a written world, and how they were seen. Raises ValueError as `person_masks`."""
    roots = {path: _root(Path(path)) for path in paths}
    drawn = {}
    for root in set(roots.values()):
        world = read_json(root / "world.json")
        size = write.Size(**{field.name: world[field.name] for field in dataclasses.fields(write.Size)})
        for picture in write.PICTURES[world["name"]](world["seed"], size):
            drawn[str(root / picture.path)] = (picture, world["seed"])
    unknown = [path for path in paths if path not in drawn]
    if unknown:
        raise ValueError(f"{unknown[0]} is no picture that {roots[unknown[0]]} was written with; give real rows only.")
    found = [drawn[path] for path in paths]
    return [picture.person for picture, _ in found], [picture.view(seed) for picture, seed in found]


def _root(path: Path) -> Path:
    for folder in Path(os.path.abspath(path)).parents:
        if (folder / "world.json").is_file():
            return folder
    raise ValueError(f"{path} lies in no folder with a world.json: only miniature worlds know where the person is.")
