"""DART: the released network, optimisers, schedule; its views and probabilities; it learns, resumes, finds noise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle_files
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from vireid_lib.analysis.gradcam import grad_cam_plus_plus
from vireid_lib.data import augment
from vireid_lib.data.sampling import AllImagesSampler, IdentitySampler
from vireid_lib.reid import methods
from vireid_lib.reid.features import extract
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.dart import Dart, DartConfig
from vireid_lib.reid.network import TwoStreamNetwork
from vireid_lib.reid.train import ReidTask, load_reid, train_reid
from vireid_lib.reid.two_stream import build_network

UNTRAINED = DartConfig(pretrained=None)
NAMES = {  # theirs: ours
    "visible_module.visible.": "backbone.stems.visible.",
    "thermal_module.thermal.": "backbone.stems.infrared.",
    "base_resnet.base.": "backbone.",
    "NL_2.": "backbone.non_local.layer2.",
    "NL_3.": "backbone.non_local.layer3.",
    ".g.0.": ".g.",
    ".W.0.": ".project.",
    ".W.1.": ".norm.",
}


def renamed(name: str) -> str:
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def unused(name: str) -> bool:
    """Their stems are whole ResNet-50s, their trunk has a stem, and there is a second BN neck: all without use."""
    in_stem = name.split(".")[2].startswith(("conv1", "bn1")) if name.count(".") > 2 else False
    surplus = name.startswith("base_resnet.") and in_stem or "_module." in name and not in_stem
    return surplus or name.startswith("bottleneck_2.")


def entries() -> dict:
    return oracle_files.read_json("networks/dart_entries")


def classes() -> int:
    return entries()["meta"]["num_classes"]


def released(network: TwoStreamNetwork, dtype: torch.dtype) -> TwoStreamNetwork:
    """`network`, made on the meta device, with the oracle's weights."""
    oracle = entries()
    weights = {
        renamed(name): oracle_files.fill(name, place, shape, oracle["fill_rule"])
        for place, (name, shape) in enumerate(oracle["entries"])
        if not unused(name)
    }
    network = network.to_empty(device="cpu").to(dtype)
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    return network


def test_parameters_of_both_networks_are_the_releases() -> None:
    with torch.device("meta"):
        pair = Dart(UNTRAINED, classes()).network
    expected = {renamed(name): shape for name, shape in entries()["entries"] if not unused(name)}
    for network in (pair.first, pair.second):
        state = network.state_dict()
        assert {n: list(v.shape) for n, v in state.items() if not n.endswith("num_batches_tracked")} == expected
    assert not {id(p) for p in pair.first.parameters()} & {id(p) for p in pair.second.parameters()}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_are_the_releases(dtype: torch.dtype) -> None:
    data = oracle_files.read("networks/dart_outputs", torch.float64)
    with torch.device("meta"):
        network = build_network(UNTRAINED, classes())
    network = released(network, dtype)
    images = oracle_files.images(oracle_files.meta("networks/dart_outputs"))
    images = {modality: batch.to(dtype) for modality, batch in images.items()}
    found = {}
    with torch.no_grad():
        network.eval()
        for short, modality in (("vis", "visible"), ("ir", "infrared")):
            found[f"out.eval_{short}_pool_l2"] = F.normalize(network.pooled(images[modality], modality))
            found[f"out.eval_{short}_feat_l2"] = F.normalize(network.features(images[modality], modality))
        found["out.train_pool"], found["out.train_logits"] = network.train()(**images)
    assert found.keys() == data.keys()
    for name, value in found.items():
        expected = data[name]
        limit = 2e-6 if dtype == torch.float64 else 2e-3 if "train" in name else 1e-4
        assert (value.double() - expected).abs().max() <= limit * expected.abs().max(), name


def test_optimiser_groups_and_rates_are_the_releases() -> None:
    oracles, rate = oracle_files.schedule("DART")
    identities = oracle_files.classes_of(next(iter(oracles.values()))["groups"])
    with torch.device("meta"):
        method = Dart(UNTRAINED.model_copy(update={"learning_rate": rate}), identities)
        optimizer = method.optimizer()
    surplus = [shape for name, shape in entries()["entries"] if unused(name) and "running" not in name]
    for oracle, groups in zip(oracles.values(), (optimizer.param_groups[:3], optimizer.param_groups[3:]), strict=True):
        expected = [[group["n_tensors"], group["n_values"]] for group in oracle["groups"]]
        expected[0] = [expected[0][0] - len(surplus), expected[0][1] - sum(int(np.prod(shape)) for shape in surplus)]
        assert type(optimizer).__name__ == oracle["optimizer"]
        for group, theirs, (tensors, values) in zip(groups, oracle["groups"], expected, strict=True):
            assert len(group["params"]) == tensors and sum(p.numel() for p in group["params"]) == values
            for key in ("weight_decay", "momentum", "nesterov", "dampening"):
                assert group[key] == theirs[key], key
        assert oracle["epochs"] == [0, UNTRAINED.epochs - 1]
        for epoch, rates in enumerate(oracle["lr_per_epoch_per_group"]):
            share = method.learning_rate(epoch, 0, 1)
            assert [group["lr"] * share for group in groups] == pytest.approx(rates, rel=1e-12)


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


@pytest.mark.parametrize("epoch", [0, 1])
def test_one_batch_can_be_overfitted(epoch: int) -> None:
    method = build(tiny(label_smoothing=0.0))
    optimizer, batch = method.optimizer(), method.augment(pair_batch(epoch=epoch))
    for _ in range(40):
        losses = method.loss(batch)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    assert losses["accuracy"] == 1.0 and losses["identity"] < 0.1
    assert ("quadruplet" in losses) == (epoch == 1)


def test_each_network_sees_its_images_as_they_are_and_with_one_channel() -> None:
    config = tiny(padding=0, flip=0.0, erasing=0.0, infrared_exchange=0.0, infrared_grey=0.0)
    batch = pair_batch()
    shown = build(config).augment(batch)
    plain = augment.normalise(batch.visible)
    for half, images in zip(shown.visible.chunk(2), plain.chunk(2), strict=True):
        assert torch.equal(half[:8], images)
        assert all(any(torch.equal(a, b[c].expand(3, -1, -1)) for c in range(3)) for a, b in zip(half[8:], images))  # noqa: B905
    assert torch.equal(shown.visible_labels, batch.visible_labels.repeat(2))
    assert torch.equal(shown.infrared, augment.normalise(batch.infrared))


def test_a_network_is_weighed_by_what_the_other_found() -> None:
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


def test_probabilities_belong_to_views_and_rows() -> None:
    method = build(tiny(label_smoothing=0.0))
    batch = method.augment(pair_batch(epoch=1))
    method.pair.clean[1] = 0
    method.pair.clean[1, 1, 3] = 1  # the first network may learn from the exchanged view of image 3 alone
    outputs = method.network(batch.visible, batch.infrared)[0]
    expected = F.cross_entropy(outputs.logits[8 + 3 : 8 + 4], batch.visible_labels[3:4]) / 24
    method.pair.clean[0] = 0
    assert method.loss(batch)["identity"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_batches_of_the_networks_differ_after_the_warm_up() -> None:
    labels = np.arange(80) % 8
    sampler = Dart.sampler(tiny(noise_warm_up=1, redraw_below=4), labels, labels[:64], external=[], seed=0)
    assert sampler.steps_per_epoch == 80 // 8 + 1 == AllImagesSampler(80, 64, images=8, seed=0).steps_per_epoch
    warm, later = sampler.batch(0, 0), sampler.batch(1, 0)
    assert all(np.array_equal(rows[:8], rows[8:]) for rows in warm)
    assert not any(np.array_equal(rows[:8], rows[8:]) for rows in later)
    first = IdentitySampler(labels, labels[:64], identities=4, images=2, seed=0, redraw_below=4).batch(1, 0)
    assert all(np.array_equal(rows[:8], expected) for rows, expected in zip(later, first, strict=True))
    mixed = Dart.sampler(tiny(mix=0.5), labels, labels[:64], external={6, 7}, seed=0).batch(3, 2)
    assert np.isin(labels[mixed[0]], [6, 7]).tolist() == ([False] * 4 + [True] * 4) * 2


def test_resumed_training_is_the_unbroken_one(
    coloured_people: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Epochs of three steps; the run breaks in the second, after a checkpoint that follows its noise modelling.
    table, config = coloured_people(6, 3), tiny(steps=7, label_noise=0.2)
    options = {"seed": 2, "cache": None, "checkpoint_every": 4, "progress": False, "device": "cpu"}
    whole = train_reid(table, config, tmp_path / "whole", **options)
    assert ((0 < whole.clean) & (whole.clean < 1)).any()
    losses = ReidTask.losses

    def crash(task: ReidTask, step: int) -> dict:
        if step == 5:
            raise KeyboardInterrupt
        return losses(task, step)

    with monkeypatch.context() as patch:
        patch.setattr(ReidTask, "losses", crash)
        with pytest.raises(KeyboardInterrupt):
            train_reid(table, config, tmp_path / "broken", **options)
    looks, look = [], Dart.start_epoch

    def count(method: Dart, epoch: int, every_image: Callable) -> None:
        looks.append(epoch)
        look(method, epoch, every_image)

    monkeypatch.setattr(Dart, "start_epoch", count)
    continued = train_reid(table, config, tmp_path / "broken", **options).state_dict()
    assert looks == [2]
    for name, value in whole.state_dict().items():
        assert torch.equal(continued[name], value), name
    again = load_reid(tmp_path / "whole")[0]
    assert torch.equal(again.clean, whole.clean)
    unit = extract(again, table, config, None).norm(dim=1)
    assert (unit < 1 + 1e-6).all() and (unit < 0.999).any()  # the mean of unit features, ranked as it is


def test_wrong_labels_are_found(coloured_people: Callable, tmp_path: Path) -> None:
    table, config = coloured_people(8, 8), tiny(steps=36, noise_warm_up=2, label_noise=0.2, erasing=0.0)
    network = train_reid(table, config, tmp_path, seed=0, cache=None, progress=False, device="cpu")
    task = ReidTask(table, config, seed=0, cache=None)
    wrong = torch.from_numpy(task.labels != task.true_labels)
    probability = network.clean[:, 0].mean(dim=0)
    assert probability[~wrong].mean() > probability[wrong].mean() + 0.3


def test_features_are_the_mean_of_both_networks() -> None:
    pair = build(tiny()).network.eval()
    images = torch.rand(3, 3, 64, 32)
    expected = sum(F.normalize(net.features(images, "infrared")) for net in (pair.first, pair.second)) / 2
    torch.testing.assert_close(pair.features(images, "infrared"), expected)
    towards = expected.detach().roll(1, dims=0)
    heat, similarity = grad_cam_plus_plus(pair, images, "infrared", towards)
    assert heat.shape == (3, 8, 4) and heat.amax() == 1
    torch.testing.assert_close(similarity, F.cosine_similarity(expected.detach(), towards))


def test_what_cannot_be_trained_is_refused(coloured_people: Callable) -> None:
    method = build(tiny())
    with pytest.raises(ValueError, match="The batch has no infrared images"):
        method.network(torch.rand(2, 3, 64, 32), torch.rand(0, 3, 64, 32))
    with pytest.raises(ValueError, match="no identity has 4 images in both modalities"):
        ReidTask(coloured_people(5, 2), tiny(redraw_below=4), seed=0, cache=None)
    with pytest.raises(ValueError, match="Labels run from 0 to 9, but the classifier has 4 identities"):
        method.loss(method.augment(pair_batch(infrared_labels=torch.full((16,), 9))))


def test_published_recipe() -> None:
    config = DartConfig.published("regdb", label_noise=0.5)
    assert (config.height, config.width, config.identities, config.images, config.epochs) == (288, 144, 8, 4, 100)
    assert (config.noise_warm_up, config.noise_every, config.threshold, config.margin) == (1, 1, 0.5, 0.3)
    assert config.similarity == "dot" and not config.flip_at_test and config.label_noise == 0.5


@pytest.mark.slow
def test_published_training_step_runs() -> None:
    method = methods.build("dart", UNTRAINED, 395)
    method.start_training(pd.DataFrame(index=range(128)))
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(8).repeat_interleave(4).repeat(2)
    visible, infrared = torch.rand(2, 64, 3, 288, 144, generator=generator)
    rows = torch.arange(64)
    batch = method.augment(Batch(visible, infrared, labels, labels, rows, rows + 64, generator, epoch=1))
    optimizer = method.optimizer()
    with torch.autocast("cpu", torch.bfloat16):  # two networks × 96 images: 10 GB, and 19 GB in float32
        losses = method.loss(batch)
    losses["total"].backward()
    optimizer.step()
    assert batch.visible.shape == (128, 3, 288, 144) and all(torch.isfinite(value) for value in losses.values())
