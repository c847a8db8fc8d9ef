"""The image table's schema at the border, and what is computed from a table."""

import shutil

import numpy as np
import pandas as pd

from vireid_lib.data import tables
from vireid_lib.data.layouts import read_dataset


def made(rows=3, **columns):
    named = {"path": [f"/data/a/{row}.png" for row in range(rows)], "identity": [f"m/{row:04d}" for row in range(rows)]}
    same = {"camera": "mini_vi/3", "modality": "infrared", "split": "train", "source": "real", "seed": pd.NA}
    return pd.DataFrame(named | same).assign(**columns)


def test_validation_gives_canonical_order_types_and_rows():
    shuffled = made()[list(reversed(tables.COLUMNS))].iloc[::-1]
    table = tables.validate(shuffled, "here")
    assert tuple(table.columns) == tables.COLUMNS
    assert table.index.tolist() == [0, 1, 2]
    assert table["seed"].dtype == "Int64"
    assert table["path"].tolist() == ["/data/a/2.png", "/data/a/1.png", "/data/a/0.png"]
    pd.testing.assert_frame_equal(table, tables.validate(table, "here"))


def test_cameras_and_labels():
    table = made(identity=["b/0002", "a/0009", "b/0002"], camera=["b/6", "a/10", "b/6"])
    numbers = tables.camera_numbers(table)
    assert numbers.dtype == np.int64 and numbers.tolist() == [6, 10, 6]
    labels, names = tables.identity_labels(table)
    assert labels.dtype == np.int64 and labels.tolist() == [1, 0, 1]
    assert names == ["a/0009", "b/0002"]


def test_the_digest_survives_a_move_and_sees_every_change(tree, tmp_path):
    root = tree("market1501")
    table = read_dataset("market1501", root)
    digest = tables.digest(table)
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    moved = read_dataset("market1501", copy)
    assert tables.digest(moved) == digest == tables.digest(moved, cache=tmp_path / "cache")
    assert tables.digest(table.iloc[::-1].reset_index(drop=True)) != digest
    relabelled = table.assign(split="train")
    assert tables.digest(relabelled) != digest
    with open(moved["path"][2], "ab") as file:
        file.write(b"\0")
    assert tables.digest(moved) != digest


def test_a_saved_table_moves_with_its_folder(tree, tmp_path):
    root = tree("market1501")
    inside = read_dataset("market1501", root)
    elsewhere = made(identity="NA/0001", source="dive", seed=[2**62 + 1, pd.NA, -5])
    table = tables.concat(inside, elsewhere)
    tables.save(table, root / "table.csv")
    pd.testing.assert_frame_equal(tables.load(root / "table.csv"), table)
    root.rename(tmp_path / "moved")
    loaded = tables.load(tmp_path / "moved/table.csv")
    assert loaded["path"][0].startswith(str(tmp_path / "moved"))
    assert loaded["path"].tolist()[-3:] == elsewhere["path"].tolist()
