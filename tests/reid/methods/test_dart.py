"""DART: its two networks, their views and probabilities, its samplers; it finds noise."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from vireid_lib.data import augment, tables
from vireid_lib.data.sampling import AllImagesSampler, IdentitySampler
from vireid_lib.reid import methods
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.dart import Dart, DartConfig
from vireid_lib.reid.train import ReidTask, train_reid


def tiny(**changes) -> DartConfig:
    settings = {"identities": 4, "images": 2, "noise_warm_up": 1, "noise_every": 1} | changes
    return DartConfig.small(**settings)


def pair_batch(**changes) -> Batch:
    """Four identities × two images for each network; the rows of the table are numbered as the images are."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(2).repeat(2)
    visible, infrared = torch.rand(2, 16, 3, 32, 16, generator=generator)
    rows = torch.arange(16)
    return replace(Batch(visible, infrared, labels, labels, rows, rows + 16, generator), **changes)


def build(config: DartConfig, rows: int = 32) -> Dart:
    torch.manual_seed(0)
    method = methods.build("dart", config, 4)
    method.start_training(pd.DataFrame(index=range(rows)))
    return method


def test_each_network_sees_its_images_as_they_are_and_with_one_channel():
    config = tiny(padding=0, flip=0.0, erasing=0.0, infrared_exchange=0.0, infrared_grey=0.0)
    batch = pair_batch()
    shown = build(config).augment(batch)
    plain = augment.normalise(batch.visible)
    for half, images in zip(shown.visible.chunk(2), plain.chunk(2), strict=True):
        assert torch.equal(half[:8], images)
        assert all(any(torch.equal(a, b[c].expand(3, -1, -1)) for c in range(3)) for a, b in zip(half[8:], images))  # noqa: B905
    assert torch.equal(shown.visible_labels, batch.visible_labels.repeat(2))
    assert torch.equal(shown.infrared, augment.normalise(batch.infrared))


def test_a_network_is_weighed_by_what_the_other_found():
    method = build(tiny())
    batch = method.augment(pair_batch(epoch=1))

    def gradients() -> list[float]:
        for parameter in method.network.parameters():
            parameter.grad = None
        method.loss(batch)["total"].backward()
        return [float(net.classifier.weight.grad.abs().sum()) for net in (method.pair.first, method.pair.second)]

    assert all(gradients())
    method.pair.clean[1] = 0
    first, second = gradients()
    assert first == 0 and second > 0


def test_probabilities_belong_to_views_and_rows():
    method = build(tiny(label_smoothing=0.0))
    batch = method.augment(pair_batch(epoch=1))
    method.pair.clean[1] = 0
    method.pair.clean[1, 1, 3] = 1  # the first network may learn from the exchanged view of image 3 alone
    outputs = method.network(batch.visible, batch.infrared)[0]
    expected = F.cross_entropy(outputs.logits[8 + 3 : 8 + 4], batch.visible_labels[3:4]) / 24
    method.pair.clean[0] = 0
    assert method.loss(batch)["identity"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_batches_of_the_networks_differ_after_the_warm_up():
    labels = np.arange(80) % 8
    sampler = Dart.sampler(tiny(noise_warm_up=1, redraw_below=4, mix=None), labels, labels[:64], external=[], seed=0)
    assert sampler.steps_per_epoch == 80 // 8 + 1 == AllImagesSampler(80, 64, images=8, seed=0).steps_per_epoch
    warm, later = sampler.batch(0, 0), sampler.batch(1, 0)
    assert all(np.array_equal(rows[:8], rows[8:]) for rows in warm)
    assert not any(np.array_equal(rows[:8], rows[8:]) for rows in later)
    first = IdentitySampler(labels, labels[:64], identities=4, images=2, seed=0, redraw_below=4).batch(1, 0)
    assert all(np.array_equal(rows[:8], expected) for rows, expected in zip(later, first, strict=True))
    mixed = Dart.sampler(tiny(mix=0.5), labels, labels[:64], external={6, 7}, seed=0).batch(3, 2)
    assert np.isin(labels[mixed[0]], [6, 7]).tolist() == ([False] * 4 + [True] * 4) * 2


def test_wrong_labels_are_found(coloured, tmp_path):
    table, config = coloured(8, 8), tiny(steps=36, noise_warm_up=2, label_noise=0.2, erasing=0.0)
    network = train_reid(table, config, tmp_path, seed=0, cache=None, progress=False, device="cpu")
    task = ReidTask(table, config, seed=0, cache=None)
    wrong = torch.from_numpy(task.labels != tables.identity_labels(table)[0])
    probability = network.clean[:, 0].mean(dim=0)
    assert probability[~wrong].mean() > probability[wrong].mean() + 0.3


def test_features_are_the_mean_of_both_networks():
    pair = build(tiny()).network.eval()
    images = torch.rand(3, 3, 64, 32)
    expected = sum(F.normalize(net.features(images, "infrared")) for net in (pair.first, pair.second)) / 2
    torch.testing.assert_close(pair.features(images, "infrared"), expected)


def test_noise_modelling_is_not_repeated_by_a_resumed_training(coloured, broken_training, monkeypatch):
    # Epochs of three steps; the run breaks in the second, after a checkpoint that follows its noise modelling.
    whole, resume = broken_training(coloured(6, 3), tiny(steps=7, label_noise=0.2), at=5, every=4)
    assert ((0 < whole.clean) & (whole.clean < 1)).any()
    looks, look = [], Dart.start_epoch

    def count(method: Dart, epoch: int, every_image: Callable) -> None:
        looks.append(epoch)
        look(method, epoch, every_image)

    monkeypatch.setattr(Dart, "start_epoch", count)
    continued = resume().state_dict()
    assert looks == [2]
    assert all(torch.equal(continued[name], value) for name, value in whole.state_dict().items())
