"""What a visible picture of a person shows, in plain words from a closed vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid_lib.miniworld import palette

if TYPE_CHECKING:
    from vireid_lib.miniworld.people import Garment, Person


def _garment(garment: Garment) -> str:
    if garment.second is None:
        return f"{garment.cloth.colour} {garment.kind}"
    return f"{garment.cloth.colour} and {garment.second.colour} {garment.pattern} {garment.kind}"


def caption(person: Person) -> str:
    """Describe the visible look, e.g. "person with long black hair wearing yellow and black striped shirt,
    black trousers, red shoes, brown backpack".

    Every word comes from `vocabulary()`; nothing that only infrared shows is told.
    """
    head = (
        "bald person" if person.hair_style == "bald" else f"person with {person.hair_style} {person.hair.colour} hair"
    )
    if person.face != "plain":
        head += f" and {person.face}" if person.hair_style != "bald" else f" with {person.face}"
    worn = [_garment(person.upper)]
    if person.upper.kind != "dress":
        worn.append(_garment(person.lower))
    worn.append(_garment(person.shoes))
    if person.hat != "none":
        worn.append(f"{person.hat_cloth.colour} {person.hat}")
    if person.bag != "none":
        worn.append(f"{person.bag_cloth.colour} {person.bag}")
    return f"{head} wearing {', '.join(worn)}"


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, sorted; captions add only spaces and commas."""
    phrases = [
        *palette.COLOURS,
        *palette.HAIR_COLOURS,
        *palette.HAIR_STYLES,
        *palette.FACES,
        *palette.UPPER,
        *palette.LOWER,
        *palette.SHOES,
        *palette.BAGS,
        *palette.HATS,
        *palette.UPPER_PATTERNS,
        *palette.LOWER_PATTERNS,
        *palette.SKIRT_PATTERNS,
        "person with hair wearing and",
    ]
    never = {"plain", "none"}
    return tuple(sorted({word for phrase in phrases for word in phrase.split()} - never))
