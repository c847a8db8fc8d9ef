"""Head, face, hair and hats as solids."""

import numpy as np

from vireid_lib.miniworld.figure import Figure, Mask
from vireid_lib.miniworld.patterns import band, step
from vireid_lib.miniworld.raster import Array, Lathe, Surface


def _scalp(surface: Surface, hairy: Mask, low: Array, colour: Array) -> tuple[Array, Array]:
    """Hair on the skull: above the hairline, and down to `low` [n] at the sides and the back."""
    low = low[:, None, None]
    line = np.where(surface.front > 0.3, 0.04, np.where(surface.front > -0.05, low * 0.55, low))
    return step(line - surface.along, surface.pixel * 2) * hairy[:, None, None], colour


def _box(surface: Surface, u: Array, v: Array) -> Array:
    """1 where both are negative, 0 where one is positive, with edges one pixel wide."""
    return np.clip(0.5 - u / surface.pixel_across, 0, 1) * np.clip(0.5 - v / surface.pixel, 0, 1)


def _eyes(surface: Surface, glasses: Mask, skin: Array) -> tuple[Array, Array]:
    u = np.abs(np.abs(surface.side) - 0.40) - np.where(glasses, 0.30, 0.17)[:, None, None]
    v = np.abs(surface.along - 0.42) - np.where(glasses, 0.20, 0.11)[:, None, None]
    return _box(surface, u, v) * (surface.front > 0.1), skin * 0.22


def _mouth(surface: Surface, skin: Array) -> tuple[Array, Array]:
    u, v = np.abs(surface.side) - 0.30, np.abs(surface.along - 1.08) - 0.06
    return _box(surface, u, v) * (surface.front > 0.2) * 0.8, skin * 0.5


def _beard(surface: Surface, worn: Mask, hair: Array) -> tuple[Array, Array]:
    lower = step(surface.along - 0.86, surface.pixel * 1.5) * (surface.front > 0.05)
    return lower * worn[:, None, None] * 0.92, hair


def head(figure: Figure) -> list[Lathe]:
    """Hair behind the head, skull with face, nose, ponytail or bun, and the locks that fall in front."""
    at, circle, oval, part, hair = figure.at, figure.circle, figure.oval, figure.part, figure.hair
    styles, cos = figure.hair_styles, figure.pose.cos
    hairy, long, curly = styles != "bald", np.isin(styles, ("bob", "long")), styles == "curly"
    # A mass of hair a little larger than the skull gives the silhouette its volume.
    volume = np.select([curly, long], [0.026, 0.012], 0.005) + figure.zero
    volume = np.where((figure.hat_kinds != "none") & ~curly, np.minimum(volume, 0.008), volume)
    mass = oval([0.050 + volume] * 4, [0.056 + volume] * 4)
    low = np.where(styles == "short", 0.95, 1.15).astype(np.float32)
    face = [
        (_scalp, hairy, low, hair),
        (_beard, figure.face_kinds == "beard", hair),
        (_mouth, figure.skin),
        (_eyes, figure.face_kinds == "glasses", figure.skin),
    ]
    skull = oval((0.049, 0.053, 0.051, 0.043), (0.056, 0.060, 0.058, 0.045))
    profile = np.abs(figure.pose.sin) > 0.45
    fall, lock = np.where(styles == "long", 0.765, 0.865) + figure.zero, circle(0.014, 0.020, 0.020, 0.012)
    locks = [(at(side * 0.047, 0.965, 0.0), at(side * 0.058, fall, 0.012)) for side in (-1.0, 1.0)]
    return [
        part(hairy, at(0, 0.960 + volume * 0.5, -0.010), at(0, 0.925 - volume, -0.016), mass, (0.044, 0.036), hair),
        part(figure.everyone, at(0, 0.962, 0.004), at(0, 0.900, 0.008), skull, (0.040, 0.034), figure.skin, face),
        part(profile, at(0, 0.930, 0.060), at(0, 0.918, 0.067), circle(0.008, 0.012), (0.006, 0.006), figure.skin),
        *_tails(figure, ~(cos > 0)),
        *(part(long & (cos > 0), top, bottom, lock, (0.02, 0.012), hair) for top, bottom in locks),
    ]


def _tails(figure: Figure, where: Mask) -> list[Lathe]:
    at, circle, part, hair = figure.at, figure.circle, figure.part, figure.hair
    tail, bun = (where & (figure.hair_styles == style) for style in ("ponytail", "bun"))
    rope = circle(0.018, 0.026, 0.024, 0.008)
    return [
        part(tail, at(0, 0.965, -0.062), at(0, 0.800, -0.085), rope, (0.02, 0.015), hair),
        part(bun, at(0, 1.000, -0.050), at(0, 0.992, -0.055), circle(0.031), (0.026, 0.026), hair),
    ]


def long_hair(figure: Figure, behind: bool) -> list[Lathe]:
    """Hair that falls: long hair and bobs, ponytail and bun; the part behind the trunk, or that over it."""
    styles, at = figure.hair_styles, figure.at
    where = np.isin(styles, ("long", "bob")) & ((figure.pose.cos > 0) == behind)
    ends = at(0, 0.975, -0.030), at(0, np.where(styles == "long", 0.72, 0.87) + figure.zero, -0.050)
    widths = figure.oval((0.054, 0.066, 0.070, 0.058), (0.036, 0.038, 0.036, 0.026))
    curtain = figure.part(where, *ends, widths, (0.034, 0.02), figure.hair, light=0.9 if behind else 1.0)
    return [curtain, *(_tails(figure, figure.pose.cos > 0) if behind else [])]


def hats(figure: Figure) -> list[Lathe]:
    """Caps with a peak, knitted beanies, hats with a brim."""
    at, oval, part, cos, sin, ones = figure.at, figure.oval, figure.part, figure.pose.cos, figure.pose.sin, figure.one

    def brim(where: Mask, up: float, reach: float, half: float, thick: float) -> Lathe:
        # A flat disc seen almost from its edge: a horizontal bar as wide as the disc.
        across = np.hypot(half * cos, max(half * 0.9, reach * 0.55) * sin)
        left, right = (at(side * across * cos, up, reach + side * across * sin) for side in (-1, 1))
        widths = figure.circle(thick * 0.8, thick, thick, thick * 0.8)
        return part(where, left, right, widths, (0.012, 0.012), figure.hat * 0.86)

    cap, beanie, hat = (figure.hat_kinds == name for name in ("cap", "beanie", "hat"))
    crown, wool = oval([0.057] * 4, [0.064] * 4), oval([0.058] * 4, [0.064] * 4)
    felt = oval([0.048, 0.054, 0.056, 0.057], [0.060] * 4)
    hem, ribbon = [(band, ones * 0.55, ones * 9, 0.75)], [(band, ones * 0.65, ones * 9, 0.55)]
    return [
        brim(cap & (cos < -0.2), 0.968, 0.062, 0.045, 0.009),
        part(cap, at(0, 0.985, 0), at(0, 0.962, 0), crown, (0.042, 0.006), figure.hat),
        brim(cap & (cos >= -0.2), 0.968, 0.062, 0.045, 0.009),
        part(beanie, at(0, 1.000, -0.004), at(0, 0.955, -0.004), wool, (0.042, 0.008), figure.hat, hem),
        part(hat, at(0, 1.010, 0), at(0, 0.968, 0), felt, (0.022, 0.004), figure.hat, ribbon),
        brim(hat, 0.966, 0.0, 0.105, 0.011),
    ]
