"""Layers against the released modules (values, running statistics, gradients) and by hand; backbones."""

from collections.abc import Callable

import oracle_files
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.reid.layers.backbones import NonLocal, TwoStreamResNet50, TwoStreamSmall
from vireid_lib.reid.layers.network import TwoStreamNetwork, average_pool, generalised_mean_pool
from vireid_lib.reid.methods.deen import DiverseEmbeddingExpansion, MultiStageAggregation
from vireid_lib.reid.methods.mpanet import ModalityAlleviation

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
NON_LOCAL = {"g.0.": "g.", "W.0.": "project.", "W.1.": "norm."}
ALLEVIATION = {"channel_attention.0.": "reduce.", "channel_attention.2.": "expand."}
AGGREGATION = {"CNL": "channel", "PNL": "spatial", ".g.": ".g.", ".W.0.": ".project.", ".W.1.": ".norm."}


def replaced(names: dict[str, str]) -> Callable[[str], str]:
    def rename(theirs: str) -> str:
        for old, new in names.items():
            theirs = theirs.replace(old, new)
        return theirs

    return rename


def aggregation(data: dict[str, Tensor]) -> nn.Module:
    (_, high, rows, _), (_, low, larger, _) = data["in.x_high"].shape, data["in.x_low"].shape
    return MultiStageAggregation(high, low, larger // rows, form="release")


def close(found: Tensor, expected: Tensor, scale: float = 1.0) -> None:
    """To the dtype's precision; `scale` is the size of the numbers that a small one is the sum of."""
    tolerance = 1e-10 if found.dtype == torch.float64 else 5e-5
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1.0, scale))


@BOTH
@pytest.mark.parametrize(
    ("oracle", "make", "rename", "inputs"),
    [
        ("modules/agw_non_local", lambda data: NonLocal(data["in.x"].shape[1]), replaced(NON_LOCAL), ["x"]),
        ("modules/mpanet_mam", lambda data: ModalityAlleviation(data["in.x"].shape[1]), replaced(ALLEVIATION), ["x"]),
        (
            "modules/deen_dee",
            lambda data: DiverseEmbeddingExpansion(data["in.x"].shape[1], form="release"),
            oracle_files.expansion_name,
            ["x"],
        ),
        *[
            (oracle, aggregation, replaced(AGGREGATION), ["x_high", "x_low"])
            for oracle in oracle_files.names("modules/deen_mfa_flag*")
        ],
    ],
)
def test_a_layer_is_the_releases(oracle, make, rename, inputs, dtype):
    data = oracle_files.read(oracle, dtype)
    block = make(data).to(dtype)
    block.load_state_dict(oracle_files.weights(data, rename))
    given = [data[f"in.{name}"].clone().requires_grad_() for name in inputs]
    found = block.eval()(*given)
    close(found, data["out.eval"])
    for part, name in (("channel", "cnl"), ("spatial", "pnl")):
        if f"out.eval_{name}_only" in data:
            close(getattr(block, part)(*given), data[f"out.eval_{name}_only"])
    if "out.train" in data:  # DEE's has dropout
        found = block.train()(*given)
        close(found, data["out.train"])
    (found * data["in.cotangent"]).sum().backward()
    for place, each in enumerate(given):
        close(each.grad, data[f"grad.input{place}"])
    parameters, buffers = dict(block.named_parameters()), dict(block.named_buffers())
    theirs = {key[5:] for key in data if key.startswith("grad.") and "input" not in key}
    assert {rename(key) for key in theirs} == parameters.keys()
    scale = max(float(data[f"grad.{key}"].abs().max()) for key in theirs)
    for key in theirs:
        close(parameters[rename(key)].grad, data[f"grad.{key}"], scale)
    for key, value in data.items():
        if key.startswith("after."):
            close(buffers[rename(key[6:])], value)


@BOTH
@pytest.mark.parametrize("gem", ["on", "off"])
def test_the_head_is_the_releases(gem, dtype):
    data = oracle_files.read(f"modules/agw_head_gem_{gem}", dtype)
    pool = generalised_mean_pool if gem == "on" else average_pool
    identities, channels = data["w.classifier.weight"].shape
    through = nn.Identity()  # a backbone that lets its maps pass
    through.channels, through.stem, through.trunk = channels, lambda images, modality: images, lambda maps: maps
    network = TwoStreamNetwork(through, identities, pool=pool).to(dtype)
    network.load_state_dict({key[2:]: value for key, value in data.items() if key.startswith("w.")})
    network.eval()
    for short, modality in (("vis", "visible"), ("ir", "infrared")):
        images = data[f"in.x_{short}"]
        pooled = network.reduce(network.pool(network.feature_map(images, modality)))
        close(functional.normalize(pooled), data[f"out.eval_{short}_pool_l2"])
        close(functional.normalize(network.features(images, modality)), data[f"out.eval_{short}_feat_l2"])
    visible, infrared = (data[f"in.x_{short}"].clone().requires_grad_() for short in ("vis", "ir"))
    pooled, logits = network.train()(visible, infrared)
    close(pooled, data["out.train_pool"])
    close(logits, data["out.train_logits"])
    ((pooled * data["in.cot_pool"]).sum() + (logits * data["in.cot_logits"]).sum()).backward()
    close(visible.grad, data["grad.x_vis"])
    close(infrared.grad, data["grad.x_ir"])
    close(network.bottleneck.running_mean, data["after.bottleneck.running_mean"])
    close(network.bottleneck.running_var, data["after.bottleneck.running_var"])


def test_stripes_are_pooled_alone_from_top_to_bottom():
    maps = torch.rand(2, 5, 8, 3)
    found = generalised_mean_pool(maps, stripes=4)
    for stripe in range(4):
        part = maps[:, :, 2 * stripe : 2 * stripe + 2]
        expected = (part**3).mean(dim=(2, 3)) ** (1 / 3)
        torch.testing.assert_close(found[:, 5 * stripe : 5 * stripe + 5], expected)
    torch.testing.assert_close(generalised_mean_pool(maps, power=2.5), (maps**2.5).mean(dim=(2, 3)) ** (1 / 2.5))
    with pytest.raises(ValueError, match="8 high cannot be cut into 3 equal stripes"):
        generalised_mean_pool(maps, stripes=3)


@torch.no_grad()
def test_expansion_in_the_papers_form_and_how_both_forms_start():
    block, x, found = DiverseEmbeddingExpansion(8, branches=4), torch.rand(2, 8, 6, 4), []
    branches = block.train()(x).chunk(4)
    assert torch.equal(branches[0], x)
    for branch in range(3):
        summed = sum(convolution(x) for convolution in block.reduce[branch])
        close(branches[branch + 1], block.restore[branch](summed.relu()))
    assert [convolution.dilation for convolution in block.reduce[0]] == [(1, 1), (2, 2), (3, 3)]
    x = torch.rand(8, 96, 8, 4)
    for form in ("paper", "release"):
        torch.manual_seed(0)
        found.append(DiverseEmbeddingExpansion(96, form=form).eval()(x))
    torch.testing.assert_close(*found)
    sizes = [float(part.square().mean()) for part in found[0].chunk(3)]
    assert all(0.1 < size / sizes[0] < 1.5 for size in sizes[1:]), "no larger than the original"
    copy = DiverseEmbeddingExpansion(8, form="release").train()(torch.ones(4, 8, 40, 40))[:4]
    assert 0.005 < float((copy == 0).float().mean()) < 0.015, "the release drops a hundredth of the copy too"


def test_aggregation_in_the_papers_form():
    block = MultiStageAggregation(6, 4).eval()
    high, low = torch.rand(2, 6, 4, 3), torch.rand(2, 4, 4, 3)
    assert torch.equal(block(high, low), high)  # fresh, it is the identity, as is a non-local block
    assert torch.equal(NonLocal(6)(high), high)
    nn.init.ones_(block.spatial.norm.weight)
    queries, keys, values = (
        f(x)[0].flatten(1) for f, x in ((block.spatial.theta, high), (block.spatial.phi, low), (block.spatial.g, low))
    )
    expected = torch.zeros(2, 12)
    for position in range(12):
        weights = torch.stack([queries[:, position] @ keys[:, other] for other in range(12)]).softmax(0)
        expected[:, position] = (values * weights).sum(dim=1)
    mixed = block.spatial.norm(block.spatial.project(expected.reshape(1, 2, 4, 3)))[0]
    close(block.spatial(high, low)[0], mixed + high[0])


@pytest.mark.parametrize(
    ("backbone_class", "shared_from"), [(TwoStreamResNet50, 3), *((TwoStreamSmall, number) for number in range(1, 5))]
)
def test_layers_before_the_shared_ones_are_doubled(backbone_class, shared_from):
    backbone = backbone_class(non_local=False, shared_from=shared_from).eval()
    places = {name.split(".layer")[0] if ".layer" in name else "" for name in backbone.state_dict() if "layer" in name}
    doubled = {"stems.visible", "stems.infrared"} if shared_from > 1 else set()
    assert places == doubled | {""} and backbone.shared == tuple(f"layer{n}" for n in range(shared_from, 5))
    images = torch.rand(1, 3, 64, 32)
    whole = backbone.trunk(backbone.stem(images, "visible"))
    maps = backbone.stem(images, "visible")
    for layer in backbone.shared:
        maps = backbone.trunk(maps, (layer,))
    assert torch.equal(whole, maps) and maps.shape[1] == backbone.channels
    with torch.no_grad():
        for parameter in backbone.stems["infrared"].parameters():
            parameter.zero_()
    assert torch.equal(backbone.trunk(backbone.stem(images, "visible")), whole)
    assert not torch.equal(backbone.trunk(backbone.stem(images, "infrared")), whole)
