"""Image files with one thing wrong: refused by name, or shown as what they are; see `kinds.yaml`."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from PIL import Image

from vireid_lib.data.decode import open_image
from vireid_lib.data.images import load_images
from vireid_lib.data.look import look

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # as decode.py does for everybody
ENTERS = "image file"
SIZE = (16, 8)
LETTERS = st.text("aZ9 ._-(ä样яΩ€😀", min_size=1, max_size=20)


def test_kind(row, tried):
    tried(row, globals()[row["id"]])


def _pixels(draw):
    """A picture that no two draws share, of smooth shades: JPEG keeps it nearly as it is."""
    corner = np.array(draw(st.tuples(*[st.integers(40, 200)] * 3)), float)
    return (corner + np.linspace(0, 40, SIZE[0])[:, None, None] + np.zeros((*SIZE, 1))).round().astype(np.uint8)


def _saved(image, kind="PNG", **about):
    held = io.BytesIO()
    image.save(held, kind, **about)
    return held.getvalue()


def _refused(folder, name="0001.jpg"):
    """The file between two good ones: refused, and found by the look that a profile's "skip" leaves images out by."""
    good = [folder / f"good{number}.png" for number in (1, 2)]
    for path in good:
        path.write_bytes(_saved(Image.new("RGB", SIZE[::-1], (9, 90, 200))))
    bad = os.path.join(folder, name)
    paths = [str(good[0]), bad, str(good[1])]

    def act():
        assert look(bad).wrong and not look(paths[0]).wrong
        return load_images(paths, SIZE, cache=None)

    return act, [bad, "broken_images"]


def _written(folder, data, name="0001.jpg"):
    (folder / name).write_bytes(data)
    return _refused(folder, name)


def _shown(folder, data, pixels, *, name="0001.png", slack=0, size=SIZE):
    """The file is decoded to these pixels, give or take, alone and in a stack."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)

    def judge(found):
        assert np.abs(np.asarray(found, int) - np.asarray(pixels, int)).max() <= slack
        assert look(path).wrong == ""

    def act():
        stack = load_images([path], size, cache=None)
        np.testing.assert_array_equal(stack[0], np.asarray(open_image(path)))
        return stack[0]

    return act, judge


def image_is_something_else(draw, folder):
    """Nothing, a web page in place of a download, a pointer of Git LFS, space that was never filled, any bytes."""
    page = draw(st.sampled_from(["<!DOCTYPE html>", "<html>", "\ufeff<!doctype html>", "\n <HTML>"]))
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    held = [b"", b"\n", f"{page}<body>{draw(LETTERS)}</body></html>".encode(), pointer.encode(), b"PK\x03\x04"]
    held += [bytes(draw(st.integers(1, 5000))), draw(st.binary(min_size=1, max_size=300))]
    return _written(folder, draw(st.sampled_from(held)))


def image_cut_short(draw, folder):
    kind = draw(st.sampled_from(["JPEG", "PNG", "BMP", "TIFF", "WEBP"]))
    noise = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    data = _saved(Image.fromarray(noise), kind)
    return _written(folder, data[: int(len(data) * draw(st.floats(0.1, 0.85)))], f"0001.{kind.lower()}")


def image_is_not_there(draw, folder):
    """Missing, a folder of its name, or a link that leads nowhere or to itself."""
    name = f"{draw(LETTERS)}.jpg"
    if (left := draw(st.sampled_from(["missing", "folder", name, "elsewhere/0001.jpg", "/nowhere/1.jpg"]))) == "folder":
        (folder / name).mkdir()
    elif left != "missing":
        (folder / name).symlink_to(left)
    return _refused(folder, name)


def image_claims_huge_dimensions(draw, folder):
    """A header of a few bytes must not take all memory."""
    width, height = draw(st.tuples(*[st.integers(30_000, 2**31 - 1)] * 2))
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in (header, rest)]
    return _written(folder, b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "0001.png")


def image_has_no_brightness(draw, folder):
    """Floating-point values of which nobody says what is white, or that are no numbers."""
    values = np.full(SIZE, draw(st.floats(-1e6, 1e6, width=32)), np.float32)
    if draw(st.booleans()):
        values[draw(st.integers(0, 15)), draw(st.integers(0, 7))] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return _written(folder, _saved(Image.fromarray(values), "TIFF"), "0001.tif")


def image_has_odd_exif(draw, folder):
    """Fields of the wrong type and of the wrong length, as cameras and tools write them."""
    pixels = _pixels(draw)
    exif = bytearray(b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", 1))
    fields = st.sampled_from([0x0112, 0x8769, 0x010F, 0x9C9B]), st.integers(0, 14), st.integers(0, 70_000)
    exif += struct.pack(">HHII", *map(draw, fields), draw(st.integers(9, 2**32 - 1)))
    return _shown(folder, _saved(Image.fromarray(pixels), "JPEG", quality=95, exif=bytes(exif)), pixels, slack=12)


def image_lies_on_its_side(draw, folder):
    pixels = _pixels(draw)
    back = {3: "ROTATE_180", 6: "ROTATE_90", 8: "ROTATE_270", 2: "FLIP_LEFT_RIGHT"}
    turn = draw(st.sampled_from(sorted(back)))
    exif = Image.Exif()
    exif[0x0112] = turn
    return _shown(folder, _saved(Image.fromarray(pixels).transpose(Image.Transpose[back[turn]]), exif=exif), pixels)


def image_has_another_mode(draw, folder):
    """Four inks, a palette, 16 bits, black and white alone, or nothing but transparency."""
    pixels, mode = _pixels(draw), draw(st.sampled_from(["CMYK", "P", "I;16", "1", "RGBA", "LA", "PA"]))
    image = Image.fromarray(pixels)
    if mode == "CMYK":
        return _shown(folder, _saved(image.convert(mode), "TIFF"), pixels, name="1.tif", slack=1)
    if mode == "P":
        return _shown(folder, _saved(image.quantize(256)), np.asarray(image.quantize(256).convert("RGB")))
    if mode == "I;16":
        value = draw(st.integers(0, 65535))
        data = _saved(Image.fromarray(np.full(SIZE, value, np.uint16)), draw(st.sampled_from(["PNG", "TIFF"])))
        return _shown(folder, data, np.full((*SIZE, 3), round(value / 257)), name="1.tif")
    if mode == "1":
        white = np.random.default_rng(draw(st.integers(0, 99))).random(SIZE) > 0.5
        kind = draw(st.sampled_from(["PNG", "TIFF", "BMP"]))
        return _shown(folder, _saved(Image.fromarray(white), kind), np.repeat(white[..., None], 3, 2) * 255)
    if mode == "PA":
        return _shown(folder, _saved(image.quantize(2), transparency=bytes([0] * 256)), np.zeros((*SIZE, 3)))
    image.putalpha(0)
    return _shown(folder, _saved(image.convert(mode)), np.zeros((*SIZE, 3)))


def image_has_an_odd_name(draw, folder):
    odd = draw(
        st.sampled_from([" ", "\n", "\t", "'", '"', "\\", "*", "?", "$(x)", "%20", "#", "&", "样", "\u202e", "\udcb8"])
    )
    name = f"{draw(LETTERS)}{odd}{draw(LETTERS)}.png"
    assume(len(os.fsencode(name)) < 200)
    pixels = _pixels(draw)
    return _shown(folder, _saved(Image.fromarray(pixels)), pixels, name=name)


def image_is_broken_and_its_name_is_not_utf8(draw, folder):
    name = os.fsdecode(b"0001\xb8" + bytes(draw(st.lists(st.integers(0x80, 0xFF), max_size=5))) + b".png")
    with open(os.path.join(folder, name), "wb") as file:
        file.write(draw(st.binary(max_size=50)))
    return _refused(folder, name)
