"""Cameras of the miniature world, and the instance factors (pose, framing, light) of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """One camera: where it hangs and what it does to a picture.

    `place` seeds the scenery (two cameras with one place look at the same wall), `style` is its kind (a key
    of `scenery.STYLES`). `cast` multiplies red, green and blue; `blur` is a Gaussian's sigma in pixels at
    height 128; `noise` a standard deviation (0..1); `elevation` the angle from above in degrees;
    `vignette` how much light the corners lose; `light_x` where light falls from (-1 left .. 1 right).
    """

    key: str
    number: int
    modality: str
    place: int
    style: str
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    exposure: float = 1.0
    contrast: float = 1.0
    blur: float = 0.5
    noise: float = 0.015
    elevation: float = 8.0
    vignette: float = 0.1
    light_x: float = -0.4


@dataclass(frozen=True)
class View:
    """One moment in front of a camera.

    `yaw` in degrees (0 faces the camera, 90 walks to the right, 180 shows the back), `phase` of the gait in
    radians, `stride` 0 (stands) .. 1, `arms` an extra swing, framing as fractions of the picture's height
    (`offset_x`, `offset_y`) and a factor (`scale`), `light` a factor and `light_shift` its sideways turn,
    `backdrop` (0..1) where along the scenery, `noise_seed` what noise.
    """

    camera: Camera
    yaw: float = 0.0
    phase: float = 0.0
    stride: float = 0.0
    arms: float = 0.0
    offset_x: float = 0.0
    offset_y: float = 0.0
    scale: float = 1.0
    light: float = 1.0
    light_shift: float = 0.0
    backdrop: float = 0.5
    noise_seed: int = 0


def _camera(key: str, modality: str, place: int, style: str, **settings: object) -> Camera:
    return Camera(key, int(key.rsplit("/")[-1]), modality, place, style, **settings)


_FIXED = (
    _camera(
        "mini_vi/1",
        "visible",
        11,
        "hall",
        cast=(1.05, 1.0, 0.90),
        exposure=0.95,
        elevation=12,
        vignette=0.12,
        light_x=-0.5,
    ),
    _camera(
        "mini_vi/2",
        "visible",
        12,
        "office",
        cast=(0.95, 1.0, 1.06),
        exposure=0.82,
        contrast=0.95,
        blur=0.6,
        noise=0.02,
        elevation=16,
        vignette=0.15,
        light_x=0.4,
    ),
    _camera(
        "mini_vi/3",
        "infrared",
        12,
        "office",
        exposure=1.1,
        blur=0.6,
        noise=0.022,
        elevation=16,
        vignette=0.45,
        light_x=0.1,
    ),
    _camera(
        "mini_vi/4",
        "visible",
        14,
        "street",
        exposure=1.12,
        contrast=1.08,
        noise=0.012,
        elevation=7,
        vignette=0.05,
        light_x=0.6,
    ),
    _camera(
        "mini_vi/5",
        "visible",
        15,
        "park",
        cast=(1.0, 1.04, 0.94),
        exposure=1.05,
        contrast=1.05,
        blur=0.6,
        elevation=10,
        vignette=0.08,
        light_x=-0.6,
    ),
    _camera(
        "mini_vi/6",
        "infrared",
        16,
        "yard",
        contrast=1.05,
        blur=0.65,
        noise=0.028,
        elevation=9,
        vignette=0.55,
        light_x=-0.15,
    ),
    _camera(
        "mini_market/1",
        "visible",
        21,
        "market",
        cast=(1.04, 1.0, 0.95),
        exposure=1.05,
        contrast=1.02,
        blur=0.55,
        elevation=11,
        light_x=-0.3,
    ),
    _camera(
        "mini_market/2",
        "visible",
        22,
        "market",
        cast=(0.97, 1.0, 1.04),
        exposure=0.9,
        blur=0.55,
        elevation=13,
        light_x=0.3,
    ),
    _camera(
        "mini_campus/1",
        "visible",
        31,
        "park",
        cast=(1.02, 1.02, 0.96),
        exposure=0.98,
        contrast=0.96,
        blur=0.65,
        noise=0.02,
        elevation=15,
        light_x=0.2,
    ),
    _camera(
        "mini_campus/2",
        "visible",
        32,
        "hall",
        cast=(0.98, 1.0, 1.03),
        exposure=0.9,
        contrast=0.98,
        blur=0.65,
        noise=0.02,
        elevation=14,
        light_x=-0.2,
    ),
)

CAMERAS: dict[str, Camera] = {camera.key: camera for camera in _FIXED}
"""Every fixed camera by its identifier in the image table, "<dataset>/<number>"."""

VISIBLE = ("mini_vi/1", "mini_vi/2", "mini_vi/4", "mini_vi/5")
INFRARED = ("mini_vi/3", "mini_vi/6")
MARKET = ("mini_market/1", "mini_market/2")

RANDOM_PLACES = 160
"""How many different sceneries the random cameras look at (each is painted once and kept)."""

_OUTDOOR_AND_INDOOR = ("hall", "office", "street", "park", "yard", "market")


def random_visible_camera(rng: np.random.Generator) -> Camera:
    """A camera that no data set has: random scenery, colours, sharpness and height (for pre-training)."""
    place = int(rng.integers(RANDOM_PLACES))
    return Camera(
        key="random/0",
        number=0,
        modality="visible",
        place=1000 + place,
        style=_OUTDOOR_AND_INDOOR[place % len(_OUTDOOR_AND_INDOOR)],
        cast=tuple(float(v) for v in rng.normal(1.0, 0.05, 3)),
        exposure=float(rng.uniform(0.8, 1.15)),
        contrast=float(rng.uniform(0.92, 1.1)),
        blur=float(rng.uniform(0.4, 0.7)),
        noise=float(rng.uniform(0.004, 0.018)),
        elevation=float(rng.uniform(4, 17)),
        vignette=float(rng.uniform(0, 0.15)),
        light_x=float(rng.uniform(-0.7, 0.7)),
    )


def sample_view(rng: np.random.Generator, camera: Camera) -> View:
    """Draw a pose, a framing and a light for one picture by `camera`."""
    # Four main directions, as people cross a corridor, each with a spread.
    yaw = float(rng.choice([0.0, 90.0, 180.0, 270.0], p=[0.34, 0.18, 0.30, 0.18]) + rng.normal(0, 22)) % 360
    walks = rng.uniform() < 0.75
    return View(
        camera=camera,
        yaw=yaw,
        phase=float(rng.uniform(0, 2 * np.pi)),
        stride=float(rng.uniform(0.5, 1.0)) if walks else float(rng.uniform(0, 0.25)),
        arms=float(rng.uniform(0, 1)),
        offset_x=float(rng.normal(0, 0.02)),
        offset_y=float(rng.normal(0, 0.015)),
        scale=float(rng.normal(1, 0.045)),
        light=float(np.exp(rng.normal(0, 0.10))),
        light_shift=float(rng.normal(0, 0.2)),
        backdrop=float(rng.uniform()),
        noise_seed=int(rng.integers(2**31)),
    )
