"""AlignGAN: pixels and features learn in their phases, it resumes, yields both networks, and refuses."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vireid_lib.data.augment import normalise
from vireid_lib.generators import build
from vireid_lib.generators.aligngan.aligngan import load_joint
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.networks import Classifier, ImageJudge, PairJudge, make_generator
from vireid_lib.generators.aligngan.task import AlignGanTask
from vireid_lib.generators.batches import Batches
from vireid_lib.reid.features import extract
from vireid_lib.reid.layers import average_pool

TINY = {
    "shortcut": False,
    "height": 32,
    "width": 24,
    "generator_width": 4,
    "blocks": 1,
    "discriminator_width": 4,
    "feature_height": 32,
    "feature_width": 24,
    "embedding": 8,
    "identities": 2,
    "images": 2,
    "feature_identities": 3,
    "feature_images": 2,
    "feature_warm_up": 0.3,
    "pixel_warm_up": 0.3,
    "steps": 10,
    "identity_weight": 2.0,
    "checkpoint_every": 4,
}


@pytest.fixture(scope="module")
def learnt(fit_to_toys):
    settings = {
        "generator_width": 8,
        "feature_identities": 6,
        "feature_warm_up": 0.25,
        "pixel_warm_up": 0.4,
        "steps": 120,
        "learning_rate": 2e-3,
        "checkpoint_every": 0,
    }
    return fit_to_toys("aligngan", AlignGanConfig.small(**TINY | settings))


def test_pixels_and_features_learn(learnt):
    for name in ("cycle", "class_real"):
        _, values = learnt[0].history.column(name)
        assert values[-1] < 0.8 * values[0], name


def test_translations_are_closer_to_the_target_modality_than_the_input_is(learnt, still_to_go):
    assert still_to_go(learnt[0]) < 0.7


def test_the_folder_yields_the_network_that_finds_people(learnt, toy_people, modality_pixels):
    """Its feature of a visible image is that of the infrared image made of it."""
    network, config = load_joint(learnt[1])
    own = toy_people[toy_people["split"] == "train"].reset_index(drop=True)
    features = extract(network, own, config, None)
    assert features.shape == (72, 96)
    similarity = features @ features.T
    same = torch.from_numpy(own["identity"].to_numpy()[:, None] == own["identity"].to_numpy())
    infrared = torch.tensor((own["modality"] == "infrared").tolist())
    both = infrared[:, None] & infrared
    assert similarity[same & both].mean() > similarity[~same & both].mean() + 0.1

    images = modality_pixels(toy_people, "visible")[:3]
    whole = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    made = torch.from_numpy(learnt[0].translate(images, "", "toy/3")).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        visible, infrared = network.features(normalise(whole), "visible"), network.features(normalise(made), "infrared")
    torch.testing.assert_close(visible, infrared, atol=0.02, rtol=0.02)  # levels are rounded
    with pytest.raises(ValueError, match="no modality 'thermal'"):
        network.features(normalise(whole), "thermal")


def test_a_gallery_of_external_people(learnt, check_gallery, toy_people, modality_pixels):
    again, images = check_gallery("aligngan", learnt), modality_pixels(toy_people, "visible")
    with pytest.raises(ValueError, match="camera 'toy/9'"):
        again.translate(images, "", "toy/9")
    with pytest.raises(ValueError, match="32x24"):
        again.translate(images[:, 1:], "", "toy/3")


def test_resume_is_bitwise(check_resume):
    """The checkpoint is of the second phase, the stop in the third."""
    check_resume("aligngan", AlignGanConfig.small(**TINY), AlignGanTask, stop=7, started_at=4)


@pytest.fixture
def task(toy_people):
    torch.manual_seed(0)
    return AlignGanTask(AlignGanConfig.small(**TINY), Batches(toy_people, (32, 24), None))


def test_phases_follow_each_other(task):
    assert [task.phase(step) for step in (0, 2, 3, 5, 6, 9)] == ["features"] * 2 + ["pixels"] * 2 + ["both"] * 2
    assert task.steps == 10
    rates = []
    for step in (0, 7, 8):
        task.before_step(step)
        rates.append([group["lr"] for optimizer in task.optimizers.values() for group in optimizer.param_groups])
    assert rates[0] == rates[1] and rates[2] == pytest.approx([rate / 10 for rate in rates[0]])


def test_several_processes_are_refused(task):
    with pytest.raises(ValueError, match="trains in one process"):
        task.bind(SimpleNamespace(num_processes=2, process_index=0, device=torch.device("cpu")), 0)


def test_visible_and_infrared_rows_show_the_same_people(task):
    for part, people in (("features", 3), ("pixels", 2)):
        visible, infrared = task._rows(5, part)
        labels = task._labels(infrared)
        assert torch.equal(task._labels(visible[: len(infrared)]), labels) and len(set(labels.tolist())) == people
    assert len(visible) == len(infrared) + 2  # of an external person


def test_one_kind_of_pair_is_right_and_four_are_wrong(task):
    """A judge that answers by brightness, by hand: (real, real) 1, another's picture 3, a made one 5; maps add 10."""
    seen = []

    def judge(images, maps):
        seen.append((images[0, 0, 0, 0].item(), maps[0, 0, 0, 0].item()))
        return torch.zeros(len(images), 1, 1, 1)

    task.modules["judge_pairs"] = judge
    real = torch.tensor([1.0, 1.0, 3.0, 3.0]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    made, real_maps, made_maps = torch.full((4, 3, 2, 2), 5.0), torch.full((4, 2, 1, 1), 0.0), torch.ones(4, 2, 1, 1)
    loss = task._judge_pairs(real, made, real_maps, made_maps)
    assert seen[-1] == (1.0, 0.0) and sorted(seen[:4]) == [(1.0, 1.0), (3.0, 0.0), (5.0, 0.0), (5.0, 1.0)]
    assert loss.item() == 0.5  # (1 − 0)² / 2 for the right pair, 0 for the wrong ones


def test_sizes_of_the_release_and_refusals(toy_people):
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    config = AlignGanConfig()
    assert ImageJudge()(torch.rand(1, 3, 128, 128)).shape == (1, 1, 4, 4)
    assert PairJudge(2048)(torch.rand(1, 3, 128, 128), torch.rand(1, 2048, 24, 12)).shape == (1, 1, 4, 4)
    assert count(make_generator(config)) == 8_430_528 - 5 * 64 * 49 - 2 * (2 * 256 * 256 * 9 + 4 * 256)  # StarGAN's
    assert count(Classifier(config, 2048, 395)) == 2048 * 256 + 256 + 512 + 256 * 395 + 395
    with pytest.raises(ValueError, match="multiples of 32"):
        AlignGanConfig(height=144, width=72)
    assert config.phases() == (5_000, 15_000, 25_100)
    with pytest.raises(ValueError, match="leave a share"):
        AlignGanConfig(pixel_warm_up=0.9)
    with pytest.raises(ValueError, match="no ImageNet weights"):
        AlignGanConfig.small(pretrained="somewhere")
    with pytest.raises(ValueError, match="needs 7 identities"):
        AlignGanTask(AlignGanConfig.small(**TINY | {"feature_identities": 7}), Batches(toy_people, (32, 24), None))


def test_features_are_pooled_maps(task):
    images = torch.rand(2, 3, 32, 24) * 2 - 1
    network = task.modules["features"].eval()
    assert "visible" not in network.backbone.stems
    assert average_pool(network(images)).shape == (2, 96) and network.embed(torch.rand(2, 96)).shape == (2, 8)


@pytest.mark.slow
def test_one_update_at_the_released_size(toy_people, tmp_path):
    """The batch's people are those that the toy has."""
    config = AlignGanConfig(pretrained=None, feature_identities=6, feature_warm_up=0.0, pixel_warm_up=0.0, steps=1)
    generator = build("aligngan", config, device="cpu", progress=False)
    generator.fit(toy_people, tmp_path)
    assert np.isfinite(list(generator.history[-1].values())).all()
    assert generator.translate(np.zeros((1, 128, 128, 3), np.uint8), "", "toy/3").shape == (1, 128, 128, 3)
