"""SYSU-MM01's official galleries, from the data set's own file: drawn through a profile, refused before training."""

import shutil
from pathlib import Path, PurePath

import numpy as np
import pytest
import scipy.io
import torch
import trees
import yaml

from vireid_lib import experiment
from vireid_lib.experiment.pipeline import Run, load_features

PEOPLE = {"train": (1, 2), "val": (3,), "test": (4, 6)}  # nobody is 5, as there are gaps in SYSU-MM01
INFRARED = (3, 6)
TRIALS = 3
FILE = "exp/rand_perm_cam.mat"


def images(camera: int, person: int) -> int:
    """How many images there are: 12 of everybody under a visible camera, but 3 and none in two places."""
    return {(4, 4): 3, (5, 6): 0}.get((camera, person), 2 if camera in INFRARED else 12)


def permutation(camera: int, person: int, trial: int) -> list[int]:
    """The trial's order of the images: a rotation, then exchanged ends."""
    count = images(camera, person)
    order = [(5 * trial + camera + person + place) % count + 1 for place in range(count)]
    return [order[-1], *order[1:-1], order[0]] if count > 1 else order


def permutations() -> np.ndarray:
    """As the data set's file has them: a cell for each camera, in it a cell for each number up to the last person."""
    cameras = np.empty((6, 1), object)
    for camera in range(1, 7):
        people = np.empty((6, 1), object)
        for person in range(1, 7):
            count = images(camera, person) if person != 5 else 0
            orders = [permutation(camera, person, trial) if count else [] for trial in range(TRIALS)]
            people[person - 1, 0] = np.array(orders, dtype=np.uint8).reshape(TRIALS, count)
        cameras[camera - 1, 0] = people
    return cameras


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A folder with a small data set in SYSU-MM01's layout."""
    folder = tmp_path_factory.mktemp("data")
    people = [person for people in PEOPLE.values() for person in people]
    seen = {person: {camera: images(camera, person) for camera in range(1, 7)} for person in people}
    root = trees.write(folder / "SYSU-MM01", trees.sysu(seen, PEOPLE))
    scipy.io.savemat(root / FILE, {"rand_perm_cam": permutations()})
    return folder


@pytest.fixture
def data(written, tmp_path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(written / "SYSU-MM01", tmp_path / "SYSU-MM01")
    return tmp_path


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


def opened(data: Path, **evaluation: object) -> Run:
    """The book as a user opens it: from a profile's file."""
    settings = yaml.safe_load(PROFILE)
    settings["evaluation"] |= evaluation
    (data / "official.yaml").write_text(yaml.safe_dump(settings))
    return experiment.open(str(data / "official.yaml"), data / "workspace", data)


def by_hand(mode: str, shots: int, trial: int, people: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(camera, person, image) of each gallery image: cameras in order, in each the people in order."""
    return [
        (camera, person, number)
        for camera in ((1, 2, 4, 5) if mode == "all" else (1, 2))
        for person in people
        for number in permutation(camera, person, trial)[:shots]
        if images(camera, person)
    ]


def numbered(path: str) -> tuple[int, int, int]:
    camera, person, image = PurePath(path).parts[-3:]
    return int(camera.removeprefix("cam")), int(person), int(PurePath(image).stem)


def rank_1(features: torch.Tensor, rows: list[tuple[int, int, int]], gallery: list[tuple[int, int, int]]) -> float:
    """Share of infrared queries whose nearest gallery image shows the person; camera 3 does not ask camera 2."""
    features = torch.nn.functional.normalize(features.double(), dim=1)
    right = []
    for query, (camera, person, _) in enumerate(rows):
        if camera in INFRARED:
            allowed = [image for image in gallery if (camera, image[0]) != (3, 2)]
            if person in {image[1] for image in allowed}:
                near = max(allowed, key=lambda image: float(features[query] @ features[rows.index(image)]))
                right.append(near[1] == person)
    return sum(right) / len(right)


@pytest.mark.parametrize("shots", [1, 10])
def test_a_profiles_galleries_are_the_files(written, shots):
    run = opened(written, shots=shots)
    for mode in ("all", "indoor"):
        trials = run.protocol(mode).trials(run.data().test())
        assert len(trials) == TRIALS
        for number, trial in enumerate(trials):
            assert [*map(numbered, trial.gallery["path"])] == by_hand(mode, shots, number, PEOPLE["test"])
            assert {numbered(path)[0] for path in trial.query["path"]} == set(INFRARED)


@pytest.mark.parametrize("shots", [1, 10])
def test_a_training_is_scored_on_them(written, shots):
    run = opened(written, shots=shots)
    record = run.evaluate("real", 0, progress=False)
    words = {1: "single-shot", 10: "multi-shot"}[shots]
    features, test = run.features("real", 0)
    rows = [*map(numbered, test["path"])]
    for mode, evaluation in record.values["evaluations"].items():
        assert evaluation["protocol"]["name"] == f"{mode}-search, {words}, official draw"
        galleries = [by_hand(mode, shots, trial, PEOPLE["test"]) for trial in range(TRIALS)]
        expected = [rank_1(features, rows, gallery) for gallery in galleries]
        assert [trial["rank_1"] for trial in evaluation["trials"]] == pytest.approx(expected)
        assert evaluation["mean"]["rank_1"] == pytest.approx(np.mean(expected))


def test_validation_people_are_ranked_on_their_own_official_galleries(written):
    run = opened(written)
    record = run.evaluate("real", 0, validation=True, progress=False)
    assert record.result["config"]["settings"]["validation"]
    ranked = run.data().test(validation=True)
    assert len(load_features(record)) == len(ranked)
    trials = run.protocol().trials(ranked)
    for number, trial in enumerate(trials):
        assert [*map(numbered, trial.gallery["path"])] == by_hand("all", 1, number, PEOPLE["val"])


def test_the_files_content_is_part_of_the_results_key(data):
    first = opened(data).evaluate("real", 0, progress=False)
    assert opened(data).evaluate("real", 0, progress=False).key == first.key
    scipy.io.savemat(data / "SYSU-MM01" / FILE, edited(lambda orders: orders[:, ::-1]))
    second = opened(data).evaluate("real", 0, progress=False)
    assert second.key != first.key and "permutations" in second.result["inputs"]
    seeded = opened(data, draw="seeded").evaluate("real", 0, progress=False)
    assert "permutations" not in seeded.result["inputs"], "other draws keep their keys"


def edited(change):
    """The file's content with other orders of camera 1 and identity 4."""
    cells = permutations()
    cells[0, 0][3, 0] = change(cells[0, 0][3, 0])
    return {"rand_perm_cam": cells}


TWICE = [0, 0, *range(2, 12)]
WRONG = {
    "five cameras": ({"rand_perm_cam": permutations()[:5]}, 1, "has 5 entries.*a cell for each of its 6 cameras"),
    "another variable": ({"perm": permutations()}, 1, "holds no variable rand_perm_cam"),
    "an image twice": (edited(lambda orders: orders[:, TWICE]), 10, "camera 1, identity 0004 names an image twice"),
    "counted from 0": (edited(lambda orders: orders - 1), 1, "camera 1, identity 4 holds uint8 .* from 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_does_not_fit_is_refused_when_the_book_is_opened(data, name):
    content, shots, message = WRONG[name]
    scipy.io.savemat(data / "SYSU-MM01" / FILE, content)
    with pytest.raises(ValueError, match=message) as refused:
        opened(data, shots=shots)
    assert str(data / "SYSU-MM01" / FILE) in str(refused.value)
    assert not list((data / "workspace").rglob("result.json"))


def test_missing_and_unreadable_files_are_named_with_the_remedy(data):
    file = data / "SYSU-MM01" / FILE
    for left in (b"version https://git-lfs.github.com/spec/v1\n", file.read_bytes()[:900]):  # a copy that was cut
        file.write_bytes(left)
        with pytest.raises(ValueError, match=r"rand_perm_cam.mat cannot be read as a MATLAB file.*copy the file"):
            opened(data)
    file.unlink()
    with pytest.raises(FileNotFoundError, match='rand_perm_cam.mat does not exist.*or use draw="seeded"'):
        opened(data)
    assert opened(data, draw="seeded")


def test_what_the_file_names_and_the_disk_lacks_is_refused(data):
    number = permutation(1, 4, 0)[0]
    image = data / f"SYSU-MM01/cam1/0004/{number:04d}.jpg"
    gone = image.rename(data / "gone.jpg")
    with pytest.raises(ValueError, match=f"image {number:04d} of camera 1, identity 0004.*incomplete"):
        opened(data)
    gone.rename(image)
    shutil.rmtree(data / "SYSU-MM01/cam2/0006")
    with pytest.raises(ValueError, match="of camera 2, identity 0006, which the table lacks"):
        opened(data)
