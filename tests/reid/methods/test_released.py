"""The released networks of AGW, CAJ, DART, DEEN and MPANet: parameters, outputs, optimisers, schedules."""

import numpy as np
import oracle_files
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vireid_lib.reid import methods
from vireid_lib.reid.config import ReidConfig
from vireid_lib.reid.method import Batch
from vireid_lib.reid.methods.deen import DeenConfig, Expanded
from vireid_lib.reid.methods.mpanet import Mpanet, MpanetConfig, PatternNetwork

BOTH = (torch.float64, torch.float32)
# Theirs to ours. Their two stems are whole ResNet-50s and their trunk has a stem of its own; ours has no such surplus.
NAMES = {
    "visible_module.visible.": "backbone.stems.visible.",
    "thermal_module.thermal.": "backbone.stems.infrared.",
    "base_resnet.base.": "backbone.",
    "NL_2.": "backbone.non_local.layer2.",
    "NL_3.": "backbone.non_local.layer3.",
    ".g.0.": ".g.",
    "MFA": "aggregations.",
    ".CNL.": ".channel.",
    ".PNL.": ".spatial.",
    ".W.0.": ".project.",
    ".W.1.": ".norm.",
}
MPANET = {  # the first that fits
    "backbone.MAM3.channel_attention.0.": "backbone.alleviation.layer3.reduce.",
    "backbone.MAM3.channel_attention.2.": "backbone.alleviation.layer3.expand.",
    "backbone.MAM4.channel_attention.0.": "backbone.alleviation.layer4.reduce.",
    "backbone.MAM4.channel_attention.2.": "backbone.alleviation.layer4.expand.",
    "backbone.conv1.": "backbone.stems.shared.conv1.",
    "backbone.bn1.": "backbone.stems.shared.bn1.",
    "backbone.layer": "backbone.layer",
    "spatial_attention.": "pool.attention.",
    "visible_classifier_.": "teachers.visible.",
    "infrared_classifier_.": "teachers.infrared.",
    "visible_classifier.": "own_classifiers.visible.",
    "infrared_classifier.": "own_classifiers.infrared.",
    "bn_neck.": "bottleneck.",
    "classifier.": "classifier.",
}
SIDES = (("vis", "visible"), ("ir", "infrared"))


def ours(name: str, case: str) -> str | None:
    """Our name of a released parameter, None if the release makes no use of it."""
    if case == "mpanet":
        theirs = next(theirs for theirs in MPANET if name.startswith(theirs))
        return MPANET[theirs] + name.removeprefix(theirs)
    stem = name.count(".") > 2 and name.split(".")[2].startswith(("conv1", "bn1"))
    beyond = case == "deen_regdb" and name.startswith("base_resnet.base.layer4")
    if name.startswith("base_resnet.") and (stem or beyond):
        return None
    if name.startswith(("visible_", "thermal_")) and not stem or name.startswith("bottleneck_2."):
        return None
    if name.startswith("DEE."):
        return f"expansion.{oracle_files.expansion_name(name.removeprefix('DEE.'))}"
    for theirs, own in NAMES.items():
        name = name.replace(theirs, own)
    return name


def entries(case: str) -> dict:
    return oracle_files.read_json(f"networks/{case}_entries")


def surplus(case: str) -> list[list[int]]:
    """The shapes of the parameters without use."""
    return [shape for name, shape in entries(case)["entries"] if ours(name, case) is None and "running" not in name]


def config_of(case: str, **changes: object) -> ReidConfig:
    if case.startswith("deen"):
        dataset = case.removeprefix("deen_")
        dataset = {"sysu": "sysu_mm01"}.get(dataset, dataset)
        return DeenConfig.published(dataset, form="release", pretrained=None, **changes)
    return methods.method_class(case).config_class(**{"pretrained": None} | changes)


def networks(case: str, identities: int) -> list[nn.Module]:
    """Our network without values; of DART, both."""
    with torch.device("meta"):
        config = config_of(case)
        network = methods.build(config.method, config, identities).network
    return [network.first, network.second] if case == "dart" else [network]


def shapes(network: nn.Module) -> dict[str, list[int]]:
    state = network.state_dict()
    return {name: list(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def fill(network: nn.Module, case: str, dtype: torch.dtype, without: tuple[str, ...] = ()) -> nn.Module:
    """The network with the oracle's weights, but for its parts `without` them."""
    network = network.to_empty(device="cpu").to(dtype)
    oracle_files.filled(network, entries(case), lambda name: ours(name, case), without)
    return network


@pytest.mark.parametrize("case", ["agw", "caj", "dart", "deen_llcm", "deen_regdb", "mpanet"])
def test_parameters(case):
    oracle = entries(case)
    expected = {ours(name, case): shape for name, shape in oracle["entries"] if ours(name, case) is not None}
    found = networks(case, oracle["meta"]["num_classes"])
    assert all(shapes(network) == expected for network in found)
    if len(found) == 2:
        assert not {id(p) for p in found[0].parameters()} & {id(p) for p in found[1].parameters()}
    frozen = {name for name, parameter in found[0].named_parameters() if not parameter.requires_grad}
    theirs = {ours(name, case) for name in oracle.get("not_trainable", ["bottleneck.bias"])}
    assert frozen == theirs - {None}


def compare(found: dict[str, torch.Tensor], outputs: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
    assert outputs.keys() <= found.keys() and outputs
    for name, expected in outputs.items():
        limit = 2e-6 if dtype == torch.float64 else 2e-3 if "train" in name else 1e-4
        assert (found[name].double() - expected).abs().max() <= limit * expected.abs().max(), name


@pytest.mark.parametrize(
    ("case", "dtype"),
    [
        *[(case, dtype) for case in ("agw", "dart") for dtype in BOTH],
        ("caj", torch.float32),
        ("deen_llcm", torch.float32),
        ("deen_regdb", torch.float64),
    ],
)
@torch.no_grad()
def test_outputs(case, dtype):
    network = fill(networks(case, entries(case)["meta"]["num_classes"])[0], case, dtype)
    about, outputs = (get(f"networks/{case}_outputs") for get in (oracle_files.meta, oracle_files.read))
    images = {modality: batch.to(dtype) for modality, batch in oracle_files.images(about).items()}
    found, scores, deen = {}, {}, case.startswith("deen")
    network.eval()
    for short, modality in SIDES:
        maps = network.feature_map(images[modality], modality)
        pooled = network.embeddings(maps) if deen else network.reduce(network.pool(maps))
        found[f"out.eval_{short}_pool_l2"] = F.normalize(pooled)
        found[f"out.eval_{short}_feat_l2"] = F.normalize(network.bottleneck(pooled))
        scores[short] = network.features(images[modality], modality)
        assert deen or torch.equal(scores[short], network.bottleneck(pooled))
    if deen:
        network.expansion.dropout.p = 0.0  # as the oracle has it
    output = network.train()(**images)
    found["out.train_pool"], found["out.train_logits"] = output[:2]
    if deen:
        _, one, other = output.unreduced.chunk(3)
        found["out.train_loss_ort"] = (one * other).sum() / len(output.pooled)
        # The released score: six cosine similarities, of each of the three embeddings before and behind the BN neck.
        six = sum(
            outputs[f"out.eval_vis_{kind}_l2"][rows].double() @ outputs[f"out.eval_ir_{kind}_l2"][rows].double().T
            for kind in ("pool", "feat")
            for rows in torch.arange(3 * about["batch"]).chunk(3)
        )
        torch.testing.assert_close((scores["vis"] @ scores["ir"].T).double(), six, atol=1e-4, rtol=0)
    compare(found, oracle_files.read(f"networks/{case}_outputs", torch.float64), dtype)


@pytest.mark.parametrize("dtype", BOTH)
@torch.no_grad()
def test_mpanets_outputs(dtype):
    unused = ("classifier", "own_classifiers", "teachers")  # for features: five times 5.7 million numbers
    network = fill(networks("mpanet", 2)[0], "mpanet", dtype, unused).eval()
    data, found = oracle_files.read("networks/mpanet_outputs", torch.float64), {}
    shown = oracle_files.images(oracle_files.meta("networks/mpanet_outputs"))
    for short, modality in SIDES:
        images = shown[modality][: len(data[f"out.eval_{short}_feat"])].to(dtype)
        found[f"out.eval_{short}_feat"] = network.features(images, modality)
        if modality == "visible":
            found["out.eval_vis_backbone_mean"] = network.feature_map(images, modality).mean(dim=(2, 3))
    compare(found, {name: data[name] for name in found}, dtype)


@pytest.mark.parametrize("case", ["agw", "caj", "dart", "deen_sysu", "deen_llcm", "deen_regdb"])
def test_optimisers_and_rates(case):
    name, _, dataset = case.partition("_")
    recorded, rate = oracle_files.schedule("_".join([name.upper(), *filter(None, [dataset])]))
    config, of_network = config_of(case, learning_rate=rate), {"deen_sysu": "deen_llcm"}.get(case, case)
    identities = oracle_files.classes_of(next(iter(recorded.values()))["groups"])
    with torch.device("meta"):
        method = methods.build(name, config, identities)
        optimizer = method.optimizer()
    without = surplus(of_network)
    for start, oracle in zip(range(0, len(optimizer.param_groups), 3), recorded.values(), strict=True):
        groups = optimizer.param_groups[start : start + 3]
        expected = [[group["n_tensors"], group["n_values"]] for group in oracle["groups"]]
        expected[0] = [expected[0][0] - len(without), expected[0][1] - sum(int(np.prod(shape)) for shape in without)]
        assert type(optimizer).__name__ == oracle["optimizer"]
        for group, theirs, (tensors, values) in zip(groups, oracle["groups"], expected, strict=True):
            assert len(group["params"]) == tensors and sum(p.numel() for p in group["params"]) == values
            for key in ("weight_decay", "momentum", "nesterov", "dampening"):
                assert group[key] == theirs[key], key
            assert group["lr"] == pytest.approx(theirs["initial_lr"], rel=1e-12)
        assert oracle["epochs"] == [0, config.epochs - 1]
        assert rates(method, groups, config.epochs) == rate_list(oracle["lr_per_epoch_per_group"])


def rates(method: methods.Method, groups: list[dict], epochs: int) -> list[float]:
    return [group["lr"] * method.learning_rate(epoch, 0, 1) for epoch in range(epochs) for group in groups]


def rate_list(per_epoch: list[list[float]]) -> object:
    return pytest.approx([rate for epoch in per_epoch for rate in epoch], rel=1e-12)


@pytest.mark.parametrize("name", ["baseline", "den", "mmd_reid"])
def test_recipes_of_agw(name):
    """Of DEN, the paper's base model is AGW's; MMD-ReID's release trains by AGW's rates for fewer epochs."""
    recorded, rate = oracle_files.schedule("AGW")
    oracle, config = recorded["optimizer"], config_of(name, learning_rate=rate)
    with torch.device("meta"):
        method = methods.build(name, config, 395)
        optimizer = method.optimizer()
    assert type(optimizer).__name__ == oracle["optimizer"]
    expected = rate_list(oracle["lr_per_epoch_per_group"][: config.epochs])
    assert rates(method, optimizer.param_groups, config.epochs) == expected
    for dataset in ("sysu_mm01", "regdb", "llcm"):
        assert config == type(config).published(dataset, pretrained=None, learning_rate=rate)
    if name == "mmd_reid":  # of its network nobody recorded the parameters
        assert (config.non_local, config.shared_from, config.gem) == (False, 3, True)
    else:
        assert shapes(method.network) == shapes(networks("agw", 395)[0])


@pytest.mark.parametrize("dataset", ["sysu_mm01", "regdb"])
def test_mpanets_optimiser_and_rates(dataset):
    oracle, _ = oracle_files.schedule({"sysu_mm01": "MPANet_sysu", "regdb": "MPANet_regdb"}[dataset])
    config = MpanetConfig.published(dataset, pretrained=None)
    with torch.device("meta"):
        method = methods.build("mpanet", config, 395)
        optimizer = method.optimizer()
    assert type(optimizer).__name__ == oracle["optimizer"]
    (group,), (theirs,) = optimizer.param_groups, oracle["groups"]
    assert len(group["params"]) == len(list(method.network.parameters()))
    assert group["weight_decay"] == theirs["weight_decay"] and group["eps"] == theirs["eps"]
    assert list(group["betas"]) == theirs["betas"] and oracle["epochs"] == [1, config.epochs]
    assert rates(method, [group], config.epochs) == rate_list([[rate] for rate in oracle["lr_per_epoch"]])
    teachers = [method.teacher_rate(epoch) for epoch in range(config.epochs)]
    assert teachers == pytest.approx(oracle["mean_teacher_update_rate_per_epoch"], rel=1e-12)


class _Given(nn.Module):
    """Stands for DEEN's network: a given feature map behind a BN neck and a classifier."""

    def __init__(self, data: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.maps = nn.Parameter(data["in.feature_map"])
        identities, width = data["in.classifier_weight"].shape
        self.bottleneck = nn.BatchNorm1d(width, dtype=torch.float64)
        self.classifier = nn.Linear(width, identities, bias=False, dtype=torch.float64)
        self.bottleneck.weight.data = data["in.bn_weight"]
        self.classifier.weight.data = data["in.classifier_weight"]

    def forward(self, visible: torch.Tensor, infrared: torch.Tensor) -> Expanded:
        pooled = self.maps.mean(dim=(2, 3))
        return Expanded(pooled, self.classifier(self.bottleneck(pooled)), pooled)


def test_deens_whole_objective():
    data = oracle_files.read("losses/deen_train_step_total")
    config = DeenConfig.small(form="release", label_smoothing=0.0)
    method = methods.build("deen", config, len(data["in.classifier_weight"]))
    method.network = network = _Given(data)
    visible, infrared = data["in.labels"].chunk(3)[0].chunk(2)
    images, rows = torch.zeros(len(visible), 3, 1, 1), torch.arange(len(visible))
    batch = Batch(images, images, visible, infrared, rows, rows, torch.Generator())
    assert torch.equal(batch.labels.repeat(3), data["in.labels"])
    losses = method.loss(batch)
    losses["total"].backward()
    for own, theirs in {"identity": "id", "triplet": "tri", "cpm": "cpm", "orthogonal": "ort"}.items():
        assert losses[own].item() == pytest.approx(float(data[f"out.loss_{theirs}"]), rel=1e-9), own
    assert losses["total"].item() == pytest.approx(float(data["out.total"]), rel=1e-10)
    for parameter, theirs in (
        (network.maps, "feature_map"),
        (network.classifier.weight, "classifier"),
        (network.bottleneck.weight, "bn_weight"),
    ):
        torch.testing.assert_close(parameter.grad, data[f"out.grad_{theirs}"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", BOTH)
def test_mpanets_head_and_losses(dtype):
    data, about = (get("modules/mpanet_pattern_and_mutual") for get in (oracle_files.read, oracle_files.meta))
    tensors = oracle_files.read("modules/mpanet_pattern_and_mutual", dtype)
    identities, no_backbone = len(data["w.classifier.weight"]), nn.Identity()  # its maps are given
    no_backbone.channels = data["in.feature_map"].shape[1]
    settings = {"separation_weight": "weight_sep", "modality_weight": "weight_sid", "mutual_weight": "weight_KL"}
    settings |= {"patterns": "num_parts", "margin": "margin"}
    given = {"form": "release", "backbone": "small", "pretrained": None}
    config = MpanetConfig().model_copy(update=given | {own: about[theirs] for own, theirs in settings.items()})
    method = Mpanet(config, identities)
    network = PatternNetwork(no_backbone, identities, patterns=about["num_parts"]).to(dtype)
    method.network = method.plain = network
    network.load_state_dict(oracle_files.weights(tensors, lambda name: ours(name, "mpanet")))
    # Their head sorts the rows by modality; ours expects them so.
    infrared = (tensors["in.cam_ids"] == 3) | (tensors["in.cam_ids"] == 6)
    order, visible = torch.argsort(infrared, stable=True), int((~infrared).sum())

    network.eval()
    tight = {"rtol": 1e-10, "atol": 1e-10} if dtype == torch.float64 else {"rtol": 2e-5, "atol": 2e-5}
    found = network.bottleneck(network.pool(tensors["in.feature_map"]))
    torch.testing.assert_close(found, tensors["out.eval_feat"], **tight)

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
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(expected, rel=2e-5)
    torch.testing.assert_close(maps.grad, tensors["grad.input0"][order], **close)
    for key, value in tensors.items():
        if key.startswith("grad.") and key != "grad.input0":
            torch.testing.assert_close(network.get_parameter(ours(key[5:], "mpanet")).grad, value, **close)
        elif key.startswith("after."):
            torch.testing.assert_close(network.state_dict()[ours(key[6:], "mpanet")], value, **tight)
