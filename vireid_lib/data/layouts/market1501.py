"""Market-1501's layout: flat folders whose file names say identity and camera."""

import re

from vireid_lib.data.layouts.files import LayoutError, Row, Tree, list_images

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
FILE_NAME = re.compile(r"(-?\d+)_c(\d+)")
DRAWN = "gt_bbox"  # folder and split of the boxes that were drawn by hand

JUNK = -1
DISTRACTOR = 0


def read(tree: Tree, *, drawn: bool = False) -> list[Row]:
    """Return one row per image of the protocol's three folders, junk (identity -1) dropped; or `drawn`, of the folder
    gt_bbox, all identities of the set boxed by hand, which is no part of the protocol. DiVE's release takes its 1,011
    identities of at least 12 images from there.

    Distractors (identity 0) stay in the gallery: no query has their identity, so they can only be wrong. Raises
    LayoutError: a folder is missing, a name says no identity and camera, a distractor is outside the gallery, or the
    set has no boxes drawn by hand.
    """
    root, manifest = tree.root, tree.manifest
    forms = [form for form in ("detected", "labeled") if (root / form / FOLDERS["train"]).is_dir()]
    if forms and not (root / FOLDERS["train"]).is_dir():
        choices = " or ".join(str(root / form) for form in forms)
        raise LayoutError(f"{root} holds the data set's forms; give one of them as the root: {choices}.")
    if drawn and DRAWN not in manifest.splits:
        raise LayoutError(f"{manifest.title} has no folder {DRAWN}: set expand.splits to some of {', '.join(FOLDERS)}.")
    folders = {DRAWN: DRAWN} if drawn else FOLDERS
    tree.require(list(folders.values()))
    modality_of = {camera.number: camera.modality for camera in manifest.cameras}
    rows = []
    for split, folder in folders.items():
        for name in list_images(root / folder):
            match = FILE_NAME.match(name)
            if not match:
                raise LayoutError(f"{root / folder / name} is not named as 0002_c1s1_000451_03.jpg; remove it.")
            identity, camera = int(match[1]), int(match[2])
            if identity == JUNK:
                continue
            if identity == DISTRACTOR and split not in ("gallery", DRAWN):
                raise LayoutError(f"{root / folder / name} is a distractor outside the gallery; remove it.")
            if camera not in modality_of:
                known = ", ".join(map(str, modality_of))
                raise LayoutError(f"{root / folder / name} is of camera {camera}; the manifest has {known}: remove it.")
            rows.append(tree.row(f"{folder}/{name}", identity, camera, modality_of[camera], split))
    return rows
