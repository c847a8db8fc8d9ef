"""MMD-ReID: its network, recipe and losses; it learns and resumes."""

from collections.abc import Callable

import oracle_files
import pytest
import torch
from pydantic import ValidationError

from vireid_lib.reid import methods
from vireid_lib.reid.losses.hetero_centre_triplet import hetero_centre_triplet
from vireid_lib.reid.losses.margin_mmd import margin_mmd
from vireid_lib.reid.losses.maximum_mean_discrepancy import maximum_mean_discrepancy
from vireid_lib.reid.methods.mmd_reid import MmdReid, MmdReidConfig
from vireid_lib.reid.two_stream import build_network

UNTRAINED = MmdReidConfig(pretrained=None)


def test_network_is_the_releases() -> None:
    """Nobody recorded it: its parts are AGW's, without non-local blocks and with stems that reach to layer 2."""
    oracle = oracle_files.read_json("networks/agw_entries")
    expected = {}
    for name, shape in oracle["entries"]:
        stream, _, rest = name.partition(".")
        own = rest.partition(".")[2].startswith(("conv1", "bn1", "layer1", "layer2"))
        if stream in ("visible_module", "thermal_module") and own:
            modality = "visible" if stream == "visible_module" else "infrared"
            expected[f"backbone.stems.{modality}.{rest.partition('.')[2]}"] = shape
        elif stream == "base_resnet" and not own:
            expected[f"backbone.{rest.partition('.')[2]}"] = shape
        elif stream in ("bottleneck", "classifier"):
            expected[name] = shape
    with torch.device("meta"):
        ours = build_network(UNTRAINED, oracle["meta"]["num_classes"]).state_dict()
    assert {name: list(v.shape) for name, v in ours.items() if not name.endswith("num_batches_tracked")} == expected


def test_rates_are_agws_over_61_epochs() -> None:
    recorded, rate = oracle_files.schedule("AGW")
    oracle = recorded["optimizer"]
    with torch.device("meta"):
        method = MmdReid(UNTRAINED.model_copy(update={"learning_rate": rate}), 395)
        optimizer = method.optimizer()
    assert type(optimizer).__name__ == oracle["optimizer"] and UNTRAINED.epochs == 61
    for epoch, rates in enumerate(oracle["lr_per_epoch_per_group"][: UNTRAINED.epochs]):
        share = method.learning_rate(epoch, 0, 1)
        assert [group["lr"] * share for group in optimizer.param_groups] == pytest.approx(rates, rel=1e-12)


@pytest.mark.parametrize("discrepancy", ["margin_mmd", "mmd", "none"])
def test_loss_is_the_sum_of_the_weighted_terms(discrepancy: str, random_batch: Callable) -> None:
    method = methods.build("mmd_reid", MmdReidConfig.small(discrepancy=discrepancy), 4)
    batch = method.augment(random_batch())
    losses = method.loss(batch)
    pooled = method.network(batch.visible, batch.infrared).pooled
    rows, labels = pooled.chunk(2), (batch.visible_labels, batch.infrared_labels)
    expected = {"hetero_centre_triplet": 2.0 * hetero_centre_triplet(*rows, *labels, margin=0.3)}
    if discrepancy == "margin_mmd":
        expected["margin_mmd"] = 0.25 * margin_mmd(*rows, *labels, margin=1.4)
    elif discrepancy == "mmd":
        expected["mmd"] = 0.25 * maximum_mean_discrepancy(*rows)
    assert losses.keys() == {"total", "identity", "accuracy", *expected}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)
    torch.testing.assert_close(losses["total"], losses["identity"] + sum(expected.values()))


def test_pooled_feature_is_the_one_before_the_neck(random_batch: Callable) -> None:
    networks = {
        feature: methods.build("mmd_reid", MmdReidConfig.small(test_feature=feature), 4).network.eval()
        for feature in ("bn", "pooled")
    }
    networks["pooled"].load_state_dict(networks["bn"].state_dict())
    images = random_batch().visible
    found = {feature: network.features(images, "visible") for feature, network in networks.items()}
    assert torch.equal(found["pooled"], networks["bn"].pooled(images, "visible"))
    assert torch.equal(found["bn"], networks["bn"].bottleneck(found["pooled"]))


@pytest.mark.parametrize("discrepancy", ["margin_mmd", "mmd"])
def test_one_batch_can_be_overfitted(discrepancy: str, check_overfit: Callable) -> None:
    check_overfit(MmdReidConfig.small(label_smoothing=0.0, discrepancy=discrepancy))


def test_resumed_training_is_the_unbroken_one(check_resume: Callable) -> None:
    check_resume(MmdReidConfig.small(identities=4, images=2))


def test_missing_modality_is_refused(random_batch: Callable) -> None:
    method, batch = methods.build("mmd_reid", MmdReidConfig.small(), 4), random_batch()
    batch.infrared_labels = torch.where(batch.infrared_labels == 3, 2, batch.infrared_labels)
    with pytest.raises(ValueError, match="Label 3 has visible images in the batch and no infrared one"):
        method.loss(method.augment(batch))
    batch.infrared, batch.infrared_labels = batch.infrared[:0], batch.infrared_labels[:0]
    with pytest.raises(ValueError, match="no infrared image"):
        method.loss(method.augment(batch))


def test_recipes() -> None:
    for dataset in ("sysu_mm01", "regdb", "llcm"):
        assert MmdReidConfig.published(dataset) == MmdReidConfig()
    small = MmdReidConfig.small()
    assert (small.backbone, small.identities, small.images, small.non_local, small.shared_from) == (
        "small",
        8,
        4,
        False,
        3,
    )
    with pytest.raises(ValidationError, match="mmd_margin"):
        methods.configure("mmd_reid", {"mmd_margin": -1.0})
    with pytest.raises(ValueError, match="shared_from is 3, but the non-local"):
        build_network(MmdReidConfig(pretrained=None, non_local=True), 3)


@pytest.mark.slow
def test_published_training_step_runs(check_published_step: Callable) -> None:
    check_published_step(UNTRAINED)
