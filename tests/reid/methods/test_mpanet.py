"""MPANet: its forms, teachers, augmentation, samplers and sizes; its expanded form's two heads."""

from collections.abc import Callable

import pytest
import torch

from vireid_lib.data import tables
from vireid_lib.reid import methods
from vireid_lib.reid.losses.centre_losses import centre_loss
from vireid_lib.reid.methods.mpanet import MpanetConfig
from vireid_lib.reid.train import ReidTask


def test_forms_differ_where_the_release_does(random_batch: Callable) -> None:
    torch.manual_seed(0)
    method = methods.build("mpanet", MpanetConfig.small(centre_weight=1.0, label_smoothing=0.0), 4)
    given = random_batch()
    with torch.no_grad():
        for teacher in method.network.teachers.values():
            teacher.weight.mul_(3)
        output = method.network(given.visible, given.infrared)
    found = {}
    for form in ("paper", "release"):
        method.config = method.config.model_copy(update={"form": form})
        found[form] = method.losses(output, given.labels, len(given.visible))
    paper, release = found["paper"], found["release"]
    assert torch.allclose(release["modality"], 2 * paper["modality"])
    assert torch.allclose(release["centre"] * 4, paper["centre"])
    assert torch.allclose(paper["centre"], centre_loss(output.pooled, given.labels, output.centres))
    assert not torch.allclose(release["mutual"], paper["mutual"])
    for same in ("identity", "separation", "centre_cluster"):
        assert torch.equal(paper[same], release[same])


def test_teachers_follow_their_classifier_and_get_no_gradient(random_batch: Callable) -> None:
    torch.manual_seed(0)
    method = methods.build("mpanet", MpanetConfig.small(), 4)
    network, given = method.network, random_batch()
    for modality in ("visible", "infrared"):
        assert torch.equal(network.teachers[modality].weight, network.own_classifiers[modality].weight)
    with torch.no_grad():
        network.own_classifiers["visible"].weight.add_(1.0)
    before = network.teachers["visible"].weight.clone()
    method.loss(given)["total"].backward()
    torch.testing.assert_close(network.teachers["visible"].weight, before + 0.2)
    assert all(teacher.weight.grad is None for teacher in network.teachers.values())
    # A visible row is taught by the infrared teacher.
    network.eval()
    output = network(given.visible, given.infrared)
    features = network.features(given.visible, "visible")
    torch.testing.assert_close(output.teacher_logits[:8], network.teachers["infrared"](features))
    torch.testing.assert_close(output.own_logits[:8], network.own_classifiers["visible"](features))


def tiny(**changes) -> MpanetConfig:
    return MpanetConfig.small(**{"identities": 4, "images": 2, "steps": 7, **changes})


@pytest.mark.parametrize("sampler", ["identity_random", "identity_uniform", "with_replacement"])
def test_external_identities_take_their_share_under_each_sampler(sampler: str, coloured: Callable) -> None:
    real, external = coloured(5, 4), coloured(8, 2, "market", "external")
    table = tables.concat(real, external)
    for mix, shares in ((0.5, {2}), (None, {0, 1, 2, 3, 4})):
        task = ReidTask(table, tiny(sampler=sampler, mix=mix), seed=0, cache=None)
        assert task.steps == 7
        found = set()
        for step in range(12):
            given = task.batch(step)
            assert torch.equal(given.visible_labels, given.infrared_labels)
            chosen = table["split"].iloc[given.visible_rows.numpy()].eq("external").to_numpy()
            found.add(int(chosen.sum()) // 2)
        assert found <= shares and (mix is None) == (len(found) > 1)
    assert ReidTask(real, tiny(sampler=sampler), seed=0, cache=None).batch(0).visible.shape == (8, 3, 64, 32)


def test_published_sizes() -> None:
    with torch.device("meta"):
        network = methods.build("mpanet", MpanetConfig(pretrained=None), 395).network.eval()
        images = torch.rand(1, 3, 384, 128)
        assert network.feature_map(images, "visible").shape == (1, 2048, 24, 8)
        assert network.features(images, "infrared").shape == (1, 7 * 2048)
