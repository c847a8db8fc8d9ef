"""Data sets with one thing wrong in their folders: refused by name, read as they are, or told; see `kinds.yaml`."""

import os
import shutil

import numpy as np
import trees
from hypothesis import strategies as st
from PIL import Image

from vireid_lib.data.check import check_dataset
from vireid_lib.data.layouts import read_dataset

ENTERS = "data set"
CAMERA_FOLDERS = {"sysu_mm01": [f"cam{number}" for number in range(1, 7)], "regdb": ["idx"], "llcm": ["test_vis/cam1"]}
CAMERA_FOLDERS |= {"market1501": ["query", "bounding_box_train", "bounding_box_test"]}


def test_kind(row, tried, tree):
    tried(row, lambda draw, folder: globals()[row["id"]](draw, folder, tree))


def _refused(name, root, *names):
    """Reading raises, and the check gives a report all the same, which is not "usable"."""

    def act():
        report = check_dataset(name, root)
        assert not report.usable and report.to_json()
        return read_dataset(name, root)

    return act, list(names)


def _told(name, root, *names, usable=True):
    def act():
        report = check_dataset(name, root)
        assert report.usable is usable
        return report.to_text()

    return act, list(names)


def _same(name, root, before):
    """The rows are as they were before, and the check calls the set usable."""

    def judge(table):
        assert table.equals(before)
        assert check_dataset(name, root).usable

    return lambda: read_dataset(name, root), judge


def _of(*names):
    """A kind that damages a whole data set, one of these or any, and says what must come of it."""
    return lambda damage: lambda draw, folder, tree: damage(draw, *tree(draw, folder, *([names] if names else [])))


def _some_image(draw, name, root):
    return draw(st.sampled_from(read_dataset(name, root)["path"].tolist()))


@_of()
def tree_is_not_unpacked(draw, name, root):
    """No such folder, the archive in its place, an empty folder."""
    shutil.rmtree(root)
    if left := draw(st.sampled_from(["", "archive", "folder"])):
        root.mkdir() if left == "folder" else root.write_bytes(b"PK\x03\x04")
    return _refused(name, root, str(root))


@_of()
def tree_lies_one_folder_deeper(draw, name, root):
    root.rename(root.parent / "inner")
    root.mkdir()
    (root.parent / "inner").rename(root / "unpacked here")
    return _refused(name, root, str(root / "unpacked here"))


@_of()
def tree_lacks_a_folder(draw, name, root):
    """It is missing, called in capitals, or a file, as git leaves a link on Windows."""
    lost, how = draw(st.sampled_from(CAMERA_FOLDERS[name])), draw(st.sampled_from(["missing", "capitals", "file"]))
    if how == "capitals":
        (root / lost).rename(root / lost.upper().replace("/", "_"))
    else:
        shutil.rmtree(root / lost)
    if how == "file":
        (root / lost).write_text(draw(st.sampled_from(["", "../elsewhere\n"])))
    return _refused(name, root, str(root), lost)


@_of("market1501")
def tree_has_odd_names(draw, name, root):
    """Neither identity nor camera, a camera that the manifest lacks, or a distractor outside of the gallery."""
    odd = ["portrait.jpg", "c1s1_1_1.png", "0002-c1.png", "样.png", "0002_c.png", "0000_c1s1_1_1.png"]
    odd += [f"0002_c{draw(st.integers(7, 10**6))}s1_1_1.png"]
    place = root / draw(st.sampled_from(["query", "bounding_box_train"])) / draw(st.sampled_from(odd))
    trees.picture(place)
    return _refused(name, root, place.name)


@_of()
def tree_has_a_broken_image(draw, name, root):
    path = _some_image(draw, name, root)
    with open(path, "wb") as file:
        file.write(draw(st.sampled_from([b"", b"<html>", b"version https://git-lfs.github.com/spec/v1", b"\0" * 99])))
    return _told(name, root, path, "NOT USABLE", "broken_images", usable=False)


@_of()
def tree_is_linked(draw, name, root):
    """Every image is a link to elsewhere, and the root is one: as clusters share a data set."""
    before = read_dataset(name, root)
    store = root.rename(root.parent / "store")
    root.symlink_to(store)
    for path in before["path"]:
        os.rename(path, f"{path}.held")
        os.symlink(f"{path}.held", path)
    return _same(name, root, before)


@_of("sysu_mm01")
def tree_has_a_person_in_one_light(draw, name, root):
    one = draw(st.sampled_from(sorted((root / "cam1").iterdir()))).name
    for camera in (3, 6):
        shutil.rmtree(root / f"cam{camera}" / one)
    return _told(name, root, f"{name}/{int(one):04d}: visible only", "one modality only")


@_of()
def tree_has_an_image_twice(draw, name, root):
    paths = read_dataset(name, root)["path"].tolist()
    one, other = draw(st.permutations(paths))[:2]
    shutil.copy(one, other)
    return _told(name, root, min(one, other) + " = " + max(one, other))


@_of()
def tree_has_odd_pictures(draw, name, root):
    """Nothing is to be seen, or they lie on their side."""
    path, flat = _some_image(draw, name, root), draw(st.booleans())
    noise = np.random.default_rng(5).integers(0, 256, (8, draw(st.integers(9, 40)), 3), np.uint8)
    grey = (draw(st.integers(0, 255)),) * 3
    (Image.new("RGB", (8, 16), grey) if flat else Image.fromarray(noise)).save(path)
    return _told(name, root, path, "almost of one brightness" if flat else "wider than high")
