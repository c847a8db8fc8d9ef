"""JSIA-ReID's joint training: it learns, resumes, leaves a network and a generator, and its switches switch."""

import numpy as np
import pytest
import torch
from toys import stopped

from vireid_lib.generators import build, configure, load
from vireid_lib.generators.jsia.joint_config import JsiaReidConfig
from vireid_lib.generators.jsia.joint_task import MODALITY, JointTask
from vireid_lib.generators.jsia.joint_training import load_joint, train_joint
from vireid_lib.reid.features import extract

JOINT = {"height": 32, "width": 32, "identities": 3, "images": 2, "generation_identities": 2, "steps": 5}
JOINT |= {"erasing": 0.0, "padding": 0, "flip_at_test": False, "generate_every": 1}


@pytest.fixture(scope="module")
def people(toy_people):
    return toy_people[toy_people["split"] == "train"].reset_index(drop=True)


@pytest.fixture(scope="module")
def start(people, tiny, tmp_path_factory):
    """A pre-trained generator's folder."""
    folder = tmp_path_factory.mktemp("start")
    build("jsia", tiny("jsia", identities=3, steps=4), device="cpu", progress=False).fit(people, folder)
    return folder


def _train(people, folder, start, **changes):
    config = JsiaReidConfig.small(**JOINT | changes)
    options = {"seed": 1, "cache": None, "progress": False, "device": "cpu", "checkpoint_every": 2}
    return train_joint(people, config, folder, generator=start, **options), config


def test_it_learns_to_tell_people_apart_in_both_modalities(people, start, tmp_path):
    length = {"steps": 120, "generate_every": 3}
    network, config = _train(people, tmp_path, start, **length, learning_rate=3e-3)  # slow enough for every processor
    features = extract(network, people, config, None)
    visible, infrared = (np.flatnonzero(people["modality"] == name) for name in ("visible", "infrared"))
    ids = people["identity"].to_numpy()
    nearest = (features[infrared] @ features[visible].T).argmax(1).numpy()
    assert (ids[visible][nearest] == ids[infrared]).mean() > 0.5  # chance is 1 in 6
    again, held = load_joint(tmp_path)
    assert held == config and torch.equal(extract(again, people, config, None), features)
    maker = load("jsia", tmp_path, device="cpu", progress=False)
    assert maker.summary()["weights"] != load("jsia", start, device="cpu", progress=False).summary()["weights"]
    state, shared = maker.networks["set_level"].state_dict(), again.set_level.state_dict()
    assert all(torch.equal(state[name], shared[name]) for name in shared)
    images = np.zeros((2, 32, 32, 3), np.uint8)
    assert maker.translate(images, "toy/0000", "toy/3").shape == images.shape


@pytest.mark.parametrize("changes", [{}, {"set_level": "adversarial", "end_to_end": False}])
def test_resume_is_bitwise(people, start, tmp_path, changes):
    whole, _ = _train(people, tmp_path / "whole", start, **changes)
    with stopped(JointTask, 3):
        _train(people, tmp_path / "parts", start, **changes)
    parts, _ = _train(people, tmp_path / "parts", start, **changes)
    ours, theirs = parts.state_dict(), whole.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    one, other = (load("jsia", tmp_path / name, device="cpu", progress=False) for name in ("parts", "whole"))
    assert one.summary()["weights"] == other.summary()["weights"]


def _task(people, start, **changes):
    return JointTask(people, JsiaReidConfig.small(**JOINT | changes), seed=1, cache=None, start=start)


def _terms(task):
    torch.manual_seed(0)
    task.before_step(0)
    found, discriminating, _ = task._learn(task.method.move(task.batch(0)))
    return found, discriminating()


OFF = {"il_weight": 0.0, "lr_weight": 0.0, "ui_weight": 0.0}
ALL = {"identity", "triplet", "regions", "lr", "il", "ui", "generation"}


@pytest.mark.parametrize(
    ("changes", "terms", "judges"),
    [
        ({}, ALL, 2),
        (OFF, {"identity", "triplet", "generation"}, 2),
        ({"set_level": "separate"}, ALL, 2),
        ({"set_level": "separate", **OFF}, {"identity", "triplet"}, 0),  # nothing generated reaches it, so nothing is
        ({"set_level": "adversarial"}, {*ALL, "modality"}, 3),
        ({"local_pairs": "unpaired", "il_weight": 0.0, "ui_weight": 0.0}, ALL - {"il", "ui"}, 2),
    ],
)
def test_each_switch_takes_its_terms_away(people, start, changes, terms, judges):
    task = _task(people, start, **changes)
    found, of_judges = _terms(task)
    assert set(found) == terms and len(of_judges) == judges and (MODALITY in of_judges) == (judges == 3)
    assert ("set_level" in task.generators) == ("set_level" in changes and bool(judges))
    assert (set(task.modules) == {"network"}) == (not judges)


def test_what_reaches_the_generators(people, start):
    for end_to_end in (True, False):
        task = _task(people, start, end_to_end=end_to_end)
        found, _ = _terms(task)
        (found["il"] + found["lr"] + found["ui"]).backward()
        reached = [p.grad is not None for p in task.modules["decoder_visible"].parameters()]
        assert all(reached) if end_to_end else not any(reached)
        assert all(p.grad is not None for p in task.modules["network"].instance_level.parameters())


def test_the_alignment_is_between_an_image_and_what_was_made_of_it(people, start, monkeypatch):
    """Paired predictions come from one content: with styles ignored, nothing is left to align."""
    task = _task(people, start, ui_weight=0.0, lr_weight=0.0)
    task.before_step(0)
    moved = task.method.move(task.batch(0))
    real = task._for_generation(moved)
    made, _ = task._generate(real, moved.generator)
    # Were fakes perfect copies of their content's source, maps would be the source's.
    made.fake_maps["infrared"], made.fake_maps["visible"] = made.maps["visible"], made.maps["infrared"]
    assert task._align(real, made, moved.generator)["il"].item() == pytest.approx(0, abs=1e-6)


def test_running_statistics_are_of_real_images(people, start):
    """The same with and without generated images, as far as those change no weight."""
    held = []
    for changes in (OFF, {**OFF, "il_weight": 1.0, "ui_weight": 1.0}):
        task = _task(people, start, **changes)
        _terms(task)
        held.append(task.method.network.instance_level.layer2.bn1.running_mean.clone())
    assert torch.equal(*held)


def test_release_form(people, tiny, tmp_path):
    folder = tmp_path / "start"
    config = tiny("jsia", identities=3, steps=4, height=16, width=16, form="release")
    build("jsia", config, device="cpu", progress=False).fit(people, folder)
    small = {name: value for name, value in JOINT.items() if name != "generation_identities"}
    config = JsiaReidConfig.small(**small, form="release", generation_identities=2)
    assert (config.il_weight, config.lr_weight, config.ui_weight) == (0.01, 0.0, 0.0)
    network = train_joint(people, config, tmp_path / "joint", generator=folder, seed=1, cache=None, progress=False)
    assert network.behind_neck and network.set_level.grey and not network.regions
    published = JsiaReidConfig(form="release")
    assert published.il_weight == 0.01 and published.steps == 10_000 and not published.end_to_end
    task = JointTask(people, config, seed=1, cache=None, start=folder)
    decays = {name: {group["weight_decay"] for group in own.param_groups} for name, own in task.optimizers.items()}
    assert decays["generators"] == decays["discriminators"] == {1e-4}


@pytest.mark.slow
def test_one_step_at_the_papers_size(people, tmp_path):
    sizes = {"pretrained": None, "identities": 2, "images": 2, "steps": 1}
    generator = build("jsia", configure("jsia", sizes | {"visible_only": 0}), device="cpu", progress=False)
    generator.fit(people, tmp_path / "a")
    options = {"generator": tmp_path / "a", "seed": 0, "cache": None, "progress": False, "device": "cpu"}
    network = train_joint(people, JsiaReidConfig(**sizes), tmp_path / "b", **options)
    assert network.features(torch.rand(2, 3, 256, 128), "visible").shape == (2, 2048)
