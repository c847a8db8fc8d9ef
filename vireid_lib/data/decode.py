"""One image file to 8-bit RGB at a wanted size, whatever the file's kind, and sizes; broken files are named."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from vireid_lib.data import intensity
from vireid_lib.data.contents import kind_of
from vireid_lib.data.text import printable

# Part of the cache's key: raise it whenever `decode` gives other pixels, or another complaint, for the same file.
VERSION = 2

# Complaints about EXIF, which name no file; the picture is none the worse.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


class ImageError(ValueError):
    """An image that cannot be used; the message names its path and what is wrong with it, which is `why` alone."""

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(f"{printable(path)} {why}")
        self.why = why


def open_image(path: str | Path) -> Image.Image:
    """Return a file's image, upright and fully decoded, as an 8-bit RGB picture of its own size.

    Greyscale is repeated in three channels; transparent pixels are laid on black; the EXIF rotation is carried out; of
    several pictures in a file the first is taken. Deep images (16 bits, floating point) are scaled by the range of the
    data set that they lie in (`vireid_lib.data.intensity`); outside of any, 65535 becomes 255. Raises ImageError: the
    file is missing, empty, truncated, no image, or outside of a data set of a kind without a fixed range of brightness
    (32-bit integers beyond 65535, floating point)."""
    with _named(path), Image.open(path) as file:
        file.load()
        try:
            image = ImageOps.exif_transpose(file)
        except Exception:  # cameras and tools write EXIF that breaks Pillow's reader; the picture is none the worse
            image = file
        if intensity.is_deep(image):
            image = Image.fromarray(_eight_bits(np.asarray(image), path))
        elif image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        return image.convert("RGB")


@contextlib.contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Have whatever reading an image raises name its path."""
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(path, "does not exist") from None
    except UnidentifiedImageError:
        kind = kind_of(path)
        raise ImageError(path, kind if kind.startswith("is ") else f"is not an image: it {kind}") from None
    except Exception as error:
        # Pillow's decoders meet broken files with whatever their code stumbles over: OSError, struct.error, TypeError…
        raise ImageError(path, f"cannot be decoded: {str(error) or type(error).__name__}") from None


def decode(path: str | Path, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """`open_image`'s pixels at `size` = (height, width), resized bilinearly with antialiasing. Errors as there."""
    image, size = open_image(path), size[::-1]
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BILINEAR))


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of a file's image as `open_image` shows it; only its header is read. Errors as there."""
    with _named(path), Image.open(path) as file:
        try:
            lies = file.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)  # these exchange height and width
        except Exception:  # as in `open_image`
            lies = False
        return file.size if lies else file.size[::-1]


_size = lru_cache(maxsize=1 << 18)(image_size)


def upright(paths: Sequence[str], min_aspect: float) -> Bool[np.ndarray, " images"]:
    """Whether each image is at least `min_aspect` times as high as wide; only its header is read."""
    if not min_aspect:
        return np.ones(len(paths), bool)
    with ThreadPoolExecutor() as pool:
        return np.array([height >= min_aspect * width for height, width in pool.map(_size, paths)], bool)


def _eight_bits(values: np.ndarray, path: str | Path) -> UInt8[np.ndarray, "height width"]:
    if not np.isfinite(values).all():
        raise ImageError(path, "holds values that are no finite numbers; write it anew")
    if (limits := intensity.limits(path)) is not None:
        return intensity.to_bytes(values, *limits)
    if values.dtype.kind == "f":
        raise ImageError(path, "holds floating-point numbers without a stated range; convert it to 8 or 16 bits")
    grey = values.astype(np.int64)
    if grey.min() < 0 or grey.max() > 65535:
        raise ImageError(path, f"has brightness {grey.min()} to {grey.max()}; convert it to 8 or 16 bits")
    return ((grey * 255 + 32767) // 65535).astype(np.uint8)
