"""Cameras by name, where one number may take images of both modalities, as LLCM's sites do.

Such a camera is two: "llcm/1" is its infrared half and "llcm/1 visible" the other. A camera of one modality keeps its
name. In the image table both halves are "llcm/1", for rules of evaluation count them as one place.
"""

from collections.abc import Container

import pandas as pd

VISIBLE = " visible"


def camera_key(camera: str, modality: str, known: Container[str]) -> str:
    """The name of the camera that took an image of this modality, where `known` names all cameras."""
    named = camera + VISIBLE
    return named if modality == "visible" and named in known else camera


def camera_keys(table: pd.DataFrame) -> list[str]:
    """The name of each row's camera, as far as the table itself tells which cameras have both modalities."""
    visible, infrared = (set(table.loc[table["modality"] == name, "camera"]) for name in ("visible", "infrared"))
    known = {camera + VISIBLE for camera in visible & infrared}
    return [camera_key(*seen, known) for seen in zip(table["camera"], table["modality"], strict=True)]


def camera_modalities(table: pd.DataFrame) -> dict[str, str]:
    """What each camera of the table records, by the cameras' names in order."""
    return dict(sorted(set(zip(camera_keys(table), table["modality"], strict=True))))


def camera_in_table(key: str) -> str:
    """The camera as rows of the image table name it."""
    return key.removesuffix(VISIBLE)
