"""Limbs, torso and clothes as solids, in the order a painter would lay them (far to near)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.figure import Figure
from vireid_lib.miniworld.patterns import band, disc, front_line, pattern_paint
from vireid_lib.miniworld.raster import Array, Lathe

Mask = NDArray[np.bool_]

_THICK = {"coat": 0.012, "jacket": 0.010, "hoodie": 0.010, "sweater": 0.006}
_ON_LIMBS = ("striped", "vertically striped", "checked", "dotted")


def _pick(first: Mask, a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.where(first, x, y) for x, y in zip(a, b, strict=True))


def thickness(figure: Figure) -> Array:
    """How much the upper garment adds to every radius [N]."""
    return np.array([_THICK.get(kind, 0.0) for kind in figure.upper.kinds], np.float32)


def arms(figure: Figure, behind: bool) -> list[Lathe]:
    """The arms that lie behind the trunk, or those in front of it."""
    kinds, thick, everyone = figure.upper.kinds, thickness(figure), np.ones(figure.n, bool)
    sleeve = np.where(
        figure.where(kinds, "top"),
        0.04,
        np.where(figure.where(kinds, "t-shirt", "dress"), 0.55 + 0.4 * figure.upper.cut, 9.0),
    ).astype(np.float32)
    bare = sleeve < 2
    fore = np.where(bare[:, None], figure.skin, figure.upper.base)
    names = np.where(figure.where(figure.upper.patterns, *_ON_LIMBS), figure.upper.patterns, "plain")
    fore_names = np.where(bare, "plain", names)
    size = 0.75 + 0.25 * figure.build
    solids = []
    for index in (0, 1):
        joints = {
            name: figure.pose.joints[f"{name}{index}"] for name in ("shoulder", "elbow", "wrist", "hand")
        }
        away = figure.pose.depth(joints["shoulder"]) < -0.035
        where = everyone & (away == behind)
        light = 0.88 if behind else 1.0
        outer = figure.zero + (2 * index - 1)
        ones = figure.zero + 1
        cloth = figure.upper
        solids += [
            figure.part(
                where,
                joints["wrist"],
                joints["hand"],
                figure.round(0.017, 0.013),
                (0.014, 0.014),
                figure.skin,
                light=light,
            ),
            figure.part(
                where,
                joints["elbow"],
                joints["wrist"],
                figure.round(0.024 * size + thick, 0.017 + thick * 0.8),
                (0.02, 0.008),
                fore,
                [(pattern_paint, fore_names, cloth.scale, outer, cloth.second, ones * 0.45, ones * 0.9)],
                light=light,
            ),
            figure.part(
                where,
                joints["shoulder"],
                joints["elbow"],
                figure.round(
                    0.030 * size + thick, 0.031 * size + thick, 0.028 * size + thick, 0.024 * size + thick
                ),
                (0.034, 0.02),
                cloth.base,
                [
                    (pattern_paint, names, cloth.scale, outer, cloth.second, ones * 0.02, ones * 0.5),
                    (band, sleeve, ones * 9, figure.skin),
                ],
                light=light,
            ),
        ]
    return solids


def legs(figure: Figure) -> list[Lathe]:
    """Both legs with shoes, the farther one first."""
    joints, lower, everyone = figure.pose.joints, figure.lower, np.ones(figure.n, bool)
    first_is_far = figure.pose.depth(joints["knee0"]) < figure.pose.depth(joints["knee1"])
    dressed = figure.where(figure.upper.kinds, "dress") | figure.where(lower.kinds, "skirt")
    wide = np.where(figure.where(lower.kinds, "trousers"), 0.002 + 0.012 * lower.cut, 0.0).astype(np.float32)
    end = np.where(dressed, -9.0, np.where(figure.where(lower.kinds, "shorts"), 0.62 + 0.33 * lower.cut, 9.0))
    end = end.astype(np.float32)
    bare = end < 2
    shin = np.where(bare[:, None], figure.skin, lower.base)
    names = np.where(dressed, "plain", lower.patterns)
    shin_names = np.where(bare, "plain", names)
    boot = np.where(figure.where(figure.shoes.kinds, "boots"), 0.35 + 0.3 * figure.shoes.cut, 0.93).astype(
        np.float32
    )
    size = 0.7 + 0.3 * figure.build
    ones = figure.zero + 1
    solids = []
    for near in (False, True):
        chosen = first_is_far != near
        joint = {
            name: _pick(chosen, joints[f"{name}0"], joints[f"{name}1"])
            for name in ("hip", "knee", "ankle", "heel", "toe")
        }
        outer = np.where(chosen, -1, 1).astype(np.float32)
        light = 1.0 if near else 0.86
        solids += [
            figure.part(
                everyone,
                joint["heel"],
                joint["toe"],
                figure.round(0.024, 0.027, 0.027, 0.019),
                (0.018, 0.018),
                figure.shoes.base,
                light=light,
            ),
            figure.part(
                everyone,
                joint["knee"],
                joint["ankle"],
                figure.round(
                    0.039 * size + wide * 0.9,
                    0.040 * size + wide,
                    0.029 * size + wide * 1.2,
                    0.021 + wide * 1.4,
                ),
                (0.03, 0.008),
                shin,
                [
                    (pattern_paint, shin_names, lower.scale, outer, lower.second, ones * 0.8, ones * 1.6),
                    (band, boot, ones * 9, figure.shoes.base),
                ],
                light=light,
            ),
            figure.part(
                everyone,
                joint["hip"],
                joint["knee"],
                figure.round(
                    0.054 * size,
                    0.055 * size + wide * 0.6,
                    0.047 * size + wide * 0.8,
                    0.041 * size + wide * 0.9,
                ),
                (0.04, 0.02),
                lower.base,
                [
                    (pattern_paint, names, lower.scale, outer, lower.second, ones * 0.0, ones * 0.8),
                    (band, end, ones * 9, figure.skin),
                ],
                light=light,
            ),
        ]
    return solids


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
        names = np.where(figure.where(cloth.patterns, *_ON_LIMBS), cloth.patterns, "plain")
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
                    (
                        pattern_paint,
                        names,
                        cloth.scale,
                        figure.side,
                        cloth.second,
                        start,
                        start + (top - hem) * 3.0,
                    ),
                    (front_line, np.where(coat, 0.06, 0).astype(np.float32), 0.55),
                ],
                droop=0.10,
            )
        )
    return solids


def torso(figure: Figure) -> list[Lathe]:
    """Neck and trunk with collar, straps, pattern, zip or buttons."""
    kinds, cloth, thick, build = figure.upper.kinds, figure.upper, thickness(figure), figure.build
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
        (
            disc,
            figure.zero,
            ones * -0.07,
            when("shirt", "coat", size=0.34),
            when("shirt", "coat", size=0.13),
            0.7,
        ),
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


def _straps(backpack: Mask, sling: Mask, side: Array, colour: Array):
    """Two straps over the shoulders of a backpack, one across the body of a shoulder bag."""

    def paint(surface):
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
