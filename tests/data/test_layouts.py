"""The readers, on trees laid out as the real data sets are, and what they say about broken ones."""

import os

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
    assert {split: ids(rows) for split, rows in table.groupby("split")} == {
        "train": ["0001", "0002"],
        "val": ["0012"],
        "test": ["0007", "0333"],
    }
    infrared = table[table["modality"] == "infrared"]
    assert set(camera_numbers(infrared)) == {3, 6}
    assert set(camera_numbers(table)) == {1, 2, 3, 4, 5, 6}
    assert set(table["camera"]) == {f"sysu_mm01/{number}" for number in range(1, 7)}
    assert ids(training_rows(table)) == ["0001", "0002", "0012"]
    assert ids(test_rows(table)) == ["0007", "0333"]


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
    for name in ("0002_c1s1_000451_00.jpg", "0002_c6s1_000452_00.jpg", "-1_c1s1_000401_03.jpg"):
        (root / "gt_bbox" / name).write_bytes(b"")
    for folder in ("bounding_box_train", "query", "bounding_box_test"):
        (root / folder).rename(root.parent / folder)
    table = read_dataset("market1501", root, drawn=True)
    assert set(table["split"]) == {"gt_bbox"} and ids(table) == ["0002", "0010"]
    assert [path.removeprefix(f"{root}/") for path in table["path"]] == [
        "gt_bbox/0002_c1s1_000451_00.jpg",
        "gt_bbox/0002_c6s1_000452_00.jpg",
        "gt_bbox/0010_c1s1_001001_00.jpg",
    ]
    assert set(camera_numbers(table)) == {1, 6} and training_rows(table).empty and test_rows(table).empty
    (root / "gt_bbox").rename(root.parent / "gt_bbox")
    with pytest.raises(LayoutError, match="does not hold gt_bbox; a root of Market-1501 holds gt_bbox"):
        read_dataset("market1501", root, drawn=True)


def test_sets_without_hand_drawn_boxes_say_so(tree, tmp_path):
    tree("market1501", suffix=".png").rename(tmp_path / "detected")
    with pytest.raises(LayoutError, match="CUHK03-NP has no folder gt_bbox .* set expand.splits to parts that it has"):
        read_dataset("cuhk03_np", tmp_path / "detected", drawn=True)
    with pytest.raises(LayoutError, match="sysu_mm01 has no folder gt_bbox, as Market-1501 has; leave `drawn` out"):
        read_dataset("sysu_mm01", tree("sysu_mm01"), drawn=True)


def test_cuhk03_np_wants_one_of_its_forms(tree, tmp_path):
    tree("market1501", suffix=".png").rename(tmp_path / "detected")
    with pytest.raises(LayoutError, match="holds the data set's forms.*detected"):
        read_dataset("cuhk03_np", tmp_path)
    table = read_dataset("cuhk03_np", tmp_path / "detected")
    assert set(table["identity"]) >= {"cuhk03_np/0002", "cuhk03_np/0010"}


def test_a_root_that_is_not_there_says_how_to_get_the_data(tmp_path):
    with pytest.raises(LayoutError, match="nowhere is not a folder. To get SYSU-MM01: Sign the release"):
        read_dataset("sysu_mm01", tmp_path / "nowhere")


def test_a_root_one_level_too_high_is_told(tree):
    root = tree("sysu_mm01")
    with pytest.raises(LayoutError, match=f"but {root} does; give that as the root"):
        read_dataset("sysu_mm01", root.parent)


def test_only_regdb_has_trials(tree):
    with pytest.raises(LayoutError, match="there is no trial 2; leave `trial` out"):
        read_dataset("sysu_mm01", tree("sysu_mm01"), trial=2)
    with pytest.raises(LayoutError, match="no lists for trial 11; it has 1, 2"):
        read_dataset("regdb", tree("regdb"), trial=11)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("exp/test_id.txt", "333,7,8\n", "test_id.txt lists identity 8, but no camera has an image"),
        ("exp/val_id.txt", "12,7", "test_id.txt: identity 7 is in exp/val_id.txt too"),
        ("exp/val_id.txt", "12,seven", "val_id.txt: 'seven' is not an identity's number"),
        ("exp/val_id.txt", "12, 12", "val_id.txt lists identity 12 twice"),
        ("exp/val_id.txt", "\n", "val_id.txt lists no identity"),
        ("cam1/001/0001.jpg", "", "0001 and 001 are both identity 1; keep one"),
        ("cam4", None, "does not hold cam4; a root of SYSU-MM01 holds cam1, cam2"),
    ],
)
def test_sysu_damage_is_named(tree, file, text, message):
    root = tree("sysu_mm01")
    if text is None:
        (root / file).rename(root / "elsewhere")
    else:
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).write_text(text)
    with pytest.raises(LayoutError, match=message):
        read_dataset("sysu_mm01", root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Visible/9/x.bmp 0", r"train_visible_1.txt, line 5: .*9/x.bmp does not exist"),
        ("Visible/1", "line 5: 'Visible/1' is not \"relative/path label\""),
        ("Visible/2/strange.bmp 0", "identity 2 has label 0 here and 1 elsewhere"),
        (r".\Visible\2\male_front_v_07_2.bmp 1", "line 5: Visible/2/male_front_v_07_2.bmp is listed in line 3"),
        ("../regdb/../other/1/x.bmp 0", "line 5: ../regdb/../other/1/x.bmp leads out of .*; write the path"),
        ("/data/RegDB/Visible/1/x.bmp 0", "line 5: /data/RegDB/Visible/1/x.bmp leads out of"),
        (r"D:\RegDB\Visible\1\x.bmp 0", "line 5: .*leads out of"),
        ("Visible/3/male_front_v_07_3.bmp 1", "identities 2 and 3 share label 1"),
        ("Visible/3/male_front_v_07_3.bmp 2", "regdb/0003 is in the training and in the test lists"),
        ("Visible/strange.bmp 0", "the folder of Visible/strange.bmp is not an identity's number"),
    ],
)
def test_regdb_damage_is_named(tree, line, message):
    root = tree("regdb")
    for name in ("Visible/strange.bmp", "Visible/2/strange.bmp"):
        (root / name).write_bytes(b"")
    with open(root / "idx/train_visible_1.txt", "a") as listing:
        listing.write(line + "\n")
    with pytest.raises(LayoutError, match=message):
        read_dataset("regdb", root)


@pytest.mark.parametrize("form", ["{root}/{path}", "./{path}", "./Visible/../{path}", "{path}//", "{link}/{path}"])
def test_paths_in_lists_are_taken_as_they_lie_under_the_root(tree, tmp_path, form):
    root = tree("regdb")
    plain = read_dataset("regdb", root)
    (tmp_path / "link").symlink_to(root)
    for listing in (root / "idx").iterdir():
        lines = [line.split(" ") for line in listing.read_text().splitlines()]
        of_form = [form.format(root=root, link=tmp_path / "link", path=path) for path, _ in lines]
        listing.write_text("".join(f"{path}\t{label}\r\n" for path, (_, label) in zip(of_form, lines, strict=True)))
    given = root if "{link}" not in form else tmp_path / "link"
    table = read_dataset("regdb", given)
    assert table["path"].tolist() == [path.replace(str(root), str(given)) for path in plain["path"]]


def test_names_that_are_not_utf8_are_read(tree):
    root = tree("market1501")
    odd = os.fsencode(root / "bounding_box_train/0002_c1s1_000451_03 ") + b"\xb8\xb4.jpg"
    os.rename(root / "bounding_box_train/0002_c1s1_000451_03.jpg", odd)
    assert os.fsdecode(odd) in read_dataset("market1501", root)["path"].tolist()
    os.rename(odd, os.fsencode(root / "query") + b"/\xb8\xb4.jpg")
    with pytest.raises(LayoutError) as refused:
        read_dataset("market1501", root)
    assert r"query/\xb8\xb4.jpg: the name does not say" in str(refused.value)


def test_llcm_damage_is_named(tree):
    root = tree("llcm")
    stranger = root / "vis/0001/0001_c77_s1_f1_vis.jpg"
    stranger.write_bytes(b"")
    for line, message in (
        ("vis/0001/0001_c77_s1_f1_vis.jpg 0", "is of camera 77, which the manifest lacks"),
        ("idx/test_id.txt 0", "does not say identity and camera, as in 0003_c01_s9_f8_vis.jpg"),
        ("test_vis/cam1/0005/0005_c01_s5_f1_vis.jpg 2", "is in idx/test_id.txt too"),
    ):
        (root / "idx/train_vis.txt").write_text(line)
        with pytest.raises(LayoutError, match=message):
            read_dataset("llcm", root)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bounding_box_train/portrait.jpg", "portrait.jpg: the name does not say identity and camera"),
        ("bounding_box_train/0002_c9s1_1_1.jpg", "is of camera 9; market1501 has 1, 2, 3, 4, 5, 6"),
        ("query/0000_c1s1_1_1.jpg", "is a distractor .* outside the gallery"),
    ],
)
def test_market_damage_is_named(tree, name, message):
    root = tree("market1501")
    (root / name).write_bytes(b"")
    with pytest.raises(LayoutError, match=message):
        read_dataset("market1501", root)
