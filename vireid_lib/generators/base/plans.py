"""What a gallery is to hold: each picture's identity, camera, seeds, and the images it is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from vireid_lib.data.tables import OTHER, camera_in_table
from vireid_lib.generators.base import gallery_files
from vireid_lib.training import seeds

ATTEMPTS = 4


@dataclass(frozen=True)
class SampleRequest:
    """One image of a gallery."""

    identity: str
    camera: str  # as its row names it
    path: Path
    seeds: tuple[int, ...]  # to try in turn; the row records the one that gave the picture
    source_images: tuple[str, ...] = ()  # files of the images it is made from; none for a picture from noise
    from_modality: str = ""  # of these
    modality: str = "infrared"  # of its row
    split: str = "external"
    starts: tuple[tuple[str, ...], ...] = ()  # what else it may be made from, should its picture be unusable

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The request whose attributes came back from JSON."""
        changed = {key: tuple(values[key]) for key in ("seeds", "source_images")}
        changed |= {"starts": tuple(map(tuple, values["starts"])), "path": Path(values["path"])}
        return cls(**values | changed)

    def at(self, attempt: int) -> Self:
        """The request of an attempt: its seed first, and its start where there is another."""
        start = (self.source_images, *self.starts)[min(attempt, len(self.starts))]
        return replace(self, seeds=self.seeds[attempt:], source_images=start)

    def row(self, source: str, seed: int | None) -> dict:
        own = {name: getattr(self, name) for name in ("identity", "camera", "modality", "split")}
        return {"path": str(self.path), **own, "source": source, "seed": pd.NA if seed is None else seed}


@dataclass(frozen=True)
class GalleryRequest:
    """`per_camera` images of each identity under each camera, into `folder`."""

    identities: Sequence[str]
    cameras: Sequence[str]  # by the names of `tables.camera_keys`
    per_camera: int
    seed: int
    folder: Path
    source: pd.DataFrame | None = None  # rows of images to start from

    def settings(self) -> dict:
        """What its pictures depend on, as JSON values."""
        asked = {"identities": list(self.identities), "cameras": list(self.cameras)}
        return {"seed": self.seed, "per_camera": self.per_camera, **asked}


def plan(
    order: GalleryRequest, modalities: Mapping[str, str] | None = None, *, knows_cameras=True, pairs=False
) -> list[SampleRequest]:
    """Pictures from noise, each from one image of the other modality, or each from a pair; by camera, then identity.

    Seeds are a pure function of (seed, identity, camera, number). So are source images, but for pairs and for a
    generator that knows modalities alone: there they depend on which cameras are asked for before this one as well.
    Raises ValueError: an identity has no image to start from, or no two of one modality.

    Args:
        order: each image (or pair) of an identity in its source is taken once before any comes twice; without a
            source, pictures are from noise.
        modalities: of the cameras; None where all are infrared.
        knows_cameras: whether two cameras show the same image differently. If not, source images are drawn without
            repeats over all cameras of a modality; otherwise for each camera.
        pairs: take two different images of the identity: of the camera's modality where the source has two such, of the
            other modality otherwise. The same pairs for every generator.
    """
    cameras, source, seed, per_camera = order.cameras, order.source, order.seed, order.per_camera
    gallery_files.check_distinct(order.identities, cameras)
    groups = {} if source is None else dict(list(source.sort_values("path").groupby(["identity", "modality"])))
    modalities, requests = modalities or dict.fromkeys(cameras, "infrared"), []
    for camera in cameras:
        modality = modalities[camera]
        alike = [other for other in cameras if modalities[other] == modality]
        before = 0 if knows_cameras and not pairs else alike.index(camera)
        stream = (modality, "pairs") if pairs else (camera if knows_cameras else modality,)
        for identity in order.identities:
            taken = None if source is None else _taken(groups, identity, modality, pairs)
            rows = groups.get((identity, taken))
            paths, split = ([], "external") if rows is None else (rows["path"].tolist(), rows["split"].iloc[0])
            choices = np.transpose(np.triu_indices(len(paths), 1)) if pairs else np.arange(len(paths))[:, None]
            draw = np.random.default_rng(seeds.integer(seed, identity, *stream))
            places = without_repeats(draw, len(choices), (before + 1) * per_camera)[before * per_camera :]
            sources = [tuple(paths[place] for place in choice) for choice in choices] or [()]
            for number in range(per_camera):
                first = places[number] if paths else 0
                start, *others = (sources[(first + k) % len(sources)] for k in range(min(ATTEMPTS, len(sources))))
                path = gallery_files.image_path(order.folder, identity, camera, number + 1)
                about = (start, taken or OTHER[modality], modality, split, tuple(others))
                own = (identity, camera_in_table(camera), path, tries(seed, identity, camera, number))
                requests.append(SampleRequest(*own, *about))
    return requests


def _taken(groups: Mapping[tuple[str, str], pd.DataFrame], identity: str, modality: str, pairs: bool) -> str:
    """The modality of the images that an identity's pictures of `modality` are made from."""
    other = OTHER[modality]
    for each in (modality, other) if pairs else (other,):
        if len(groups.get((identity, each), ())) > pairs:
            return each
    if pairs:
        raise ValueError(f"{identity!r} has no two images of one modality to blend: give more, or leave it out.")
    raise ValueError(f"{identity!r} has no {other} image to start from: give rows of it as `source`.")


def without_repeats(draw: np.random.Generator, count: int, needed: int) -> np.ndarray:
    """`needed` of `count` places in random order: all of them once, then all in another order, and so on."""
    rounds = -(-needed // count) if count else 0
    return np.concatenate([draw.permutation(count) for _ in range(rounds)] or [np.empty(0, int)])[:needed]


def tries(seed: int, identity: str, camera: str, number: int) -> tuple[int, ...]:
    """The seeds of one image, 32 bits each: the first, and those that replace it should its picture be unusable."""
    return tuple(seeds.integer(seed, identity, camera, number, attempt) % 2**32 for attempt in range(ATTEMPTS))


def share(item: SampleRequest, q: int) -> float:
    """p / q, with p drawn from 1..q-1 by the image's seed (Flow2Flow, Eq. 17)."""
    return int(np.random.default_rng(seeds.integer(item.seeds[0], "share")).integers(1, q)) / q
