"""Grey: the luminance of colours, one definition for the whole library."""

import numpy as np
from jaxtyping import Float32, Real, UInt8

LUMINANCE = (0.299, 0.587, 0.114)
"""Shares of red, green and blue: ITU-R BT.601, the weights of CAJ, DEN and of Pillow's mode "L"."""


def luminance(pixels: Real[np.ndarray, "*n 3"]) -> Float32[np.ndarray, "*n"]:
    """The luminance of each pixel, in the pixels' own unit. Of tensors: `vireid_lib.data.augment.luminance`."""
    return np.asarray(pixels, np.float32) @ np.array(LUMINANCE, np.float32)


def grey(pixels: UInt8[np.ndarray, "*n 3"]) -> UInt8[np.ndarray, "*n 3"]:
    """Rounded luminance in three equal channels."""
    return np.repeat(np.round(luminance(pixels)).astype(np.uint8)[..., None], 3, -1)
