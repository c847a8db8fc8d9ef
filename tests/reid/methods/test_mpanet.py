"""MPANet: its forms and its teachers."""

import torch

from vireid_lib.reid import methods
from vireid_lib.reid.methods.mpanet import MpanetConfig


def test_forms_differ_where_the_release_does(random_batch):
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
    assert not torch.allclose(release["mutual"], paper["mutual"])
    for same in ("identity", "separation", "centre_cluster"):
        assert torch.equal(paper[same], release[same])


def test_teachers_follow_their_classifier_and_get_no_gradient(random_batch):
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
