"""What a visible picture of a person shows, in plain words from a closed vocabulary."""

from collections.abc import Iterable, Mapping

from vireid_lib.miniworld import palette
from vireid_lib.miniworld.people import Person


def _slots(piece: str, **words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    return {f"{piece}_{name}": tuple(known) for name, known in words.items()}


_LOWER_PATTERNS = dict.fromkeys((*palette.LOWER_PATTERNS, *palette.SKIRT_PATTERNS))
_COLOURS = palette.COLOURS

SLOTS: dict[str, tuple[str, ...]] = {
    **_slots("hair", style=palette.HAIR_STYLES, colour=palette.HAIR_COLOURS),
    "face": tuple(palette.FACES),
    **_slots("upper", kind=palette.UPPER, colour=_COLOURS, pattern=palette.UPPER_PATTERNS, second=_COLOURS),
    **_slots("lower", kind=palette.LOWER, colour=_COLOURS, pattern=_LOWER_PATTERNS, second=_COLOURS),
    **_slots("shoes", kind=palette.SHOES, colour=palette.SHOE_COLOURS),
    **_slots("hat", kind=palette.HATS, colour=_COLOURS),
    **_slots("bag", kind=palette.BAGS, colour=_COLOURS),
}
"""What a caption says about a person, with the words that may stand there; `plain` and `none` are not written."""

_KINDS = {kind: piece for piece in ("upper", "lower", "shoes", "hat", "bag") for kind in SLOTS[f"{piece}_kind"]}


def slots(person: Person) -> dict[str, str]:
    """The word of each of `SLOTS` that the person has: no hair colour of the bald, no trousers under a dress, no second
    colour of plain cloth, no colour of a hat that is not there."""
    seen = {"hair_style": person.hair_style, "face": person.face}
    if person.hair_style != "bald":
        seen["hair_colour"] = person.hair.colour
    dressed = person.upper.kind == "dress"
    for piece in ("upper", "shoes") if dressed else ("upper", "lower", "shoes"):
        garment = getattr(person, piece)
        seen |= {f"{piece}_kind": garment.kind, f"{piece}_colour": garment.cloth.colour}
        if piece != "shoes":
            seen[f"{piece}_pattern"] = "plain" if garment.second is None else garment.pattern
        if garment.second is not None:
            seen[f"{piece}_second"] = garment.second.colour
    for piece, kind, cloth in (("hat", person.hat, person.hat_cloth), ("bag", person.bag, person.bag_cloth)):
        seen[f"{piece}_kind"] = kind
        if kind != "none":
            seen[f"{piece}_colour"] = cloth.colour
    return seen


def tell(seen: Mapping[str, str]) -> str:
    """The caption of a word for each of `SLOTS`; words for what the person does not have are not needed, nor read."""
    bald, dressed = seen["hair_style"] == "bald", seen["upper_kind"] == "dress"
    head = "bald person" if bald else f"person with {seen['hair_style']} {seen['hair_colour']} hair"
    if seen["face"] != "plain":
        head += f" {'with' if bald else 'and'} {seen['face']}"
    worn = [_tell_garment(seen, piece) for piece in ("upper", *([] if dressed else ["lower"]), "shoes")]
    worn += [_tell_garment(seen, piece) for piece in ("hat", "bag") if seen[f"{piece}_kind"] != "none"]
    return f"{head} wearing {', '.join(worn)}"


def _tell_garment(seen: Mapping[str, str], piece: str) -> str:
    colour, kind, pattern = seen[f"{piece}_colour"], seen[f"{piece}_kind"], seen.get(f"{piece}_pattern", "plain")
    return f"{colour} {kind}" if pattern == "plain" else f"{colour} and {seen[f'{piece}_second']} {pattern} {kind}"


def parse(caption: str) -> dict[str, str]:
    """The `slots` that a whole caption was told from: `tell` backwards."""
    head, worn = caption.split(" wearing ")
    words = head.split()
    seen = {"face": words[-1] if words[-1] in SLOTS["face"] else "plain", "hat_kind": "none", "bag_kind": "none"}
    seen |= {"hair_style": "bald"} if words[0] == "bald" else {"hair_style": words[2], "hair_colour": words[3]}
    for item in worn.split(", "):
        kind = next(kind for kind in _KINDS if item.endswith(f" {kind}"))
        piece, (colour, *more) = _KINDS[kind], item.removesuffix(f" {kind}").split()
        seen |= {f"{piece}_kind": kind, f"{piece}_colour": colour}
        if f"{piece}_pattern" in SLOTS:
            seen[f"{piece}_pattern"] = " ".join(more[2:]) or "plain"
        if more:
            seen[f"{piece}_second"] = more[1]
    return seen


def caption(person: Person) -> str:
    """Describe the visible look; every word is in `vocabulary()`, and nothing that only infrared shows is told. E.g.
    "person with long black hair wearing yellow and black striped shirt, black trousers, red shoes, brown handbag"."""
    return tell(slots(person))


def vocabulary() -> tuple[str, ...]:
    """Every word that a caption can hold, sorted; captions add only spaces and commas."""
    phrases = ["person with hair wearing and", *(phrase for words in SLOTS.values() for phrase in words)]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()} - {"plain", "none"}))
