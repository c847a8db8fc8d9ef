"""Cameras of the miniature world, and the instance factors (pose, framing, light) of one picture."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """One camera: where it hangs and what it does to a picture.

    `place` seeds the scenery (two cameras with one place look at the same wall), `style` is its kind (a key of
    `backgrounds.STYLES`). `cast` multiplies red, green and blue; `blur` is a Gaussian's sigma in pixels at height 128;
    `noise` a standard deviation (0..1); `elevation` the angle from above in degrees; `vignette` how much light the
    corners lose; `light_x` where light falls from (-1 left .. 1 right).
    """

    key: str
    number: int
    modality: str
    place: int
    style: str
    cast: tuple[float, float, float]
    exposure: float
    contrast: float
    blur: float
    noise: float
    elevation: float
    vignette: float
    light_x: float


@dataclass(frozen=True)
class View:
    """One moment in front of a camera.

    `yaw` in degrees (0 faces the camera, 90 walks to the right, 180 shows the back), `phase` of the gait in radians,
    `stride` 0 (stands) .. 1, `arms` an extra swing, framing as fractions of the picture's height (`offset_x`,
    `offset_y`) and a factor (`scale`), `light` a factor and `light_shift` its sideways turn, `backdrop` (0..1) where
    along the scenery, `noise_seed` what noise.
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


_WHITE = (1.0, 1.0, 1.0)
_FIXED = (
    # data set and number, modality, place, style, cast, exposure, contrast, blur, noise, elevation, vignette, light_x
    ("mini_vi", 1, "visible", 11, "hall", (1.05, 1.0, 0.90), 0.95, 1.0, 0.5, 0.015, 12, 0.12, -0.5),
    ("mini_vi", 2, "visible", 12, "office", (0.95, 1.0, 1.06), 0.82, 0.95, 0.6, 0.02, 16, 0.15, 0.4),
    ("mini_vi", 3, "infrared", 12, "office", _WHITE, 1.1, 1.0, 0.6, 0.022, 16, 0.45, 0.1),
    ("mini_vi", 4, "visible", 14, "street", _WHITE, 1.12, 1.08, 0.5, 0.012, 7, 0.05, 0.6),
    ("mini_vi", 5, "visible", 15, "park", (1.0, 1.04, 0.94), 1.05, 1.05, 0.6, 0.015, 10, 0.08, -0.6),
    ("mini_vi", 6, "infrared", 16, "yard", _WHITE, 1.0, 1.05, 0.65, 0.028, 9, 0.55, -0.15),
    ("mini_market", 1, "visible", 21, "market", (1.04, 1.0, 0.95), 1.05, 1.02, 0.55, 0.015, 11, 0.1, -0.3),
    ("mini_market", 2, "visible", 22, "market", (0.97, 1.0, 1.04), 0.9, 1.0, 0.55, 0.015, 13, 0.1, 0.3),
    ("mini_campus", 1, "visible", 31, "park", (1.02, 1.02, 0.96), 0.98, 0.96, 0.65, 0.02, 15, 0.1, 0.2),
    ("mini_campus", 2, "visible", 32, "hall", (0.98, 1.0, 1.03), 0.9, 0.98, 0.65, 0.02, 14, 0.1, -0.2),
)

CAMERAS = {f"{name}/{number}": Camera(f"{name}/{number}", number, *settings) for name, number, *settings in _FIXED}
"""Every fixed camera by its identifier in the image table, "<dataset>/<number>"."""

VISIBLE = ("mini_vi/1", "mini_vi/2", "mini_vi/4", "mini_vi/5")
INFRARED = ("mini_vi/3", "mini_vi/6")

RANDOM_PLACES = 160  # how many different sceneries the random cameras look at (each is painted once and kept)

_RANDOM_STYLES = ("hall", "office", "street", "park", "yard", "market")
_RANDOM_RANGES = dict(exposure=(0.8, 1.15), contrast=(0.92, 1.1), blur=(0.4, 0.7), noise=(0.004, 0.018))
_RANDOM_RANGES |= dict(elevation=(4, 17), vignette=(0, 0.15), light_x=(-0.7, 0.7))


def random_visible_camera(rng: np.random.Generator) -> Camera:
    """A camera that no data set has: random scenery, colours, sharpness and height (for pre-training)."""
    place = int(rng.integers(RANDOM_PLACES))
    style, cast = _RANDOM_STYLES[place % len(_RANDOM_STYLES)], tuple(float(v) for v in rng.normal(1.0, 0.05, 3))
    drawn = {name: float(rng.uniform(*limits)) for name, limits in _RANDOM_RANGES.items()}
    return Camera("random/0", 0, "visible", 1000 + place, style, cast, **drawn)


def sample_view(rng: np.random.Generator, camera: Camera) -> View:
    """Draw a pose, a framing and a light for one picture by `camera`."""
    # Four main directions, as people cross a corridor, each with a spread.
    yaw = float(rng.choice([0.0, 90.0, 180.0, 270.0], p=[0.34, 0.18, 0.30, 0.18]) + rng.normal(0, 22)) % 360
    walks = rng.uniform() < 0.75  # the order of all draws is part of a world's look
    gait = dict(phase=rng.uniform(0, 2 * np.pi), stride=rng.uniform(*((0.5, 1.0) if walks else (0, 0.25))))
    gait |= dict(arms=rng.uniform(0, 1), offset_x=rng.normal(0, 0.02), offset_y=rng.normal(0, 0.015))
    light = dict(scale=rng.normal(1, 0.045), light=np.exp(rng.normal(0, 0.10)), light_shift=rng.normal(0, 0.2))
    drawn = {name: float(value) for name, value in (gait | light | dict(backdrop=rng.uniform())).items()}
    return View(camera, yaw, **drawn, noise_seed=int(rng.integers(2**31)))
