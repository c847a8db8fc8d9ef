"""Poses a batch of people: joints in three dimensions from gait and build, projected to the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vireid_lib.miniworld.cameras import View
from vireid_lib.miniworld.people import Person
from vireid_lib.miniworld.raster import Array

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
