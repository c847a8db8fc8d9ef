"""Identity factors of the miniature world: a person's look in visible light and in near infrared."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vireid_lib.data.grey import LUMINANCE
from vireid_lib.miniworld import palette

INFRARED_CORRELATION = 0.7
"""How much of a material's near-infrared brightness its visible luminance explains (c of the world's law)."""

PATTERN_CHANGE = 0.15  # probability that a pattern fades in infrared, and, separately, that it inverts

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
    shade = np.array(palette.COLOURS[colour]) * rng.uniform(0.88, 1.12) + rng.normal(0, 0.035, 3) * 0.5
    rgb = _clipped(shade, 0.02)
    return Cloth(colour, rgb, _infrared(rgb, rng))


def _garment(rng: np.random.Generator, kind: str, weights: dict[str, float], patterns: dict[str, float]) -> Garment:
    colour, pattern = _pick(rng, weights), _pick(rng, patterns)
    cloth = _cloth(rng, colour)
    if pattern == "plain":
        return Garment(kind, cloth, scale=float(rng.uniform(4, 8)), cut=float(rng.uniform()))
    # A pattern must be visible in colour, so that the caption tells the truth.
    own, colours = palette.COLOURS[colour], palette.COLOURS.items()
    far = {name for name, rgb in colours if np.abs(np.subtract(rgb, own)).sum() > 0.55}
    second = _cloth(rng, _pick(rng, {name: weight for name, weight in palette.CLOTHES.items() if name in far}))
    change, scale, cut = _pattern_infrared(rng), float(rng.uniform(3.5, 8)), float(rng.uniform())
    return Garment(kind, cloth, pattern, second, change, scale, cut)


def sample_person(rng: np.random.Generator) -> Person:
    """Draw a new person from the world's distribution of looks."""
    upper = _garment(rng, _pick(rng, palette.UPPER), palette.CLOTHES, palette.UPPER_PATTERNS)
    lower_kind = _pick(rng, palette.LOWER)
    lower_patterns = palette.SKIRT_PATTERNS if lower_kind == "skirt" else palette.LOWER_PATTERNS
    lower = _garment(rng, lower_kind, palette.TROUSER_COLOURS, lower_patterns)
    shoes = _garment(rng, _pick(rng, palette.SHOES), palette.SHOE_COLOURS, {"plain": 1.0})
    skin = _clipped(palette.SKINS[int(rng.integers(len(palette.SKINS)))] + rng.normal(0, 0.02, 3), 0.05)
    hair_colour = _pick(rng, palette.HAIR_COLOURS)
    hair = _clipped(palette.HAIR[hair_colour] + rng.normal(0, 0.015, 3), 0.02)
    return Person(
        height=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.1)),
        build=float(np.clip(rng.normal(1.02, 0.13), 0.8, 1.4)),
        shoulders=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.14)),
        side=int(rng.choice([-1, 1])),
        skin=Cloth("skin", skin, _skin_infrared(skin, rng)),
        hair_style=_pick(rng, palette.HAIR_STYLES),
        hair=Cloth(hair_colour, hair, _infrared(hair, rng)),
        face=_pick(rng, palette.FACES),
        upper=upper,
        lower=lower,
        shoes=shoes,
        bag=_pick(rng, palette.BAGS),
        bag_cloth=_cloth(rng, _pick(rng, palette.CLOTHES)),
        hat=_pick(rng, palette.HATS),
        hat_cloth=_cloth(rng, _pick(rng, palette.CLOTHES)),
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
