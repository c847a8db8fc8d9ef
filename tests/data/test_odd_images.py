"""Image files with one thing wrong: refused by name, or shown as what they are."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from remedy import REMEDY

from vireid_lib.data.decode import ImageError, open_image
from vireid_lib.data.images import load_images
from vireid_lib.data.look import look

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # as decode.py does for everybody
SIZE = (16, 8)
PIXELS = (np.array([60, 120, 180]) + np.linspace(0, 40, 16)[:, None, None] + np.zeros((16, 8, 1))).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)  # of smooth shades: JPEG keeps it nearly as it is


def saved(image, kind="PNG", **about):
    held = io.BytesIO()
    image.save(held, kind, **about)
    return held.getvalue()


def png(*chunks):
    packed = [struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff_of_nonsense(seed):
    """A directory of fields that contradict each other."""
    held, out = ImageFileDirectory_v2(), io.BytesIO()
    for tag, value in zip(
        (256, 257, 258, 259, 262, 273, 277, 278, 279),
        np.random.default_rng(seed).integers(0, 65_536, 9).tolist(),
        strict=True,
    ):
        held[tag] = value
    out.write(b"II*\0\x08\0\0\0")
    held.save(out)
    return out.getvalue()


def floats(value):
    values = np.ones(SIZE, np.float32)
    values[3, 4] = value
    return saved(Image.fromarray(values), "TIFF")


def commented(data):
    """With a compressed comment that would take more memory than the picture a thousand times over."""
    end, text = data.rindex(b"IDAT") - 4, b"zTXt" + b"Comment\0\0" + zlib.compress(bytes(9_000_000))
    return data[:end] + png(text)[8:] + data[end:]


HUGE = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 2**31 - 1, 8, 2, 0, 0, 0)
REFUSED = {
    "empty": b"",
    "a line end": b"\n",
    "a web page": b"\n <!doctype html><body></body></html>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "zeros": bytes(5000),
    "an archive": b"PK\x03\x04" + NOISE.tobytes()[:200],
    "any bytes": NOISE.tobytes()[:300],
    **{f"{kind}, cut": saved(Image.fromarray(NOISE), kind)[:-300] for kind in ("JPEG", "PNG", "BMP", "TIFF", "WEBP")},
    "gigapixels": png(HUGE, b"IDAT" + zlib.compress(bytes(100))),
    "floating point without a range": saved(Image.fromarray(np.full(SIZE, 7.5, np.float32)), "TIFF"),
    **{f"{value} as a brightness": floats(value) for value in (np.nan, np.inf)},
    "a text beyond measure": commented(saved(PICTURE)),
    **{f"TIFF of nonsense {seed}": tiff_of_nonsense(seed) for seed in range(8)},
}


def refused(folder, bad):
    """The file between two good ones: refused, and found by the look that a profile's "skip" leaves images out by."""
    good = [str(folder / f"good{number}.png") for number in (1, 2)]
    for path in good:
        PICTURE.save(path)
    assert look(bad).wrong and not look(good[0]).wrong
    with pytest.raises(ImageError, match="broken_images") as error:
        load_images([good[0], bad, good[1]], SIZE, cache=None)
    assert os.fsencode(bad).decode(errors="backslashreplace") in str(error.value) and REMEDY.search(str(error.value))


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_image_is_refused_by_name(what, tmp_path):
    for name in (b"0001.jpg", b"0001\xb8.png"):  # the second is not UTF-8
        bad = os.path.join(str(tmp_path), os.fsdecode(name))
        with open(bad, "wb") as file:
            file.write(REFUSED[what])
        refused(tmp_path, bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("/no/1.jpg"),
    ],
)
def test_what_is_no_file_is_refused_by_name(make, tmp_path):
    make(tmp_path / "0001.jpg")
    refused(tmp_path, str(tmp_path / "0001.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path):
    PICTURE.save(tmp_path / "0001.png")
    (tmp_path / "0001.png").chmod(0o000)
    refused(tmp_path, str(tmp_path / "0001.png"))


def exif(orientation=None, field=None):
    if field:  # of the wrong type, length and place, as cameras and tools write them
        return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHII", 1, *field)
    held = Image.Exif()
    held[0x0112] = orientation
    return held


TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 2: Image.Transpose.FLIP_LEFT_RIGHT}
INDEXED, WHITE = PICTURE.quantize(256), NOISE[..., 0] > 128
CLEAR = PICTURE.convert("RGBA")
CLEAR.putalpha(0)
LOSSLESS = {"WEBP": {"lossless": True}}
SHOWN = {  # (file, the pixels that it shows, by how much they may differ)
    **{
        f"{kind} called otherwise": (saved(PICTURE, kind, **LOSSLESS.get(kind, {})), PIXELS, 0)
        for kind in ("PNG", "BMP", "TIFF", "WEBP")
    },
    **{
        f"EXIF field {field}": (saved(PICTURE, "JPEG", quality=95, exif=exif(field=field)), PIXELS, 12)
        for field in ((0x0112, 14, 70_000, 2**32 - 1), (0x8769, 0, 9, 9), (0x010F, 2, 60_000, 12), (0x9C9B, 7, 0, 5000))
    },
    **{
        f"turned {number}": (saved(PICTURE.transpose(turn), exif=exif(number)), PIXELS, 0)
        for number, turn in TURNS.items()
    },
    "CMYK": (saved(PICTURE.convert("CMYK"), "TIFF"), PIXELS, 1),
    "a palette": (saved(INDEXED), np.asarray(INDEXED.convert("RGB")), 0),
    "transparent": (saved(CLEAR), PIXELS * 0, 0),
    "transparent grey": (saved(CLEAR.convert("LA")), PIXELS * 0, 0),
    "a transparent palette": (saved(PICTURE.quantize(2), transparency=bytes(256)), PIXELS * 0, 0),
    **{
        f"one bit, {kind}": (saved(Image.fromarray(WHITE), kind), np.repeat(WHITE[..., None], 3, 2) * 255, 0)
        for kind in ("PNG", "TIFF", "BMP")
    },
    **{
        f"sixteen bits, {kind}": (
            saved(Image.fromarray(np.full(SIZE, 30_000, np.uint16)), kind),
            np.full(PIXELS.shape, 117),
            0,
        )
        for kind in ("PNG", "TIFF")
    },
    **{
        f"animated {kind}": (
            saved(
                PICTURE, kind, save_all=True, append_images=[Image.fromarray(255 - PIXELS)], **LOSSLESS.get(kind, {})
            ),
            PIXELS,
            0,
        )
        for kind in ("PNG", "TIFF", "WEBP")
    },
    "more behind its end": (saved(PICTURE) + b"\0more", PIXELS, 0),
    "profile and comment of nonsense": (
        saved(PICTURE, "JPEG", quality=95, icc_profile=b"\xff\0nonsense", comment=b"\xe9\xff"),
        PIXELS,
        12,
    ),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_is_an_image_is_shown_as_it_is(what, tmp_path):
    data, pixels, slack = SHOWN[what]
    (tmp_path / "1.jpg").write_bytes(data)
    shown(str(tmp_path / "1.jpg"), pixels, slack)


def shown(path, pixels, slack=0):
    """Decoded to these pixels, alone and in a stack."""
    found = load_images([path], SIZE, cache=None).pixels[0]
    np.testing.assert_array_equal(found, np.asarray(open_image(path)))
    assert np.abs(found.astype(int) - np.asarray(pixels, int)).max() <= slack and look(path).wrong == ""


@pytest.mark.parametrize("odd", [*" \n\t'\"\\*?#&样\u202e", "$(x)", "%20", "\udcb8", "€😀"])
def test_any_name_is_read(odd, tmp_path):
    path = os.path.join(str(tmp_path), f"a{odd}b.png")
    with open(path, "wb") as file:
        file.write(saved(PICTURE))
    shown(path, PIXELS)
