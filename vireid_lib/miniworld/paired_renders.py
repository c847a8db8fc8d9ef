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

VISIBLE_CAMERA, INFRARED_CAMERA = "mini_vi/2", "mini_vi/3"  # both hang in the same place
PATTERN_CHANGES = ("plain", "kept", "faded", "inverted")
_PURPOSE, _SEARCHED = "lessons", 2000  # people of no data set


def people_with_patterns(changes: Sequence[str], seed: int = 0) -> list[Person]:
    """Find people by what infrared does to the pattern of their upper garment.

    Args:
        changes: one of `PATTERN_CHANGES` for each person; "plain" is no pattern to begin with.

    Raises:
        ValueError: an unknown change.
    """
    for change in changes:
        if change not in PATTERN_CHANGES:
            raise ValueError(f"people_with_patterns: {change!r} is none of {', '.join(PATTERN_CHANGES)}")
    people = list(islice(people_stream(seed, _PURPOSE), _SEARCHED))
    return [people.pop(next(i for i, each in enumerate(people) if _change(each) == change)) for change in changes]


def _change(person: Person) -> str:
    upper = person.upper
    if upper.second is None:
        return "plain"
    # A pattern in two materials of nearly one brightness would show nothing either way.
    clear = abs(upper.cloth.luminance - upper.second.luminance) > 0.25
    clear = clear and abs(upper.cloth.infrared - upper.second.infrared) > 0.25
    return upper.pattern_infrared if clear else "unclear"


def paired_renders(
    people: Sequence[Person], *, height: int = 128, width: int = 64
) -> tuple[UInt8[np.ndarray, "people height width 3"], UInt8[np.ndarray, "people height width 3"]]:
    """Draw each person twice, in one pose and one light: in colour and in infrared."""
    visible = [View(CAMERAS[VISIBLE_CAMERA], yaw=20.0, phase=0.6, stride=0.5, noise_seed=i) for i in range(len(people))]
    infrared = [replace(view, camera=CAMERAS[INFRARED_CAMERA]) for view in visible]
    size = {"height": height, "width": width}
    return render(people, visible, **size, modality="visible"), render(people, infrared, **size, modality="infrared")


def materials(count: int, seed: int = 0) -> pd.DataFrame:
    """The cloth of many people's upper and lower garments, in both modalities.

    Returns:
        columns: colour (the word), red, green, blue, luminance (0..1), infrared (0..1).
    """
    people = islice(people_stream(seed, _PURPOSE), count)
    cloths = [garment.cloth for person in people for garment in (person.upper, person.lower)]
    rows = [(cloth.colour, *cloth.rgb, cloth.luminance, cloth.infrared) for cloth in cloths]
    return pd.DataFrame(rows, columns=["colour", "red", "green", "blue", "luminance", "infrared"])
