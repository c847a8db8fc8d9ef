"""SYSU-MM01's official galleries, from the data set's own file, through a profile: drawn, in the key, refused at once.

How they are drawn is tested in `tests/evaluation`.
"""

import shutil
from pathlib import Path, PurePath

import numpy as np
import pytest
import scipy.io
import trees
import yaml

from vireid_lib import experiment
from vireid_lib.evaluation import evaluate
from vireid_lib.experiment.pipeline import Run

PEOPLE, IMAGES, TRIALS = 5, 3, 3  # of the tree of `data_root`: of each person under each of six cameras
FILE = "SYSU-MM01/exp/rand_perm_cam.mat"
PROFILE = """
name: official
title: official galleries
world:
data: {target: sysu_mm01, roots: {sysu_mm01: SYSU-MM01}}
images: {height: 32, width: 16}
reid: {backbone: small, seeds: [0], training_sets: [real], config: {steps: 2, identities: 2, images: 2, mix: null}}
expand: {per_camera: 1}
evaluation: {protocol: sysu-mm01, modes: [all, indoor], trials: 3, draw: official}
device: cpu
"""


def permutation(camera: int, person: int, trial: int) -> list[int]:
    """The trial's order of the images: a rotation."""
    return [(trial + camera * person + place) % IMAGES + 1 for place in range(IMAGES)]


def permutations() -> np.ndarray:
    """As the data set's file has them."""
    return trees.permutations(lambda *place: [permutation(*place, trial) for trial in range(TRIALS)], PEOPLE)


def edited(change) -> dict[str, np.ndarray]:
    """The file's content with other orders of camera 1 and identity 4."""
    cells = permutations()
    cells[0, 0][3, 0] = change(cells[0, 0][3, 0])
    return {"rand_perm_cam": cells}


@pytest.fixture
def data(data_root, tmp_path) -> Path:
    """A copy, with the file, that a test may spoil."""
    shutil.copytree(data_root / "SYSU-MM01", tmp_path / "SYSU-MM01")
    scipy.io.savemat(tmp_path / FILE, {"rand_perm_cam": permutations()})
    return tmp_path


def opened(data: Path, **evaluation: object) -> Run:
    """The book as a user opens it: from a profile's file."""
    settings = yaml.safe_load(PROFILE)
    settings["evaluation"] |= evaluation
    (data / "official.yaml").write_text(yaml.safe_dump(settings))
    return experiment.open(str(data / "official.yaml"), data / "workspace", data)


def numbered(path: str) -> tuple[int, int, int]:
    camera, person, image = PurePath(path).parts[-3:]
    return int(camera.removeprefix("cam")), int(person), int(PurePath(image).stem)


@pytest.mark.parametrize(("identities", "people"), [("test", (4, 5)), ("validation", (3,))])
def test_a_training_is_scored_on_the_files_galleries(data, identities, people):
    run = opened(data, identities=identities)
    record = run.evaluate("real", 0)
    assert record.result["config"]["settings"]["validation"] == (identities == "validation")
    features, ranked = run.features("real", 0)
    assert len(features) == len(ranked) == 6 * IMAGES * len(people)
    for mode, cameras in (("all", (1, 2, 4, 5)), ("indoor", (1, 2))):
        again, kept = evaluate(features, ranked, run.protocol(mode)).to_dict(), record.values["evaluations"][mode]
        asked = [[(each["digest"], each["rank_1"]) for each in found["trials"]] for found in (kept, again)]
        assert asked[0] == asked[1]
        assert kept["protocol"]["name"] == f"{mode}-search, single-shot, official draw"
        for number, trial in enumerate(run.protocol(mode).trials(ranked)):
            expected = [(camera, one, permutation(camera, one, number)[0]) for camera in cameras for one in people]
            assert [*map(numbered, trial.gallery["path"])] == expected


def test_the_files_content_is_part_of_the_results_key(data):
    first = opened(data).evaluate("real", 0)
    assert opened(data).evaluate("real", 0).key == first.key
    scipy.io.savemat(data / FILE, edited(lambda orders: orders[:, ::-1]))
    second = opened(data).evaluate("real", 0)
    assert second.key != first.key and "permutations" in second.result["inputs"]
    seeded = opened(data, draw="seeded").evaluate("real", 0)
    assert "permutations" not in seeded.result["inputs"], "other draws keep their keys"


WRONG = {
    "five cameras": ({"rand_perm_cam": permutations()[:5]}, 1, "a cell for each of SYSU-MM01's 6 cameras"),
    "another variable": ({"perm": permutations()}, 1, "holds no variable rand_perm_cam"),
    "an image twice": (edited(lambda orders: orders[:, [0, 0, 1]]), 3, "camera 1, identity 0004 names an image twice"),
    "counted from 0": (edited(lambda orders: orders - 1), 1, "camera 1, identity 4 holds uint8 .* from 1"),
    "an image that is not there": (edited(lambda orders: orders + 3), 1, "image 000[456] of camera 1, .*table lacks"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_does_not_fit_is_refused_when_the_book_is_opened(data, name):
    content, shots, message = WRONG[name]
    scipy.io.savemat(data / FILE, content)
    with pytest.raises(ValueError, match=message) as refused:
        opened(data, shots=shots)
    assert str(data / FILE) in str(refused.value)
    assert not list((data / "workspace").rglob("result.json"))


def test_missing_and_unreadable_files_are_named_with_the_remedy(data):
    for left in (b"version https://git-lfs.github.com/spec/v1\n", (data / FILE).read_bytes()[:900]):  # cut short
        (data / FILE).write_bytes(left)
        with pytest.raises(ValueError, match=r"rand_perm_cam.mat cannot be read as a MATLAB file.*copy the file"):
            opened(data)
    (data / FILE).unlink()
    with pytest.raises(FileNotFoundError, match='rand_perm_cam.mat does not exist.*or use draw="seeded"'):
        opened(data)
    assert opened(data, draw="seeded")
