"""MPANet: the released network, head, losses, optimiser, schedule; both forms; it learns and resumes."""

from collections.abc import Callable

import oracle_files
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from vireid_lib.data import tables
from vireid_lib.reid import methods
from vireid_lib.reid.losses.centre_loss import centre_loss
from vireid_lib.reid.methods.mpanet import Mpanet, MpanetConfig, build_network
from vireid_lib.reid.pattern_network import PatternNetwork
from vireid_lib.reid.train import ReidTask

UNTRAINED = MpanetConfig(pretrained=None)
# Theirs to ours, the first that fits.
HEAD = {
    "spatial_attention.": "pool.attention.",
    "visible_classifier_.": "teachers.visible.",
    "infrared_classifier_.": "teachers.infrared.",
    "visible_classifier.": "own_classifiers.visible.",
    "infrared_classifier.": "own_classifiers.infrared.",
    "bn_neck.": "bottleneck.",
    "classifier.": "classifier.",
}
BACKBONE = {
    "MAM3.channel_attention.0.": "alleviation.layer3.reduce.",
    "MAM3.channel_attention.2.": "alleviation.layer3.expand.",
    "MAM4.channel_attention.0.": "alleviation.layer4.reduce.",
    "MAM4.channel_attention.2.": "alleviation.layer4.expand.",
    "conv1.": "stems.shared.conv1.",
    "bn1.": "stems.shared.bn1.",
    "layer": "layer",
}
UNUSED = ("classifier", "own_classifiers", "teachers")  # when features are extracted


def renamed(name: str) -> str:
    inside = name.removeprefix("backbone.")
    table, prefix = (HEAD, "") if inside == name else (BACKBONE, "backbone.")
    theirs = next(theirs for theirs in table if inside.startswith(theirs))
    return prefix + table[theirs] + inside.removeprefix(theirs)


def entries() -> dict:
    return oracle_files.read_json("networks/mpanet_entries")


def test_parameters_are_the_releases() -> None:
    with torch.device("meta"):
        network = build_network(UNTRAINED, entries()["meta"]["num_classes"])
    found = {name: list(value.shape) for name, value in network.state_dict().items()}
    found = {name: shape for name, shape in found.items() if not name.endswith("num_batches_tracked")}
    assert found == {renamed(name): shape for name, shape in entries()["entries"]}
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    assert frozen == {renamed(name) for name in entries()["not_trainable"]}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_are_the_releases(dtype: torch.dtype) -> None:
    oracle = entries()
    data = oracle_files.read("networks/mpanet_outputs", torch.float64)
    shown = oracle_files.images(oracle_files.meta("networks/mpanet_outputs"))
    weights = {
        renamed(name): oracle_files.fill(name, place, shape, oracle["fill_rule"]).to(dtype)
        for place, (name, shape) in enumerate(oracle["entries"])
        if renamed(name).split(".")[0] not in UNUSED  # five times 5.7 million numbers
    }
    with torch.device("meta"):
        network = build_network(UNTRAINED, 2)
    network = network.to_empty(device="cpu").to(dtype).eval()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected
    assert all(name.endswith("num_batches_tracked") or name.split(".")[0] in UNUSED for name in missing)
    with torch.no_grad():
        for short, modality in (("vis", "visible"), ("ir", "infrared")):
            images = shown[modality][: len(data[f"out.eval_{short}_feat"])].to(dtype)
            found = {f"out.eval_{short}_feat": network.features(images, modality)}
            if modality == "visible":
                found["out.eval_vis_backbone_mean"] = network.feature_map(images, modality).mean(dim=(2, 3))
            for name, value in found.items():
                expected = data[name]
                limit = 2e-6 if dtype == torch.float64 else 1e-4
                assert (value.double() - expected).abs().max() <= limit * expected.abs().max(), name


class NoBackbone(nn.Module):
    """Stands for a backbone where its maps are given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_head_and_losses_are_the_releases(dtype: torch.dtype) -> None:
    tensors, about = (get("modules/mpanet_pattern_and_mutual") for get in (oracle_files.read, oracle_files.meta))
    data, tensors = tensors, oracle_files.read("modules/mpanet_pattern_and_mutual", dtype)
    (identities, _), channels = data["w.classifier.weight"].shape, data["in.feature_map"].shape[1]
    settings = {
        "form": "release",
        "backbone": "small",
        "patterns": about["num_parts"],
        "margin": about["margin"],
        "separation_weight": about["weight_sep"],
        "modality_weight": about["weight_sid"],
        "mutual_weight": about["weight_KL"],
    }
    method = Mpanet(UNTRAINED.model_copy(update=settings), identities)
    network = PatternNetwork(NoBackbone(channels), identities, patterns=about["num_parts"]).to(dtype)
    method.network = method.plain = network
    weights = {renamed(key[2:]): value for key, value in tensors.items() if key.startswith("w.")}
    network.load_state_dict(weights)
    # Their head sorts the rows by modality; ours expects them so.
    infrared = (tensors["in.cam_ids"] == 3) | (tensors["in.cam_ids"] == 6)
    order = torch.argsort(infrared, stable=True)
    visible = int((~infrared).sum())

    network.eval()
    tight = 1e-10 if dtype == torch.float64 else 2e-5
    found = network.bottleneck(network.pool(tensors["in.feature_map"]))
    torch.testing.assert_close(found, tensors["out.eval_feat"], rtol=tight, atol=tight)

    maps = tensors["in.feature_map"][order].requires_grad_()
    network.train().update_teachers(float(data["in.update_rate"]))
    losses = method.losses(network.head(maps, visible), tensors["in.labels"][order], visible)
    losses["total"].backward()
    close = {"rtol": 2e-5, "atol": 2e-5}  # the released loss is float32
    metrics = {name: float(data[f"out.metric_{name}"]) for name in ("p-reg", "cc", "acc", "ce", "ce-v", "ce-i", "KL")}
    expected = {
        "total": float(data["out.train_loss"]),
        "identity": metrics["ce"],
        "modality": 2 * about["weight_sid"] * (metrics["ce-v"] + metrics["ce-i"]),  # the release adds it twice
        "mutual": about["weight_KL"] * metrics["KL"],
        "separation": about["weight_sep"] * metrics["p-reg"],
        "centre_cluster": metrics["cc"],
        "accuracy": metrics["acc"],
    }
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        assert value.item() == pytest.approx(expected[name], rel=2e-5), name
    torch.testing.assert_close(maps.grad, tensors["grad.input0"][order], **close)
    for key, value in tensors.items():
        if key.startswith("grad.") and key != "grad.input0":
            torch.testing.assert_close(network.get_parameter(renamed(key[5:])).grad, value, **close)
        elif key.startswith("after."):
            torch.testing.assert_close(network.state_dict()[renamed(key[6:])], value, rtol=tight, atol=tight)


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


@pytest.mark.parametrize("dataset", ["sysu_mm01", "regdb"])
def test_optimiser_and_rates_are_the_releases(dataset: str) -> None:
    oracle, _ = oracle_files.schedule({"sysu_mm01": "MPANet_sysu", "regdb": "MPANet_regdb"}[dataset])
    config = MpanetConfig.published(dataset, pretrained=None)
    with torch.device("meta"):
        method = Mpanet(config, 395)
        optimizer = method.optimizer()
    assert type(optimizer).__name__ == oracle["optimizer"]
    (group,), (theirs,) = optimizer.param_groups, oracle["groups"]
    assert len(group["params"]) == len(list(method.network.parameters()))
    assert group["weight_decay"] == theirs["weight_decay"] and group["eps"] == theirs["eps"]
    assert list(group["betas"]) == theirs["betas"]
    assert oracle["epochs"] == [1, config.epochs]
    epochs = range(config.epochs)
    rates = [group["lr"] * method.learning_rate(epoch, 0, 1) for epoch in epochs]
    assert rates == pytest.approx(oracle["lr_per_epoch"], rel=1e-12)
    teachers = [method.teacher_rate(epoch) for epoch in epochs]
    assert teachers == pytest.approx(oracle["mean_teacher_update_rate_per_epoch"], rel=1e-12)


def test_published_recipes() -> None:
    sysu, regdb = (MpanetConfig.published(dataset) for dataset in ("sysu_mm01", "regdb"))
    assert sysu == MpanetConfig() and (sysu.height, sysu.identities, sysu.images) == (384, 16, 4)
    assert (regdb.height, regdb.identities, regdb.images, regdb.drops) == (256, 12, 5, (110,))
    assert MpanetConfig.published("regdb", epochs=3).epochs == 3
    with pytest.raises(ValidationError, match="patterns"):
        MpanetConfig(patterns=1)


@pytest.mark.parametrize("form", ["paper", "release"])
def test_one_batch_can_be_overfitted(form: str, check_overfit: Callable) -> None:
    check_overfit(MpanetConfig.small(form=form, label_smoothing=0.0, triplet_weight=1.0, centre_weight=0.01), 20)


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


def test_augmentation_pads_with_grey_and_repeats(random_batch: Callable) -> None:
    method = methods.build("mpanet", MpanetConfig.small(erasing=0.0, channel_exchange=0.0, flip=0.0), 4)
    given = random_batch()
    given.visible.fill_(127 / 255)
    found = method.augment(given)
    assert torch.equal(method.augment(random_batch()).infrared, found.infrared)
    assert not torch.equal(found.infrared[:, :, 4:-4], given.infrared[:, :, 4:-4])
    assert float((found.visible - found.visible[:1, :, :1, :1]).abs().max()) < 1e-6  # grey border on a grey image


def tiny(**changes) -> MpanetConfig:
    return MpanetConfig.small(**{"identities": 4, "images": 2, "steps": 7, **changes})


def test_resumed_training_is_the_unbroken_one(check_resume: Callable) -> None:
    check_resume(tiny(update_rate=0.5))


@pytest.mark.parametrize("sampler", ["identity_random", "identity_uniform", "with_replacement"])
def test_external_people_take_their_share_under_each_sampler(sampler: str, coloured_people: Callable) -> None:
    real, external = coloured_people(5, 4), coloured_people(8, 2, "market", "external")
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


def test_what_cannot_be_trained_is_refused(random_batch: Callable, coloured_people: Callable) -> None:
    method, given = methods.build("mpanet", MpanetConfig.small(), 4), random_batch()
    with pytest.raises(ValueError, match="The batch has no infrared image"):
        method.network(given.visible, given.infrared[:0])
    given.visible_labels = given.visible_labels + 5
    with pytest.raises(ValueError, match="run from 0 to 8, but the classifier has 4 identities"):
        method.loss(given)
    with pytest.raises(ValueError, match="no ImageNet weights for the small backbone"):
        build_network(MpanetConfig(backbone="small"), 4)
    # One image of an identity and modality: drawn again, K times.
    rows = ReidTask(coloured_people(4, 1), tiny(), seed=0, cache=None).batch(0).visible_rows.reshape(4, 2)
    assert torch.equal(rows[:, 0], rows[:, 1])


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["sysu_mm01", "regdb"])
def test_published_training_step_runs(dataset: str, check_published_step: Callable) -> None:
    check_published_step(MpanetConfig.published(dataset, pretrained=None))


def test_published_sizes() -> None:
    with torch.device("meta"):
        network = build_network(UNTRAINED, 395).eval()
        images = torch.rand(1, 3, 384, 128)
        assert network.feature_map(images, "visible").shape == (1, 2048, 24, 8)
        assert network.features(images, "infrared").shape == (1, 7 * 2048)
