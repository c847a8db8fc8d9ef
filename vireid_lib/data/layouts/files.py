"""What the readers of all layouts share: listing images, reading lists of ids, and saying what is missing."""

import os
import posixpath
import re
import reprlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from vireid_lib.data.manifest import Camera, DatasetManifest
from vireid_lib.data.text import printable, read_text

# Thumbs.db, .DS_Store, notes and archives lie between the images of many copies; only these count.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
RESTORE = "restore the lists from the data set's archive."

Row = dict[str, str]


class LayoutError(ValueError):
    """A folder that is not laid out as its manifest says; names the place and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def is_image(name: str) -> bool:
    """Return whether a file's name is an image's; macOS's resource forks (`._0001.jpg`) are not."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def list_images(folder: Path) -> list[str]:
    """Return the names of the images in a folder, sorted as the released code sorts them (by code point).

    A link that leads nowhere, or a folder of an image's name, is an image that is missing, to be named when it is
    opened. Raises LayoutError if the folder cannot be read.
    """

    def may_be_opened(entry: os.DirEntry) -> bool:  # not a pipe or device, which would have us wait for ever
        return entry.is_file() or entry.is_dir() or entry.is_symlink() and not os.path.exists(entry.path)

    return [entry.name for entry in _entries(folder) if is_image(entry.name) and may_be_opened(entry)]


def _entries(folder: Path) -> list[os.DirEntry]:
    """What lies in a folder, by name."""
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise LayoutError(f"{folder} cannot be read ({error.strerror or error}): unpack it again.") from None


def _identity_folders(folder: Path) -> dict[int, Path]:
    """Return {identity: subfolder}, however its number is padded (`42`, `042`, `0042`)."""
    found: dict[int, Path] = {}
    for entry in _entries(folder):
        if entry.name.isdecimal():
            if not entry.is_dir():
                raise LayoutError(f"{folder / entry.name} is no folder of images: unpack the data set again.")
            other = found.setdefault(int(entry.name), folder / entry.name).name
            if other != entry.name:
                raise LayoutError(f"{folder}: {other} and {entry.name} are one identity; keep one.")
    return found


def _is_number(word: str) -> bool:
    """Whether it is a whole number of at most eighteen digits, which no integer type is too short for."""
    return word.isdecimal() and len(word) <= 18


def read_identities(path: Path) -> list[int]:
    """Return the identities of a comma-separated list such as `exp/test_id.txt`, ascending. Raises LayoutError: an
    entry is not a number or is there twice; TextError: the list is not UTF-8."""
    words = [word for word in re.split(r"[,\s]+", read_text(path)) if word]
    if not words:
        raise LayoutError(f"{path} lists no identity; restore it from the data set's archive.")
    for word in words:
        if not _is_number(word):
            raise LayoutError(f"{path}: {reprlib.repr(word)} is not an identity's number; separate numbers by commas.")
    identities = Counter(sorted(int(word) for word in words))
    for twice in (identity for identity, count in identities.items() if count > 1):
        raise LayoutError(f"{path} lists identity {twice} twice; remove one.")
    return list(identities)


@dataclass(frozen=True)
class Tree:
    """A data set's folder, and what its manifest says."""

    manifest: DatasetManifest
    root: Path

    def require(self, names: list[str]) -> None:
        """Check that the root holds these files (names with a suffix) and folders. Raises LayoutError: naming what is
        missing and, where the data lies one level deeper, where that is."""

        def is_there(path: Path) -> bool:
            return path.is_file() if path.suffix else path.is_dir()

        root, title = self.root, self.manifest.title
        if not root.is_dir():
            raise LayoutError(f"{root} is not a folder. To get {title}: {self.manifest.obtain}")
        for missing in (name for name in names if not is_there(root / name)):
            for child in sorted(root.iterdir()):
                if all(is_there(child / name) for name in names):
                    raise LayoutError(f"{root} does not hold {missing}, but {child} does; give that as the root.")
            raise LayoutError(f"{root} does not hold {missing}; unpack {title} there: {', '.join(names)}.")

    def row(self, path: str, identity: int, camera: int, modality: str, split: str) -> Row:
        """One row of the image table; `path` is relative to the root."""
        name = self.manifest.name
        named = {"identity": f"{name}/{identity:04d}", "camera": f"{name}/{camera}"}
        return {"path": os.path.join(self.root, *path.split("/")), **named, "modality": modality, "split": split}

    def listed_rows(
        self, split: str, lists: list[tuple[str, str, str]], identify: Callable[[str, str, str], tuple[int, int]]
    ) -> list[Row]:
        """One row per image of lists that name paths and labels, one list for each modality. Raises LayoutError: a line
        is not "path label", leads out of the root, names an image that is not on disk or that an earlier line names; a
        path says the other modality; an identity has two labels, or two share one. Raises TextError: a list is not
        UTF-8.

        Args:
            lists: name of each list, its modality, and the word for it that folders and files use, e.g. "vis".
            identify: gives identity and camera of (path, modality, name of the list).
        """
        rows, label_of, owner = [], {}, {}
        for name, modality, word in lists:
            others, file = {other for _, _, other in lists} - {word}, self.root / name
            for path, label in self._listing(name):
                identity, camera = identify(path, modality, name)
                said = set(re.split(r"[/_.]", path.lower()))
                if said & others and word not in said:  # its images would be taken for what they are not
                    raise LayoutError(f"{file} is of {word} images and lists {path}, which does not; {RESTORE}")
                # Both modalities of a person have to be one class; the lists' labels and the names on disk must agree.
                if label_of.setdefault(identity, label) != label:
                    raise LayoutError(f"{file}: {identity} has label {label} and {label_of[identity]}; {RESTORE}")
                rows.append(self.row(path, identity, camera, modality, split))
        for identity, label in label_of.items():
            if owner.setdefault(label, identity) != identity:
                raise LayoutError(f"{file}, {split}: {owner[label]} and {identity} share label {label}; {RESTORE}")
        return rows

    def _listing(self, name: str) -> list[tuple[str, int]]:
        """The (relative path, label) pairs of a list such as `idx/train_visible_1.txt`. Paths come back as they lie
        under the root, whether the list writes `./a/b`, `a\\b`, `a//b` or the root before it."""
        pairs, line_of, file = [], {}, self.root / name
        for number, line in enumerate(read_text(file).split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{file}, line {number}"
            written, label = [*line.rsplit(maxsplit=1), ""][:2]
            if not _is_number(label):
                raise LayoutError(f'{where}: {line!r} is not "relative/path label"; restore the line.')
            path = self._below(written.strip(), where)
            if not (self.root / path).is_file():
                raise LayoutError(f"{where}: {self.root / path} does not exist; unpack it again, or remove the line.")
            if line_of.setdefault(path, number) != number:
                raise LayoutError(f"{where}: {path} is in line {line_of[path]} already; remove one of the lines.")
            pairs.append((path, int(label)))
        if not pairs:
            raise LayoutError(f"{file} lists no image; restore it from the data set's archive.")
        return pairs

    def _below(self, written: str, where: str) -> str:
        """A list's path relative to the root, with `/` and without detours; other people's roots are refused."""
        path = posixpath.normpath(written.replace("\\", "/"))
        for base in (self.root, Path(os.path.realpath(self.root))):
            if Path(path).is_relative_to(base):
                path = Path(path).relative_to(base).as_posix()
        if posixpath.isabs(path) or PureWindowsPath(path).drive or path.split("/")[0] == "..":
            raise LayoutError(f"{where}: {written} leads out of {self.root}; write the path relative to that folder.")
        return path

    def camera_rows(self, base: Callable[[Camera], str], split_of: dict[int, str], lists: dict[str, str]) -> list[Row]:
        """One row per image of the listed identities, which lie as `base`(camera)/identity/image; `lists` has, for each
        split, the file that lists its identities. Raises LayoutError: two folders stand for one identity, a file lies
        in the place of one, or a listed one has no image."""
        rows, seen = [], set()
        for camera in self.manifest.cameras:
            for identity, folder in _identity_folders(self.root / base(camera)).items():
                for name in list_images(folder) if identity in split_of else ():
                    seen.add(identity)
                    path = f"{base(camera)}/{folder.name}/{name}"
                    rows.append(self.row(path, identity, camera.number, camera.modality, split_of[identity]))
        for identity in (identity for identity in split_of if identity not in seen):
            file = self.root / lists[split_of[identity]]
            raise LayoutError(f"{file} lists identity {identity} without an image; unpack it again.")
        return rows
