"""AGW: the released network, optimiser, schedule; it learns."""

import numpy as np
import oracle_files
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from vireid_lib.reid import methods
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.agw import Agw, AgwConfig
from vireid_lib.reid.two_stream import build_network

UNTRAINED = AgwConfig(pretrained=None)
# What the release uses of its stems and trunk, by our names. Its two stems are whole ResNet-50s and its trunk
# has a stem of its own; ours has none of that surplus.
PREFIXES = {
    "visible_module.visible.": "backbone.stems.visible.",
    "thermal_module.thermal.": "backbone.stems.infrared.",
    "base_resnet.base.": "backbone.",
    "NL_2.": "backbone.non_local.layer2.",
    "NL_3.": "backbone.non_local.layer3.",
}
NON_LOCAL = {".g.0.": ".g.", ".W.0.": ".project.", ".W.1.": ".norm."}


def renamed(name: str) -> str:
    for theirs, ours in PREFIXES.items():
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            break
    if ".non_local." in name:
        for theirs, ours in NON_LOCAL.items():
            name = name.replace(theirs, ours)
    return name


def entries() -> dict:
    return oracle_files.read_json("networks/agw_entries")


def classes() -> int:
    return entries()["meta"]["num_classes"]


def unused(name: str) -> bool:
    stem = name.split(".")[2].startswith(("conv1", "bn1")) if name.count(".") > 2 else False
    return name.startswith("base_resnet.") and stem or name.startswith(("visible_", "thermal_")) and not stem


def test_parameters_are_the_releases() -> None:
    with torch.device("meta"):
        ours = build_network(UNTRAINED, classes()).state_dict()
    expected = {renamed(name): shape for name, shape in entries()["entries"] if not unused(name)}
    found = {name: list(v.shape) for name, v in ours.items() if not name.endswith("num_batches_tracked")}
    assert found == expected


@pytest.fixture(scope="module")
def outputs() -> dict[str, torch.Tensor]:
    return oracle_files.read("networks/agw_outputs", torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_outputs_are_the_releases(dtype: torch.dtype, outputs: dict) -> None:
    oracle = entries()
    weights = {
        renamed(name): oracle_files.fill(name, place, shape, oracle["fill_rule"])
        for place, (name, shape) in enumerate(oracle["entries"])
        if not unused(name)
    }
    with torch.device("meta"):
        network = build_network(UNTRAINED, classes())
    network = network.to_empty(device="cpu").to(dtype)
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    images = oracle_files.images(oracle_files.meta("networks/agw_outputs"))
    images = {modality: batch.to(dtype) for modality, batch in images.items()}
    found = {}
    with torch.no_grad():
        network.eval()
        for short, modality in (("vis", "visible"), ("ir", "infrared")):
            found[f"out.eval_{short}_pool_l2"] = F.normalize(network.pooled(images[modality], modality))
            found[f"out.eval_{short}_feat_l2"] = F.normalize(network.features(images[modality], modality))
        found["out.train_pool"], found["out.train_logits"] = network.train()(**images)
    assert found.keys() == outputs.keys()
    for name, value in found.items():
        largest = outputs[name].abs().max()
        limit = 2e-6 if dtype == torch.float64 else 2e-3 if "train" in name else 1e-4
        assert (value.double() - outputs[name]).abs().max() <= limit * largest, name


def test_optimiser_groups_and_rates_are_the_releases() -> None:
    recorded, rate = oracle_files.schedule("AGW")
    oracle = recorded["optimizer"]
    with torch.device("meta"):
        method = Agw(UNTRAINED.model_copy(update={"learning_rate": rate}), oracle_files.classes_of(oracle["groups"]))
        optimizer = method.optimizer()
    surplus = [shape for name, shape in entries()["entries"] if unused(name) and "running" not in name]
    expected = [[group["n_tensors"], group["n_values"]] for group in oracle["groups"]]
    expected[0] = [expected[0][0] - len(surplus), expected[0][1] - sum(int(np.prod(shape)) for shape in surplus)]
    assert type(optimizer).__name__ == oracle["optimizer"]
    for group, theirs, (tensors, values) in zip(optimizer.param_groups, oracle["groups"], expected, strict=True):
        assert len(group["params"]) == tensors and sum(p.numel() for p in group["params"]) == values
        for key in ("weight_decay", "momentum", "nesterov", "dampening"):
            assert group[key] == theirs[key], key
        assert group["lr"] == pytest.approx(theirs["initial_lr"], rel=1e-12)
    frozen = [name for name, p in method.network.named_parameters() if not p.requires_grad]
    assert frozen == ["bottleneck.bias"]
    assert oracle["epochs"] == [0, UNTRAINED.epochs - 1]
    for epoch, rates in enumerate(oracle["lr_per_epoch_per_group"]):
        share = method.learning_rate(epoch, 0, 1)
        assert [group["lr"] * share for group in optimizer.param_groups] == pytest.approx(rates, rel=1e-12)


def random_batch(identities: int = 4, images: int = 2, height: int = 64, width: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(identities).repeat_interleave(images)
    rows = torch.arange(len(labels))
    visible, infrared = torch.rand(2, len(labels), 3, height, width, generator=generator)
    return Batch(visible, infrared, labels, labels, rows, rows, generator)


@pytest.mark.parametrize("triplet", ["wrt", "hard", "none"])
def test_one_batch_can_be_overfitted(triplet: str) -> None:
    torch.manual_seed(0)
    method = methods.build("agw", AgwConfig.small(triplet=triplet, label_smoothing=0.0), 4)
    optimizer, batch = method.optimizer(), random_batch()
    for _ in range(40):
        losses = method.loss(batch)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    assert losses["accuracy"] == 1.0 and losses["identity"] < 0.1


def test_augment_changes_the_images_alone_and_repeats() -> None:
    method = methods.build("agw", AgwConfig.small(), 4)
    batch, again = random_batch(), random_batch()
    before = batch.visible.clone()
    first, second = method.augment(batch), method.augment(again)
    assert torch.equal(batch.visible, before)
    assert torch.equal(first.visible, second.visible) and torch.equal(first.infrared, second.infrared)
    assert first.visible.shape == batch.visible.shape and not torch.equal(first.visible, batch.visible)
    assert torch.equal(first.labels, torch.cat((batch.visible_labels, batch.infrared_labels)))


def test_missing_modality_is_refused() -> None:
    network = build_network(AgwConfig.small(), 4)
    images = torch.rand(2, 3, 64, 32)
    with pytest.raises(ValueError, match="no infrared image"):
        network(images, images[:0])


def test_configuration_is_strict() -> None:
    with pytest.raises(ValidationError, match="epoch\n.*Extra inputs"):
        methods.configure("agw", {"epoch": 3})
    with pytest.raises(ValidationError, match="identities"):
        methods.configure("agw", {"identities": "8"})
    with pytest.raises(ValueError, match="did you mean agw"):
        methods.configure("awg")
    with pytest.raises(ValueError, match="takes a AgwConfig, not a ReidConfig"):
        config = methods.ReidConfig(method="agw", height=1, width=1, identities=2, images=1, epochs=1)
        methods.build("agw", config, 3)
    with pytest.raises(ValueError, match="no ImageNet weights for the small"):
        build_network(AgwConfig(backbone="small"), 3)


def test_small_network_is_small() -> None:
    network = build_network(AgwConfig.small(), 40)
    assert network.width == 192
    assert sum(p.numel() for p in network.backbone.parameters()) < 450_000
    assert network.feature_map(torch.rand(1, 3, 64, 32), "visible").shape == (1, 96, 8, 4)


@pytest.mark.slow
def test_published_training_step_runs() -> None:
    method = methods.build("agw", UNTRAINED, 395)
    batch = method.augment(random_batch(8, 4, 288, 144))
    assert method.network.feature_map(batch.visible[:1], "visible").shape == (1, 2048, 18, 9)
    optimizer = method.optimizer()
    losses = method.loss(batch)
    losses["total"].backward()
    optimizer.step()
    assert all(torch.isfinite(value) for value in losses.values())
