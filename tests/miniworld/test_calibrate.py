"""The calibration script's training sets; the trainings themselves are reid's."""

import pytest

from vireid_lib.miniworld.calibrate import ARMS, training_table


@pytest.mark.parametrize("arm", list(ARMS))
def test_training_sets_differ_in_the_external_infrared_alone(world, arm, tmp_path):
    table = training_table(world, arm, 2, 2, tmp_path)
    assert not set(table.split) & {"test", "query", "gallery"}
    external = table[table.split == "external"]
    if arm == "real":
        assert external.empty
        return
    assert set(external.identity) == {"mini_market/0001", "mini_market/0002"}
    infrared = external[external.modality == "infrared"]
    assert (infrared.groupby(["identity", "camera"]).size() == 2).all()
    assert infrared.camera.nunique() == 2
    sources = {"grayscale": "grayscale", "redrawn": "redrawn infrared", "true": "true infrared"}
    assert set(infrared.source) == {sources[arm]}
