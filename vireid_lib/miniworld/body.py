"""Arms, legs and trunk as solids, with what hangs from them: skirts, coat tails, straps, bags."""

import numpy as np

from vireid_lib.miniworld.figure import Figure, Mask
from vireid_lib.miniworld.patterns import ON_LIMBS, band, disc, front_line, pattern_paint, step
from vireid_lib.miniworld.raster import Array, Lathe, Surface


def _on_limbs(patterns: Array) -> Array:
    return np.where(np.isin(patterns, ON_LIMBS), patterns, "plain")


def arms(figure: Figure, behind: bool) -> list[Lathe]:
    """The arms that lie behind the trunk, or those in front of it, from hand to shoulder."""
    cloth, kinds, thick, ones, circle = figure.upper, figure.upper.kinds, figure.thickness(), figure.one, figure.circle
    sleeve = np.where(np.isin(kinds, ("t-shirt", "dress")), 0.55 + 0.4 * cloth.cut, 9.0)
    sleeve = np.where(kinds == "top", 0.04, sleeve).astype(np.float32)
    bare = sleeve < 2
    fore = np.where(bare[:, None], figure.skin, cloth.base)
    names = _on_limbs(cloth.patterns)
    fore_names = np.where(bare, "plain", names)
    size, light = 0.75 + 0.25 * figure.build, 0.88 if behind else 1.0
    lower = circle(0.024 * size + thick, 0.017 + thick * 0.8)
    upper = circle(*(radius * size + thick for radius in (0.030, 0.031, 0.028, 0.024)))
    solids = []
    for index in (0, 1):
        names_of_joints = (f"{name}{index}" for name in ("shoulder", "elbow", "wrist", "hand"))
        shoulder, elbow, wrist, hand = (figure.pose.joints[name] for name in names_of_joints)
        where = (figure.pose.depth(shoulder) < -0.035) == behind
        outer = figure.zero + (2 * index - 1)
        fore_paint = (pattern_paint, fore_names, cloth.scale, outer, cloth.second, ones * 0.45, ones * 0.9)
        paints = [
            (pattern_paint, names, cloth.scale, outer, cloth.second, ones * 0.02, ones * 0.5),
            (band, sleeve, ones * 9, figure.skin),
        ]
        solids += [
            figure.part(where, wrist, hand, circle(0.017, 0.013), (0.014, 0.014), figure.skin, light=light),
            figure.part(where, elbow, wrist, lower, (0.02, 0.008), fore, [fore_paint], light=light),
            figure.part(where, shoulder, elbow, upper, (0.034, 0.02), cloth.base, paints, light=light),
        ]
    return solids


def legs(figure: Figure) -> list[Lathe]:
    """Both legs with shoes, the farther one first."""
    joints, lower, shoes, ones, circle = figure.pose.joints, figure.lower, figure.shoes, figure.one, figure.circle
    first_is_far = figure.pose.depth(joints["knee0"]) < figure.pose.depth(joints["knee1"])
    dressed = (figure.upper.kinds == "dress") | (lower.kinds == "skirt")
    wide = np.where(lower.kinds == "trousers", 0.002 + 0.012 * lower.cut, 0.0).astype(np.float32)
    end = np.where(dressed, -9.0, np.where(lower.kinds == "shorts", 0.62 + 0.33 * lower.cut, 9.0)).astype(np.float32)
    bare = end < 2
    shin = np.where(bare[:, None], figure.skin, lower.base)
    names = np.where(dressed, "plain", lower.patterns)
    shin_names = np.where(bare, "plain", names)
    boot = np.where(shoes.kinds == "boots", 0.35 + 0.3 * shoes.cut, 0.93).astype(np.float32)
    size = 0.7 + 0.3 * figure.build
    foot = circle(0.024, 0.027, 0.027, 0.019)
    calf = circle(0.039 * size + wide * 0.9, 0.040 * size + wide, 0.029 * size + wide * 1.2, 0.021 + wide * 1.4)
    thigh = circle(0.054 * size, 0.055 * size + wide * 0.6, 0.047 * size + wide * 0.8, 0.041 * size + wide * 0.9)
    solids = []
    for near in (False, True):
        chosen = first_is_far != near
        hip, knee, ankle, heel, toe = (figure.either(name, chosen) for name in ("hip", "knee", "ankle", "heel", "toe"))
        outer, light = np.where(chosen, -1, 1).astype(np.float32), 1.0 if near else 0.86
        calf_paints = [(pattern_paint, shin_names, lower.scale, outer, lower.second, ones * 0.8, ones * 1.6)]
        calf_paints.append((band, boot, ones * 9, shoes.base))
        thigh_paints = [(pattern_paint, names, lower.scale, outer, lower.second, ones * 0.0, ones * 0.8)]
        thigh_paints.append((band, end, ones * 9, figure.skin))
        solids += [
            figure.part(figure.everyone, heel, toe, foot, (0.018, 0.018), shoes.base, light=light),
            figure.part(figure.everyone, knee, ankle, calf, (0.03, 0.008), shin, calf_paints, light=light),
            figure.part(figure.everyone, hip, knee, thigh, (0.04, 0.02), lower.base, thigh_paints, light=light),
        ]
    return solids


def skirts(figure: Figure) -> list[Lathe]:
    """Skirts, the lower part of dresses, and coat tails: bells that widen with the stride."""
    upper, lower, build = figure.upper, figure.lower, figure.build
    stride = np.abs(figure.pose.joints["ankle0"][2] - figure.pose.joints["ankle1"][2])
    dress, coat = upper.kinds == "dress", upper.kinds == "coat"
    skirt = (lower.kinds == "skirt") & ~dress
    waist, hips = 0.086 * build, 0.104 * build + np.where(coat, 0.014, 0.004)
    opening = (front_line, np.where(coat, 0.06, 0).astype(np.float32), 0.55)
    solids = []
    for where, cloth, top, hem, flare in (
        (skirt, lower, 0.555, 0.40 - 0.16 * lower.cut, 0.020 + 0.05 * lower.scale / 8),
        (dress, upper, 0.56, 0.37 - 0.17 * upper.cut, 0.035 + 0.04 * upper.scale / 8),
        (coat, upper, 0.52, 0.36 - 0.17 * upper.cut, figure.zero + 0.022),
    ):
        names, base, start = _on_limbs(cloth.patterns), cloth.base, figure.zero + 0.0
        if cloth is upper:  # two-tone runs on: its lower half is the second colour
            base, start = np.where((cloth.patterns == "two-tone")[:, None], cloth.second, base), figure.zero + 0.75
        bottom, deep = 0.102 * build + flare, 0.078 * build + flare * 0.6 + 0.22 * stride
        wide = (waist, hips, (hips + bottom) / 2, bottom)
        widths = figure.oval(wide, (waist * 0.85, hips * 0.85, (hips * 0.85 + deep) / 2, deep))
        pattern = (pattern_paint, names, cloth.scale, figure.side, cloth.second, start, start + (top - hem) * 3.0)
        ends = figure.at(0, top, 0), figure.at(0, hem, 0)
        solids.append(figure.part(where, *ends, widths, (0.01, 0.006), base, [pattern, opening], droop=0.10))
    return solids


def torso(figure: Figure) -> list[Lathe]:
    """Neck and trunk with collar, straps, pattern, zip or buttons."""
    kinds, cloth, thick, build = figure.upper.kinds, figure.upper, figure.thickness(), figure.build
    at, ones = figure.at, figure.one

    def when(*names: str, size: float = 1.0) -> Array:
        return np.where(np.isin(kinds, names), size, 0).astype(np.float32)

    belly = build**1.4
    wide = [0.112 * figure.shoulders * build, 0.106 * figure.shoulders * build, 0.086 * belly, 0.096 * build]
    deep = [0.056 * build, 0.070 * build, 0.068 * belly, 0.076 * build]
    inner = np.full_like(figure.skin, 0.86 if figure.modality == "visible" else 0.6)
    inner = np.where(when("jacket")[:, None] > 0, inner, figure.skin)
    hem = np.where(np.isin(kinds, ("sweater", "hoodie")), 0.90, 9).astype(np.float32)
    neck_side = when("t-shirt", "top", "dress", "jacket", size=0.38)
    neck_deep = when("t-shirt", "dress", size=0.14) + when("top", size=0.2) + when("jacket", size=0.42)
    paints = [
        (pattern_paint, cloth.patterns, cloth.scale, figure.side, cloth.second, ones * 0, ones),
        (band, hem, ones * 9, 0.8),
        (front_line, when("jacket", size=0.05) + when("coat", size=0.06) + when("shirt", size=0.045), 0.55),
        (disc, figure.zero, ones * -0.07, neck_side, neck_deep, inner),
        (disc, figure.zero, ones * -0.07, when("shirt", "coat", size=0.34), when("shirt", "coat", size=0.13), 0.7),
        (disc, figure.zero, ones * 0.72, when("hoodie", size=0.6), when("hoodie", size=0.13), 0.82),
        (_straps, figure.bag_kinds == "backpack", figure.bag_kinds == "shoulder bag", figure.side, figure.bag),
    ]
    neck, trunk = figure.circle(0.029, 0.036), figure.oval([w + thick for w in wide], [d + thick for d in deep])
    below, ends = (at(0, 0.88, 0.008), at(0, 0.79, -0.005)), (at(0, 0.795, 0), at(0, 0.475, 0))
    return [
        figure.part(figure.everyone, *below, neck, (0.01, 0.01), figure.skin, light=0.88),
        figure.part(figure.everyone, *ends, trunk, (0.034, 0.012), cloth.base, paints, droop=0.07),
    ]


def bags(figure: Figure, front: bool) -> list[Lathe]:
    """Backpack, shoulder bag, handbag: those nearer to the camera than the trunk, or those behind it."""
    at, oval, part, pose, names, ones = figure.at, figure.oval, figure.part, figure.pose, figure.bag_kinds, figure.one
    pack = (names == "backpack") & ((pose.cos < 0.15) == front)
    straps = [(band, ones * 0.50, ones * 0.56, 0.5), (band, ones * 0.98, ones * 9, 0.7)]
    sack = oval((0.072, 0.090, 0.094, 0.088), (0.036, 0.050, 0.054, 0.048))

    aside = figure.side * 0.118 * figure.build, figure.side * 0.126 * figure.build
    sling_at, sling_to = at(aside[0], 0.535, 0.0), at(aside[1], 0.43, 0.0)
    sling = (names == "shoulder bag") & ((pose.depth(sling_at) > -0.03) == front)
    pouch = oval((0.034, 0.040, 0.042, 0.038), (0.070, 0.078, 0.078, 0.070))

    shoulder, hand = (figure.either(name, figure.side <= 0) for name in ("shoulder", "hand"))
    carried = (names == "handbag") & ((pose.depth(shoulder) > -0.035) == front)
    handle, top, bottom = ((hand[0], hand[1] - down, hand[2]) for down in (0.04, 0.035, 0.125))
    purse = oval((0.026, 0.034, 0.036, 0.034), (0.050, 0.066, 0.070, 0.066))
    return [
        part(pack, at(0, 0.775, -0.105), at(0, 0.575, -0.112), sack, (0.028, 0.014), figure.bag, straps),
        part(sling, sling_at, sling_to, pouch, (0.008, 0.010), figure.bag, [(band, ones * 0.35, ones * 0.45, 0.5)]),
        part(carried, hand, handle, figure.circle(0.006), (0.003, 0.003), figure.bag * 0.7),
        part(carried, top, bottom, purse, (0.006, 0.008), figure.bag, [(band, ones * 0.12, ones * 0.24, 0.55)]),
    ]


def _straps(surface: Surface, backpack: Mask, sling: Mask, side: Array, colour: Array) -> tuple[Array, Array]:
    """Two straps over the shoulders of a backpack, one across the body of a shoulder bag."""
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
        mask[rows] = step(distance, part.pixel_across) * shown
    return mask, colour * 0.85
