"""Prompts: "a [k] photo of [p] person" and others, rare codes [k] of cameras, e.g. "b8zBXKoH", and which code and
which LoRA branch each image of a table belongs to."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int64

from vireid_lib.data.tables import camera_key
from vireid_lib.data.tables import camera_keys as keys_of
from vireid_lib.generators.dive.config import DiveConfig

SHARED = "shared"
CHARACTERS = string.ascii_letters + string.digits

TEMPLATES: dict[str, tuple[str, ...]] = {
    # "a [k] photo of [p] person" (DiVE, Methodology)
    "paper": ("a photo of",),
    # Textual Inversion's small ImageNet templates (Gal et al. 2022), to which DiVE's release adds the code:
    # "a [k] photo of a [p] person", "a [k] rendering of a [p] person", ...
    "imagenet": tuple(
        "a photo of a|a rendering of a|a cropped photo of the|the photo of a|a photo of a clean|a photo of a dirty|"
        "a dark photo of the|a photo of my|a photo of the cool|a close-up photo of a|a bright photo of the|"
        "a cropped photo of a|a photo of the|a good photo of the|a photo of one|a close-up photo of the|"
        "a rendition of the|a photo of the clean|a rendition of a|a photo of a nice|a good photo of a|"
        "a photo of the nice|a photo of the small|a photo of the weird|a photo of the large|a photo of a cool|"
        "a photo of a small".split("|")
    ),
}
"""The templates that training draws from, by the name that `templates` gives them; pictures are made with the first. A
template is a sentence up to the person: the code [k] goes after its first word, "[p] person" to its end."""


def words(code: str, placeholder: str, template: str) -> list[tuple[str, str]]:
    """(name, text) of each piece of a prompt; the code, "[k]", and the person, "[p]", may be empty. A name that comes
    twice is numbered: ("a", "a"), …, ("a 2", "a")."""
    first, *others = template.split()
    pieces = [(first, first), ("[k]", code), *((word, word) for word in others), ("[p]", placeholder)]
    pieces.append(("person", "person"))
    names = [name for name, _ in pieces]
    return [
        (f"{name} {names[: place + 1].count(name)}" if name in names[:place] else name, text)
        for place, (name, text) in enumerate(pieces)
    ]


def prompt(code: str, placeholder: str, template: str = TEMPLATES["paper"][0]) -> str:
    """The prompt of a code and a person; either may be empty, which leaves it out."""
    return " ".join(text for _, text in words(code, placeholder, template) if text)


@dataclass(frozen=True)
class Vocabulary:
    """The identities and codes of a fitted DiVE's prompts.

    Attributes:
        identities: all that have a token, sorted.
        views: name of the view ("sysu_mm01/3"; "market1501" for all cameras of an external set; "visible" or
            "infrared" where there is one view a modality) to its code.
        view_of_camera: every camera of the table, named as by `tables.camera_keys`, to its view.
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
        return sorted(set(self.branch_of_view.values()))

    def branch(self, camera: str) -> int:
        """Index of the branch that `camera` activates. Raises as `view`."""
        return self.branches.index(self.branch_of_view[self.view(camera)])

    def code(self, camera: str) -> str:
        """The camera's [k]. Raises as `view`."""
        return self.views[self.view(camera)]

    def view(self, camera: str) -> str:
        """The view that `camera` belongs to. Raises ValueError for a camera it doesn't know."""
        if camera not in self.view_of_camera:
            known = ", ".join(sorted(self.view_of_camera))
            raise ValueError(f"DiVE was not fitted to camera {camera!r}; it knows {known}.")
        return self.view_of_camera[camera]

    def key(self, camera: str, modality: str) -> str:
        """A camera that took images of `modality`, as the other methods know it."""
        key = camera_key(camera, modality, self.view_of_camera)
        if self.one_camera and self.view_of_camera.get(key) != modality:
            return next((other for other, view in self.view_of_camera.items() if view == modality), key)
        return key


def build(table: pd.DataFrame, config: DiveConfig) -> Vocabulary:
    """Codes and branches for the identities and cameras of `table`. As in the release, all cameras of an external set
    are one view. With `lora_scope: "per_modality"` each code has a branch of its own (the paper: the placeholder
    "activates the corresponding LoRA branch")."""
    view_of_camera, modality_of_view = {}, {}
    for key, modality, split in sorted(set(zip(keys_of(table), table["modality"], table["split"], strict=True))):
        view = modality if config.views != "multi" else key.split("/")[0] if split == "external" else key
        view_of_camera[key], modality_of_view[view] = view, modality
    codes = make_codes(sorted(modality_of_view), length=config.code_length)

    def branch(view: str) -> str:
        if config.lora_scope == "shared":
            return SHARED
        one = modality_of_view[view] == "visible" and config.visible_branch == "modality"
        return "visible" if one else view.replace("/", "-").replace(" ", "-")

    branches, identities = {view: branch(view) for view in codes}, sorted(table["identity"].unique())
    return Vocabulary(identities, codes, view_of_camera, branches, config.views == "one_camera")


def make_codes(names: Sequence[str], *, length: int, seed: int = 0) -> dict[str, str]:
    """A code of `length` characters for each name; no two codes share a character (DiVE, release form too). CLIP's
    tokenizer ignores case, so letters are handed out such that even in lower case codes share none, as long as the 36
    letters and digits last; beyond that, no two codes are the same in lower case. Raises ValueError: the codes need
    more than the 62 characters."""
    names = sorted(names)
    if len(names) * length > len(CHARACTERS):
        raise ValueError(
            f"{len(names)} codes of {length} characters need {len(names) * length} different characters and there "
            f"are {len(CHARACTERS)}: set code_length to {len(CHARACTERS) // max(len(names), 1)} or less."
        )
    rng = np.random.default_rng([seed, length])
    folded = rng.permutation(list(string.ascii_lowercase + string.digits))
    upper = rng.random(len(folded)) < 0.5
    first = [character.upper() if flag else character for character, flag in zip(folded, upper, strict=True)]
    second = [character.swapcase() for character in first if character.isalpha()]
    while True:
        supply = "".join([*first, *second])
        codes = [supply[i * length : (i + 1) * length] for i in range(len(names))]
        if length == 1 or len({code.lower() for code in codes}) == len(codes):
            return dict(zip(names, codes, strict=True))
        second = rng.permutation(second).tolist()


def camera_keys(table: pd.DataFrame, vocabulary: Vocabulary) -> list[str]:
    """Each row's camera as `Vocabulary` knows it, whatever other rows the table has: see `Vocabulary.key`."""
    return [vocabulary.key(*seen) for seen in zip(table["camera"], table["modality"], strict=True)]


def branch_indices(table: pd.DataFrame, vocabulary: Vocabulary) -> Int64[np.ndarray, " images"]:
    return np.array([vocabulary.branch(camera) for camera in camera_keys(table, vocabulary)], np.int64)
