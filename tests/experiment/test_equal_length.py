"""Trainings on trees laid out as the real data sets: as many steps whatever is added, fairness rows, splits."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment import trainings
from vireid_lib.experiment.profile import Profile, load_profile
from vireid_lib.experiment.run import Book
from vireid_lib.experiment.settings import reid_config
from vireid_lib.experiment.studies import Row, dive
from vireid_lib.experiment.studies.study import book_of
from vireid_lib.reid.batches import steps_per_epoch
from vireid_lib.reid.methods.agw import Agw

EPOCHS, BATCH = 3, {"identities": 2, "images": 2}


@pytest.fixture
def study(tiny_book):
    return dive.study(tiny_book, ["grayscale"])


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(zlib.crc32(str(path).encode())).integers(0, 256, (16, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
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
        for number in range(12):
            picture(root / f"Market-1501-v15.09.15/bounding_box_train/{person:04d}_c1s1_{number:06d}_00.jpg")
    for folder in ("query", "bounding_box_test"):
        picture(root / f"Market-1501-v15.09.15/{folder}/0010_c{len(folder) % 3 + 1}s1_000001_00.jpg")
    return root


@pytest.fixture(scope="module")
def open_real(data_root, tmp_path_factory):
    """Opens a profile of real data, with the small networks and a schedule that is placed by epochs."""
    workspace = tmp_path_factory.mktemp("real") / "workspace"

    def opened(name: str = "sysu", **reid) -> Book:
        values = load_profile(name).model_dump()
        recipe = {"steps": None, "epochs": EPOCHS, "mix": None, "schedule": "drops", "warm_up": 1, "drops": [2]} | BATCH
        values["images"], values["device"] = {"height": 64, "width": 32}, "cpu"
        values["reid"] |= {"backbone": "small", "seeds": [0], "training_sets": ["real", "grayscale"], "config": recipe}
        values["reid"] |= reid
        values["evaluation"] |= {"modes": values["evaluation"]["modes"][:1], "trials": 2}
        return Book(Profile.model_validate(values), workspace, data_root)

    return opened


def own_steps(book: Book, training: str, split: int = 1, **batch) -> int:
    config = reid_config(book.profile).model_copy(update=batch)
    return steps_per_epoch(Agw, stages.training_table(book, training, split), config, seed=0)


def test_the_real_profiles_train_every_set_for_as_long(data_root, tmp_path):
    for name in ("sysu", "regdb"):
        book = Book(load_profile(name), tmp_path, data_root).with_method("agw", BATCH)  # the trees have few people
        assert book.profile.reid.length == "equal" and reid_config(book.profile).steps is None
        for split in (1, 2) if name == "regdb" else (1,):
            expected = own_steps(book, "real", split)
            assert stages.epoch_steps(book, "grayscale", 0, split) == expected < own_steps(book, "grayscale", split)
            assert stages.epoch_steps(book, "real", 0, split) is None


def test_equal_trainings_are_equal_and_published_ones_grow(open_real):
    equal, published = open_real(), open_real(length="published")
    records = [
        stages.reid(book, name, 0, progress=False) for book in (equal, published) for name in ("real", "grayscale")
    ]
    assert records[0].key == records[2].key and records[1].key != records[3].key
    alone, more = (own_steps(equal, name) for name in ("real", "grayscale"))
    steps = [int(trainings.history(record)["step"].iloc[-1]) for record in records]
    assert steps == [EPOCHS * alone, EPOCHS * alone, EPOCHS * alone, EPOCHS * more] and more > alone
    found = trainings.effort(records[:2])
    assert found.table["steps"].tolist() == [EPOCHS * alone] * 2
    assert found.table["images seen"].tolist() == [8 * EPOCHS * alone] * 2 and "the data alone" in found.sentence
    unequal = trainings.effort(records[2:])
    assert unequal.table["images seen"].tolist() == [8 * EPOCHS * alone, 8 * EPOCHS * more]
    assert "differ in steps" in unequal.sentence and "reid.length" in unequal.sentence


def test_each_split_has_the_steps_of_its_own_real_images(open_real):
    book = open_real("regdb")
    expected = [EPOCHS * own_steps(book, "real", split) for split in (1, 2)]
    assert expected[0] < expected[1]
    for name in ("real", "grayscale"):
        record = stages.reid(book, name, 0, progress=False)
        assert [int(trainings.history(record, split)["step"].iloc[-1]) for split in (1, 2)] == expected
        assert trainings.given(record)["steps"].tolist() == expected
    sentence = trainings.effort([stages.reid(book, name, 0) for name in ("real", "grayscale")]).sentence
    assert "the data alone" in sentence and f"{expected[0]} to {expected[1]} steps" in sentence


@pytest.mark.parametrize("length", ["equal", "published"])
def test_fairness_rows_scale_the_schedule_and_keep_the_steps(open_real, study, length):
    book = open_real(length=length)
    plain = reid_config(book.profile)
    for training in ("real", "grayscale"):
        wide, long = (
            book_of(book, Row(name, name, "agw", training=training, times=study.row(f"{name}_real").times))
            for name in ("wide", "long")
        )
        config = reid_config(long.profile)
        assert (config.epochs, config.warm_up, config.drops) == (2 * EPOCHS, 2, (4,))
        assert reid_config(wide.profile).images == 2 * plain.images
        records = [stages.reid(own, training, 0, progress=False) for own in (book, wide, long)]
        given = [trainings.given(record).iloc[0] for record in records]
        expected = EPOCHS * own_steps(book, "real" if length == "equal" else training)
        assert [each["steps"] for each in given] == [expected, expected, 2 * expected]
        assert [each["images seen"] for each in given] == [8 * expected, 16 * expected, 16 * expected]


def test_the_published_schedule_of_each_method_is_stretched_on_a_real_profile(data_root, tmp_path):
    book = Book(load_profile("sysu"), tmp_path, data_root)
    drops = {"agw": (40, 100), "caj": (40, 100), "dart": (40, 100), "deen": (40, 120, 240), "mpanet": (160, 240)}
    for method, expected in drops.items():
        own = book_of(book, Row("long", "long", method, times={"length": 2}))
        config, plain = (reid_config(each.profile) for each in (own, book.with_method(method)))
        assert config.drops == expected and config.epochs == 2 * plain.epochs and config.steps is None
        assert getattr(config, "warm_up", 20) == 20 and getattr(config, "noise_warm_up", 2) == 2


def test_a_given_number_of_steps_asks_for_no_epochs(tiny_book, open_real, study):
    for book in (tiny_book, open_real(config={"steps": 4, **BATCH})):
        assert "steps" in reid_config(book.profile).model_dump(exclude_none=True)
        assert stages.epoch_steps(book, "grayscale", 0) is None
    wide = book_of(tiny_book, study.row("wide_real"))
    assert stages.epoch_steps(wide, "grayscale", 0) is None
    given = open_real(config={"steps": 4, "schedule": "drops", **BATCH})  # but the drops have to be placed
    assert stages.epoch_steps(given, "grayscale", 0) == own_steps(given, "real")
