"""CAJ: the released network, optimiser and schedule; its three views; it learns and resumes."""

from collections.abc import Callable

import numpy as np
import oracle_files
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from vireid_lib.data import augment
from vireid_lib.reid import methods
from vireid_lib.reid.methods.caj import Caj, CajConfig
from vireid_lib.reid.two_stream import build_network

UNTRAINED = CajConfig(pretrained=None)
NAMES = {  # theirs: ours; their stems are whole ResNet-50s and their trunk has a stem, of which they use nothing
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
    in_stem = ".conv1." in name[:30] or ".bn1." in name[:30]
    in_stem = in_stem and "layer" not in name
    return name.startswith("base_resnet.") and in_stem or "_module." in name and not in_stem


def read_entries() -> dict:
    return oracle_files.read_json("networks/caj_entries")


def classes() -> int:
    return read_entries()["meta"]["num_classes"]


def test_parameters_are_the_releases() -> None:
    with torch.device("meta"):
        ours = build_network(UNTRAINED, classes()).state_dict()
    expected = {renamed(name): shape for name, shape in read_entries()["entries"] if not unused(name)}
    found = {name: list(v.shape) for name, v in ours.items() if not name.endswith("num_batches_tracked")}
    assert found == expected


def test_outputs_are_the_releases() -> None:
    oracle = read_entries()
    name = "networks/caj_outputs"
    data, shown = oracle_files.read(name), oracle_files.images(oracle_files.meta(name))
    weights = {
        renamed(name): oracle_files.fill(name, place, shape, oracle["fill_rule"])
        for place, (name, shape) in enumerate(oracle["entries"])
        if not unused(name)
    }
    with torch.device("meta"):
        network = build_network(UNTRAINED, classes())
    network = network.to_empty(device="cpu").eval()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    for short, modality in (("vis", "visible"), ("ir", "infrared")):
        images = shown[modality].float()
        with torch.no_grad():
            found = {"pool": network.pooled(images, modality), "feat": network.features(images, modality)}
        for kind, rows in found.items():
            expected = data[f"out.eval_{short}_{kind}_l2"].float()
            assert (F.normalize(rows) - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_optimiser_groups_and_rates_are_the_releases() -> None:
    recorded, rate = oracle_files.schedule("CAJ")
    oracle = recorded["optimizer"]
    with torch.device("meta"):
        method = Caj(UNTRAINED.model_copy(update={"learning_rate": rate}), oracle_files.classes_of(oracle["groups"]))
        optimizer = method.optimizer()
    surplus = [shape for name, shape in read_entries()["entries"] if unused(name) and "running" not in name]
    expected = [[group["n_tensors"], group["n_values"]] for group in oracle["groups"]]
    expected[0] = [expected[0][0] - len(surplus), expected[0][1] - sum(int(np.prod(shape)) for shape in surplus)]
    assert type(optimizer).__name__ == oracle["optimizer"]
    for group, theirs, (tensors, values) in zip(optimizer.param_groups, oracle["groups"], expected, strict=True):
        assert len(group["params"]) == tensors and sum(p.numel() for p in group["params"]) == values
        for key in ("weight_decay", "momentum", "nesterov", "dampening"):
            assert group[key] == theirs[key], key
    assert oracle["epochs"] == [0, UNTRAINED.epochs - 1]
    for epoch, rates in enumerate(oracle["lr_per_epoch_per_group"]):
        share = method.learning_rate(epoch, 0, 1)
        assert [group["lr"] * share for group in optimizer.param_groups] == pytest.approx(rates, rel=1e-12)


def still(**changes) -> CajConfig:
    """Only colours change."""
    return CajConfig.small(padding=0, flip=0.0, erasing=0.0, **changes)


@pytest.mark.parametrize("form", ["paper", "release"])
def test_visible_images_are_shown_as_they_are_and_with_one_channel(form: str, random_batch: Callable) -> None:
    batch = random_batch()
    shown = methods.build("caj", still(form=form, infrared_exchange=0.0, infrared_grey=0.0), 4).augment(batch)
    plain, exchanged = shown.visible.chunk(2)
    assert torch.equal(plain, augment.normalise(batch.visible))
    assert torch.equal(shown.infrared, augment.normalise(batch.infrared))
    assert torch.equal(shown.labels, torch.cat((batch.visible_labels, batch.visible_labels, batch.infrared_labels)))
    assert torch.equal(shown.visible_rows, batch.visible_rows)
    for i in range(len(exchanged)):
        if form == "release":
            options = [plain[i, channel].expand(3, -1, -1) for channel in range(3)]
        else:
            options = [augment.normalise(batch.visible[i : i + 1, c : c + 1].expand(1, 3, -1, -1))[0] for c in range(3)]
        assert any(torch.equal(exchanged[i], option) for option in options)


def test_infrared_images_keep_turn_grey_or_show_a_channel(random_batch: Callable) -> None:
    batch = random_batch(64, 4, 4, 4)
    before = augment.normalise(batch.infrared)
    after = methods.build("caj", still(), 64).augment(batch).infrared
    single = [before[:, channel : channel + 1].expand_as(before) for channel in range(3)]
    grey = augment.grey(before, torch.Generator(), 1.0)
    # A luminance of three equal channels differs from them by rounding.
    shares = [(after - like).abs().flatten(1).amax(dim=1).lt(1e-6).float().mean() for like in (before, *single, grey)]
    assert sum(shares) == 1.0
    assert torch.stack(shares).tolist() == pytest.approx([1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8], abs=0.08)


def test_grey_replaces_what_is_not_exchanged(random_batch: Callable) -> None:
    batch = random_batch(16, 4)
    shown = methods.build("caj", still(channel_exchange=0.5, grey=1.0), 16).augment(batch).visible.chunk(2)[1]
    torch.testing.assert_close(shown[:, 0], shown[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(shown[:, 0], shown[:, 2], atol=1e-6, rtol=0)


def test_each_view_moves_and_is_erased_alone_and_all_repeat(random_batch: Callable) -> None:
    config = CajConfig.small(channel_exchange=0.0, infrared_exchange=0.0, infrared_grey=0.0)
    method, batch = methods.build("caj", config, 4), random_batch()
    before = batch.visible.clone()
    first, second = method.augment(batch), method.augment(random_batch())
    assert torch.equal(batch.visible, before)
    assert torch.equal(first.visible, second.visible) and torch.equal(first.infrared, second.infrared)
    plain, other = first.visible.chunk(2)
    assert not torch.equal(plain, other)


def test_consistency_pulls_visible_predictions_to_infrared_ones(random_batch: Callable) -> None:
    method = methods.build("caj", still(consistency=0.5), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == {"total", "identity", "triplet", "consistency", "accuracy"}
    torch.testing.assert_close(losses["total"], losses["identity"] + losses["triplet"] + losses["consistency"])
    assert "consistency" not in methods.build("caj", still(), 4).loss(method.augment(random_batch()))


@pytest.mark.parametrize("changes", [{}, {"squared": False, "consistency": 1.0}])
def test_one_batch_can_be_overfitted(changes: dict, check_overfit: Callable) -> None:
    check_overfit(CajConfig.small(label_smoothing=0.0, **changes))


def test_resumed_training_is_the_unbroken_one(check_resume: Callable) -> None:
    check_resume(CajConfig.small(identities=4, images=2))


def test_missing_modality_is_refused(random_batch: Callable) -> None:
    method, batch = methods.build("caj", CajConfig.small(), 4), random_batch()
    batch.infrared, batch.infrared_labels = batch.infrared[:0], batch.infrared_labels[:0]
    with pytest.raises(ValueError, match="no infrared image"):
        method.loss(method.augment(batch))


def test_recipes() -> None:
    for dataset in ("sysu_mm01", "regdb", "llcm"):
        assert CajConfig.published(dataset) == CajConfig()
    small = CajConfig.small()
    assert (small.backbone, small.channel_exchange, small.squared) == ("small", 1.0, True)
    assert CajConfig.small(channel_exchange=0.3).channel_exchange == 0.3
    with pytest.raises(ValidationError, match="form\n.*'paper' or 'release'"):
        methods.configure("caj", {"form": "code"})


@pytest.mark.slow
def test_published_training_step_runs(check_published_step: Callable) -> None:
    check_published_step(UNTRAINED)
