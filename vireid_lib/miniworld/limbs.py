"""Arms and legs as solids, in the order a painter would lay them (far to near)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.figure import Figure
from vireid_lib.miniworld.patterns import ON_LIMBS, band, pattern_paint
from vireid_lib.miniworld.raster import Array, Lathe


def _pick(first: NDArray[np.bool_], a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(np.where(first, x, y) for x, y in zip(a, b, strict=True))


def arms(figure: Figure, behind: bool) -> list[Lathe]:
    """The arms that lie behind the trunk, or those in front of it."""
    kinds, thick, everyone = figure.upper.kinds, figure.thickness(), np.ones(figure.n, bool)
    sleeve = np.where(
        figure.where(kinds, "top"),
        0.04,
        np.where(figure.where(kinds, "t-shirt", "dress"), 0.55 + 0.4 * figure.upper.cut, 9.0),
    ).astype(np.float32)
    bare = sleeve < 2
    fore = np.where(bare[:, None], figure.skin, figure.upper.base)
    names = np.where(figure.where(figure.upper.patterns, *ON_LIMBS), figure.upper.patterns, "plain")
    fore_names = np.where(bare, "plain", names)
    size = 0.75 + 0.25 * figure.build
    solids = []
    for index in (0, 1):
        joints = {name: figure.pose.joints[f"{name}{index}"] for name in ("shoulder", "elbow", "wrist", "hand")}
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
                figure.round(0.030 * size + thick, 0.031 * size + thick, 0.028 * size + thick, 0.024 * size + thick),
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
    boot = np.where(figure.where(figure.shoes.kinds, "boots"), 0.35 + 0.3 * figure.shoes.cut, 0.93).astype(np.float32)
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
                    0.039 * size + wide * 0.9, 0.040 * size + wide, 0.029 * size + wide * 1.2, 0.021 + wide * 1.4
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
                    0.054 * size, 0.055 * size + wide * 0.6, 0.047 * size + wide * 0.8, 0.041 * size + wide * 0.9
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
