"""Manifests: the shipped ones load, and a mistake in one is named with file, key and remedy."""

import shutil

import pytest

from vireid_lib.data.manifest import FileError, load_manifest, manifest_names
from vireid_lib.project import project_root

SHIPPED = {"sysu_mm01", "regdb", "llcm", "market1501", "cuhk03_np", "mini_vi", "mini_market", "mini_campus"}


def test_every_shipped_manifest_loads():
    assert set(manifest_names()) == SHIPPED
    manifests = {name: load_manifest(name) for name in SHIPPED}
    assert all(manifest.name == name for name, manifest in manifests.items())
    assert len({manifest.digest() for manifest in manifests.values()}) == len(SHIPPED)


def test_cameras_of_sysu_and_of_its_miniature():
    for name in ("sysu_mm01", "mini_vi"):
        manifest = load_manifest(name)
        assert manifest.camera_numbers("visible") == [1, 2, 4, 5]
        assert manifest.camera_numbers("infrared") == [3, 6]
        place = {camera.number: camera.place for camera in manifest.cameras}
        assert place[2] == place[3] and len(set(place.values())) == 5
        assert manifest.protocol.modes["indoor"].gallery == [1, 2]
    assert 3 not in load_manifest("llcm").camera_numbers("infrared")


def test_the_digest_ignores_comments_only(tmp_path):
    original = project_root() / "data_manifests/datasets/regdb.yaml"
    copy = tmp_path / "regdb.yaml"
    copy.write_text("# a remark\n" + original.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_manifest(copy).digest() == load_manifest("regdb").digest()
    copy.write_text(copy.read_text(encoding="utf-8").replace("trials: 10", "trials: 9"), encoding="utf-8")
    assert load_manifest(copy).digest() != load_manifest("regdb").digest()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("citation:", "citaton:", "unknown key citaton; did you mean citation?"),
        ("citation:", "zzz:", "unknown key zzz; there are cameras, citation, counts"),
        ("place: room 1", "palce: room 1", r"unknown key cameras\[0\].palce; did you mean place?"),
        ("query: [3, 6], gallery: [1, 2]", "qery: [3], gallery: [1]", "indoor.qery; did you mean query"),
        ("number: 2,", "number: 1,", "the visible camera 1 is listed twice; remove one entry"),
        ("number: 2,", "number: two,", r"key cameras\[1\].number is 'two': input should be a valid integer"),
        ("number: 2,", "number: '2',", r"key cameras\[1\].number is '2': input should be a valid integer"),
        ("title: SYSU-MM01", "", "key title is missing; add it"),
        ("layout: sysu ", "layout: sisu ", "key layout is 'sisu': input should be 'sysu', 'regdb'"),
        ("modality: infrared", "modality: thermal", r"key cameras\[2\].modality is 'thermal'"),
        ("title: SYSU-MM01", "title: a\ntitle: b", "key 'title' is written twice.*line 4"),
        ("gallery: [1, 2]}", "gallery: [1, 9]}", "modes.indoor: cameras lacks camera 9; add it there"),
        ("what: val identities", "what: val people", r"counts\[1\].what is 'val people': .* cannot be counted"),
        ("name: sysu_mm01", "name: [", "is not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_remedy(tmp_path, old, new, message):
    path = tmp_path / "mine.yaml"
    shutil.copy(project_root() / "data_manifests/datasets/sysu_mm01.yaml", path)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FileError, match=message) as error:
        load_manifest(path)
    assert str(path) in str(error.value)


def test_names_and_files_that_do_not_exist(tmp_path):
    with pytest.raises(FileError, match="no data set named 'sysu_mm1'; did you mean sysu_mm01?"):
        load_manifest("sysu_mm1")
    with pytest.raises(FileError, match="no data set named 'zzz'; there are cuhk03_np, llcm"):
        load_manifest("zzz")
    with pytest.raises(FileError, match="none.yaml does not exist"):
        load_manifest(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(FileError, match="list.yaml holds list; write `key: value` lines"):
        load_manifest(tmp_path / "list.yaml")
