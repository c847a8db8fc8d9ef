"""AlignGAN: its phases, its rows and pairs, the network that finds people, the release's sizes."""

import pytest
import torch

from vireid_lib.data.augment import normalise
from vireid_lib.generators.aligngan.config import AlignGanConfig
from vireid_lib.generators.aligngan.joint_training import SHARED, AlignGanReidConfig
from vireid_lib.generators.aligngan.networks import Classifier, PairDiscriminator, image_discriminator, make_generator
from vireid_lib.reid.features import extract


def test_the_folder_yields_the_network_that_finds_people(learnt, toy_people, pixels_of):
    """Its feature of a visible image is that of the infrared image made of it."""
    generator, folder = learnt("aligngan")
    config = AlignGanReidConfig(**{own: getattr(generator.config, theirs) for own, theirs in SHARED.items()})
    network = generator.reid_network()
    own = toy_people[toy_people["split"] == "train"].reset_index(drop=True)
    features = extract(network, own, config, None)
    assert features.shape == (72, 96)
    similarity = features @ features.T
    same = torch.from_numpy(own["identity"].to_numpy()[:, None] == own["identity"].to_numpy())
    infrared = torch.tensor((own["modality"] == "infrared").tolist())
    both = infrared[:, None] & infrared
    assert similarity[same & both].mean() > similarity[~same & both].mean() + 0.1

    images = pixels_of(generator, "visible")[:3]
    whole = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    made = torch.from_numpy(generator.translate(images, "", "toy/3")).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        visible, infrared = network.features(normalise(whole), "visible"), network.features(normalise(made), "infrared")
    torch.testing.assert_close(visible, infrared, atol=0.02, rtol=0.02)  # levels are rounded
    with pytest.raises(ValueError, match="modality is 'thermal'"):
        network.features(normalise(whole), "thermal")


@pytest.fixture
def task(task_of):
    torch.manual_seed(0)
    return task_of("aligngan", feature_identities=3)


def test_phases_follow_each_other(task):
    assert [task.phase(step) for step in (0, 2, 3, 5, 6, 9)] == ["features"] * 2 + ["pixels"] * 2 + ["both"] * 2
    assert task.steps == 10
    rates = []
    for step in (0, 7, 8):
        task.before_step(step)
        rates.append([group["lr"] for optimizer in task.optimizers.values() for group in optimizer.param_groups])
    assert rates[0] == rates[1] and rates[2] == pytest.approx([rate / 10 for rate in rates[0]])


def test_visible_and_infrared_rows_show_the_same_people(task):
    for rows, people in ((task.feature_rows, 3), (task.rows, 2)):
        visible, infrared = rows(5)
        labels = task._labels(infrared)
        assert torch.equal(task._labels(visible[: len(infrared)]), labels) and len(set(labels.tolist())) == people
    assert len(visible) == len(infrared) + 2 * 1  # of an external person


def test_one_kind_of_pair_is_right_and_four_are_wrong(task):
    """A judge that answers by brightness, by hand: (real, real) 1, another's picture 3, a made one 5; maps add 10."""
    seen = []

    def judge(images, maps):
        seen.append((images[0, 0, 0, 0].item(), maps[0, 0, 0, 0].item()))
        return torch.zeros(len(images), 1, 1, 1)

    task.modules["discriminator_pairs"] = judge
    real = torch.tensor([1.0, 1.0, 3.0, 3.0]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    made, real_maps, made_maps = torch.full((4, 3, 2, 2), 5.0), torch.full((4, 2, 1, 1), 0.0), torch.ones(4, 2, 1, 1)
    loss = task._discriminate_pairs(real, real.roll(-2, 0), made, real_maps, made_maps)
    assert seen[-1] == (1.0, 0.0) and sorted(seen[:4]) == [(1.0, 1.0), (3.0, 0.0), (5.0, 0.0), (5.0, 1.0)]
    assert loss.item() == 0.5  # (1 − 0)² / 2 for the right pair, 0 for the wrong ones


def test_sizes_of_the_release_and_refusals(task_of):
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    config = AlignGanConfig()
    assert image_discriminator()(torch.rand(1, 3, 128, 128)).shape == (1, 1, 4, 4)
    assert PairDiscriminator(2048)(torch.rand(1, 3, 128, 128), torch.rand(1, 2048, 24, 12)).shape == (1, 1, 4, 4)
    assert count(make_generator(config)) == 8_430_528 - 5 * 64 * 49 - 2 * (2 * 256 * 256 * 9 + 4 * 256)  # StarGAN's
    assert count(Classifier(config, 2048, 395)) == 2048 * 256 + 256 + 512 + 256 * 395 + 395
    assert config.phases() == (5_000, 15_000, 25_100)
    with pytest.raises(ValueError, match="no ImageNet weights"):
        AlignGanConfig.small(pretrained="somewhere")
    with pytest.raises(ValueError, match="needs 7 identities"):
        task_of("aligngan", feature_identities=7)
