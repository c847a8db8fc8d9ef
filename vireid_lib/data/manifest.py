"""Data-set manifests: what each YAML under data_manifests/datasets/ says, as a strictly checked model."""

import hashlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vireid_lib import user_paths
from vireid_lib.data.contents import kept_until_changed
from vireid_lib.data.strict import FileError, Strict, read_model
from vireid_lib.did_you_mean import hint
from vireid_lib.project import project_root

Modality = Literal["visible", "infrared"]
Text = Annotated[str, Field(min_length=1)]

COUNT_FORM = re.compile(
    r"(?P<splits>all|gt_bbox|(?:train|val|test|query|gallery)(?:\+(?:train|val|test|query|gallery))*)"
    r"(?: camera (?P<camera>\d+))?(?: (?P<modality>visible|infrared))?"
    r" (?P<unit>images|identities|distractor images)"
)


class Camera(Strict):
    """One camera in one modality; a site with a visible and an infrared camera has two entries."""

    number: int = Field(ge=0)
    modality: Modality
    place: Text
    setting: Literal["indoor", "outdoor"] | None = None


class Count(Strict):
    """A number that a source prints. `what` reads "train+val visible images", "test camera 3 images", ..."""

    what: str
    value: int = Field(ge=0)
    source: Text
    note: str = ""

    @field_validator("what")
    @classmethod
    def _is_countable(cls, what: str) -> str:
        if not COUNT_FORM.fullmatch(what):
            raise ValueError(f'{what!r} cannot be counted; write it as "train+val visible images" or "all identities"')
        return what


class Mode(Strict):
    """The cameras whose images are queries, and those whose images are the gallery."""

    query: list[int]
    gallery: list[int]


class Protocol(Strict):
    """How the data set is evaluated: `rule` (in words: `removal`) says which gallery images a query ignores and how
    ranks are counted, `modes` names camera selections, `shots` and `draws` say how a gallery is drawn."""

    rule: Literal["sysu-mm01", "regdb", "llcm", "market-1501"]
    removal: Text
    trials: int = Field(ge=1)
    modes: dict[str, Mode] = {}
    shots: list[int] = []
    draws: list[Literal["seeded", "official"]] = []
    directions: list[Literal["visible_to_infrared", "infrared_to_visible"]] = []
    readings: list[Literal["paper", "release"]] = []


class DatasetManifest(Strict):
    """A data set: how it lies on disk, what it holds, where it comes from, how it is evaluated."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: Text
    layout: Literal["sysu", "regdb", "llcm", "market1501"]
    cameras: list[Camera] = Field(min_length=1)
    splits: dict[Literal["train", "val", "test", "query", "gallery", "gt_bbox"], Text]
    counts: list[Count]
    image_size: list[int] | None = Field(default=None, min_length=2, max_length=2)
    """Height and width in pixels, where all images of the data set have the same."""
    intensity: list[float] | None = Field(default=None, min_length=2, max_length=2)
    """The values of 16-bit and floating-point images that are shown as black and white; null takes the 0.5th and
    99.5th percentile over the set, of each modality. Images of 8 bits are taken as they are."""
    obtain: Text
    terms: Text
    protocol: Protocol
    citation: Text
    notes: list[str] = []

    @field_validator("intensity")
    @classmethod
    def _ascends(cls, intensity: list[float] | None) -> list[float] | None:
        if intensity is not None and not intensity[0] < intensity[1]:
            raise ValueError("black must be less than white; write the smaller value first")
        return intensity

    @model_validator(mode="after")
    def _cameras_agree(self) -> "DatasetManifest":
        for (number, modality), count in Counter((each.number, each.modality) for each in self.cameras).items():
            if count > 1:
                raise ValueError(f"cameras: the {modality} camera {number} is listed twice; remove one entry")
        numbers = self.camera_numbers()
        for name, mode in self.protocol.modes.items():
            for number in (*mode.query, *mode.gallery):
                if number not in numbers:
                    raise ValueError(f"protocol.modes.{name}: cameras lacks camera {number}; add it there")
        return self

    def camera_numbers(self, modality: Modality | None = None) -> list[int]:
        """Return the camera numbers, ascending, of one modality or of both."""
        return sorted({c.number for c in self.cameras if modality in (None, c.modality)})

    def digest(self) -> str:
        """Return a sha256 of what the manifest says, whatever its layout as a file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def manifest_names() -> list[str]:
    """Return the names of the manifests that come with the project."""
    return sorted(path.stem for path in (project_root() / "data_manifests" / "datasets").glob("*.yaml"))


def load_manifest(name_or_path: str | Path) -> DatasetManifest:
    """Load a manifest by its name (`sysu_mm01`) or from a YAML file. Raises FileError: no such manifest, or one that
    breaks the schema; names the file, key and remedy."""
    path = user_paths.expanded(name_or_path)
    if not user_paths.is_yaml(path):
        path = project_root() / "data_manifests" / "datasets" / f"{name_or_path}.yaml"
        if str(name_or_path) not in manifest_names():
            raise FileError(f"no data set named {str(name_or_path)!r}; {hint(str(name_or_path), manifest_names())}")
    if not os.path.isfile(path):  # Path's own raises for a name that is too long
        raise FileError(f"{path} does not exist; give a manifest's name or an existing file.")
    return _read(path)


@kept_until_changed(64)  # a run asks for the same few hundreds of times
def _read(path: Path) -> DatasetManifest:
    return read_model(path, DatasetManifest)
