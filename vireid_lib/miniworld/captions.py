"""What a visible picture of a person shows, in plain words from a closed vocabulary."""

from vireid_lib.miniworld import palette
from vireid_lib.miniworld.people import Garment, Person


def _garment(garment: Garment) -> str:
    if garment.second is None:
        return f"{garment.cloth.colour} {garment.kind}"
    return f"{garment.cloth.colour} and {garment.second.colour} {garment.pattern} {garment.kind}"


def caption(person: Person) -> str:
    """Describe the visible look; every word is in `vocabulary()`, and nothing that only infrared shows is told.

    E.g. "person with long black hair wearing yellow and black striped shirt, black trousers, red shoes, brown handbag".
    """
    bald, dressed = person.hair_style == "bald", person.upper.kind == "dress"
    head = "bald person" if bald else f"person with {person.hair_style} {person.hair.colour} hair"
    if person.face != "plain":
        head += f" {'with' if bald else 'and'} {person.face}"
    worn = [_garment(each) for each in (person.upper, *([] if dressed else [person.lower]), person.shoes)]
    for kind, cloth in ((person.hat, person.hat_cloth), (person.bag, person.bag_cloth)):
        worn += [] if kind == "none" else [f"{cloth.colour} {kind}"]
    return f"{head} wearing {', '.join(worn)}"


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, sorted; captions add only spaces and commas."""
    kinds = (palette.COLOURS, palette.HAIR_COLOURS, palette.HAIR_STYLES, palette.FACES, palette.UPPER, palette.LOWER)
    kinds += (palette.SHOES, palette.BAGS, palette.HATS)
    kinds += (palette.UPPER_PATTERNS, palette.LOWER_PATTERNS, palette.SKIRT_PATTERNS)
    phrases = ["person with hair wearing and", *(phrase for kind in kinds for phrase in kind)]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()} - {"plain", "none"}))
