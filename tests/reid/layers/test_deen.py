"""DEE and MFA: values, running statistics and gradients of the released modules, and the paper's form."""

import oracle_files
import pytest
import torch
from torch import nn

from vireid_lib.reid.layers import DiverseEmbeddingExpansion, MultiStageAggregation

MFA = {"CNL": "channel", "PNL": "spatial", ".g.": ".g.", ".W.0.": ".project.", ".W.1.": ".norm."}


def close(found: torch.Tensor, expected: torch.Tensor, scale: float = 1.0) -> None:
    """To the dtype's precision; `scale` is the size of the numbers that a small one is the sum of."""
    tolerance = 1e-10 if found.dtype == torch.float64 else 5e-5
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * max(1.0, scale))


def dee_name(theirs: str) -> str:
    """FC12.weight is branch 1's second convolution, FC1.weight its last."""
    number, kind = theirs.removeprefix("FC").split(".")
    branch = int(number[0]) - 1
    return f"restore.{branch}.{kind}" if len(number) == 1 else f"reduce.{branch}.{int(number[1]) - 1}.{kind}"


def mfa_name(theirs: str) -> str:
    for old, new in MFA.items():
        theirs = theirs.replace(old, new)
    return theirs


def load(block: nn.Module, data: dict[str, torch.Tensor], rename) -> None:
    block.load_state_dict({rename(key[2:]): value for key, value in data.items() if key.startswith("w.")})


def gradients_are(block: nn.Module, data: dict[str, torch.Tensor], rename) -> None:
    parameters = dict(block.named_parameters())
    theirs = {key[5:] for key in data if key.startswith("grad.") and "input" not in key}
    assert {rename(key) for key in theirs} == parameters.keys()
    scale = max(float(data[f"grad.{key}"].abs().max()) for key in theirs)
    for key in theirs:
        close(parameters[rename(key)].grad, data[f"grad.{key}"], scale)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_expansion_equals_the_release(dtype: torch.dtype) -> None:
    data = oracle_files.read("modules/deen_dee", dtype)
    block = DiverseEmbeddingExpansion(data["in.x"].shape[1], form="release").to(dtype)
    load(block, data, dee_name)
    x = data["in.x"].clone().requires_grad_()
    found = block.eval()(x)
    close(found, data["out.eval"])
    (found * data["in.cotangent"]).sum().backward()
    close(x.grad, data["grad.input0"])
    gradients_are(block, data, dee_name)


def test_expansion_in_the_papers_form() -> None:
    block = DiverseEmbeddingExpansion(8, branches=4)
    x = torch.rand(2, 8, 6, 4)
    found = block.train()(x).chunk(4)
    assert torch.equal(found[0], x)
    for branch in range(3):
        summed = sum(convolution(x) for convolution in block.reduce[branch])
        close(found[branch + 1], block.restore[branch](summed.relu()))
    assert [convolution.dilation for convolution in block.reduce[0]] == [(1, 1), (2, 2), (3, 3)]


@torch.no_grad()
def test_both_forms_start_as_the_same_function_and_no_larger_than_the_original() -> None:
    x, found = torch.rand(8, 96, 8, 4), []
    for form in ("paper", "release"):
        torch.manual_seed(0)
        found.append(DiverseEmbeddingExpansion(96, form=form).eval()(x))
    torch.testing.assert_close(*found)
    sizes = [float(part.square().mean()) for part in found[0].chunk(3)]
    assert all(0.1 < size / sizes[0] < 1.5 for size in sizes[1:])


def test_the_release_drops_a_hundredth_of_the_copy_too() -> None:
    x = torch.ones(4, 8, 40, 40)
    copy = DiverseEmbeddingExpansion(8, form="release").train()(x)[:4]
    assert 0.005 < float((copy == 0).float().mean()) < 0.015


def test_expansions_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="6 channels to 3 branches: channels must be a multiple of 4"):
        DiverseEmbeddingExpansion(6)
    with pytest.raises(ValueError, match="branches at least 2"):
        DiverseEmbeddingExpansion(8, branches=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("oracle", oracle_files.names("modules/deen_mfa_flag*"))
def test_aggregation_equals_the_release(oracle: str, dtype: torch.dtype) -> None:
    data = oracle_files.read(oracle, dtype)
    (_, high, rows, _), (_, low, larger, _) = data["in.x_high"].shape, data["in.x_low"].shape
    block = MultiStageAggregation(high, low, larger // rows, form="release").to(dtype)
    load(block, data, mfa_name)
    block.eval()
    close(block(data["in.x_high"], data["in.x_low"]), data["out.eval"])
    close(block.channel(data["in.x_high"], data["in.x_low"]), data["out.eval_cnl_only"])
    close(block.spatial(data["in.x_high"], data["in.x_low"]), data["out.eval_pnl_only"])
    high, low = (data[f"in.x_{level}"].clone().requires_grad_() for level in ("high", "low"))
    found = block.train()(high, low)
    close(found, data["out.train"])
    (found * data["in.cotangent"]).sum().backward()
    close(high.grad, data["grad.input0"])
    close(low.grad, data["grad.input1"])
    gradients_are(block, data, mfa_name)
    buffers = dict(block.named_buffers())
    for key, value in data.items():
        if key.startswith("after."):
            close(buffers[mfa_name(key[6:])], value)


def test_aggregation_in_the_papers_form() -> None:
    block = MultiStageAggregation(6, 4).eval()
    high, low = torch.rand(2, 6, 4, 3), torch.rand(2, 4, 4, 3)
    assert torch.equal(block(high, low), high)  # fresh, it is the identity
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


def test_the_releases_spatial_aggregation_needs_an_even_map() -> None:
    with pytest.raises(ValueError, match="a map of 5×3, an odd number of positions"):
        MultiStageAggregation(6, 4, form="release")(torch.rand(2, 6, 5, 3), torch.rand(2, 4, 5, 3))
