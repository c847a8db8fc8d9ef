"""Layers against the released modules: values, running statistics, gradients."""

import oracle_files
import pytest
import torch
from torch import nn

from vireid_lib.reid.layers import NonLocal, average_pool, check_images, generalised_mean_pool
from vireid_lib.reid.network import TwoStreamNetwork

NAMES = {"g.0": "g", "theta": "theta", "phi": "phi", "W.0": "project", "W.1": "norm"}


def close(found: torch.Tensor, expected: torch.Tensor, scale: float = 1.0) -> None:
    """To the dtype's precision; `scale` is the size of the numbers that a small one is the sum of."""
    tolerance = 1e-10 if found.dtype == torch.float64 else 2e-5
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1.0, scale))


def renamed(name: str) -> str:
    head = next(head for head in NAMES if name.startswith(f"{head}."))
    return NAMES[head] + name.removeprefix(head)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_non_local_equals_the_release(dtype: torch.dtype) -> None:
    data = oracle_files.read("modules/agw_non_local", dtype)
    weights = {renamed(key[2:]): value for key, value in data.items() if key.startswith("w.")}
    block = NonLocal(data["in.x"].shape[1]).to(dtype)
    block.load_state_dict(weights)
    close(block.eval()(data["in.x"]), data["out.eval"])
    x = data["in.x"].clone().requires_grad_()
    found = block.train()(x)
    close(found, data["out.train"])
    (found * data["in.cotangent"]).sum().backward()
    close(x.grad, data["grad.input0"])
    parameters, buffers = dict(block.named_parameters()), dict(block.named_buffers())
    scale = max(float(value.abs().max()) for key, value in data.items() if key.startswith("grad."))
    for key, value in data.items():
        if key.startswith("grad.") and key != "grad.input0":
            close(parameters[renamed(key[5:])].grad, value, scale)
        if key.startswith("after.") and value.is_floating_point():
            close(buffers[renamed(key[6:])], value)


def test_fresh_non_local_is_the_identity() -> None:
    x = torch.rand(2, 6, 4, 3)
    assert torch.equal(NonLocal(6)(x), x)


class Through(nn.Module):
    """A backbone that lets its maps pass."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def stem(self, images: torch.Tensor, modality: str) -> torch.Tensor:
        return images

    def trunk(self, maps: torch.Tensor) -> torch.Tensor:
        return maps


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("gem", ["on", "off"])
def test_head_equals_the_release(gem: str, dtype: torch.dtype) -> None:
    data = oracle_files.read(f"modules/agw_head_gem_{gem}", dtype)
    pool = generalised_mean_pool if gem == "on" else average_pool
    identities, channels = data["w.classifier.weight"].shape
    network = TwoStreamNetwork(Through(channels), identities, pool=pool).to(dtype)
    network.load_state_dict({key[2:]: value for key, value in data.items() if key.startswith("w.")})
    network.eval()
    for short, modality in (("vis", "visible"), ("ir", "infrared")):
        images = data[f"in.x_{short}"]
        unit = nn.functional.normalize
        close(unit(network.pooled(images, modality)), data[f"out.eval_{short}_pool_l2"])
        close(unit(network.features(images, modality)), data[f"out.eval_{short}_feat_l2"])
    visible, infrared = (data[f"in.x_{short}"].clone().requires_grad_() for short in ("vis", "ir"))
    pooled, logits = network.train()(visible, infrared)
    close(pooled, data["out.train_pool"])
    close(logits, data["out.train_logits"])
    ((pooled * data["in.cot_pool"]).sum() + (logits * data["in.cot_logits"]).sum()).backward()
    close(visible.grad, data["grad.x_vis"])
    close(infrared.grad, data["grad.x_ir"])
    close(network.bottleneck.running_mean, data["after.bottleneck.running_mean"])
    close(network.bottleneck.running_var, data["after.bottleneck.running_var"])


def test_stripes_are_pooled_alone_from_top_to_bottom() -> None:
    maps = torch.rand(2, 5, 8, 3)
    found = generalised_mean_pool(maps, stripes=4)
    for stripe in range(4):
        part = maps[:, :, 2 * stripe : 2 * stripe + 2]
        expected = (part**3).mean(dim=(2, 3)) ** (1 / 3)
        torch.testing.assert_close(found[:, 5 * stripe : 5 * stripe + 5], expected)
    torch.testing.assert_close(generalised_mean_pool(maps, power=2.5), (maps**2.5).mean(dim=(2, 3)) ** (1 / 2.5))
    with pytest.raises(ValueError, match="8 high cannot be cut into 3 equal stripes"):
        generalised_mean_pool(maps, stripes=3)


@pytest.mark.parametrize(
    ("images", "modality", "message"),
    [
        (torch.rand(2, 3, 8, 8), "thermal", "modality is 'thermal'"),
        (torch.rand(2, 1, 8, 8), "visible", r"visible images have shape \[2, 1, 8, 8\]"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "infrared", "type torch.uint8"),
    ],
)
def test_wrong_input_is_named(images: torch.Tensor, modality: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_images(images, modality)
