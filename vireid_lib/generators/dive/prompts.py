"""Which code and which LoRA branch each image of a table belongs to."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int64

from vireid_lib.data.cameras import camera_key
from vireid_lib.data.cameras import camera_keys as keys_of
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.modality_codes import make_codes

SHARED = "shared"


@dataclass(frozen=True)
class Vocabulary:
    """The identities and codes of a fitted DiVE's prompts.

    Attributes:
        identities: all that have a token, sorted.
        views: name of the view ("sysu_mm01/3"; "market1501" for all cameras of an external set; "visible" or
            "infrared" where there is one view a modality) to its code.
        view_of_camera: every camera of the table, named as in `vireid_lib.data.cameras`, to its view.
        branch_of_view: view to the name of its LoRA branch.
        one_camera: whether the fitted camera of a modality stands for all others (`views: one_camera`).
    """

    identities: list[str]
    views: dict[str, str]
    view_of_camera: dict[str, str]
    branch_of_view: dict[str, str]
    one_camera: bool = False

    @property
    def branches(self) -> list[str]:
        """Names of the LoRA branches, sorted."""
        return sorted(set(self.branch_of_view.values()))

    def branch(self, camera: str) -> int:
        """Index of the branch that `camera` activates. Raises ValueError for a camera it doesn't know."""
        return self.branches.index(self.branch_of_view[self.view(camera)])

    def code(self, camera: str) -> str:
        """The camera's [k]. Raises ValueError for a camera it doesn't know."""
        return self.views[self.view(camera)]

    def view(self, camera: str) -> str:
        """The view that `camera` belongs to. Raises ValueError for a camera it doesn't know."""
        if camera not in self.view_of_camera:
            raise ValueError(
                f"DiVE was not fitted to camera {camera!r}; it knows {', '.join(sorted(self.view_of_camera))}."
            )
        return self.view_of_camera[camera]

    def key(self, camera: str, modality: str) -> str:
        """A camera that took images of `modality`, as the other methods know it."""
        key = camera_key(camera, modality, self.view_of_camera)
        if self.one_camera and self.view_of_camera.get(key) != modality:
            return next((other for other, view in self.view_of_camera.items() if view == modality), key)
        return key

    def to_json(self) -> dict:
        """Plain values; `Vocabulary(**values)` gives it back."""
        return asdict(self)


def build(table: pd.DataFrame, config: DiveConfig) -> Vocabulary:
    """Codes and branches for the identities and cameras of `table`.

    As in the release, all cameras of an external set are one view. With `lora_scope: "per_modality"` each code
    has a branch of its own (the paper: the placeholder "activates the corresponding LoRA branch").
    """
    view_of_camera, modality_of_view = {}, {}
    for key, modality, split in sorted(set(zip(keys_of(table), table["modality"], table["split"], strict=True))):
        view = key if config.views == "multi" else modality
        if split == "external" and config.views == "multi":
            view = key.split("/")[0]
        view_of_camera[key] = view
        modality_of_view[view] = modality
    codes = make_codes(sorted(modality_of_view), length=config.code_length)

    def branch(view: str) -> str:
        if config.lora_scope == "shared":
            return SHARED
        one = modality_of_view[view] == "visible" and config.visible_branch == "modality"
        return "visible" if one else view.replace("/", "-").replace(" ", "-")

    return Vocabulary(
        identities=sorted(table["identity"].unique()),
        views=codes,
        view_of_camera=view_of_camera,
        branch_of_view={view: branch(view) for view in codes},
        one_camera=config.views == "one_camera",
    )


def camera_keys(table: pd.DataFrame, vocabulary: Vocabulary) -> list[str]:
    """Each row's camera as `Vocabulary` knows it, whatever other rows the table has: see `Vocabulary.key`."""
    return [vocabulary.key(*seen) for seen in zip(table["camera"], table["modality"], strict=True)]


def branch_indices(table: pd.DataFrame, vocabulary: Vocabulary) -> Int64[np.ndarray, " images"]:
    """Each row's branch."""
    return np.array([vocabulary.branch(camera) for camera in camera_keys(table, vocabulary)], np.int64)
