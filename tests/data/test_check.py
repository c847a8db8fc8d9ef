"""`check_dataset` finds what is wrong, says whether the data is usable, and leaves the data alone."""

import json
import shutil

import pytest
from PIL import Image

from vireid_lib.data.check import check_dataset


@pytest.fixture
def sysu(tree):
    return tree("sysu_mm01", suffix=".png")


def findings(report, severity):
    return [finding for finding in report.findings if finding.severity == severity]


def test_a_sound_tree_is_usable_and_its_counts_are_compared(sysu):
    report = check_dataset("sysu_mm01", sysu)
    assert report.usable and report.images == 54
    line = next(line for line in report.counts if line.what == "train+val visible images")
    assert line.found == 3 * (4 + 1 + 1) and not line.agrees
    assert {stated["value"] for stated in line.stated} == {22258, 22285}
    cameras = next(line for line in report.counts if line.what == "test camera 6 images")
    assert cameras.found == 6
    text = report.to_text()
    assert text.startswith(f"sysu_mm01 at {sysu}: 54 images, usable\n")
    assert "DIFFERS train+val visible images" in text
    assert "22,258; DEN, section 4.1: 22,285" in text
    assert "6 further images" in text


def test_counts_that_agree(tree, tmp_path):
    root = tree("sysu_mm01", suffix=".png")
    counts = {"train identities": 2, "test infrared images": 9, "all images": 54, "val visible images": 3}
    (root / "world.json").write_text(json.dumps({"counts": counts}))
    report = check_dataset("mini_vi", root)
    assert [line.found for line in report.counts] == list(counts.values())
    assert all(line.agrees for line in report.counts)
    assert not [finding for finding in report.findings if "counts are" in finding.what]
    assert "ok      train identities" in report.to_text()


def test_distractors_are_images_and_no_identity(tree):
    report = check_dataset("market1501", tree("market1501", suffix=".png"))
    found = {line.what: line.found for line in report.counts}
    assert found["gallery distractor images"] == 2 and found["gallery images"] == 3
    assert found["train identities"] == 2
    sizes = next(finding for finding in report.findings if "are not 128 by 64" in finding.what)
    assert sizes.severity == "warning" and len(sizes.items) == 8 and sizes.items[0].endswith("16x8")


def test_files_of_several_pictures_are_told(sysu):
    path = next((sysu / "cam3").rglob("*.png"))
    with Image.open(path) as image:
        image.save(path, format="TIFF", save_all=True, append_images=[image, image])
    report = check_dataset("sysu_mm01", sysu)
    several = next(finding for finding in report.findings if "several pictures" in finding.what)
    assert report.usable and several.severity == "warning" and several.items == (f"{path} 3 pictures",)


def test_every_trial_of_regdb_is_read(tree):
    root = tree("regdb", trials=10)
    assert check_dataset("regdb", root).usable
    (root / "idx/test_thermal_7.txt").unlink()
    shutil.copy(root / "idx/test_visible_1.txt", root / "idx/test_visible_2.txt")
    report = check_dataset("regdb", root)
    assert not report.usable
    second, seventh = findings(report, "error")
    assert second.what.startswith("trial 2: ") and "share label 0" in second.what
    assert seventh.what.startswith("trial 7: ") and "does not hold idx/test_thermal_7.txt" in seventh.what
