"""Which stages are asked for, under which keys, without making any; trees laid out as the real data sets."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import StageRecord


class Noted(Cache):
    """Notes the key of each stage that is asked for, and passes off as finished what is not."""

    def __init__(self, of):
        vars(self).update(vars(of.reading()), keys=set())

    def _finished(self, name, key, made_of):
        self.keys.add((name, key))
        found = super()._finished(name, key, made_of)
        return found or StageRecord(name, key, self.stages / name / key, {"values": {}, "seeds": [0]})


@pytest.fixture(scope="session")
def stage_keys():
    """Call it with a run and what is asked of it: the names and keys of the stages that are asked for."""

    def keys(run, *asks):
        own = run.with_profile(run.profile)
        own.tables, own.cache = {}, Noted(run.cache)
        for ask in asks:
            try:
                ask(own)
            except (FileNotFoundError, ValueError, KeyError):  # what was passed off as finished has no files
                continue
        return own.cache.keys

    return keys


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(zlib.crc32(str(path).encode())).integers(0, 256, (16, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """SYSU-MM01 with three people to train on and two to test; RegDB with two unequal splits; Market-1501 with five."""
    root = tmp_path_factory.mktemp("data")
    sysu, regdb = root / "SYSU-MM01", root / "RegDB"
    for camera in range(1, 7):
        for person in range(1, 6):
            for image in range(1, 4):
                picture(sysu / f"cam{camera}/{person:04d}/{image:04d}.jpg")
    for split, people in (("train", "1,2"), ("val", "3"), ("test", "4,5")):
        (sysu / "exp").mkdir(exist_ok=True)
        (sysu / f"exp/{split}_id.txt").write_text(people)
    images = {person: 4 if person < 4 else 9 for person in range(1, 7)}  # so that split 2 trains on more than split 1
    for trial, training in ((1, (1, 2, 3)), (2, (4, 5, 6))):
        for modality, letter in (("Visible", "v"), ("Thermal", "t")):
            for split in ("train", "test"):
                lines = []
                for label, person in enumerate(each for each in images if (each in training) == (split == "train")):
                    for number in range(images[person]):
                        path = f"{modality}/{person}/male_front_{letter}_{number:02d}_{person}.bmp"
                        picture(regdb / path)
                        lines.append(f"{path} {label}")
                (regdb / "idx").mkdir(exist_ok=True)
                (regdb / f"idx/{split}_{modality.lower()}_{trial}.txt").write_text("\n".join(lines) + "\n")
    for person in (2, 7, 11, 13, 17):
        for folder in ("bounding_box_train", "gt_bbox"):
            for number in range(12):
                picture(root / f"Market-1501-v15.09.15/{folder}/{person:04d}_c1s1_{number:06d}_00.jpg")
    for folder in ("query", "bounding_box_test"):
        picture(root / f"Market-1501-v15.09.15/{folder}/0010_c{len(folder) % 3 + 1}s1_000001_00.jpg")
    return root


@pytest.fixture(scope="session")
def open_real(data_root, tmp_path_factory):
    """Opens a profile of real data, with the small networks and a schedule of three epochs, placed by epochs."""
    workspace = tmp_path_factory.mktemp("real") / "workspace"

    def opened(name: str = "sysu", modes: int = 1, **reid) -> Run:
        values = load_profile(name).model_dump()
        recipe = {"steps": None, "epochs": 3, "mix": None, "schedule": "drops", "warm_up": 1, "drops": [2]}
        recipe |= {"identities": 2, "images": 2}
        values["images"], values["device"] = {"height": 64, "width": 32}, "cpu"
        values["reid"] |= {"backbone": "small", "seeds": [0], "training_sets": ["real", "grayscale"], "config": recipe}
        values["reid"] |= reid
        values["evaluation"] |= {"modes": values["evaluation"]["modes"][:modes], "trials": 2}
        return Run(Profile.model_validate(values), workspace, data_root)

    return opened
