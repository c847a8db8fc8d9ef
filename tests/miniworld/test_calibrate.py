"""The calibration script: its training sets and its table; the trainings themselves are reid's."""

import pytest

from vireid_lib.miniworld.calibrate import ARMS, Result, report, training_table


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


def test_the_table_shows_gains_in_standard_errors():
    scores = {"real": (40.0, 42.0, 44.0), "true": (50.0, 52.0, 54.0)}
    results = [
        Result(1, arm, seed, value, value, (value - 3, value + seed))
        for arm, row in scores.items()
        for seed, value in enumerate(row)
    ]
    other = Result(2, "real", 0, 60.0, 61.0, (59.0, 61.0))
    lines = report([*results, other, Result(1, "grayscale", 0, 41.0, 42.0, (40.0, 42.0))]).splitlines()
    assert lines[0] == "World 1:" and "| 3 | 42.0 ± 2.0 | 42.0 ± 2.0 |  |  |" in lines[4]
    assert "| 1 | 41.0 | 42.0 | -1.0 |  |" in lines[5]
    # The difference of two means of three with deviation 2 has the standard error sqrt(4/3 + 4/3) = 1.63.
    assert "| 52.0 ± 2.0 | 52.0 ± 2.0 | +10.0 | +6.1 |" in lines[6]
    assert "2.0 to 5.0 points" in lines[8]
    assert lines[10] == "World 2:" and "| 1 | 60.0 | 61.0 |  |  |" in lines[14] and len(lines) == 17
