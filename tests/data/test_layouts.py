"""The readers, on trees laid out as the real data sets are, and what they say about broken ones."""

import pytest

from vireid_lib.data.layouts import LayoutError, read_dataset
from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.tables import camera_numbers, test_rows, training_rows, validate


def ids(table):
    return sorted({identity.split("/")[1] for identity in table["identity"]})


@pytest.mark.parametrize("name", ["sysu_mm01", "regdb", "llcm", "market1501"])
def test_every_layout_gives_a_valid_table_sorted_by_path(tree, name):
    root = tree(name)
    table = read_dataset(name, root)
    validate(table, name)
    assert table["path"].is_monotonic_increasing
    assert all(path.startswith(str(root)) for path in table["path"])
    assert (table["source"] == "real").all() and table["seed"].isna().all()
    assert table.equals(read_dataset(load_manifest(name), str(root)))
    assert len(training_rows(table)) + len(test_rows(table)) == len(table)


@pytest.mark.parametrize(("form", "suffix"), [("{:04d}", ".jpg"), ("{:03d}", ".JPG"), ("{}", ".bmp")])
def test_sysu(tree, form, suffix):
    table = read_dataset("sysu_mm01", tree("sysu_mm01", form=form, suffix=suffix))
    assert len(table) == 3 * (6 + 2 + 2 + 6 + 2)
    splits = {split: ids(rows) for split, rows in table.groupby("split")}
    assert splits == {"train": ["0001", "0002"], "val": ["0012"], "test": ["0007", "0333"]}
    assert set(camera_numbers(table[table["modality"] == "infrared"])) == {3, 6}
    assert set(table["camera"]) == {f"sysu_mm01/{number}" for number in range(1, 7)}
    assert ids(training_rows(table)) == ["0001", "0002", "0012"] and ids(test_rows(table)) == ["0007", "0333"]


@pytest.mark.parametrize("suffix", [".bmp", ".png"])
def test_regdb_reads_the_split_of_the_trial(tree, suffix):
    root = tree("regdb", suffix=suffix)
    first, second = (read_dataset("regdb", root, trial=trial) for trial in (1, 2))
    assert ids(training_rows(first)) == ["0001", "0002"] and ids(test_rows(first)) == ["0003", "0004"]
    assert ids(training_rows(second)) == ["0002", "0003"] and ids(test_rows(second)) == ["0001", "0004"]
    assert first["path"].equals(second["path"])
    number = {modality: set(camera_numbers(rows)) for modality, rows in first.groupby("modality")}
    assert number == {"visible": {1}, "infrared": {2}}


def test_llcm(tree):
    table = read_dataset("llcm", tree("llcm"))
    training, test = training_rows(table), test_rows(table)
    assert ids(training) == ["0001", "0003"] and ids(test) == ["0005", "0012"]
    assert len(training) == 8
    numbers = {modality: sorted(set(camera_numbers(rows).tolist())) for modality, rows in test.groupby("modality")}
    # No infrared from camera 3 in the protocol, though files lie there.
    assert numbers == {"visible": [1, 2, 3, 5], "infrared": [1, 2, 5]}


def test_market(tree):
    table = read_dataset("market1501", tree("market1501"))
    assert ids(table[table["split"] == "train"]) == ["0002", "0007"]
    assert ids(table[table["split"] == "query"]) == ["0010"]
    assert ids(table[table["split"] == "gallery"]) == ["0000", "0010"]
    assert len(table) == 3 + 1 + 3
    assert set(table["modality"]) == {"visible"} and set(camera_numbers(table)) == {1, 2}


def test_market_s_hand_drawn_boxes_are_read_on_request(tree):
    root = tree("market1501")
    names = ["0002_c1s1_000451_00.jpg", "0002_c6s1_000452_00.jpg", "0010_c1s1_001001_00.jpg"]
    for name in (*names[:2], "-1_c1s1_000401_03.jpg"):
        (root / "gt_bbox" / name).write_bytes(b"")
    for folder in ("bounding_box_train", "query", "bounding_box_test"):
        (root / folder).rename(root.parent / folder)
    table = read_dataset("market1501", root, drawn=True)
    assert set(table["split"]) == {"gt_bbox"} and ids(table) == ["0002", "0010"]
    assert table["path"].tolist() == [f"{root}/gt_bbox/{name}" for name in names]
    assert set(camera_numbers(table)) == {1, 6} and training_rows(table).empty and test_rows(table).empty
    (root / "gt_bbox").rename(root.parent / "gt_bbox")
    with pytest.raises(LayoutError, match="does not hold gt_bbox; unpack Market-1501 there: gt_bbox"):
        read_dataset("market1501", root, drawn=True)


def test_cuhk03_np_wants_one_of_its_forms(tree, tmp_path):
    tree("market1501", suffix=".png").rename(tmp_path / "detected")
    with pytest.raises(LayoutError, match="holds the data set's forms.*detected"):
        read_dataset("cuhk03_np", tmp_path)
    table = read_dataset("cuhk03_np", tmp_path / "detected")
    assert set(table["identity"]) >= {"cuhk03_np/0002", "cuhk03_np/0010"}
