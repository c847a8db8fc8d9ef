"""Split lists with one thing wrong: refused by file and line, or read as they are meant; see `kinds.yaml`."""

import os
import shutil

from hypothesis import strategies as st

from vireid_lib.data.check import check_dataset
from vireid_lib.data.layouts import read_dataset

ENTERS = "split list"
OF_IDENTITIES = {"sysu_mm01": ["exp/train_id.txt", "exp/val_id.txt", "exp/test_id.txt"], "llcm": ["idx/test_id.txt"]}
OF_IMAGES = {
    "regdb": [f"idx/{split}_{light}_1.txt" for split in ("train", "test") for light in ("visible", "thermal")],
    "llcm": ["idx/train_vis.txt", "idx/train_nir.txt"],
}


def test_kind(row, tried, tree):
    tried(row, lambda draw, folder: globals()[row["id"]](draw, folder, tree))


class _List:
    """A data set's list, drawn from those of some kinds."""

    def __init__(self, draw, folder, tree, *kinds):
        lists = {name: [each for kind in kinds for each in kind.get(name, ())] for kind in kinds for name in kind}
        self.draw = draw
        self.name, self.root = tree(draw, folder, sorted(lists))
        self.listing = draw(st.sampled_from(lists[self.name]))
        self.path = self.root / self.listing
        self.lines = self.path.read_text().splitlines()
        self.whole = read_dataset(self.name, self.root)

    def write(self, lines):
        self.path.write_text("".join(f"{line}\n" for line in lines))

    def refused(self, *names):
        """Reading raises, and the check gives a report that names the same."""

        def act():
            report = check_dataset(self.name, self.root)
            assert not report.usable and all(name in report.to_text() for name in names)
            return read_dataset(self.name, self.root)

        return act, [self.path.name, *names]

    def same(self):
        def judge(table):
            assert table.equals(self.whole)

        return lambda: read_dataset(self.name, self.root), judge

    def put(self, line):
        """Add a line of images' lists at a drawn place; return its number."""
        place = self.draw(st.integers(0, len(self.lines)))
        self.write([*self.lines[:place], line, *self.lines[place:]])
        return f"line {place + 1}"


def _any(draw, folder, tree):
    return _List(draw, folder, tree, OF_IDENTITIES, OF_IMAGES)


def _images(draw, folder, tree):
    return _List(draw, folder, tree, OF_IMAGES)


def _identities(draw, folder, tree):
    return _List(draw, folder, tree, OF_IDENTITIES)


def list_is_missing(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.unlink()
    # without training lists RegDB has no trial
    return held.refused() if held.listing != "idx/train_visible_1.txt" else (held.refused()[0], ["idx"])


def list_is_empty(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_text(draw(st.sampled_from(["", "\n", " \n\t\r\n", "\ufeff"])))
    return held.refused()


def list_is_a_folder(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.unlink()
    held.path.mkdir()
    return held.refused()


def list_is_a_web_page(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_text("<!DOCTYPE html>\n<html><body>404</body></html>\n")
    return held.refused()


def list_is_in_utf16(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_text(held.path.read_text(), encoding=draw(st.sampled_from(["utf-16", "utf-16-le", "utf-32"])))
    return held.refused("UTF-8")


def list_is_in_another_encoding(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_bytes(held.path.read_bytes() + draw(st.sampled_from(["é", "Ü"])).encode("latin-1"))
    return held.refused("UTF-8")


def list_has_windows_line_ends(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_bytes(held.path.read_bytes().replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r", b" \n\n"]))))
    return held.same()


def list_has_a_byte_order_mark(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.write_bytes(b"\xef\xbb\xbf" + held.path.read_bytes())
    return held.same()


def list_is_written_with_backslashes(draw, folder, tree):
    held = _images(draw, folder, tree)
    held.write([line.replace("/", draw(st.sampled_from(["\\", "//", "/./"]))) for line in held.lines])
    return held.same()


def list_is_written_from_here(draw, folder, tree):
    held = _images(draw, folder, tree)
    held.write([draw(st.sampled_from(["./", ".\\", "idx/../"])) + line for line in held.lines])
    return held.same()


def list_is_written_in_full(draw, folder, tree):
    held = _images(draw, folder, tree)
    held.write([f"{held.root}/{line}" for line in held.lines])
    return held.same()


def list_is_written_for_elsewhere(draw, folder, tree):
    held = _images(draw, folder, tree)
    place = draw(st.sampled_from(["/data/set/", "D:\\set\\", "../other/", "//server/share/"]))
    return held.refused(held.put(f"{place}{held.lines[0]}"))


def list_is_separated_otherwise(draw, folder, tree):
    """Tabs and several spaces between path and label; in lists of identities, spaces and line ends for commas."""
    held = _any(draw, folder, tree)
    old = "," if "," in held.path.read_text() or "_id" in held.listing else " "
    held.write([line.replace(old, draw(st.sampled_from([f"{old}\t", "  ", "\t"]))) for line in held.lines])
    if old == " ":
        held.write([line.replace(" ", "\t") for line in held.lines])
    return held.same()


def list_repeats_a_line(draw, folder, tree):
    held = _images(draw, folder, tree)
    return held.refused(held.put(draw(st.sampled_from(held.lines))).split()[0], "already")


def list_repeats_a_number(draw, folder, tree):
    held = _identities(draw, folder, tree)
    one = draw(st.sampled_from(held.lines[0].split(",")))
    held.write([f"{held.lines[0]},{draw(st.sampled_from(['', '0', '000']))}{one}"])
    return held.refused(one)


def list_names_no_number(draw, folder, tree):
    held = _identities(draw, folder, tree)
    word = draw(st.sampled_from(["seven", "1.5", "0x7", "cam1", "#7", "7-9", "²", "１x", "\u200b7", "nan", "1;2"]))
    held.write([f"{held.lines[0]},{word}"])
    return held.refused(repr(word))


def list_names_a_negative_number(draw, folder, tree):
    held = _identities(draw, folder, tree)
    held.write([f"{held.lines[0]},-{draw(st.integers(1, 99))}"])
    return held.refused("-")


def list_names_a_number_beyond_measure(draw, folder, tree):
    held = _any(draw, folder, tree)
    number = draw(st.sampled_from("123456789")) * draw(st.integers(4301, 6000))
    if "_id" in held.listing:
        held.write([f"{held.lines[0]},{number}"])
    else:
        held.write([f"{held.lines[0].rsplit(' ', 1)[0]} {number}", *held.lines[1:]])
    return held.refused()


def list_names_somebody_who_is_not_there(draw, folder, tree):
    held = _identities(draw, folder, tree)
    one = draw(st.integers(1000, 10**9))
    held.write([f"{held.lines[0]},{one}"])
    return held.refused(str(one))


def list_names_an_image_that_is_not_there(draw, folder, tree):
    held = _images(draw, folder, tree)
    path, label = draw(st.sampled_from(held.lines)).split()
    lost = draw(st.sampled_from([path.swapcase(), f"{path}.gz", "somewhere/1/1.png", path.replace(".", "_")]))
    return held.refused(held.put(f"{lost} {label}"), lost.rsplit("/", 1)[-1])


def list_has_a_line_without_label(draw, folder, tree):
    held = _images(draw, folder, tree)
    whole = held.lines[0]
    line = draw(st.sampled_from([whole.split()[0], "0", "# a comment", f"{whole},", f"{whole} x"]))
    return held.refused(held.put(line))


def list_has_an_odd_label(draw, folder, tree):
    held = _images(draw, folder, tree)
    label = draw(st.sampled_from(["-1", "1.0", "nan", "0x1", "+1", "one", "²", "1e3"]))
    return held.refused(held.put(f"{held.lines[0].split()[0]} {label}"))


def list_gives_a_person_two_labels(draw, folder, tree):
    held = _images(draw, folder, tree)
    held.write([held.lines[0].rsplit(" ", 1)[0] + f" {draw(st.integers(7, 99))}", *held.lines[1:]])
    return held.refused("label")[0], ["label", str(held.root)]


def list_gives_two_people_one_label(draw, folder, tree):
    """In both lights, so that nobody has two."""
    held = _images(draw, folder, tree)
    split = held.path.name.split("_")[0]
    for path in held.path.parent.glob(f"{split}_*"):
        if path.name != "test_id.txt":
            path.write_text("".join(f"{line.rsplit(' ', 1)[0]} 0\n" for line in path.read_text().splitlines()))
    return held.refused("share label")[0], ["share label 0", str(held.root)]


def list_is_another_lights(draw, folder, tree):
    """The two lists of a split are exchanged: every image would be of the other modality."""
    held = _images(draw, folder, tree)
    lights = ("visible", "thermal") if held.name == "regdb" else ("vis", "nir")
    split = held.path.name.split("_")[0]
    one, other = (held.path.parent / held.path.name.replace(held.path.stem.split("_")[1], light) for light in lights)
    text = one.read_text()
    one.write_text(other.read_text())
    other.write_text(text)
    return held.refused(split)[0], [split, "archive"]


def list_has_somebody_in_training_and_test(draw, folder, tree):
    held = _any(draw, folder, tree)
    if held.name == "sysu_mm01":
        other = draw(st.sampled_from([each for each in OF_IDENTITIES["sysu_mm01"] if each != held.listing]))
        one = (held.root / other).read_text().strip().split(",")[0]
        held.write([f"{held.lines[0]},{one}"])
        return held.refused(one)[0], [one, "too"]
    if held.name == "llcm":
        one = str(int((held.root / "idx/train_vis.txt").read_text().split("/")[1]))
        (held.root / "idx/test_id.txt").write_text(one)
        return held.refused(one)[0], [one, "test_id.txt"]
    for light in ("visible", "thermal"):
        shutil.copy(held.root / f"idx/train_{light}_1.txt", held.root / f"idx/test_{light}_1.txt")
    one = held.lines[0].split("/")[1]
    return held.refused("training and")[0], ["training and", str(held.root)]


def list_lies_beside_copies(draw, folder, tree):
    """What editors and browsers leave beside RegDB's lists are no trials."""
    held = _List(draw, folder, tree, {"regdb": ["idx/train_visible_1.txt"]})
    copies = [
        "train_visible_1 (1).txt",
        "train_visible_1 - Kopie.txt",
        "train_visible_old.txt",
        "train_visible_.txt",
        "train_visible_1.txt.bak",
        "train_visible_².txt",
        "train_visible_1~.txt",
    ]
    shutil.copy(held.path, held.path.with_name(draw(st.sampled_from(copies))))
    act, judge = held.same()

    def checked():
        assert check_dataset(held.name, held.root).usable
        return act()

    return checked, judge


def list_is_a_dangling_link(draw, folder, tree):
    held = _any(draw, folder, tree)
    held.path.unlink()
    os.symlink("/nowhere/list.txt", held.path)
    return held.refused()[0], ["idx"] if held.listing == "idx/train_visible_1.txt" else [held.path.name]
