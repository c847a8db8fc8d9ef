"""Neck, trunk and what hangs from it: skirts, coat tails, collars, straps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.figure import Figure
from vireid_lib.miniworld.patterns import ON_LIMBS, band, disc, front_line, pattern_paint
from vireid_lib.miniworld.raster import Array, Lathe, Paint, Surface

Mask = NDArray[np.bool_]


def skirts(figure: Figure) -> list[Lathe]:
    """Skirts, the lower part of dresses, and coat tails: bells that widen with the stride."""
    stride = np.abs(figure.pose.joints["ankle0"][2] - figure.pose.joints["ankle1"][2])
    solids = []
    dress, coat = figure.where(figure.upper.kinds, "dress"), figure.where(figure.upper.kinds, "coat")
    skirt = figure.where(figure.lower.kinds, "skirt") & ~dress
    waist = 0.086 * figure.build
    for where, cloth, top, hem, flare in (
        (skirt, figure.lower, 0.555, 0.40 - 0.16 * figure.lower.cut, 0.020 + 0.05 * figure.lower.scale / 8),
        (dress, figure.upper, 0.56, 0.37 - 0.17 * figure.upper.cut, 0.035 + 0.04 * figure.upper.scale / 8),
        (coat, figure.upper, 0.52, 0.36 - 0.17 * figure.upper.cut, figure.zero + 0.022),
    ):
        names = np.where(figure.where(cloth.patterns, *ON_LIMBS), cloth.patterns, "plain")
        if cloth is figure.upper:  # two-tone runs on: its lower half is the second colour
            base = np.where(figure.where(cloth.patterns, "two-tone")[:, None], cloth.second, cloth.base)
        else:
            base = cloth.base
        start = figure.zero + (0.75 if cloth is figure.upper else 0.0)
        hips = 0.104 * figure.build + np.where(coat, 0.014, 0.004)
        bottom = 0.102 * figure.build + flare
        deep = 0.078 * figure.build + flare * 0.6 + 0.22 * stride
        solids.append(
            figure.part(
                where,
                figure.at(0, top, 0),
                figure.at(0, hem, 0),
                figure.oval(
                    (waist, hips, (hips + bottom) / 2, bottom),
                    (waist * 0.85, hips * 0.85, (hips * 0.85 + deep) / 2, deep),
                ),
                (0.01, 0.006),
                base,
                [
                    (pattern_paint, names, cloth.scale, figure.side, cloth.second, start, start + (top - hem) * 3.0),
                    (front_line, np.where(coat, 0.06, 0).astype(np.float32), 0.55),
                ],
                droop=0.10,
            )
        )
    return solids


def torso(figure: Figure) -> list[Lathe]:
    """Neck and trunk with collar, straps, pattern, zip or buttons."""
    kinds, cloth, thick, build = figure.upper.kinds, figure.upper, figure.thickness(), figure.build
    everyone, ones = np.ones(figure.n, bool), figure.zero + 1

    def when(*names: str, size: float = 1.0) -> Array:
        return np.where(figure.where(kinds, *names), size, 0).astype(np.float32)

    belly = build**1.4
    wide = [0.112 * figure.shoulders * build, 0.106 * figure.shoulders * build, 0.086 * belly, 0.096 * build]
    deep = [0.056 * build, 0.070 * build, 0.068 * belly, 0.076 * build]
    bags = [p.bag for p in figure.people]
    straps = figure.where(bags, "backpack")
    sling = figure.where(bags, "shoulder bag")
    inner = np.full_like(figure.skin, 0.86 if figure.modality == "visible" else 0.6)
    inner = np.where(when("jacket")[:, None] > 0, inner, figure.skin)
    hem = np.where(figure.where(kinds, "sweater", "hoodie"), 0.90, 9).astype(np.float32)
    neck_side = when("t-shirt", "top", "dress", "jacket", size=0.38)
    neck_deep = when("t-shirt", "dress", size=0.14) + when("top", size=0.2) + when("jacket", size=0.42)
    paints = [
        (pattern_paint, cloth.patterns, cloth.scale, figure.side, cloth.second, ones * 0, ones),
        (band, hem, ones * 9, 0.8),
        (front_line, when("jacket", size=0.05) + when("coat", size=0.06) + when("shirt", size=0.045), 0.55),
        (disc, figure.zero, ones * -0.07, neck_side, neck_deep, inner),
        (disc, figure.zero, ones * -0.07, when("shirt", "coat", size=0.34), when("shirt", "coat", size=0.13), 0.7),
        (disc, figure.zero, ones * 0.72, when("hoodie", size=0.6), when("hoodie", size=0.13), 0.82),
        (_straps, straps, sling, figure.side, figure.bag),
    ]
    return [
        figure.part(
            everyone,
            figure.at(0, 0.88, 0.008),
            figure.at(0, 0.79, -0.005),
            figure.round(0.029, 0.036),
            (0.01, 0.01),
            figure.skin,
            light=0.88,
        ),
        figure.part(
            everyone,
            figure.at(0, 0.795, 0),
            figure.at(0, 0.475, 0),
            figure.oval([w + thick for w in wide], [d + thick for d in deep]),
            (0.034, 0.012),
            cloth.base,
            paints,
            droop=0.07,
        ),
    ]


def _straps(backpack: Mask, sling: Mask, side: Array, colour: Array) -> Paint:
    """Two straps over the shoulders of a backpack, one across the body of a shoulder bag."""

    def paint(surface: Surface) -> tuple[Array, Array]:
        mask = np.zeros_like(surface.across)
        for rows, is_pack in ((np.flatnonzero(backpack), True), (np.flatnonzero(sling), False)):
            if len(rows) == 0:
                continue
            part = surface.pick(rows)
            if is_pack:
                distance = 0.13 - np.abs(np.abs(part.side) - 0.52)
                shown = (part.front > 0) & (part.along < 0.62)
            else:
                distance = 0.12 - np.abs(part.side * side[rows, None, None] - (1.9 * part.along - 0.75))
                shown = part.along < 0.98
            mask[rows] = np.clip(distance / part.pixel_across + 0.5, 0, 1) * shown
        return mask, colour * 0.85

    return paint
