"""One image file to 8-bit RGB at a wanted size, whatever the file's kind; broken files are named."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

# Part of the cache's key: raise it whenever `decode` gives other pixels for the same file.
VERSION = 1


class ImageError(ValueError):
    """An image that cannot be used; the message names its path and what is wrong with it."""


def open_image(path: str | Path) -> Image.Image:
    """Return a file's image, upright and fully decoded, as an 8-bit RGB picture of its own size.

    Greyscale is repeated in three channels; 16-bit greyscale keeps its full range (65535 becomes 255); CMYK
    and palettes are converted; transparent pixels are laid on black; the EXIF rotation is carried out.

    Raises:
        ImageError: the file is missing, empty, truncated, no image, or of a kind without a fixed range of
            brightness (32-bit integers beyond 65535, floating point).
    """
    try:
        with Image.open(path) as file:
            file.load()
            return _to_rgb(ImageOps.exif_transpose(file))
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist") from None
    except UnidentifiedImageError:
        empty = Path(path).stat().st_size == 0
        raise ImageError(f"{path} is {'empty' if empty else 'not an image'}") from None
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        # What Pillow's decoders raise for broken files, by format.
        raise ImageError(f"{path} cannot be decoded: {error}") from None


def decode(path: str | Path, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """Return a file's pixels at `size` = (height, width), resized bilinearly with antialiasing.

    Raises:
        ImageError: as `open_image`.
    """
    height, width = size
    image = open_image(path)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ImageError(f"has brightness {grey.min()} to {grey.max()}; convert it to 8 or 16 bits")
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageError("holds floating-point numbers without a stated range; convert it to 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image).convert("RGB")
    return image.convert("RGB")
