"""DEEN: the released networks, optimiser, schedule and whole objective; each knob; it learns and resumes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import oracle_files
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from vireid_lib.data.augment import IMAGENET_MEAN, IMAGENET_STD
from vireid_lib.reid import methods
from vireid_lib.reid.features import extract
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.deen import Deen, DeenConfig, build_network
from vireid_lib.reid.train import ReidTask, train_reid

DATASETS = {"llcm": "llcm", "regdb": "regdb", "sysu": "sysu_mm01"}
# What the release uses of its stems and trunk, by our names; the rest is surplus (see test_agw.py).
PREFIXES = {
    "visible_module.visible.": "backbone.stems.visible.",
    "thermal_module.thermal.": "backbone.stems.infrared.",
    "base_resnet.base.": "backbone.",
    "MFA": "aggregations.",
    ".CNL.": ".channel.",
    ".PNL.": ".spatial.",
    ".W.0.": ".project.",
    ".W.1.": ".norm.",
}


def published(dataset: str, **changes) -> DeenConfig:
    return DeenConfig.published(DATASETS[dataset], form="release", pretrained=None, **changes)


def renamed(name: str) -> str:
    if name.startswith("DEE.FC"):
        number, kind = name.removeprefix("DEE.FC").split(".")
        branch = int(number[0]) - 1
        place = f"restore.{branch}" if len(number) == 1 else f"reduce.{branch}.{int(number[1]) - 1}"
        return f"expansion.{place}.{kind}"
    for theirs, ours in PREFIXES.items():
        name = name.replace(theirs, ours)
    return name


def entries(dataset: str) -> dict:
    return oracle_files.read_json(f"networks/deen_{dataset}_entries")


def classes(dataset: str) -> int:
    return entries(dataset)["meta"]["num_classes"]


def unused(name: str, dataset: str) -> bool:
    if dataset == "regdb" and name.startswith("base_resnet.base.layer4"):
        return True
    stem = name.split(".")[2].startswith(("conv1", "bn1")) if name.count(".") > 2 else False
    return name.startswith("base_resnet.") and stem or name.startswith(("visible_", "thermal_")) and not stem


@pytest.mark.parametrize("dataset", ["llcm", "regdb"])
def test_parameters_are_the_releases(dataset: str) -> None:
    with torch.device("meta"):
        ours = build_network(published(dataset), classes(dataset)).state_dict()
    expected = {renamed(name): shape for name, shape in entries(dataset)["entries"] if not unused(name, dataset)}
    found = {name: list(v.shape) for name, v in ours.items() if not name.endswith("num_batches_tracked")}
    assert found == expected


@pytest.mark.parametrize(("dataset", "dtype"), [("llcm", torch.float32), ("regdb", torch.float64)])
def test_outputs_are_the_releases(dataset: str, dtype: torch.dtype) -> None:
    oracle = entries(dataset)
    weights = {
        renamed(name): oracle_files.fill(name, place, shape, oracle["fill_rule"])
        for place, (name, shape) in enumerate(oracle["entries"])
        if not unused(name, dataset)
    }
    with torch.device("meta"):
        network = build_network(published(dataset), classes(dataset))
    network = network.to_empty(device="cpu").to(dtype)
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    network.expansion.dropout.p = 0.0  # as the oracle has it
    about = oracle_files.meta(f"networks/deen_{dataset}_outputs")
    images = {modality: batch.to(dtype) for modality, batch in oracle_files.images(about).items()}
    found, scores = {}, {}
    with torch.no_grad():
        network.eval()
        for short, modality in (("vis", "visible"), ("ir", "infrared")):
            pooled = network.embeddings(images[modality], modality)
            found[f"out.eval_{short}_pool_l2"] = F.normalize(pooled)
            found[f"out.eval_{short}_feat_l2"] = F.normalize(network.bottleneck(pooled))
            scores[short] = network.features(images[modality], modality)
        output = network.train()(**images)
    found["out.train_pool"], found["out.train_logits"] = output.pooled, output.logits
    product = (output.unreduced.chunk(3)[1] * output.unreduced.chunk(3)[2]).sum()
    found["out.train_loss_ort"] = product / len(output.pooled)
    outputs = oracle_files.read(f"networks/deen_{dataset}_outputs", torch.float64)
    assert found.keys() == outputs.keys()
    for name, value in found.items():
        largest = outputs[name].abs().max()
        limit = 2e-6 if dtype == torch.float64 else 2e-3 if "train" in name else 1e-4
        assert (value.double() - outputs[name]).abs().max() <= limit * largest, name
    # The released score: six cosine similarities, of each of the three embeddings before and behind the BN neck.
    six = sum(
        outputs[f"out.eval_vis_{kind}_l2"][rows] @ outputs[f"out.eval_ir_{kind}_l2"][rows].T
        for kind in ("pool", "feat")
        for rows in torch.arange(3 * about["batch"]).chunk(3)
    )
    torch.testing.assert_close((scores["vis"] @ scores["ir"].T).double(), six, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dataset", ["sysu", "llcm", "regdb"])
def test_optimiser_groups_and_rates_are_the_releases(dataset: str) -> None:
    recorded, rate = oracle_files.schedule(f"DEEN_{dataset}")
    oracle, config = recorded["optimizer"], published(dataset, learning_rate=rate)
    with torch.device("meta"):
        method = Deen(config, oracle_files.classes_of(oracle["groups"]))
        optimizer = method.optimizer()
    variant = "regdb" if dataset == "regdb" else "llcm"
    surplus = [shape for name, shape in entries(variant)["entries"] if unused(name, variant) and "running" not in name]
    expected = [[group["n_tensors"], group["n_values"]] for group in oracle["groups"]]
    expected[0][0] -= len(surplus)
    expected[0][1] -= sum(int(np.prod(shape)) for shape in surplus)
    assert type(optimizer).__name__ == oracle["optimizer"]
    for group, theirs, (tensors, values) in zip(optimizer.param_groups, oracle["groups"], expected, strict=True):
        assert len(group["params"]) == tensors and sum(p.numel() for p in group["params"]) == values
        for key in ("weight_decay", "momentum", "nesterov", "dampening"):
            assert group[key] == theirs[key], key
        assert group["lr"] == pytest.approx(theirs["initial_lr"], rel=1e-12)
    assert [name for name, p in method.network.named_parameters() if not p.requires_grad] == ["bottleneck.bias"]
    assert oracle["epochs"] == [0, config.epochs - 1]
    for epoch, rates in enumerate(oracle["lr_per_epoch_per_group"]):
        share = method.learning_rate(epoch, 0, 1)
        assert [group["lr"] * share for group in optimizer.param_groups] == pytest.approx(rates, rel=1e-12)


def test_the_papers_schedule_falls_at_20_60_and_120() -> None:
    with torch.device("meta"):
        method = Deen(DeenConfig(pretrained=None), 395)
    rates = {epoch: 0.1 * method.learning_rate(epoch, 0, 1) for epoch in (0, 9, 19, 20, 59, 60, 119, 120, 149)}
    expected = [0.01, 0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3, 1e-4, 1e-4]
    assert list(rates.values()) == pytest.approx(expected) and DeenConfig().epochs == 150


class _Given(torch.nn.Module):
    """Stands for the network: a given feature map behind a BN neck and a classifier."""

    branches = 3

    def __init__(self, data: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.maps = torch.nn.Parameter(data["in.feature_map"])
        identities, width = data["in.classifier_weight"].shape
        self.bottleneck = torch.nn.BatchNorm1d(width, dtype=torch.float64)
        self.classifier = torch.nn.Linear(width, identities, bias=False, dtype=torch.float64)
        self.bottleneck.weight.data = data["in.bn_weight"]
        self.classifier.weight.data = data["in.classifier_weight"]

    def forward(self, visible: torch.Tensor, infrared: torch.Tensor) -> tuple[torch.Tensor, ...]:
        pooled = self.maps.mean(dim=(2, 3))
        return pooled, self.classifier(self.bottleneck(pooled)), pooled


def test_the_whole_objective_is_the_releases() -> None:
    data = oracle_files.read("losses/deen_train_step_total")
    identities = len(data["in.classifier_weight"])
    method = methods.build("deen", DeenConfig.small(form="release", label_smoothing=0.0), identities)
    method.network = network = _Given(data)
    visible, infrared = data["in.labels"].chunk(3)[0].chunk(2)
    images, rows = torch.zeros(len(visible), 3, 1, 1), torch.arange(len(visible))
    batch = Batch(images, images, visible, infrared, rows, rows, torch.Generator())
    assert torch.equal(batch.labels.repeat(3), data["in.labels"])
    losses = method.loss(batch)
    losses["total"].backward()
    for ours, theirs in {"identity": "id", "triplet": "tri", "cpm": "cpm", "orthogonal": "ort"}.items():
        assert losses[ours].item() == pytest.approx(float(data[f"out.loss_{theirs}"]), rel=1e-9), ours
    assert losses["total"].item() == pytest.approx(float(data["out.total"]), rel=1e-10)
    for parameter, theirs in (
        (network.maps, "feature_map"),
        (network.classifier.weight, "classifier"),
        (network.bottleneck.weight, "bn_weight"),
    ):
        torch.testing.assert_close(parameter.grad, data[f"out.grad_{theirs}"], rtol=1e-9, atol=1e-12)


def random_batch(identities: int = 4, images: int = 2, height: int = 64, width: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(identities).repeat_interleave(images)
    rows = torch.arange(len(labels))
    visible, infrared = torch.rand(2, len(labels), 3, height, width, generator=generator)
    return Batch(visible, infrared, labels, labels, rows, rows, generator)


@pytest.mark.parametrize("form", ["paper", "release"])
def test_one_batch_can_be_overfitted(form: str) -> None:
    torch.manual_seed(0)
    method = methods.build("deen", DeenConfig.small(form=form, label_smoothing=0.0), 4)
    optimizer, batch = method.optimizer(), random_batch()
    for _ in range(30):
        losses = method.loss(batch)
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
    assert losses["accuracy"] == 1.0 and losses["identity"] < 0.1


ALL = {"identity", "triplet", "cpm", "orthogonal"}


@pytest.mark.parametrize(
    ("changes", "branches", "terms"),
    [
        ({}, 3, ALL),
        ({"branches": 1}, 1, {"identity", "triplet"}),
        ({"branches": 2}, 2, ALL - {"orthogonal"}),
        ({"branches": 4}, 4, ALL),
        ({"cpm_weight": 0.0}, 3, ALL - {"cpm"}),
        ({"orthogonal_weight": 0.0}, 3, ALL - {"orthogonal"}),
        *[({"expand_after": stage}, 3, ALL) for stage in (0, 1, 2, 4)],
        ({"aggregation": "non_local"}, 3, ALL),
        ({"aggregation": "none"}, 3, ALL),
        ({"stages": 3, "expand_after": 2}, 3, ALL),
        ({"gem": True}, 3, ALL),
    ],
)
def test_each_knob_gives_a_network_that_trains(changes: dict, branches: int, terms: set) -> None:
    method = methods.build("deen", DeenConfig.small(**changes), 4)
    losses = method.loss(method.augment(random_batch()))
    assert losses.keys() == terms | {"total", "accuracy"}
    assert losses["total"].item() == pytest.approx(sum(losses[name].item() for name in terms), rel=1e-5)
    losses["total"].backward()
    used = [p for p in method.network.parameters() if p.requires_grad]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in used)
    network = method.network.eval()
    images = random_batch().visible
    features = network.features(images, "visible")
    assert features.shape == (8, 2 * branches * 192)
    torch.testing.assert_close((features**2).sum(dim=1), torch.full((8,), 2.0 * branches))
    assert network.feature_map(images, "visible").shape == (8, branches * 96, 8, 4)
    torch.testing.assert_close(network.pooled(images, "visible"), network.embeddings(images, "visible")[:8])


def test_augmentation_is_the_configurations() -> None:
    plain = methods.build("deen", DeenConfig.small(erasing=0.0, channel_exchange=0.0), 4).augment(random_batch())
    config = DeenConfig.small(form="release", grey=1.0, channel_exchange=0.0, erasing=1.0)
    release = methods.build("deen", config, 4).augment(random_batch())
    again = methods.build("deen", config, 4).augment(random_batch())
    assert torch.equal(release.visible, again.visible)
    filled = torch.tensor(IMAGENET_MEAN)[:, None, None]  # the release's, in the place of 0
    erased = (release.visible == filled).all(dim=1).float().mean(dim=(1, 2))
    assert 0.15 < erased.min() and erased.max() < 0.85 and erased.mean() > 0.3
    assert not (plain.visible == 0).all(dim=1).float().mean() > 0.2
    spread = release.visible * torch.tensor(IMAGENET_STD)[:, None, None] + filled
    shown = (release.visible != filled).all(dim=1, keepdim=True).expand_as(spread)
    torch.testing.assert_close(spread[:, 1:][shown[:, 1:]], spread[:, :1].expand(-1, 2, -1, -1)[shown[:, 1:]])


def test_forms_and_data_sets_differ_where_the_sources_do() -> None:
    paper, release = DeenConfig(), DeenConfig(form="release")
    assert (paper.drops, paper.orthogonal_weight, paper.grey) == ((20, 60, 120), 0.1, 0.0)
    assert (release.drops, release.orthogonal_weight, release.grey) == ((20, 80), 0.01, 0.5)
    assert release.erasing_area == (0.2, 0.8) == published("sysu").erasing_area
    assert published("llcm").erasing_area == published("regdb").erasing_area == (0.02, 0.4)
    assert DeenConfig(form="release", orthogonal_weight=0.5).orthogonal_weight == 0.5
    regdb = DeenConfig.published("regdb", epochs=3)
    assert (regdb.stages, regdb.expand_after, regdb.epochs) == (3, 2, 3)
    assert (paper.identities, paper.images, paper.height, paper.width) == (6, 4, 384, 144)


def test_configuration_is_strict() -> None:
    with pytest.raises(ValidationError, match="only 3 stages are used: DEE can stand after stage 0 to 3"):
        DeenConfig(stages=3, expand_after=4)
    with pytest.raises(ValidationError, match="DEEN takes non-local blocks with aggregation"):
        DeenConfig(non_local=True)
    with pytest.raises(ValidationError, match="branch\n.*Extra inputs"):
        methods.configure("deen", {"branch": 3})
    with pytest.raises(ValidationError, match="branches"):
        methods.configure("deen", {"branches": 0})


def test_missing_modality_and_single_identity_are_refused() -> None:
    method = methods.build("deen", DeenConfig.small(), 4)
    images = torch.rand(2, 3, 64, 32)
    with pytest.raises(ValueError, match="no infrared image"):
        method.network(images, images[:0])
    batch = random_batch()
    batch.visible_labels = batch.infrared_labels = torch.zeros(8, dtype=torch.int64)
    with pytest.raises(ValueError, match="same identity"):
        method.loss(batch)
    with pytest.raises(ValueError, match="odd number of positions"):
        methods.build("deen", DeenConfig.small(form="release"), 4).network(
            torch.rand(2, 3, 36, 36), torch.rand(2, 3, 36, 36)
        )


def test_resumed_training_is_the_unbroken_one(
    coloured_people: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DeenConfig.small(form="release", identities=3, images=2, steps=7)
    table, options = coloured_people(4, 3), {"seed": 2, "cache": None, "checkpoint_every": 3, "progress": False}
    whole = train_reid(table, config, tmp_path / "whole", device="cpu", **options)
    losses = ReidTask.losses

    def crash(task: ReidTask, step: int) -> dict:
        if step == 5:
            raise RuntimeError("killed")
        return losses(task, step)

    monkeypatch.setattr(ReidTask, "losses", crash)
    with pytest.raises(RuntimeError, match="killed"):
        train_reid(table, config, tmp_path / "parts", device="cpu", **options)
    monkeypatch.undo()
    parts = train_reid(table, config, tmp_path / "parts", device="cpu", **options)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], tensor), name


def test_test_features_add_the_mirrored_image(coloured_people: Callable) -> None:
    config, table = DeenConfig.small(), coloured_people(3, 1)
    network = methods.build("deen", config, 3).network.eval()
    both = extract(network, table, config, None)
    once = extract(network, table, config.model_copy(update={"flip_at_test": False}), None)
    assert both.shape == (6, 6 * 192)
    torch.testing.assert_close((once**2).sum(dim=1), torch.full((6,), 6.0))
    assert ((both**2).sum(dim=1) < 6.0).all()  # averaged as they are, not scaled to unit length again


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["sysu", "regdb"])
def test_published_training_step_runs(dataset: str) -> None:
    config = published(dataset)
    method = methods.build("deen", config, 395)
    batch = method.augment(random_batch(6, 4, 384, 144))
    shape = method.network.feature_map(batch.visible[:1], "visible").shape
    assert shape == ((1, 3 * 2048, 24, 9) if dataset == "sysu" else (1, 3 * 1024, 24, 9))
    optimizer = method.optimizer()
    losses = method.loss(batch)
    losses["total"].backward()
    optimizer.step()
    assert all(torch.isfinite(value) for value in losses.values())
