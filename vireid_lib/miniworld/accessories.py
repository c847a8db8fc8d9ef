"""Hats and bags as solids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.figure import Figure
from vireid_lib.miniworld.patterns import band
from vireid_lib.miniworld.raster import Lathe


def hats(figure: Figure) -> list[Lathe]:
    """Caps with a peak, knitted beanies, hats with a brim."""
    worn = np.array([p.hat for p in figure.people])
    cos, sin = figure.pose.cos, figure.pose.sin

    def brim(where: NDArray[np.bool_], up: float, reach: float, half: float, thick: float) -> Lathe:
        # A flat disc seen almost from its edge: a horizontal bar as wide as the disc.
        across = np.hypot(half * cos, max(half * 0.9, reach * 0.55) * sin)
        left = figure.at(-across * cos, up, reach - across * sin)
        right = figure.at(across * cos, up, reach + across * sin)
        return figure.part(
            where, left, right, figure.round(thick * 0.8, thick, thick, thick * 0.8), (0.012, 0.012), figure.hat * 0.86
        )

    cap, beanie, hat = (worn == name for name in ("cap", "beanie", "hat"))
    ones = figure.zero + 1
    return [
        brim(cap & (cos < -0.2), 0.968, 0.062, 0.045, 0.009),
        figure.part(
            cap,
            figure.at(0, 0.985, 0),
            figure.at(0, 0.962, 0),
            figure.oval([0.057] * 4, [0.064] * 4),
            (0.042, 0.006),
            figure.hat,
        ),
        brim(cap & (cos >= -0.2), 0.968, 0.062, 0.045, 0.009),
        figure.part(
            beanie,
            figure.at(0, 1.000, -0.004),
            figure.at(0, 0.955, -0.004),
            figure.oval([0.058] * 4, [0.064] * 4),
            (0.042, 0.008),
            figure.hat,
            [(band, ones * 0.55, ones * 9, 0.75)],
        ),
        figure.part(
            hat,
            figure.at(0, 1.010, 0),
            figure.at(0, 0.968, 0),
            figure.oval([0.048, 0.054, 0.056, 0.057], [0.060] * 4),
            (0.022, 0.004),
            figure.hat,
            [(band, ones * 0.65, ones * 9, 0.55)],
        ),
        brim(hat, 0.966, 0.0, 0.105, 0.011),
    ]


def bags(figure: Figure, front: bool) -> list[Lathe]:
    """Backpack, shoulder bag, handbag: those nearer to the camera than the trunk, or those behind it."""
    names, ones = [p.bag for p in figure.people], figure.zero + 1
    pack = figure.where(names, "backpack") & ((figure.pose.cos < 0.15) == front)
    sling_at = figure.at(figure.side * 0.118 * figure.build, 0.535, 0.0)
    sling = figure.where(names, "shoulder bag") & ((figure.pose.depth(sling_at) > -0.03) == front)
    hands = [
        tuple(
            np.where(figure.side > 0, b, a)
            for a, b in zip(figure.pose.joints[f"{name}0"], figure.pose.joints[f"{name}1"], strict=True)
        )
        for name in ("shoulder", "hand")
    ]
    carried = figure.where(names, "handbag") & ((figure.pose.depth(hands[0]) > -0.035) == front)
    hand = hands[1]
    return [
        figure.part(
            pack,
            figure.at(0, 0.775, -0.105),
            figure.at(0, 0.575, -0.112),
            figure.oval((0.072, 0.090, 0.094, 0.088), (0.036, 0.050, 0.054, 0.048)),
            (0.028, 0.014),
            figure.bag,
            [(band, ones * 0.50, ones * 0.56, 0.5), (band, ones * 0.98, ones * 9, 0.7)],
        ),
        figure.part(
            sling,
            sling_at,
            figure.at(figure.side * 0.126 * figure.build, 0.43, 0.0),
            figure.oval((0.034, 0.040, 0.042, 0.038), (0.070, 0.078, 0.078, 0.070)),
            (0.008, 0.010),
            figure.bag,
            [(band, ones * 0.35, ones * 0.45, 0.5)],
        ),
        figure.part(
            carried, hand, (hand[0], hand[1] - 0.04, hand[2]), figure.round(0.006), (0.003, 0.003), figure.bag * 0.7
        ),
        figure.part(
            carried,
            (hand[0], hand[1] - 0.035, hand[2]),
            (hand[0], hand[1] - 0.125, hand[2]),
            figure.oval((0.026, 0.034, 0.036, 0.034), (0.050, 0.066, 0.070, 0.066)),
            (0.006, 0.008),
            figure.bag,
            [(band, ones * 0.12, ones * 0.24, 0.55)],
        ),
    ]
