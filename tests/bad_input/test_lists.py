"""Split lists with one thing wrong: refused by file and line, or read as they are meant; see `kinds.yaml`."""

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
    """A data set's list, drawn from those of some kinds, before it is damaged."""

    def __init__(self, draw, folder, tree, *kinds):
        lists = {name: [each for kind in kinds for each in kind.get(name, ())] for kind in kinds for name in kind}
        self.draw = draw
        self.name, self.root = tree(draw, folder, sorted(lists))
        self.listing = draw(st.sampled_from(lists[self.name]))
        self.path = self.root / self.listing
        self.lines = self.path.read_text().splitlines()
        self.whole = read_dataset(self.name, self.root)

    def one_of(self, *options):
        return self.draw(st.sampled_from(options))

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


def _of(*kinds):
    """A kind that damages one of these lists, and says what must come of it."""
    return lambda damage: lambda draw, folder, tree: damage(_List(draw, folder, tree, *kinds))


any_list, list_of_images, list_of_identities = _of(OF_IDENTITIES, OF_IMAGES), _of(OF_IMAGES), _of(OF_IDENTITIES)


@any_list
def list_is_something_else(held):
    held.path.unlink()
    left = held.one_of("folder", "", "\n", " \n\t\r\n", "\ufeff", "<!DOCTYPE html>\n<html><body>404</body></html>\n")
    held.path.mkdir() if left == "folder" else held.path.write_text(left)
    return held.refused()


@any_list
def list_is_in_another_encoding(held):
    if encoding := held.one_of("utf-16", "utf-16-le", "utf-32", ""):
        held.path.write_text(held.path.read_text(), encoding=encoding)
    else:
        held.path.write_bytes(held.path.read_bytes() + held.one_of("é", "Ü").encode("latin-1"))
    return held.refused("UTF-8")


@any_list
def list_was_saved_by_an_editor(held):
    """With a byte-order mark, with other line ends."""
    mark, end = held.one_of(b"", b"\xef\xbb\xbf"), held.one_of(b"\n", b"\r\n", b"\r", b" \n\n")
    held.path.write_bytes(mark + held.path.read_bytes().replace(b"\n", end))
    return held.same()


@list_of_images
def list_is_written_otherwise(held):
    """With backslashes or doubled separators, from here, or in full."""
    start = held.one_of("", "./", ".\\", "idx/../", f"{held.root}/")
    held.write([start + (line if start else line.replace("/", held.one_of("\\", "//", "/./"))) for line in held.lines])
    return held.same()


@list_of_images
def list_is_written_for_elsewhere(held):
    place = held.one_of("/data/set/", "D:\\set\\", "../other/", "//server/share/")
    return held.refused(held.put(f"{place}{held.lines[0]}"))


@list_of_images
def list_repeats_a_line(held):
    return held.refused(held.put(held.one_of(*held.lines)).split()[0], "already")


@list_of_identities
def list_names_no_number(held):
    words = "seven", "1.5", "0x7", "cam1", "#7", "7-9", "²", "１x", "\u200b7", "nan", "1;2"
    word = held.one_of(*words, f"-{held.draw(st.integers(1, 99))}")
    held.write([f"{held.lines[0]},{word}"])
    return held.refused("-" if word.startswith("-") else repr(word))


@list_of_images
def list_names_an_image_that_is_not_there(held):
    path, label = held.one_of(*held.lines).split()
    lost = held.one_of(path.swapcase(), f"{path}.gz", "somewhere/1/1.png", path.replace(".", "_"))
    return held.refused(held.put(f"{lost} {label}"), lost.rsplit("/", 1)[-1])


@list_of_images
def list_has_an_odd_line(held):
    """Without a label, with more than one, with one that is no number."""
    whole = held.lines[0]
    path = whole.split()[0]
    odd = [f"{path} {label}" for label in ("-1", "1.0", "nan", "0x1", "+1", "one", "²", "1e3")]
    return held.refused(held.put(held.one_of(path, "0", "# a comment", f"{whole},", f"{whole} x", *odd)))


@list_of_images
def list_gives_a_person_two_labels(held):
    held.write([held.lines[0].rsplit(" ", 1)[0] + f" {held.draw(st.integers(7, 99))}", *held.lines[1:]])
    return held.refused("label")[0], ["label", str(held.root)]


@list_of_images
def list_is_another_lights(held):
    """The two lists of a split are exchanged: every image would be of the other modality."""
    lights = ("visible", "thermal") if held.name == "regdb" else ("vis", "nir")
    split = held.path.name.split("_")[0]
    one, other = (held.path.parent / held.path.name.replace(held.path.stem.split("_")[1], light) for light in lights)
    text = one.read_text()
    one.write_text(other.read_text())
    other.write_text(text)
    return held.refused(split)[0], [split, "archive"]


@any_list
def list_has_somebody_in_training_and_test(held):
    if held.name == "sysu_mm01":
        other = held.one_of(*(each for each in OF_IDENTITIES["sysu_mm01"] if each != held.listing))
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
