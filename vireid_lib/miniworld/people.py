"""Identity factors of the miniature world: a person's look in visible light and in near infrared. Colours and kinds are
a closed vocabulary, each with how common it is."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vireid_lib.data.grey import LUMINANCE

INFRARED_CORRELATION = 0.7
"""How much of a material's near-infrared brightness its visible luminance explains (c of the world's law)."""

PATTERN_CHANGE = 0.15  # probability that a pattern fades in infrared, and, separately, that it inverts

_COLOURS = {  # visible RGB (0..1); how common among upper garments and bags, and among lower garments
    "black": ((0.09, 0.09, 0.10), 1.2, 1.6),
    "white": ((0.93, 0.93, 0.91), 1.2, 0.6),
    "grey": ((0.52, 0.53, 0.55), 1.0, 1.2),
    "red": ((0.80, 0.12, 0.13), 1.0, 0.5),
    "orange": ((0.95, 0.50, 0.10), 0.7, 0.3),
    "yellow": ((0.96, 0.83, 0.18), 0.8, 0.3),
    "green": ((0.16, 0.56, 0.24), 0.9, 0.6),
    "teal": ((0.08, 0.58, 0.60), 0.8, 0.5),
    "blue": ((0.16, 0.36, 0.82), 1.0, 1.4),
    "navy": ((0.10, 0.14, 0.36), 0.8, 1.2),
    "purple": ((0.50, 0.20, 0.62), 0.8, 0.4),
    "pink": ((0.95, 0.55, 0.68), 0.8, 0.4),
    "brown": ((0.44, 0.26, 0.13), 0.8, 1.0),
    "beige": ((0.84, 0.74, 0.57), 0.8, 1.1),
}
COLOURS, CLOTHES, TROUSER_COLOURS = ({name: row[column] for name, row in _COLOURS.items()} for column in range(3))
SHOE_COLOURS = {"black": 1.5, "white": 1.3, "grey": 0.8, "red": 0.9, "orange": 0.4, "yellow": 0.5, "green": 0.4}
SHOE_COLOURS |= {"blue": 0.7, "brown": 1.2, "pink": 0.5}

SKINS = ((0.96, 0.80, 0.69), (0.91, 0.72, 0.58), (0.80, 0.60, 0.45), (0.62, 0.43, 0.30), (0.43, 0.29, 0.21))
HAIR = {"black": (0.08, 0.07, 0.07), "brown": (0.33, 0.20, 0.12), "blond": (0.85, 0.69, 0.38)}
HAIR |= {"red": (0.62, 0.25, 0.10), "grey": (0.66, 0.66, 0.67)}
HAIR_COLOURS = {"black": 1.5, "brown": 1.5, "blond": 1.0, "red": 0.5, "grey": 0.7}
HAIR_STYLES = {"bald": 0.5, "short": 2.0, "bob": 0.9, "long": 1.3, "ponytail": 0.9, "bun": 0.6, "curly": 0.7}
FACES = {"plain": 3.0, "beard": 0.8, "glasses": 1.0}

UPPER = {"t-shirt": 1.6, "shirt": 1.3, "sweater": 1.2, "hoodie": 1.0, "jacket": 1.1}
UPPER |= {"coat": 1.1, "dress": 1.0, "top": 0.7}
LOWER = {"trousers": 2.4, "leggings": 0.9, "shorts": 1.2, "skirt": 1.2}
SHOES = {"shoes": 2.5, "boots": 1.0}
BAGS = {"none": 1.5, "backpack": 1.1, "shoulder bag": 1.0, "handbag": 0.8}
HATS = {"none": 3.2, "cap": 0.7, "beanie": 0.6, "hat": 0.5}

UPPER_PATTERNS = {"plain": 3.0, "striped": 1.3, "vertically striped": 0.7, "checked": 1.0}
UPPER_PATTERNS |= {"dotted": 0.7, "two-tone": 1.0, "banded": 0.8, "printed": 0.9}
LOWER_PATTERNS = {"plain": 5.0, "side-striped": 1.0, "checked": 0.5}
SKIRT_PATTERNS = {"plain": 3.0, "striped": 0.8, "checked": 0.8, "dotted": 0.5}

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Cloth:
    """One dyed material: the word for its colour, its visible colour and its infrared brightness (0..1)."""

    colour: str
    rgb: RGB
    infrared: float

    @property
    def luminance(self) -> float:
        return float(np.dot(self.rgb, LUMINANCE))


@dataclass(frozen=True)
class Garment:
    """A piece of clothing: kind, material, and a pattern drawn in a second material (None when plain).

    `pattern_infrared` is what becomes of the pattern in near infrared: "kept", "faded" or "inverted".
    `scale` is the number of pattern periods along the body, `cut` how wide and long the piece is (0..1).
    """

    kind: str
    cloth: Cloth
    pattern: str = "plain"
    second: Cloth | None = None
    pattern_infrared: str = "kept"
    scale: float = 6.0
    cut: float = 0.5


@dataclass(frozen=True)
class Person:
    """Everything that stays the same when a person walks from one camera to the next.

    `height`, `build` and `shoulders` are relative to an average adult (1.0); `side` is the side (+1 or -1) on which
    bags hang and asymmetric patterns lie.
    """

    height: float
    build: float
    shoulders: float
    side: int
    skin: Cloth
    hair_style: str
    hair: Cloth
    face: str
    upper: Garment
    lower: Garment
    shoes: Garment
    bag: str
    bag_cloth: Cloth
    hat: str
    hat_cloth: Cloth


def _infrared(rgb: RGB, rng: np.random.Generator) -> float:
    """Near-infrared brightness of a material by the world's law: c * luminance + (1 - c) * Beta(1.6, 1.3)."""
    luminance = float(np.dot(rgb, LUMINANCE))
    return INFRARED_CORRELATION * luminance + (1 - INFRARED_CORRELATION) * float(rng.beta(1.6, 1.3))


def _skin_infrared(rgb: RGB, rng: np.random.Generator) -> float:
    """Skin of every tone is bright in near infrared: melanin hardly absorbs there."""
    return float(0.55 + 0.2 * np.mean(rgb) + rng.normal(0, 0.03))


def _pattern_infrared(rng: np.random.Generator) -> str:
    return str(rng.choice(["faded", "inverted", "kept"], p=[PATTERN_CHANGE, PATTERN_CHANGE, 1 - 2 * PATTERN_CHANGE]))


def _pick(rng: np.random.Generator, weights: dict[str, float]) -> str:
    chances = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(weights), p=chances / chances.sum()))]


def _clipped(rgb: np.ndarray, low: float) -> RGB:
    return tuple(float(value) for value in np.clip(rgb, low, 0.98))


def _cloth(rng: np.random.Generator, colour: str) -> Cloth:
    """A dyed material of the named colour; two "red" cloths differ a little in shade."""
    shade = np.array(COLOURS[colour]) * rng.uniform(0.88, 1.12) + rng.normal(0, 0.035, 3) * 0.5
    rgb = _clipped(shade, 0.02)
    return Cloth(colour, rgb, _infrared(rgb, rng))


def _garment(rng: np.random.Generator, kind: str, weights: dict[str, float], patterns: dict[str, float]) -> Garment:
    colour, pattern = _pick(rng, weights), _pick(rng, patterns)
    cloth = _cloth(rng, colour)
    if pattern == "plain":
        return Garment(kind, cloth, scale=float(rng.uniform(4, 8)), cut=float(rng.uniform()))
    # A pattern must be visible in colour, so that the caption tells the truth.
    own, colours = COLOURS[colour], COLOURS.items()
    far = {name for name, rgb in colours if np.abs(np.subtract(rgb, own)).sum() > 0.55}
    second = _cloth(rng, _pick(rng, {name: weight for name, weight in CLOTHES.items() if name in far}))
    change, scale, cut = _pattern_infrared(rng), float(rng.uniform(3.5, 8)), float(rng.uniform())
    return Garment(kind, cloth, pattern, second, change, scale, cut)


def sample_person(rng: np.random.Generator) -> Person:
    """Draw a new person from the world's distribution of looks."""
    upper = _garment(rng, _pick(rng, UPPER), CLOTHES, UPPER_PATTERNS)
    lower_kind = _pick(rng, LOWER)
    lower_patterns = SKIRT_PATTERNS if lower_kind == "skirt" else LOWER_PATTERNS
    lower = _garment(rng, lower_kind, TROUSER_COLOURS, lower_patterns)
    shoes = _garment(rng, _pick(rng, SHOES), SHOE_COLOURS, {"plain": 1.0})
    skin = _clipped(SKINS[int(rng.integers(len(SKINS)))] + rng.normal(0, 0.02, 3), 0.05)
    hair_colour = _pick(rng, HAIR_COLOURS)
    hair = _clipped(HAIR[hair_colour] + rng.normal(0, 0.015, 3), 0.02)
    return Person(
        height=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.1)),
        build=float(np.clip(rng.normal(1.02, 0.13), 0.8, 1.4)),
        shoulders=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14)),
        side=int(rng.choice([-1, 1])),
        skin=Cloth("skin", skin, _skin_infrared(skin, rng)),
        hair_style=_pick(rng, HAIR_STYLES),
        hair=Cloth(hair_colour, hair, _infrared(hair, rng)),
        face=_pick(rng, FACES),
        upper=upper,
        lower=lower,
        shoes=shoes,
        bag=_pick(rng, BAGS),
        bag_cloth=_cloth(rng, _pick(rng, CLOTHES)),
        hat=_pick(rng, HATS),
        hat_cloth=_cloth(rng, _pick(rng, CLOTHES)),
    )


def redraw_infrared(person: Person, rng: np.random.Generator) -> Person:
    """The same visible person with every infrared property drawn anew by the world's law. A generator that sees only
    the visible picture cannot know a garment's true infrared brightness; at best it draws a plausible one and keeps to
    it. This is that best case, the "fair ceiling"."""

    def cloth(old: Cloth) -> Cloth:
        return replace(old, infrared=_infrared(old.rgb, rng))

    def garment(old: Garment) -> Garment:
        if old.second is None:
            return replace(old, cloth=cloth(old.cloth))
        return replace(old, cloth=cloth(old.cloth), second=cloth(old.second), pattern_infrared=_pattern_infrared(rng))

    skin = replace(person.skin, infrared=_skin_infrared(person.skin.rgb, rng))
    worn = {"hair": cloth(person.hair)}  # the order of the draws is part of a world's look
    worn |= {name: garment(getattr(person, name)) for name in ("upper", "lower", "shoes")}
    worn |= {name: cloth(getattr(person, name)) for name in ("bag_cloth", "hat_cloth")}
    return replace(person, skin=skin, **worn)


def people_stream(seed: int, purpose: str) -> Iterator[Person]:
    """Yield people without end; different purposes ("mini_vi", "mini_market", ...) never share one."""
    rng = np.random.default_rng([seed, zlib.crc32(purpose.encode())])
    while True:
        yield sample_person(rng)
