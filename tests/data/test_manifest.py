"""Manifests: cameras as the papers have them, and a digest of what they say."""

from vireid_lib.data.manifest import load_manifest
from vireid_lib.project import project_root


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
