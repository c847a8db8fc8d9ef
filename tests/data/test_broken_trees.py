"""Data sets and split lists with one thing wrong: refused by name, read as they are meant, or told in the report."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from remedy import REMEDY

from vireid_lib.data.check import check_dataset
from vireid_lib.data.images import load_images
from vireid_lib.data.layouts import LayoutError, read_dataset
from vireid_lib.data.text import TextError

NAMES = ["sysu_mm01", "regdb", "llcm", "market1501"]
IDS, IMAGES = "exp/test_id.txt", "idx/train_vis.txt"  # SYSU-MM01's "333,7" and LLCM's lines of path and label
LINE = "vis/0001/0001_c01_s91_f8_vis.jpg 0"  # the first of these
PAGE = "<!DOCTYPE html>\n<html><body>404</body></html>\n"


def gone(*places):
    """What removes all that fits the patterns."""

    def damage(root):
        for path in [path for place in places for path in root.glob(place)]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def in_place_of(place, make):
    def damage(root):
        gone(place)(root)
        make(root / place)

    return damage


def renamed(old, new):
    return lambda root: (root / old).rename(root / new)


def picture(place):
    return lambda root: Image.new("RGB", (8, 16), "red").save(root / place)


def text(place, change):
    """What writes a list anew: `change(its text)`, as text or as bytes."""

    def damage(root):
        new = change((root / place).read_text())
        (root / place).write_bytes(new if isinstance(new, bytes) else new.encode())

    return damage


def ids(more):
    return text(IDS, lambda held: f"{held.strip()},{more}\n")


def line(more):
    return text(IMAGES, lambda held: f"{held}\n{more}\n")


def exchanged(root):
    (root / IMAGES).rename(root / "held")
    (root / "idx/train_nir.txt").rename(root / IMAGES)
    (root / "held").rename(root / "idx/train_nir.txt")


def one_label(root):
    for file in (IMAGES, "idx/train_nir.txt"):
        text(file, lambda held: "".join(f"{each.split()[0]} 0\n" for each in held.splitlines()))(root)


REFUSED = [
    ("sysu_mm01", gone("cam3"), "cam3"),
    ("regdb", gone("idx"), "idx"),
    ("llcm", gone("test_vis/cam1"), "test_vis/cam1"),
    ("market1501", gone("query"), "query"),
    ("sysu_mm01", in_place_of("cam3", lambda path: path.write_text("../elsewhere\n")), "cam3"),  # git's link on Windows
    ("sysu_mm01", renamed("cam3", "CAM3"), "cam3"),
    ("sysu_mm01", gone("cam?/0333"), IDS),
    ("sysu_mm01", lambda root: shutil.copytree(root / "cam1/0001", root / "cam1/000001"), "000001"),
    ("sysu_mm01", in_place_of("cam1/0001", lambda path: path.write_bytes(b"")), "cam1/0001"),
    ("market1501", picture("query/portrait.jpg"), "portrait.jpg"),
    ("market1501", picture("query/0002_c7s1_1_1.png"), "0002_c7s1_1_1.png"),
    ("market1501", picture("query/0000_c1s1_1_1.png"), "0000_c1s1_1_1.png"),
    ("sysu_mm01", gone(IDS), "test_id.txt"),
    ("regdb", gone("idx/test_thermal_1.txt"), "test_thermal_1.txt"),
    ("llcm", gone(IMAGES), "train_vis.txt"),
    ("llcm", in_place_of(IMAGES, lambda path: path.mkdir()), "train_vis.txt"),
    ("llcm", in_place_of(IMAGES, lambda path: path.symlink_to("/nowhere/list.txt")), "train_vis.txt"),
    *[
        (name, text(file, lambda held, new=new: new), file.split("/")[1])
        for name, file in (("sysu_mm01", IDS), ("llcm", IMAGES))
        for new in ("", " \n\t\r\n", "\ufeff", PAGE)
    ],
    ("sysu_mm01", ids("0333"), "333"),
    *[("sysu_mm01", ids(word), repr(word)) for word in ("seven", "1.5", "0x7", "7-9", "²", "\u200b7", "nan", "1;2")],
    ("sysu_mm01", ids("-3"), "-3"),
    ("sysu_mm01", ids("7" * 5000), "test_id.txt"),
    ("sysu_mm01", ids("1234"), "1234"),
    ("sysu_mm01", ids("1"), "too"),
    ("llcm", text("idx/test_id.txt", lambda held: f"{held},1"), "test_id.txt"),
    *[
        ("llcm", line(f"{place}{LINE}"), "line 5")
        for place in ("/data/set/", "D:\\set\\", "../other/", "//server/share/")
    ],
    ("llcm", line(LINE), "already"),
    ("llcm", line(LINE.swapcase()), "0001_C01_S91_F8_VIS.JPG"),
    *[("llcm", line(bad), "line 5") for bad in (LINE.split()[0], "0", "# a comment", f"{LINE},", f"{LINE} x")],
    *[
        ("llcm", line(f"{LINE.split()[0]} {label}"), "line 5")
        for label in ("-1", "1.0", "nan", "0x1", "one", "²", "7" * 5000)
    ],
    ("llcm", text(IMAGES, lambda held: held.replace(" 0", " 9", 1)), "label"),
    ("llcm", one_label, "share label 0"),
    ("llcm", exchanged, "train"),
]


def refused(name, root, words, error=LayoutError):
    """Reading raises, and the check gives a report that names the same and calls the set not usable."""
    report = check_dataset(name, root)
    assert not report.usable and words in report.to_text() and report.to_json()
    with pytest.raises(error) as raised:
        read_dataset(name, root)
    assert words in str(raised.value) and REMEDY.search(str(raised.value)), str(raised.value)


@pytest.mark.parametrize(("name", "damage", "words"), REFUSED)
def test_what_is_wrong_is_named_by_reader_and_check(tree, name, damage, words):
    root = tree(name)
    damage(root)
    refused(name, root, words)


@pytest.mark.parametrize("name", NAMES)
def test_a_root_that_is_none_is_named(tree, tmp_path, name):
    root = tree(name)
    root.rename(tmp_path / "kept")
    refused(name, root, str(root))
    root.write_bytes(b"PK\x03\x04")
    refused(name, root, str(root))
    root.unlink()
    root.mkdir()
    refused(name, root, str(root))
    (tmp_path / "kept").rename(root / "unpacked here")
    refused(name, root, str(root / "unpacked here"))


@pytest.mark.parametrize(("name", "file"), [("sysu_mm01", IDS), ("llcm", IMAGES)])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_a_list_of_another_encoding_is_named(tree, name, file, encoding):
    root = tree(name)
    text(file, lambda held: (held + "é" * (encoding == "latin-1")).encode(encoding))(root)
    refused(name, root, "UTF-8", TextError)


def linked(root):
    for path in [*root.glob("cam*/*/*.jpg"), *root.glob("*/*.jpg"), *root.glob("test_*/cam*/*/*.jpg")]:
        path.rename(f"{path}.held")
        path.symlink_to(f"{path}.held")


def every(change):
    """What rewrites each path of LLCM's list."""
    return text(IMAGES, lambda held: "".join(change(each) + "\n" for each in held.splitlines()))


RIGHT = {
    "clutter of archives": (
        "sysu_mm01",
        lambda root: [(root / each).mkdir() for each in ("__MACOSX", ".git", "cam99")],
    ),
    "links for images": ("sysu_mm01", linked),
    "junk in the gallery": ("market1501", picture("bounding_box_test/-1_c1s1_1_1.png")),
    "line ends of Windows": ("llcm", text(IMAGES, lambda held: held.replace("\n", "\r\n"))),
    "line ends of old Macs": ("sysu_mm01", text(IDS, lambda held: held.replace("\n", "\r"))),
    "a byte-order mark": ("llcm", text(IMAGES, lambda held: b"\xef\xbb\xbf" + held.encode())),
    "backslashes": ("llcm", every(lambda each: each.replace("/", "\\"))),
    "doubled separators": ("llcm", every(lambda each: each.replace("/", "//"))),
    "dots": ("llcm", every(lambda each: f"./idx/../{each}")),
    "tabs": ("llcm", every(lambda each: each.replace(" ", "\t"))),
    "blanks between numbers": ("sysu_mm01", text(IDS, lambda held: held.replace(",", ",\t"))),
    "the root": ("llcm", lambda root: every(lambda each: f"{root}/{each}")(root)),
    **{
        f"a copy {name!r}": (
            "regdb",
            lambda root, name=name: shutil.copy(root / "idx/train_visible_1.txt", root / "idx" / name),
        )
        for name in (
            "train_visible_1 (1).txt",
            "train_visible_old.txt",
            "train_visible_1.txt.bak",
            "train_visible_1~.txt",
        )
    },
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_means_the_same_is_read_as_the_same(tree, what):
    name, change = RIGHT[what]
    root = tree(name, **({"suffix": ".jpg"} if name == "regdb" else {}))
    before = read_dataset(name, root)
    change(root)
    assert read_dataset(name, root).equals(before) and check_dataset(name, root).usable


def test_what_can_be_told_of_images_is_told(tree):
    root = tree("sysu_mm01", suffix=".png")
    Image.new("RGB", (8, 16), (9, 9, 9)).save(root / "cam1/0001/0001.png")
    in_place_of("cam1/0001/0002.png", os.mkdir)(root)
    in_place_of("cam2/0001/0001.png", lambda path: path.symlink_to("/nowhere/0001.png"))(root)
    picture("exp/0001.png")(root)
    report = check_dataset("sysu_mm01", root).to_text()
    for words in ("almost of one brightness", "0002.png", "does not exist", "exp: 1", "NOT USABLE"):
        assert words in report


@pytest.mark.parametrize("record", ["", "[]", '{"counts": [1]}', "{", '{"counts": {"all images": "many"}}'])
def test_a_worlds_broken_record_is_told(tree, record):
    root = tree("sysu_mm01", suffix=".png")
    (root / "world.json").write_text(record)
    report = check_dataset("mini_vi", root)
    assert not report.usable and "world.json" in report.to_text()


def test_a_narrow_range_of_sixteen_bits_is_shown_as_a_whole(tree):
    """Thermal images that fill a few hundred of 65,536 values."""
    root = tree("sysu_mm01", suffix=".png")
    table = read_dataset("sysu_mm01", root)
    infrared = table.loc[table["modality"] == "infrared", "path"].tolist()
    for number, path in enumerate(infrared):
        Image.fromarray(np.random.default_rng(number).integers(30_000, 30_400, (16, 8), dtype=np.uint16)).save(path)
    assert np.ptp(load_images(infrared, (16, 8), cache=None).pixels) == 255
    report = check_dataset("sysu_mm01", root).to_text()
    assert "have more than 8 bits" in report and "intensity" in report


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read_is_named(tree):
    root = tree("market1501")
    (root / "query").chmod(0o000)
    refused("market1501", root, str(root / "query"))
    (root / "query").chmod(0o755)
