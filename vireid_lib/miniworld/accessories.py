"""Hats and bags as solids."""

from __future__ import annotations

import numpy as np

from vireid_lib.miniworld.figure import Figure, Mask
from vireid_lib.miniworld.patterns import band
from vireid_lib.miniworld.raster import Lathe


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


def bags(figure: Figure, front: bool) -> list[Lathe]:
    """Backpack, shoulder bag, handbag: those nearer to the camera than the trunk, or those behind it."""
    at, oval, part, pose, names, ones = figure.at, figure.oval, figure.part, figure.pose, figure.bag_kinds, figure.one
    pack = (names == "backpack") & ((pose.cos < 0.15) == front)
    straps = [(band, ones * 0.50, ones * 0.56, 0.5), (band, ones * 0.98, ones * 9, 0.7)]
    sack = oval((0.072, 0.090, 0.094, 0.088), (0.036, 0.050, 0.054, 0.048))

    sling_at, sling_to = (
        at(figure.side * 0.118 * figure.build, 0.535, 0.0),
        at(figure.side * 0.126 * figure.build, 0.43, 0.0),
    )
    sling = (names == "shoulder bag") & ((pose.depth(sling_at) > -0.03) == front)
    pouch = oval((0.034, 0.040, 0.042, 0.038), (0.070, 0.078, 0.078, 0.070))

    shoulder, hand = (
        tuple(
            np.where(figure.side > 0, b, a)
            for a, b in zip(pose.joints[f"{name}0"], pose.joints[f"{name}1"], strict=True)
        )
        for name in ("shoulder", "hand")
    )
    carried = (names == "handbag") & ((pose.depth(shoulder) > -0.035) == front)
    handle, top, bottom = ((hand[0], hand[1] - down, hand[2]) for down in (0.04, 0.035, 0.125))
    purse = oval((0.026, 0.034, 0.036, 0.034), (0.050, 0.066, 0.070, 0.066))
    return [
        part(pack, at(0, 0.775, -0.105), at(0, 0.575, -0.112), sack, (0.028, 0.014), figure.bag, straps),
        part(sling, sling_at, sling_to, pouch, (0.008, 0.010), figure.bag, [(band, ones * 0.35, ones * 0.45, 0.5)]),
        part(carried, hand, handle, figure.circle(0.006), (0.003, 0.003), figure.bag * 0.7),
        part(carried, top, bottom, purse, (0.006, 0.008), figure.bag, [(band, ones * 0.12, ones * 0.24, 0.55)]),
    ]
