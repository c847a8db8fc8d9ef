"""Deep images: one range for a data set's modality, stated or measured; told, part of the keys, the same elsewhere."""

import json

import numpy as np
import pytest
from PIL import Image

from vireid_lib.data import intensity, tables
from vireid_lib.data.check import check_dataset
from vireid_lib.data.decode import ImageError, open_image
from vireid_lib.data.images import load_images
from vireid_lib.data.layouts import read_dataset
from vireid_lib.data.manifest import load_manifest
from vireid_lib.data.strict import FileError, validated


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    monkeypatch.setattr(intensity, "_SCALES", {})


def counts(person, kind=np.uint16):
    """Thermal counts of a person, 200 apart from the next one's."""
    rng = np.random.default_rng(person)
    return (7000 + 200 * person + rng.integers(0, 200, (16, 8))).astype(kind)


def make_deep(root, suffix, kind=np.uint16):
    """Replace the thermal images of a RegDB tree by deep ones."""
    for path in sorted((root / "Thermal").rglob("*.png")):
        path.unlink()
        Image.fromarray(counts(int(path.parent.name), kind)).save(path.with_suffix(suffix))
    for listing in (root / "idx").glob("*thermal*"):
        listing.write_text(listing.read_text().replace(".png", suffix))
    return root


@pytest.fixture(params=[(".png", np.uint16), (".tif", np.uint16), (".tif", np.float32), (".tiff", np.int32)])
def thermal(tree, request):
    return make_deep(tree("regdb", suffix=".png"), *request.param)


def shown(table, person):
    paths = table.loc[(table["modality"] == "infrared") & (table["identity"] == f"regdb/{person:04d}"), "path"]
    return np.stack([np.asarray(open_image(path))[..., 0] for path in paths])


def test_a_narrow_range_keeps_its_levels_and_the_set_its_differences(thermal):
    table = read_dataset("regdb", thermal)
    values = {person: shown(table, person) for person in (1, 2, 3, 4)}
    assert all(np.unique(images).size > 20 for images in values.values())
    means = [images.mean() for images in values.values()]
    assert min(np.diff(means)) > 40, "a warmer person stays brighter"
    low, high = np.percentile(np.concatenate([counts(person).ravel() for person in values]), intensity.PERCENTILES)
    expected = intensity.to_bytes(counts(2), low, high)
    assert np.abs(values[2][0].astype(int) - expected).max() <= 1


def test_the_manifest_may_state_the_range(thermal):
    manifest = load_manifest("regdb").model_copy(update={"intensity": [7200.0, 7400.0]})
    table = read_dataset(manifest, thermal)
    assert np.array_equal(shown(table, 1)[0], intensity.to_bytes(counts(1), 7200.0, 7400.0))
    assert (shown(table, 3) == 255).all()


def test_a_range_ascends():
    manifest = load_manifest("regdb")
    with pytest.raises(FileError, match="intensity is .*black must be less than white"):
        validated(type(manifest), manifest.model_dump() | {"intensity": [5.0, 5.0]}, "regdb.yaml")


def test_eight_bits_are_taken_as_they_are(tree):
    root = tree("regdb", suffix=".png")
    path = root / "Thermal/1/male_front_t_00_1.png"
    read_dataset("regdb", root)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(open_image(path)), np.asarray(image.convert("RGB")))
    assert intensity.limits_if_deep(path) is None


def test_another_range_is_another_key(thermal, tmp_path):
    manifest = load_manifest("regdb")
    keys, pixels = [], []
    for stated in (None, [7200.0, 7400.0], None):
        table = read_dataset(manifest.model_copy(update={"intensity": stated}), thermal)
        infrared = table[table["modality"] == "infrared"]
        keys.append(tables.digest(table))
        pixels.append(np.array(load_images(infrared["path"].tolist(), (16, 8), cache=tmp_path)))
    assert keys[0] == keys[2] != keys[1] and np.array_equal(pixels[0], pixels[2])
    assert not np.array_equal(*pixels[:2])


def test_another_process_shows_the_same(thermal, monkeypatch):
    for stated in ([7200.0, 7400.0], None):
        table = read_dataset(load_manifest("regdb").model_copy(update={"intensity": stated}), thermal)
        here, held = shown(table, 2), json.loads(json.dumps(intensity.declared()))
        monkeypatch.setattr(intensity, "_SCALES", {})
        intensity.restore(held)
        assert np.array_equal(shown(table, 2), here)


def test_values_that_are_no_numbers_are_refused(tree):
    root = tree("regdb", suffix=".png")
    path = root / "Thermal/2/male_front_t_00_2.png"
    Image.fromarray(np.full((16, 8), np.nan, np.float32)).save(path, format="TIFF")
    report = check_dataset("regdb", root)
    assert not report.usable and f"{path} holds values that are no finite numbers" in report.to_text()
    with pytest.raises(ImageError, match="no finite numbers"):
        open_image(path)
