"""How a loss is held against an oracle: values and gradients recorded from the released code."""

from collections.abc import Callable

import oracle_files
import pytest
import torch


@pytest.fixture
def check_oracle() -> Callable[..., None]:
    """Checks value and gradients to the oracle's tolerances in float64, and to 2e-5 in float32."""

    def check(
        oracle: str,
        loss: Callable[..., torch.Tensor],
        gradients: dict[str, str],
        *,
        value: str = "out.loss",
        tolerances: tuple[float, float] = (1e-10, 1e-9),
    ) -> None:
        """`loss` takes the inputs named in `gradients` (input: its gradient), then "in.labels" if there are any."""
        data = oracle_files.read(oracle)
        labels = [data["in.labels"]] if "in.labels" in data else []
        for dtype, (of_value, of_gradient) in ((torch.float64, tolerances), (torch.float32, (2e-5, 2e-5))):
            inputs = [data[name].to(dtype, copy=True).requires_grad_() for name in gradients]
            result = loss(*inputs, *labels)
            if result.requires_grad:
                result.backward()
            assert result.item() == pytest.approx(data[value].item(), rel=of_value, abs=1e-12)
            for given, gradient in zip(inputs, gradients.values(), strict=True):
                expected = data[gradient]
                found = torch.zeros_like(given) if given.grad is None else given.grad
                assert (found.double() - expected).abs().max() <= of_gradient * expected.abs().max(), gradient

    return check
