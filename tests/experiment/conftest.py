"""Which stages are asked for, under which keys, without making any; trees laid out as the real data sets."""

import pytest
import trees

from vireid_lib import cores
from vireid_lib.experiment import cache
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


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Stages of tiny networks compute with one thread: two cost more than they bring where workers share the cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "THREADS", 1)
        yield


@pytest.fixture(autouse=True)
def in_turn(monkeypatch):
    """Jobs run in this process: starting others costs more than tiny trainings do."""
    monkeypatch.setattr(cores, "available", lambda: 1)


@pytest.fixture(scope="session")
def stage_keys():
    """Call it with a run and what is asked of it: the names and keys of the stages that are asked for; of the world
    where its tables have not been read before."""

    def keys(run, *asks):
        own = run.with_profile(run.profile)
        own.cache = Noted(run.cache)
        for ask in asks:
            try:
                ask(own)
            except (FileNotFoundError, ValueError, KeyError):  # what was passed off as finished has no files
                continue
        return own.cache.keys

    return keys


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """SYSU-MM01 with three people to train on and two to test; RegDB with two unequal splits; Market-1501 with two."""
    root, everywhere = tmp_path_factory.mktemp("data"), dict.fromkeys(range(1, 7), 3)
    parts = {"train": (1, 2), "val": (3,), "test": (4, 5)}
    trees.write(root / "SYSU-MM01", trees.sysu(dict.fromkeys(range(1, 6), everywhere), parts))
    counts = dict.fromkeys((1, 2, 3), 4) | dict.fromkeys((4, 5, 6), 9)  # split 2 trains on more than split 1
    trees.write(root / "RegDB", trees.regdb(counts, [(1, 2, 3), (4, 5, 6)]), ".bmp")
    boxes = [f"{person:04d}_c1s1_{number:06d}_00" for person in (2, 7) for number in range(12)]
    market = dict.fromkeys(("bounding_box_train", "gt_bbox"), boxes)
    market |= {"query": ["0010_c1s1_000001_00"], "bounding_box_test": ["0010_c2s1_000001_00"]}
    trees.write(root / "Market-1501-v15.09.15", trees.market(market))
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
