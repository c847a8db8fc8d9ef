"""A batch of posed people: joints in three dimensions from gait and build, projected to the picture, and the materials
that every body part is built from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vireid_lib.miniworld.cameras import View
from vireid_lib.miniworld.people import Cloth, Garment, Person
from vireid_lib.miniworld.raster import Array, Lathe

Mask = NDArray[np.bool_]

_THICKNESS = {"coat": 0.012, "jacket": 0.010, "hoodie": 0.010, "sweater": 0.006}

Point = tuple[Array, Array, Array]
"""A joint: right-left, up, forward; each [N], in body heights, feet at 0."""


@dataclass
class Pose:
    """Projection and joints of N posed people; joints end in 0 (the limb at side -1) or 1 (at side +1)."""

    scale: Array
    origin: Array
    cos: Array
    sin: Array
    tilt: Array
    joints: dict[str, Point]

    def project(self, point: Point) -> Array:
        """Pixels [N, 2] (x, y downwards) of a point of each body; cameras look down, so near is low."""
        right, up, forward = point
        x = right * self.cos + forward * self.sin
        y = up * np.cos(self.tilt) - self.depth(point) * np.sin(self.tilt)
        return (self.origin + self.scale[:, None] * np.stack([x, -y], 1)).astype(np.float32)

    def depth(self, point: Point) -> Array:
        """How far towards the camera a point lies [N], in body heights."""
        return point[2] * self.cos - point[0] * self.sin

    def girth(self, wide: Array, deep: Array) -> Array:
        """Half-width in pixels of an elliptic cross-section (half-axes `wide`, `deep`) at this yaw."""
        return self.scale * np.hypot(wide * self.cos, deep * self.sin)


def numbers(name: str, things: Sequence[object]) -> Array:
    return np.array([getattr(thing, name) for thing in things], np.float32)


def pose(people: Sequence[Person], views: Sequence[View], height: int, width: int) -> Pose:
    """Pose people for their views in pictures of height x width pixels."""
    yaw, tilt = np.deg2rad(numbers("yaw", views)), np.deg2rad(numbers("elevation", [view.camera for view in views]))
    scale = 0.80 * height * numbers("scale", views) * (0.4 + 0.6 * numbers("height", people))
    x, ground = width / 2 + height * numbers("offset_x", views), height * (0.915 + numbers("offset_y", views))
    phase, stride, swing = (numbers(name, views) for name in ("phase", "stride", "arms"))
    wide, shoulders = numbers("build", people), numbers("shoulders", people)

    joints: dict[str, Point] = {}
    lowest = np.full(len(people), 9, np.float32)
    for index, sign in enumerate((-1.0, 1.0)):
        thigh = 0.48 * stride * np.sin(phase) * sign
        lifts = np.maximum(0, np.cos(phase) * sign)
        shin = thigh - 0.12 * stride - 0.75 * stride * lifts
        hip_x = sign * 0.047 * (0.6 + 0.4 * wide)
        zero = np.zeros_like(hip_x)
        hip = (hip_x, zero + 0.50, zero)
        knee = (hip_x * 1.02, hip[1] - 0.235 * np.cos(thigh), 0.235 * np.sin(thigh))
        ankle = (hip_x * 1.04, knee[1] - 0.225 * np.cos(shin), knee[2] + 0.225 * np.sin(shin))
        lowest = np.minimum(lowest, ankle[1])
        joints |= {f"hip{index}": hip, f"knee{index}": knee, f"ankle{index}": ankle}
        joints[f"heel{index}"] = (ankle[0], ankle[1] - 0.022, ankle[2] - 0.022 * np.cos(shin))
        joints[f"toe{index}"] = (ankle[0] * 1.15, ankle[1] - 0.026 + 0.06 * np.sin(shin), ankle[2] + 0.068)

        upper = -(0.42 * stride + 0.06) * np.sin(phase) * sign * (0.4 + 0.6 * swing) + 0.04
        lower = upper + 0.18 + 0.45 * swing * (0.3 + 0.7 * stride)
        splay = 0.10 + 0.05 * wide
        shoulder_x = sign * (0.096 * shoulders * wide + 0.012)
        shoulder = (shoulder_x, zero + 0.780, zero)
        elbow = (shoulder_x + sign * 0.160 * splay, shoulder[1] - 0.158 * np.cos(upper), 0.158 * np.sin(upper))
        wrist = (elbow[0] + sign * 0.02, elbow[1] - 0.140 * np.cos(lower), elbow[2] + 0.140 * np.sin(lower))
        hand = (wrist[0], wrist[1] - 0.040 * np.cos(lower), wrist[2] + 0.040 * np.sin(lower))
        joints |= {f"shoulder{index}": shoulder, f"elbow{index}": elbow, f"wrist{index}": wrist, f"hand{index}": hand}
    # The standing foot touches the ground.
    sink = lowest - 0.048
    joints = {name: (right, up - sink, forward) for name, (right, up, forward) in joints.items()}
    joints["base"] = (zero, zero - sink, zero)
    origin = np.stack([x, ground], 1).astype(np.float32)
    return Pose(scale.astype(np.float32), origin, np.cos(yaw), np.sin(yaw), tilt, joints)


@dataclass
class Dress:
    """A garment slot of N people in one modality: kinds, colours [N, channels], pattern names and scales."""

    kinds: NDArray[np.str_]
    base: Array
    second: Array
    patterns: NDArray[np.str_]
    scale: Array
    cut: Array


class Figure:
    """N people posed for N views in one modality, with a constructor of body parts (`part`)."""

    def __init__(self, people: Sequence[Person], views: Sequence[View], height: int, width: int, modality: str):
        self.people, self.modality, self.n = people, modality, len(people)
        self.pose: Pose = pose(people, views, height, width)
        self.scale = self.pose.scale
        self.turn = np.stack([self.pose.cos, self.pose.sin], 1).astype(np.float32)
        self.zero, self.everyone = np.zeros(self.n, np.float32), np.ones(self.n, bool)
        self.one = self.zero + 1
        self.build, self.shoulders, self.side = (numbers(name, people) for name in ("build", "shoulders", "side"))

        def of(*names: str) -> Iterator[list]:
            return ([getattr(person, name) for person in people] for name in names)

        self.skin, self.hair, self.bag, self.hat = map(self.tones, of("skin", "hair", "bag_cloth", "hat_cloth"))
        self.hair_styles, self.face_kinds = map(np.array, of("hair_style", "face"))
        self.hat_kinds, self.bag_kinds = map(np.array, of("hat", "bag"))
        self.upper, self.lower, self.shoes = map(self.dress, of("upper", "lower", "shoes"))
        sideways = np.array([v.camera.light_x + v.light_shift for v in views], np.float32)
        if modality == "visible":
            self.light = np.stack([0.45 * sideways, np.full(self.n, -0.28), np.full(self.n, 0.52)], 1)
            self.ambient = np.full(self.n, 0.52, np.float32)
        else:  # the lamp sits on the camera: what faces it shines, edges fall dark
            self.light = np.stack([0.2 * sideways, np.full(self.n, -0.12), np.full(self.n, 0.62)], 1)
            self.ambient = np.full(self.n, 0.40, np.float32)
        self.light = self.light.astype(np.float32)

    def tones(self, cloths: Sequence[Cloth]) -> Array:
        """Colours [N, 3] in visible light, brightness [N, 1] in infrared."""
        visible = self.modality == "visible"
        return np.array([cloth.rgb if visible else (cloth.infrared,) for cloth in cloths], np.float32)

    def dress(self, garments: Sequence[Garment]) -> Dress:
        """Both colours of each garment as this modality sees them."""
        pairs = []
        for garment in garments:
            first, second = garment.cloth, garment.second or garment.cloth
            if self.modality == "infrared" and garment.pattern_infrared == "faded":
                second = first
            if self.modality == "infrared" and garment.pattern_infrared == "inverted":
                first, second = second, first
            pairs.append((first, second))
        kinds, patterns = (np.array([getattr(each, name) for each in garments]) for name in ("kind", "pattern"))
        base, second = map(self.tones, zip(*pairs, strict=True))
        return Dress(kinds, base, second, patterns, numbers("scale", garments), numbers("cut", garments))

    def part(
        self,
        where: Mask,
        top: Point,
        bottom: Point,
        widths: Sequence[Array],
        caps: tuple[float, float],
        colour: Array,
        paints: Sequence[tuple] = (),
        droop: float = 0.0,
        light: float = 1.0,
    ) -> Lathe:
        """A solid between two points of the body, for the people in `where`.

        `widths` are four half-widths in PIXELS [N]; `caps` and `droop` in body heights. `paints` are tuples
        (`Paint`, arrays [N, ...] or settings): arrays are cut to the chosen people before the call.
        """
        rows = np.flatnonzero(where)

        def cut(value: object) -> object:
            return value[rows] if isinstance(value, np.ndarray) and len(value) == self.n else value

        ready = [(paint, *(cut(value) for value in values)) for paint, *values in paints]
        scale = self.scale[rows]
        sag = droop * scale * np.sin(self.pose.tilt[rows]) if droop else np.zeros(len(rows), np.float32)
        return Lathe(
            rows,
            self.pose.project(top)[rows],
            self.pose.project(bottom)[rows],
            np.stack(widths, 1)[rows].astype(np.float32),
            (scale[:, None] * np.float32(caps)).astype(np.float32),
            colour[rows],
            self.turn[rows],
            sag.astype(np.float32),
            self.light[rows] * np.float32(light),
            self.ambient[rows] * np.float32(light),
            ready,
        )

    def either(self, name: str, first: Mask) -> Point:
        """Joint `name` of the limb at side -1 for the people in `first`, of the one at side +1 for the others."""
        joints = (self.pose.joints[f"{name}{index}"] for index in (0, 1))
        return tuple(np.where(first, a, b) for a, b in zip(*joints, strict=True))

    def circle(self, *radii: float | Array) -> list[Array]:
        """Four pixel half-widths of a limb, from one, two or four radii in body heights."""
        values = [np.asarray(radius, np.float32) + self.zero for radius in radii]
        if len(values) == 1:
            values = values * 4
        if len(values) == 2:
            a, b = values
            values = [a, a * 2 / 3 + b / 3, a / 3 + b * 2 / 3, b]
        return [value * self.scale for value in values]

    def oval(self, wide: Sequence[float | Array], deep: Sequence[float | Array]) -> list[Array]:
        """Four pixel half-widths of a solid with elliptic cross-sections in body heights."""
        wide, deep = ([self.zero + np.asarray(each, np.float32) for each in held] for held in (wide, deep))
        return [self.pose.girth(*pair) for pair in zip(wide, deep, strict=True)]

    def at(self, *place: float | Array) -> Point:
        """A point (right, up, forward) given relative to the standing body (follows the bob of the gait)."""
        pairs = zip(self.pose.joints["base"], place, strict=True)
        return tuple(base + np.asarray(shift, np.float32) for base, shift in pairs)

    def thickness(self) -> Array:
        """How much the upper garment adds to every radius [N], in body heights."""
        return np.array([_THICKNESS.get(kind, 0.0) for kind in self.upper.kinds], np.float32)
