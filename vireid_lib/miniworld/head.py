"""Head, face and hair as solids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.figure import Figure
from vireid_lib.miniworld.patterns import step
from vireid_lib.miniworld.raster import Array, Lathe, Paint, Surface

Mask = NDArray[np.bool_]


def _scalp(hairy: Mask, low: Array, colour: Array) -> Paint:
    """Hair on the skull: above the hairline, and down to `low` [n] at the sides and the back."""

    def paint(surface: Surface) -> tuple[Array, Array]:
        line = np.where(
            surface.front > 0.3, 0.04, np.where(surface.front > -0.05, low[:, None, None] * 0.55, low[:, None, None])
        )
        return step(line - surface.along, surface.pixel * 2) * hairy[:, None, None], colour

    return paint


def _face(beard: Mask, glasses: Mask, hair: Array, skin: Array) -> list[Paint]:
    dark = skin * 0.22

    def eyes(surface: Surface) -> tuple[Array, Array]:
        u = np.abs(np.abs(surface.side) - 0.40) - np.where(glasses, 0.30, 0.17)[:, None, None]
        v = np.abs(surface.along - 0.42) - np.where(glasses, 0.20, 0.11)[:, None, None]
        mask = np.clip(0.5 - u / surface.pixel_across, 0, 1) * np.clip(0.5 - v / surface.pixel, 0, 1)
        return mask * (surface.front > 0.1), dark

    def mouth(surface: Surface) -> tuple[Array, Array]:
        u, v = np.abs(surface.side) - 0.30, np.abs(surface.along - 1.08) - 0.06
        mask = np.clip(0.5 - u / surface.pixel_across, 0, 1) * np.clip(0.5 - v / surface.pixel, 0, 1)
        return mask * (surface.front > 0.2) * 0.8, skin * 0.5

    def chin(surface: Surface) -> tuple[Array, Array]:
        lower = step(surface.along - 0.86, surface.pixel * 1.5) * (surface.front > 0.05)
        return lower * beard[:, None, None] * 0.92, hair

    return [chin, mouth, eyes]


def head(figure: Figure) -> list[Lathe]:
    """Hair behind the head, skull with face, ears, nose, the hair that falls in front of it, and the hat."""
    styles = np.array([p.hair_style for p in figure.people])
    faces = np.array([p.face for p in figure.people])
    hats = np.array([p.hat for p in figure.people])
    everyone, cos = np.ones(figure.n, bool), figure.pose.cos
    hairy = styles != "bald"
    covered = hats != "none"
    low = np.where(figure.where(styles, "short"), 0.95, 1.15).astype(np.float32)
    beard, glasses = faces == "beard", faces == "glasses"
    facing = cos > 0
    solids = []
    # A mass of hair a little larger than the skull gives the silhouette its volume.
    volume = np.select([styles == "curly", figure.where(styles, "bob", "long")], [0.026, 0.012], 0.005) + figure.zero
    volume = np.where(covered & (styles != "curly"), np.minimum(volume, 0.008), volume)
    solids.append(
        figure.part(
            hairy,
            figure.at(0, 0.960 + volume * 0.5, -0.010),
            figure.at(0, 0.925 - volume, -0.016),
            figure.oval([0.050 + volume] * 4, [0.056 + volume] * 4),
            (0.044, 0.036),
            figure.hair,
        )
    )
    solids.append(
        figure.part(
            everyone,
            figure.at(0, 0.962, 0.004),
            figure.at(0, 0.900, 0.008),
            figure.oval((0.049, 0.053, 0.051, 0.043), (0.056, 0.060, 0.058, 0.045)),
            (0.040, 0.034),
            figure.skin,
            [
                (_scalp, hairy, low, figure.hair),
                *((lambda *args, i=i: _face(*args)[i], beard, glasses, figure.hair, figure.skin) for i in range(3)),
            ],
        )
    )
    profile = np.abs(figure.pose.sin) > 0.45
    solids.append(
        figure.part(
            profile,
            figure.at(0, 0.930, 0.060),
            figure.at(0, 0.918, 0.067),
            figure.round(0.008, 0.012),
            (0.006, 0.006),
            figure.skin,
        )
    )
    solids += _tails(figure, styles, ~facing)
    locks = figure.where(styles, "long", "bob")
    fall = np.where(styles == "long", 0.765, 0.865) + figure.zero
    for sign in (-1.0, 1.0):
        solids.append(
            figure.part(
                locks & facing,
                figure.at(sign * 0.047, 0.965, 0.0),
                figure.at(sign * 0.058, fall, 0.012),
                figure.round(0.014, 0.020, 0.020, 0.012),
                (0.02, 0.012),
                figure.hair,
            )
        )
    return solids


def _tails(figure: Figure, styles: Array, where: Mask) -> list[Lathe]:
    """Ponytail and bun."""
    return [
        figure.part(
            where & (styles == "ponytail"),
            figure.at(0, 0.965, -0.062),
            figure.at(0, 0.800, -0.085),
            figure.round(0.018, 0.026, 0.024, 0.008),
            (0.02, 0.015),
            figure.hair,
        ),
        figure.part(
            where & (styles == "bun"),
            figure.at(0, 1.000, -0.050),
            figure.at(0, 0.992, -0.055),
            figure.round(0.031),
            (0.026, 0.026),
            figure.hair,
        ),
    ]


def long_hair(figure: Figure, behind: bool) -> list[Lathe]:
    """Hair that falls: long hair and bobs, ponytail and bun; the part behind the trunk, or that over it."""
    styles = np.array([p.hair_style for p in figure.people])
    where = figure.where(styles, "long", "bob") & ((figure.pose.cos > 0) == behind)
    fall = np.where(styles == "long", 0.72, 0.87) + figure.zero
    curtain = figure.part(
        where,
        figure.at(0, 0.975, -0.030),
        figure.at(0, fall, -0.050),
        figure.oval((0.054, 0.066, 0.070, 0.058), (0.036, 0.038, 0.036, 0.026)),
        (0.034, 0.02),
        figure.hair,
        light=0.9 if behind else 1.0,
    )
    return [curtain, *(_tails(figure, styles, figure.pose.cos > 0) if behind else [])]
