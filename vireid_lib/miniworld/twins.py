"""The same people at the same moment in visible light and in infrared, which no pair of real cameras can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from vireid_lib.miniworld.cameras import CAMERAS, View
from vireid_lib.miniworld.people import Person, people_stream
from vireid_lib.miniworld.render import render

VISIBLE_CAMERA, INFRARED_CAMERA = "mini_vi/2", "mini_vi/3"
"""They hang in the same place."""

_PURPOSE = "lessons"  # people of no data set
_SEARCHED = 2000


def telling_people(fates: Sequence[str], seed: int = 0) -> list[Person]:
    """Find people whose upper garment's pattern has these fates in infrared.

    Args:
        fates: "plain" (no pattern to begin with), "kept", "faded" or "inverted", one for each person.

    Raises:
        ValueError: an unknown fate.
    """
    wanted, found = list(fates), []
    for fate in wanted:
        if fate not in ("plain", "kept", "faded", "inverted"):
            raise ValueError(f"telling_people: {fate!r} is none of plain, kept, faded, inverted")
    people = list(islice(people_stream(seed, _PURPOSE), _SEARCHED))
    for fate in wanted:
        place = next(i for i, person in enumerate(people) if _fate(person) == fate)
        found.append(people.pop(place))
    return found


def _fate(person: Person) -> str:
    if person.upper.pattern == "plain":
        return "plain"
    # A pattern in two materials of nearly one brightness would show nothing either way.
    bright = [np.dot(cloth.rgb, (0.299, 0.587, 0.114)) for cloth in (person.upper.cloth, person.upper.second)]
    infrared = [cloth.infrared for cloth in (person.upper.cloth, person.upper.second)]
    clear = abs(bright[0] - bright[1]) > 0.25 and abs(infrared[0] - infrared[1]) > 0.25
    return person.upper.pattern_infrared if clear else "unclear"


def twins(
    people: Sequence[Person], *, height: int = 128, width: int = 64
) -> tuple[UInt8[np.ndarray, "people height width 3"], UInt8[np.ndarray, "people height width 3"]]:
    """Draw each person twice, in one pose and one light: in colour and in infrared."""
    visible = [View(CAMERAS[VISIBLE_CAMERA], yaw=20.0, phase=0.6, stride=0.5, noise_seed=i) for i in range(len(people))]
    infrared = [replace(view, camera=CAMERAS[INFRARED_CAMERA]) for view in visible]
    size = {"height": height, "width": width}
    return (render(people, visible, **size, modality="visible"), render(people, infrared, **size, modality="infrared"))


def materials(count: int, seed: int = 0) -> pd.DataFrame:
    """The cloth of many people's upper and lower garments: what each light makes of it.

    Returns:
        columns: colour (the word), red, green, blue, luminance (0..1), infrared (0..1).
    """
    rows = [
        {
            "colour": garment.cloth.colour,
            **dict(zip(("red", "green", "blue"), garment.cloth.rgb, strict=True)),
            "luminance": float(np.dot(garment.cloth.rgb, (0.299, 0.587, 0.114))),
            "infrared": garment.cloth.infrared,
        }
        for person in islice(people_stream(seed, _PURPOSE), count)
        for garment in (person.upper, person.lower)
    ]
    return pd.DataFrame(rows)
